"""The captioning network, its attention, its loss, and how it writes."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from parts.image_captioning import batches, run_figures, saved_before
from parts.image_captioning.captioner import Captioner
from parts.image_captioning.choices import DECODERS
from parts.image_captioning.data import Part
from parts.image_captioning.decoders import CLASSES
from recipe_kit import sentence_writer, validation
from recipe_kit.sentence_writer import SentenceWriter
from rnn_kit import losses
from rnn_kit.callbacks import DivergedError
from rnn_kit.text import TokenVocabulary

VOCABULARY = TokenVocabulary(["<eos>", "a", "dog", "<unk>", "runs", "sits", "cat"])
V = len(VOCABULARY)
COMBINATIONS = [(d, "lstm") for d in DECODERS] + [("attention", "gru"), ("init", "peephole")]
COMBINATIONS += [("merge", "simple"), ("input", "kit-gru")]


def some_images(count=5, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "pooled": rng.normal(2, 3, (count, 10)).astype("float32"),
        "grid": rng.normal(0, 2, (count, 9, 6)).astype("float32"),
    }


def captioner(decoder="init", cell="lstm", images=None, **kwargs):
    images = images or some_images()
    shapes = {name: values.shape[1:] for name, values in images.items()}
    kwargs = {"units": 7, "embedding": 4, **kwargs}
    model = Captioner(V, shapes, decoder, cell, **kwargs)
    model.build()
    model.adapt(images)
    return model


def randomised(model, seed=0):
    """Weights that make every part of a model matter, biases too."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def words(count=5, steps=4, seed=1):
    ids = np.random.default_rng(seed).integers(1, V, (count, steps)).astype("int32")
    ids[:, 0] = VOCABULARY.end
    return ids


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


# The network


@pytest.mark.parametrize(("decoder", "cell"), COMBINATIONS)
def test_word_by_word_gives_the_logits_of_the_whole_caption(decoder, cell):
    images, ids = some_images(), words()
    model = randomised(captioner(decoder, cell))
    whole = numbers(model({"words": ids, **images}))
    memory, state = model.encode(images)
    for step in range(ids.shape[1]):
        logits, state, _ = model.decode(ids[:, step : step + 1], memory, state)
        np.testing.assert_allclose(numbers(logits)[:, 0], whole[:, step], atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_feature_that_was_constant_in_training_does_not_explode(policy):
    keras.config.set_dtype_policy(policy)
    images = some_images()
    images["pooled"] = images["pooled"].copy()
    images["pooled"][:, 0] = 0.5
    model = captioner("init", images=images)
    scale = model.scales["pooled"]
    assert scale.compute_dtype == "float32"
    np.testing.assert_allclose(numbers(scale(images["pooled"]))[:, 0], 0, atol=1e-6)
    images["pooled"][:, 0] = 0.6  # in another image
    scaled = numbers(scale(images["pooled"]))
    np.testing.assert_allclose(scaled[:, 0], 0.1, atol=1e-3)
    np.testing.assert_allclose(scaled[:, 1].std(), 1, atol=1e-3)


def test_validation_that_is_no_number_ends_the_training_in_one_line():
    def never():
        raise AssertionError("nothing is to be written with such weights")

    callback = validation.ValidateSentences(lambda: float("nan"), never)
    with pytest.raises(DivergedError, match="validation loss became nan in epoch 3"):
        callback.on_epoch_end(2, {})


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_saved_network_says_the_same_in_another_session(decoder, tmp_path):
    images, ids = some_images(), words()
    model = randomised(captioner(decoder, images=images))
    before = numbers(model({"words": ids, **images}))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numbers(loaded({"words": ids, **images})), before, atol=1e-6)


