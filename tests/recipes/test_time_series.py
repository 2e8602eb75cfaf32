"""The time-series recipe: what a forecast may know, its scores, and one run end to end."""

import csv
import io
import json

import keras
import numpy as np
import pytest
from marks import slow_but

import time_series as recipe
from parts.time_series import backtest, baselines, choices, forecaster, scaling, settings, windows
from recipe_kit import cli, figures
from recipe_kit.datasets import DataError, series

SINES = recipe.Settings(
    data="sines", horizon=3, window=24, units=3, residual="last", epochs=1, batch_size=64
)


def changed(plain, **change):
    return recipe.forecasting.dataclasses.replace(plain, **change)


@pytest.fixture(scope="module")
def sines():
    return windows.load(SINES)


@pytest.fixture
def table(tmp_path):
    """`table(rows, header)`: the path of a CSV."""

    def write(rows, header):
        path = tmp_path / "mine.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return str(path)

    return write


def daily(count, value=lambda n: np.sin(n) + n % 7, kind=lambda n: "we"[n % 7 > 4]):
    days = np.datetime64("2024-01-01") + np.arange(count)
    return [f"{day},{value(n)},{kind(n)}" for n, day in enumerate(days)]


# What a forecast may know


def test_a_column_that_does_not_change_in_the_training_part_keeps_its_scale(table):
    rows = [f"{row},{19.99 if n < 290 else 17.99}" for n, row in enumerate(daily(400))]
    settings = changed(
        SINES, data=table(rows, "day,sold,kind,price"), time="day", target=("sold",), inputs=("price",),
        window=14, season=7, lags=None,
    )  # fmt: skip
    data = windows.load(settings)
    np.testing.assert_allclose(data.values[:, 1], np.where(np.arange(400) < 290, 0, -2), atol=1e-5)


def test_parts_follow_one_another_and_forecasts_stay_in_theirs(sines):
    starts, count = sines.starts, len(sines.values)
    assert (starts["validation"], starts["test"]) == (1400, 1700)
    stops = {"train": 1400, "validation": 1700, "test": count}
    for part, origins in sines.origins.items():
        assert origins[0] + 1 >= starts[part] and origins[-1] + SINES.horizon == stops[part] - 1


def test_nothing_later_changes_what_was_known(table):
    """A change of the test part changes neither the scaling nor any window that ends before it."""
    plain = changed(SINES, time="day", target=("sold",), known=("kind",), horizon=2, window=8)
    found = [
        windows.load(changed(plain, data=table(daily(200, value), "day,sold,kind")))
        for value in (lambda n: n % 7, lambda n: n % 7 if n < 170 else 1e6 + n)
    ]
    before, after = found
    assert before.starts == after.starts and before.starts["test"] == 170
    assert before.scaling == after.scaling
    origins = before.origins["train"]
    for x, y in zip(*(windows.cutter(data)(origins) for data in found), strict=True):
        for a, b in zip(keras.tree.flatten(x), keras.tree.flatten(y), strict=True):
            np.testing.assert_array_equal(a, b)
    # The first origin of the test part knows nothing of it, and the second one value.
    first, second = before.origins["test"][:2]
    (a, truth), (b, other) = (windows.cutter(data)(np.array([first, second])) for data in found)
    np.testing.assert_array_equal(a["past"][0], b["past"][0])
    assert not np.allclose(a["past"][1], b["past"][1]) and not np.allclose(truth, other)
    weights = [baselines.LinearAutoregression(data, 8).weights[0] for data in found]
    np.testing.assert_array_equal(*weights)
    np.testing.assert_array_equal(*(forecaster.spread_from_base(plain, data) for data in found))


def test_a_gap_at_the_end_of_the_training_part_tells_it_nothing_of_what_came(table):
    """Interpolation fills such a gap from the value behind it, which is of the validation part."""
    plain = changed(SINES, time="day", target=("sold",), horizon=2, window=8)
    found = []
    for after in (3, 1e6):
        rows = daily(200, lambda n, after=after: "" if 137 < n < 142 else after if n == 142 else n % 7)
        found.append(windows.load(changed(plain, data=table(rows, "day,sold,kind"))))
    before, other = found
    assert before.starts["validation"] == 140 and before.origins["train"][-1] == 135
    assert before.scaling == other.scaling and np.isnan(before.truth[138:142]).all()
    np.testing.assert_array_equal(before.values[:138], other.values[:138])
    np.testing.assert_array_equal(*(forecaster.spread_from_base(plain, data) for data in found))


