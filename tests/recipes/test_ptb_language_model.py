"""The word-level language model, end to end at smoke size, and everything it says to bad input."""

import dataclasses
import itertools
import json
import os
import shutil
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import ptb_language_model as recipe
from parts.ptb_language_model import agreement, comparison, optimizers, sampled_softmax, sentences
from parts.ptb_language_model import settings as settings_of
from recipe_kit.datasets import Corpus
from recipe_kit.datasets import agreement_grammar as language
from recipe_kit.runs import Run
from rnn_kit.generation import Generator
from rnn_kit.pipelines import stream_dataset
from rnn_kit.text import TextError, TokenVocabulary

TINY = "--units 8 --epochs 1 --sentences 60 --batch-size 4 --window 10".split()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One smoke run, which the tests read."""
    out = tmp_path_factory.mktemp("runs") / "smoke"
    metrics = recipe.main(["--preset", "smoke", "--out", str(out)])
    return out, metrics


@pytest.fixture(scope="module")
def opened(saved):
    return recipe.open_saved(Run.open(saved[0], recipe.RECIPE))


# The run


def test_the_ledger_has_no_metric_that_a_run_has_not(saved, recorded_but_not_measured):
    assert recorded_but_not_measured(saved[1]) == set()


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    assert {path.name for path in out.iterdir()} == {
        *("config.json", "history.csv", "result.json", "model.keras", "vocabulary.json"),
        *("before.txt", "samples.txt", "perplexity.png", "agreement.png", "checkpoints"),
    }
    assert json.loads((out / "result.json").read_text())["metrics"] == metrics
    assert metrics["epochs"] == 2 and metrics["weights"] == 11_680
    assert metrics["language_perplexity"] == pytest.approx(language.perplexity())
    assert metrics["language_perplexity"] < metrics["test_perplexity"] < 105
    for picture in ("perplexity.png", "agreement.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")


def test_the_test_text_is_one_stream_in_which_every_token_is_predicted(saved, opened):
    out, metrics = saved
    model = keras.models.load_model(out / "model.keras")
    corpus = recipe.load_data(recipe.PRESETS["smoke"])
    assert corpus.test[-1] == opened[1].end
    whole = np.concatenate([[opened[1].end], corpus.test])
    logits = model.predict(whole[None, :-1], verbose=0)[0].astype("float64")
    log_z = np.log(np.exp(logits).sum(1))
    nats = log_z - logits[np.arange(len(corpus.test)), corpus.test]
    assert len(nats) == len(corpus.test)
    np.testing.assert_allclose(np.exp(nats.mean()), metrics["test_perplexity"], rtol=1e-4)


@pytest.mark.slow
def test_what_the_progress_says_is_perplexity(saved, capsys, tmp_path):
    recipe.main(["--preset", "smoke", *TINY, "--out", str(tmp_path / "run")])
    rows = (tmp_path / "run/history.csv").read_text().splitlines()
    row = dict(zip(rows[0].split(","), map(float, rows[1].split(",")), strict=True))
    said = capsys.readouterr().out
    assert f"perplexity {np.exp(row['loss']):.2f}, val_perplexity {np.exp(row['val_loss']):.2f}" in said


@pytest.mark.slow
def test_the_kept_weights_are_those_of_the_best_validation(tmp_path, monkeypatch, without_figures):
    seen = []

    def worse_every_time(self, epoch, logs=None):
        logs["val_loss"] = 1.0 + epoch
        seen.append(self.model.get_weights())

    monkeypatch.setattr(recipe.kit.ValidateStream, "on_epoch_end", worse_every_time)
    flags = "--units 8 --sentences 60 --batch-size 4 --window 10 --epochs 2".split()
    metrics = recipe.main(["--preset", "smoke", *flags, "--out", str(tmp_path / "run")])
    assert metrics["kept_epoch"] == 1 and metrics["validation_perplexity"] == pytest.approx(np.e)
    kept = keras.models.load_model(tmp_path / "run/model.keras").get_weights()
    for weights, first, last in zip(kept, *seen, strict=True):
        np.testing.assert_array_equal(weights, first)
        assert not np.array_equal(weights, last)


# Going on


class Killed(Exception):
    """As good as a kill: nothing that comes after it is run."""


def the_end(out):
    """What must be the same: weights bit for bit, samples, history and metrics but for the seconds."""
    rows = [row.split(",") for row in (out / "history.csv").read_text().splitlines()]
    history = [[v for n, v in enumerate(row) if rows[0][n] != "seconds"] for row in rows]
    metrics = json.loads((out / "result.json").read_text())["metrics"]
    metrics = {n: v for n, v in metrics.items() if n not in ("train_seconds", "words_per_second")}
    weights = keras.models.load_model(out / "model.keras").get_weights()
    return [w.tobytes() for w in weights], history, metrics, (out / "samples.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        "--sampled 20 --dropout 0.3",
        "--no-tied --layers 2 --no-variational --dropout 0.3 --optimizer sgd --sum-steps --decay 0.5",
    ],
)
def test_a_run_killed_within_an_epoch_ends_as_the_unbroken_one(
    how, tmp_path, monkeypatch, without_figures
):
    flags = "--preset smoke --units 8 --sentences 100 --batch-size 4 --checkpoint-seconds 1e-6".split()
    flags += how.split()
    recipe.main([*flags, "--out", str(tmp_path / "unbroken")])

    def kill(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() == 43:  # of 31 batches an epoch
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(recipe.kit.StopOnNaN, "on_train_batch_end", kill)
        recipe.main([*flags, "--out", str(tmp_path / "killed")])
    assert not (tmp_path / "killed/result.json").exists()
    recipe.main(["--resume", "--out", str(tmp_path / "killed")])
    assert the_end(tmp_path / "killed") == the_end(tmp_path / "unbroken")


# The published presets


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "weights"), [("small", 4_651_600), ("medium", 19_775_200), ("large", 66_022_000)]
)
def test_the_presets_have_the_published_numbers_of_weights(preset, weights):
    settings = recipe.PRESETS[preset]
    v, u = 10_000, settings.units
    assert weights == v * u + settings.layers * 4 * u * (2 * u + 1) + (u + 1) * v
    words = TokenVocabulary(["<eos>", "<unk>", *map(str, range(v - 2))])
    model = recipe.build_model(settings, words)
    assert model.count_params() == weights
    keras.utils.clear_session()


def test_every_weight_starts_from_numbers_of_its_own():
    settings = dataclasses.replace(settings_of.SMALL, units=6)
    words = TokenVocabulary(["<eos>", *map(str, range(12))])
    model = recipe.build_model(settings, words)
    starts = {v.path: v.numpy().ravel() for v in model.weights if not v.path.endswith("cell/bias")}
    assert len(starts) == 7
    for weights in starts.values():
        assert 0.05 < np.abs(weights).max() <= 0.1
    for a, b in itertools.combinations(starts.values(), 2):
        shorter = min(len(a), len(b))
        assert not np.array_equal(a[:shorter], b[:shorter])
    biases = [v.numpy() for v in model.weights if v.path.endswith("cell/bias")]
    assert len(biases) == 2 and not np.any(biases)  # the forget gates' too


def test_lecture_is_small_and_paper_is_large():
    assert recipe.PRESETS["lecture"] == recipe.PRESETS["small"]
    assert recipe.PRESETS["paper"] == recipe.PRESETS["large"]


@pytest.mark.parametrize(
    ("preset", "rates"),
    [
        ("small", [1.0] * 4 + [0.5**n for n in range(1, 10)]),
        ("medium", [1.0] * 6 + [1.2**-n for n in range(1, 34)]),
        ("large", [1.0] * 14 + [1.15**-n for n in range(1, 42)]),
    ],
)
def test_the_learning_rate_decays_as_published(preset, rates):
    settings = recipe.PRESETS[preset]
    np.testing.assert_allclose(optimizers.learning_rates(settings), rates)
    schedule = optimizers.build(settings, batches=10)._learning_rate
    for epoch, rate in enumerate(rates):
        for step in (10 * epoch, 10 * epoch + 9):  # the first and the last step of the epoch
            np.testing.assert_allclose(schedule(step), rate * settings.window, rtol=1e-6)


def test_a_decay_of_one_is_a_constant_rate():
    settings = recipe.Settings(decay=1.0, epochs=3, learning_rate=0.1)
    schedule = optimizers.build(settings, batches=10)._learning_rate
    assert {round(float(schedule(n)), 6) for n in range(40)} == {0.1}


def test_adams_rate_does_not_depend_on_how_the_loss_is_summed():
    settings = dataclasses.replace(settings_of.SMALL, optimizer="adam", learning_rate=1e-3)
    optimizer = optimizers.build(settings, batches=10)
    assert float(optimizer._learning_rate(0)) == pytest.approx(1e-3)
    assert optimizer.global_clipnorm == settings.clip_norm / settings.window


def test_a_cosine_ends_at_nothing():
    settings = recipe.Settings(epochs=4, learning_rate=0.1)
    schedule = optimizers.build(settings, batches=10)._learning_rate
    np.testing.assert_allclose(
        [float(schedule(10 * n)) for n in range(4)], optimizers.learning_rates(settings), rtol=1e-6
    )
    assert float(schedule(40)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_a_step_is_that_of_the_loss_summed_over_the_window(clip):
    """As ptb_word_lm.py has it: summed over steps, averaged over rows, clipped, and a rate of one."""
    keras.utils.set_random_seed(0)
    settings = recipe.Settings(
        tied=False, sampled=None, dropout=0.0, recurrent_dropout=0.0, units=6, batch_size=3, window=5,
        optimizer="sgd", learning_rate=0.7, decay=0.5, sum_steps=True, clip_norm=clip,
    )  # fmt: skip
    words = TokenVocabulary(["<eos>", "a", "b", "c"])
    trained, model = recipe.build_training(settings, words, batches=1)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, (2, 3, 5))
    before = [v.numpy() for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        nats = keras.losses.sparse_categorical_crossentropy(y, model(x), from_logits=True)
        loss = tf.reduce_sum(nats) / 3
    gradients = [
        tf.convert_to_tensor(g).numpy()
        for g in tape.gradient(loss, [v.value for v in model.trainable_variables])
    ]
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    assert (norm > clip) == (clip < 1)
    for layer in kit_states(model):
        layer.assign(tf.zeros_like(layer.value))
    trained.train_on_batch(x, y)
    # The embedding's gradient comes as rows, of which Keras, as TensorFlow 1 did, takes the norm
    # without summing those of one word; so the clipped step is compared by its direction.
    after = [v.numpy() for v in model.trainable_variables]
    steps = np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])
    expected = -0.7 * np.concatenate([g.ravel() for g in gradients])
    if clip > 1:
        np.testing.assert_allclose(steps, expected, rtol=1e-3, atol=1e-6)
    else:
        cosine = steps @ expected / np.linalg.norm(steps) / np.linalg.norm(expected)
        assert cosine == pytest.approx(1, abs=1e-4)
        assert 0.7 * clip * 0.8 < np.linalg.norm(steps) < 0.7 * clip * 1.25


def kit_states(model):
    return keras.tree.flatten([layer.states for layer in recipe.kit.stateful_layers(model)])


# The sampled softmax


def sampled(frequent, drawn, step=0, seed=0, words=40, size=6):
    keras.utils.set_random_seed(1)
    embedding = keras.layers.ReversibleEmbedding(words, size, embeddings_initializer="normal")
    embedding.build((None,))
    embedding.embeddings.assign(embedding.embeddings * 20)
    loss = sampled_softmax.SampledCrossentropy(embedding, frequent, drawn, step, seed)
    rng = np.random.default_rng(0)
    h = tf.constant(rng.normal(size=(3, 4, size)), tf.float32)
    y = rng.integers(0, words, (3, 4))
    return loss, y, h, embedding


def all_words(y, h, embedding):
    logits = embedding(h, reverse=True)
    return keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True).numpy()


@pytest.mark.parametrize("frequent", [1, 25])
def test_with_all_the_others_drawn_the_sampled_softmax_is_the_softmax(frequent):
    loss, y, h, embedding = sampled(frequent, 40 - frequent)
    assert (y < frequent).any() or frequent == 1
    np.testing.assert_allclose(loss.call(y, h), all_words(y, h, embedding), rtol=1e-5)


def test_its_gradients_are_then_the_softmaxs_too():
    loss, y, h, embedding = sampled(10, 30)
    variables = [h, embedding.embeddings.value]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(h)
        ours = tf.reduce_mean(loss.call(y, h))
        logits = embedding(h, reverse=True)
        full = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, logits, from_logits=True))
    for a, b in zip(tape.gradient(ours, variables), tape.gradient(full, variables), strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(a), tf.convert_to_tensor(b), rtol=1e-4, atol=1e-6
        )


def test_with_some_drawn_z_is_right_on_average():
    step = tf.Variable(0)
    loss, y, h, embedding = sampled(10, 15, step)
    exact, ratios = all_words(y, h, embedding), []
    assert (y < 10).any() and (y >= 10).any()
    estimate = tf.function(loss.call)
    for n in range(1000):
        step.assign(n)
        ratios.append(np.exp(estimate(y, h) - exact))
    error = np.std(ratios, axis=0) / 1000**0.5
    assert error.min() > 1e-4  # it does vary from draw to draw
    assert (np.abs(np.mean(ratios, axis=0) - 1) < 4 * error).all()


def test_the_draws_follow_from_the_seed_and_the_step():
    def at(**where):
        loss, y, h, _ = sampled(5, 5, **where)
        return loss.call(y, h).numpy()

    np.testing.assert_array_equal(at(step=3, seed=7), at(step=3, seed=7))
    assert not np.array_equal(at(step=3, seed=7), at(step=4, seed=7))
    assert not np.array_equal(at(step=3, seed=7), at(step=3, seed=8))
    at(seed=2**32 - 1)


@pytest.mark.slow
def test_training_with_it_learns_the_language_too(tmp_path):
    flags = "--units 16 --sentences 300 --batch-size 8 --window 20 --epochs 2 --sampled 20".split()
    metrics = recipe.main(["--preset", "smoke", *flags, "--out", str(tmp_path / "run")])
    assert metrics["test_perplexity"] < 75  # of 105 words; validation and test sum over all of them


def test_a_vocabulary_too_small_to_sample_from_is_summed_over():
    words = TokenVocabulary(["<eos>", *map(str, range(9))])
    for sampled, same in ((4, False), (5, True), (1000, True), (None, True)):
        settings = recipe.Settings(units=4, sampled=sampled, batch_size=2, window=3)
        trained, model = recipe.build_training(settings, words, batches=1)
        assert (trained is model) == same


# The generated language


def test_the_preferred_verb_is_the_one_with_more_probability_behind_all_that_was_read(saved, opened):
    model = keras.models.load_model(saved[0] / "model.keras")
    generator, vocabulary = opened
    tested = language.generate(30, seed=9)
    distances, right = agreement.preferences(model, vocabulary, tested)
    read = [vocabulary.end]
    for sentence, distance, is_right in zip(tested, distances, right, strict=True):
        fact = language.agreement_in(sentence)
        before = [*read, *vocabulary.encode(sentence[: fact.verb])]
        candidates = [[*before, vocabulary.id_of(verb)] for verb in (fact.right, fact.wrong)]
        log_p = generator.log_probabilities(candidates)[:, -1]
        assert is_right == (log_p[0] > log_p[1])
        assert distance == fact.distance
        read += [*vocabulary.encode(sentence), vocabulary.end]


def test_every_sentence_is_in_one_bin(saved):
    _, metrics = saved
    names, shares, counts = agreement.shares(metrics)
    assert sum(counts) == 300 and len(names) == len(agreement.BINS)
    assert shares.shape == (1, len(names)) and ((shares >= 0) & (shares <= 1)).all()


def test_shares_of_several_seeds_have_a_row_each():
    of_seeds = {"test_agreement_1": {"values": [0.9, 0.8]}, "test_sentences_1": {"values": [7, 7]}}
    names, shares, counts = agreement.shares(of_seeds)
    assert names[0] == "1" and counts == [7] + [0] * (len(names) - 1)
    np.testing.assert_array_equal(shares[:, 0], [0.9, 0.8])
    assert shares.shape == (2, len(names)) and np.isnan(shares[:, 1:]).all()


def in_bins(*shares, count=400):
    metrics = {}
    for (first, _), share in zip(agreement.BINS, shares, strict=False):
        metrics |= {f"test_agreement_{first}": share, f"test_sentences_{first}": count}
    return metrics


@pytest.mark.parametrize(
    ("shares", "count", "largest"),
    [
        ([1.0] * 11, 400, 50),
        ([1.0] * 7 + [0.5] * 4, 400, 9),
        ([1.0] * 4 + [0.78] + [1.0] * 6, 400, 4),  # whose interval reaches down to 0.737
        ([1.0] * 4 + [0.81] + [0.5] * 6, 400, 5),
        ([1.0] * 4 + [0.81] + [0.5] * 6, 40, 4),  # of so few, it may be luck
        ([1.0] * 3, 400, 3),  # there are no sentences beyond
        ([0.5] * 11, 400, 0),
    ],
)
def test_the_largest_distance_is_the_last_before_the_first_that_may_be_luck(shares, count, largest):
    assert agreement.largest_distance(in_bins(*shares, count=count)) == largest


def test_the_true_perplexity_is_that_of_the_very_test_text(saved):
    _, metrics = saved
    tested = language.generate(300, agreement.SEEDS["test"])
    tokens = sum(len(sentence) + 1 for sentence in tested)
    nats = -sum(language.log_probability(sentence) for sentence in tested)
    assert metrics["test_true_perplexity"] == pytest.approx(np.exp(nats / tokens))


@pytest.mark.slow
@pytest.mark.parametrize("cell", comparison.CELLS)
@pytest.mark.parametrize("flags", [{}, {"units": 128}, {"tied": False, "layers": 2, "units": 40}])
def test_cells_are_compared_with_equally_many_weights(cell, flags):
    settings = dataclasses.replace(settings_of.AGREEMENT, **flags)
    words = agreement.vocabulary()

    def weights(cell, units):
        its_settings = dataclasses.replace(settings, cell=cell, units=units)
        return recipe.build_model(its_settings, words).count_params()

    units = comparison.equal_units(settings, cell, recipe.build_model)
    budget = weights("lstm", settings.units)
    ours = abs(weights(cell, units) - budget)
    assert ours <= min(abs(weights(cell, units + step) - budget) for step in (-1, 1))
    assert ours < 0.02 * budget
    keras.utils.clear_session()


@pytest.mark.slow
def test_compare_trains_cells_of_one_size_each_at_its_best_rate_and_draws_them_together(
    tmp_path, run_main, monkeypatch, without_figures
):
    monkeypatch.setattr(comparison, "CELLS", ("simple", "lstm"))
    monkeypatch.setattr(comparison, "RATES", (1e-3, 1e-2))
    monkeypatch.setattr(recipe, "LEDGER", tmp_path / "ledger")
    out = tmp_path / "compare"
    flags = ["compare", "--preset", "smoke", *TINY, "--seeds", "0", "1", "--out", str(out)]
    code, said, _ = run_main([*flags, "--record"])
    assert code == 0
    assert (out / "agreement.png").read_bytes().startswith(b"\x89PNG")
    entries = [json.loads(path.read_text()) for path in sorted((tmp_path / "ledger").iterdir())]
    recorded = {entry["settings"]["cell"]: entry for entry in entries}
    assert set(recorded) == {"simple", "lstm"} and len(entries) == 2
    for cell, entry in recorded.items():
        reached = {}
        for rate in comparison.RATES:
            of_first = json.loads((out / f"tuning/{cell}-{rate:g}/seed-0/result.json").read_text())
            reached[rate] = of_first["metrics"]["validation_perplexity"]
            assert of_first["settings"]["units"] == {"simple": 11, "lstm": 8}[cell]
        chosen = min(reached, key=reached.get)
        assert entry["settings"]["learning_rate"] == chosen and entry["seeds"] == [0, 1]
        row = next(line.split() for line in said.splitlines() if line.startswith(f"{cell} "))
        weights = f"{entry['metrics']['weights']['mean']:,.0f}"
        assert row[1:4] == [f"{entry['settings']['units']}", weights, f"{chosen:g}"]
    result = out / "lstm/seed-1/result.json"
    result.unlink()  # as if it had been cut off
    code, said, _ = run_main([*flags, "--resume"])
    assert code == 0 and said.count("has come to its end already") == 4 + 3 and result.exists()
    code, _, error = run_main(flags)
    assert code == 2 and "already holds a run" in error
    code, _, error = run_main([*flags, "--resume", "--epochs", "2"])
    assert code == 2 and "other settings" in error
    code, _, error = run_main([*flags, "--out", str(result.parent)])
    assert code == 2 and "single run" in error


# Scores and sentences


@pytest.mark.parametrize("read", [None, "the dogs were old <eos>"])
def test_scores_are_those_of_the_whole_sentence_with_its_end_behind_what_was_read(read, opened, capsys):
    generator, vocabulary = opened
    before = vocabulary.encode(read.split()) if read else [vocabulary.end]
    pair = ["the cat was full", "the cat were full"]
    scores = sentences.score(generator, vocabulary, pair, before if read else ())
    said = capsys.readouterr().out
    for text in pair:
        ids = [*before, *vocabulary.encode(text.split()), vocabulary.end]
        log_p = generator.log_probabilities([ids])[0]
        assert scores[text] == pytest.approx(log_p[len(before) - 1 :].sum(), rel=1e-5)
        assert f"ln p = {scores[text]:.2f}, perplexity {np.exp(-scores[text] / 5):.1f} a word" in said
    assert f"The likeliest: {max(scores, key=scores.get)}" in said


def test_unknown_words_are_marked_and_read_as_unk(capsys):
    corpus = Corpus.from_lines(
        "pets", *[[["a", "cat", "sat"], ["a", "dog", "sat"], ["a", "cat"]]] * 3, 4
    )
    assert corpus.vocabulary.unknown is not None
    keras.utils.set_random_seed(0)
    settings = recipe.Settings(units=4)
    generator = Generator(recipe.build_model(settings, corpus.vocabulary))
    scores = sentences.score(generator, corpus.vocabulary, ["A cow sat", "a <unk> sat"])
    lines = capsys.readouterr().out.splitlines()
    assert not any("shorter" in line for line in lines)
    marked = [line.split()[0] for line in lines if "not in the vocabulary" in line]
    assert marked == ["cow", "sat", "sat"]  # "A" is known in lower case
    assert scores["A cow sat"] == pytest.approx(scores["a <unk> sat"])


def test_a_saved_run_reads_the_end_of_its_validation_text_before_a_sentence(saved, opened, run_main):
    run, (generator, vocabulary) = Run.open(saved[0], recipe.RECIPE), opened
    before = sentences.kept_before(run, vocabulary)
    corpus = recipe.load_data(recipe.PRESETS["smoke"])
    np.testing.assert_array_equal(before, corpus.validation[-sentences.BEFORE :])
    assert before[-1] == vocabulary.end
    ids = [*before, *vocabulary.encode("the cat was full".split()), vocabulary.end]
    ln_p = generator.log_probabilities([ids])[0][-5:].sum()
    code, said, _ = run_main(["score", "the cat was full", "--run", str(saved[0])])
    assert code == 0 and f"ln p = {ln_p:.2f}" in said
    assert "going on from '\\n'" in (saved[0] / "samples.txt").read_text()


def test_a_run_that_keeps_no_text_scores_from_the_end_of_a_sentence(saved, opened, tmp_path):
    shutil.copytree(saved[0], tmp_path / "run")
    run = Run.open(tmp_path / "run", recipe.RECIPE)
    (tmp_path / "run/before.txt").write_bytes(b"caf\xe9")
    with pytest.raises(TextError, match=r"before\.txt is not UTF-8 text"):
        sentences.kept_before(run, opened[1])
    (tmp_path / "run/before.txt").unlink()
    assert list(sentences.kept_before(run, opened[1])) == [opened[1].end]


def test_words_are_composed_as_the_corpus_is():
    words = TokenVocabulary(["<eos>", "caf\u00e9"])
    assert sentences.in_vocabulary(["cafe\u0301", "CAF\u00c9"], words) == (["caf\u00e9"] * 2, [])


def test_words_of_a_prompt_that_nothing_stands_for_are_left_out_and_said(capsys):
    words = TokenVocabulary(["<eos>", "the", "cat"])
    assert sentences.prompt_ids("the zebra cat", words).tolist() == [0, 1, 2]
    assert capsys.readouterr().out == ("Left out of the prompt, not in the text learned from: zebra\n")
    assert sentences.prompt_ids("zebra", words).tolist() == [0]
    with_unknown = TokenVocabulary(["<eos>", "the", "cat", "<unk>"])
    assert sentences.prompt_ids("the zebra", with_unknown).tolist() == [0, 1, 3]
    assert "Read as <unk> in the prompt: zebra" in capsys.readouterr().out


def test_a_sentence_that_has_no_score_does_not_keep_the_others_from_theirs(saved, run_main):
    pair = ["the cat was full", "the zebra was full", "the cat were full"]
    code, said, error = run_main(["score", *pair, "--run", str(saved[0])])
    assert code == 2 and error.count("\n") == 1 and "'the zebra was full' has no score" in error
    assert "'zebra'" in error and "The likeliest: the cat w" in said
    assert said.count("ln p = ") == 2 and "zebra" not in said


def test_samples_have_a_sentence_a_line():
    words = TokenVocabulary(["<eos>", "a", "b"])
    assert sentences.text_of(words)([0, 1, 2, 0, 2, 0]) == "\na b\nb\n"
    decode = sentences.text_of(words, before=[2, 1, 0])
    assert decode([2, 1, 0, 1, 2, 0]) == "\na b\n"  # what was read before is left out
    assert decode([1, 2, 0]) == "a b\n"


@pytest.mark.slow
def test_a_model_prefers_what_it_has_read(tmp_path, capsys):
    """The lecture's pair, p(I like apples) > p(I sit apples), on a text that has apples."""
    lines = ["i like apples", "you like pears", "i sit here", "you sit there", "i like pears"] * 30
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").write_text("\n".join(lines) + "\n")
    out = tmp_path / "run"
    flags = (
        "--preset smoke --epochs 6 --units 16 --learning-rate 0.02 --batch-size 4 --window 8".split()
    )
    recipe.main([*flags, "--data", str(tmp_path), "--out", str(out)])
    pair = ["I like apples", "I sit apples"]
    scores = recipe.main(["score", *pair, "--run", str(out)])
    assert scores[pair[0]] > scores[pair[1]] + 1
    assert "The likeliest: I like apples" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.skipif("RNN_KIT_DATA" not in os.environ, reason="RNN_KIT_DATA names no folder of data")
