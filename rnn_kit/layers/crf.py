"""A conditional random field over the labels of a sequence."""

import keras
import numpy as np
from keras import ops

from rnn_kit import crf


@keras.saving.register_keras_serializable(package="rnn_kit")
class CRF(keras.layers.Layer):
    """Linear-chain conditional random field (CRF): scores labels and also their transitions.

        φ(y) = b[y_1] + Σ_t x_t[y_t] + Σ_(t>1) A[y_(t-1), y_t] + e[y_T]
        p(y | x) = e^φ(y) / Σ_y' e^φ(y')

    x_t `(L,)` are the scores of step t, such as the output of a `Dense` without activation. The layer
    outputs the potentials of the chain, from which everything else is computed:

        ψ_1[i, j] = b[j] + x_1[j]                    ψ_t[i, j] = A[i, j] + x_t[j]
        ψ_T[i, j] has e[j] added

    - train with `loss=rnn_kit.losses.CRFNegativeLogLikelihood()`;
    - `rnn_kit.crf.viterbi(model.predict(x))` returns the most probable labels, and ln p of them;
    - `rnn_kit.crf.log_marginals(...)` returns log p(y_t = j | x), which the
      layer outputs with `output="log_marginals"`: a plain Keras loss on it, with `from_logits=True`,
      trains each label's own probability.

    Args:
        labels: L, at least 1.
        output: `"potentials"`, or `"log_marginals"`. Default: `"potentials"`.
        transition_mask: Boolean `(L, L)`: whether label j may follow label i. Default: all may.
        start_mask, end_mask: Boolean `(L,)`: whether a sequence may start with a label, and end with
            it. Default: all may.
        use_boundary: Whether b and e are learned; else they are zero. Default: `True`.
        transition_initializer, transition_regularizer, transition_constraint: For A, b and e. Defaults:
            `"zeros"`, `None`, `None`.

    Call arguments:
        inputs: x, `(B, T, L)`.
        mask: Boolean `(B, T)`: the steps that count, anywhere in the sequence; masked steps are
            skipped. Default: the mask that comes with `inputs`, if one does.

    Output shape:
        `(B, T, L, L)` or `(B, T, L)`, in at least float32 for every policy: sums over thousands of
        paths exceed half precision.

    Masking: The potentials contain the mask and do not pass it on; log-marginals pass it on.

    Weights:
        transition_kernel: A, `(L, L)`.
        start_kernel: b, `(L,)`; end_kernel: e, `(L,)`; with `use_boundary`.

    Raises:
        ValueError: if an argument is none of the above, if the last axis of the inputs is not L, or if
            the masks leave no label that may start, end or be followed.

    Source: Lafferty, McCallum, Pereira 2001, "Conditional Random Fields" (ICML), section 3; over the
    scores of a recurrent network Lample et al. 2016, "Neural Architectures for Named Entity
    Recognition" (arXiv:1603.01360), section 2.2, whose A has rows for the start and the end.

    Example:

    >>> layers = keras.layers
    >>> model = keras.Sequential([
    ...     keras.Input((None,), dtype="int32"),
    ...     layers.Embedding(50, 8, mask_zero=True),
    ...     layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
    ...     layers.Dense(3),
    ...     rnn_kit.layers.CRF(3),
    ... ])
    >>> model.compile("adam", rnn_kit.losses.CRFNegativeLogLikelihood())
    >>> ids = np.array([[4, 9, 2, 0]])
    >>> history = model.fit(ids, np.array([[1, 2, 0, 0]]), verbose=0)
    >>> labels, log_p = rnn_kit.crf.viterbi(model.predict(ids, verbose=0))
    >>> tuple(labels.shape)
    (1, 4)
    """

    def __init__(
        self,
        labels,
        output="potentials",
        *,
        transition_mask=None,
        start_mask=None,
        end_mask=None,
        use_boundary=True,
        transition_initializer="zeros",
        transition_regularizer=None,
        transition_constraint=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision would round the scores
        if not isinstance(labels, int) or labels < 1:
            raise ValueError(
                f"Argument `labels` must be an integer of 1 at least. Received: {labels!r}"
            )
        if output not in ("potentials", "log_marginals"):
            raise ValueError(
                'Argument `output` must be "potentials" or "log_marginals". Received: '
                f"output={output!r}"
            )
        self.labels = labels
        self.output_kind = output
        self.use_boundary = use_boundary
        self.transition_initializer = keras.initializers.get(transition_initializer)
        self.transition_regularizer = keras.regularizers.get(transition_regularizer)
        self.transition_constraint = keras.constraints.get(transition_constraint)
        self.transition_mask = _mask("transition_mask", transition_mask, (labels, labels))
        self.start_mask = _mask("start_mask", start_mask, (labels,))
        self.end_mask = _mask("end_mask", end_mask, (labels,))
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) != 3 or input_shape[-1] != self.labels:
            raise ValueError(
                f"Layer '{self.name}' needs a score for each of {self.labels} labels, inputs "
                f"(B, T, {self.labels}). Received: inputs of shape {tuple(input_shape)}. Put a "
                f"Dense({self.labels}) before it"
            )
        self.transition_kernel = self._kernel("transition_kernel", (self.labels, self.labels))
        if self.use_boundary:
            self.start_kernel = self._kernel("start_kernel", (self.labels,))
            self.end_kernel = self._kernel("end_kernel", (self.labels,))
        self.built = True

    def _kernel(self, name, shape):
        return self.add_weight(
            shape,
            self.transition_initializer,
            name=name,
            dtype=self._precision,
            autocast=False,
            regularizer=self.transition_regularizer,
            constraint=self.transition_constraint,
        )

    @property
    def _precision(self):
        return "float64" if self.variable_dtype == "float64" else "float32"

    def call(self, inputs, mask=None):
        potentials = self.potentials(inputs, mask)
        return potentials if self.output_kind == "potentials" else crf.log_marginals(potentials)

    def potentials(self, inputs, mask=None):
        """Returns ψ `(B, T, L, L)` of scores `(B, T, L)`."""
        scores = ops.cast(inputs, self._precision)
        counts = ops.ones(ops.shape(scores)[:2], "bool") if mask is None else ops.cast(mask, "bool")
        first, last = _first_and_last(counts)
        scores = scores + ops.where(first[..., None], self._boundary("start"), 0.0)
        scores = scores + ops.where(last[..., None], self._boundary("end"), 0.0)
        transitions = _forbid(ops.convert_to_tensor(self.transition_kernel), self.transition_mask)
        between = ops.where(first[..., None, None], ops.zeros_like(transitions), transitions)
        stays = ops.cast(crf.EXCLUDED * (1 - np.eye(self.labels)), scores.dtype)
        return ops.where(counts[..., None, None], between + scores[..., None, :], stays)

    def _boundary(self, name):
        """Returns the scores added to the first step, or to the last: `(L,)`."""
        kernel = ops.zeros((self.labels,), self._precision)
        if self.use_boundary:
            kernel = ops.convert_to_tensor(getattr(self, f"{name}_kernel"))
        return _forbid(kernel, getattr(self, f"{name}_mask"))

    def compute_mask(self, inputs, mask=None):
        return mask if self.output_kind == "log_marginals" else None

    def compute_output_shape(self, input_shape):
        potentials = self.output_kind == "potentials"
        return (*input_shape[:2], *(self.labels,) * (2 if potentials else 1))

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self._precision)

    def get_config(self):
        masks = {
            name: None if (mask := getattr(self, name)) is None else mask.tolist()
            for name in ("transition_mask", "start_mask", "end_mask")
        }
        return {
            **super().get_config(),
            "labels": self.labels,
            "output": self.output_kind,
            **masks,
            "use_boundary": self.use_boundary,
            "transition_initializer": keras.initializers.serialize(self.transition_initializer),
            "transition_regularizer": keras.regularizers.serialize(self.transition_regularizer),
            "transition_constraint": keras.constraints.serialize(self.transition_constraint),
        }


def _mask(name, mask, shape):
    """Returns a mask as an array, or `None`. Raises if its form is wrong or it forbids everything."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != shape or mask.dtype != bool:
        raise ValueError(
            f"Argument `{name}` must be booleans of shape {shape}. Received: {mask.dtype} of shape "
            f"{mask.shape}"
        )
    if not mask.any():
        raise ValueError(f"Argument `{name}` forbids everything: no sequence has a probability")
    return mask


def _forbid(kernel, mask):
    return kernel if mask is None else ops.where(mask, kernel, ops.cast(crf.FORBIDDEN, kernel.dtype))


def _first_and_last(counts):
    """Returns which step is the first unpadded one, and which the last: two `(B, T)`."""
    ahead = ops.cumsum(ops.cast(counts, "int32"), axis=1)
    total = ahead[:, -1:]
    return counts & ops.equal(ahead, 1), counts & ops.equal(ahead, total)
