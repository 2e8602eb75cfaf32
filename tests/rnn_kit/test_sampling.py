"""The sampler: its distribution, its ends, what it refuses."""

import keras
import numpy as np
import pytest

from rnn_kit.sampling import TemperatureSampler

pytestmark = pytest.mark.backends

DRAWS = 20_000
LOGITS = np.array([1.0, 0.2, -0.5, 2.0, -3.0, 0.0], "float32")


def softmax(a):
    e = np.exp(a - a.max())
    return e / e.sum()


def frequencies(sampler, logits, draws=DRAWS):
    ids = keras.ops.convert_to_numpy(sampler(np.tile(logits, (draws, 1))))
    return np.bincount(ids, minlength=len(logits))


def chi_square(counts, p):
    """Pearson's statistic over the ids of probability above 0, and its degrees of freedom."""
    assert counts[p == 0].sum() == 0
    counts, p = counts[p > 0], p[p > 0]
    expected = p * counts.sum()
    return ((counts - expected) ** 2 / expected).sum(), len(p) - 1


# The 99.9 % quantiles of chi-square with n degrees of freedom.
CRITICAL = {0: 1e-9, 1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}


def nucleus(p, top_p):
    order = np.argsort(-p)
    reached = np.cumsum(p[order]) >= top_p
    kept = order[: np.argmax(reached) + 1]
    return np.where(np.isin(np.arange(len(p)), kept), p, 0) / p[kept].sum()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax_at_the_temperature(temperature):
    counts = frequencies(TemperatureSampler(temperature, seed=1), LOGITS)
    statistic, freedom = chi_square(counts, softmax(LOGITS / temperature))
    assert statistic < CRITICAL[freedom]


@pytest.mark.parametrize("kwargs", [{}, {"top_k": 3}, {"top_p": 0.9}, {"temperature": 0}])
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_row_that_says_nothing_still_gives_an_id_of_the_vocabulary(kwargs, bad):
    logits = np.array([[bad] * 5] * 50, "float32")
    ids = keras.ops.convert_to_numpy(TemperatureSampler(seed=1, **kwargs)(logits))
    assert ids.min() >= 0 and ids.max() < 5


@pytest.mark.parametrize("kwargs", [{}, {"top_k": 2}, {"top_p": 0.5}, {"temperature": 0}])
def test_an_infinite_logit_is_drawn_for_sure_and_a_nan_never(kwargs):
    logits = np.array([[0.0, np.nan, np.inf, 3.0]] * 50, "float32")
    ids = keras.ops.convert_to_numpy(TemperatureSampler(seed=1, **kwargs)(logits))
    assert (ids == 2).all()


@pytest.mark.slow
def test_top_p_of_one_leaves_nothing_out():
    """Summed in float32, 50,000 equal probabilities reach 1 some ids too early."""
    logits = np.zeros((2000, 50_257), "float32")
    whole, nucleus = (
        keras.ops.convert_to_numpy(TemperatureSampler(top_p=p, seed=1)(logits)) for p in (None, 1.0)
    )
    np.testing.assert_array_equal(whole, nucleus)


def test_low_sharpens_and_high_flattens():
    best = [frequencies(TemperatureSampler(t, seed=1), LOGITS).max() / DRAWS for t in (0.2, 1.0, 5.0)]
    assert best[0] > best[1] + 0.1 > best[2] + 0.2


@pytest.mark.parametrize("top_k", [1, 2, 4, 6, 100])
def test_top_k_draws_from_the_k_likeliest_alone(top_k):
    counts = frequencies(TemperatureSampler(top_k=top_k, seed=2), LOGITS)
    p = np.exp(LOGITS) * (np.argsort(np.argsort(-LOGITS)) < top_k)
    statistic, freedom = chi_square(counts, p / p.sum())
    assert statistic < CRITICAL[freedom]


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.85, 0.999, 1.0])
def test_top_p_draws_from_the_nucleus_alone(top_p):
    counts = frequencies(TemperatureSampler(0.8, top_p=top_p, seed=3), LOGITS)
    statistic, freedom = chi_square(counts, nucleus(softmax(LOGITS / 0.8), top_p))
    assert statistic < CRITICAL[freedom]


