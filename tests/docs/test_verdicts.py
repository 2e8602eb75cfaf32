"""The verdicts on the lectures' claims follow from the ledger: other numbers, another word."""

import json
import statistics

import numpy as np
import pytest
from results_parts import claims, ledger, verdicts
from scipy import stats


def metric(*values):
    std = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "std": std, "values": list(values)}


# --- the interval -------------------------------------------------------------------------------------


def test_the_interval_of_two_metrics_is_welchs_by_hand():
    a, b = (2.0, 4.0, 9.0), (1.0, 2.0, 3.0, 2.5)
    (va, na), (vb, nb) = ((statistics.variance(v) / len(v), len(v)) for v in (a, b))
    freedom = (va + vb) ** 2 / (va**2 / (na - 1) + vb**2 / (nb - 1))
    half = stats.t.ppf(0.975, freedom) * (va + vb) ** 0.5
    difference = statistics.fmean(a) - statistics.fmean(b)
    expected = (difference - half, difference + half)
    np.testing.assert_allclose(verdicts.interval(metric(*a), metric(*b)), expected, rtol=1e-9)


def test_a_single_seed_is_judged_by_the_spread_of_the_other_side():
    three = (0.90, 0.91, 0.92)
    half = stats.t.ppf(0.975, 2) * 0.01 * (1 + 1 / 3) ** 0.5
    low, high = verdicts.interval(metric(*three), metric(0.80))
    np.testing.assert_allclose((low, high), (0.11 - half, 0.11 + half), rtol=1e-9)


def test_of_two_single_seeds_nothing_is_known():
    assert verdicts.interval(metric(5), metric(1)) is None


def test_seeds_that_are_all_alike_leave_no_spread():
    assert verdicts.interval(metric(3, 3, 3), metric(2, 2, 2)) == (1, 1)
    assert verdicts.interval(metric(3, 3, 3), metric(2)) == (1, 1)
    low, high = verdicts.interval(metric(3, 3.01, 3), metric(2, 2, 2.5))
    assert low < 0.8 < high


# --- the words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "least", "said"),
    [
        ((3, 3.1, 2.9), (1, 1.1, 0.9), 0, "yes"),
        ((1, 1.1, 0.9), (3, 3.1, 2.9), 0, "no"),
        ((1, 5, 3), (2, 0, 4), 0, "not shown"),
        ((3, 3.1, 2.9), (1, 1.1, 0.9), 5, "no"),  # larger, but not by so much
        ((3, 3.1, 2.9), (1, 1.1, 0.9), 1.9, "not shown"),
        ((3, 3.1, 2.9), (1,), 0, "yes (one seed)"),
        ((3,), (1, 5, 3), 0, "not shown (one seed)"),
        ((3,), (1,), 0, "not shown (one seed)"),
        ((2, 2, 2), (2, 2, 2), 0, "not shown"),
    ],
)
def test_larger_is_said_beyond_the_spread_alone(ours, theirs, least, said):
    assert str(verdicts.larger(metric(*ours), metric(*theirs), least)) == said
    assert str(verdicts.smaller(metric(*theirs), metric(*ours), least)) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((5, 6, 7), "yes"),
        ((1, 2, 3), "no"),
        ((1, 5, 6), "not shown (yes in 2 of 3 seeds)"),
        ((5,), "yes (one seed)"),
        ((1,), "no (one seed)"),
    ],
)
def test_what_holds_in_every_seed(values, said):
    assert str(verdicts.in_seeds(metric(*values), lambda value: value >= 5)) == said


def test_ahead_is_who_is_larger_beyond_the_spread():
    high, low, wide = metric(3, 3.1, 2.9), metric(1, 1.1, 0.9), metric(1, 5, 3)
    assert verdicts.ahead({"a": high, "b": low}) == "a"
    assert verdicts.ahead({"a": low, "b": high}) == "b"
    assert verdicts.ahead({"a": low, "b": wide}) is None
    assert verdicts.ahead({"a": metric(3), "b": metric(1)}) is None


# --- the rows, each from invented ledgers -------------------------------------------------------------

HIGH, LOW, WIDE = (0.9, 0.901, 0.899), (0.8, 0.801, 0.799), (0.7, 0.99, 0.85)