def test_a_window_ends_with_its_origin_and_what_is_known_stands_a_step_ahead(table):
    rows = daily(120, lambda n: n, lambda n: n % 2)
    plain = changed(
        SINES, time="day", data=table(rows, "day,sold,odd"), target=("sold",), known=("odd",)
    )
    data = windows.load(changed(plain, horizon=2, window=7))
    inputs, truth = windows.cutter(data)(np.array([50]))
    mean, std = data.scaling.mean[0], data.scaling.std[0]
    past = inputs["past"].numpy()[0]
    np.testing.assert_allclose(past[:, 0] * std + mean, np.arange(44, 51), atol=1e-4)
    assert (past[:, 1] > 0).tolist() == [(n + 1) % 2 == 1 for n in range(44, 51)]
    np.testing.assert_allclose(truth.numpy()[0, :, 0] * std + mean, [51, 52], atol=1e-4)
    assert (inputs["ahead"].numpy()[0, :, 0] > 0).tolist() == [True, False]


def test_no_forecast_is_made_from_a_step_that_was_filled_and_none_is_scored(table):
    rows = [f"{row.split(',')[0]},,w" if n in (150, 185) else row for n, row in enumerate(daily(200))]
    data = windows.load(
        changed(
            SINES, data=table(rows, "day,sold,kind"), time="day", target=("sold",), horizon=2, window=8
        )
    )
    origins = np.concatenate(list(data.origins.values()))
    assert not {150, 185} & set(origins.tolist()) and {149, 151, 184, 186} <= set(origins.tolist())
    assert np.flatnonzero(np.isnan(data.truth[:, 0])).tolist() == [150, 185]


def test_batches_come_from_the_seed_and_the_epoch_and_go_on_where_they_ended(sines):
    dataset, batches, count = windows.training_batches(SINES, sines, 0)
    seen = [x["past"].numpy()[:, -1, 0] for x, _ in dataset.take(2 * batches)]
    assert count == len(sines.origins["train"]) and batches == -(-count // 64)
    one, two = (np.concatenate(seen[n * batches : (n + 1) * batches]) for n in range(2))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(np.sort(one), np.sort(two))
    later, *_ = windows.training_batches(SINES, sines, batches + 3)
    for (x, _), before in zip(later.take(3), seen[batches + 3 :], strict=False):
        np.testing.assert_array_equal(x["past"].numpy()[:, -1, 0], before)


def test_categories_are_those_of_the_training_part_and_another_is_told(table):
    plain = changed(SINES, time="day", target=("sold",), known=("kind",), horizon=2, window=8)
    kinds = lambda n: "c" if n == 190 else "ab"[n % 2]  # noqa: E731
    data = windows.load(changed(plain, data=table(daily(200, kind=kinds), "day,sold,kind")))
    assert data.scaling.known == {"kind": ["a", "b"]}
    assert data.known[:2].tolist() == [[1, 0], [0, 1]] and data.known[190].tolist() == [0, 0]
    assert "c of 'kind': not in the training part, read as none." in data.notes
    many = changed(plain, data=table(daily(200, kind=lambda n: f"k{n}"), "day,sold,kind"))
    with pytest.raises(DataError, match="'kind' has 140 different texts: expected categories, 100 at"):
        windows.load(many)
    numbers = windows.load(changed(plain, data=table(daily(200, kind=lambda n: n), "day,sold,kind")))
    with pytest.raises(DataError, match="'kind' has text, and the run learned from numbers"):
        numbers.scaling.known_ahead(data.series)


def test_the_calendar_is_known_from_the_time():
    hours = np.array(["2024-01-01T06:00", "2024-01-07T18:00"], "datetime64[us]")
    np.testing.assert_allclose(scaling.calendar(hours, "hour"), [[1, 0], [-1, 0]], atol=1e-9)
    assert scaling.calendar(hours, "weekday").argmax(axis=1).tolist() == [0, 6]  # Monday, Sunday
    turn = scaling.calendar(np.array(["2024-01-01", "2024-07-01"], "datetime64[us]"), "year")
    np.testing.assert_allclose(turn[:, 1], [1, -1], atol=1e-3)
    with pytest.raises(DataError, match="needs a column of times"):
        scaling.calendar(np.arange(3), "hour")


# The network and what it is compared with


@pytest.mark.parametrize(
    "change",
    slow_but(
        [{"joint": False, "segment": 4, "highway": True, "normalize": "mean", "residual": "none"}],
        [
            {"joint": False, "segment": 4, "highway": True, "normalize": "mean", "residual": "none"},
            *({"residual": residual} for residual in choices.RESIDUALS),
            *({"normalize": normalize, "residual": "season"} for normalize in choices.NORMALIZATIONS),
            *({"cell": cell, "layers": 2} for cell in cli.CELLS),
        ],
    ),
    ids=str,
)
def test_every_form_of_the_network_has_an_ordered_band_and_takes_a_step(change, sines, tmp_path):
    plain = changed(SINES, **change)
    two = np.concatenate([sines.values, 2 * sines.values + 1], axis=1)
    data = sines._replace(
        values=two,
        truth=two.copy(),
        series=sines.series._replace(targets=("a", "b")),
        known=scaling.calendar(np.arange(2000).astype("datetime64[h]"), "hour").astype("float32"),
    )
    data.truth[1, 0] = np.nan
    model = recipe.build_model(plain, data)
    model.compile("adam", forecaster.PinballLoss())
    inputs, truth = windows.cutter(data)(data.origins["train"][:5])
    before = np.asarray(model(inputs))
    assert before.shape == (5, 3, 2, 3) and (np.diff(before, axis=-1) > 0).all()
    assert np.isfinite(model.train_on_batch(inputs, truth))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)


