"""The network: a recurrent layer reads a window, and says what comes, with a band around it."""

import keras
from keras import ops

from parts.time_series.choices import QUANTILES
from recipe_kit import cli


@keras.saving.register_keras_serializable("time_series")
class PinballLoss(keras.losses.Loss):
    """Computes the pinball loss, whose minimum is at the quantiles of what may come.

        loss = max(q (y - f), (q - 1) (y - f))        of a quantile q, forecast as f

    averaged over the quantiles, and over the values that are there.

    Args:
        quantiles: Q numbers in (0, 1).

    Call arguments:
        y_true: `(B, H, T)`; NaN is not counted.
        y_pred: `(B, H, T, Q)`.

    Source: Koenker and Bassett 1978, "Regression Quantiles" (Econometrica 46).
    """

    def __init__(
        self, quantiles=QUANTILES, name="pinball", reduction="sum_over_batch_size", dtype=None
    ):
        super().__init__(name, reduction, dtype)
        self.quantiles = tuple(quantiles)

    def call(self, y_true, y_pred):
        there = ops.logical_not(ops.isnan(y_true))
        error = ops.where(there, y_true, 0.0)[..., None] - y_pred
        q = ops.convert_to_tensor(self.quantiles, y_pred.dtype)
        loss = ops.mean(ops.maximum(q * error, (q - 1) * error), axis=-1)
        there = ops.cast(there, loss.dtype)
        axes = tuple(range(1, len(loss.shape)))
        return ops.sum(loss * there, axis=axes) / ops.maximum(ops.sum(there, axis=axes), 1.0)

    def get_config(self):
        return {**super().get_config(), "quantiles": list(self.quantiles)}


@keras.saving.register_keras_serializable("time_series")
class QuantileBand(keras.layers.Layer):
    """Makes ordered quantiles of three numbers a value: the middle, and the widths below and above.

        f_mid = base + scale s m
        f_low = f_mid - scale s ln(1 + e^l)
        f_high = f_mid + scale s ln(1 + e^u)

    Args:
        spread: s, numbers `(H, T)`: the standard deviation of what is added to the base.

    Call arguments:
        inputs: A list: `(B, H, T, 3)`, l, m and u; base `(B, H, T)`; scale `(B, 1, T)`.

    Output shape:
        `(B, H, T, 3)`.
    """

    def __init__(self, spread, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.spread = [[float(value) for value in row] for row in spread]

    def call(self, inputs):
        raw, base, scale = inputs
        unit = (scale * ops.convert_to_tensor(self.spread, "float32"))[..., None]
        middle = base[..., None] + unit * raw[..., 1:2]
        low, high = (unit * ops.softplus(raw[..., n : n + 1]) for n in (0, 2))
        return ops.concatenate([middle - low, middle, middle + high], axis=-1)

    def get_config(self):
        return {**super().get_config(), "spread": self.spread}


def base_and_scale(past, settings, season, targets):
    """Returns what a forecast is added to `(B, H, T)`, and its unit `(B, 1, T)`; of windows' values.

    Args:
        past: `(B, W, V)`.
        settings: Of the recipe.
        season: In steps.
        targets: T.
    """
    y, steps = past[..., :targets], settings.horizon
    centre, scale = _centre_and_scale(past, settings.normalize)
    centre, scale = centre[..., :targets], scale[..., :targets]
    if settings.residual == "season":
        window = settings.window
        behind = [window - season + step % season for step in range(steps)]
        return ops.take(y, behind, axis=1), scale
    base = y[:, -1:] if settings.residual == "last" else centre
    return ops.repeat(base, steps, axis=1), scale


def _centre_and_scale(past, normalize):
    ones = ops.ones_like(past[:, :1])
    if normalize == "none":
        return 0.0 * past[:, :1], ones
    if normalize == "last":
        return past[:, -1:], ones
    mean = ops.mean(past, axis=1, keepdims=True)
    if normalize == "mean":
        return mean, ones
    return mean, ops.std(past, axis=1, keepdims=True) + 1e-2


def build(settings, data):
    """Builds the network: `past` `(B, W, V + K)` and `ahead` `(B, H, K)` to `(B, H, T, Q)`.

    Args:
        settings: Of the recipe.
        data: `windows.Data`, whose training part says how far values go from the base.

    Returns:
        A functional model. All of its numbers are scaled.
    """
    layers, steps = keras.layers, settings.horizon
    count, known = data.values.shape[1], data.known.shape[1]
    targets, season = len(data.series.targets), data.scaling.season
    inputs = {"past": keras.Input((settings.window, count + known), name="past")}
    values = inputs["past"][..., :count]
    base, scale = base_and_scale(values, settings, season, targets)
    centre, unit = _centre_and_scale(values, settings.normalize)
    normal = (values - centre) / unit
    own = normal[..., :targets]
    x, apart = ops.concatenate([normal, inputs["past"][..., count:]], axis=-1), 1
    if not settings.joint:  # a row for each target, with what is beside it
        apart = targets
        beside = ops.repeat(x[..., targets:], targets, axis=0)
        alone = ops.reshape(ops.transpose(own, (0, 2, 1)), (-1, settings.window, 1))
        x = ops.concatenate([alone, beside], axis=-1)
    x = ops.reshape(x, (-1, settings.window // settings.segment, settings.segment * x.shape[-1]))
    for n in range(settings.layers):
        more = n + 1 < settings.layers
        cell = cli.CELLS[settings.cell]
        x = cell(settings.units, return_sequences=more, name=f"recurrent_{n}")(x)
    if known:
        inputs["ahead"] = keras.Input((steps, known), name="ahead")
        ahead = ops.reshape(inputs["ahead"], (-1, steps * known))
        ahead = layers.Dense(settings.units, "relu", name="known_ahead")(ahead)
        x = ops.concatenate([x, ops.repeat(ahead, apart, axis=0)], axis=-1)
    x = layers.Dropout(settings.dropout)(x)
    of_row = targets // apart
    raw = layers.Dense(steps * of_row * 3, dtype="float32", name="band")(x)
    if settings.joint:
        raw = ops.reshape(raw, (-1, steps, targets, 3))
    else:
        raw = ops.transpose(ops.reshape(raw, (-1, targets, steps, 3)), (0, 2, 1, 3))
    if settings.highway:
        lags = ops.transpose(own, (0, 2, 1))
        linear = layers.Dense(steps, kernel_initializer="zeros", dtype="float32", name="highway")(lags)
        linear = ops.transpose(linear, (0, 2, 1))[..., None]
        raw = ops.concatenate([raw[..., :1], raw[..., 1:2] + linear, raw[..., 2:]], axis=-1)
    spread = spread_from_base(settings, data)
    return keras.Model(
        inputs, QuantileBand(spread, name="quantiles")([raw, base, scale]), name="forecaster"
    )


def spread_from_base(settings, data, most=2_000):
    """Returns how far the training part's values are from the base `(H, T)`: standard deviations."""
    origins = data.origins["train"]
    origins = origins[:: -(-len(origins) // most)]
    past = data.behind(data.values, origins, data.window)
    targets = len(data.series.targets)
    base, scale = base_and_scale(ops.convert_to_tensor(past), settings, data.scaling.season, targets)
    ahead = data.ahead(data.values[:, :targets], origins)
    off = (ahead - ops.convert_to_numpy(base)) / ops.convert_to_numpy(scale)
    return off.std(axis=0) + 1e-3