@pytest.fixture
def put(tmp_path, monkeypatch):
    """`put(recipe, preset, metrics, **settings)`: an entry of the ledger, instead of all others."""
    monkeypatch.setattr(ledger, "LEDGER", tmp_path)

    def put(recipe, preset, metrics=None, differs=(), data=None, history=None, **settings):
        of = {name: metric(*values) for name, values in (metrics or {}).items()}
        seeds = list(range(max(len(m["values"]) for m in of.values())))
        entry = {"recipe": recipe, "preset": preset, "settings": settings, "metrics": of}
        entry |= {"differs": {n: settings[n] for n in differs}, "data": data, "seeds": seeds}
        entry |= {"history": history} if history else {}
        name = f"{recipe}-{len(list(tmp_path.iterdir()))}.json"
        (tmp_path / name).write_text(json.dumps(entry), encoding="utf-8")

    return put


@pytest.mark.parametrize(
    ("tfidf", "lecture", "cpu", "said"),
    [
        (HIGH, (0.8,), LOW, ("its LSTM: yes (one seed)", "`cpu` preset: yes,")),
        (LOW, (0.9,), HIGH, ("its LSTM: no (one seed)", "`cpu` preset: no,")),
        (WIDE, HIGH, HIGH, ("its LSTM: not shown,", "`cpu` preset: not shown,")),
    ],
)
def test_the_row_on_tfidf(tfidf, lecture, cpu, said, put):
    put("imdb_sentiment", "lecture", {"test_accuracy": lecture})
    put("imdb_sentiment", "cpu", {"test_accuracy": cpu, "test_accuracy_tfidf": tfidf})
    assert all(words in claims.tfidf_beats_the_lstm() for words in said)


@pytest.mark.parametrize(
    ("known", "short", "said"),
    [
        (
            (0.2, 0.6, 0.9),
            0.9,
            ("20 epochs: yes (one seed)", "enough: yes (one seed)", "passes after 20)"),
        ),
        (
            (0.2, 0.9, 0.7),
            0.5,
            ("20 epochs: no (one seed)", "enough: no (one seed)", "passes after 10)"),
        ),
        ((0.2, 0.3, 0.4), 0.5, ("20 epochs: not shown (one seed)", "never reaches)")),
    ],
)
def test_the_row_on_nietzsche(known, short, said, put):
    def entry(share, epochs, **settings):
        found = {"written_known_words": (share,), "validation_known_words": (0.95,), "test_nats": (1,)}
        differs = ("epochs", *settings)
        data = {"characters": 600_000}
        put("nietzsche_generation", "lecture", found, differs, data, epochs=epochs, **settings)

    for share, epochs in zip(known, (1, 10, 20), strict=True):
        entry(share, epochs)
    entry(short, 20, limit=100_000)
    assert all(words in claims.until_nietzsche_is_coherent() for words in said)


def test_the_row_on_temperature_has_the_entropies_of_the_softmax():
    row = claims.low_temperatures_flatten()
    p = np.exp([2, 1, 0]) / np.exp([2, 1, 0]).sum()
    assert row.startswith("no, by its definition") and f"{stats.entropy(p):.2f} at 1" in row


def cells(put, of, recipe, preset, name, **more):
    for cell, values in of.items():
        put(recipe, preset, {name: values}, ("cell", *more), cell=cell, **more)


@pytest.mark.parametrize(
    ("imdb", "perplexities", "said"),
    [  # of LSTM and GRU; of perplexities the lower is ahead
        ((LOW, HIGH), (HIGH, LOW), ("no, LSTM", "(GRU ahead)")),
        ((HIGH, LOW), (LOW, HIGH), ("no, LSTM", "(LSTM ahead)")),
        ((LOW, HIGH), (LOW, HIGH), ("yes, LSTM", "(GRU ahead)", "(LSTM ahead)")),
        ((LOW, HIGH), (LOW, WIDE), ("yes, LSTM", "(GRU ahead)", "(neither ahead)")),
        ((LOW, WIDE), (HIGH, WIDE), ("yes, LSTM", "(neither ahead)")),
        (((0.1,), (0.9,)), (HIGH, LOW), ("yes, LSTM", "(neither ahead, one seed)", "(GRU ahead)")),
    ],
)
def test_the_row_on_lstm_or_gru(imdb, perplexities, said, put):
    names = ("lstm", "gru")
    cells(put, dict(zip(names, imdb, strict=True)), "imdb_sentiment", "compare", "test_accuracy")
    perplexities = dict(zip(names, perplexities, strict=True))
    cells(put, perplexities, "ptb_language_model", "agreement", "test_perplexity")
    row = claims.lstm_or_gru()
    assert row.startswith(said[0]) and all(words in row for words in said)


