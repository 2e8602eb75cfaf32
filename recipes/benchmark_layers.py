"""How long one recurrent layer takes, forward and back, and how much memory: this kit's and others'.

What you will see: for each shape (T steps, B sequences, F features, units) the median time of a forward
pass and of one with its gradients, in milliseconds with the quartiles, of

    keras          keras.layers.LSTM, or GRU(reset_after=True)
    kit            PeepholeLSTM, or GRU: the fused loop, back-propagation through time by hand
    kit plain      the same with fused=False: the kit's cell in the loop of keras.layers.RNN
    torch          torch.nn.LSTM or GRU, where torch is installed

and its ratio to keras. All are compiled and take turns, call by call, in one process, so that what else
the machine does falls on all alike; the first calls are not counted. PeepholeLSTM has peepholes, which
the other LSTMs have not. Peak memory of training steps is measured in processes of their own. Then
training steps of the recipes' own models, at the sizes of the lectures and of Zaremba et al.: words a
second with Keras's layer and with the kit's. The tables are drawn as `benchmark.png` and written to
`result.json`; `--record` writes them into recipes/results/ as well, from where the README has them.

Above each shape stands what no layer can beat by much: the time of its matrix products alone, at the
speed of a large one here.

Times are those of the machine and of the minute. What may be compared are ratios of one sitting.

How to run it:

    python recipes/benchmark_layers.py                            five shapes, LSTM and GRU
    python recipes/benchmark_layers.py --layers gru --shapes 100,32,64,256
    python recipes/benchmark_layers.py --dtype float64 --jit --no-memory --no-models
    python recipes/benchmark_layers.py --device cpu               where there is a GPU too

(with .venv/bin/python for `python`, after `make demo`.)
"""

import argparse
import contextlib
import functools
import importlib.util
from pathlib import Path

import quietly  # noqa: F401  TensorFlow, before anything else imports it
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from benchmark_layers_parts import memory, models
from benchmark_layers_parts.timing import (
    median_and_quartiles,
    operations,
    speed_of_products,
    take_turns,
)

from rnn_kit import cli, layers, runs
from rnn_kit.layers.fused.sequence import has_gpu

RECIPE = "benchmark_layers"
SHAPES = ["40,128,57,128", "80,32,128,128", "20,20,200,200", "35,20,650,650", "100,64,256,512"]
LEDGER = Path(__file__).parent / "results"
MEMORY_PROCESSES = 3

MAKERS = {
    "lstm": {
        "keras": keras.layers.LSTM,
        "kit": functools.partial(layers.PeepholeLSTM, peephole_initializer="random_normal"),
        "kit plain": functools.partial(layers.PeepholeLSTM, fused=False),
    },
    "gru": {
        "keras": keras.layers.GRU,
        "kit": layers.GRU,
        "kit plain": functools.partial(layers.GRU, fused=False),
    },
}


def shape(text):
    """T,B,F,units as an argument."""
    with contextlib.suppress(ValueError):
        sizes = tuple(int(part) for part in text.split(","))
        if len(sizes) == 4 and min(sizes) > 0:
            return sizes
    raise argparse.ArgumentTypeError(f"{text!r} is not T,B,F,units, four positive integers")


def keras_calls(make, sizes, dtype, jit):
    """Functions without arguments: forward, and forward and backward, with all gradients."""
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


def torch_calls(kind, sizes, dtype):
    """The same for torch.nn.LSTM or GRU."""
    import torch

    device = "cuda" if has_gpu() else "cpu"
    steps, batch, features, units = sizes
    precision = {"float32": torch.float32, "float64": torch.float64}[dtype]
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](
        features, units, dtype=precision, device=device
    )
    x = torch.randn(steps, batch, features, dtype=precision, device=device, requires_grad=True)
    dy = torch.randn(steps, batch, units, dtype=precision, device=device)

    def forward():
        with torch.no_grad():
            return layer(x)[0][0, 0, 0].item()

    def both():
        layer.zero_grad()
        x.grad = None
        (layer(x)[0] * dy).sum().backward()
        return x.grad[0, 0, 0].item()

    return forward, both


def has_torch(dtype):
    """Whether torch is installed, for the device that TensorFlow has, and knows the dtype."""
    if importlib.util.find_spec("torch") is None or dtype not in ("float32", "float64"):
        return False
    import torch

    return not has_gpu() or torch.cuda.is_available()


def calls_of(kind, name, sizes, dtype, jit):
    if name == "torch":
        return torch_calls(kind, sizes, dtype)
    return keras_calls(MAKERS[kind][name], sizes, dtype, jit)


def names_of(kind, dtype):
    return [*MAKERS[kind], *(["torch"] if has_torch(dtype) else [])]


def peak_memory(kind, name, sizes, dtype, jit):
    flags = ["--layers", kind, "--dtype", dtype, *(["--jit"] if jit else [])]
    flags += ["--shapes", ",".join(map(str, sizes)), "--memory-of", name]
    return memory.peak(__file__, flags, MEMORY_PROCESSES)


