"""What the command lines share: settings that are flags, texts on a terminal, prompts."""

import dataclasses
import io
import os
import re
import sys

import matplotlib
import pytest

from recipe_kit import cli, quiet_tensorflow
from recipe_kit.cli import command_line, setting
from rnn_kit.text import read_text


@dataclasses.dataclass(frozen=True)
class Settings:
    units: int = setting(8, "of each layer", cli.positive_int)
    lower: bool = setting(True, "lower-case", group="data and run")
    rate: float | None = setting(None, "of the loss", cli.positive)
    cell: str = setting("lstm", "the layer", choices=("lstm", "gru"))
    temperatures: tuple[float, ...] = setting(
        (0.5, 1.0), "low is safe", cli.temperature, flag="--temperature", group="writing"
    )
    seed: int = setting(0, "of weights", cli.seed, group="data and run")


PRESETS = {"cpu": Settings(), "big": Settings(units=64, lower=False, temperatures=(1.0,))}


def parse(*argv):
    return line().parse(argv)


def line():
    """The command line of a recipe that trains and writes, and once wrote with a flag."""
    line = cli.CommandLine("toy.py", "About.", Settings, PRESETS, {"--sample-only": "sample"})
    line.train()
    line.verb("sample", "write with a saved run", {"writing"}, also={"seed"}, saved_run=True)
    return line


def test_every_setting_is_a_flag_that_overrides_the_preset():
    flags = parse("--units", "3", "--no-lower", "--rate", "0.5", "--temperature", "0", "2")
    assert cli.override(PRESETS["cpu"], flags) == Settings(3, False, 0.5, "lstm", (0.0, 2.0))
    assert cli.override(PRESETS["big"], parse()) == PRESETS["big"]
    assert cli.override(PRESETS["big"], parse("--lower")).lower


@pytest.mark.parametrize("more", [[], ["--seeds", "0", "1"]], ids=["one", "seeds"])
def test_a_run_whose_data_cannot_be_had_leaves_no_folder(more, tmp_path):
    """Its folder is there from the start, so that no other run of that second takes it."""
    flags = parse(*more)
    seen = []

    def without_data(settings, open_run):
        seen.extend(path for path in tmp_path.rglob("cpu-*"))
        raise cli.UserError("There are no data.")

    with pytest.raises(cli.UserError):
        cli.run_seeds("toy", flags, PRESETS, Settings, without_data, tmp_path, root=tmp_path / "runs")
    assert len(seen) == 1 and not seen[0].exists()


def test_what_is_meant_for_a_presets_own_data_is_the_default_again_with_other_data():
    @dataclasses.dataclass(frozen=True)
    class OfData:
        data: str = setting("letters", "a name or a path", group="data and run")
        lower: bool = setting(False, "lower-case", of_data=True)
        units: int = setting(8, "of each layer", cli.positive_int)

    preset = OfData(lower=True, units=3)

    def settings(*argv):
        line = cli.CommandLine("toy.py", "About.", OfData, {"cpu": preset})
        line.train()
        return cli.override(preset, line.parse(argv))

    assert settings() == settings("--data", "letters") == preset
    assert settings("--data", "mine.txt") == OfData("mine.txt", lower=False, units=3)
    assert settings("--data", "mine.txt", "--lower") == OfData("mine.txt", lower=True, units=3)
    assert settings("--no-lower") == OfData(lower=False, units=3)


def shown_by(*argv, capsys):
    with pytest.raises(SystemExit) as exit:
        parse(*argv)
    assert exit.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_shows_each_flag_with_what_the_default_preset_has(capsys):
    shown = shown_by("train", "--help", capsys=capsys)
    assert "--units N of each layer (cpu: 8)" in shown
    assert "--lower, --no-lower lower-case (cpu: yes)" in shown
    assert "--rate X of the loss --cell" in shown  # no default to show
    assert "low is safe (cpu: 0.5 1.0)" in shown
    assert "big units 64, lower no, temperatures 1.0" in shown
    assert "cpu the defaults above" in shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--units", "0"], "'0' is not an integer of at least 1"),
        (["--rate", "inf"], "'inf' is not a number above 0"),
        (["--seed", "x"], "'x' is not an integer from 0"),
        (["--temperature", "-1"], "--temperature"),
        (["--cell", "rnn"], "--cell"),
        (["--unit", "3"], "--unit"),
        (["sample", "--units", "3"], "--units has no meaning with sample, but with train"),
        (["sample", "--record"], "--record has no meaning with sample"),
        (["sample", "--seeds", "3"], "--seeds has no meaning with sample"),
        (["--run", "x"], "--run has no meaning with train, but with sample"),
        (["--sample-only"], "--sample-only is a verb now: toy.py sample"),
        (["smaple"], "unknown verb smaple: did you mean sample?"),
        (["xyz"], "unknown verb xyz: there are train, sample"),
    ],
)
def test_a_bad_flag_is_one_line(argv, message, capsys):
    with pytest.raises(SystemExit) as exit:
        parse(*argv)
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.count("\n") == 1 and message in err


