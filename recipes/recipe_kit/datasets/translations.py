"""Sentences and their translations: Multi30k, Tatoeba, a generated language, and the user's own."""

import gzip
import hashlib
import os
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from recipe_kit.datasets import pinyin_grammar
from recipe_kit.datasets._corpus_archives import safe_member
from recipe_kit.datasets._files import DataError, data_folder, find_or_fetch, first_there
from recipe_kit.datasets._tables import PACKED, TABLES, entries, read, read_table, suffix_of, table_of
from recipe_kit.datasets._translation_parts import FIXED, Part, split
from rnn_kit.text.decoding import decode, normalize_nfc

MULTI30K, TATOEBA = "multi30k", "fra-eng"
KNOWN = (MULTI30K, TATOEBA, pinyin_grammar.NAME)
_FOLDER = "translation"

# Without .gz, as they are published.
_MULTI30K_URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/tok/"
_MULTI30K_PARTS = ("train", "val", "test_2016_flickr", "test_2017_flickr")
_MULTI30K_SHA256 = {  # of the file, language by language
    ("train", "en"): "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    ("train", "fr"): "8fa41bb718412bcb7c5dfa58603842810a01543eae86a51279f9886b901266e1",
    ("val", "en"): "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
    ("val", "fr"): "b303e301aa21fe7822a846b2b3fb2d5a1121ec807cd5b1d006fb7b2b5507168a",
    ("test_2016_flickr", "en"): "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
    ("test_2016_flickr", "fr"): "1463bd5960f9bfe098ec3cd752d3df0c49c84dc646fb518964a29232658cd836",
    ("test_2017_flickr", "en"): "c9d1dfd7a26add989382e534af235af9f0f658b2a30e7eb0efdaf142496ee54f",
    ("test_2017_flickr", "fr"): "c0583117a47b31e8a6c6a97cfe8de153e462074668f4e994764fcc80b21d33b4",
}
_TATOEBA_URL = "http://www.manythings.org/anki/fra-eng.zip"
_TATOEBA_SHA256 = "16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04"
_ADVICE = f"use `--data {pinyin_grammar.NAME}`, which needs no download"

_GRAMMAR = (20_000, 1_000, 1_000, 1_000)  # train, validation, test, longer test
_LONGER = (3, 5)  # clauses of a sentence
_HELD_OUT = 0.02  # of the pairs without parts of their own, for validation and for the test each
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test",),
}
_EXPECTED = (
    "a table of pairs (.tsv, .csv, .jsonl), a zip archive that holds one, or a folder of parallel "
    "lines such as train.en and train.fr"
)


class Translations(NamedTuple):
    """Pairs to train on, to validate on, and to test on.

    Attributes:
        train, validation, test: Of `Part`. No sentence, of either language, is in two of them, unless
            the data come in parts of their own.
        others: Further test parts: names to `Part`.
        languages: Of source and target, two names.
        sentences: Chinese to `pinyin_grammar.Sentence` of a generated language, else empty.
        info: What a result should record: `name`, `sha256` of all pairs, `languages`, numbers of pairs.
        notes: Lines that the user should be told, a tuple.
    """

    train: Part
    validation: Part
    test: Part
    others: dict
    languages: tuple
    sentences: dict
    info: dict
    notes: tuple = ()


def load_translations(name, source=None, target=None, *, columns=None, encoding=None):
    """Pairs of sentences by the name of a known set, or from the user's own files.

    Args:
        name: `"multi30k"`, image descriptions in English and French, cut into words; `"fra-eng"`,
            English and French sentences of Tatoeba; `"grammar"`, pinyin and English, generated (see
            `pinyin_grammar`); or a path to

            - a table of pairs, with a header that names the languages (`--columns` where it has none);
            - a zip archive that holds one such table, as Tatoeba's is published;
            - a folder of parallel lines, `train.en` and `train.fr`, and perhaps `val` (`valid`, `dev`)
              and `test`, each perhaps packed.

        source, target: Names of the two languages: columns of a table, or suffixes of files. Default:
            the first two that there are, and of a known set those of its lecture.
        columns: Names of a table's columns where its first row does not have them, a list.
        encoding: Of the user's files, as of `rnn_kit.text.read_text`.

    Returns:
        `Translations`. Pairs that come without parts are split: those that share a sentence on either
        side go into one part, so that none of a held-out part's sentences was learned from.

    Raises:
        DataError: if the source is unknown or cannot be had, or its content is not as it should be.
    """
    if name == pinyin_grammar.NAME:
        return _generated(source, target)
    if name == MULTI30K:
        return _multi30k(source, target)
    if name == TATOEBA:
        path = find_or_fetch(TATOEBA, "fra-eng.zip", _TATOEBA_SHA256, _TATOEBA_URL, _FOLDER, _ADVICE)
        return _of_table(name, path, source, target, ["en", "fr", "attribution"], "utf-8")
    if not os.path.lexists(name):
        raise DataError(
            f"There is no data set and no file or folder called {str(name)!r}. The known sets are "
            f"{', '.join(KNOWN)}; expected one of them, or {_EXPECTED}."
        )
    path = Path(name)
    if path.is_dir():
        return _of_folder(str(name), path, source, target, encoding)
    return _of_table(str(name), path, source, target, columns, encoding)


