"""How far back can a recurrent network remember? Two numbers in a long sequence are to be added.

What you will see: the error stays for a while at 1/6, that of answering 1 every time, and then it
falls, or does not. Lengths grow as long as they are solved. `compare` does so with every cell and
three seeds, and tells the largest length that each of them solves.

    x(t) = (v(t), mark(t))     two of the T steps are marked, one in each half
    y    = v(i) + v(j)         solved: mean squared error below 0.01 on test sequences

IRNN is a plain RNN with ReLU whose recurrent weights start at the identity. Two more tasks are those
for which peephole connections are made: `anbn`, in which a network must count the a's to know when
the b's end, and `timing`, in which it must put out a spike every P steps.

After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Some initialization schemes can
help RNNs"; and the lecture after Graves, "LSTM memory block", on peepholes.

What to expect (one value for each of the seeds 0, 1 and 2; 2 CPU cores):

    largest length solved      plain RNN 0, 25, 25; IRNN 25, 0, 25; LSTM 400, 400, 200;
    of 400 (compare)         peephole LSTM 400, 400, 200; GRU 400, 400, 400
    a^n b^n right up to n      LSTM 20, 14, 16; peephole LSTM 22, 33, 23
    periods of spikes right    LSTM 1, 1, 0; peephole LSTM 1, 1, 0.75

How to run it:

    python recipes/adding_problem.py                          an LSTM at lengths 25, 50, 100
    python recipes/adding_problem.py --cell irnn --learning-rate 0.001
    python recipes/adding_problem.py --lengths 200 400 --cell gru
    python recipes/adding_problem.py --learned-state          its initial state is learned too
    python recipes/adding_problem.py --preset anbn            count; or --preset timing
    python recipes/adding_problem.py compare                  every cell, three seeds
    python recipes/adding_problem.py compare --preset timing  LSTM against peephole LSTM

(with .venv/bin/python for `python`, after `make demo`.)
"""

import functools
import hashlib
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras

from parts.adding_problem import comparison, run_figures, tasks
from recipe_kit import cli, figures
from recipe_kit.cli import setting
from recipe_kit.runs import describe_machine
from rnn_kit import callbacks as kit
from rnn_kit import layers

RECIPE = "adding_problem"
LEDGER = Path(__file__).parent / "results"
CELLS = ("irnn", *cli.CELLS)
BATCHES = 100  # an epoch
VALIDATION_BATCHES = 16
ENOUGH = 0.8  # of the error that counts as solved: validation stops there, for the test to agree
WORST = 1e9  # stands for the infinite error of a diverged network
CLIMB = "climb.json"  # each length's result, for --resume


@dataclass(frozen=True)
class Settings:
    DATA, TASK = "data and run", "task"
    FILES = CLIMB, "learning.png"

    seed: int = setting(0, "of weights and sequences", cli.seed, group=DATA)
    task: str = setting(
        "adding", "what is to be learned", choices=("adding", "anbn", "timing"), group=TASK
    )
    lengths: tuple[int, ...] = setting(
        (25, 50, 100),
        "of the sequences to add in, one after the other",
        cli.int_at_least(2),
        group=TASK,
    )
    most: int = setting(10, "largest n of a^n b^n in training", cli.positive_int, group=TASK)
    span: int = setting(60, "steps of a sequence of spikes", cli.int_at_least(20), group=TASK)
    cell: str = setting("lstm", "the recurrent layer (irnn: see above)", choices=CELLS)
    units: int = setting(48, "of it", cli.positive_int)
    learned_state: bool = setting(False, "learn the initial state, and do not start from zeros")
    batch_size: int = setting(64, "sequences side by side", cli.positive_int)
    epochs: int = setting(25, f"of {BATCHES} batches, at most, at each length", cli.positive_int)
    learning_rate: float = setting(1e-2, "of Adam", cli.positive)
    clip_norm: float | None = setting(1.0, "largest norm of the gradient", cli.positive)


# fmt: off
PRESETS = {
    "smoke": Settings(lengths=(4, 6), units=4, batch_size=4, epochs=1, most=3, span=20),
    "cpu": Settings(),
    "anbn": Settings(task="anbn", units=8, epochs=20),
    "timing": Settings(task="timing", units=16, epochs=40),
    # What compare trains.
    "compare": Settings(lengths=(25, 50, 100, 200, 400)),
}
# fmt: on


def load_data(settings):
    """Loads nothing, as the sequences come from the seed. Returns the data's record for a result."""
    lengths = settings.lengths
    if settings.task == "adding" and any(b <= a for a, b in itertools.pairwise(lengths)):
        raise cli.UserError(
            f"--lengths {' '.join(map(str, lengths))}: they must grow, since the first that is not "
            "solved is the last that is tried."
        )
    what = tasks.described(settings)
    return {"name": what, "sha256": hashlib.sha256(what.encode()).hexdigest()}


def build_model(settings, task):
    """Maps `(B, T, features)` to an answer a sequence, `(B, 1)`, or a step, `(B, T, outputs)`."""
    kwargs = {"return_sequences": task.sequences}
    if settings.cell == "irnn":
        layer = keras.layers.SimpleRNN(
            settings.units,
            "relu",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
            recurrent_initializer="identity",
            **kwargs,
        )
    else:
        layer = cli.CELLS[settings.cell](settings.units, **kwargs)
    if settings.learned_state:
        layer = layers.LearnedInitialState(layer)
    activation = "linear" if task.loss == "mse" else "sigmoid"
    answer = keras.layers.Dense(task.outputs, activation, name="answer")
    return keras.Sequential([keras.Input((None, task.features)), layer, answer], name=settings.task)


