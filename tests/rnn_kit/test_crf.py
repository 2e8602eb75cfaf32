"""Conditional random fields, held against the enumeration of all paths."""

import itertools

import keras
import numpy as np
import pytest
from forms import to_numpy

from rnn_kit import crf
from rnn_kit.layers import CRF
from rnn_kit.losses import CRFNegativeLogLikelihood

pytestmark = pytest.mark.backends

B, T, L = 4, 4, 3
MASKS = {
    "none": None,
    "right": np.arange(T) < np.array([[4], [2], [1], [3]]),
    "left": np.arange(T) >= np.array([[0], [2], [3], [1]]),
    "holes": np.array([[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 1]], bool),
    "empty row": np.arange(T) < np.array([[4], [0], [2], [0]]),
}
ALLOWED = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool)


def build(rng, **kwargs):
    layer = CRF(L, **kwargs)
    layer.build((None, None, L))
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    return layer


def enumerate_paths(layer, x, counts):
    """Every path over the steps that count, of one row, with its probability: by the definition."""
    a, b, e = (to_numpy(weight).astype("float64") for weight in layer.weights)
    forbidden = np.zeros_like(a) if layer.transition_mask is None else ~layer.transition_mask
    x = x[counts]
    found = {}
    for path in itertools.product(range(L), repeat=len(x)):
        score = sum(x[t, label] for t, label in enumerate(path))
        if path:
            score += b[path[0]] + e[path[-1]]
            for name, label in (("start_mask", path[0]), ("end_mask", path[-1])):
                if getattr(layer, name) is not None and not getattr(layer, name)[label]:
                    score = -np.inf
        for pair in itertools.pairwise(path):
            score += -np.inf if forbidden[pair] else a[pair]
        found[path] = score
    log_z = np.log(np.sum(np.exp(list(found.values()))))
    return {path: score - log_z for path, score in found.items()}, log_z


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_everything_is_what_the_enumeration_of_all_paths_gives(name, restricted, rng):
    masks = {}
    if restricted:
        masks = {"transition_mask": ALLOWED, "start_mask": [True, True, False]}
        masks |= {"end_mask": [False, True, True]}
    layer = build(rng, **masks)
    x = rng.normal(0, 2, (B, T, L)).astype("float32")
    mask = MASKS[name]
    psi = layer(x, mask=mask)
    labels = rng.integers(0, L, (B, T))
    log_z = to_numpy(crf.log_partition(psi))
    log_p = to_numpy(crf.log_likelihood(psi, labels))
    paths, best_log_p = map(to_numpy, crf.viterbi(psi))
    marginals = np.exp(to_numpy(crf.log_marginals(psi)))
    for row in range(B):
        counts = np.ones(T, bool) if mask is None else mask[row]
        found, expected_z = enumerate_paths(layer, x[row].astype("float64"), counts)
        np.testing.assert_allclose(log_z[row], expected_z, atol=1e-5)
        told = found[tuple(labels[row][counts])]
        if np.isfinite(told):
            np.testing.assert_allclose(log_p[row], told, atol=1e-5)
        else:
            assert log_p[row] < crf.FORBIDDEN / 2
        best = max(found, key=found.get)
        assert tuple(paths[row][counts]) == best
        np.testing.assert_allclose(best_log_p[row], found[best], atol=1e-5)
        for t, step in enumerate(np.flatnonzero(counts)):
            for label in range(L):
                p = sum(np.exp(v) for path, v in found.items() if path[t] == label)
                np.testing.assert_allclose(marginals[row, step, label], p, atol=1e-5)


def test_in_double_precision_the_likelihood_is_the_enumerations_to_ten_digits(rng):
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is asked to")
    layer = build(rng, dtype="float64")
    x, labels = rng.normal(0, 2, (B, T, L)), rng.integers(0, L, (B, T))
    log_p = to_numpy(crf.log_likelihood(layer(x), labels))
    for row in range(B):
        told = enumerate_paths(layer, x[row], np.ones(T, bool))[0][tuple(labels[row])]
        np.testing.assert_allclose(log_p[row], told, rtol=1e-10)


