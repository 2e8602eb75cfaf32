"""The ledger: recorded runs, one JSON a recipe, preset and set of settings, over several seeds."""

import hashlib
import re
import statistics

from rnn_kit.runs.errors import RunError

_SAME = ("recipe", "preset", "data", "machine", "versions")  # what runs of one entry must agree in


def summary(values):
    """Mean, sample standard deviation (with n - 1; `None` for one value) and the values themselves."""
    values = [float(value) for value in values]
    return {
        "mean": statistics.fmean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "values": values,
    }


def ledger_entry(results, preset_settings, neutral=()):
    """What the ledger holds of runs that differ in their seed alone.

    Args:
        results: Contents of their `result.json`.
        preset_settings: The preset's settings, a dict; what differs from them is listed by itself.
        neutral: Names of settings that no figure depends on, and which are not listed so.

    Returns:
        A dict of `recipe`, `preset`, `settings` (all but the seed), `differs` (those that the preset
        has otherwise), `data`, `seeds`, `metrics` and `minutes` (each with mean, sample standard
        deviation and the values in the seeds' order), `machine`, `versions`, `commit` (one, or a list
        where they differ).

    Raises:
        RunError: if the runs differ in more than the seed.
    """
    settings = [{k: v for k, v in r["settings"].items() if k != "seed"} for r in results]
    first = results[0]
    for result, its_settings in zip(results, settings, strict=True):
        parts = [name for name in _SAME if result[name] != first[name]]
        parts += [] if its_settings == settings[0] else ["settings"]
        if parts:
            raise RunError(
                f"The runs of the seeds {first['seed']} and {result['seed']} cannot be recorded "
                f"together: they differ in {', '.join(parts)}."
            )
    commits = list(dict.fromkeys(result["commit"] for result in results))
    return {
        "recipe": first["recipe"],
        "preset": first["preset"],
        "settings": settings[0],
        "differs": differing(settings[0], preset_settings, neutral),
        "data": first["data"],
        "seeds": [result["seed"] for result in results],
        "metrics": {n: summary(r["metrics"][n] for r in results) for n in first["metrics"]},
        "minutes": summary(result["minutes"] for result in results),
        "machine": first["machine"],
        "versions": first["versions"],
        "commit": commits[0] if len(commits) == 1 else commits,
    }


def differing(settings, preset_settings, neutral=()):
    """The settings that a preset has otherwise; the seed, and those that are neutral, aside."""
    aside = {"seed", *neutral}
    return {k: v for k, v in settings.items() if k not in aside and v != preset_settings.get(k)}


def ledger_name(entry):
    """The entry's file: `<recipe>-<preset>.json`, with the settings that differ between the two."""
    differs = [f"{name}_{value}" for name, value in sorted(entry["differs"].items())]
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join([entry["recipe"], entry["preset"], *differs]))
    if len(slug) > 120:
        slug = f"{slug[:110]}-{hashlib.sha256(slug.encode()).hexdigest()[:8]}"
    return f"{slug}.json"
