"""How long one recurrent layer takes, forward and back, and how much memory: this kit's and others'.

What you will see: for each shape (T steps, B sequences, F features, units) the median time of a forward
pass and of one with its gradients, in milliseconds with the quartiles, of

    keras          keras.layers.LSTM, or GRU(reset_after=True)
    kit            PeepholeLSTM, or GRU: the fused loop, back-propagation through time by hand
    kit plain      the same with fused=False: the kit's cell in the loop of keras.layers.RNN
    torch          torch.nn.LSTM or GRU, where PyTorch is installed

and its ratio to keras. The first three are compiled and take turns, call by call, in one process, so
that what else the machine does falls on all alike. PyTorch has a process of its own, without
TensorFlow: in one process the threads of the two fight for the cores. In three rounds, first one
process measures and then the other, while its neighbour is idle. The first calls of a round are not
counted. PeepholeLSTM has peepholes, which the other LSTMs have not. Peak memory of training steps is
measured in further processes, one for each layer. Then training steps of the recipes' own models, at
the sizes of the lectures and of Zaremba et al.: words a second with Keras's layer and with the kit's.
The tables are drawn as `benchmark.png` and written to `result.json`.

Above each shape stands what no layer can beat by much: the time of its matrix products alone, at the
speed of a large one here.

Times are those of the machine and of the minute, and ratios are those of the machine: another CPU, with
other instruction sets, has others. So the machine stands in the first line and in the result, and
`--record` writes a file for each machine into recipes/results/, from where docs/speed.md has them all.

How to run it:

    python recipes/benchmark_layers.py                                    five shapes, LSTM and GRU
    python recipes/benchmark_layers.py --layers gru --shapes 100,32,64,256
    python recipes/benchmark_layers.py --dtype float64 --jit --no-memory --no-models
    python recipes/benchmark_layers.py --device cpu                       where there is a GPU too
    python recipes/benchmark_layers.py --torch-python ~/torch/bin/python  PyTorch is installed there

(with .venv/bin/python for `python`, after `make demo`.)
"""

import argparse
import contextlib
import functools
from pathlib import Path

import recipe_kit.quiet_tensorflow
import keras
import numpy as np
import tensorflow as tf

from parts.benchmark_layers import (
    entry_names,
    matrix_products,
    models,
    peak_memory,
    timing,
    torch_times,
)
from recipe_kit import cli, figures, runs
from rnn_kit import layers

RECIPE = "benchmark_layers"
SHAPES = ["40,128,57,128", "80,32,128,128", "20,20,200,200", "35,20,650,650", "100,64,256,512"]
LEDGER = Path(__file__).parent / "results"
MEMORY_PROCESSES = 3
ROUNDS = 3  # TensorFlow's and PyTorch's processes take turns in them
PASSES = ("forward", "forward_backward")

KINDS = ("lstm", "gru")


def makers(kind):
    """Returns the makers of a kind's measured layers: names to functions or classes."""
    stock, kit = {
        "lstm": (keras.layers.LSTM, layers.PeepholeLSTM),
        "gru": (keras.layers.GRU, layers.GRU),
    }[kind]
    options = {"peephole_initializer": "random_normal"} if kind == "lstm" else {}
    return {
        "keras": stock,
        "kit": functools.partial(kit, **options),
        "kit plain": functools.partial(kit, fused=False),
    }


def shape(text):
    """Parses T,B,F,units: an argument type."""
    with contextlib.suppress(ValueError):
        sizes = tuple(int(part) for part in text.split(","))
        if len(sizes) == 4 and min(sizes) > 0:
            return sizes
    raise argparse.ArgumentTypeError(f"{text!r} is not T,B,F,units, four positive integers")


def keras_calls(make, sizes, dtype, jit):
    """Returns functions without arguments: forward, and forward and backward with all gradients."""
    steps, batch, features, units = sizes
    layer = make(units, return_sequences=True, dtype=dtype)
    rng = np.random.default_rng(0)
    x = tf.Variable(rng.normal(size=(batch, steps, features)), dtype=layer.compute_dtype)
    dy = tf.constant(rng.normal(size=(batch, steps, units)), layer.compute_dtype)
    layer.build(x.shape)

    @tf.function(jit_compile=jit)
    def forward():
        return layer(x)

    @tf.function(jit_compile=jit)
    def both():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) * dy)
        return tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])

    return lambda: forward()[0, 0, 0].numpy(), lambda: both()[0][0, 0, 0].numpy()


