"""The smallest language model there is: a recurrent network learns to spell "hello".

What you will see: the slide's table, character by character (input, hidden layer, output scores,
target), before training and after, printed and drawn (`table.png`); the loss, which falls below what is
possible without a memory, since "l" is followed by "l" and then by "o" (`loss.png`); and how the
network, fed with what it says, spells the word.

    h_t = tanh(W_hh h_(t-1) + W_hx x_t + b)      x_t one-hot, in the vocabulary [h, e, l, o]
    y_t = W_hy h_t                               scores of the next character
    L   = -1/T Σ_t log softmax(y_t)[target_t]

Beside it, forward pass and back-propagation through time written out in NumPy, for this network, a
bidirectional one, and an LSTM without and with peepholes (`parts/hello_characters/backpropagation.py`),
with gradients that are TensorFlow's; and how near an LSTM with its gates fixed comes to a plain RNN.

Last, two questions with which the notes after Andrew Ng (002) end, answered by a second network, which
learns words that begin with "h": must sequences be of one length (`unequal_lengths.py` there), and does
sampling follow the probabilities (`drawn_words.py`)?

After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "RNN: Predicting the next
character". The equations of the other networks are those of Jian Li, "Deep Learning: RNN" (IIS
Tsinghua).

Where the slides slip, and one thing to know:

- The lecture after Graves (001) sums δ_j^t b_i^t over the steps for the derivative of every weight.
  For recurrent weights it is δ_j^t b_i^(t-1): what they multiply is the state of the step before.
- Its slides on back-propagation through time have δ = dL/da, as here; another one of it has
  δ = (target - output) g'(v), which is the negative of that.
- A bidirectional network is no language model, because its backward layer has read the next character
  already. It is here for its gradients alone.

What to expect of the `cpu` preset, with the seeds 0, 1 and 2, each in seconds on 2 idle CPU cores:

    L before training, after it               1.49 ± 0.25, 0.0011 ± 0.0003 nats a character
    L without a memory, at best               0.3466
    spelled, by the likeliest characters      "hello", by all three
    gradients, NumPy against TensorFlow       2e-16 apart at most
    an LSTM with its gates fixed, plain RNN   2e-16 apart; with its second tanh 0.23 ± 0.04

How to run it:

    python recipes/hello_characters.py
    python recipes/hello_characters.py --show         and open the figures
    python recipes/hello_characters.py --word banana  another word
    python recipes/hello_characters.py --units 8 --temperature 0.5

(with .venv/bin/python for `python`, after `make demo`.)
"""

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras
import numpy as np
import tensorflow as tf

from parts.hello_characters import drawn_words, run_figures, side_by_side, unequal_lengths
from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.runs import describe_machine
from rnn_kit import callbacks as kit
from rnn_kit import generation, inspection, sampling
from rnn_kit.text import text_sha256

RECIPE = "hello_characters"
LEDGER = Path(__file__).parent / "results"
SAMPLES = 200


