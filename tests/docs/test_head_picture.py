"""The head picture shows what was recorded: known words in ink, and letters on a cell's colour."""

import dataclasses
import itertools
import json

import matplotlib.colors
import numpy as np
import pytest
import redraw
from results_parts import head

from recipe_kit.figures import Figure
from rnn_kit.jsonable import jsonable


def test_what_is_shown_was_recorded_with_the_settings_of_now():
    runs = head.recorded()["runs"]
    assert list(runs) == list(head.EPOCHS) == list(head.NAMES)
    for name, run in runs.items():
        assert run["settings"] == jsonable(dataclasses.asdict(head.settings_of(name)))
        *batches, last = (moment["batch"] for moment in run["moments"])
        assert tuple(batches) == head.MOMENTS and last > batches[-1]


def test_what_is_recorded_begins_as_noise_and_becomes_words():
    for run in head.recorded()["runs"].values():
        nats = [moment["nats"] for moment in run["moments"]]
        assert nats[0] == pytest.approx(np.log(run["data"]["distinct"]), abs=0.1)
        assert all(later < earlier for earlier, later in itertools.pairwise(nats))
        known = [share_of_known(moment) for moment in (run["moments"][0], run["moments"][-1])]
        assert known[0] < 0.2 and known[1] > 0.9


def share_of_known(moment):
    words = head.WORD.findall(moment["text"])
    return sum(len(word) for word in words if word in moment["known"]) / len("".join(words))


def test_the_cell_has_a_shade_for_every_letter_and_follows_the_position_in_the_line():
    cell = head.recorded()["cell"]
    assert len(cell["shades"]) == len(cell["text"])
    assert max(map(abs, cell["shades"])) <= 1 and cell["measure"] == "r" and cell["held_out"] > 0.7
    at = [len(cell["text"][: n + 1].rpartition("\n")[2]) for n in range(len(cell["text"]))]
    assert np.corrcoef(at, cell["shades"])[0, 1] > 0.7


@pytest.fixture
def ax():
    axes = Figure().subplots()
    axes.set(xlim=(0, head.WIDTH), ylim=(100, 0))
    return axes


def drawn(ax):
    return {text.get_text(): matplotlib.colors.to_hex(text.get_color()) for text in ax.texts}


def test_known_words_are_in_ink_and_punctuation_as_the_word_before(ax):
    head._sample(ax, 0, 0, {"text": "$ the, spirt; of 3", "known": ["the", "of"]})
    assert drawn(ax) == {
        r"\$ ": head.FAINT, "the": head.INK, ", ": head.INK,
        "spirt": head.FAINT, "; ": head.FAINT, "of": head.INK, " 3": head.FAINT,
    }  # fmt: skip


def test_a_word_is_known_if_its_text_has_it_and_a_short_one_if_it_has_it_often():
    learned = "the cat sat on a mat, O cat " * 300 + "t es oracle"
    written = "the oracle on t a es O dog cat"
    assert head.known_words(learned, written) == ["the", "oracle", "on", "a", "O", "cat"]


def test_letters_stand_one_advance_apart(ax):
    head._sample(ax, 10, 0, {"text": "ab cd", "known": []})
    assert [text.get_position()[0] for text in ax.texts] == [
        pytest.approx(10 + n * head.ADVANCE) for n in (0, 2, 3)
    ]


def test_lines_of_a_sample_are_broken_between_words_and_none_is_empty():
    lines = head._lines("\n\n" + "word " * 15 + "\n\nthe end\n" + "x" * 200)
    assert len(lines) == head.LINES and all(0 < len(line) <= head.COLUMNS for line in lines)
    assert lines[0].endswith("word") and lines[2] == "the end"
    assert head._lines("x" * 60)[0] == "x" * head.COLUMNS  # a word that no line can hold


def test_each_letter_is_on_the_colour_of_its_own_shade(ax):
    head._strip(ax, 10, 20, {"text": "\nab\ncd", "shades": [0, 1, -1, 0, 0.5, 0]})
    assert [tuple(image.get_extent()[:2]) for image in ax.images] == [(10, 10 + 2 * head.ADVANCE)] * 2
    pixels = [image.get_array()[0] for image in ax.images]
    np.testing.assert_allclose(pixels[0], [head.BLUE, head.ORANGE])
    np.testing.assert_allclose(pixels[1], [(1 + head.BLUE) / 2, (1, 1, 1)])


def test_it_is_not_taken_from_a_run(capsys):
    with pytest.raises(SystemExit) as stopped:
        redraw.main(["head", "--run", "somewhere"])
    assert stopped.value.code == 2 and "not taken from --run" in capsys.readouterr().err


@pytest.mark.slow
def test_it_is_recorded_and_drawn_by_one_command(tmp_path, monkeypatch):
    def small(name):
        return dataclasses.replace(
            head.SETTINGS, data="stdlib", limit=40_000, units=16, embedding=8, batch_size=8, epochs=1
        )

    monkeypatch.setattr(head, "settings_of", small)
    monkeypatch.setattr(head, "FILE", tmp_path / "head.json")
    monkeypatch.setattr(head, "MOMENTS", (0, 3))
    monkeypatch.setattr(redraw.pictures, "DOCS", tmp_path)
    assert redraw.main(["head"]) == 0
    recorded = json.loads((tmp_path / "head.json").read_text())
    for run in recorded["runs"].values():
        assert [moment["batch"] for moment in run["moments"]][:2] == [0, 3]
        assert all(len(moment["text"]) == head.WRITTEN for moment in run["moments"])
    assert len(recorded["cell"]["shades"]) == head.COLOURED
    assert redraw.pictures.faults("head") == []
