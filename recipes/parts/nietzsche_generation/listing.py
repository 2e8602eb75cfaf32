"""Measures the lecture's listing against this project: its arrays' memory, and its speed of writing.

The listing (lstm_text_generation.py) turns every window of the text into one-hot vectors before it
learns, and writes with one `model.predict` a character. Each way of writing here is greedy, so that the
slow and the fast one of a pair must write the same text:

    predict     the whole text so far through a many-to-many model, once a character
    generate    the same model, its state carried in a compiled loop
    listing     a window of one-hot vectors through a many-to-one model, once a character
    window      the same weights, the window sliding over ids in a compiled loop

After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), text generation example.
"""

import time

import keras
import numpy as np

from recipe_kit import cli
from recipe_kit.runs import describe_machine
from rnn_kit.generation import WindowGenerator, generate
from rnn_kit.sampling import TemperatureSampler

_PAIRS = (("predict", "generate"), ("listing", "window"))  # (slow, fast), which write the same
_WARM_UP = 4  # characters: `predict` compiles again at its second length, then for any length


def array_bytes(characters, vocabulary, window=40, step=3):
    """Returns the bytes of the listing's boolean arrays X `(n, window, V)` and y `(n, V)`.

    There is a window every `step` characters: n = |{0, step, 2 step, ...} below characters - window|.
    """
    windows = len(range(0, characters - window, step))
    return windows * window * vocabulary, windows * vocabulary


def write_with_predict(model, ids, length):
    """Writes `length` ids after `(T,)` ids, with one `predict` of the whole text for each id."""
    ids = np.asarray(ids)
    for _ in range(length):
        logits = model.predict(ids[None], verbose=0)[0, -1]
        ids = np.append(ids, logits.argmax())
    return ids


def write_as_the_listing(model, ids, length):
    """Writes `length` ids after `(T,)` ids, T ≥ W, from a one-hot window `(1, W, V)` for each id."""
    _, window, vocabulary = model.input_shape
    ids = np.asarray(ids)
    for _ in range(length):
        x = np.zeros((1, window, vocabulary))
        x[0, np.arange(window), ids[-window:]] = 1
        p = model.predict(x, verbose=0)[0]
        ids = np.append(ids, p.argmax())
    return ids


def one_hot_twin(window_model, window=40):
    """Builds the listing's model, one-hot `(B, window, V)` to softmax, with a window model's weights.

    Args:
        window_model: A Sequential of an identity Embedding (V, V), a recurrent layer that returns its
            last output, and a Dense to V logits.
        window: W.
    """
    _, recurrent, dense = window_model.layers
    twin = keras.Sequential(
        [
            keras.Input((window, dense.units)),
            type(recurrent).from_config(recurrent.get_config()),
            keras.layers.Dense(dense.units),
            keras.layers.Activation("softmax"),
        ]
    )
    twin.set_weights([*recurrent.get_weights(), *dense.get_weights()])
    return twin


