"""Sentences whose words are tagged: CoNLL-2003, a generated language, and the user's own."""

import hashlib
import os
import random
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets import teddy_grammar
from recipe_kit.datasets._files import DataError, data_folder, first_there
from rnn_kit import entities
from rnn_kit.text import read_text

CONLL = "conll2003"
KNOWN = (CONLL, teddy_grammar.NAME)
_CONLL_SENTENCES = {"train": 14_041, "validation": 3_250, "test": 3_453}
_CONLL_FILES = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
_TEDDY = {"train": 4_000, "validation": 1_000, "test": 1_000}
_FIXED = 20_111  # seed of draws that are the same for all runs' seeds
_HELD_OUT = 0.1  # of a file's sentences, for validation and for the test each
_FEWEST = 5  # different sentences of a file that is split
_NAMES = {
    "train": ("train", "training"),
    "validation": ("dev", "valid", "val", "validation", "testa"),
    "test": ("test", "testb"),
}
_DOCUMENT = "-DOCSTART-"
_EXPECTED = (
    "a file of lines `word tag`, with an empty line between sentences, or a folder of three such "
    "files: train, dev and test"
)


class Sentence(NamedTuple):
    """A sentence and its tags.

    Attributes:
        words: T strings.
        tags: T tags in the scheme BIO, in which every entity begins with B.
    """

    words: list
    tags: list


class TaggedSentences(NamedTuple):
    """Tagged sentences for training, validation and the test.

    Attributes:
        train, validation, test: Lists of `Sentence`.
        types: The types of entities, a sorted list, such as LOC, MISC, ORG, PER.
        info: The record for a result: `name`, `sha256` of all words and tags, `types`, numbers of
            sentences and words.
        notes: A tuple of lines for the user.
    """

    train: list
    validation: list
    test: list
    types: list
    info: dict
    notes: tuple = ()


def load_tagged(name, encoding=None):
    """Loads tagged sentences by the name of a known set, or from the user's own files.

    Args:
        name: `"conll2003"`, English news with persons, places, organisations and other names; without
            a download, as it has no open licence; `"teddy"`, generated (see `teddy_grammar`);
            or a path to

            - a file of lines that begin with a word and end with its tag, with white space between
              (other columns are ignored), an empty line between sentences, and perhaps
              `-DOCSTART-` lines between documents;
            - a folder with such files: `train`, `dev` (`valid`, `val`, `testa`) and `test` (`testb`),
              with any suffix.

            Tags are in any scheme of `rnn_kit.entities`. An entity that begins with I is read as one
            that begins with B, as in conlleval, and a note says so.
        encoding: Encoding of the user's files, as in `rnn_kit.text.read_text`.

    Returns:
        `TaggedSentences`. Of a single file a tenth of the sentences is for validation and a tenth for
        the test, the same ones each time; equal sentences are in one part.

    Raises:
        DataError: if the source is unknown or unavailable, or its content is malformed.
        TextError: if a file is not text.
    """
    if name == teddy_grammar.NAME:
        return _teddy()
    if name == CONLL:
        return _conll()
    if not os.path.lexists(name):
        raise DataError(
            f"There is no data set and no file or folder called {str(name)!r}. The known sets are "
            f"{', '.join(KNOWN)}; expected one of them, or {_EXPECTED}."
        )
    path = Path(name)
    if path.is_dir():
        files = _files_of(path)
        parts = {part: _read(files[part], encoding) for part in _NAMES}
    else:
        parts = _split(_read(path, encoding), path)
    return _made(str(name), parts)


def parse_lines(text, place):
    """Parses the sentences of a text of lines `word ... tag`; see `load_tagged`.

    Args:
        text: The text, whose lines end with LF.
        place: The text's source, for messages.

    Returns:
        A list of `Sentence`, and the number of entities that began with I.

    Raises:
        DataError: naming the line that has only one column, or an invalid tag.
    """
    sentences, words, tags, repaired = [], [], [], 0

    def end():
        nonlocal words, tags, repaired
        if words:
            befores = ["O", *tags[:-1]]
            repaired += sum(map(entities.begins_by_its_place, befores, tags))
            found = entities.from_tags(tags)
            sentences.append(Sentence(words, entities.to_tags(found, len(tags), entities.BIO)))
        words, tags = [], []

    for number, line in enumerate(text.split("\n"), start=1):
        fields = line.split()
        if not fields or fields[0] == _DOCUMENT:
            end()
            continue
        if len(fields) == 1:
            raise DataError(
                f"{place}, line {number}: expected a word and its tag with a space between, found "
                f"{line.strip()[:60]!r} alone. Give each word a tag, O outside of names."
            )
        try:
            entities.split_tag(fields[-1])
        except ValueError as error:
            raise DataError(f"{place}, line {number}: {error}.") from None
        words.append(fields[0])
        tags.append(fields[-1])
    end()
    if not sentences:
        raise DataError(f"{place} has no sentence: expected {_EXPECTED}.")
    return sentences, repaired