def test_a_small_run_on_the_penn_treebank_prefers_the_lectures_sentence(tmp_path):
    """One epoch of the preset, in fewer and larger batches."""
    out = str(tmp_path / "run")
    metrics = recipe.main(["--preset", "small", "--epochs", "1", "--batch-size", "100", "--out", out])
    assert metrics["test_perplexity"] < 600
    pair = ["I like apples", "I sit apples"]
    scores = recipe.main(["score", *pair, "--run", out])
    assert scores[pair[0]] > scores[pair[1]]


def test_sentences_are_written_until_their_end(saved, run_main):
    out = str(saved[0])
    flags = "sample --count 12 --length 9 --temperature 0.9".split()
    code, said, _ = run_main([*flags, "--prompt", "the cat", "--run", out])
    assert code == 0
    heading, _, *rest = said.strip().splitlines()
    assert heading == "temperature 0.9"
    written = [" ".join(block.split()) for block in "\n".join(rest).split("\n\n")]
    assert len(written) == 12
    assert all(line.startswith("the cat") and "<eos>" not in line for line in written)
    for line in written:
        assert (len(line.split()) == 2 + 9 + 1) == line.endswith("…")
    assert any(line.endswith("…") for line in written) and any(
        not line.endswith("…") for line in written
    )
    _, again, _ = run_main([*flags, "--prompt", "the cat", "--run", out])
    assert again == said