def test_a_verb_takes_its_own_flags_and_has_what_every_recipe_asks_for(monkeypatch):
    monkeypatch.setattr(command_line, "_open_saved", lambda path, recipe: None)  # there is no run
    flags = parse("sample", "--temperature", "0", "--seed", "4")
    assert flags.temperatures == [0.0] and flags.seed == 4 and flags.verb == "sample"
    nothing = (flags.preset, flags.out, flags.resume, flags.seeds, flags.record, flags.run)
    assert nothing == (None, None, False, None, False, None)
    assert flags.argv == ["sample", "--temperature", "0", "--seed", "4"]
    assert not hasattr(flags, "units")


def test_what_is_behind_two_dashes_is_no_flag():
    line = cli.CommandLine("toy.py", "About.", Settings, PRESETS, {"--units": "train"})
    line.train()
    line.verb("predict", "judge a text").add_argument("text")
    assert line.parse(["predict", "--", "--units"]).text == "--units"


def test_what_a_recipe_cannot_do_is_refused_before_tensorflow_starts(monkeypatch):
    def check(flags):
        raise cli.UserError(f"no {flags.verb}")

    monkeypatch.setattr(quiet_tensorflow, "start", lambda: pytest.fail("TensorFlow was started"))
    with pytest.raises(cli.UserError, match="no sample"):
        line().parse(["sample"], check)


def test_train_is_the_verb_where_none_is_named():
    assert parse("--units", "3").verb == parse("train", "--units", "3").verb == "train"


def test_the_recipes_help_tells_its_verbs_and_presets_and_a_verbs_its_flags_alone(capsys):
    shown = shown_by("--help", capsys=capsys)
    assert "usage: toy.py [verb] [flags] About." in shown
    assert "sample write with a saved run" in shown and "big units 64, lower no" in shown
    assert "--units" not in shown
    shown = shown_by("sample", "-h", capsys=capsys)
    assert "usage: toy.py sample" in shown and "--temperature X" in shown and "--run RUN" in shown
    assert "--units" not in shown and "--out" not in shown and "presets" not in shown


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--unit", "3"], "unknown flag --unit: did you mean --units?"),
        (["--temprature=3"], "unknown flag --temprature=3: did you mean --temperature?"),
        (["-units", "3"], "unknown flag -units: did you mean --units?"),
        (["\N{EM DASH}units", "3"], "did you mean --units?"),
        (["--xyz"], "unknown flag --xyz (toy.py train --help"),
        (
            ["--out", "my", "runs"],
            "--out takes one value, and 2 follow it: my runs. Put quotation marks",
        ),
        (["sample", "now"], "now belongs to no flag: leave it out"),
        (["sample", "--temperatur", "1"], "did you mean --temperature?"),
    ],
)
def test_a_mistyped_flag_gets_the_nearest_right_one(argv, message, capsys):
    with pytest.raises(SystemExit) as exit:
        parse(*argv)
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.count("\n") == 1 and message in err


def test_several_files_where_one_is_wanted_are_to_be_given_by_their_folder(tmp_path, capsys):
    @dataclasses.dataclass(frozen=True)
    class OfText:
        data: str = setting("letters", "a name or a path", group="data and run")
        units: int = setting(8, "of each layer", cli.positive_int)

    line = cli.CommandLine("toy.py", "About.", OfText, {"cpu": OfText()})
    line.train()
    paths = [tmp_path / f"{n}.txt" for n in range(4)]
    for path in paths:
        path.write_text("")
    with pytest.raises(SystemExit):
        line.parse(["--data", *map(str, paths), "--units", "3"])
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--data takes one value, and 4 follow it: " in err and "give their folder" in err


def test_memory_that_runs_out_elsewhere_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["toy.py"])

    def judge():
        raise MemoryError("Unable to allocate 4 TiB")

    with pytest.raises(SystemExit) as exit:
        cli.run_recipe(judge)
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.count("\n") == 1 and "Unable to allocate 4 TiB" in err


def test_an_argument_that_the_library_names_is_printed_as_its_flag(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["toy.py"])
    (tmp_path / "menu.txt").write_bytes(b"caf\xe9")
    for how, shown in ({}, "--encoding cp1252"), ({"encoding": "ascii"}, "another with --encoding\n"):
        with pytest.raises(SystemExit):
            cli.run_recipe(lambda how=how: read_text(tmp_path / "menu.txt", **how))
        err = capsys.readouterr().err
        assert shown in err and "encoding=" not in err


def test_a_picture_that_fails_costs_a_line_and_no_result(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["toy.py"])
    with matplotlib.rc_context({"text.usetex": True}):
        with cli.drawing():
            assert not matplotlib.rcParams["text.usetex"]
            raise RuntimeError("latex was not found\nand more of it")
        assert matplotlib.rcParams["text.usetex"]
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "RuntimeError: latex was not found" in err


def test_an_interrupt_amid_pictures_is_none_of_their_faults():
    with pytest.raises(KeyboardInterrupt), cli.drawing():
        raise KeyboardInterrupt


