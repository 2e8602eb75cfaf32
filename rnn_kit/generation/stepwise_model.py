"""A language model with explicit states, so that it can read a text piece by piece.

Keras runs a model over whole sequences. To write a text token by token without rereading its beginning,
each recurrent layer must take its states as arguments and return them.

    steppable.py       which layers can be stepped through; it refuses the others
    translation.py     layers as functions of a run and tensors
    stateless_rnn.py   one recurrent layer with its states outside
    probing.py         runs the translated model to find its recurrent calls, and to check it
"""

import keras
from keras import ops

from rnn_kit.generation.outputs import are_probabilities, ends_in_softmax
from rnn_kit.generation.probing import check_causality, find_rnns
from rnn_kit.generation.steppable import check_model
from rnn_kit.generation.translation import Run, translate


class StepwiseModel:
    """Runs a model on a stretch of ids, given the states before it.

        outputs (B, T, V), states = run(ids (B, T), states)

    It holds the model's layers, not the model, and no state of a run: several threads may trace it.

    Args:
        model: As for `rnn_kit.generation.Generator`.

    Attributes:
        rnns: One `StatelessRNN` for each call of a recurrent layer, in order.
        vocabulary_size: V, the size of the model's last axis.
        probabilities: Whether the model outputs probabilities: `True`, `False`, or `None` if its
            outputs could be either (none is negative, and they do not add up to 1).

    Raises:
        ValueError: naming the layer that cannot be stepped through, and why.
    """

    def __init__(self, model):
        check_model(model)
        self._input_dtype = model.inputs[0].dtype
        self._function = translate(model)
        self.rnns, self.vocabulary_size = find_rnns(self._execute, model.name)
        outputs = check_causality(self)
        self.probabilities = ends_in_softmax(model) or are_probabilities(outputs)

    def run(self, ids, states, observe=None):
        """Reads ids `(B, T)`, and writes no variable of the model: no state, no seed, no loss.

        Args:
            ids: Integers `(B, T)`.
            states: The states before them, flat.
            observe: As in `Run`. Default: nothing.

        Returns:
            The outputs `(B, T, V)`, and the states after the ids.
        """
        states, new_states = iter(states), []
        rnns = iter(self.rnns)  # a graph is walked in the same order every time

        def recur(layer, learned_start, x, mask):
            rnn = next(rnns)
            y, after = rnn(x, [next(states) for _ in rnn.shapes], mask)
            new_states.extend(after)
            return y

        run = Run(recur) if observe is None else Run(recur, observe)
        return self._execute(ids, run), new_states

    def initial_states(self, batch_size):
        """Returns the states before the first id, flat."""
        return [state for rnn in self.rnns for state in rnn.initial_states(batch_size)]

    def _execute(self, ids, run):
        with keras.StatelessScope():
            return self._function(run, ops.cast(ids, self._input_dtype))