def child_flags(kind, name, sizes, flags):
    """Returns the flags for a process that measures peak memory."""
    given = ["--layers", kind, "--shapes", ",".join(map(str, sizes)), "--memory-of", name]
    given += ["--dtype", flags.dtype, *(["--jit"] if flags.jit else [])]
    for flag, value in (("--device", flags.device), ("--threads", flags.threads)):
        given += [flag, str(value)] if value else []
    return given


def median_peak_memory(kind, name, sizes, flags):
    """Returns the median MiB by which training steps raise a fresh process's peak."""
    if name == "torch":

        def measure():
            with start_torch(flags) as torch:
                return torch.ask(do="peak_memory", **asked_of_torch(kind, sizes, flags))["mib"]

    else:
        given = child_flags(kind, name, sizes, flags)
        measure = functools.partial(peak_memory.peak, __file__, given)
    return peak_memory.median_of(measure, MEMORY_PROCESSES)


def print_memory(flags):
    kind, sizes = flags.layers[0], flags.shapes[0]
    make = makers(kind)[flags.memory_of]
    small = keras_calls(make, (2, 2, 2, 2), flags.dtype, flags.jit)[1]
    print(peak_memory.rise(small, lambda: keras_calls(make, sizes, flags.dtype, flags.jit)[1]))


def has_gpu():
    """Returns whether TensorFlow has a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def start_torch(flags):
    """Returns a process of PyTorch, or a sentence that says why there is none."""
    return torch_times.start(flags.torch_python, flags.dtype, flags.threads, has_gpu())


def asked_of_torch(kind, sizes, flags):
    device = "cuda" if has_gpu() else "cpu"
    return {"layer": kind, "sizes": sizes, "dtype": flags.dtype, "device": device}


def measure(kind, sizes, flags, torch=None):
    """Returns one row a layer, including PyTorch's if its process is given."""
    calls = {n: keras_calls(make, sizes, flags.dtype, flags.jit) for n, make in makers(kind).items()}

    def of_keras(repeats):
        times = {}
        for k, what in enumerate(PASSES):
            taken = timing.take_turns({name: pair[k] for name, pair in calls.items()}, repeats)
            times |= {(name, what): its_times for name, its_times in taken.items()}
        return times

    def of_torch(repeats):
        said = torch.ask(do="time", repeats=repeats, **asked_of_torch(kind, sizes, flags))
        return {("torch", what): said[what] for what in PASSES}

    times = timing.take_rounds([of_keras, *([of_torch] if torch else [])], flags.repeats, ROUNDS)
    rows = []
    for name in [*calls, *(["torch"] if torch else [])]:
        row = {"layer": kind, "shape": sizes, "of": name}
        for what in PASSES:
            row[what] = timing.median_and_quartiles(times[name, what])
            row[what]["ratio"] = row[what]["median_ms"] / np.median(times["keras", what])
        if flags.memory:
            row["peak_mib"] = median_peak_memory(kind, name, sizes, flags)
        rows.append(row)
    return rows


def report(rows):
    for row in rows:
        cells = [f"  {row['of']:10}"]
        for what in ("forward", "forward_backward"):
            low, high = row[what]["quartiles_ms"]
            median, ratio = row[what]["median_ms"], row[what]["ratio"]
            cells.append(f"{median:8.1f} ({low:6.1f} to {high:6.1f}) {ratio:7.2f}")
        if "peak_mib" in row:
            cells.append(f"{row['peak_mib']:8.0f} MiB")
        print("  ".join(cells), flush=True)


def report_models(rows):
    print(f"\n{'model':30}{'cell':>10}{'ms a step':>12}{'words/s':>12}{'speed':>8}")
    for row in rows:
        print(
            f"{row['model']:30}{row['cell']:>10}{row['median_ms']:12.1f}"
            f"{row['words_per_second']:12,.0f}{row['speedup']:8.2f}"
        )