def test_a_command_with_bytes_that_are_not_utf8_can_be_pasted(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["toy.py"])
    out = os.fsdecode(b"it's a caf\xe9")
    assert cli.command("--out", out).endswith(r" toy.py --out $'it\'s a caf\xe9'")
    assert cli.command("--out", "it's").endswith(" --out 'it'\"'\"'s'")


def test_columns_wrap_at_spaces_and_break_what_is_too_long():
    shown = cli.side_by_side({"one": "aaaa bbbb " * 4, "two": "c" * 30 + "\n\tend"}, width=54)
    assert shown.splitlines() == [
        "one                         two",
        "-" * 26 + "  " + "-" * 26,
        "aaaa bbbb aaaa bbbb aaaa    " + "c" * 26,
        "bbbb aaaa bbbb              cccc",
        " " * 32 + "end",
    ]


def test_four_columns_fit_an_old_terminal():
    shown = cli.side_by_side(dict.fromkeys("abcd", "text"), width=80)
    assert shown.splitlines()[2].split() == ["text"] * 4


def test_wide_characters_take_two_cells():
    shown = cli.side_by_side({"one": "月光在水上" * 6, "two": "end"}, width=54)
    assert shown.splitlines()[2] == ("月光在水上" * 6)[:13] + "  end"


def test_a_narrow_terminal_shows_one_text_below_the_other():
    shown = cli.side_by_side({"one": "a b", "two": "c"}, width=36)
    assert shown == "----- one\na b\n\n----- two\nc\n"


def test_the_prompt_loop_ends_with_its_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo"))
    answered = []
    cli.prompt_loop(answered.append)
    assert answered == ["one", "", "two"] and capsys.readouterr().out == ""


def test_ctrl_c_ends_the_prompt_loop(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))

    def answer(line):
        raise KeyboardInterrupt

    cli.prompt_loop(answer)


WORDS, SCORES = ["It", "is", "superb", "zxq", "no"], [0.5, 0.48, 0.9, 0.88, 0.05]
PLAIN_LEGEND = "(+0.31): towards positive by 0.31; [word]: not in the vocabulary"


def test_words_are_red_blue_or_as_they_were():
    shown = cli.coloured_words(WORDS, SCORES, {3}, color=True, width=80)
    text, legend = shown.splitlines()
    found = dict(re.findall(r"\x1b\[38;5;16;48;5;(\d+)m(.+?)\x1b\[0m", text))
    red, blue = (next(code for code, word in found.items() if word == w) for w in ("no", "superb"))
    assert red != blue and text.startswith("It is \x1b")
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == "It is superb [zxq] no"
    assert legend == "red: negative … blue: positive; [word]: not in the vocabulary"


def test_a_surer_score_is_a_stronger_colour():
    shades = [cli.coloured_words(["a"], [p], color=True, width=80) for p in (0.7, 0.8, 0.95, 0.3, 0.05)]
    assert len(set(shades)) == 5
    assert "\x1b" not in cli.coloured_words(["a", "b"], [0.45, 0.55], color=True, width=80)


def test_without_colours_words_that_move_the_score_say_so():
    shown = cli.coloured_words(WORDS, SCORES, {3}, color=False, width=80)
    assert shown.splitlines() == ["It is superb(+0.42) [zxq] no(-0.83)", PLAIN_LEGEND]


def test_colours_are_for_terminals_without_no_color(monkeypatch):
    def coloured(terminal, **environment):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
        monkeypatch.setenv("NO_COLOR", environment.get("NO_COLOR", ""))
        return "\x1b" in cli.coloured_words(["good"], [0.9], width=40)

    assert coloured(True)
    assert not coloured(False)
    assert not coloured(True, NO_COLOR="1")


@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("width", [1, 7, 20, 33])
def test_no_line_of_words_is_wider_than_the_terminal(color, width):
    words = "the 月光在水上 incomprehensibilities of a scene e\u0301te\u0301".split() * 3
    scores = [0.9, 0.1, 0.5] * (len(words) // 3)
    shown = re.sub(r"\x1b\[[\d;]*m", "", cli.coloured_words(words, scores, {1}, color, width))
    lines = shown.splitlines()
    assert max(cells(line) for line in lines) <= max(2, width)
    first = words[0] if color else "the(+0.40)"
    assert "".join(shown.split()).startswith(first + "[月光在水上]")


def test_words_fill_the_line_to_its_last_cell():
    lines = cli.coloured_words(["月光", "abc", "d"], [0.5] * 3, color=False, width=8).splitlines()
    assert lines[:2] == ["月光 abc", "d"]


def test_words_cannot_command_the_terminal():
    shown = cli.coloured_words(["\x1b[2J", "a\nb"], [0.5, 0.5], color=False, width=80)
    assert shown.splitlines()[0] == "·[2J a·b"


def test_a_text_of_no_words_is_its_legend():
    assert cli.coloured_words([], [], color=False, width=80) == f"\n{PLAIN_LEGEND}\n"


def cells(line):
    return sum(2 if c in "月光在水上" else 0 if c == "\u0301" else 1 for c in line)
