"""Samples of text that a language model writes while it is trained."""

import keras
import numpy as np

from rnn_kit.generation.generator import generator_of
from rnn_kit.sampling import TemperatureSampler


class SampleText(keras.callbacks.Callback):
    """Writes text at several temperatures as training goes on: noise turns into words.

    Args:
        decode: Function from a 1-D array of ids to text, such as `CharVocabulary.decode`.
        prompt_ids: 1-D ids to start from; or a function from the epoch's number (from 1) to them.
        temperatures: The temperatures. Default: the lecture's, 0.2, 0.5, 1.0, 1.2.
        length: The number of ids to write at each temperature. Default: 400, as in the lecture.
        every: The number of epochs between samples; the last epoch always has one. Default: 1.
        seed: Seed of the samples, which derive from it and from the epoch.
        top_k, top_p: As in `TemperatureSampler`.
        write: Called with each piece of text. Default: print it.
        generator: Function from the model to its generator, such as a `WindowGenerator`. Default: a
            `Generator`. If the model outputs probabilities, the samples are drawn from those.
        stop_id: An id, or several: a text ends with the first of them. Default: `None`.

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
        generator=generator_of,
        stop_id=None,
    ):
        super().__init__()
        self.decode = decode
        self.prompt_ids = prompt_ids
        self.length = length
        self.every = every
        self.seed = seed
        self.write = write or (lambda text: print(text, flush=True))
        self.generator = generator
        self.stop_id = stop_id
        self._samplers = [TemperatureSampler(t, top_k, top_p, seed=seed) for t in temperatures]

    def on_train_begin(self, logs=None):
        self._epoch = self._sampled = 0
        # Made now, so that a model that cannot be stepped through is refused before training.
        self._generator = self.generator(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self._epoch % self.every == 0:
            self._write_sample()

    def on_train_end(self, logs=None):
        if self._sampled != self._epoch:
            self._write_sample()

    def _write_sample(self):
        self._sampled = self._epoch
        prompt = self._prompt(self._epoch)
        self.write(
            f"\n----- after epoch {self._epoch}, going on from {self.decode(prompt)!r}\n"
            + self._sample(prompt, self._epoch)
        )

    def get_state(self):
        return {"epoch": self._epoch, "sampled": self._sampled}, []

    def set_state(self, notes, arrays):
        self._epoch, self._sampled = notes["epoch"], notes["sampled"]

    def _prompt(self, epoch):
        return np.asarray(self.prompt_ids(epoch) if callable(self.prompt_ids) else self.prompt_ids)

    def _sample(self, prompt, epoch):
        """Writes one text at each temperature, with a heading."""
        texts = []
        stop = {} if self.stop_id is None else {"stop_id": self.stop_id}
        for sampler in self._samplers:
            sampler.from_logits = getattr(self._generator, "from_logits", True)
            sampler.seed_generator.state.assign([self.seed % 2**32, epoch << 16])
            ids = self._generator.generate(prompt[None], self.length, sampler, **stop)[0]
            if stop:  # the rest of the row repeats it
                ends = len(prompt) + np.flatnonzero(np.isin(ids[len(prompt) :], self.stop_id))
                ids = ids[: ends[0] + 1] if len(ends) else ids
            texts.append(f"----- temperature {sampler.temperature}\n{self.decode(ids)}\n")
        return "\n".join(texts)