def gradients(layer, x, labels, mask):
    """Of -Σ ln p, with respect to the scores and the layer's weights."""
    if keras.backend.backend() == "jax":
        import jax

        def loss(x, weights):
            psi, _ = layer.stateless_call(weights, [], x, mask=mask)
            return -crf.log_likelihood(psi, labels).sum()

        grad_x, grad_weights = jax.grad(loss, (0, 1))(x, [w.value for w in layer.trainable_weights])
        return [grad_x, *grad_weights]
    x = keras.Variable(x)

    def loss():
        return -keras.ops.sum(crf.log_likelihood(layer(x, mask=mask), labels))

    of = [x.value, *[w.value for w in layer.trainable_weights]]
    if keras.backend.backend() == "torch":
        import torch

        return torch.autograd.grad(loss(), of)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss()
    return tape.gradient(value, of)


def test_gradients_are_central_differences(rng):
    layer = build(rng, transition_mask=ALLOWED)
    x, labels = rng.normal(size=(B, T, L)).astype("float32"), rng.integers(0, L, (B, T))
    labels[:, 1:] = labels[:, :1]  # no pair that is forbidden
    mask = MASKS["holes"]

    def loss(x):
        return -float(to_numpy(crf.log_likelihood(layer(x, mask=mask), labels)).sum())

    found = [to_numpy(of) for of in gradients(layer, x, labels, mask)]
    for place, gradient in zip([x, *layer.trainable_weights], found, strict=True):
        values = np.array(to_numpy(place))
        for at in np.ndindex(values.shape):
            told = []
            for change in (1e-2, -1e-2):
                moved = values.copy()
                moved[at] += change
                if place is not x:
                    place.assign(moved)
                told.append(loss(moved if place is x else x))
            if place is not x:
                place.assign(values)
            np.testing.assert_allclose(gradient[at], (told[0] - told[1]) / 2e-2, atol=3e-3)


def test_padding_changes_nothing(rng):
    layer = build(rng)
    x, labels = rng.normal(size=(B, 3, L)).astype("float32"), rng.integers(0, L, (B, 3))
    padded = np.concatenate([x, rng.normal(size=(B, 5, L))], axis=1).astype("float32")
    counts = np.arange(8) < np.full((B, 1), 3)
    more = np.concatenate([labels, np.full((B, 5), -1)], axis=1)  # of no label, and not looked up
    before = crf.log_likelihood(layer(x), labels)
    after = crf.log_likelihood(layer(padded, mask=counts), more)
    np.testing.assert_allclose(to_numpy(after), to_numpy(before), atol=1e-5)
    path, _ = crf.viterbi(layer(padded, mask=counts))
    np.testing.assert_array_equal(to_numpy(path)[:, :3], to_numpy(crf.viterbi(layer(x))[0]))


def tagger(output="potentials", dtype=None):
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(9, 6, mask_zero=True),
            keras.layers.Dense(L, dtype=dtype),
            CRF(L, output, dtype=dtype, name="crf"),
        ]
    )


@pytest.mark.parametrize("output", ["potentials", "log_marginals"])
def test_fit_learns_what_depends_on_the_label_before_alone(output, rng):
    """Labels go round 0 1 2 whatever the inputs are: no step by itself can tell."""
    ids = rng.integers(4, 9, (64, 6))
    labels = (np.arange(6) + rng.integers(0, L, (64, 1))) % L
    ids[:32, 4:] = 0
    ids[:, 0] = labels[:, 0] + 1  # the first step tells where the round begins
    model = tagger(output)
    loss = CRFNegativeLogLikelihood()
    if output == "log_marginals":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.1), loss)
    model.fit(ids, labels, batch_size=16, epochs=12, verbose=0)
    told = model.predict(ids, verbose=0)
    path = told.argmax(-1) if output == "log_marginals" else to_numpy(crf.viterbi(told)[0])
    assert (path == labels)[ids > 0].mean() > 0.95


