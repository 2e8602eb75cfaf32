"""Looks up results of recorded runs, and formats them for the tables."""

import json
from pathlib import Path

LEDGER = Path(__file__).parents[2] / "recipes/results"


# Settings that a comparison chooses for each of its rows, or has for all of them.
COMPARISONS = ("compare", "anbn", "timing", "agreement")
CHOSEN = {"learning_rate", "units", "pictures"}


def entry(recipe, preset="cpu", **settings):
    """Returns the entry of a recipe and a preset, with these settings and otherwise the preset's.

    For the presets of comparisons, `CHOSEN` settings may differ too.

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
    """Returns the metrics of that entry: names to mean, standard deviation (`std`) and values."""
    return entry(recipe, preset, **settings)["metrics"]


def number(metric, digits, grouped=False):
    """Formats the mean ± sample standard deviation, or the value of a single seed."""
    form = f"{',' if grouped else ''}.{digits}f"
    spread = "" if metric["std"] is None else f" ± {metric['std']:{form}}"
    return f"{metric['mean']:{form}}{spread}"


def percent(metric):
    """Formats the mean of a share, in whole percent."""
    return f"{100 * metric['mean']:.0f} %"


def values(metric, digits=0):
    """Formats the value of each seed."""
    return ", ".join(f"{value:.{digits}f}" for value in metric["values"])


def seeds(recorded):
    """Formats the seeds of an entry."""
    several = len(recorded["seeds"]) > 1
    return f"seed{'s' if several else ''} {', '.join(map(str, recorded['seeds']))}"


def order_of(number):
    """Formats a number of any magnitude: 0.28, 3,896, or 4e-06."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number >= 0.01 else f"{number:.0e}"


def table(head, rows):
    """Returns a table in Markdown.

    Raises:
        ValueError: if a row and the head differ in their number of cells.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"rows of {len(head)} cells are needed, under {head}")
    rows = [head, ["---"] * len(head), *rows]
    lines = ["|" + "".join(f" {cell} |" if cell else " |" for cell in row) for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[2:]])
