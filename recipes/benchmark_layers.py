"""How long one recurrent layer takes, forward and back, and how much memory: this kit's and others'.

What you will see: for each shape (T steps, B sequences, F features, units) the median time of a forward
pass and of one with its gradients, in milliseconds with the quartiles, of

    keras          keras.layers.LSTM, or GRU(reset_after=True)
    kit            PeepholeLSTM, or GRU: the fused loop, back-propagation through time by hand
    kit plain      the same with fused=False: the kit's cell in the loop of keras.layers.RNN
    torch          torch.nn.LSTM or GRU, where torch is installed

and its ratio to keras. All are compiled and take turns, call by call, in one process, so that what else
the machine does falls on all alike; the first calls are not counted. PeepholeLSTM has peepholes, which
the other LSTMs have not. Peak memory is measured in a process of its own for each. Then the table is
drawn as `benchmark.png` and written to `result.json`.

Times are those of the machine and of the minute. What may be compared are ratios of one sitting.

How to run it:

    python recipes/benchmark_layers.py                            five shapes, LSTM and GRU
    python recipes/benchmark_layers.py --layers gru --shapes 100,32,64,256
    python recipes/benchmark_layers.py --dtype float64 --jit --no-memory

(with .venv/bin/python for `python`, after `make demo`.)
"""

import argparse
import contextlib
import functools
import importlib.util
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import quietly  # noqa: F401  TensorFlow, before anything else imports it
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

from rnn_kit import cli, layers, runs

RECIPE = "benchmark_layers"
SHAPES = ["40,128,57,128", "80,32,128,128", "20,20,200,200", "35,20,650,650", "100,64,256,512"]
WARM_UP = 3
MEMORY_STEPS = 4

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

    steps, batch, features, units = sizes
    precision = {"float32": torch.float32, "float64": torch.float64}[dtype]
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](features, units, dtype=precision)
    x = torch.randn(steps, batch, features, dtype=precision, requires_grad=True)
    dy = torch.randn(steps, batch, units, dtype=precision)

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
    return importlib.util.find_spec("torch") is not None and dtype in ("float32", "float64")


def calls_of(kind, name, sizes, dtype, jit):
    if name == "torch":
        return torch_calls(kind, sizes, dtype)
    return keras_calls(MAKERS[kind][name], sizes, dtype, jit)


def names_of(kind, dtype):
    return [*MAKERS[kind], *(["torch"] if has_torch(dtype) else [])]


def take_turns(functions, repeats):
    """Milliseconds of each function's calls, `(repeats,)`, call by call in turns."""
    for _ in range(WARM_UP):
        for function in functions.values():
            function()
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def peak_memory(kind, name, sizes, dtype, jit):
    """MiB by which training steps raise a fresh process's peak over what its libraries take."""
    command = [sys.executable, __file__, "--layers", kind, "--dtype", dtype]
    command += ["--jit"] if jit else []
    command += ["--shapes", ",".join(map(str, sizes)), "--memory-of", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def peak_of_this_process():
    """MiB. Linux's VmHWM: what `resource` says includes the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def print_memory(flags):
    kind, sizes = flags.layers[0], flags.shapes[0]
    small = calls_of(kind, flags.memory_of, (2, 2, 2, 2), flags.dtype, flags.jit)[1]
    small()
    before = peak_of_this_process()
    both = calls_of(kind, flags.memory_of, sizes, flags.dtype, flags.jit)[1]
    for _ in range(MEMORY_STEPS):
        both()
    print(peak_of_this_process() - before)


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
            low, middle, high = np.percentile(times[name], [25, 50, 75])
            row[what] = {"median_ms": middle, "quartiles_ms": [low, high]}
            row[what]["ratio"] = middle / np.median(times["keras"])
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
    about = "measure peak memory too, in a process for each layer (default: yes)"
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help=about)
    about = "of result.json and benchmark.png (default: runs/benchmark_layers/<dtype>-<time>)"
    parser.add_argument("--out", type=Path, help=about)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv=None):
    flags = parse(argv)
    if flags.memory_of:
        return print_memory(flags)
    out = flags.out or runs.new_folder(RECIPE, flags.dtype)
    if (out / "result.json").exists():
        raise cli.UserError(f"--out {out}: holds a result already. Name another folder.")
    print(f"on {runs.describe_machine()}; {flags.dtype}{', XLA' if flags.jit else ''}")
    print("median ms (quartiles), ratio to keras; peak memory of training steps")
    print(f"{'':12}  {'forward':>34}  {'forward and backward':>34}")
    rows = []
    for kind in flags.layers:
        for sizes in flags.shapes:
            print(f"{kind.upper()}, T = {sizes[0]}, B = {sizes[1]}, F = {sizes[2]}, units = {sizes[3]}")
            rows += measure(kind, sizes, flags)
            report(rows[-len(names_of(kind, flags.dtype)) :])
    result = {"recipe": RECIPE, "dtype": flags.dtype, "jit": flags.jit, "repeats": flags.repeats}
    result |= {"rows": rows, "machine": runs.machine(), "versions": runs.versions()}
    result |= {"commit": runs.commit()}
    with runs.writing(out / "result.json") as aside:
        aside.write_text(json.dumps(result, indent=1) + "\n")
    with runs.writing(out / "benchmark.png") as aside:
        draw(rows, aside)
    print(f"\nwritten to {out}: benchmark.png, result.json")
    return result


if __name__ == "__main__":
    cli.run_recipe(main)