# Known sets


def _generated(source, target):
    languages = _languages(
        pinyin_grammar.NAME, [pinyin_grammar.SOURCE, pinyin_grammar.TARGET], source, target
    )
    *sizes, longer = _GRAMMAR
    short = pinyin_grammar.generated_sentences(sum(sizes) + sum(sizes) // 10, seed=FIXED)
    long = pinyin_grammar.generated_sentences(longer, FIXED + 1, clauses=_LONGER)
    sentences = {sentence.source: sentence for sentence in (*short, *long)}
    turned = languages[0] == pinyin_grammar.TARGET

    def pairs(sentences):
        both = [(s.source, s.target) for s in sentences]
        return [(b, a) for a, b in both] if turned else both

    train, validation, test = split(pairs(short), sizes[1], sizes[2])
    train = Part(train.sources[: sizes[0]], train.references[: sizes[0]])
    parts = train, validation, test
    return _made(
        pinyin_grammar.NAME,
        parts,
        {"longer": Part.of(pairs(long))},
        languages,
        () if turned else sentences,
    )


def _multi30k(source, target):
    languages = _languages(MULTI30K, ["en", "fr"], source, target)
    lines = {}
    for part in _MULTI30K_PARTS:
        for language in languages:
            lines[part, language] = _multi30k_lines(part, language)
    parts = [
        _parallel(part, [(f"{part}, {language}", lines[part, language]) for language in languages])
        for part in _MULTI30K_PARTS
    ]
    train, validation, test, other = parts
    return _made(MULTI30K, (train, validation, test), {"2017": other}, languages)


def _multi30k_lines(part, language):
    """The lines of a file of Multi30k: as published, or packed by gzip, whose content has the hash."""
    filename, sha256 = f"{part}.lc.norm.tok.{language}", _MULTI30K_SHA256[part, language]
    place = first_there(data_folder() / _FOLDER / f"{filename}.gz", [])
    if place is None:
        url = _MULTI30K_URL + filename
        place = find_or_fetch(MULTI30K, filename, sha256, url, _FOLDER, _ADVICE)
        data = Path(place).read_bytes()
    else:
        try:
            data = gzip.decompress(Path(place).read_bytes())
        except (OSError, EOFError) as error:
            raise DataError(f"{place} is cut short or damaged ({error}): get it again.") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"{place} is not {MULTI30K} as published: expected content of SHA-256 {sha256}, found "
            f"{found}. Delete it, and get {_MULTI30K_URL + filename}."
        )
    return _lines(decode(data, place))


# The user's own


def _of_table(name, path, source, target, columns, encoding):
    table = _table(path, columns, encoding)
    named = [language for language in table.header if language]
    languages = _languages(path, named, source, target)
    at = [table.header.index(language) for language in languages]
    pairs, short = [], None
    for line, fields in table.rows:
        if len(fields) <= max(at):
            raise DataError(
                f"{path}, line {line}: expected the columns {' and '.join(languages)}, found "
                f"{len(fields)} field{'s' * (len(fields) != 1)}. Name the columns that there are with "
                "--columns, or correct the line."
            )
        pair = tuple(" ".join(normalize_nfc(fields[n]).split()) for n in at)
        if not all(pair):
            short = short or line
            continue
        pairs.append(pair)
    notes = ()
    if short:
        left = len(table.rows) - len(pairs)
        notes = (
            f"{left:,} of {len(table.rows):,} rows have an empty field, line {short} first: left out.",
        )
    return _without_parts(name, path, pairs, languages, notes)


