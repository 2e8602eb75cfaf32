"""Looking up what recorded runs came to, and writing it as the tables have it."""

import json
from pathlib import Path

LEDGER = Path(__file__).parents[2] / "recipes/results"


def entry(recipe, preset="cpu", **settings):
    """The entry of a recipe and a preset with these settings; of several, that which differs least.

    Raises:
        SystemExit: if there is none, or two differ as little.
    """
    found = []
    for path in sorted(LEDGER.glob(f"{recipe}-*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if (
            recorded.get("preset") == preset
            and settings.items() <= recorded.get("settings", {}).items()
        ):
            found.append(recorded)
    least = min((len(recorded.get("differs", ())) for recorded in found), default=0)
    found = [recorded for recorded in found if len(recorded.get("differs", ())) == least]
    if len(found) != 1:
        raise SystemExit(
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


def values(metric, digits=0):
    """The value of each seed."""
    return ", ".join(f"{value:.{digits}f}" for value in metric["values"])


def order_of(number):
    """A number of any size: 0.28, 3,896, or 4e-06."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2f}" if number >= 0.01 else f"{number:.0e}"


def table(head, rows):
    """A table in Markdown."""
    rows = [head, ["---"] * len(head), *rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[2:]])