def print_memory(flags):
    kind, sizes, name = flags.layers[0], flags.shapes[0], flags.memory_of
    small = calls_of(kind, name, (2, 2, 2, 2), flags.dtype, flags.jit)[1]
    print(memory.rise(small, lambda: calls_of(kind, name, sizes, flags.dtype, flags.jit)[1]))


def measure(kind, sizes, flags):
    """One row a layer."""
    names = names_of(kind, flags.dtype)
    calls = {name: calls_of(kind, name, sizes, flags.dtype, flags.jit) for name in names}
    forward = take_turns({name: pair[0] for name, pair in calls.items()}, flags.repeats)
    both = take_turns({name: pair[1] for name, pair in calls.items()}, flags.repeats)
    rows = []
    for name in names:
        row = {"layer": kind, "shape": sizes, "of": name}
        for what, times in (("forward", forward), ("forward_backward", both)):
            row[what] = median_and_quartiles(times[name])
            row[what]["ratio"] = row[what]["median_ms"] / np.median(times["keras"])
        if flags.memory:
            row["peak_mib"] = peak_memory(kind, name, sizes, flags.dtype, flags.jit)
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


def draw(rows, path):
    """Ratios to keras, forward and backward, a group of bars for each shape."""
    kinds = list(dict.fromkeys(row["layer"] for row in rows))
    figure, axes = plt.subplots(
        len(kinds), 1, figsize=(9, 3.4 * len(kinds)), squeeze=False, layout="constrained"
    )
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
    figure.savefig(path, dpi=150, format="png")
    plt.close(figure)


def parse(argv):
    parser = cli.Parser(prog=f"{RECIPE}.py", description=__doc__)
    about = "which of them (default: both)"
    parser.add_argument("--layers", nargs="+", choices=MAKERS, default=list(MAKERS), help=about)
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
    about = "measure peak memory too, in a process for each layer (default: yes)"
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help=about)
    about = "measure training steps of the recipes' models too, in float32 (default: yes)"
    parser.add_argument("--models", action=argparse.BooleanOptionalAction, default=True, help=about)
    about = "write the result into the ledger too, recipes/results/"
    parser.add_argument("--record", action="store_true", help=about)
    about = "of result.json and benchmark.png (default: runs/benchmark_layers/<dtype>-<time>)"
    parser.add_argument("--out", type=Path, help=about)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def choose(device):
    """Hides the GPU from TensorFlow for `cpu`; refuses `gpu` where there is none."""
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif device == "gpu" and not has_gpu():
        raise cli.UserError("--device gpu: TensorFlow sees no GPU here. Leave the flag out.")


def main(argv=None):
    flags = parse(argv)
    choose(flags.device)
    if flags.memory_of:
        return print_memory(flags)
    out = flags.out or runs.new_folder(RECIPE, flags.dtype)
    if (out / "result.json").exists():
        raise cli.UserError(f"--out {out}: holds a result already. Name another folder.")
    print(f"on {runs.describe_machine()}; {flags.dtype}{', XLA' if flags.jit else ''}")
    print("median ms (quartiles), ratio to keras; peak memory of training steps")
    print(f"{'':12}  {'forward':>34}  {'forward and backward':>34}")
    rows, speed = [], speed_of_products(keras.DTypePolicy(flags.dtype).compute_dtype)
    for kind in flags.layers:
        for sizes in flags.shapes:
            bound = 1000 * operations(kind, sizes) / speed
            print(
                f"{kind.upper()}, T = {sizes[0]}, B = {sizes[1]}, F = {sizes[2]}, units = {sizes[3]}; "
                f"at {speed / 1e9:.0f} GFLOP/s its products alone take {bound:.1f} ms, forward and back"
            )
            rows += measure(kind, sizes, flags)
            report(rows[-len(names_of(kind, flags.dtype)) :])
    result = {"recipe": RECIPE, **{name: getattr(flags, name) for name in ("dtype", "jit", "repeats")}}
    result |= {"device": "gpu" if has_gpu() else "cpu", "products_per_second": speed}
    result |= {"rows": rows, "models": []}
    if flags.models:
        result["models"] = models.measure(flags.layers, flags.repeats)
        report_models(result["models"])
    result |= {"machine": runs.machine(), "versions": runs.versions(), "commit": runs.commit()}
    with runs.writing(out / "result.json") as aside:
        aside.write_text(runs.json_text(result, "The result", indent=1), encoding="utf-8")
    with runs.writing(out / "benchmark.png") as aside:
        draw(rows, aside)
    print(f"\nwritten to {out}: benchmark.png, result.json")
    if flags.record:
        path = LEDGER / f"{RECIPE}-{result['device']}-{flags.dtype}.json"
        with runs.writing(path) as aside:
            aside.write_text(runs.json_text(result, "The result", indent=1), encoding="utf-8")
        print(f"recorded in {path}")
    return result


if __name__ == "__main__":
    cli.run_recipe(main)
