"""Metrics of language models, weighted by tokens rather than by batches, and of entities."""

import math

import keras
from keras import ops

from rnn_kit import crf
from rnn_kit._internals import get_keras_mask
from rnn_kit.entities import split_tag


class _PerToken(keras.metrics.Metric):
    """The mean cross entropy in nats over all tokens seen: Σ w_n (-log p(y_n)) / Σ w_n.

    Both sums may exceed 2^24, up to which float32 counts exactly, and not every backend has float64 and
    int64 (JAX by default has neither). So each is kept as two numbers: the sum, and its rounding error.
    """

    def __init__(self, ignore_class=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.ignore_class = ignore_class
        # In float16 a sum could not exceed 65504.
        self.sum_dtype = "float64" if self.dtype == "float64" else "float32"
        self.nats, self.nats_lost, self.tokens, self.tokens_lost = (
            self.add_variable((), initializer="zeros", dtype=self.sum_dtype, name=name)
            for name in ("nats", "nats_lost", "tokens", "tokens_lost")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the tokens of a batch.

        Args:
            y_true: Ids `(...)` or `(..., 1)`, of any integer or float dtype.
            y_pred: Logits `(..., V)`. A Keras mask on them counts as weight.
            sample_weight: Weights `(...)` or `(..., 1)`, or of fewer dimensions, broadcast over
                the last ones.
        """
        mask = get_keras_mask(y_pred)
        y_true = ops.cast(y_true, "int32")
        y_pred = ops.cast(y_pred, self.sum_dtype)
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, axis=-1)
        weight = ops.ones(ops.shape(y_true), dtype=self.sum_dtype)
        if mask is not None:
            weight = weight * ops.cast(mask, self.sum_dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.sum_dtype)
            if len(sample_weight.shape) == len(y_true.shape) + 1 and sample_weight.shape[-1] == 1:
                sample_weight = ops.squeeze(sample_weight, axis=-1)
            while len(sample_weight.shape) < len(y_true.shape):
                sample_weight = ops.expand_dims(sample_weight, -1)
            weight = weight * sample_weight
        if self.ignore_class is not None:
            counts = ops.not_equal(y_true, self.ignore_class)
            weight = weight * ops.cast(counts, self.sum_dtype)
            y_true = ops.where(counts, y_true, ops.zeros_like(y_true))  # -1 is no class to look up
        nats = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        # 0 * inf is NaN: a token without weight must not count, whatever its loss.
        nats = ops.where(weight > 0, nats * weight, ops.zeros_like(nats))
        _add(self.nats, self.nats_lost, ops.sum(nats))
        _add(self.tokens, self.tokens_lost, ops.sum(weight))

    def mean_nats(self):
        """Returns the mean cross entropy of the tokens so far; 0 before any."""
        return ops.divide_no_nan(self.nats + self.nats_lost, self.tokens + self.tokens_lost)

    def get_config(self):
        return {**super().get_config(), "ignore_class": self.ignore_class}


def _add(total, lost, value):
    """Adds to a sum in two parts by Kahan's summation; Knuth's TwoSum gives the rounding error."""
    old = ops.convert_to_tensor(total)
    value = value + ops.convert_to_tensor(lost)
    new = old + value
    added = new - old
    error = (old - (new - added)) + (value - added)
    total.assign(new)
    lost.assign(ops.where(ops.isfinite(new), error, ops.zeros_like(error)))  # inf - inf is NaN


@keras.saving.register_keras_serializable(package="rnn_kit")
class Perplexity(_PerToken):
    """Computes the perplexity of a language model from logits.

        log PPL = -(1/N) Σ_n log p(w_n | w_1 ... w_{n-1})

    The sum runs over all N tokens since the last reset, so that each token has the same weight, in
    batches of any size; the mean of the batches' perplexities would be larger. Before any token it is
    1.

    Args:
        ignore_class: An id (often that of padding) whose tokens do not count. Default: `None`.
        name: Default: `"perplexity"`.
        dtype: `"float64"` computes in float64 under TensorFlow (elsewhere Keras takes logits in as
            float32); any other, and the default, in float32. Tokens are counted one by one beyond
            2^24 in either.

    Source: Jian Li, "Deep Learning: RNN" (IIS Tsinghua), "perplexity measure" of the captioning
    slides (there with logarithms of base 2, which gives the same number).

    Example:

    >>> metric = Perplexity(ignore_class=0)
    >>> metric.update_state(np.array([[1, 2, 0]]), np.zeros((1, 3, 8)))
    >>> round(float(metric.result()), 3)
    8.0
    """

    def __init__(self, ignore_class=None, name="perplexity", dtype=None):
        super().__init__(ignore_class, name, dtype)

    def result(self):
        return ops.exp(self.mean_nats())


@keras.saving.register_keras_serializable(package="rnn_kit")
class BitsPerCharacter(_PerToken):
    """Computes the cross entropy in bits a character from logits.

        BPC = -(1/N) Σ_n log2 p(c_n | c_1 ... c_{n-1})

    which is the cross entropy in nats divided by log 2. Token-weighted as `Perplexity`.

    Args:
        ignore_class: An id (often that of padding) whose characters do not count. Default: `None`.
        name: Default: `"bits_per_character"`.
        dtype: `"float64"` computes in float64 under TensorFlow (elsewhere Keras takes logits in as
            float32); any other, and the default, in float32. Tokens are counted one by one beyond
            2^24 in either.

    Source: the same sum as `Perplexity`; perplexity = 2^BPC.

    Example:

    >>> metric = BitsPerCharacter()
    >>> metric.update_state(np.array([[1, 2, 0]]), np.zeros((1, 3, 8)))
    >>> round(float(metric.result()), 3)
    3.0
    """

    def __init__(self, ignore_class=None, name="bits_per_character", dtype=None):
        super().__init__(ignore_class, name, dtype)

    def result(self):
        return self.mean_nats() / math.log(2)


@keras.saving.register_keras_serializable(package="rnn_kit")
class EntityF1(keras.metrics.Metric):
    """Computes F1 of the entities found: of whole entities with their type, as in conlleval.

        precision = right / found        recall = right / there        F1 = 2 right / (found + there)

    An entity is right if its first word, its last word and its type are, of the `found` ones and those
    that are `there`. Before any entity F1 is 0.

    Args:
        tags: L names of the labels 0 ... L - 1, such as `rnn_kit.entities.all_tags` returns.
        name: Default: `"entity_f1"`.
        dtype: `"float64"` counts in float64; any other, and the default, in float32, up to 2^24.

    Raises:
        ValueError: if a name is not a tag, or a type is called "all".

    Source: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task"
    (arXiv:cs/0306050), section 2.3.

    Example:

    >>> metric = EntityF1(["O", "B-PER", "I-PER"])
    >>> metric.update_state(np.array([[1, 2, 0, 1]]), np.array([[1, 2, 0, 0]]))
    >>> round(float(metric.result()), 3)  # one of one is right, and one of two is found
    0.667
    """

    def __init__(self, tags, name="entity_f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.tags = list(tags)
        split = [split_tag(tag) for tag in self.tags]
        self.types = list(dict.fromkeys(kind for _, kind in split if kind))
        if "all" in self.types:
            raise ValueError('The type "all" is the name of the total: give it another name')
        # In float16 a count could not exceed 2048.
        self.count_dtype = "float64" if self.dtype == "float64" else "float32"
        self._type_of = [self.types.index(kind) if kind else -1 for _, kind in split]
        self._letter = {
            "begins": [prefix in "BSU" for prefix, _ in split],
            "ends": [prefix in "OESLU" for prefix, _ in split],
        }
        self.right, self.found, self.there = (
            self.add_variable((len(self.types),), "zeros", dtype=self.count_dtype, name=name)
            for name in ("right", "found", "there")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts the entities of a batch.

        Args:
            y_true: Labels `(B, T)`. Words with a label outside 0 ... L - 1, such as -1, are excluded.
            y_pred: Labels `(B, T)`; or scores `(B, T, L)`, for their largest; or potentials
                `(B, T, L, L)` of a `rnn_kit.layers.CRF`, for their most probable path. A Keras mask on
                them, or that of the potentials, excludes words.
            sample_weight: `(B, T)` or `(B,)`: words of weight 0 are excluded.
        """
        y_true = ops.cast(y_true, "int32")
        y_pred = ops.convert_to_tensor(y_pred)
        mask = get_keras_mask(y_pred)
        more = len(y_pred.shape) - len(y_true.shape)
        if more == 2:
            mask = crf.steps_that_count(y_pred)
            y_pred, _ = crf.viterbi(y_pred)
        elif more == 1:
            y_pred = ops.argmax(y_pred, axis=-1)
        counts = (y_true >= 0) & (y_true < len(self.tags))
        if mask is not None:
            counts = counts & ops.cast(mask, "bool")
        if sample_weight is not None:
            weight = ops.convert_to_tensor(sample_weight)
            weight = weight[:, None] if len(weight.shape) == 1 else weight
            counts = counts & ops.not_equal(weight, 0)
        theirs, ours = (self._entities(of, counts) for of in (y_true, ops.cast(y_pred, "int32")))
        both = theirs["ends"] & ours["ends"]
        for name in ("start", "type"):
            both = both & ops.equal(theirs[name], ours[name])
        for total, ends, kind in (
            (self.right, both, ours["type"]),
            (self.found, ours["ends"], ours["type"]),
            (self.there, theirs["ends"], theirs["type"]),
        ):
            which = ops.one_hot(kind, len(self.types)) * ops.cast(ends, "float32")[..., None]
            total.assign_add(ops.cast(ops.sum(which, axis=(0, 1)), self.count_dtype))

    def _entities(self, labels, counts):
        """Returns for each word whether an entity ends there, its type, and the latest one's start.

        Words that do not count are passed over: the words before and behind them are neighbours.
        """
        before_it, behind_it = _neighbours(counts)
        labels = ops.where(counts, labels, 0)

        def of(values, outside):
            return ops.where(counts, ops.take(ops.convert_to_tensor(values), labels), outside)

        kind, letter_begins = of(self._type_of, -1), of(self._letter["begins"], False)
        after = of(self._letter["ends"], True)  # after O or the end of an entity
        inside = ops.greater_equal(kind, 0)
        fresh, other = _at(after, before_it, True), ops.not_equal(kind, _at(kind, before_it, -1))
        begins = inside & (letter_begins | fresh | other)
        ends = inside & ~_at(inside & ~begins, behind_it, False)
        return {"ends": ends, "type": kind, "start": crf.latest_step(begins)}

    def result(self):
        return _f1(ops.sum(self.right), ops.sum(self.found), ops.sum(self.there))

    def by_type(self):
        """Returns a dict of types, and `"all"`, to dicts of precision, recall, F1, and counts.

        `right`, `found` and `there` are the counts; a ratio to 0 is 0.
        """
        counts = [ops.convert_to_numpy(v) for v in (self.right, self.found, self.there)]
        told = {}
        for name, at in [*((name, [n]) for n, name in enumerate(self.types)), ("all", slice(None))]:
            right, found, there = (float(of[at].sum()) for of in counts)
            told[name] = {
                "precision": right / found if found else 0.0,
                "recall": right / there if there else 0.0,
                "f1": 2 * right / (found + there) if found + there else 0.0,
                "right": int(right),
                "found": int(found),
                "there": int(there),
            }
        return told

    def get_config(self):
        return {**super().get_config(), "tags": self.tags}


def _neighbours(counts):
    """Returns for each word the index of the word that counts before it, and behind it; -1 if none."""
    turned = crf.step_before(ops.flip(counts, axis=1))
    behind = ops.where(turned >= 0, ops.shape(counts)[1] - 1 - turned, -1)
    return crf.step_before(counts), ops.flip(behind, axis=1)


def _at(values, index, default):
    """Returns the values `(B, T)` at indexes `(B, T)`, and a default where these are -1."""
    found = ops.take_along_axis(values, ops.maximum(index, 0), axis=1)
    return ops.where(index >= 0, found, default)


def _f1(right, found, there):
    return ops.divide_no_nan(2 * right, found + there)