def measure(every_position_model, window_model, ids, window=40, length=400, fast_length=4000):
    """Times the four ways of writing, and compares the texts.

    Everything has compiled before it is timed. A fast way is timed before and after the slow one of its
    pair; its rate is over both times.

    Args:
        every_position_model: Maps `(B, T)` ids to `(B, T, V)` logits.
        window_model: Maps `(B, window)` ids to `(B, V)` logits, as for `one_hot_twin`.
        ids: 1-D ids of a text. Each way starts from its first `window`.
        window: W.
        length: Characters that the slow ways write. Default: as many as the listing writes.
        fast_length: Characters that the fast ways write, twice.

    Returns:
        A flat dict of numbers: for predict, generate, listing and window `*_characters_per_second`; for
        generate and window also `*_speedup` over the slow one of the pair, `*_same_text` (1 or 0) and
        `*_same_characters` (the number before the first that differs); `compared_characters`.

    Raises:
        ValueError: if the text is shorter than the window.
    """
    prompt = np.asarray(ids)[:window]
    if len(prompt) < window:
        raise ValueError(f"`ids` must hold a window of {window} ids. Received: {len(prompt)}")
    greedy = TemperatureSampler(0)
    twin = one_hot_twin(window_model, window)
    sliding = WindowGenerator(window_model, window)
    ways = {
        "predict": lambda n: write_with_predict(every_position_model, prompt, n),
        "generate": lambda n: generate(every_position_model, prompt[None], n, greedy)[0],
        "listing": lambda n: write_as_the_listing(twin, prompt, n),
        "window": lambda n: sliding.generate(prompt[None], n, greedy)[0],
    }
    lengths = {"predict": length, "generate": fast_length, "listing": length, "window": fast_length}
    for write in ways.values():
        write(_WARM_UP)

    texts, written, seconds = {}, dict.fromkeys(ways, 0), dict.fromkeys(ways, 0.0)
    for name in [name for slow, fast in _PAIRS for name in (fast, slow, fast)]:
        start = time.perf_counter()
        texts[name] = ways[name](lengths[name])[window:]
        seconds[name] += time.perf_counter() - start
        written[name] += lengths[name]

    metrics = {f"{name}_characters_per_second": written[name] / seconds[name] for name in ways}
    compared = metrics["compared_characters"] = min(length, fast_length)
    for slow, fast in _PAIRS:
        speeds = [metrics[f"{name}_characters_per_second"] for name in (slow, fast)]
        differs = np.flatnonzero(texts[slow][:compared] != texts[fast][:compared])
        metrics[f"{fast}_speedup"] = speeds[1] / speeds[0]
        metrics[f"{fast}_same_text"] = int(len(differs) == 0)
        metrics[f"{fast}_same_characters"] = int(differs[0]) if len(differs) else compared
    return metrics


def measure_and_report(every_position_model, window_model, text, window, step):
    """Measures with two fresh models, prints the table, and returns the metrics."""
    if len(text.train) < window:
        raise cli.UserError(
            f"--data {text.info['name']}: the listing starts from {window} characters, and there are "
            f"{len(text.train)} to train on. Give a longer text."
        )
    for model in (every_position_model, window_model):
        for weight in model.trainable_variables:
            weight.assign(weight * 4)  # unscaled, an untrained model repeats one character
    print(f"On {describe_machine()}.")
    print("Measuring, which takes a few minutes: the slow ways are slow.", flush=True)
    metrics = measure(every_position_model, window_model, text.train, window)
    print(report(metrics, text.info["characters"], len(text.vocabulary), window, step))
    return metrics


def report(metrics, characters, vocabulary, window=40, step=3):
    """Returns a table of `measure`'s results and of the memory of the listing's arrays.

    Args:
        metrics: From `measure`.
        characters: Length of the text that the listing would turn into one-hot vectors.
        vocabulary: V, its distinct characters.
        window, step: As in `array_bytes`.
    """
    names = {
        "predict": "predict on the whole text so far",
        "generate": "generate, its state carried",
        "listing": f"the listing: predict on a one-hot window of {window}",
        "window": "WindowGenerator, the same window and weights",
    }
    lines = [f"{'writing greedily':50}{'characters/s':>12}{'speed':>10}   text"]
    for slow, fast in _PAIRS:
        for name in (slow, fast):
            rate, speed, text = metrics[f"{name}_characters_per_second"], "1 x", ""
            if name == fast:
                speed = f"{metrics[f'{fast}_speedup']:,.0f} x"
                text = _same(metrics[f"{fast}_same_characters"], metrics["compared_characters"])
            lines.append(f"{names[name]:50}{rate:12,.1f}{speed:>10}   {text}".rstrip())
    one_hot = sum(array_bytes(characters, vocabulary, window, step))
    ids = characters * np.dtype("int32").itemsize
    lines.append(
        f"{characters:,} characters take {one_hot:,} bytes in the listing's arrays, "
        f"{ids:,} in ids: {one_hot / ids:,.0f} times less"
    )
    return "\n".join(lines)


def _same(same, compared):
    if same == compared:
        return f"the same {compared} characters"
    return f"differs at character {same + 1} of {compared}"
