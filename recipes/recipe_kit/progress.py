"""Progress bars on standard error, shown only on a terminal."""

import sys


def progress_bar(total, unit, label=None, shown=True, **how):
    """Returns a `tqdm.tqdm`, a context manager that `update` advances.

    Args:
        total: The total number; `None` if unknown.
        unit: The unit, such as `"images"`.
        label: Text before the bar. Default: nothing.
        shown: Whether to draw it at all. Default: `True`.
        **how: Other arguments of `tqdm.tqdm`.
    """
    from tqdm import tqdm

    return tqdm(
        total=total,
        unit=f" {unit}",
        desc=label,
        file=sys.stderr,
        disable=not (shown and sys.stderr.isatty()),
        dynamic_ncols=True,
        miniters=1,  # avoids tqdm's monitor thread
        **how,
    )
