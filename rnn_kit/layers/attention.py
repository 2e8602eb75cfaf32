"""Attention for recurrent networks: a cell that attends to a memory at every step, and its layer."""

import functools
import inspect

import keras
from keras import ops, tree

from rnn_kit import _internals as internals

ATTENTIONS = ("additive", "dot", "general")
CONTEXTS = ("input", "output", "both")
_MASKED = -1e9  # the energy of masked steps of the memory


@keras.saving.register_keras_serializable(package="rnn_kit")
class AttentionCell(keras.layers.Layer):
    """A recurrent cell that attends to a memory m_1 ... m_S, weighted anew at every step.

        e_s = v · tanh(m_s W_m + q W_q + b)     attention="additive"    (Bahdanau et al. 2015)
        e_s = q · m_s                           attention="dot"         (Luong et al. 2015)
        e_s = q · (m_s W_m)                     attention="general"     (Luong et al. 2015)
        α   = softmax(e)                        over the unmasked steps of the memory
        z   = Σ_s α_s m_s                       the context
        z   = σ(q · w_β + b_β) z                with gated=True         (Xu et al. 2015)

    and, q being the query:

        context="input":    q = h',   h = cell([x; z], h'),   y = h
        context="output":   h = cell(x, h'),   q = h,         y = [h; z]
        context="both":     q = h',   h = cell([x; z], h'),   y = [h; z]

    h' is the hidden state of the step before, x the step's input, y its output. "input" is where
    Bahdanau et al. add the context, "output" where Luong et al. do: their network continues with
    tanh(W_c [h; z]), which is a `Dense` after this. "both" is Bahdanau et al.'s decoder with its output
    layer, which also takes the context. A row whose memory is entirely masked has the context zero.

    `keras.layers.RNN` of Keras 3 passes a cell inputs and states, but not the `constants` of Keras 2;
    `AttentionRNN` is the layer that passes this cell its memory.

    Args:
        cell: The recurrent cell: of Keras, of this kit, or a `keras.layers.StackedRNNCells`, whose
            topmost hidden state is the query.
        attention: How the energies e are computed, as above. "dot" needs D, the memory's size, equal
            to U, the query's.
        units: A, the size of the hidden layer of "additive". Default: the query's.
        context: Where the context goes, as above.
        gated: Whether a gate β, one number for each row and step, scales the context.
        use_bias: Whether "additive" has b. Default: `False`, as in Bahdanau et al. 2015.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: For the weights below. Defaults: `"glorot_uniform"`, `"zeros"`, `None`.

    Call arguments:
        inputs: x, `(B, F)`.
        states: Those of `cell`.
        constants: The result of `constants(memory, mask)`.
        training: Passed on to `cell`.

    Returns:
        y, `(B, U)` or `(B, U + D)`; and the new states of `cell`. With `weighted(...)` in place of a
        call: y, α `(B, S)` and the states.

    Weights, after those of `cell`:
        memory_kernel: W_m, `(D, A)`; for "general" `(D, U)`; none for "dot".
        query_kernel: W_q `(U, A)`, bias: b `(A,)`, energy_kernel: v `(A,)`; for "additive".
        gate_kernel: w_β `(U,)`, gate_bias: b_β `()`; with `gated`.

    Raises:
        ValueError: if an argument is none of the above, if "dot" gets a memory of another size than
            the query's, or if the cell is called without a memory.

    Source: Bahdanau, Cho, Bengio 2015, "Neural Machine Translation by Jointly Learning to Align and
    Translate" (arXiv:1409.0473), section 3.1 and appendix A.1.2; Luong, Pham, Manning 2015, "Effective
    Approaches to Attention-based Neural Machine Translation" (arXiv:1508.04025), section 3.1,
    equations 5, 7 and 8; Xu et al. 2015, "Show, Attend and Tell" (arXiv:1502.03044), section 4.2.1.

    Example:

    >>> cell = rnn_kit.layers.AttentionCell(keras.layers.GRUCell(4), "general")
    >>> decoder = rnn_kit.layers.AttentionRNN(cell, return_sequences=True)
    >>> tuple(decoder(np.ones((2, 5, 3)), np.ones((2, 7, 6))).shape)
    (2, 5, 4)
    >>> tuple(cell.memory_kernel.shape)
    (6, 4)
    """

    def __init__(
        self,
        cell,
        attention="additive",
        units=None,
        *,
        context="input",
        gated=False,
        use_bias=False,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not hasattr(cell, "state_size") or isinstance(cell, keras.layers.RNN):
            raise ValueError(
                "Argument `cell` must be a recurrent cell, such as keras.layers.LSTMCell. "
                f"Received: cell={cell!r}"
            )
        for name, value, names in (
            ("attention", attention, ATTENTIONS),
            ("context", context, CONTEXTS),
        ):
            if value not in names:
                raise ValueError(f"Argument `{name}` must be one of {names}. Received: {value!r}")
        if units is not None and not (attention == "additive" and units > 0):
            raise ValueError(
                'Argument `units` is the size of the hidden layer of attention="additive", at least 1. '
                f"Received: units={units!r} with attention={attention!r}"
            )
        self.cell = cell
        self.attention = attention
        self.units = units
        self.context = context
        self.gated = gated
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.memory_size = None
        self._takes_training = "training" in inspect.signature(cell.call).parameters

    @property
    def state_size(self):
        return self.cell.state_size

    @property
    def query_size(self):
        """U, the size of the hidden state that is the query."""
        size = self.state_size
        if isinstance(self.cell, keras.layers.StackedRNNCells):
            size = size[-1]
        return tree.flatten(size)[0]

    @property
    def output_size(self):
        """The size of y: U or U + D."""
        size = getattr(self.cell, "output_size", None) or self.query_size
        return size if self.context == "input" else size + self.memory_size

    def build(self, input_shape, memory_shape=None):
        """Makes the weights, for inputs `(B, F)` and a memory `(B, S, D)`."""
        if memory_shape is None:
            raise ValueError(f"Layer '{self.name}' needs a memory. {self._DOOR}")
        self.memory_size, query_size = memory_shape[-1], self.query_size
        if self.attention == "dot" and self.memory_size != query_size:
            raise ValueError(
                f'attention="dot" multiplies the query with the memory: both need one size. Received: '
                f"a hidden state of {query_size}, a memory of {self.memory_size}. Use "
                'attention="general", or a `Dense` before the memory'
            )
        read = input_shape[-1] + (0 if self.context == "output" else self.memory_size)
        if not self.cell.built:
            self.cell.build((input_shape[0], read))
            self.cell.built = True
        hidden = (self.units or query_size) if self.attention == "additive" else query_size
        if self.attention != "dot":
            self.memory_kernel = self._kernel("memory_kernel", (self.memory_size, hidden))
        if self.attention == "additive":
            self.query_kernel = self._kernel("query_kernel", (query_size, hidden))
            self.bias = self._bias("bias", (hidden,)) if self.use_bias else None
            self.energy_kernel = self._kernel("energy_kernel", (hidden,))
        if self.gated:
            self.gate_kernel = self._kernel("gate_kernel", (query_size,))
            self.gate_bias = self._bias("gate_bias", ())
        self.built = True

    _DOOR = "Put the cell into rnn_kit.layers.AttentionRNN, which is called with sequences and memory"

    def _kernel(self, name, shape):
        return self.add_weight(
            shape,
            self.kernel_initializer,
            name=name,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def _bias(self, name, shape):
        return self.add_weight(
            shape,
            self.bias_initializer,
            name=name,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def constants(self, memory, mask=None):
        """Computes what a step needs of a memory and what is the same at every step.

        Args:
            memory: `(B, S, D)`.
            mask: Boolean `(B, S)`: the steps of the memory that count. Default: all.

        Returns:
            A list of the memory, the keys (m_s W_m + b; for "dot" the memory itself), and the mask
            `(B, S)`.
        """
        memory = ops.convert_to_tensor(memory, dtype=self.compute_dtype)
        keys = memory
        if self.attention != "dot":
            keys = ops.matmul(memory, ops.cast(self.memory_kernel, self.compute_dtype))
        if self.attention == "additive" and self.bias is not None:
            keys = keys + ops.cast(self.bias, self.compute_dtype)
        mask = ops.ones(ops.shape(memory)[:2], "bool") if mask is None else ops.cast(mask, "bool")
        return [memory, keys, mask]

    def look(self, query, constants):
        """Returns the context z `(B, D)` and the weights α `(B, S)` for a query `(B, U)`."""
        memory, keys, mask = constants
        mask = ops.cast(mask, "bool")
        if self.attention == "additive":
            hidden = ops.tanh(keys + ops.matmul(query, self.query_kernel)[:, None])
            energies = ops.matmul(hidden, self.energy_kernel)
        else:
            energies = ops.squeeze(ops.matmul(keys, query[:, :, None]), axis=-1)
        if keras.backend.standardize_dtype(energies.dtype) in ("float16", "bfloat16"):
            energies = ops.cast(energies, "float32")  # `_MASKED` exceeds half precision
        energies = ops.where(mask, energies, ops.cast(_MASKED, energies.dtype))
        weights = ops.softmax(energies, axis=-1) * ops.cast(mask, energies.dtype)
        weights = ops.cast(weights, memory.dtype)
        z = ops.squeeze(ops.matmul(weights[:, None], memory), axis=1)
        if self.gated:
            beta = ops.sigmoid(ops.matmul(query, self.gate_kernel) + self.gate_bias)
            z = beta[:, None] * z
        return z, weights

    def weighted(self, inputs, states, constants, training=None):
        """Returns a step, as a call: y, the attention weights α `(B, S)`, and the new states."""
        step = {"training": training} if self._takes_training else {}
        if self.context == "output":
            h, states = self.cell(inputs, states, **step)
            z, weights = self.look(h, constants)
        else:
            z, weights = self.look(self._query(states), constants)
            h, states = self.cell(ops.concatenate([inputs, z], axis=-1), states, **step)
        y = h if self.context == "input" else ops.concatenate([h, z], axis=-1)
        return y, weights, states

    def call(self, inputs, states, constants=None, training=None):
        if constants is None:
            raise ValueError(f"Layer '{self.name}' was called without a memory. {self._DOOR}")
        y, _, states = self.weighted(inputs, states, constants, training)
        return y, states

    def _query(self, states):
        """Returns the hidden state that is the query."""
        if isinstance(self.cell, keras.layers.StackedRNNCells):
            # A stack of one cell returns that cell's states unchanged.
            states = states[-1] if len(self.cell.cells) > 1 or tree.is_nested(states[0]) else states
        return tree.flatten(states)[0]

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size=batch_size)

    def get_config(self):
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention": self.attention,
            "units": self.units,
            "context": self.context,
            "gated": self.gated,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cell = keras.saving.deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)


@keras.saving.register_keras_serializable(package="rnn_kit")
class AttentionRNN(keras.layers.RNN):
    """`keras.layers.RNN` over an `AttentionCell`, which attends to a memory at every step.

    The keys of the memory are computed once, before the loop. The layer's states are those of the inner
    cell, without the memory, so that stateful layers, masks and `return_state` are Keras's.

    Args:
        cell: An `AttentionCell`; or a recurrent cell, which is wrapped in one with its defaults.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: As in
            `keras.layers.RNN`, in the same order and with the same defaults.
        return_attention_weights: Whether to return α too, after the output. Default: `False`.

    Call arguments:
        sequences: `(B, T, F)`.
        memory: `(B, S, D)`, such as the output of an encoder; or the result of
            `cell.constants(memory, mask)`, so that decoding, with a call for every word, computes the
            keys once.
        initial_state: List of the cell's states. Default: zeros.
        mask: Boolean `(B, T)`. Default: the mask that comes with `sequences`, if one does.
        memory_mask: Boolean `(B, S)`. Default: the mask that comes with `memory`, if one does. The
            constants of a cell include theirs.
        training: Passed on to the cell.

    Output shape:
        `(B, T, Y)`, or `(B, Y)` without `return_sequences`, with Y the cell's `output_size`; after it
        α `(B, T, S)` or `(B, S)` with `return_attention_weights`, and the states with `return_state`.

    Masking: Where `mask` is False, states stay and the previous output and α are repeated: zeros before
    the first step, and everywhere with `zero_output_for_mask`.

    Raises:
        ValueError: as `AttentionCell` does.

    Source: that of `AttentionCell`.

    Example:

    >>> source = keras.Input((None,), dtype="int32")
    >>> target = keras.Input((None,), dtype="int32")
    >>> memory = keras.layers.Embedding(50, 8, mask_zero=True)(source)
    >>> memory, h, c = keras.layers.LSTM(16, return_sequences=True, return_state=True)(memory)
    >>> cell = rnn_kit.layers.AttentionCell(keras.layers.LSTMCell(16), "dot", context="both")
    >>> decoder = rnn_kit.layers.AttentionRNN(cell, return_sequences=True)
    >>> x = decoder(keras.layers.Embedding(60, 8)(target), memory, initial_state=[h, c])
    >>> model = keras.Model([source, target], keras.layers.Dense(60)(x))
    >>> model.output_shape
    (None, None, 60)
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        *,
        return_attention_weights=False,
        **kwargs,
    ):
        if not isinstance(cell, AttentionCell):
            cell = AttentionCell(cell, dtype=kwargs.get("dtype"))
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            zero_output_for_mask,
            **kwargs,
        )
        self.return_attention_weights = return_attention_weights

    def build(self, sequences_shape, memory_shape, initial_state_shape=None):
        if not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]), _memory_shape(memory_shape))
        super().build(sequences_shape)
        self.built = True

    def call(
        self,
        sequences,
        memory,
        initial_state=None,
        mask=None,
        memory_mask=None,
        training=False,
    ):
        if mask is None:  # Keras passes on the mask of `memory`, and only a single input's
            mask = internals.get_keras_mask(sequences)
        if initial_state is None:
            batch_size = ops.shape(sequences)[0]
            initial_state = self.states if self.stateful else self.get_initial_state(batch_size)
        if not tree.is_nested(initial_state):
            initial_state = [initial_state]
        # The loop takes the constants from after the states, and does not return them.
        constants = memory if tree.is_nested(memory) else self.cell.constants(memory, memory_mask)
        returned = super().call(sequences, [*initial_state, *constants], mask=mask, training=training)
        if not self.return_attention_weights:
            return returned
        output, *states = returned if self.return_state else [returned]
        size = self.cell.output_size
        return output[..., :size], output[..., size:], *states

    def inner_loop(self, sequences, initial_state, mask, training=False):
        count = len(self.state_size)
        states, constants = list(initial_state[:count]), list(initial_state[count:])
        own = self.cell.cell
        x = sequences[:, 0]
        if self.cell.context != "output":
            x = ops.concatenate([x, ops.zeros_like(constants[0][:, 0])], axis=-1)
        internals.draw_dropout_masks(self, own, x, states)  # once a sequence, before the loop

        def step(inputs, states):
            states = list(states)
            if keras.backend.backend() == "torch" and self.stateful:
                states = tree.map_structure(ops.copy, states)  # which are overwritten when it ends
            if mask is not None:
                *states, y_tm1 = states
                inputs, present = inputs[:, :-1], inputs[:, -1] > 0.5
            y, weights, new = self.cell.weighted(inputs, states, constants, training)
            if self.return_attention_weights:
                y = ops.concatenate([y, weights], axis=-1)
            new = list(new) if tree.is_nested(new) else [new]
            if mask is None:
                return y, new
            new = tree.map_structure(functools.partial(_where, present), new, states)
            repeated = ops.zeros_like(y) if self.zero_output_for_mask else y_tm1
            y = _where(present, y, repeated)
            return y, [*new, y]

        if mask is not None:
            # Keras's loop under JAX takes the first state for an output, whose size is another here.
            present = ops.cast(mask, sequences.dtype)[:, :, None]
            sequences = ops.concatenate([sequences, present], axis=-1)
            size = self.cell.output_size
            if self.return_attention_weights:
                size += ops.shape(constants[0])[1]
            states.append(ops.zeros((ops.shape(sequences)[0], size), self.cell.compute_dtype))
        last_output, outputs, states = internals.rnn_loop(
            step,
            sequences,
            states,
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            input_length=sequences.shape[1],
            return_all_outputs=self.return_sequences,
        )
        internals.forget_dropout_masks(self, own)
        return last_output, outputs, states[: len(self.state_size)]

    def compute_output_shape(self, sequences_shape, memory_shape, initial_state_shape=None):
        memory_shape = _memory_shape(memory_shape)
        self.cell.memory_size = memory_shape[-1]  # the size of the output depends on it
        returned = super().compute_output_shape(sequences_shape)
        if not self.return_attention_weights:
            return returned
        output, *states = returned if self.return_state else [returned]
        return output, (*output[:-1], memory_shape[1]), *states

    def compute_mask(self, sequences, mask=None):
        mask = tree.flatten(mask)[0]
        output_mask = mask if self.return_sequences else None
        if not (self.return_state or self.return_attention_weights):
            return output_mask
        states = [None] * len(tree.flatten(self.state_size)) if self.return_state else []
        weights = [output_mask] if self.return_attention_weights else []
        return [output_mask, *weights, *states]

    def get_config(self):
        return {**super().get_config(), "return_attention_weights": self.return_attention_weights}


def _memory_shape(shape):
    """Returns the shape of a memory, or of the memory in a cell's constants."""
    return shape[0] if isinstance(shape[0], (list, tuple)) else shape


def _where(present, new, old):
    """Selects `new` `(B, ...)` in the rows that are present `(B,)`, else `old`."""
    present = ops.reshape(present, (-1, *[1] * (len(new.shape) - 1)))
    return ops.where(present, new, old)