@pytest.mark.slow
def test_measure_trains_a_little_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    metrics = recipe.main(["measure", "30", "--preset", "smoke"])
    said = capsys.readouterr().out
    assert metrics["last_loss"] < metrics["first_loss"] < np.log(101) + 0.1
    assert metrics["weights"] == 11_680 and "11,680 weights" in said
    seconds_a_step = 8 * 20 / metrics["words_per_second"]
    assert metrics["hours"] == pytest.approx(seconds_a_step * 2 * 32 / 3600)
    assert not list(tmp_path.iterdir())


# Your own text


def folder_of(path, train="a b c d\n" * 200, valid="a b c\n" * 20, test="b c d\n" * 20):
    path.mkdir()
    for name, text in (("train", train), ("valid", valid), ("test", test)):
        if text is not None:
            (path / f"{name}.txt").write_text(text, encoding="latin-1")
    return path


SMALL_TEXT = "--preset smoke --units 4 --epochs 1 --batch-size 4 --window 5".split()


@pytest.mark.slow
def test_rare_words_become_unk_and_the_user_is_told(tmp_path, run_main):
    folder = folder_of(tmp_path / "text", test="b c zebra\n" * 20)
    flags = [*SMALL_TEXT, "--data", str(folder), "--vocab-size", "4", "--out", str(tmp_path / "run")]
    code, said, error = run_main(flags)
    assert code == 0, error
    assert "test: 40 of 80 tokens not in the vocabulary, read as <unk>: 'c', 'zebra'" in said
    assert json.loads((tmp_path / "run/result.json").read_text())["data"]["test_unknown"] == 40


