"""Sentence pairs: known sets, the user's own, the split that shares no sentence, and the grammar."""

import gzip
import zipfile

import pytest

from recipe_kit.datasets import DataError, pinyin_grammar, translations
from recipe_kit.datasets._translation_parts import Part, split
from recipe_kit.datasets.translations import load_translations

PAIRS = [(f"the {n} dogs bark", f"les {n} chiens aboient") for n in range(40)]


def table(path, rows, header="en\tfr"):
    lines = [header, *("\t".join(row) for row in rows)] if header else ["\t".join(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def every_pair(found):
    return [*found.train.pairs, *found.validation.pairs, *found.test.pairs]


# Parts


def test_pairs_that_share_a_sentence_of_either_side_are_in_one_part():
    # Chains: a sentence has several translations, which are translations of other sentences too.
    pairs = [(f"a{n // 2}", f"x{(n + 1) // 2}") for n in range(6)]
    pairs += [(f"b{n}", f"y{n}") for n in range(300)] + [(f"B{n}", f"z{n}") for n in range(300)]
    parts = split(pairs, 40, 40)
    assert sorted(p for part in parts for p in part.pairs) == sorted(pairs)
    assert all(40 <= len(part.pairs) <= 45 for part in parts[1:])
    for side in (0, 1):
        seen = [{pair[side].casefold() for pair in part.pairs} for part in parts]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_the_split_is_the_same_each_time_and_does_not_follow_the_files_order():
    again = [split(PAIRS, 5, 5) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0][2].pairs not in (PAIRS[:5], PAIRS[-5:])


def test_several_translations_of_a_sentence_are_its_references():
    part = Part.of([("hi", "salut"), ("hi", "bonjour"), ("go", "va"), ("hi", "salut")])
    assert part == Part(["hi", "go"], [["salut", "bonjour"], ["va"]])


# The user's own


def test_a_table_names_its_languages_and_flags_choose_them(tmp_path):
    rows = [(a, b, f"{a} (de)") for a, b in PAIRS]
    path = table(tmp_path / "pairs.tsv", rows, "en\tfr\tde")
    assert sorted(every_pair(load_translations(path))) == sorted(PAIRS)
    turned = load_translations(path, "de", "en")
    assert turned.languages == ("de", "en") and turned.train.sources[0].endswith("(de)")
    assert load_translations(path, target="en").languages == ("fr", "en")


def test_a_table_without_a_header_is_read_by_the_columns_that_are_named(tmp_path):
    path = table(tmp_path / "pairs.txt", PAIRS, header="")
    found = load_translations(path, columns=["english", "french"])
    assert sorted(every_pair(found)) == sorted(PAIRS) and found.languages == ("english", "french")


def test_a_zip_archive_that_holds_one_table_is_read_as_it_is(tmp_path):
    table(tmp_path / "fra.txt", PAIRS, header="")
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as archive:
        archive.write(tmp_path / "fra.txt", "fra.txt")
        archive.writestr("_about.txt", "where it is from")
    found = load_translations(tmp_path / "fra-eng.zip", columns=["en", "fr"])
    assert sorted(every_pair(found)) == sorted(PAIRS)


def parallel(folder, parts, packed=False):
    for part, pairs in parts.items():
        for language, side in (("en", 0), ("fr", 1)):
            text = "".join(f"{pair[side]}\n" for pair in pairs).encode()
            name = f"{part}.{language}"
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(text) if packed else text)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_parallel_lines_has_parts_of_its_own(packed, tmp_path):
    parts = {"train": PAIRS[:30], "dev": PAIRS[30:35], "test_2016": PAIRS[35:]}
    found = load_translations(parallel(tmp_path, parts, packed), "en", "fr")
    assert [found.train.pairs, found.validation.pairs, found.test.pairs] == list(parts.values())


def test_two_parallel_files_are_split(tmp_path):
    found = load_translations(parallel(tmp_path, {"corpus": PAIRS}), "fr", "en")
    assert sorted(every_pair(found)) == sorted((b, a) for a, b in PAIRS)
    assert found.validation.sources and found.test.sources


def test_rows_with_an_empty_field_are_left_out_and_said(tmp_path):
    path = table(tmp_path / "pairs.tsv", [*PAIRS[:10], ("alone", ""), *PAIRS[10:]])
    found = load_translations(path)
    assert sorted(every_pair(found)) == sorted(PAIRS)
    assert found.notes == ("1 of 41 rows have an empty field, line 12 first: left out.",)


def _unequal(folder):
    parallel(folder, {"train": PAIRS})
    (folder / "train.fr").write_text("les chiens\n" * 39)
    return {}, r"train\.en has 40 lines and .*train\.fr 39"


def _empty_line(folder):
    parallel(folder, {"train": [*PAIRS[:3], ("", "vide"), *PAIRS[3:]]})
    return {}, r"train\.en, line 4 is empty"


def _no_column(folder):
    table(folder / "pairs.tsv", PAIRS)
    return {"name": folder / "pairs.tsv", "source": "de"}, r"has en, fr, and no 'de'.*--source"


def _same_language(folder):
    table(folder / "pairs.tsv", PAIRS)
    return {"name": folder / "pairs.tsv", "source": "en", "target": "en"}, "both 'en'"


def _one_column(folder):
    table(folder / "pairs.tsv", [(a,) for a, _ in PAIRS], "en")
    return {"name": folder / "pairs.tsv"}, "has one column"


def _short_row(folder):
    table(folder / "pairs.tsv", [*PAIRS[:5], ("alone",)])
    return {"name": folder / "pairs.tsv"}, "line 7: expected the columns en and fr, found 1 field"


def _out_of_the_folder(folder):
    with zipfile.ZipFile(folder / "bad.zip", "w") as archive:
        archive.writestr("../evil.tsv", "en\tfr\na\tb\n")
    return {"name": folder / "bad.zip"}, "points out of the archive"


def _damaged(folder):
    with zipfile.ZipFile(folder / "bad.zip", "w") as archive:
        archive.writestr("a.tsv", "en\tfr\n" + "a\tb\n" * 2000, zipfile.ZIP_DEFLATED)
    data = bytearray((folder / "bad.zip").read_bytes())
    data[60:70] = b"0123456789"
    (folder / "bad.zip").write_bytes(data)
    return {"name": folder / "bad.zip"}, "cut short or damaged"


def _nothing(folder):
    return {}, "no two files of parallel lines"


def _too_few(folder):
    table(folder / "pairs.tsv", PAIRS[:2])
    return {"name": folder / "pairs.tsv"}, "has 2 pairs"


def _missing(folder):
    return {"name": folder / "none.tsv"}, "no data set and no file"


@pytest.mark.parametrize(
    "wrong",
    [
        _unequal, _empty_line, _no_column, _same_language, _one_column, _short_row,
        _out_of_the_folder, _damaged, _nothing, _too_few, _missing,
    ],
    ids=lambda make: make.__name__.strip("_"),
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(wrong, tmp_path):
    arguments, message = wrong(tmp_path)
    with pytest.raises(DataError, match=message) as error:
        load_translations(**{"name": tmp_path, **arguments})
    assert "\n" not in str(error.value)
    assert not (tmp_path.parent / "evil.tsv").exists()


# Known sets


def test_multi30k_has_its_published_parts(real_data):
    found = load_translations("multi30k")
    assert [found.info[part] for part in ("train", "validation", "test", "test_2017")] == [
        *(28_995, 1_014, 1_000, 1_000)  # of 29,000 pairs to learn from five stand there twice
    ]
    assert found.train.pairs[0] == (
        "two young , white males are outside near many bushes .",
        "deux jeunes hommes blancs sont dehors près de buissons .",
    )
    assert load_translations("multi30k", "fr").languages == ("fr", "en")


@pytest.mark.slow
def test_no_test_sentence_of_tatoeba_is_in_its_training_part(real_data):
    found = load_translations("fra-eng", "fr", "en")
    sizes = [len(part.pairs) for part in (found.train, found.validation, found.test)]
    assert sum(sizes) > 130_000 and min(sizes[1:]) > 2_500
    english = {english.casefold() for _, english in found.train.pairs}
    french = {french.casefold() for french in found.train.sources}
    for part in (found.validation, found.test):
        assert not any(e.casefold() in english or f.casefold() in french for f, e in part.pairs)
    assert max(map(len, found.test.references)) > 1


# The grammar


def test_every_reading_of_a_sentence_is_right_and_anothers_is_not():
    sentences = pinyin_grammar.generated_sentences(60, seed=1)
    for sentence, other in zip(sentences, sentences[1:] + sentences[:1], strict=True):
        readings = set(sentence.readings())
        assert sentence.target in readings and all(map(sentence.is_right, readings))
        for reading in set(other.readings()) - readings:
            assert not sentence.is_right(reading)
        assert not sentence.is_right(sentence.target.replace(" .", "").replace(" ?", ""))


def test_english_says_what_chinese_leaves_out():
    found = {}
    for sentence in pinyin_grammar.generated_sentences(4_000, seed=0, clauses=(1, 1)):
        found[sentence.source] = set(sentence.readings())
    third = [r for s, r in found.items() if s.startswith("ta chi ping guo")]
    assert all(reading.split()[1] == "eats" for readings in third for reading in readings)
    for source, readings in found.items():
        words = {word for reading in readings for word in reading.split()}
        if "ma ?" in source:
            assert all(r.split()[0] in ("do", "does", "did", "will") for r in readings)
        if "zuo tian" in source:
            assert "yesterday" in words and not words & {"eats", "likes", "will", "do", "does"}
        if "bu hui" in source:
            assert {"will", "not"} <= words
        if source.startswith("ta ") and not {"de", "men"} & set(source.split()):
            assert len(readings) == 2  # he, she


def test_a_seed_draws_the_same_sentences_and_no_two_are_alike():
    first, again = (pinyin_grammar.generated_sentences(200, seed=5) for _ in range(2))
    assert first == again and len({sentence.source for sentence in first}) == 200
    long = pinyin_grammar.generated_sentences(20, seed=5, clauses=(3, 4))
    assert all(3 <= len(sentence.clauses) <= 4 for sentence in long)


@pytest.mark.slow
def test_of_the_generated_set_longer_sentences_are_a_part_of_their_own():
    found = load_translations("grammar")
    clauses = {
        name: {len(found.sentences[source].clauses) for source in part.sources}
        for name, part in (("train", found.train), ("longer", found.others["longer"]))
    }
    assert max(clauses["train"]) < min(clauses["longer"])
    assert set(found.test.sources).isdisjoint(found.train.sources)
    assert found.languages == (pinyin_grammar.SOURCE, pinyin_grammar.TARGET)
    assert all(found.sentences[s].is_right(t) for s, t in found.test.pairs)
    assert load_translations("grammar", "english").languages == ("english", "pinyin")


def test_the_hash_is_that_of_the_pairs(tmp_path):
    one = load_translations(table(tmp_path / "a.tsv", PAIRS)).info
    other = load_translations(table(tmp_path / "b.tsv", [*PAIRS[:-1], ("x", "y")])).info
    assert one["sha256"] != other["sha256"] and one["train"] + one["validation"] + one["test"] == 40
    assert translations.KNOWN == ("multi30k", "fra-eng", "grammar")