@pytest.mark.parametrize(
    ("speeds", "batches", "once", "said"),
    [
        ((1.2, 1.3), (LOW, HIGH), (LOW, HIGH), ("faster: yes,", "each) yes,", "language yes,")),
        ((0.8, 0.9), (HIGH, LOW), (HIGH, LOW), ("faster: no,", "each) no,", "language no,")),
        ((1.01, 0.99), (WIDE, LOW), (WIDE, LOW), ("faster: not shown,", "each) not shown,")),
        ((1.2, 0.99), (WIDE, LOW), (WIDE, LOW), ("faster: it depends,", "language not shown,")),
    ],
)
def test_the_row_on_grus(speeds, batches, once, said, put, tmp_path):
    models = [
        {"model": str(model), "cell": cell, "words_per_second": words}
        for model, ratio in enumerate(speeds)
        for cell, words in (("lstm", 100), ("gru", 100 * ratio))
    ]
    benchmark = {"recipe": "benchmark_layers", "models": models, "machine": {"cores": 2}}
    benchmark |= {"dtype": "float32", "jit": False, "device": "cpu"}
    (tmp_path / "benchmark_layers-x.json").write_text(json.dumps(benchmark), encoding="utf-8")
    names = ("gru", "lstm")
    cells(put, dict(zip(names, batches, strict=True)), "adding_problem", "compare", "batches")
    for cell, losses in zip(names, once, strict=True):
        history = [{"epoch": [1, 2], "val_loss": [loss, 5.0]} for loss in losses]
        settings = {"cell": cell, "sentences": 20_000}
        found = {"any": losses}
        put("ptb_language_model", "agreement", found, ("cell",), history=history, **settings)
    assert all(words in claims.grus_are_quicker() for words in said)


@pytest.mark.parametrize(
    ("distances", "lengths", "said"),
    [
        ((4, 6, 9), (0, 0, 0), ("in language: yes,", "problem: yes,")),
        ((19, 29, 50), (25, 25, 50), ("in language: no,", "problem: no,")),
        ((9, 19, 9), (0, 25, 25), ("(yes in 2 of 3 seeds)", "(yes in 1 of 3 seeds)")),
    ],
)
def test_the_row_on_tanh(distances, lengths, said, put):
    simple = {"simple": distances}
    cells(put, simple, "ptb_language_model", "agreement", "test_largest_distance")
    cells(put, {"simple": lengths}, "adding_problem", "compare", "test_largest_length")
    assert all(words in claims.tanh_remembers() for words in said)


TINY = (1e-8, 1.1e-8, 0.9e-8)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ((1e-3, 1.1e-3, 0.9e-3), "yes,"),
        ((2e-8, 2.1e-8, 1.9e-8), "no,"),  # twice as much helps nobody
        ((1e-8, 1e-3, 1.0), "not shown,"),
    ],
)
def test_the_rows_on_what_is_left_of_gradients(left, said, put):
    fading = {f"{a}_glorot_50_back": TINY for a in ("relu", "tanh")}
    fading |= {f"{a}_{s}_50_back": left for a in ("relu", "tanh") for s in ("orthogonal", "identity")}
    fading |= {"lstm_forget_bias_0_50_back": TINY, "lstm_forget_bias_1_50_back": left}
    put("vanishing_gradients", "cpu", fading)
    assert claims.forget_bias().startswith(said)
    assert claims.starts().count(f": {said}") == 4


@pytest.mark.parametrize(
    ("lengths", "said"),
    [((400, 400, 400), "yes,"), ((25, 0, 25), "no,"), ((25, 400, 25), "not shown (yes in 1 of 3")],
)
def test_the_row_on_the_irnn(lengths, said, put):
    found = {"test_largest_length": lengths}
    put("adding_problem", "compare", found, cell="irnn", lengths=[25, 400], epochs=25)
    assert claims.irnn_adds().startswith(said)


@pytest.mark.parametrize(
    ("distances", "said"),
    [
        ((50, 50, 50), "yes,"),
        ((29, 19, 9), "no,"),
        ((50, 29, 50), "not shown"),
        ((50,), "yes (one seed)"),
    ],
)
def test_the_row_on_truncation(distances, said, put):
    found = {"test_largest_distance": distances, "test_agreement_50": [0.9] * len(distances)}
    put("ptb_language_model", "agreement", found, cell="lstm", window=50)
    assert claims.beyond_truncation().startswith(said)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ((112.9,), "small: yes (one seed),"),
        ((120.1,), "small: no (one seed),"),
        ((119, 121), "small: not"),
    ],
)
def test_the_row_on_ptb(test, said, put):
    put("ptb_language_model", "small", {"validation_perplexity": test, "test_perplexity": test})
    assert claims.small_ptb().startswith(said)


