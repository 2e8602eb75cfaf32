"""Generated time series: the Mackey-Glass equation, and sines with noise."""

import numpy as np

DAY, WEEK = 24, 168  # periods of the sines
_FIXED = 17_491  # seed of draws that are the same for all runs' seeds


def mackey_glass(steps=4_000, delay=17, inner=10):
    """Solves the Mackey-Glass equation, whose values are chaotic and without noise.

        dx/dt = 0.2 x(t - τ) / (1 + x(t - τ)^10) - 0.1 x(t)        x = 1.2 until t = 0

    by the classic Runge-Kutta method with steps of 1 / `inner`; the first 300 steps are left out.

    Args:
        steps: Values to return, at t = 300, 301, ...
        delay: τ.
        inner: Steps of the method in a unit of time.

    Returns:
        Numbers `(steps,)`.

    Source: Mackey and Glass 1977, "Oscillation and chaos in physiological control systems" (Science
    197).
    """
    h, lag = 1 / inner, delay * inner
    x = [1.2] * (lag + 1)

    def slope(now, past):
        return 0.2 * past / (1 + past**10) - 0.1 * now

    for _ in range((steps + 300) * inner):
        now, past, next_past = x[-1], x[-1 - lag], x[-lag]
        middle = (past + next_past) / 2
        k1 = slope(now, past)
        k2 = slope(now + h / 2 * k1, middle)
        k3 = slope(now + h / 2 * k2, middle)
        k4 = slope(now + h * k3, next_past)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[lag::inner][300 : 300 + steps])


def noisy_sines(steps=2_000, noise=0.1, seed=_FIXED):
    """Draws a sine of `DAY` steps and a weaker one of `WEEK` steps, with normal noise.

        x_t = sin(2π t / 24) + 0.5 sin(2π t / 168) + noise ε_t

    No forecast of the next value has a mean absolute error below noise · sqrt(2/π) on average.

    Args:
        steps: Values to draw.
        noise: Standard deviation of the noise.
        seed: Of the noise.

    Returns:
        Numbers `(steps,)`.
    """
    t = np.arange(steps)
    drawn = np.random.default_rng(seed).normal(size=steps)
    return np.sin(2 * np.pi * t / DAY) + 0.5 * np.sin(2 * np.pi * t / WEEK) + noise * drawn
