"""Times torch.nn.LSTM and GRU in a process that imports PyTorch and NumPy, and never TensorFlow.

Beside TensorFlow in one process the threads of the two fight for the cores, and PyTorch takes many
times as long. `benchmark_layers.py` starts this file (`torch_times.py` has its side), with

    python -m parts.benchmark_layers.torch_process     in the folder recipes/

What is said is one JSON a line. The process begins, on its standard output, with

    {"torch": "2.13.0", "numpy": ..., "python": ..., "threads": 2, "cuda": false}
    or {"missing": "No module named 'torch'"}

and answers each line on its standard input,

    {"do": "time", "layer": "lstm", "sizes": [T, B, F, units], "dtype": "float32", "device": "cpu",
     "repeats": 5}               with {"forward": [ms, ...], "forward_backward": [ms, ...]}
    {"do": "peak_memory", ...}   with {"mib": 12.5}, by which training steps raise this process's peak

until there is no further line. An error ends the process with its traceback on standard error.
"""

import argparse
import functools
import json
import os
import platform
import sys

from parts.benchmark_layers import peak_memory


@functools.lru_cache(maxsize=1)  # the rounds of one shape share a layer
def calls(kind, sizes, dtype, device):
    """Returns functions without arguments: forward, and forward and backward with all gradients."""
    import torch

    steps, batch, features, units = sizes
    precision = getattr(torch, dtype)
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


def answer(request):
    """Returns the answer to one request."""
    from parts.benchmark_layers.timing import take_turns

    kind, dtype, device = (request[name] for name in ("layer", "dtype", "device"))
    sizes = tuple(request["sizes"])
    if request["do"] == "peak_memory":
        small = calls(kind, (2, 2, 2, 2), dtype, device)[1]
        return {"mib": peak_memory.rise(small, lambda: calls(kind, sizes, dtype, device)[1])}
    forward, both = calls(kind, sizes, dtype, device)
    times = {}
    for name, function in (("forward", forward), ("forward_backward", both)):
        times |= take_turns({name: function}, request["repeats"])
    return times


def introduction(threads):
    """Returns the versions and threads of PyTorch here, or the reason why it is missing."""
    try:
        import numpy
        import torch
    except ImportError as error:
        return {"missing": str(error)}
    if threads:
        torch.set_num_threads(threads)
    return {
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.is_available(),
    }


def main():
    parser = argparse.ArgumentParser(prog="torch_process", description=__doc__)
    parser.add_argument("--threads", type=int)
    flags = parser.parse_args()
    # Libraries' output goes to standard error: standard output carries only lines of JSON.
    said = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    about = introduction(flags.threads)
    said.write(json.dumps(about) + "\n")
    if "missing" not in about:
        for line in sys.stdin:
            said.write(json.dumps(answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