def _read(path, encoding=None):
    return parse_lines(read_text(path, encoding), path)


def _conll():
    parts, unlike = {}, []
    for part, filename in _CONLL_FILES.items():
        tried = []
        place = first_there(data_folder() / CONLL / filename, tried)
        if place is None:
            raise DataError(
                f"{CONLL} is not on this machine, and cannot be downloaded: its text belongs to "
                f"Reuters. Tried: {'; '.join(tried)}. If you have it, put train.txt, dev.txt and "
                f"test.txt (eng.train, eng.testa, eng.testb) into {data_folder() / CONLL}; or use "
                f"`--data {teddy_grammar.NAME}`, which needs no download."
            )
        parts[part] = _read(place)
        found, expected = len(parts[part][0]), _CONLL_SENTENCES[part]
        if found != expected:
            unlike.append(f"{filename} has {found:,} sentences, not {expected:,} as published.")
    return _made(CONLL, parts, unlike)


def _teddy():
    parts = {}
    for number, (part, count) in enumerate(_TEDDY.items()):
        drawn = teddy_grammar.generated_sentences(count, _FIXED + number)
        parts[part] = [Sentence(words, tags) for words, tags, _ in drawn], 0
    return _made(teddy_grammar.NAME, parts)


def _files_of(folder):
    """Returns the three files of a folder, by their names without the suffix."""
    found = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        words = path.name.lower().split(".")
        for part, names in _NAMES.items():
            if set(words) & set(names):
                if part in found:
                    raise DataError(
                        f"{folder} has {found[part].name} and {path.name}: expected one file for "
                        f"{part}. Move the other elsewhere."
                    )
                found[part] = path
    if missing := [part for part in _NAMES if part not in found]:
        raise DataError(
            f"{folder} has no file for {' and none for '.join(missing)}: expected names such as "
            f"{', '.join(f'{_NAMES[part][0]}.txt' for part in missing)}."
        )
    return found


def _split(read, path):
    """Splits one file's sentences into parts, keeping equal sentences together."""
    sentences, repaired = read
    alike = {}
    for sentence in sentences:
        alike.setdefault(tuple(sentence.words), []).append(sentence)
    order = sorted(alike)
    random.Random(_FIXED).shuffle(order)
    held_out = max(1, round(_HELD_OUT * len(order)))
    if len(order) < _FEWEST:
        raise DataError(
            f"{path} has {len(order)} different sentences: expected {_FEWEST} at least, to hold out "
            "some for validation and for the test."
        )
    groups = order[2 * held_out :], order[:held_out], order[held_out : 2 * held_out]
    parts = {}
    for part, group in zip(_NAMES, groups, strict=True):
        parts[part] = [s for words in group for s in alike[words]], repaired
        repaired = 0
    return parts


def _made(name, parts, notes=()):
    digest, types, notes = hashlib.sha256(), set(), [*notes]
    for part, (sentences, repaired) in parts.items():
        for words, tags in sentences:
            digest.update("\n".join(map(" ".join, zip(words, tags, strict=True))).encode() + b"\n\n")
            types |= {entities.split_tag(tag)[1] for tag in tags} - {""}
        if repaired:
            notes.append(
                f"{repaired:,} names of the {part} part begin with I: they are read as if with B."
            )
    if not types:
        raise DataError(f"{name} has the tag O alone: expected names to learn, such as B-PER.")
    sentences = {part: found for part, (found, _) in parts.items()}
    info = {
        "name": name,
        "sha256": digest.hexdigest(),
        "types": sorted(types),
        **{f"{part}_sentences": len(found) for part, found in sentences.items()},
        **{f"{part}_words": sum(len(s.words) for s in found) for part, found in sentences.items()},
    }
    return TaggedSentences(
        sentences["train"], sentences["validation"], sentences["test"],
        sorted(types), info, tuple(notes),
    )  # fmt: skip
