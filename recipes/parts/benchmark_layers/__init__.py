"""Parts of `benchmark_layers.py`."""