def test_the_base_is_the_last_value_or_that_of_a_season_ago():
    past = np.arange(12, dtype="float32").reshape(1, 6, 2)
    plain = changed(SINES, window=6, horizon=5, residual="last")
    base, scale = forecaster.base_and_scale(keras.ops.convert_to_tensor(past), plain, 4, 1)
    assert np.asarray(base)[0, :, 0].tolist() == [10] * 5 and np.asarray(scale).tolist() == [[[1]]]
    plain = changed(plain, residual="season")
    base, _ = forecaster.base_and_scale(keras.ops.convert_to_tensor(past), plain, 4, 1)
    assert np.asarray(base)[0, :, 0].tolist() == [4, 6, 8, 10, 4]


def test_the_pinball_loss_is_least_at_the_quantiles_and_skips_what_is_missing():
    drawn = np.random.default_rng(0).normal(size=4_000)
    loss = forecaster.PinballLoss((0.1,))

    def of(value):
        return float(loss(drawn[:, None, None], np.full((4_000, 1, 1, 1), value)))

    assert of(-1.28) < min(of(-1.6), of(-1.0))
    one = float(loss(np.array([[[2.0], [np.nan]]]), np.zeros((1, 2, 1, 1))))
    assert one == pytest.approx(0.1 * 2)


def test_a_linear_autoregression_finds_the_weights_of_a_linear_series(sines):
    rng, x = np.random.default_rng(0), [0.0, 1.0]
    for _ in range(1998):
        x.append(0.5 * x[-1] - 0.8 * x[-2] + 0.1 * rng.normal())
    values = np.array(x, "float32")[:, None]
    linear = baselines.LinearAutoregression(sines._replace(values=values, truth=values), 4)
    weights = linear.weights[0][:, 0]
    np.testing.assert_allclose(weights, [0, 0, -0.8, 0.5, 0], atol=0.06)
    forecasts = linear(np.array([100]))
    assert forecasts.shape == (1, 3, 1)
    assert forecasts[0, 0, 0] == pytest.approx(0.5 * x[100] - 0.8 * x[99], abs=0.05)


