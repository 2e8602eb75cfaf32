"""Text that a language model writes while it is being trained."""

import keras

from rnn_kit.generation import Generator
from rnn_kit.sampling import TemperatureSampler


class SampleText(keras.callbacks.Callback):
    """Text at several temperatures as training goes on: noise turns into words.

    Args:
        decode: From a 1-D array of ids to text: `CharVocabulary.decode`, say.
        prompt_ids: 1-D ids to start from.
        temperatures: Default: those of the lecture, 0.2, 0.5, 1.0, 1.2.
        length: Ids to write at each temperature. Default: 400, as in the lecture.
        every: Epochs between samples; the last epoch always has them. Default: 1.
        seed: The samples of an epoch derive from it and from the epoch.
        top_k, top_p: As in `TemperatureSampler`.
        write: Called with each piece of text. Default: to standard output.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the loop of the text generation example.
    """

    def __init__(
        self,
        decode,
        prompt_ids,
        temperatures=(0.2, 0.5, 1.0, 1.2),
        length=400,
        every=1,
        seed=0,
        write=None,
        *,
        top_k=None,
        top_p=None,
    ):
        super().__init__()
        self.decode = decode
        self.prompt_ids = prompt_ids
        self.length = length
        self.every = every
        self.seed = seed
        self.write = write or (lambda text: print(text, flush=True))
        self._samplers = [TemperatureSampler(t, top_k, top_p, seed=seed) for t in temperatures]
        self._generator = None

    def on_train_begin(self, logs=None):
        if self._generator is None:
            self._generator = Generator(self.model)

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params.get("epochs")
        if last or (epoch + 1) % self.every == 0:
            self.write(f"\n----- after epoch {epoch + 1}\n" + self.sample(epoch + 1))

    def sample(self, epoch=0):
        """One text at each temperature, headed by it."""
        texts = []
        for sampler in self._samplers:
            sampler.seed_generator.state.assign([self.seed % 2**32, epoch << 16])
            ids = self._generator.generate(self.prompt_ids[None], self.length, sampler)[0]
            texts.append(f"----- temperature {sampler.temperature}\n{self.decode(ids)}\n")
        return "\n".join(texts)