def test_it_is_saved_with_its_masks_and_its_loss(tmp_path, rng):
    layer = CRF(L, transition_mask=ALLOWED, start_mask=np.array([True, False, True]), name="chain")
    inputs = keras.Input((None, L))
    model = keras.Model(inputs, layer(inputs))
    model.compile("sgd", CRFNegativeLogLikelihood())
    layer.transition_kernel.assign(rng.normal(size=(L, L)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = rng.normal(size=(B, T, L)).astype("float32")
    np.testing.assert_allclose(to_numpy(loaded(x)), to_numpy(model(x)), atol=1e-6)
    assert isinstance(loaded.loss, CRFNegativeLogLikelihood)
    assert CRF.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_sums_in_full_and_rounds_no_score(policy, rng):
    x, mask = rng.normal(0, 300, (2, 300, L)).astype("float32"), np.arange(300) < [[300], [120]]
    full = build(rng)
    expected = to_numpy(crf.log_partition(full(x, mask=mask)))
    keras.config.set_dtype_policy(policy)
    layer = build(rng)
    for weight, of in zip(layer.weights, full.weights, strict=True):
        weight.assign(of)
    psi = layer(x, mask=mask)
    assert keras.backend.standardize_dtype(psi.dtype) == "float32"
    assert all(w.dtype == "float32" for w in layer.weights)
    np.testing.assert_allclose(to_numpy(crf.log_partition(psi)), expected, rtol=1e-6)


def test_a_label_that_is_none_costs_nan_and_no_other_labels_price(rng):
    psi = build(rng)(rng.normal(size=(B, T, L)).astype("float32"))
    labels = rng.integers(0, L, (B, T))
    labels[1, 3], labels[2, 0] = L, -1
    told = to_numpy(crf.log_likelihood(psi, labels))
    assert np.isnan(told).tolist() == [False, True, True, False]


def test_weights_of_steps_are_refused_and_those_of_sequences_count(rng):
    psi, labels = build(rng)(rng.normal(size=(B, T, L)).astype("float32")), rng.integers(0, L, (B, T))
    loss = CRFNegativeLogLikelihood(reduction="sum")
    with pytest.raises(ValueError, match=r"one weight: expected sample weights of shape \(B,\)"):
        loss(labels, psi, sample_weight=np.ones((B, T)))
    costs = -to_numpy(crf.log_likelihood(psi, labels))
    for weight in (np.array([1.0, 0, 2, 0]), np.array([[1.0], [0], [2], [0]])):
        told = float(to_numpy(loss(labels, psi, sample_weight=weight)))
        assert told == pytest.approx(costs[0] + 2 * costs[2], rel=1e-5)


def test_one_label_and_one_step_have_no_choice():
    layer = CRF(1)
    path, log_p = crf.viterbi(layer(np.ones((2, 1, 1), "float32")))
    assert to_numpy(path).tolist() == [[0], [0]]
    np.testing.assert_allclose(to_numpy(log_p), 0, atol=1e-6)
    psi = layer(np.ones((2, 3, 1), "float32"), mask=np.arange(3) < np.array([[3], [1]]))
    told = to_numpy(crf.log_likelihood(psi, np.array([[0, 0, 0], [0, -1, -1]])))
    np.testing.assert_allclose(told, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: CRF(0), "integer of 1 at least"),
        (lambda: CRF(3, "viterbi"), '"potentials" or "log_marginals"'),
        (lambda: CRF(3, transition_mask=np.ones((2, 2), bool)), r"of shape \(3, 3\)"),
        (lambda: CRF(3, start_mask=[1, 0, 1]), "must be booleans"),
        (lambda: CRF(3, end_mask=np.zeros(3, bool)), "forbids everything"),
        (lambda: CRF(3)(np.ones((1, 2, 4))), r"Put a Dense\(3\) before it"),
        (lambda: CRF(3)(np.ones((3, 3))), r"inputs \(B, T, 3\). Received: inputs of shape \(3, 3\)"),
    ],
)
def test_what_cannot_be_is_said(make, told):
    with pytest.raises(ValueError, match=told):
        make()
