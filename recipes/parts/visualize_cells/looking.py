"""Inspects a layer while its model reads two parts of a text: one to search, one to measure on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parts.visualize_cells.annotation import prose_properties, python_properties
from parts.visualize_cells.limits import MIN_CHARACTERS
from parts.visualize_cells.search import search
from recipe_kit import cli
from recipe_kit.datasets import load_text
from rnn_kit.inspection import recurrent_layers, states_over_time


@dataclass(frozen=True)
class Part:
    """A part of a text, with properties that were computed on the whole text."""

    text: str
    properties: list


@dataclass(frozen=True)
class Look:
    """States, gates and matches found in one layer.

    Attributes:
        layer: The layer's name.
        held_out: The `Part` held out from the search. States, gates and probabilities are of its
            positions.
        states, gates: Names to `(T, units)` arrays.
        probabilities: `(T, V)`, of the character that follows each position.
        nats: Cross entropy a character of the held-out part.
        matches: Names of properties to lists of `Match`es, best in the search first.
    """

    layer: str
    held_out: Part
    states: dict
    gates: dict
    probabilities: np.ndarray
    nats: float
    matches: dict

    def best(self):
        """Returns the search's best match for each property that has any.

        Matches measured by AUC come first, then those by correlation, a different scale; each group has
        the best on held-out text first.
        """
        found = [matches[0] for matches in self.matches.values() if matches]
        return sorted(found, key=lambda match: (match.measure != "AUC", -match.held_out))

    def listed(self):
        """Returns all matches: properties as in `best`, each with the best on held-out text first."""
        by_property = {match.property: self.matches[match.property] for match in self.best()}
        return [
            match
            for matches in by_property.values()
            for match in sorted(matches, key=lambda match: -match.held_out)
        ]


def is_python(source):
    """Returns whether a known set, a file or a folder is Python source, by its name."""
    path = Path(source)
    return source == "stdlib" or path.suffix == ".py" or any(path.glob("**/*.py"))


def stretches(begin, middle, end, search, held_out):
    """Returns (start, stop) of the searched and of the held-out part, no longer than asked for."""
    return [(begin, min(begin + search, middle)), (middle, min(middle + held_out, end))]


def own_text(settings, vocabulary, lower=False):
    """Returns `Part`s of the text that `--text` names: two thirds to search, the rest to measure on.

    Leaves out characters that the model never read, as if they were absent. Prints what is left out,
    and how much is not looked at.

    Args:
        settings: The look's settings.
        vocabulary: The model's vocabulary.
        lower: Whether the model learned from text in lower case; then this text is lowered too.

    Raises:
        UserError: if too little is left.
        DataError, TextError: if the text cannot be read.
    """
    text, info = load_text(Path(settings.text), encoding=settings.encoding)
    for note in cli.text_notes(info):
        print(note)
    name = f"--text {settings.text}"
    check_length(text, name, 2 * MIN_CHARACTERS)
    if lower and text != text.lower():
        text = text.lower()
        print(f"{settings.text} is read in lower case, as what the model learned from was.")
    text, left_out = known_characters(text, vocabulary)
    if left_out:
        print(left_out)
        check_length(
            text, f"{name}, without the characters that the model never read,", 2 * MIN_CHARACTERS
        )
    middle = min(2 * len(text) // 3, len(text) - MIN_CHARACTERS)
    spans = stretches(0, middle, len(text), settings.search, settings.held_out)
    looked_at = sum(b - a for a, b in spans)
    if looked_at < len(text):
        print(
            f"Of {settings.text} {looked_at:,} of {len(text):,} characters are looked at: --search and "
            "--held-out say how many."
        )
    return parts(text, spans, is_python(settings.text))


def known_characters(text, vocabulary, most=20):
    """Returns a text without characters that a vocabulary lacks, and a line about them or `None`."""
    unseen = vocabulary.unseen(text)
    if not unseen:
        return text, None
    known = text.translate(dict.fromkeys(map(ord, unseen)))
    left_out = len(text) - len(known)
    which = " ".join(map(repr, unseen[:most])) + (" ..." if len(unseen) > most else "")
    return known, (
        f"Left out, never read by the model: {left_out:,} character{'s' * (left_out != 1)}"
        f"{f', {len(unseen):,} distinct' * (left_out > len(unseen))}: {which}"
    )


def parts(text, spans, is_python):
    """Returns `Part`s of a text, whose properties depend on the text before them.

    Args:
        text: The whole text.
        spans: (start, stop) pairs.
        is_python: Whether it is Python source.
    """
    properties = (python_properties if is_python else prose_properties)(text)
    return [Part(text[a:b], [p.cut(a, b) for p in properties]) for a, b in spans]


def check_layer(model, layer, name):
    """Returns the recurrent layer of an index, by default the uppermost.

    Raises:
        UserError: if there is none.
    """
    layers = recurrent_layers(model)
    if not layers:
        raise cli.UserError(f"{name} has no recurrent layer, so it has no cells to look at.")
    if layer is not None and layer >= len(layers):
        raise cli.UserError(
            f"--layer {layer}: {name} has {len(layers)} recurrent layers, 0 to {len(layers) - 1}."
        )
    if len(model.output_shape) != 3:
        raise cli.UserError(
            f"{name} predicts once a window, not after every character (its output has the shape "
            f"{model.output_shape}), so it has no states along a text. Train one many to many."
        )
    return layers[-1 if layer is None else layer]


def check_unit(layer, unit):
    units = layer.state_size if isinstance(layer.state_size, int) else layer.state_size[0]
    if unit is not None and unit >= units:
        raise cli.UserError(f"--unit {unit}: layer '{layer.name}' has {units} cells, 0 to {units - 1}.")


def check_length(text, name, least=MIN_CHARACTERS):
    """Raises if a text is empty or too short."""
    if not text.strip():
        raise cli.UserError(f"{name} is empty. Give a text of at least {least} characters.")
    if len(text) < least:
        raise cli.UserError(
            f"{name} has {len(text)} characters, and {least} are the least to search and measure on. "
            "Give a longer text."
        )


def look(model, layer, vocabulary, searched, held_out):
    """Searches one `Part` for cells that follow its properties, and measures them on another.

    Reads each part from a zero state, in one stream.
    """
    seen = [
        states_over_time(model, vocabulary.encode(p.text)[None], layer) for p in (searched, held_out)
    ]
    states = {name: np.concatenate([s.states[name][0] for s in seen]) for name in seen[0].states}
    properties = [
        type(a)(a.name, np.concatenate([a.values, b.values]))
        for a, b in zip(searched.properties, held_out.properties, strict=True)
    ]
    log_p = _log_softmax(seen[1].outputs[0])
    came = vocabulary.encode(held_out.text)[1:]
    return Look(
        layer.name,
        held_out,
        {name: s[0] for name, s in seen[1].states.items()},
        {name: g[0] for name, g in seen[1].gates.items()},
        np.exp(log_p),
        float(-np.take_along_axis(log_p[:-1], came[:, None], axis=1).mean()),
        search(states, properties, len(searched.text)),
    )


def _log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def metrics(seen):
    """Returns the best match of each property, as a result's metrics."""
    numbers = {"test_nats": seen.nats}
    for match in seen.best():
        name = f"{match.measure.lower()}_{match.property.replace(' ', '_')}"
        numbers |= {f"search_{name}": match.found, f"test_{name}": match.held_out}
    return numbers


def table(seen):
    """Returns lines that tell which cell follows which property, and how well."""
    rows = [("property", "cell", "searched", "held out", "measure")]
    for match in seen.best():
        scores = (match.shown(match.found), match.shown(match.held_out))
        rows.append((match.property, match.name, *scores, match.measure))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join(
            text.ljust(width) if i in (0, 4) else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    missing = [name for name, matches in seen.matches.items() if not matches]
    if missing:
        lines.append(f"(nothing to measure in this text: {', '.join(missing)})")
    return "\n".join(lines)