def test_top_p_counts_within_the_top_k():
    counts = frequencies(TemperatureSampler(top_k=2, top_p=0.9, seed=3), LOGITS)
    two = softmax(LOGITS[[3, 0]])  # 0.73 and 0.27: both are needed for 0.9
    p = np.array([two[1], 0, 0, two[0], 0, 0])
    statistic, freedom = chi_square(counts, p)
    assert statistic < CRITICAL[freedom]


def test_probabilities_come_in_and_a_zero_is_never_drawn():
    p = np.array([0.5, 0.0, 0.2, 0.0, 0.3], "float32")
    for kwargs in ({}, {"temperature": 50.0}, {"top_p": 1.0}, {"top_k": 5}):
        counts = frequencies(TemperatureSampler(from_logits=False, seed=4, **kwargs), p)
        assert counts[[1, 3]].sum() == 0
        if not kwargs.get("temperature"):
            statistic, freedom = chi_square(counts, p)
            assert statistic < CRITICAL[freedom]


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-45, 1e-30])
def test_temperature_zero_is_argmax_and_the_tiniest_is_no_nan(temperature, rng):
    logits = rng.normal(0, 100, (50, 7)).astype("float32")
    ids = keras.ops.convert_to_numpy(TemperatureSampler(temperature)(logits))
    np.testing.assert_array_equal(ids, logits.argmax(-1))


def test_equal_logits_are_drawn_alike_at_the_tiniest_temperature():
    counts = frequencies(TemperatureSampler(1e-30, seed=1), np.array([3.0, 3.0, 1.0], "float32"))
    statistic, freedom = chi_square(counts, np.array([0.5, 0.5, 0.0]))
    assert statistic < CRITICAL[freedom]


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("kwargs", [{}, {"top_k": 3}, {"top_p": 0.5}, {"temperature": 0}])
def test_any_leading_shape_gives_int32_ids_of_that_shape(shape, kwargs, rng):
    sampler = TemperatureSampler(**kwargs)
    ids = sampler(rng.normal(size=(*shape, 5)).astype("float32"))
    assert tuple(ids.shape) == shape
    assert keras.backend.standardize_dtype(ids.dtype) == "int32"
    symbolic = sampler(keras.KerasTensor((None, *shape, 5)))
    assert symbolic.shape == (None, *shape) and symbolic.dtype == "int32"


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_it_computes_in_float32_whatever_the_policy(policy):
    keras.config.set_dtype_policy(policy)
    logits = np.array([2049.0, 2048.0], "float32")  # one number in float16
    ids = keras.ops.convert_to_numpy(TemperatureSampler(0.01, seed=0)(np.tile(logits, (100, 1))))
    assert (ids == 0).all()
    half = keras.ops.cast(np.array([[1.0, 5.0]]), "float16")
    assert int(TemperatureSampler(0)(half)[0]) == 1


def test_a_seed_fixes_the_draws_and_the_next_call_draws_anew(rng):
    logits = rng.normal(size=(64, 9)).astype("float32")
    one, two = (TemperatureSampler(seed=5) for _ in range(2))
    first, second = (keras.ops.convert_to_numpy(one(logits)) for _ in range(2))
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(two(logits)))
    assert (first != second).any()


def test_config_round_trip():
    sampler = TemperatureSampler(0.7, top_k=3, top_p=0.9, from_logits=False, seed=8, name="s")
    again = TemperatureSampler.from_config(sampler.get_config())
    assert again.get_config() == sampler.get_config()
    assert (again.temperature, again.top_k, again.top_p, again.seed) == (0.7, 3, 0.9, 8)


@pytest.mark.parametrize(
    "kwargs",
    [{"temperature": t} for t in (-0.1, float("nan"), float("inf"), None, "1", True)]
    + [{"top_k": k} for k in (0, -1, 1.5, "2", True, float("nan"), float("inf"))]
    + [{"top_p": p} for p in (0, -0.5, 1.0001, float("nan"), "0.5")],
    ids=str,
)
def test_arguments_out_of_range_are_named(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        TemperatureSampler(**kwargs)
