"""A recurrent layer that learns the state it starts from."""

import keras
import numpy as np
from keras import ops, tree


@keras.saving.register_keras_serializable(package="rnn_kit")
class LearnedInitialState(keras.layers.Wrapper):
    """Wraps a recurrent layer so that it starts from learned states instead of zeros.

        h_0 = w_h,   c_0 = w_c      the same for every row of a batch

    Back-propagation through time reaches the initial states through the first step, so that they are
    trained like any weight. As they are zeros before training, the wrapper initially equals the layer
    itself, number for number.

    Args:
        layer: A `keras.layers.RNN` or a subclass (`LSTM`, `GRU`, `SimpleRNN`, this kit's), not
            stateful. To read both ways, wrap each direction separately and give the second
            `go_backwards=True`: `Bidirectional` takes bare recurrent layers only.
        initializer: Initializer of the initial states. One with a seed draws different numbers for each
            state: the first with that seed, the others with seeds derived from it and from the state's
            index. Default: `"zeros"`.
        regularizer: Regularizer of the initial states. Default: `None`.

    Call arguments:
        sequences: `(B, T, F)`.
        initial_state: As for the layer. It replaces the learned states.
        mask: Boolean `(B, T)`.
        training: As for the layer.

    Output shape:
        The layer's.

    Weights:
        Those of the layer, and for each of its states `(n,)`, in the order of the layer's
        `state_size`: h_0 and c_0 of an LSTM, h_0 of the others.

    Raises:
        ValueError: if the layer is not recurrent, or is stateful.

    Source: Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Initialization of the
    weights": the initial state can be learned by back-propagating into it.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((None, 3)),
    ...     rnn_kit.layers.LearnedInitialState(keras.layers.LSTM(4))])
    >>> [tuple(w.shape) for w in model.layers[0].initial_states]
    [(4,), (4,)]
    """

    def __init__(self, layer, initializer="zeros", regularizer=None, **kwargs):
        if not isinstance(layer, keras.layers.RNN):
            raise ValueError(
                "`layer` must be a recurrent layer (keras.layers.RNN or a subclass). "
                f"Received: layer={layer!r} (of type {type(layer)})"
            )
        if layer.stateful:
            raise ValueError(
                f"Layer '{layer.name}' is stateful: it starts from its carried states, so it has no "
                "initial state to learn. Received a layer with stateful=True"
            )
        super().__init__(layer, **kwargs)
        self.initializer = keras.initializers.get(initializer)
        self.regularizer = keras.regularizers.get(regularizer)
        self.supports_masking = True

    def build(self, sequences_shape, initial_state_shape=None):
        if not self.layer.built:
            self.layer.build(sequences_shape)
        self.initial_states = [
            self.add_weight(
                shape=(size,),
                name=f"initial_state_{index}",
                initializer=_initializer_of(self.initializer, index),
                regularizer=self.regularizer,
            )
            for index, size in enumerate(tree.flatten(self.layer.state_size))
        ]
        self.built = True

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if initial_state is None:
            batch = ops.shape(sequences)[0]
            states = [
                ops.broadcast_to(ops.convert_to_tensor(w), (batch, *w.shape))
                for w in self.initial_states
            ]
            # A stack of cells needs nested states.
            initial_state = tree.pack_sequence_as(self.layer.get_initial_state(1), states)
        return self.layer(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        return self.layer.compute_output_shape(sequences_shape)

    def compute_mask(self, sequences, mask=None):
        return self.layer.compute_mask(sequences, mask)

    def get_config(self):
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }


def _initializer_of(initializer, index):
    """Returns the initializer of the weight at `index`, one of several that share an initializer.

    An initializer draws the same numbers at each call, seeded or not, unless its seed is a
    `keras.random.SeedGenerator`. So each weight has its own, with its own seed if there is one.
    """
    if index == 0 or not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if "seed" not in config:  # it draws nothing, or its config lacks the seed
        return initializer
    seed = config["seed"]
    if isinstance(seed, (int, np.integer)):
        config["seed"] = int(np.random.SeedSequence([abs(int(seed)), index]).generate_state(1)[0] >> 1)
    elif seed is not None:
        return initializer  # a SeedGenerator advances from call to call; a copy would start over
    return type(initializer).from_config(config)