def test_a_text_without_unk_whose_other_parts_have_new_words_needs_no_flag(tmp_path):
    folder = folder_of(tmp_path / "text", train="a b a b a b c\xe9\n" * 50 + "once\n", valid="a q\n")
    settings = dataclasses.replace(recipe.PRESETS["smoke"], data=str(folder), encoding="latin-1")
    corpus = recipe.load_data(settings)
    assert corpus.vocabulary.decode(corpus.validation) == ["a", "<unk>", "<eos>"]
    assert "c\xe9" in corpus.vocabulary.tokens and "no <unk>" in corpus.notes[0]


@pytest.mark.slow
def test_an_archive_is_read_as_it_is(tmp_path, run_main):
    folder = folder_of(tmp_path / "text")
    archive = tmp_path / "simple-examples.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for part in ("train", "valid", "test"):
            tar.add(folder / f"{part}.txt", f"./simple-examples/data/ptb.{part}.txt")
    flags = [*SMALL_TEXT, "--data", str(archive), "--out", str(tmp_path / "run")]
    code, said, error = run_main(flags)
    assert code == 0, error
    assert "training on 1,000 tokens, validating on 80, held out 80" in said


def bad_data(path):
    """What is wrong, to what it is given as `--data` and a word that the error must have."""
    with tarfile.open(path / "escape.tgz", "w:gz") as tar:
        for part in ("train", "valid", "test"):
            (path / "x").write_text("a b\n" * 100)
            tar.add(path / "x", f"data/ptb.{part}.txt" if part != "test" else "../ptb.test.txt")
    folder_of(path / "good")
    with tarfile.open(path / "whole.tgz", "w:gz") as tar:
        for part in ("train", "valid", "test"):
            tar.add(path / f"good/{part}.txt", f"data/{part}.txt")
    (path / "cut.tgz").write_bytes((path / "whole.tgz").read_bytes()[:-60])
    return {
        "missing": (folder_of(path / "a", valid=None), "valid"),
        "empty": (folder_of(path / "b", test=""), "test.txt"),
        "unseen": (folder_of(path / "c", train="a a a\n" * 200, valid="a q\n"), "'q'"),
        "latin-1": (folder_of(path / "e", train="caf\xe9 a\n" * 200), "--encoding"),
        "short": (folder_of(path / "d", train="a b c d\n"), "--batch-size"),
        "escape": (path / "escape.tgz", "../ptb.test.txt"),
        "cut": (path / "cut.tgz", "cut.tgz"),
        "nothing": (path / "no-such-place", "no-such-place"),
    }


