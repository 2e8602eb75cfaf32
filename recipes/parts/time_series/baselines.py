"""What a network must be better than: the last value, that of a season ago, a linear autoregression."""

import numpy as np

PENALTIES = tuple(10.0**power for power in range(-6, 4))  # relative to the features' mean variance


class LinearAutoregression:
    """Forecasts each target by a linear function of its own last values, and of what is known ahead.

        f_(t+h) = b_h + Σ_k a_hk y_(t-k) + Σ_i c_hi z_i        z: known ahead of the next H steps

    by least squares with a penalty (ridge regression), which the validation part chooses for each
    target.

    Args:
        data: `windows.Data`.
        lags: Steps of the past that it reads.
    """

    def __init__(self, data, lags):
        self.data, self.lags = data, lags
        train, validation = data.origins["train"], data.origins["validation"]
        self.weights, self.penalties = [], []
        for target in range(len(data.series.targets)):
            x, y = self._features(train, target), self._ahead(train, target)
            at = self._features(validation, target)
            truth = data.ahead(data.truth[:, target], validation).astype("float64")
            solved = _ridge(x, y)
            errors = {p: np.nanmean((at @ solved(p) - truth) ** 2) for p in PENALTIES}
            best = min(errors, key=errors.get)
            self.weights.append(solved(best))
            self.penalties.append(best)

    def _features(self, origins, target):
        lags = self.data.behind(self.data.values[:, target], origins, self.lags).astype("float64")
        known = self.data.ahead(self.data.known, origins).reshape(len(origins), -1)
        return np.concatenate([lags, known, np.ones((len(origins), 1))], axis=1)

    def _ahead(self, origins, target):
        return self.data.ahead(self.data.values[:, target], origins).astype("float64")

    def __call__(self, origins):
        """Returns forecasts `(N, H, T)`, scaled."""
        found = [self._features(origins, n) @ weights for n, weights in enumerate(self.weights)]
        return np.stack(found, axis=-1)


def _ridge(x, y):
    """Returns a function from a penalty to weights; the last feature is 1 and is not penalised."""
    mean, offset = x[:, :-1].mean(axis=0), y.mean(axis=0)
    x, y = x[:, :-1] - mean, y - offset
    values, vectors = np.linalg.eigh(x.T @ x)
    projected = vectors.T @ (x.T @ y)
    unit = max(values.mean(), 1e-12)

    def solved(penalty):
        weights = vectors @ (projected / (np.maximum(values, 0) + penalty * unit)[:, None])
        return np.concatenate([weights, [offset - mean @ weights]])

    return solved


def last_value(data, origins):
    """Returns the last value known at each origin, as forecasts `(N, H, T)`, scaled."""
    targets = len(data.series.targets)
    return np.repeat(data.values[origins, None, :targets], data.horizon, axis=1)


def season_ago(data, origins):
    """Returns the values of the season before, as forecasts `(N, H, T)`, scaled.

    Beyond a season ahead the last season that is known is repeated.
    """
    targets, season = len(data.series.targets), data.scaling.season
    steps = np.arange(data.horizon) % season - season + 1
    return data.values[np.asarray(origins)[:, None] + steps][..., :targets]
