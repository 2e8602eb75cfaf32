"""Tagged sentences: files of every scheme, what is refused, parts, and the generated language."""

import collections

import pytest

from recipe_kit.datasets import DataError, teddy_grammar
from recipe_kit.datasets.tagged import Sentence, load_tagged, parse_lines


def test_lines_of_words_and_tags_become_sentences_in_one_scheme():
    text = (
        "-DOCSTART- -X- -X- O\n\n"
        "EU NNP B-NP I-ORG\nrejects VBZ B-VP O\n\n\n"
        "Peter\tS-PER\nin O\nNew B-LOC\nYork E-LOC\n"
    )
    sentences, repaired = parse_lines(text, "here")
    assert sentences == [
        Sentence(["EU", "rejects"], ["B-ORG", "O"]),
        Sentence(["Peter", "in", "New", "York"], ["B-PER", "O", "B-LOC", "I-LOC"]),
    ]
    assert repaired == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a O\nb\n", r"file.txt, line 2: expected a word and its tag .* found 'b' alone"),
        ("a O\n\nb PER\n", r"file.txt, line 3: 'PER' is no tag: expected O, or one of B, I"),
        ("a X-PER\n", "'X-PER' is no tag"),
        ("\n-DOCSTART- O\n", "has no sentence"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_told_by_its_line(text, told, tmp_path):
    (tmp_path / "file.txt").write_text(text)
    with pytest.raises(DataError, match=told):
        load_tagged(str(tmp_path / "file.txt"))


def lines(count, name="B-PER"):
    return "".join(f"he O\nsaw O\nname{n} {name}\n\n" for n in range(count))


def test_a_single_file_is_split_and_what_is_alike_stays_together(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_bytes((lines(40) * 2).replace("\n", "\r\n").encode("utf-8-sig"))
    found, again = load_tagged(str(path)), load_tagged(str(path))
    assert found == again
    parts = [{" ".join(s.words) for s in part} for part in (found.train, found.validation, found.test)]
    assert [len(part) for part in parts] == [32, 4, 4] and len(set.union(*parts)) == 40
    assert len(found.train) == 64 and found.types == ["PER"]
    assert found.info["train_words"] == 3 * 64 and not found.notes


def test_a_folder_of_three_files_in_any_of_their_usual_names(tmp_path):
    for name, count in (("eng.train", 5), ("eng.testa", 2), ("eng.testb", 3)):
        (tmp_path / name).write_text(lines(count, "I-PER"))
    found = load_tagged(str(tmp_path))
    assert [len(part) for part in (found.train, found.validation, found.test)] == [5, 2, 3]
    assert found.train[0].tags == ["O", "O", "B-PER"]
    assert found.notes[0] == "5 names of the train part begin with I: they are read as if with B."
    (tmp_path / "dev.txt").write_text(lines(1))
    with pytest.raises(DataError, match=r"has dev\.txt and eng\.testa: expected one file"):
        load_tagged(str(tmp_path))
    (tmp_path / "dev.txt").unlink()
    (tmp_path / "eng.testb").unlink()
    with pytest.raises(DataError, match=r"has no file for test: expected names such as test\.txt"):
        load_tagged(str(tmp_path))


def test_what_is_not_there_or_has_nothing_to_learn_is_said(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="The known sets are conll2003, teddy"):
        load_tagged("nowhere.txt")
    (tmp_path / "few.txt").write_text(lines(4))
    with pytest.raises(DataError, match="4 different sentences: expected 5 at least"):
        load_tagged(str(tmp_path / "few.txt"))
    (tmp_path / "few.txt").write_text(lines(5))
    assert [len(part) for part in load_tagged(str(tmp_path / "few.txt"))[:3]] == [3, 1, 1]
    (tmp_path / "none.txt").write_text(lines(20, "O"))
    with pytest.raises(DataError, match="the tag O alone"):
        load_tagged(str(tmp_path / "none.txt"))
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    monkeypatch.setattr("recipe_kit.datasets.tagged.data_folder", lambda: tmp_path / "data")
    with pytest.raises(DataError, match=r"belongs to Reuters.*eng.testb.*--data teddy"):
        load_tagged("conll2003")


def test_conll_2003_is_read_as_published(real_data):
    found = load_tagged("conll2003")
    assert found.types == ["LOC", "MISC", "ORG", "PER"] and not found.notes
    assert (found.info["train_sentences"], found.info["test_sentences"]) == (14_041, 3_453)
    counts = collections.Counter(tag for s in found.test for tag in s.tags)
    # Tjong Kim Sang and De Meulder 2003, table 2: the test part's entities.
    assert [counts[f"B-{kind}"] for kind in found.types] == [1668, 702, 1661, 1617]


def test_of_the_generated_language_nothing_before_a_name_tells_that_it_is_one():
    drawn = teddy_grammar.generated_sentences(4000, seed=1)
    assert teddy_grammar.generated_sentences(50, seed=1) == drawn[:50]
    names = collections.defaultdict(list)
    for words, tags, doubt in drawn:
        assert words[doubt] in teddy_grammar.AMBIGUOUS and set(tags[:doubt]) == {"O"}
        names[tuple(words[: doubt + 1])].append(tags[doubt] == "B-PER")
    shares = [sum(of) / len(of) for of in names.values() if len(of) > 40]
    assert len(shares) > 20 and min(shares) > 0.2 and max(shares) < 0.8
    # And the whole sentence always does.
    told = collections.defaultdict(set)
    for words, tags, _ in drawn:
        told[tuple(words)].add(tuple(tags))
    assert all(len(tags) == 1 for tags in told.values())


def test_the_generated_parts_are_those_of_the_recipe():
    found = load_tagged("teddy")
    assert found.types == ["PER"] and len(found.train) == 4_000
    assert {word for sentence in found.test for word in sentence.words} >= set(teddy_grammar.AMBIGUOUS)
