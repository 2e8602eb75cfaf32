"""The ledger of recorded runs: one JSON file a recipe, preset and set of settings, over its seeds."""

import hashlib
import json
import math
import re
import statistics

from recipe_kit.runs.environment import same_machine
from recipe_kit.runs.errors import RunError
from rnn_kit.jsonable import json_text, jsonable

_SAME = ("recipe", "preset", "data", "versions")  # equal for runs of one entry; also `same_machine`


def summary(values):
    """Returns mean, sample standard deviation (n - 1; `None` for one value) and the values.

    A diverged training may give a value that is not finite; then mean and deviation are NaN.
    """
    values = [float(value) for value in values]
    finite = all(map(math.isfinite, values))
    deviation = None if len(values) == 1 else statistics.stdev(values) if finite else math.nan
    return {
        "mean": statistics.fmean(values) if finite else math.nan,
        "std": deviation,
        "values": values,
    }


def ledger_entry(results, preset_settings, without_effect=(), histories=()):
    """Returns the ledger's entry for runs that differ only in their seed.

    Args:
        results: Contents of their `result.json`.
        preset_settings: The preset's settings, a dict; differing settings are listed separately.
        without_effect: Names of settings that do not affect results. They are not listed as
            differing, and the runs may differ in them; the entry has the first run's.
        histories: The rows of each run's `history.csv`; if none or empty, they are not recorded.

    Returns:
        A dict of `recipe`, `preset`, `settings` (all but the seed), `differs` (those that differ from
        the preset's), `data`, `seeds`, `metrics` and `minutes` (each with mean, sample standard
        deviation and the values in the seeds' order), `machine`, `versions`, `commit` (one, or a list
        if they differ), and `history` (for each seed, names of columns to their values; `rows_of`
        restores the rows).

    Raises:
        RunError: if the runs differ in more than the seed and `without_effect`.
    """
    settings = [{k: v for k, v in r["settings"].items() if k != "seed"} for r in results]
    decisive = [{k: v for k, v in s.items() if k not in without_effect} for s in settings]
    first, machine = results[0], {}
    for result, its_settings in zip(results, decisive, strict=True):
        parts = [name for name in _SAME if result[name] != first[name]]
        parts += [] if same_machine(result["machine"], machine) else ["machine"]
        machine |= result["machine"]
        parts += [] if its_settings == decisive[0] else ["settings"]
        if parts:
            raise RunError(
                f"The runs of the seeds {first['seed']} and {result['seed']} cannot be recorded "
                f"together: they differ in {', '.join(parts)}."
            )
    commits = list(dict.fromkeys(result["commit"] for result in results))
    entry = {
        "recipe": first["recipe"],
        "preset": first["preset"],
        "settings": settings[0],
        "differs": differing(settings[0], preset_settings, without_effect),
        "data": first["data"],
        "seeds": [result["seed"] for result in results],
        "metrics": {n: summary(r["metrics"][n] for r in results) for n in first["metrics"]},
        "minutes": summary(result["minutes"] for result in results),
        "machine": {k: machine[k] for k in machine if all(k in r["machine"] for r in results)},
        "versions": first["versions"],
        "commit": commits[0] if len(commits) == 1 else commits,
    }
    if any(histories):
        entry["history"] = [_columns(rows) for rows in histories]
    return entry


def _columns(rows):
    return {column: [row[column] for row in rows] for column in (rows or [{}])[0]}


def rows_of(entry, seed):
    """Returns the rows of the `history.csv` of one seed of an entry.

    Raises:
        LookupError: if the entry lacks this seed, or has no histories.
    """
    if seed not in entry["seeds"]:
        raise LookupError(f"{ledger_name(entry)} has the seeds {entry['seeds']}, and not {seed}")
    if "history" not in entry:
        raise LookupError(f"{ledger_name(entry)} has no histories: record it anew")
    columns = entry["history"][entry["seeds"].index(seed)]
    return [
        dict(zip(columns, map(float, row), strict=True))  # values that are not finite are strings
        for row in zip(*columns.values(), strict=True)
    ]


def entry_text(entry):
    """Returns an entry as the ledger's JSON text, with each column of a history on its own line."""
    name = ledger_name(entry)
    text = json_text({k: v for k, v in entry.items() if k != "history"}, name, indent=2).rstrip("\n")
    if "history" in entry:
        seeds = [
            ",\n".join(
                f"      {json.dumps(name)}: {json.dumps(jsonable(values))}"
                for name, values in of.items()
            )
            for of in entry["history"]
        ]
        body = ",\n".join(f"    {{\n{columns}\n    }}" for columns in seeds)
        text = f'{text[:-2]},\n  "history": [\n{body}\n  ]\n}}'
    return text + "\n"


def differing(settings, preset_settings, without_effect=()):
    """Returns the settings that differ from a preset's, except the seed and those without effect."""
    ignored = {"seed", *without_effect}
    return {k: v for k, v in settings.items() if k not in ignored and v != preset_settings.get(k)}


def ledger_name(entry):
    """Returns the entry's file name, `<recipe>-<preset>.json`, with differing settings in between."""
    differs = [f"{name}_{value}" for name, value in sorted(entry["differs"].items())]
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join([entry["recipe"], entry["preset"], *differs]))
    if len(slug) > 120:
        slug = f"{slug[:110]}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"
    return f"{slug}.json"
