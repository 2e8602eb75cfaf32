"""What the flags of the time-series recipe take, for a command line that answers at once."""

SETS = (
    *("co2", "sunspots", "sunspots-yearly", "chicago", "laser", "etth1", "exchange"),
    *("mackey-glass", "sines"),
)
CALENDARS = ("hour", "weekday", "year")
FILLS = ("linear", "last")
TRANSFORMS = ("none", "log", "sqrt")
RESIDUALS = ("none", "last", "season")
NORMALIZATIONS = ("none", "last", "mean", "spread")
QUANTILES = (0.1, 0.5, 0.9)
BAND = QUANTILES[-1] - QUANTILES[0]  # share of the values that should be between the outer two