SAVED = sorted((Path(__file__).parent / "saved").glob("captioner-*.keras"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_networks_saved_before_decoders_had_classes_say_what_they_said(path):
    """Their weights lie under the names of that time, such as `eye` for the image encoder."""
    with np.load(path.with_suffix(".npz")) as told:
        inputs = {name: told[name] for name in told.files if name != "logits"}
        said = numbers(saved_before.load(path)(inputs))
        np.testing.assert_allclose(said, told["logits"], atol=1e-5)


def test_a_saved_network_of_each_decoder_is_kept():
    assert {path.stem.split("-")[1] for path in SAVED} == set(DECODERS) == set(CLASSES)


@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_said_depends_on_the_picture_and_on_the_words_before_and_on_none_after(decoder):
    images, ids = some_images(), words()
    model = randomised(captioner(decoder))
    before = numbers(model({"words": ids, **images}))
    other = {name: values[::-1].copy() for name, values in images.items()}
    assert np.abs(numbers(model({"words": ids, **other})) - before)[0].min() > 1e-6
    changed = ids.copy()
    changed[:, 2] = changed[:, 2] % (V - 1) + 1
    after = numbers(model({"words": changed, **images}))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert (np.abs(after[:, 2:] - before[:, 2:]).max(axis=-1) > 1e-6).all()


def test_where_a_network_looks_is_drawn_if_it_looks_at_a_square_grid():
    images = some_images()
    square = {"grid": np.ones((5, 9, 3), "float32")}
    assert run_figures.can_be_drawn(captioner("attention", images={**images, **square}))
    oblong = {"grid": np.ones((5, 8, 3), "float32")}
    assert not run_figures.can_be_drawn(captioner("attention", images={**images, **oblong}))
    assert not run_figures.can_be_drawn(captioner("init"))


def test_merge_with_a_plain_network_is_the_lectures_formula():
    """h_t = tanh(W_xh x_t + W_hh h_(t-1) + W_ih v + b), stepped in NumPy."""
    images, ids = some_images(), words()
    model = randomised(captioner("merge", "simple"))
    mean, variance = images["pooled"].mean(0), images["pooled"].var(0)
    kernel, bias = map(numbers, model.image_vector.weights)
    v = (images["pooled"] - mean) / np.sqrt(variance) @ kernel + bias
    x = numbers(model.word_vectors.weights[0])[ids]
    w_xv, w_hh, b = map(numbers, model.recurrent.weights)
    w_xh, w_ih = w_xv[:4], w_xv[4:]
    w_o, b_o = map(numbers, model.logits.weights)
    h = np.zeros((5, 7))
    for step in range(4):
        h = np.tanh(x[:, step] @ w_xh + h @ w_hh + v @ w_ih + b)
        logits = numbers(model({"words": ids, **images}))[:, step]
        np.testing.assert_allclose(logits, h @ w_o + b_o, atol=1e-4)


@pytest.mark.slow
def test_a_small_image_encoder_learns_from_pixels_for_every_decoder():
    images = {"pixels": np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype("uint8")}
    for decoder in DECODERS:
        model = captioner(decoder, images=images)
        model.compile("adam", losses.SmoothedCrossentropy())
        before = numbers(model.image_encoder.layers[0].kernel)
        model.fit({"words": words(), **images}, words(seed=2), verbose=0)
        assert np.abs(numbers(model.image_encoder.layers[0].kernel) - before).max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_six_captions_are_learned_by_heart(decoder):
    keras.utils.set_random_seed(0)
    images = some_images(6)
    said = ["a dog runs", "a cat sits", "a dog sits", "a cat runs", "dog", "a cat sits a cat sits"]
    part = Part([*"abcdef"], images, [[text.split()] for text in said], [None] * 6)
    model = captioner(decoder, images=images, units=32, embedding=16)
    model.compile(keras.optimizers.Adam(2e-2), losses.SmoothedCrossentropy())
    examples, count, n = batches.training_batches(part, VOCABULARY, 6, 0, 0)
    assert (count, n) == (1, sum(len(text.split()) + 1 for text in said))
    model.fit(examples, steps_per_epoch=120, verbose=0)
    writer = SentenceWriter(model, VOCABULARY, 8)
    assert [" ".join(s.words) for s in writer.sample(images, 0)] == said
    assert [" ".join(found[0].words) for found in writer.beam(images, 3)] == said
    assert validation.Nats(model, *batches.evaluation_batches(part, VOCABULARY))() < 0.1


# The loss


def test_the_loss_is_the_masked_log_likelihood_a_word():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(2, 3, V)).astype("float32"), rng.integers(0, V, (2, 3))
    present = np.array([[1, 1, 1], [1, 0, 0]], "float32")
    weights = present * 6 / 4  # of 6 places 4 are words
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    nats = -np.log(np.take_along_axis(p, targets[..., None], -1)[..., 0])
    loss = losses.SmoothedCrossentropy()(targets, logits, weights)
    assert float(loss) == pytest.approx((nats * present).sum() / 4, rel=1e-5)

    smooth = 0.9 * nats - 0.1 * np.log(p).mean(-1)
    loss = losses.SmoothedCrossentropy(0.1)(targets, logits, weights)
    assert float(loss) == pytest.approx((smooth * present).sum() / 4, rel=1e-5)


def test_padding_has_no_gradient():
    logits = tf.constant(np.random.default_rng(0).normal(size=(2, 3, V)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        weights = np.array([[1, 1, 1], [1, 0, 0]], "float32")
        loss = losses.SmoothedCrossentropy(0.1)(np.ones((2, 3), int), logits, weights)
    gradient = tape.gradient(loss, logits).numpy()
    assert not gradient[1, 1:].any() and gradient[0].all()


def test_a_lesson_begins_with_the_end_and_is_one_word_behind():
    part = Part(
        ["x"], {"pooled": np.ones((1, 2), "float16")}, [[["a", "dog"], ["a", "big", "cat"]]], [None]
    )
    examples, _, _ = batches.training_batches(part, VOCABULARY, 2, 0, 0)
    inputs, targets, weights = next(examples.as_numpy_iterator())
    order = np.argsort(weights.sum(1))
    assert inputs["words"][order].tolist() == [[0, 1, 2, 0], [0, 1, 3, 6]]
    assert targets[order].tolist() == [[1, 2, 0, 0], [1, 3, 6, 0]]
    np.testing.assert_allclose(weights[order] * 7 / 8, [[1, 1, 1, 0], [1, 1, 1, 1]], rtol=1e-6)
    assert inputs["pooled"].tolist() == [[1, 1], [1, 1]]


def test_nats_are_a_mean_over_words_and_not_over_captions():
    images = some_images(2)
    part = Part(["x", "y"], images, [[["a"], ["a", "dog", "runs", "a"]], [["cat"]]], [None, None])
    model = randomised(captioner(images=images))
    total, count = 0.0, 0
    for n, texts in enumerate(part.words):
        for text in texts:
            ids = np.append(VOCABULARY.encode(text), VOCABULARY.end)
            read = np.append(VOCABULARY.end, ids[:-1])[None]
            one = {name: values[n : n + 1] for name, values in images.items()}
            logits = numbers(model({"words": read, **one}))[0].astype("float64")
            log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
            total -= log_p[np.arange(len(ids)), ids].sum()
            count += len(ids)
    assert validation.Nats(model, *batches.evaluation_batches(part, VOCABULARY))() == pytest.approx(
        total / count, rel=1e-5
    )


def test_validation_is_traced_once_however_long_its_captions_are(monkeypatch):
    monkeypatch.setattr(batches, "EVALUATED", 1)  # each caption is a batch of its own length
    images = some_images(2)
    part = Part(["x", "y"], images, [[["a"], ["a", "dog", "runs", "a"]], [["cat", "a"]]], [None, None])
    nats = validation.Nats(
        randomised(captioner(images=images)), *batches.evaluation_batches(part, VOCABULARY)
    )
    assert nats() == nats()
    assert nats._total.experimental_get_tracing_count() == 1


def test_l2_adds_the_squares_of_the_weights():
    images = some_images()
    model = captioner(images=images, l2=0.1)
    penalised = [model.word_vectors.weights[0], *model.recurrent.weights[:2], model.logits.kernel]
    expected = 0.1 * sum((numbers(w) ** 2).sum() for w in penalised)
    model({"words": words(), **images})
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


# Writing


@pytest.fixture(scope="module")
def writer():
    return SentenceWriter(randomised(captioner("attention"), seed=3), VOCABULARY, 6)


def log_p_of(writer, image, sentence):
    ids = writer.vocabulary.encode(sentence.words)
    if len(ids) < writer.max_length:
        ids = np.append(ids, writer.vocabulary.end)
    read = np.append(writer.vocabulary.end, ids[:-1])[None]
    logits = numbers(writer.model({"words": read, **image}))[0].astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return log_p[np.arange(len(ids)), ids].sum()


@pytest.mark.slow
def test_the_likelihood_of_a_sentence_is_the_networks(writer):
    images = some_images()
    written = {
        "beam": [best for best, *_ in writer.beam(images, 3, 0.7)],
        "greedy": writer.sample(images, 0),
        "sampled": writer.sample(images, 1.5, seed=4),
    }
    for sentences in written.values():
        for n, sentence in enumerate(sentences):
            one = {name: values[n : n + 1] for name, values in images.items()}
            assert sentence.log_p == pytest.approx(log_p_of(writer, one, sentence), abs=1e-4)


def test_the_unknown_word_is_never_written():
    model = captioner()
    bias = np.full(V, -5.0)
    bias[VOCABULARY.unknown], bias[2] = 5, 4
    model.logits.set_weights([np.zeros(model.logits.kernel.shape), bias])
    writer = SentenceWriter(model, VOCABULARY, 4)
    for sentences in (
        writer.sample(some_images(), 0),
        [b[0] for b in writer.beam(some_images(), 2, 1.0)],
    ):
        assert [s.words for s in sentences] == [["dog"] * 4] * 5


@pytest.mark.slow
def test_a_wider_beam_finds_nothing_worse_at_one_length(writer):
    images = some_images()
    one, five = ([found[0].log_p for found in writer.beam(images, w, 0.0)] for w in (1, 5))
    assert (np.array(five) >= np.array(one) - 1e-5).all()


def test_draws_follow_from_the_seed(writer):
    images = some_images()
    one, again, other = (writer.sample(images, 2.0, seed=seed) for seed in (1, 1, 2))
    assert one == again != other


def test_where_it_looked_is_a_distribution_before_every_word_and_the_end(writer):
    image = {name: values[0] for name, values in some_images().items()}
    weights = writer.attention(image, ["a", "dog"])
    assert weights.shape == (3, 9)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    assert (np.diff(weights, axis=0) != 0).any()


def test_lengths_and_widths_do_not_trace_anew(writer):
    traces = []
    step = writer.step
    counted = SentenceWriter(writer.model, VOCABULARY, 6)
    counted.step = lambda ids, state: (traces.append(1), step(ids, state))[1]
    for images in (some_images(2), some_images(5), some_images(3)):
        counted.beam(images, 2, 0.7)
    assert len(traces) <= 2  # the loop's body, and once more where TensorFlow relaxes its shapes


def test_what_a_word_costs_counts_the_end_only_where_it_came(writer):
    end, word = VOCABULARY.end, VOCABULARY.encode(["dog"])[0]
    ended = writer._sentence([word, word, end, end, end, end], -6.0)
    cut = writer._sentence([word] * 6, -6.0)
    assert (len(ended.words), len(cut.words)) == (2, 6)
    assert (ended.per_word, cut.per_word) == (-2.0, -1.0)


def test_validation_chooses_the_penalty_of_each_width_and_then_the_width():
    class Fixed:
        def beam(self, images, width, penalty):
            return [[sentence_writer.Sentence(["w"] * round(10 * penalty) + ["x"] * width, 0.0, 1)]]

    def score(written):
        length, width = written[0].count("w"), written[0].count("x")
        return {1: -abs(length - 5), 3: 1 - abs(length - 7), 5: 1 - abs(length - 9)}[width]

    best, width = sentence_writer.choose(Fixed(), {}, (1, 3, 5), (0.5, 0.7, 0.9), score)
    assert best == {1: (0, 0.5), 3: (1, 0.7), 5: (1, 0.9)}
    assert width == 3