def draw(rows, machine):
    """Draws bars of ratios to keras, forward and backward, by shape, with the machine named."""
    kinds = list(dict.fromkeys(row["layer"] for row in rows))
    figure = figures.Figure(figsize=(9, 3.4 * len(kinds)), dpi=150, layout="constrained")
    axes = figure.subplots(len(kinds), 1, squeeze=False)
    for ax, kind in zip(axes[:, 0], kinds, strict=True):
        mine = [row for row in rows if row["layer"] == kind]
        shapes = list(dict.fromkeys(row["shape"] for row in mine))
        names = list(dict.fromkeys(row["of"] for row in mine))
        width = 0.8 / len(names)
        for k, name in enumerate(names):
            ratios = [row["forward_backward"]["ratio"] for row in mine if row["of"] == name]
            places = np.arange(len(shapes)) + (k - (len(names) - 1) / 2) * width
            bars = ax.bar(places, ratios, width, label=name)
            ax.bar_label(bars, fmt="%.2f", fontsize=8)
        ax.axhline(1, color="black", linewidth=0.8, zorder=0)
        ax.set_xticks(range(len(shapes)), [" × ".join(map(str, s)) for s in shapes], fontsize=9)
        ax.set_title(f"{kind.upper()}, forward and backward", loc="left")
        ax.set_ylabel("time, keras = 1")
        ax.set_ylim(0, 1.15 * max(row["forward_backward"]["ratio"] for row in mine))
        ax.legend(ncols=len(names), fontsize=8, frameon=False)
    axes[-1, 0].set_xlabel("steps × sequences × features × units")
    figure.suptitle(f"on {runs.describe_machine(machine)}", fontsize=9)
    return figure


def parse(argv):
    parser = cli.Parser(prog=f"{RECIPE}.py", description=__doc__)
    about = "which of them (default: both)"
    parser.add_argument("--layers", nargs="+", choices=KINDS, default=list(KINDS), help=about)
    shapes = [shape(text) for text in SHAPES]
    about = f"one or more; default: {' '.join(SHAPES)}"
    parser.add_argument(
        "--shapes", nargs="+", type=shape, default=shapes, metavar="T,B,F,UNITS", help=about
    )
    about = "timed calls of each function (default: 15)"
    parser.add_argument("--repeats", type=cli.positive_int, default=15, help=about)
    dtypes = ("float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")
    parser.add_argument("--dtype", choices=dtypes, default="float32", help="(default: float32)")
    parser.add_argument("--jit", action="store_true", help="compile Keras layers with XLA")
    about = "where to run (default: the GPU, if there is one)"
    parser.add_argument("--device", choices=("cpu", "gpu"), help=about)
    about = "of each operation, in TensorFlow and in PyTorch (default: what each takes of itself)"
    parser.add_argument("--threads", type=cli.positive_int, help=about)
    about = "measure PyTorch too, where it is installed, in a process of its own (default: yes)"
    parser.add_argument("--torch", action=argparse.BooleanOptionalAction, default=True, help=about)
    about = "the Python that has PyTorch and NumPy (default: this one)"
    parser.add_argument("--torch-python", metavar="PATH", help=about)
    about = "measure peak memory too, in a process for each layer (default: yes, but on Windows)"
    parser.add_argument(
        "--memory", action=argparse.BooleanOptionalAction, default=peak_memory.MEASURABLE, help=about
    )
    about = "measure training steps of the recipes' models too, in float32 (default: yes)"
    parser.add_argument("--models", action=argparse.BooleanOptionalAction, default=True, help=about)
    about = "write all of it into the ledger too, recipes/results/, in a file of this machine"
    parser.add_argument("--record", action="store_true", help=about)
    about = "of result.json and benchmark.png (default: runs/benchmark_layers/<dtype>-<time>)"
    parser.add_argument("--out", type=Path, help=about)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    flags = parser.parse_args(argv)
    if flags.torch_python and not flags.torch:
        parser.error("--torch-python and --no-torch exclude each other")
    if flags.memory and not peak_memory.MEASURABLE:
        parser.error("--memory: this system does not tell a process its peak memory")
    whole = flags.layers == list(KINDS) and flags.shapes == shapes and flags.models
    if flags.record and not (whole and flags.memory == peak_memory.MEASURABLE):
        parser.error(
            "--record is for the whole measurement, which it replaces in the ledger: leave out "
            "--layers, --shapes, --no-memory and --no-models"
        )
    recipe_kit.quiet_tensorflow.start()
    return flags


