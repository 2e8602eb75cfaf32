"""The recipe that shows what cells remember: runs, looks into saved models, page, pictures, errors."""

import base64
import html
import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest

import visualize_cells as recipe
from parts.visualize_cells import looking, run_figures, saved
from parts.visualize_cells.annotation import python_properties
from parts.visualize_cells.page import colour_scale, page
from parts.visualize_cells.search import Match
from recipe_kit.runs import Run
from rnn_kit.text import CharVocabulary, TextError

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)


def gru():
    return keras.layers.GRU(3, return_sequences=True)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A whole run of the preset `smoke`."""
    out = tmp_path_factory.mktemp("cells") / "run"
    metrics = recipe.main(["--preset", "smoke", "--out", str(out)])
    return out, metrics


def saved_model(folder, layers, text):
    """A folder with an untrained model and the vocabulary of a text."""
    vocabulary = CharVocabulary.from_text(text)
    folder.mkdir()
    vocabulary.save(folder / "vocabulary.json")
    model = keras.Sequential(
        [keras.Input((None,), dtype="int32"), keras.layers.Embedding(len(vocabulary), 4)]
    )
    for layer in layers:
        model.add(layer)
    model.add(keras.layers.Dense(len(vocabulary)))
    model.save(folder / "model.keras")


TEXT = (
    'def f(a, b=["x", (1, 2)]):\n    if a:  # why?\n        return "a (string"\n    return b\n\n' * 12
)


def test_the_ledger_has_no_metric_that_a_run_has_not(smoke, recorded_but_not_measured):
    # A property that is the same all over a short text is not measured in it.
    names = {
        f"{part}_{'auc' if p.is_binary else 'r'}_{p.name.replace(' ', '_')}"
        for p in python_properties(TEXT)
        for part in ("search", "test")
    }
    assert recorded_but_not_measured({*smoke[1], *names}) == set()


def test_a_run_leaves_its_result_pictures_page_and_model(smoke, written_but_not_declared):
    out, metrics = smoke
    assert written_but_not_declared(out) == set()
    names = {p.name for p in out.iterdir()}
    assert {"cells.html", "cells.png", "saturation.png", "result.json", "model.keras"} <= names
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == pytest.approx(metrics)
    assert {"test_nats", "test_auc_inside_brackets", "search_r_position_in_line"} <= set(metrics)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(smoke, tmp_path):
    again = recipe.main(["--preset", "smoke", "--out", str(tmp_path / "again")])
    seconds = {"train_seconds": 0}
    assert again | seconds == smoke[1] | seconds


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_end(smoke, tmp_path, monkeypatch):
    batches = []

    class Kill(recipe.kit.StopOnNaN):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)
            if len(batches) == 60:
                raise RuntimeError("killed")

    argv = ["--preset", "smoke", "--out", str(tmp_path / "killed"), "--checkpoint-seconds", "1e-9"]
    with monkeypatch.context() as patch:
        patch.setattr(recipe.kit, "StopOnNaN", Kill)
        with pytest.raises(RuntimeError, match="killed"):
            recipe.main(argv)
    resumed = recipe.main(["--resume", "--out", str(tmp_path / "killed")])
    seconds = {"train_seconds": 0}
    assert resumed | seconds == smoke[1] | seconds


def test_training_never_sees_what_is_searched_or_held_out():
    settings = recipe.PRESETS["smoke"]
    text = recipe.load_data(settings)
    whole, _ = recipe.load_text("stdlib", settings.limit)
    train = text.vocabulary.decode(text.train)
    assert whole.startswith(train)
    assert whole[len(train) :].startswith(text.searched.text)
    test = whole[len(train) + len(text.validation) :]
    assert test.startswith(text.held_out.text) and len(text.held_out.text) == settings.held_out


def test_properties_of_a_part_know_the_text_before_it():
    whole = 'x = """' + "a " * 300 + '"""\n'
    (part,) = looking.parts(whole, [(100, 300)], is_python=True)
    assert part.properties[0].name == "inside quotes" and part.properties[0].values.all()


@pytest.mark.slow
@pytest.mark.parametrize("make", recipe.cli.CELLS.values())
def test_any_layer_of_a_saved_stack_can_be_looked_into(make, tmp_path, run_main):
    layers = [make(units, return_sequences=True) for units in (5, 7)]
    saved_model(tmp_path / "model", layers, TEXT)
    (tmp_path / "text.py").write_text(TEXT)
    for layer, units in ((0, 5), (1, 7)):
        out = tmp_path / f"look-{layer}"
        code, printed, error = run_main(
            ["look", "--run", str(tmp_path / "model"), "--text", str(tmp_path / "text.py"),
             "--layer", str(layer), "--unit", "3", "--out", str(out)]
        )  # fmt: skip
        assert (code, error) == (0, "") and f"{make.__name__} of {units}" in printed
        assert "inside quotes" in printed and "position in line" in printed
        gates = make is not keras.layers.SimpleRNN
        assert (out / "saturation.png").exists() == gates
        assert ("no gates" in printed) != gates
        data = data_of((out / "cells.html").read_text())
        assert data["start"]["unit"] == 3
        assert all(len(state["scale"]) == units for state in data["states"].values())


@pytest.mark.slow
def test_a_saved_run_is_looked_into_on_what_it_held_out(smoke, tmp_path, run_main):
    out, metrics = smoke
    code, printed, error = run_main(
        [
            "look",
            "--run",
            str(out),
            "--search",
            "2000",
            "--held-out",
            "1000",
            "--out",
            str(tmp_path / "l"),
        ]
    )
    assert (code, error) == (0, "")
    for name, value in metrics.items():
        if name.startswith(("test_auc", "test_r")):
            assert f"{abs(value):.3f}" in printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n" * 300, "is empty"),
        ("x = 1\n", "has 6 characters, and 400 are the least"),
        ("ü€1\n" * 150, "never read, has 300 characters, and 400 are the least"),
        ("ü€" * 250, "never read, is empty"),
        (None, "is missing"),
    ],
)
def test_a_text_that_cannot_be_looked_at_is_one_line(text, message, tmp_path, run_main):
    saved_model(tmp_path / "model", [keras.layers.LSTM(3, return_sequences=True)], TEXT + "x = 1'")
    if text is not None:
        (tmp_path / "text.py").write_text(text, encoding="utf-8")
    code, _, error = run_main(
        ["look", "--run", str(tmp_path / "model"), "--text", str(tmp_path / "text.py"),
         "--out", str(tmp_path / "look")]
    )  # fmt: skip
    assert code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "look").exists()


@pytest.mark.slow
def test_characters_that_the_model_never_read_are_left_out_and_said(tmp_path, run_main):
    saved_model(tmp_path / "model", [gru()], TEXT)
    tables = []
    for name, text in (("known.py", TEXT), ("more.py", TEXT.replace("a:  #", "a:ü  #€") + "€")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        code, printed, error = run_main(
            ["look", "--run", str(tmp_path / "model"), "--text", str(tmp_path / name),
             "--out", str(tmp_path / f"look-{name}")]
        )  # fmt: skip
        assert (code, error) == (0, "")
        tables.append(printed[printed.index("\nlooking into") : printed.index("written to")])
        said = "Left out, never read by the model: 25 characters, 2 distinct: 'ü' '€'\n"
        assert (said in printed) == (name == "more.py")
    assert tables[0] == tables[1]


def config_of(folder, **settings):
    config = {"recipe": "nietzsche_generation", "preset": "cpu", "settings": settings}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"lower": True}, {}, None], ids=["setting", "letters", "no run"])
def test_a_model_of_lower_case_reads_a_text_in_lower_case(settings, tmp_path, run_main):
    saved_model(tmp_path / "model", [gru()], TEXT.lower())
    if settings is not None:
        config_of(tmp_path / "model", **settings)
    (tmp_path / "text.py").write_text(TEXT.upper())
    code, printed, error = run_main(
        ["look", "--run", str(tmp_path / "model"), "--text", str(tmp_path / "text.py"),
         "--search", "300", "--held-out", "200", "--out", str(tmp_path / "look")]
    )  # fmt: skip
    assert (code, error) == (0, "") and "Left out" not in printed
    assert "text.py is read in lower case, as what the model learned from was." in printed
    assert f"text.py 500 of {len(TEXT):,} characters are looked at: --search and --held-out" in printed


def test_what_a_run_in_lower_case_held_out_is_looked_at_in_lower_case(tmp_path):
    (tmp_path / "text.txt").write_text("Above Und Below. " * 400)
    text, info = recipe.load_text(tmp_path / "text.txt")
    config = {"settings": {"data": str(tmp_path / "text.txt"), "lower": True}, "data": info}
    run, vocabulary = Run(tmp_path, config), CharVocabulary.from_text(text.lower())
    searched, held_out, _ = saved.held_out_text(run, recipe.Settings(), vocabulary)
    assert text.lower().endswith(searched.text + held_out.text)


def test_a_text_to_look_at_may_be_in_another_encoding(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("Gr\u00fc\u00dfe " * 200, encoding="latin-1")
    settings = recipe.Settings(text=str(tmp_path / "text.txt"), encoding="latin-1")
    searched, _ = looking.own_text(settings, CharVocabulary.from_text("Gr\u00fc\u00dfe "))
    assert searched.text.startswith("Gr\u00fc\u00dfe ") and "Left out" not in capsys.readouterr().out
    with pytest.raises(TextError, match="encoding="):
        looking.own_text(recipe.Settings(text=settings.text), CharVocabulary.from_text("Gre "))


def test_a_vocabulary_that_is_not_the_runs_is_one_line(smoke, tmp_path, run_main):
    out = shutil.copytree(smoke[0], tmp_path / "run")
    known = CharVocabulary.load(out / "vocabulary.json").characters
    CharVocabulary(known[:-1] + "€").save(out / "vocabulary.json")
    code, _, error = run_main(["look", "--run", str(out), "--out", str(tmp_path / "look")])
    assert code == 2 and f"such as {known[-1]!r}" in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_users_text_that_a_preset_cuts_is_said_to_be_cut(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("Capitals Too. " * 2500)  # 35,000 characters
    recipe.main(
        ["--preset", "smoke", "--data", str(tmp_path / "mine.txt"), "--out", str(tmp_path / "r")]
    )
    said = capsys.readouterr().out
    assert "the first 30,000 of 35,000 characters are used: --limit none takes all" in said
    assert "C" in CharVocabulary.load(tmp_path / "r/vocabulary.json").characters


@pytest.mark.parametrize(
    ("make", "flags", "message"),
    [
        (lambda: keras.layers.Dense(3), [], "no recurrent layer"),
        (lambda: keras.layers.GRU(3), [], "predicts once a window"),
        (gru, ["--layer", "1"], "--layer 1: .* 0 to 0"),
        (gru, ["--unit", "3"], "--unit 3: .* 3 cells, 0 to 2"),
        (gru, ["--unit", "-1"], "not an integer of at least 0"),
    ],
)
def test_a_model_or_cell_that_is_not_there_is_one_line(make, flags, message, tmp_path, run_main):
    saved_model(tmp_path / "model", [make()], TEXT)
    (tmp_path / "text.py").write_text(TEXT)
    code, _, error = run_main(
        ["look", "--run", str(tmp_path / "model"), "--text", str(tmp_path / "text.py"), *flags]
    )
    assert code == 2 and re.search(message, error) and error.count("\n") == 1


def test_a_unit_out_of_range_is_refused_before_training(tmp_path, run_main):
    code, _, error = run_main(["--preset", "smoke", "--unit", "16", "--out", str(tmp_path / "run")])
    assert code == 2 and "16 cells, 0 to 15" in error and not (tmp_path / "run").exists()


def test_a_folder_without_a_model_or_text_is_one_line(tmp_path, run_main):
    code, _, error = run_main(["look", "--run", str(tmp_path)])
    assert code == 2 and "no model of characters" in error
    saved_model(tmp_path / "model", [gru()], TEXT)
    code, _, error = run_main(["look", "--run", str(tmp_path / "model")])
    assert code == 2 and "name one to look at with --text" in error
    (tmp_path / "model" / "vocabulary.json").unlink()
    CharVocabulary.from_text("abc").save(tmp_path / "model" / "vocabulary.json")
    code, _, error = run_main(["look", "--run", str(tmp_path / "model"), "--text", "x"])
    assert code == 2 and "not of one run" in error


def test_flags_that_mean_nothing_in_a_mode_are_refused(run_main):
    code, _, error = run_main(["look", "--epochs", "3"])
    assert code == 2 and "--epochs has no meaning with look" in error
    code, _, error = run_main(["--run", "somewhere"])
    assert code == 2 and "but with look" in error
    code, _, error = run_main(["look", "--encoding", "latin-1"])
    assert code == 2 and "add --text" in error


@pytest.mark.slow
def test_show_opens_the_page(smoke, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    recipe.main(["look", "--run", str(smoke[0]), "--out", str(tmp_path / "look"), "--show"])
    assert opened == [(tmp_path / "look" / "cells.html").as_uri()]


# --- the page ---------------------------------------------------------------------------------------


@pytest.fixture
def made_page(rng):
    """A page of 40 characters and 3 cells, and what went into it."""
    text = 'f("<b>", </script>)\n<!-- x = {1: "two"}\n'
    vocabulary = sorted(set(text))
    states = {name: rng.normal(size=(len(text), 3)) for name in "hc"}
    gates = {"forget": rng.random((len(text), 3))}
    probabilities = rng.dirichlet(np.ones(len(vocabulary)), len(text))
    properties = python_properties(text)
    matches = [
        Match("inside quotes", "AUC", "c", 1, 1, 0.99, 0.97),
        Match("inside quotes", "AUC", "h", 2, -1, 0.9, 0.8),
        Match("position in line", "r", "h", 0, -1, 0.9, 0.9),
    ]
    written = page(
        "A test.", text, vocabulary, probabilities, states, gates, properties, matches,
        ("c", 1, "inside quotes"),
    )  # fmt: skip
    return written, text, vocabulary, states, gates, probabilities, properties


def data_of(written):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', written, re.DOTALL)
    return json.loads(found[1])


def test_the_page_needs_nothing_from_outside_and_no_text_breaks_out_of_it(made_page):
    written, text, *_ = made_page
    assert not re.search(r"""https?:|\bsrc\s*=|\bhref\s*=|@import|url\(|\bfetch\(""", written)
    assert written.count("<script") == 2 and written.count("</script>") == 2
    assert "".join(data_of(written)["text"]) == text


def test_states_on_the_page_are_those_of_the_cells_to_a_127th(made_page):
    written, text, _, states, *_ = made_page
    for name, stored in data_of(written)["states"].items():
        values = np.frombuffer(base64.b64decode(stored["values"]), "int8").reshape(3, len(text)).T
        scale = np.array(stored["scale"])
        assert np.abs(values / 127 * scale - states[name]).max() <= scale.max() / 127
        middle, full = colour_scale(states[name])
        np.testing.assert_allclose(stored["middle"], middle, atol=1e-4)
        np.testing.assert_allclose(stored["full"], full, atol=1e-4)


DRIVE = """
<script>
const seen = { opened: $("cell").textContent, pressed: [], colours: {} };
const texts = (selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent);
const pressed = () => texts("#matches [aria-pressed=true]");
const at = (t) => document.querySelector(`#text span[data-t="${t}"]`);
seen.pressed.push(pressed());
document.querySelectorAll("#matches button")[2].click();
seen.clicked = $("cell").textContent;
seen.pressed.push(pressed());
$("state").value = "c";
$("state").dispatchEvent(new Event("change"));
$("unit").value = "2";
$("unit").dispatchEvent(new Event("change"));
seen.typed = $("cell").textContent;
$("unit").value = "99";
$("unit").dispatchEvent(new Event("change"));
seen.beyond = $("cell").textContent;
seen.scale = [$("low").textContent, $("high").textContent];
for (const t of [0, 5]) seen.colours[t] = getComputedStyle(at(t)).backgroundColor;
at(3).dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
seen.place = $("place").textContent;
seen.numbers = [...$("numbers").rows].map((r) => [...r.cells].map((c) => c.textContent));
seen.expected = [...$("expected").rows].map((r) => [r.cells[0].textContent, r.cells[2].textContent]);
seen.came = $("came").textContent;
$("text").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
seen.moved = $("place").textContent;
$("property").value = 0;
$("property").dispatchEvent(new Event("change"));
seen.underlined = texts("#text span.is").join("");
document.body.textContent = JSON.stringify(seen);
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed to open the page in")
def test_in_a_browser_cells_are_chosen_and_hover_tells_the_numbers(made_page, tmp_path):
    written, text, vocabulary, states, gates, probabilities, properties = made_page
    path = tmp_path / "cells.html"
    path.write_text(written.replace("</body>", DRIVE + "</body>"), encoding="utf-8")
    dom = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    seen = json.loads(html.unescape(re.search(r"<body>(.*)</body>", dom, re.DOTALL)[1]))
    assert seen["opened"] == "cell 1 of 3, state c"
    assert seen["clicked"] == "cell 0 of 3, state h"
    assert seen["typed"] == seen["beyond"] == "cell 2 of 3, state c"
    assert seen["pressed"] == [["c 1AUC 0.970"], ["h 0r −0.900"]]
    middle, full = (float(part[2]) for part in colour_scale(states["c"]))
    ends = (middle - full, middle + full)
    # Cell 2, state c: blue where it is above its median, orange below.
    for t, colour in seen["colours"].items():
        red, _, blue = map(int, re.findall(r"\d+", colour))
        assert (blue > red) == (states["c"][int(t), 2] > np.median(states["c"][:, 2]))
    assert seen["scale"] == [f"{edge:.2f}".replace("-", "−") for edge in ends]
    assert seen["place"] == f"after “{text[3]}”, character 3"
    numbers = dict(seen["numbers"])
    assert float(numbers["c"].replace("−", "-")) == pytest.approx(states["c"][3, 2], abs=0.02)
    assert float(numbers["forget gate"]) == pytest.approx(gates["forget"][3, 2], abs=0.01)
    assert numbers["inside quotes"] == "yes" and numbers["position in line"] == "4"
    order = np.argsort(-probabilities[3])[:5]
    expected = [[vocabulary[i], f"{probabilities[3, i]:.3f}"] for i in order]
    shown = [[{"␣": " ", "↵": "\n"}.get(c, c), p] for c, p in seen["expected"]]
    assert shown == expected
    assert seen["came"] == f"What came: {text[4]}"
    assert seen["moved"] == f"after “{text[4]}”, character 4"
    quoted = properties[0].values
    assert seen["underlined"] == "".join(c for c, q in zip(text, quoted, strict=True) if q)


# --- order, signs and colours -----------------------------------------------------------------------


def seen_with(matches):
    """A `Look` of nothing but these matches."""
    by_property = {}
    for match in matches:
        by_property.setdefault(match.property, []).append(match)
    return looking.Look("layer", None, {}, {}, None, 0.0, by_property)


FOUND = [
    Match("depth", "r", "c", 4, -1, 0.95, 0.93),
    Match("depth", "r", "c", 5, 1, 0.9, 0.98),
    Match("quotes", "AUC", "c", 1, 1, 0.9, 0.6),
    Match("quotes", "AUC", "h", 2, -1, 0.8, 0.889),
    Match("quotes", "AUC", "c", 3, 1, 0.7, 0.983),
    Match("brackets", "AUC", "c", 6, 1, 0.9, 0.7),
    Match("column", "r", "h", 7, 1, 0.5, -0.016),
]


def test_scores_are_sorted_within_their_own_scale():
    assert [m.property for m in seen_with(FOUND).best()] == ["brackets", "quotes", "depth", "column"]


def test_the_page_lists_each_propertys_cells_best_held_out_score_first():
    listed = [(m.property, m.held_out) for m in seen_with(FOUND).listed()]
    assert listed[1:4] == [("quotes", 0.983), ("quotes", 0.889), ("quotes", 0.6)]
    assert listed[4:] == [("depth", 0.98), ("depth", 0.93), ("column", -0.016)]


def test_a_correlation_has_the_sign_of_the_cell_and_an_auc_says_of_which_side_it_is():
    falling, _, _, low, *_, other_way = FOUND
    assert (falling.name, falling.shown(falling.held_out)) == ("c 4", "−0.930")
    assert (low.name, low.shown(low.held_out)) == ("−h 2", "0.889")
    assert other_way.shown(other_way.held_out) == "−0.016"
    printed = looking.table(seen_with(FOUND))
    assert "|r|" not in printed and "−0.930" in printed


def test_a_cell_that_never_crosses_zero_is_of_two_colours():
    values = np.stack([np.linspace(5.0, 7.0, 101), np.linspace(-1.0, 1.0, 101)], axis=1)
    middle, full = colour_scale(values)
    np.testing.assert_allclose(middle, [6.0, 0.0], atol=1e-9)
    shades = (values - middle) / full
    assert (shades[:50] < 0).all() and (shades[51:] > 0).all()
    assert (np.abs(shades) > 1).mean() < 0.06


def test_a_cell_that_never_moves_is_white():
    middle, full = colour_scale(np.full((9, 1), 0.25))
    assert middle == 0.25 and full > 0


# --- pictures ---------------------------------------------------------------------------------------


def test_a_gate_that_is_always_open_or_shut_is_drawn_in_its_corner():
    gates = {"forget": np.array([[1.0, 0.05, 0.5], [0.95, 0.0, 0.95]])}
    (ax,) = run_figures.saturation(gates).axes
    points = ax.collections[0].get_offsets()
    np.testing.assert_allclose(points, [[0, 1], [1, 0], [0, 0.5]])


def test_the_page_shows_the_stretch_where_the_properties_vary():
    text = "plain\n" * 50 + 'f("a", [1])  # b\n' * 8 + "plain\n" * 50
    part = looking.parts(text, [(0, len(text))], is_python=True)[0]
    here = run_figures.liveliest(part, 120)
    assert here.stop - here.start == 120 and text[here].count("#") >= 6
    assert run_figures.liveliest(part, 10_000) == slice(0, len(text))


def test_a_look_writes_over_no_picture_that_is_there(smoke, run_main, tmp_path):
    (tmp_path / "cells.png").write_text("mine")
    code, _, error = run_main(["look", "--run", str(smoke[0]), "--out", str(tmp_path)])
    assert code == 2 and error.count("\n") == 1 and "holds cells.png already" in error
    assert (tmp_path / "cells.png").read_text() == "mine"


def test_a_run_looked_at_again_is_not_written_over(smoke, run_main):
    code, _, error = run_main(["look", "--run", str(smoke[0]), "--out", str(smoke[0])])
    assert code == 2 and "holds a run" in error
    assert Run.open(smoke[0], recipe.RECIPE).is_complete()