def train(settings, task, run, length):
    """Trains a new network on a task, until it is solved or the epochs are over.

    Returns:
        The model, the number of batches, and the last validation loss.
    """
    seed = settings.seed
    keras.utils.set_random_seed(seed)
    model = build_model(settings, task)
    model.compile(
        keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm), task.loss
    )
    # The three parts of a task have three seeds, which no two runs with different seeds share.
    parts = [task.batches(settings.batch_size, 3 * seed + part) for part in (0, 1)]
    targets = BATCHES * settings.batch_size
    callbacks = [
        kit.Throughput(targets, unit="sequences"),
        kit.EpochLog(lambda row: run.append_history({"length": length, **row}), targets),
        kit.StopOnNaN(),
    ]
    if settings.task == "adding":
        callbacks.append(tasks.StopWhenSolved(ENOUGH * tasks.SOLVED))
    history = model.fit(
        parts[0],
        steps_per_epoch=BATCHES,
        epochs=settings.epochs,
        validation_data=parts[1].take(VALIDATION_BATCHES),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    losses = history.history["val_loss"]
    return model, BATCHES * len(losses), losses[-1]


def climb(settings, run):
    """Trains at one length after another until one is not solved. Returns each length's result.

    Restarts a length that was interrupted: it takes minutes at most, and has the same result.
    """
    climbed = json.loads(run.file(CLIMB).read_text()) if run.file(CLIMB).exists() else []
    run.truncate_logs(climbed[-1]["sizes"] if climbed else {})
    for length in settings.lengths:
        if any(stage["length"] == length for stage in climbed):
            continue
        if climbed and not climbed[-1]["solved"]:
            break
        task = tasks.task(settings, length)
        print(f"\nT = {length}")
        try:
            model, batches, loss = train(settings, task, run, length)
            error = task.test(model, 3 * settings.seed + 2)["mse"]
            run.save_model(model)
        except kit.DivergedError as diverged:  # counts as not solved
            print(diverged)
            batches, loss, error = BATCHES * settings.epochs, WORST, WORST
        solved = error < tasks.SOLVED
        print(f"test: mean squared error {error:.5f} {'(solved)' if solved else '(not solved)'}")
        stage = {"length": length, "batches": batches, "validation_loss": loss, "test_mse": error}
        stage |= {"solved": solved, "sizes": run.sizes()}
        climbed.append(stage)
        run.write_json(CLIMB, climbed)
    return climbed


def once(settings, run):
    """Trains a task that has one length. Returns the metrics."""
    run.truncate_logs({})
    task = tasks.task(settings)
    model, batches, loss = train(settings, task, run, 0)
    run.save_model(model)
    tested = task.test(model, 3 * settings.seed + 2)
    print("test: " + ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in tested.items()))
    return {
        "weights": model.count_params(),
        "batches": batches,
        "validation_loss": loss,
        **{f"test_{name}": value for name, value in tested.items()},
    }


def run_one(settings, open_run, show=False):
    """Runs from the data to the result; `show` opens the figure at the end. Returns the metrics."""
    info = load_data(settings)
    run = open_run(info)
    state = ", its initial state learned" if settings.learned_state else ""
    print(
        f"{info['name']}: {figures.cell_name(settings.cell)} of {settings.units}{state}; on "
        f"{describe_machine()}; everything goes to {run.path}"
    )
    if settings.task == "adding":
        stages = climb(settings, run)
        solved = [stage["length"] for stage in stages if stage["solved"]]
        metrics = {
            "weights": build_model(settings, tasks.Adding(2)).count_params(),
            "batches": stages[0]["batches"],
            "validation_loss": stages[0]["validation_loss"],
            "test_largest_length": max(solved, default=0),
            "test_mse_first_length": stages[0]["test_mse"],
            "test_mse_last_length": stages[-1]["test_mse"],
        }
    else:
        metrics = once(settings, run)
    metrics["train_seconds"] = _seconds(run.history())
    run.write_result(info, settings.seed, metrics)
    baseline = tasks.task(settings, settings.lengths[0]).baseline
    with cli.drawing():
        figures.save(
            run, "learning.png", run_figures.learning_curves(settings, run.history(), baseline)
        )
    if settings.task == "adding":
        print(f"\nlargest length solved: {metrics['test_largest_length']} of {settings.lengths[-1]}")
    print(f"written to {run.path}: {', '.join(run.names())}")
    if show and run.file("learning.png").exists():
        figures.show([run.file("learning.png")])
    return metrics


def _seconds(history):
    """Returns the seconds of training of all lengths together, from the last row of each."""
    return sum({row["length"]: row["seconds"] for row in history}.values())


def parse(argv):
    line = cli.CommandLine(f"{RECIPE}.py", __doc__, Settings, PRESETS, {"--compare": "compare"})
    train = line.train()
    compare = line.verb(
        "compare",
        "train every cell, each with the seeds 0 1 2",
        {"data and run", "task", "model and training"},
        without={"cell", "seed"},
        preset="compare",
        trains=True,
    )
    for verb in (train, compare):
        about = "open the figure at the end"
        verb.group("data and run").add_argument("--show", action="store_true", help=about)
    return line.parse(argv)


def main(argv=None):
    flags = parse(argv)
    run = functools.partial(run_one, show=flags.show)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run, LEDGER)

    if flags.verb == "compare":
        settings = cli.override(PRESETS[flags.preset or "compare"], flags)
        load_data(settings)
        return comparison.compare(RECIPE, flags, settings, train_runs)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