@dataclass(frozen=True)
class Settings:
    DATA, WRITING = "data and run", "writing"
    FILES = "table.png", "loss.png"

    seed: int = setting(0, "of weights and samples", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    word: str = setting("hello", "what it learns to spell", group=DATA)
    units: int = setting(3, "of the hidden layer", cli.positive_int)
    steps: int = setting(25, "of training, an epoch", cli.positive_int)
    epochs: int = setting(20, "of training", cli.positive_int)
    learning_rate: float = setting(0.05, "of Adam", cli.positive)
    temperature: float = setting(
        1.0,
        "of the samples that are counted; 0 takes the likeliest",
        cli.temperature,
        group=WRITING,
        affects_results=True,
    )


PRESETS = {
    "smoke": Settings(steps=2, epochs=2),
    "lecture": Settings(),  # word and vocabulary are the slide's, which has no other numbers
    "cpu": Settings(),
}


@dataclass(frozen=True)
class Word:
    """A word as inputs and the characters that follow them."""

    vocabulary: list  # in order of appearance: h, e, l, o
    inputs: np.ndarray
    targets: np.ndarray
    info: dict

    def decode(self, ids):
        return "".join(self.vocabulary[i] for i in ids)


@dataclass(frozen=True)
class Pass:
    """One forward pass, as shown in the slide's table."""

    vocabulary: list
    inputs: np.ndarray
    targets: np.ndarray
    hidden: np.ndarray
    scores: np.ndarray


def load_data(settings):
    """Returns the word's characters, numbered as they appear."""
    word = unicodedata.normalize("NFC", settings.word)
    vocabulary = list(dict.fromkeys(word))
    if len(vocabulary) < 2:
        raise cli.UserError(
            f"--word {settings.word!r}: expected a word of at least two different characters, so that "
            "there is something to predict."
        )
    ids = np.array([vocabulary.index(c) for c in word], "int32")
    info = {"name": word, "sha256": text_sha256(word)}
    return Word(vocabulary, ids[:-1], ids[1:], {**info, "distinct": len(vocabulary)})


def build_model(settings, vocabulary_size):
    """Maps ids `(B, T)` to scores `(B, T, V)`; row i of the identity is the one-hot vector of id i."""
    one_hot = {"embeddings_initializer": "identity", "trainable": False, "name": "one_hot"}
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(vocabulary_size, vocabulary_size, **one_hot),
            keras.layers.SimpleRNN(settings.units, return_sequences=True, name="hidden"),
            keras.layers.Dense(vocabulary_size, use_bias=False, name="scores"),
        ],
        name="hello",
    )


def train(settings, word, model, run):
    """Trains on the word repeatedly, with one step of Adam each time."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    model.compile(
        keras.optimizers.Adam(settings.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    pair = word.inputs[None], word.targets[None]
    dataset = tf.data.Dataset.from_tensors(pair).repeat()
    targets = settings.steps * len(word.targets)
    callbacks = [
        kit.Throughput(targets),
        kit.EpochLog(run.append_history, targets),
        kit.StopOnNaN(),
    ]
    checkpoint.fit(model, dataset, settings.steps, settings.epochs, callbacks)


def forward(model, word):
    """Runs the forward pass over the word, and records the states."""
    seen = inspection.states_over_time(model, word.inputs[None])
    return Pass(word.vocabulary, word.inputs, word.targets, seen.states["h"][0], seen.outputs[0])


def cross_entropy(seen):
    """Returns L in nats a character."""
    log_z = np.log(np.exp(seen.scores).sum(axis=1))
    return float((log_z - seen.scores[np.arange(len(seen.targets)), seen.targets]).mean())


def without_memory(word):
    """Returns the least cross entropy of a model that sees only the last character."""
    counts = np.zeros((len(word.vocabulary),) * 2)
    np.add.at(counts, (word.inputs, word.targets), 1)
    p = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return float(-(counts[p > 0] * np.log(p[p > 0])).sum() / len(word.inputs))


def report(title, seen):
    """Prints the slide's table."""
    names = [c if c.isprintable() and c != " " else repr(c) for c in seen.vocabulary]
    units = seen.hidden.shape[1]
    heads = f"{'input':18}{'hidden':{7 * units + 2}}{'scores of ' + ' '.join(names)}"
    print(f"\n{title}\n{heads:{20 + 7 * units + 7 * len(names)}}target  P(target)")
    for t, (i, target) in enumerate(zip(seen.inputs, seen.targets, strict=True)):
        one_hot = " ".join(str(int(k == i)) for k in range(len(names)))
        hidden = "".join(f"{value:7.2f}" for value in seen.hidden[t])
        scores = "".join(f"{value:7.2f}" for value in seen.scores[t])
        p = np.exp(seen.scores[t]) / np.exp(seen.scores[t]).sum()
        likeliest = "" if p.argmax() == target else f"   (likeliest: {names[p.argmax()]})"
        line = f"{names[i]}  {one_hot:14}{hidden}  {scores}  {names[target]:>6}  {p[target]:9.3f}"
        print(line + likeliest)
    print(f"L = {cross_entropy(seen):.4f} nats a character")