@pytest.mark.parametrize("transform", ["log", "sqrt"])
def test_logarithms_and_roots_come_back_and_need_values_without_a_sign(transform, table):
    rows = daily(200, lambda n: (n % 7) ** 3)
    plain = changed(SINES, data=table(rows, "day,sold,kind"), time="day", target=("sold",), window=8)
    data = windows.load(changed(plain, transform=transform))
    back = data.scaling.unscaled(data.scaling.scaled(data.series.values)[..., None])[..., 0]
    np.testing.assert_allclose(back, data.series.values, atol=1e-9)
    assert data.scaling.unit[0] == pytest.approx(data.series.values[:140].std())
    plain = changed(plain, data=table(daily(200, lambda n: n % 7 - 1), "day,sold,kind"))
    with pytest.raises(DataError, match=f"--transform {transform} is for values of at least 0"):
        windows.load(changed(plain, transform=transform))


def test_windows_of_a_part_may_be_kept_in_it():
    data = windows.load(changed(SINES, overlap=False))
    for part in ("validation", "test"):
        assert data.origins[part][0] == data.starts[part] + max(SINES.window, 24) - 1


def test_a_season_ago_is_the_latest_that_is_known():
    data = windows.load(changed(SINES, season=4, horizon=6))
    origin = np.array([500])
    values = data.values[:, 0]
    assert baselines.season_ago(data, origin)[0, :, 0].tolist() == [
        values[at] for at in (497, 498, 499, 500, 497, 498)
    ]
    assert baselines.last_value(data, origin)[0, :, 0].tolist() == [values[500]] * 6


# Scores


def made(quantiles, truth, last):
    count = len(truth)
    distances = backtest.distances_from_median(quantiles, truth)
    return backtest.Backtest(
        np.arange(count), truth, quantiles, quantiles, distances, np.ones((count, 1)), [1.0],
        {"last": last}, last[:, :1],
    )  # fmt: skip


def test_a_network_that_repeats_the_last_value_is_told_so_and_one_that_forecasts_is_not(sines):
    origins = sines.origins["test"]
    truth = sines.ahead(sines.truth, origins).astype("float64")
    last = baselines.last_value(sines, origins).astype("float64")
    noise = 0.02 * np.random.default_rng(0).normal(size=truth.shape)
    for forecast, repeats in (
        (last + noise, True),
        (truth + 5 * noise, False),
        (0 * last + noise, False),
    ):
        quantiles = np.stack([forecast - 1, forecast, forecast + 1], axis=-1)
        found = backtest.repetition(made(quantiles, truth, last))
        assert bool(found["repeats"]) == repeats
        said = backtest.verdict({f"test_{name}": value for name, value in found.items()})
        assert said.startswith("It repeats the last value") == repeats


def test_the_band_is_widened_to_hold_its_share_by_what_is_known():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(5_000, 2, 1))
    truth[2_500:] *= 3  # it becomes harder
    band = np.broadcast_to([-0.5, 0.0, 0.5], (5_000, 2, 1, 3))
    distances = backtest.distances_from_median(band, truth)
    factors, after = backtest.band_widths(distances[:1_000], distances[1_000:])
    assert factors[:1_000].mean() == pytest.approx(1.2816 / 0.5, rel=0.04)
    assert after == pytest.approx(3 * 1.2816 / 0.5, rel=0.2)
    quantiles = backtest.widened(band[1_000:], factors[:, None])
    assert backtest.coverage(truth[1_000:], quantiles) == pytest.approx(0.8, abs=0.02)
    assert backtest.coverage(truth[:2_500], band[:2_500]) == pytest.approx(0.383, abs=0.02)
    # The widths of origins 990 to 999 are set at 990, where the second value of 989 is not known.
    later = distances.copy()
    later[1_000 + 989 :] = 1e6
    same, _ = backtest.band_widths(later[:1_000], later[1_000:])
    np.testing.assert_array_equal(same[:1_000], factors[:1_000])
    assert same[-1] > 1e5


def test_scores_are_in_the_units_that_they_name(sines):
    origins = np.array([10, 11, 12])
    truth = sines.scaling.unscaled(sines.ahead(sines.truth, origins)[..., None])[..., 0]
    quantiles = np.stack([truth - 1, truth + 0.5, truth + 1], axis=-1)
    found = backtest.scores(sines, made(quantiles, truth, truth)._replace(origins=origins))
    std, part = sines.scaling.std[0], sines.series.values[11:16, 0]
    assert found["mae"] == found["rmse"] == pytest.approx(0.5)
    assert found["mse_scaled"] == pytest.approx(0.25 / std**2, rel=1e-5)
    assert found["nmse"] == pytest.approx(0.25 / part.var(), rel=1e-4)
    assert found["mae_last"] == 0 and found["coverage"] == 1