@pytest.mark.parametrize(
    "wrong", ["missing", "empty", "unseen", "latin-1", "short", "escape", "cut", "nothing"]
)
def test_bad_data_is_one_clear_line_and_leaves_nothing(wrong, tmp_path, run_main):
    data, word = bad_data(tmp_path)[wrong]
    out = tmp_path / "run"
    flags = [*SMALL_TEXT, "--data", str(data), "--out", str(out)]
    code, _, error = run_main(flags)
    assert code == 2 and word in error
    assert error.startswith("ptb_language_model.py: error: ") and error.count("\n") == 1
    assert not out.exists()
    assert not (tmp_path.parent / "ptb.test.txt").exists()


def test_without_the_penn_treebank_the_error_says_where_it_was_and_what_needs_none(
    tmp_path, monkeypatch, run_main
):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    monkeypatch.setattr("recipe_kit.datasets._files._HOME", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, _, error = run_main(["--out", str(tmp_path / "run")])
    assert code == 2 and error.count("\n") == 1
    assert "simple-examples.tgz" in error and "--preset smoke" in error


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--preset smoke --sampled 20 --no-tied", "--sampled none"),
        ("--preset smoke --vocab-size 2", "--vocab-size"),
        ("--preset smoke --decay 1.5", "(0, 1]"),
        ("--data ptb --sentences 9", "--data agreement"),
        ("measure 1 --preset smoke", "at least 2"),
        ("score x --units 3", "no meaning with score"),
        ("sample --epochs 3", "no meaning with sample"),
        ("measure 5 --out here", "no meaning with measure"),
        ("compare --cell gru", "--cell has no meaning with compare"),
        ("compare --preset small", "agreement and smoke"),
        ("--preset smoke --prompt <eos>", "<eos>"),
        ("compare --data ptb", "--data has no meaning with compare"),
        ("compare --seed 1", "--seed has no meaning with compare"),
        ("compare --resume", "needs --out"),
        ("--run there", "but with sample and score"),
        ("--cell rnn", "invalid choice"),
    ],
)
def test_flags_that_cannot_be_are_refused_in_one_line(flags, words, monkeypatch, tmp_path, run_main):
    monkeypatch.chdir(tmp_path)
    code, _, error = run_main(flags.split())
    assert code == 2 and words in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_words_that_the_vocabulary_cannot_take_are_refused_by_name(saved, run_main):
    flags = ["score", "the xylophone was full", "--run", str(saved[0])]
    code, _, error = run_main(flags)
    assert code == 2 and "xylophone" in error and error.count("\n") == 1
    code, _, error = run_main(["score", " ", "--run", str(saved[0])])
    assert code == 2 and "without a word" in error


def test_a_saved_run_whose_vocabulary_is_anothers_is_refused(saved, tmp_path, run_main):
    shutil.copytree(saved[0], tmp_path / "run")
    TokenVocabulary(["<eos>", "a"]).save(tmp_path / "run/vocabulary.json")
    code, _, error = run_main(["score", "a", "--run", str(tmp_path / "run")])
    assert code == 2 and "105 words and vocabulary.json has 2" in error


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["peephole", "kit-gru", "simple"])
def test_every_cell_can_be_trained_and_carries_its_state(cell):
    settings = recipe.Settings(cell=cell, units=4, sampled=None, batch_size=2, window=3)
    words = TokenVocabulary(["<eos>", "a", "b"])
    trained, _ = recipe.build_training(settings, words, batches=4)
    dataset, batches = stream_dataset(np.tile([0, 1, 2], 9), 2, 3)
    history = trained.fit(
        dataset, steps_per_epoch=batches, verbose=0, shuffle=False, callbacks=[recipe.kit.CarryState()]
    )
    assert np.isfinite(history.history["loss"]).all()
    assert any(np.abs(v.numpy()).max() > 0 for v in kit_states(trained))