@pytest.mark.parametrize(
    ("ours", "said"), [((22, 33, 27), "not shown,"), ((40, 41, 42), "yes,"), ((1, 2, 3), "no,")]
)
def test_the_rows_on_counting_and_timing(ours, said, put):
    theirs = (20, 18, 26)
    counted = (("lstm", False, theirs), ("lstm", True, ours), ("peephole", False, ours))
    for cell, learned, values in counted:
        settings = {"cell": cell, "learned_state": learned}
        differs = [*(["learned_state"] if learned else []), *(["cell"] if cell != "lstm" else [])]
        put("adding_problem", "anbn", {"test_largest_n": values}, differs, **settings)
    for cell, values in (("peephole", ours), ("lstm", theirs)):
        put("adding_problem", "timing", {"test_right": values}, ("cell",), cell=cell)
    assert claims.learned_initial_states().startswith(said)
    row = claims.peepholes()
    assert f"to count: {said}" in row and f"to time: {said}" in row


@pytest.mark.parametrize(
    ("two", "three", "said"),
    [
        ((1.1,), (1.2,), "two: yes (one seed), three: yes (one seed);"),
        ((1.4, 1.41), (1.301,), "two: no, three: not shown (one seed);"),
    ],
)
def test_the_row_on_layers(two, three, said, put):
    put("nietzsche_generation", "cpu", {"test_nats": (1.3, 1.301, 1.302)})
    for values, layers, units in ((two, 2, 192), (three, 3, 150)):
        settings = {"layers": layers, "units": units}
        put("nietzsche_generation", "cpu", {"test_nats": values}, settings, **settings)
    assert claims.layers().startswith(said)


@pytest.mark.parametrize(
    ("apart", "said"), [((1e-16, 2e-16), "yes,"), ((0.1, 0.2), "no,"), ((1e-16, 0.1), "not shown")]
)
def test_the_row_on_fixed_gates(apart, said, put):
    found = {"gates_fixed_apart": apart, "gates_fixed_second_tanh_apart": (0.2, 0.3)}
    put("hello_characters", "cpu", found)
    assert claims.gates_fixed().startswith(said)


@pytest.mark.parametrize(
    ("apart", "said"),
    [((1e-16, 2e-14), "no. "), ((0.1, 0.2), "yes. "), ((1e-16, 0.1), "not shown (yes in 1 of 2")],
)
def test_the_answer_on_lengths(apart, said, put):
    same = (1e-16,) * len(apart)
    found = {f"lengths_{what}_apart": same for what in ("probabilities", "gradients")}
    found |= {"lengths_weights_apart": apart, "lengths_gradients_apart_without_mask": (1.3, 1.4)}
    found |= {"lengths_word_nats": (1.53, 1.54), "lengths_word_entropy": (1.52, 1.52)}
    put("hello_characters", "cpu", found)
    row = claims.must_lengths_be_equal()
    assert row.startswith(said) and "off by 135 %" in row and f"training by {max(apart):.0e}" in row


@pytest.mark.parametrize(
    ("choice", "without", "kit", "said"),
    [
        (
            (0.5, 0.1),
            (0, 1e-9),
            (0.9, 0.02),
            ("by them, if", "`p=` it does not:", "Sampler` draws by"),
        ),
        ((0.5, 1e-9), (0, 0), (0.9, 1e-5), ("not by them, if", "Sampler` does not draw by them:")),
        ((0.5, 0.1), (0.3, 0.4), (0.9, 0.02), ("by them, if", "`p=` it does: p = 4e-01")),
    ],
)
def test_the_answer_on_draws(choice, without, kit, said, put):
    found = {f"drawn_p_value_{name}": kit for name in ("0.5", "1")}
    found |= {"drawn_p_value_choice": choice, "drawn_p_value_choice_without_p": without}
    put("hello_characters", "cpu", found | {"drawn_p_value_if_even": (0, 0)})
    row = claims.are_draws_by_probability()
    assert row.startswith(said[0]) and all(words in row for words in said)
    assert "equal probabilities it has p < 2e-308" in row
    assert f"{kit[0]:.2f}, {kit[1]:.2f} at T = 0.5; " in row
