"""A network reads a series of numbers, and says what comes next: how much, and how sure it is.

What you will see: forecasts of several steps with a band around them, from every step of a test part
that is later than all that was learned; and beside them, on the same values, what is hard to beat: the
last value, the value of a season ago, and a linear autoregression. A network that has learned to repeat
the last value, the commonest fault of forecasts, is told so. With exchange rates nobody wins.

    network       h_k = RNN(x_k, h_(k-1)), k = t-W+1 ... t; x_k the values, and what is known ahead
    forecast      f_(t+h) = base + V_h h_t, base = 0, the last value, or that of a season ago
    band          quantiles 0.1, 0.5 and 0.9 of y_(t+h), h = 1 ... H, all at once
    loss          max(q (y - f), (q - 1)(y - f)), the pinball loss of the quantile q

Everything that is fitted (scaling, weights) is fitted to the training part, which comes first; the
epoch, and the linear autoregression's penalty, are chosen on the validation part, which comes next. The
band's width follows the errors of the latest forecasts whose values were known.

After the lecture on recurrent networks after Graves (001), slide 2: "The most straight-forward example
is a time-series of numbers, where the task is to predict the next value given previous values." The
pinball loss: Koenker and Bassett 1978. `--highway`: Lai et al. 2018 (arXiv:1703.07015), the
autoregressive component.

How to run it:

    python recipes/time_series.py                       CO2 on Mauna Loa; no download
    python recipes/time_series.py --preset lecture      the next value of the sunspots, a plain RNN
    python recipes/time_series.py --preset chicago      riders; laser, etth1, exchange: docs/data.md
    python recipes/time_series.py --data mine.csv --time day --target sold --known weekday --horizon 7
    python recipes/time_series.py forecast              what comes, as CSV, and forecast.png
    python recipes/time_series.py forecast --data newer.csv --output forecast.csv
    python recipes/time_series.py forecast --at 1995-01-07
    python recipes/time_series.py compare               plain RNN, LSTM, GRU, linear; three seeds
    python recipes/time_series.py --resume              go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras

from parts.time_series import (
    backtest,
    baselines,
    command_line,
    comparison,
    forecaster,
    forecasting,
    run_figures,
    windows,
)
from parts.time_series.settings import PRESETS, Settings
from recipe_kit import cli, figures
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit

RECIPE = "time_series"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads series, scaled by their training part and cut into parts by time."""
    return windows.load(settings)


def build_model(settings, data):
    """Builds the network: windows `(B, W, V + K)` to quantiles `(B, H, T, 3)` of what comes."""
    return forecaster.build(settings, data)


def train(settings, data, run):
    """Trains the network. Returns it, with the weights of the epoch whose validation loss is best."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    dataset, batches, count = windows.training_batches(settings, data, checkpoint.first_batch)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, batches * settings.epochs)
    model = build_model(settings, data)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm), forecaster.PinballLoss()
    )
    print(
        f"{figures.cell_name(settings.cell)}, {settings.layers} x {settings.units}, "
        f"{model.count_params():,} weights; {settings.window} steps to {settings.horizon}; {count:,} "
        f"windows an epoch, in {batches:,} batches of {settings.batch_size}"
    )
    callbacks = [
        kit.Throughput(count, "windows"),
        kit.EpochLog(run.append_history, count),
        kit.StopOnNaN(),
        cli.keep_best(),
    ]
    validation = windows.ordered_batches(data, data.origins["validation"])
    with cli.saved_on_interrupt(run, lambda: model, "Forecast", "forecast"):
        checkpoint.fit(model, dataset, batches, settings.epochs, callbacks, validation_data=validation)
    return model


def evaluate(settings, data, model):
    """Reads the test part, once.

    Returns:
        Metrics, of validation too; the `backtest.Backtest` of the test part.
    """
    linear = baselines.LinearAutoregression(data, settings.lags or settings.window)
    validation = backtest.run(model, data, linear, "validation")
    test = backtest.run(model, data, linear, "test", validation)
    metrics = {}
    for part, found in (("validation", validation), ("test", test)):
        metrics |= {f"{part}_{name}": value for name, value in backtest.scores(data, found).items()}
    return metrics, test


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    data = load_data(settings)
    info = data.series.info
    run = open_run(info)
    counts = {part: f"{len(origins):,}" for part, origins in data.origins.items()}
    cli.report_start(
        run,
        f"{info['name']}: {info['steps']:,} steps of {info['step']}, {info['first']} to "
        f"{info['last']}; learning from {counts['train']} windows, validating on "
        f"{counts['validation']}, held out {counts['test']}",
        data.notes,
    )
    run.write_json("series.json", data.scaling._asdict())
    model = train(settings, data, run)
    run.save_model(model)
    history = run.history()
    kept = cli.best_row(history)
    found, test = evaluate(settings, data, model)
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": kept["epoch"],
        "train_seconds": history[-1]["seconds"],
        "windows_per_second": history[-1]["tokens"] / history[-1]["seconds"],
        "validation_loss": kept["val_loss"],
        **found,
    }
    metrics = {name: float(value) for name, value in metrics.items()}
    widths = backtest.widths_by_time(data, test)
    scaling = data.scaling._replace(widen=test.widen, widths=widths)
    run.write_json("series.json", scaling._asdict())
    run.write_text("backtest.csv", backtest.table(data, test))
    run.write_result(info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw(run, settings, history, data, test)
    backtest.report(metrics, settings, data)
    cli.report_end(run, "forecast with it", "forecast")
    return metrics


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "forecast":
        run = saved_run(flags.run, RECIPE)
        settings = forecasting.settings_of(run, flags)
        return forecasting.forecast(run, settings, flags.at, flags.output)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        return comparison.compare(RECIPE, flags, PRESETS, train_runs, build_model, load_data)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)