def _table(path, columns, encoding):
    if not zipfile.is_zipfile(path):
        if suffix_of(path) not in (*TABLES, ".txt"):
            raise DataError(f"{path} is none of what is read here: expected {_EXPECTED}.")
        return read_table(path, encoding, columns)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            names = [safe_member(path, m.filename, m.file_size) for m in members]
            tables = [
                (m, n)
                for m, n in zip(members, names, strict=True)
                if suffix_of(n) in (*TABLES, ".txt")
                and not Path(n).name.startswith(("_", ".", "README"))
            ]
            if len(tables) != 1:
                raise DataError(
                    f"{path} holds {len(tables)} tables: expected one, of pairs. Unpack it, and give "
                    "the table."
                )
            (member, name), *_ = tables
            text = decode(archive.read(member), f"{name} in {path}", encoding)
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{path} is cut short or damaged ({error}): get it again.") from None
    return table_of(Path(name), text, columns)


def _of_folder(name, path, source, target, encoding):
    files = {}
    for entry in entries(path):
        stem = Path(entry.name)
        stem = Path(stem.stem) if stem.suffix.lower() in PACKED else stem
        if entry.is_file() and stem.suffix:
            files[stem.stem, stem.suffix[1:]] = entry.path
    stems = defaultdict(list)
    for stem, language in files:
        stems[stem].append(language)
    both = {stem: found for stem, found in stems.items() if len(found) >= 2}
    if not both:
        raise DataError(f"{path} has no two files of parallel lines: expected {_EXPECTED}.")
    named = next(iter(both.values()))
    languages = _languages(path, named, source, target)
    parts = {}
    for stem, found in both.items():
        if set(languages) <= set(found):
            paths = [files[stem, language] for language in languages]
            lines = [(p, _lines(read(p, encoding))) for p in paths]
            parts[stem] = _parallel(stem, lines)
    named_parts = {}
    for part, words in _SPLITS.items():
        its = [stem for stem in parts if stem.lower().split(".")[0].split("_")[0] in words]
        if len(its) == 1:
            named_parts[part] = parts[its[0]]
    if len(named_parts) == 3:
        return _made(name, tuple(named_parts.values()), {}, languages)
    if len(parts) != 1:
        raise DataError(
            f"{path} holds {', '.join(sorted(parts))}: expected train, val and test of both languages, "
            "or one pair of files, which is split."
        )
    return _without_parts(name, path, next(iter(parts.values())).pairs, languages)


def _lines(text):
    return text.removesuffix("\n").split("\n")


def _parallel(part, both):
    """The pairs of two files of parallel lines: pairs of a path and its lines."""
    (first, ours), (second, theirs) = both
    if len(ours) != len(theirs):
        raise DataError(
            f"{first} has {len(ours):,} lines and {second} {len(theirs):,}: expected as many, each the "
            "translation of the other's."
        )
    for path, lines in both:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                raise DataError(
                    f"{path}, line {number} is empty: expected a sentence on each line. Take the line "
                    "out of both files."
                )
    pairs = zip(ours, theirs, strict=True)
    return Part.of(tuple(" ".join(normalize_nfc(line).split()) for line in pair) for pair in pairs)


def _languages(where, named, source, target):
    """The two languages: those asked for, else the first two."""
    for asked, flag in ((source, "--source"), (target, "--target")):
        if asked is not None and asked not in named:
            raise DataError(
                f"{where} has {', '.join(named)}, and no {asked!r}: name one of them with {flag}."
            )
    if source is not None and source == target:
        raise DataError(
            f"--source and --target are both {source!r}: expected two of {', '.join(named)}."
        )
    left = [language for language in named if language not in (source, target)]
    languages = source or left.pop(0), target or (left.pop(0) if left else None)
    if None in languages:
        raise DataError(
            f"{where} has one column, {named[0]!r}: expected two, of sentences and translations."
        )
    return languages


def _without_parts(name, where, pairs, languages, notes=()):
    """The `Translations` of pairs that come without parts of their own."""
    _enough(where, pairs)
    held_out = max(1, round(_HELD_OUT * len(pairs)))
    parts = split(pairs, held_out, held_out)
    _enough(where, parts[0].sources)
    return _made(name, parts, {}, languages, notes=notes)


def _enough(where, pairs):
    if len(pairs) < 3:
        raise DataError(
            f"{where} has {len(pairs)} pairs to learn from: expected many, and 3 at the least."
        )


def _made(name, parts, others, languages, sentences=(), notes=()):
    digest = hashlib.sha256()
    for part in (*parts, *others.values()):
        for source, target in part.pairs:
            digest.update(f"{source}\t{target}\n".encode())
        digest.update(b"\n")
    sizes = dict(zip(("train", "validation", "test"), (len(p.pairs) for p in parts), strict=True))
    sizes |= {f"test_{name}": len(part.pairs) for name, part in others.items()}
    info = {"name": name, "sha256": digest.hexdigest(), "languages": list(languages), **sizes}
    return Translations(*parts, others, languages, dict(sentences), info, tuple(notes))
