"""Looking up what recorded runs came to, and writing it as the tables have it."""

import json
from pathlib import Path

LEDGER = Path(__file__).parents[2] / "recipes/results"


# What a comparison chooses for each of its rows, or was told for all of them.
COMPARISONS = ("compare", "anbn", "timing", "agreement")
CHOSEN = {"learning_rate", "units", "pictures"}


def entry(recipe, preset="cpu", **settings):
    """The entry of a recipe and a preset with these settings, and all others as the preset has them.

    Of the presets of comparisons, `CHOSEN` settings may differ too.

    Raises:
        LookupError: if there is no such entry, or several.
    """
    may_differ = set(settings) | (CHOSEN if preset in COMPARISONS else set())
    found = []
    for path in sorted(LEDGER.glob(f"{recipe}-*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if recorded.get("preset") != preset or not set(recorded.get("differs", ())) <= may_differ:
            continue
        if settings.items() <= recorded.get("settings", {}).items():
            found.append(recorded)
    if len(found) != 1:
        raise LookupError(
            f"{recipe}, {preset}, {settings}: {len(found)} entries in {LEDGER}, expected 1"
        )
    return found[0]


def metrics(recipe, preset="cpu", **settings):
    """The metrics of that entry: names to mean, standard deviation (`std`) and values."""
    return entry(recipe, preset, **settings)["metrics"]


def number(metric, digits, grouped=False):
    """Mean ± sample standard deviation, or the figure of a single seed."""
    form = f"{',' if grouped else ''}.{digits}f"
    spread = "" if metric["std"] is None else f" ± {metric['std']:{form}}"
    return f"{metric['mean']:{form}}{spread}"


def percent(metric):
    """The mean of a share, in whole percent."""
    return f"{100 * metric['mean']:.0f} %"


def values(metric, digits=0):
    """The value of each seed."""
    return ", ".join(f"{value:.{digits}f}" for value in metric["values"])


def seeds(recorded):
    """The seeds of an entry."""
    several = len(recorded["seeds"]) > 1
    return f"seed{'s' if several else ''} {', '.join(map(str, recorded['seeds']))}"


def order_of(number):
    """A number of any size: 0.28, 3,896, or 4e-06."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number >= 0.01 else f"{number:.0e}"


def table(head, rows):
    """A table in Markdown.

    Raises:
        ValueError: if a row has not as many cells as the head.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"rows of {len(head)} cells are needed, under {head}")
    rows = [head, ["---"] * len(head), *rows]
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in row) for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[2:]])