def choose(device, threads):
    """Hides the GPU from TensorFlow for `cpu`; refuses `gpu` where there is none; sets its threads."""
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    else:
        for gpu in tf.config.list_physical_devices("GPU"):  # PyTorch's process needs some of its memory
            tf.config.experimental.set_memory_growth(gpu, True)
    if device == "gpu" and not has_gpu():
        raise cli.UserError("--device gpu: TensorFlow sees no GPU here. Leave the flag out.")


def main(argv=None):
    flags = parse(argv)
    choose(flags.device, flags.threads)
    if flags.memory_of:
        return print_memory(flags)
    cli.outlive_output()
    out = flags.out or runs.new_folder(RECIPE, flags.dtype)
    runs.check_free(out, ("result.json", "benchmark.png"))
    with runs.locked(out):
        return measure_into(out, flags)


def measure_into(out, flags):
    """Measures, and writes the result and its figure into a folder. Returns the result."""
    torch = start_torch(flags) if flags.torch else "PyTorch is left out, as --no-torch says."
    if isinstance(torch, str):
        result = measure_all(flags, None, torch)
    else:
        with torch:
            about = "PyTorch {torch}, in a process of its own, threads: {threads}".format(**torch.about)
            result = measure_all(flags, torch, about)
    with runs.atomic_write(out / "result.json") as tmp_path:
        tmp_path.write_text(runs.json_text(result, "The result", indent=1), encoding="utf-8")
    with cli.drawing(), runs.atomic_write(out / "benchmark.png") as tmp_path:
        figures.write(draw(result["rows"], result["machine"]), tmp_path, {})
    print(f"\nwritten to {out}: benchmark.png, result.json")
    if flags.record:
        path = LEDGER / entry_names.entry_name(result)
        with runs.atomic_write(path) as tmp_path:
            tmp_path.write_text(runs.json_text(result, "The result", indent=1), encoding="utf-8")
        print(f"recorded in {path}")
    return result


def measure_all(flags, torch, about_torch):
    """Measures and prints everything; returns what `result.json` has."""
    machine, speed = (
        runs.machine(),
        matrix_products.speed_of_products(keras.DTypePolicy(flags.dtype).compute_dtype),
    )
    print(f"on {runs.describe_machine(machine)}; {flags.dtype}{', XLA' if flags.jit else ''}")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}; {about_torch}")
    print("median ms (quartiles), ratio to keras; peak memory of training steps")
    print(f"{'':12}  {'forward':>34}  {'forward and backward':>34}")
    rows = []
    for kind in flags.layers:
        for sizes in flags.shapes:
            bound = 1000 * timing.operations(kind, sizes) / speed
            print(
                f"{kind.upper()}, T = {sizes[0]}, B = {sizes[1]}, F = {sizes[2]}, units = {sizes[3]}; "
                f"at {speed / 1e9:.0f} GFLOP/s its products alone take {bound:.1f} ms, forward and back"
            )
            measured = measure(kind, sizes, flags, torch)
            report(measured)
            rows += measured
    result = {"recipe": RECIPE, **{name: getattr(flags, name) for name in ("dtype", "jit", "repeats")}}
    result |= {"device": "gpu" if has_gpu() else "cpu", "products_per_second": speed}
    result |= {"threads": flags.threads, "torch": torch.about if torch else None}
    result |= {"rows": rows, "models": []}
    if flags.models:
        result["models"] = models.measure(flags.layers, flags.repeats)
        report_models(result["models"])
    return result | {"machine": machine, "versions": runs.versions(), "commit": runs.commit()}


if __name__ == "__main__":
    cli.run_recipe(main)