def spell(settings, word, model):
    """Returns the word spelled greedily from its first character, and the share of right samples."""
    first, more = word.inputs[:1], len(word.targets)
    greedy = generation.generate(model, first[None], more, sampling.TemperatureSampler(0))[0]
    sampler = sampling.TemperatureSampler(settings.temperature, seed=settings.seed)
    samples = generation.generate(model, np.tile(first, (SAMPLES, 1)), more, sampler)
    whole = np.concatenate([first, word.targets])
    return word.decode(greedy), float((samples == whole).all(axis=1).mean())


def run_one(settings, open_run, show=False):
    """Runs from the word to the result; `show` opens the figures. Returns the metrics."""
    word = load_data(settings)
    run = open_run(word.info)
    print(f"on {describe_machine()}; everything goes to {run.path}")
    keras.utils.set_random_seed(settings.seed)
    model = build_model(settings, len(word.vocabulary))
    before = forward(model, word)
    report("before training", before)
    print()
    train(settings, word, model, run)
    run.save_model(model)
    after = forward(model, word)
    report("after training", after)

    floor, end = without_memory(word), cross_entropy(after)
    written, share = spell(settings, word, model)
    spelled = written == word.info["name"]
    if floor > 0:
        print(
            f"Without a memory, L is {floor:.4f} at best: "
            f"{'this network has one' if end < floor else 'this network does no better'}."
        )
    print(
        f"\nFed with what it says, from {word.vocabulary[0]!r} on, it spells {written!r}; of {SAMPLES} "
        f"samples at temperature {settings.temperature:g}, {share:.0%} are right."
    )
    one_hot = np.eye(len(word.vocabulary))[word.inputs]
    rows = side_by_side.compare(
        one_hot, word.targets, settings.units, np.random.default_rng(settings.seed)
    )
    print("\nthe slides' back-propagation through time in NumPy, beside Keras on TensorFlow (float64)")
    print(side_by_side.table(rows))
    exact, almost = side_by_side.gates_fixed(
        one_hot, settings.units, np.random.default_rng(settings.seed)
    )
    print(
        f"\nwith the gates i = 1, f = 0, o = 1 an LSTM is the plain network: their states differ "
        f"by {exact:.0e};\nwith the second tanh, h = o tanh(c), almost: by up to {almost:.2f}"
    )
    print("\nmust sequences be of one length?")
    lengths = unequal_lengths.compare(settings.seed, settings.steps * settings.epochs)
    print(unequal_lengths.report(lengths))
    print(
        f"\ndoes sampling follow the probabilities? {drawn_words.DRAWN:,} words each, and their shares:"
    )
    drawn = drawn_words.draw(lengths.model, settings.seed)
    print(drawn_words.report(drawn))

    metrics = {"loss_before": cross_entropy(before), "loss": end, "loss_without_memory": floor}
    metrics |= {"spelled": float(spelled), "share_spelled": share}
    for network in side_by_side.NETWORKS:
        name = network.lower().replace(" ", "_")
        differences = [row.difference for row in rows if row.network == network]
        metrics[f"{name}_difference"] = max(differences)
    metrics |= {"gates_fixed_apart": exact, "gates_fixed_second_tanh_apart": almost}
    metrics |= unequal_lengths.metrics(lengths) | drawn_words.metrics(drawn)
    run.write_result(word.info, settings.seed, metrics)
    history = [{**row, "step": row["epoch"] * settings.steps} for row in run.history()]
    files = []
    with cli.drawing():
        files = run_figures.draw(run, before, after, history, floor)
    print(f"\nwritten to {run.path}: {', '.join(run.names())}")
    if show:
        figures.show(files)
    return metrics


def parse(argv):
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS)
    line.train().group("data and run").add_argument(
        "--show", action="store_true", help="open the figures at the end"
    )
    return line.parse(argv)


def main(argv=None):
    flags = parse(argv)
    run = functools.partial(run_one, show=flags.show)
    return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run, LEDGER)


if __name__ == "__main__":
    cli.run_recipe(main)
