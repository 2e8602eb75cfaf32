"""Progress bars: on standard error where it is a terminal, and else none."""

import sys


def progress_bar(total, unit, label=None, shown=True, **how):
    """Makes a `tqdm.tqdm`, to be used in a `with` and moved on by `update`.

    Args:
        total: How many there are to be; `None` where that is not known.
        unit: What is counted, such as `"images"`.
        label: What stands before the bar. Default: nothing.
        shown: Whether it is drawn at all. Default: `True`.
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
        miniters=1,  # with which no thread watches over the bar
        **how,
    )