# A run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics and result["data"]["steps"] == 309
    for name in ("learning.png", "backtest.png", "by_step.png"):
        assert figures.about_figure(out / name)["metrics"] == metrics
    with open(out / "backtest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["truth"]) for row in rows][-1] == 2.9  # of 2008
    assert all(float(r["low"]) <= float(r["median"]) <= float(r["high"]) for r in rows)


def test_the_network_is_ahead_of_the_last_value_and_all_are_on_the_same_values(saved):
    _, metrics = saved
    assert metrics["test_mae"] < 0.8 * metrics["test_mae_last"]
    assert metrics["test_forecasts"] == 45 and not metrics["test_repeats"]
    truth = series.load_series("sunspots-yearly").values[:, 0]
    last = [abs(truth[t + h] - truth[t]) for t in range(262, 307) for h in (1, 2)]
    assert metrics["test_mae_last"] == pytest.approx(np.mean(last), rel=1e-5)


def test_a_forecast_is_a_table_that_reads_back_with_an_ordered_band(saved, run_main, tmp_path):
    out, _ = saved
    code, printed, said = run_main(["forecast", "--run", str(out)])
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert code == 0 and [row["time"] for row in rows] == ["2009", "2010"]
    assert list(rows[0]) == ["time", "median", "low", "high"]
    assert all(float(r["low"]) < float(r["median"]) < float(r["high"]) for r in rows)
    assert "drawn in" in said and (out / "forecast.png").exists()
    path = tmp_path / "made/forecast.csv"
    code, nothing, _ = run_main(["forecast", "--run", str(out), "--output", str(path)])
    assert code == 0 and nothing == "" and path.read_text() == printed


def test_a_forecast_from_a_past_time_is_the_backtests_and_that_of_data_that_end_there(
    saved, run_main, tmp_path
):
    out, _ = saved
    _, printed, _ = run_main(["forecast", "--run", str(out), "--at", "1962"])
    with open(out / "backtest.csv", newline="") as file:
        first = next(csv.DictReader(file))
    row = next(csv.DictReader(io.StringIO(printed)))
    assert row["time"] == first["time"] == "1963"
    for name in ("low", "median", "high"):  # the band too is by what was known then
        assert float(row[name]) == pytest.approx(float(first[name]), rel=1e-4)
    found = series.load_series("sunspots-yearly")
    lines = [
        f"{t},{v}" for t, v in zip(found.times, found.values[:, 0], strict=True) if int(str(t)) < 1963
    ]
    (tmp_path / "newer.csv").write_text("\n".join(["YEAR,SUNACTIVITY", *lines]))
    _, same, _ = run_main(["forecast", "--run", str(out), "--data", str(tmp_path / "newer.csv")])
    assert same == printed


@pytest.mark.parametrize(
    ("content", "argv", "message"),
    [
        (None, ["--at", "1600"], "--at 1600 is not among the times"),
        (None, ["--at", "2020"], "--at 2020 is not among the times"),
        (None, ["--at", "soon"], "--at soon is not a time"),
        (None, ["--at", "1710"], "A forecast reads 22 steps, and there are 11 up to 1710"),
        ("YEAR,spots\n1700,1\n1701,2\n1702,2\n", [], "no column 'SUNACTIVITY'"),
        ("YEAR,SUNACTIVITY\n1700-01,1\n1700-02,2\n1700-03,2\n", [], "steps of 1 month, and the run"),
        (
            "YEAR,SUNACTIVITY\n1700,1\n1701,2\n1702,2\n",
            [],
            "A forecast reads 22 steps, and there are 3",
        ),
    ],
)
def test_a_forecast_that_cannot_be_made_is_one_line(content, argv, message, saved, run_main, tmp_path):
    if content is not None:
        (tmp_path / "newer.csv").write_text(content)
        argv = ["--data", str(tmp_path / "newer.csv")]
    code, printed, error = run_main(["forecast", "--run", str(saved[0]), *argv])
    assert code == 2 and printed == "" and error.count("\n") == 1 and message in error


@pytest.mark.parametrize(
    ("rows", "header", "argv", "message"),
    [
        ([], "", [], "is empty"),
        (daily(12), "day,sold,kind", [], "--window 8 and --horizon 2"),
        (daily(200, lambda n: 5), "day,sold,kind", [], "'sold' is 5 throughout the training part"),
        (daily(200, lambda n: "x"), "day,sold,kind", [], "line 2: 'x' in the column 'sold' is no"),
        (daily(200), "day,made,kind", [], "has no column 'sold'"),
        (daily(200), "day,sold,kind", ["--test", "2030-01-01"], "--test 2030-01-01 leaves a part"),
        (daily(200), "day,sold,kind", ["--test", "soon"], "--test soon is not a time"),
        (daily(200), "day,sold,kind", ["--begin", "2030-01-01"], "No step is between"),
        (daily(200), "day,sold,kind", ["--segment", "3"], "--segment 3 does not divide --window 8"),
        (
            daily(200), "day,sold,kind", ["--residual", "season", "--season", "9"],
            "give --window 9 or more",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_one_line_and_leaves_nothing(
    rows, header, argv, message, table, run_main, tmp_path
):
    out = tmp_path / "run"
    columns = ["--time", "day", "--target", "sold", "--window", "8", "--horizon", "2"]
    code, _, error = run_main(["--data", table(rows, header), *columns, *argv, "--out", str(out)])
    assert code == 2 and error.count("\n") == 1 and message in error
    assert not out.exists()


def test_a_share_or_a_time_is_told_apart():
    assert settings.share_or_time("0.2") == 0.2 and settings.share_or_time("1950") == "1950"
    for wrong in ("0", "1.5", "-1"):
        with pytest.raises(settings.argparse.ArgumentTypeError):
            settings.share_or_time(wrong)


@pytest.mark.slow
def test_a_users_table_with_known_columns_is_learned_from_and_forecast(table, run_main, tmp_path):
    rows = [*daily(300), *(f"{row.split(',')[0]},,{row.split(',')[2]}" for row in daily(303)[300:])]
    path, out = table(rows, "date,sold,kind"), tmp_path / "run"
    argv = [
        "--data",
        path,
        "--target",
        "sold",
        "--known",
        "kind",
        "--calendar",
        "weekday",
        "--units",
        "8",
    ]
    argv += ["--window", "14", "--horizon", "3", "--epochs", "2", "--out", str(out)]
    code, printed, _ = run_main(argv)
    assert code == 0 and "Times are in the column 'date'." in printed
    code, printed, _ = run_main(["forecast", "--run", str(out)])
    assert code == 0 and printed.count("\n") == 4 and "2024-10-27," in printed
    newer = table(daily(300), "date,sold,kind")
    code, _, error = run_main(["forecast", "--run", str(out), "--data", newer])
    assert code == 2 and "'kind' must be known for 3 steps after 2024-10-26" in error


@pytest.mark.slow
def test_a_run_that_goes_on_ends_as_the_unbroken_one(saved, tmp_path, monkeypatch):
    out = tmp_path / "run"

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 60:
                raise KeyboardInterrupt

    callbacks = recipe.kit.StopOnNaN
    monkeypatch.setattr(recipe.kit, "StopOnNaN", Stop)
    argv = ["--preset", "smoke", "--out", str(out), "--checkpoint-seconds", "0.001"]
    with pytest.raises(KeyboardInterrupt):
        recipe.main(argv)
    monkeypatch.setattr(recipe.kit, "StopOnNaN", callbacks)
    metrics = recipe.main(["--resume", "--out", str(out)])
    for name, value in saved[1].items():
        if "second" not in name:
            assert metrics[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.slow
def test_the_comparison_trains_every_cell_beside_what_is_not_trained(tmp_path, run_main):
    argv = ["compare", "--preset", "smoke", "--epochs", "1", "--learning-rate", "0.01"]
    code, printed, _ = run_main([*argv, "--seeds", "0", "1", "--out", str(tmp_path / "compare")])
    assert code == 0 and (tmp_path / "compare/comparison.png").exists()
    assert printed.count("by error: ") == 3 and "linear autoregression" in printed
