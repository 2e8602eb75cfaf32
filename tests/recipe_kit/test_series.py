"""Time series: what comes with the project, what users bring, and what is refused."""

import numpy as np
import pytest

from recipe_kit.datasets import DataError, _series_times, series
from recipe_kit.datasets._series_generated import mackey_glass, noisy_sines

DAYS = [f"2024-01-{day:02}" for day in range(1, 11)]


@pytest.fixture
def table(tmp_path):
    """`table(rows, header)`: the path of a CSV of these rows."""

    def write(rows, header="day,sold", name="mine.csv"):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def load(table):
    """`load(rows, header, **columns)`: the series of a CSV, by default `sold` at times `day`."""

    def read(rows, header="day,sold", **columns):
        return series.load_series(
            table(rows, header), **{"time": "day", "target": ("sold",), **columns}
        )

    return read


# The sets


@pytest.mark.parametrize(
    ("name", "steps", "step", "first", "last", "values"),
    [
        ("sunspots", 3126, "1 month", "1749-01", "2009-06", (58.0, 2.6)),
        ("sunspots-yearly", 309, "1 year", "1700", "2008", (5.0, 2.9)),
        ("co2", 2284, "7 days", "1958-03-29", "2001-12-29", (316.1, 371.5)),
    ],
)
def test_what_comes_with_the_project_needs_nothing_else(
    name, steps, step, first, last, values, monkeypatch
):
    monkeypatch.delenv("RNN_KIT_DATA", raising=False)
    found = series.load_series(name)
    assert (found.info["steps"], found.info["step"]) == (steps, step)
    assert (found.info["first"], found.info["last"]) == (first, last)
    assert (found.values[0, 0], found.values[-1, 0]) == pytest.approx(values, abs=0.05)


def test_weeks_without_a_value_are_filled_between_those_around_and_told():
    found = series.load_series("co2")
    assert (~found.observed).sum() == 59 and np.isfinite(found.values).all()
    (note,) = found.notes
    assert "59 of 2,284 steps lack a value: filled by linear interpolation" in note


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [("chicago", 7639, 2), ("etth1", 17_420, 7), ("exchange", 7588, 8), ("laser", 10_093, 1)],
)
def test_sets_that_are_brought_are_read(name, rows, columns, real_data):
    found = series.load_series(name)
    assert found.values.shape == (rows, columns) and np.isfinite(found.values).all()
    assert not any("published" in note or "than" in note for note in found.notes)


def test_chicagos_repeated_days_are_left_out_and_its_kinds_of_days_known(real_data):
    found = series.load_series("chicago")
    assert found.targets == ("rail_boardings",) and found.inputs == ("bus",)
    assert set(found.known["day_type"]) == {"U", "A", "W"} and found.known["day_type"][0] == "U"
    assert any(note.startswith("62 rows with the time of another") for note in found.notes)
    alone = series.load_series("chicago", target=("bus",), known=("none",))
    assert alone.targets == ("bus",) and alone.inputs == () and alone.known == {}


def test_a_set_that_is_not_there_says_where_it_goes_and_what_needs_none(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"laser is not on this machine: santafe_laser.npy is not down.*"
    ):
        series.load_series("laser")
    (tmp_path / "series").mkdir()
    (tmp_path / "series/co2_weekly.csv").write_text("date,co2\n")
    with pytest.raises(DataError, match="expected SHA-256 16695fa2"):
        series.load_series("co2")


@pytest.mark.parametrize(
    ("content", "message"), [([[1, 2], [3, 4]], "one series"), (["a"], "one series")]
)
def test_an_array_that_is_no_series_is_refused(content, message, tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    (tmp_path / "series").mkdir()
    np.save(tmp_path / "series/santafe_laser.npy", np.array(content))
    with pytest.raises(DataError, match=message):
        series.load_series("laser")


def test_an_array_of_pickles_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    (tmp_path / "series").mkdir()
    np.save(tmp_path / "series/santafe_laser.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read as an array"):
        series.load_series("laser")


def test_the_generated_equation_holds_and_the_noise_has_its_size():
    x = mackey_glass(400, inner=10)
    finer = mackey_glass(400, inner=40)
    assert 0.2 < x.min() < x.max() < 1.5 and np.abs(x - finer)[:50].max() < 1e-3
    drawn, t = noisy_sines(5_000, noise=0.1), np.arange(5_000)
    noise = drawn - np.sin(2 * np.pi * t / 24) - 0.5 * np.sin(2 * np.pi * t / 168)
    assert abs(noise.std() - 0.1) < 0.005
    assert series.load_series("sines").season == 24


def test_columns_of_a_set_without_columns_are_refused():
    with pytest.raises(
        DataError, match="laser has one series and no named columns: leave --target riders"
    ):
        series.load_series("laser", target=("riders",))


# Times


@pytest.mark.parametrize(
    ("texts", "first", "step"),
    [
        (["2024-01-31", "2024-02-01", "2024-02-02"], "2024-01-31", "1 day"),
        (
            ["2024-01-31 10:00", "2024-01-31 10:15", "2024-01-31 10:30"],
            "2024-01-31T10:00",
            "15 minutes",
        ),
        (["20240131", "20240207", "20240214"], "2024-01-31", "7 days"),
        (["2024-01", "2024-02", "2024-03"], "2024-01", "1 month"),
        (["1999", "2000", "2001"], "1999", "1 year"),
        (["2000-01-01", "2001-01-01", "2003-01-01"], "2000", "1 year"),
        (["2024-01-31", "2024-02-29", "2024-03-31"], "2024-01", "1 month"),
        (["2024-01-15", "2024-02-15", "2024-03-15"], "2024-01", "1 month"),
        (["30/12/2023", "31/12/2023", "1/1/2024"], "2023-12-30", "1 day"),
        (["12/30/2023", "12/31/2023", "1/1/2024"], "2023-12-30", "1 day"),
        (["1.1.2024", "2.1.2024", "3.1.2024"], "2024-01-01", "1 day"),
        (["2024/1/1", "2024/1/2", "2024/1/3"], "2024-01-01", "1 day"),
        (["1/31/2024 11:00 PM", "2/1/2024 12:00 AM", "2/1/2024 1:00 AM"], "2024-01-31T23:00", "1 hour"),
        (
            ["2024-01-01T00:00:00.5", "2024-01-01T00:00:01", "2024-01-01T00:00:01.5"],
            None,
            "0.5 seconds",
        ),
    ],
)
def test_usual_forms_of_times_are_read_with_their_step(texts, first, step, load):
    found = load([f"{text},{n}" for n, text in enumerate(texts)])
    assert found.info["step"] == step and first in (None, found.info["first"])


def test_times_of_one_zone_are_kept_and_of_several_become_utc(load):
    one = load([f"2024-01-01T{hour:02}:00+02:00,1" for hour in range(4)])
    assert one.info["first"] == "2024-01-01"
    assert "Times are of UTC+02:00, and are kept so." in one.notes
    # The clock goes back at 3 o'clock: one hour comes twice, and in UTC none does.
    texts = ["T01:00+02:00", "T02:00+02:00", "T02:00+01:00", "T03:00+01:00"]
    several = load([f"2024-10-27{text},{n}" for n, text in enumerate(texts)])
    assert several.info["step"] == "1 hour" and several.info["first"] == "2024-10-26T23:00"
    assert len(several.values) == 4, several.notes
    assert "Times of several zones (UTC+01:00, UTC+02:00) are converted to UTC." in several.notes
    utc = load([f"2024-01-0{day} 00:00 UTC,1" for day in range(1, 5)])
    assert "Times are of UTC." in utc.notes


def test_days_of_a_zone_with_summer_time_are_read_by_the_local_clock(load):
    days = ["2024-10-26T00:00+02:00", "2024-10-27T00:00+02:00", "2024-10-28T00:00+01:00",
            "2024-10-29T00:00+01:00"]  # fmt: skip
    found = load([f"{day},{n}" for n, day in enumerate(days)])
    assert found.info["step"] == "1 day" and found.info["first"] == "2024-10-26"
    assert any("by the local clock" in note for note in found.notes)


def test_rows_from_the_latest_to_the_earliest_are_turned_and_told(load):
    found = load([f"{day},{n}" for n, day in reversed(list(enumerate(DAYS)))])
    assert found.values[:, 0].tolist() == list(range(10))
    assert any("are read from the end" in note for note in found.notes)


def test_of_several_rows_of_one_time_the_first_counts_and_it_is_told(load):
    found = load([f"{DAYS[0]},1", f"{DAYS[1]},2", f"{DAYS[1]},7", f"{DAYS[2]},3"])
    assert found.values[:, 0].tolist() == [1, 2, 3]
    assert any(
        note.startswith("1 row with the time of another (the first in line 4)") for note in found.notes
    )


# Gaps


@pytest.mark.parametrize(
    ("fill", "filled"), [("linear", [1, 2, 3, 4, 6, 8]), ("last", [1, 1, 1, 4, 4, 8])]
)
def test_missing_steps_and_values_are_filled_as_asked_and_told(fill, filled, load):
    days = [DAYS[n] for n in (0, 2, 3, 4, 5)]
    found = load([f"{d},{v}" for d, v in zip(days, ["1", "", "4", "NA", "8"], strict=True)], fill=fill)
    assert found.values[:, 0].tolist() == filled
    assert found.observed[:, 0].tolist() == [True, False, False, True, False, True]
    assert any("3 of 6 steps lack a value (1 have no row)" in note for note in found.notes)
    assert found.info["filled"] == 3


def test_rows_behind_the_last_value_are_what_is_known_ahead(load):
    rows = [f"{day},{n if n < 8 else ''},{'we'[n % 2]},{n}" for n, day in enumerate(DAYS)]
    found = load(rows, "day,sold,kind,number", known=("kind", "number"))
    assert len(found.values) == 8 and len(found.times) == 10
    assert found.known["kind"].tolist() == list("wewewewewe") and found.known["number"][-1] == 9
    without = load(rows, "day,sold,kind,number")
    assert len(without.times) == 8 and any("The last 2 steps have no value" in n for n in without.notes)


def test_steps_before_the_first_value_are_left_out_and_told(load):
    found = load([f"{day},{n if n > 2 else '?'}" for n, day in enumerate(DAYS)])
    assert found.info["first"] == DAYS[3] and found.values[0, 0] == 3
    assert (
        "The first 3 steps are left out, before the first with a value in every column." in found.notes
    )


@pytest.mark.parametrize("fill", ["linear", "last"])
def test_a_gap_before_all_columns_have_begun_is_filled_with_nothing_later(table, fill):
    rows = [f"{day},{'' if n == 2 else n},{n if n > 1 else ''}" for n, day in enumerate(DAYS)]
    found = series.load_series(table(rows, "day,a,b"), time="day", target=("a", "b"), fill=fill)
    assert found.info["first"] == DAYS[3] and found.values[0].tolist() == [3, 3]


# Tables


def test_the_times_and_the_only_column_of_numbers_are_found(table):
    found = series.load_series(table([f"{day},{n},x" for n, day in enumerate(DAYS)], "Date,sold,shop"))
    assert found.targets == ("sold",) and found.info["step"] == "1 day"
    assert "Times are in the column 'Date'." in found.notes
    assert found.season == 7 and any("season is taken to be 7 steps of 1 day" in n for n in found.notes)


def test_a_season_that_is_given_is_taken(load):
    found = load([f"{day},{n}" for n, day in enumerate(DAYS)], season=3)
    assert found.season == 3 and not any("season" in note for note in found.notes)
    assert series.load_series("co2", season=26).season == series.load_series("sines", season=26).season


def test_without_times_rows_are_numbered(table):
    found = series.load_series(table(map(str, range(5)), "x"))
    assert found.times.tolist() == [0, 1, 2, 3, 4] and found.step == 1 and found.season == 1


def test_a_first_row_of_numbers_is_a_step_and_told(table):
    found = series.load_series(table(["2", "3", "4"], "1"))
    assert found.targets == ("column1",) and found.values[:, 0].tolist() == [1, 2, 3, 4]


def test_semicolons_and_decimal_commas_are_read(load):
    found = load([f"{day};{n},5" for n, day in enumerate(DAYS)], "day;sold")
    assert found.values[:3, 0].tolist() == [0.5, 1.5, 2.5]


def test_the_hash_is_that_of_the_numbers_and_not_of_the_file(load, table):
    rows = [f"{day},{n}" for n, day in enumerate(DAYS)]
    one, same = load(rows), load([*rows, ""])
    other = load([*rows[:-1], f"{DAYS[-1]},8"])
    assert one.info["sha256"] == same.info["sha256"] != other.info["sha256"]


def test_a_users_time_is_read_in_the_unit_of_the_series():
    days = np.array(DAYS, "datetime64[us]")
    assert series.text_of(series.time_at("2024-01-03", days, "--at")) == "2024-01-03"
    months = np.array(["2024-01", "2024-02"], "datetime64[M]")
    assert series.time_at("2024-02-29", months, "--at") == months[1]
    assert series.time_at("12", np.arange(3), "--at") == 12
    for text, times in (("soon", days), ("2024-01-01", np.arange(3))):
        with pytest.raises(DataError, match="--at"):
            series.time_at(text, times, "--at")


# What is refused


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([f"{DAYS[0]},1", "soon,2"], {}, "line 3: 'soon' is not a time; write times as 2024-01-31"),
        ([f"{DAYS[0]},1", ",2"], {}, "line 3: '' is not a time"),
        ([f"{DAYS[0]},1", "2024-02-30,2"], {}, "line 3: '2024-02-30' is not a time"),
        (
            [f"{DAYS[n]},1" for n in (0, 1, 4, 2, 3)],
            {},
            "line 5: 2024-01-03 comes after 2024-01-05: expected rows in the order of their times",
        ),
        (
            [f"{DAYS[n]}{clock},1" for n, clock in ((0, ""), (1, ""), (2, ""), (2, " 12:00"), (4, ""))],
            {},
            "line 5: 2024-01-03T12:00 comes 12 hours after the time before, and most rows are 1 day",
        ),
        (
            [f"{DAYS[n]},1" for n in (0, 1, 2, 3)] + ["2024-03-01,2"],
            {},
            "line 6: 2024-03-01 comes 57 days after the time before",
        ),
        ([f"{day},{n}" for n, day in enumerate(DAYS[:3] * 3)], {}, "is not|comes after"),
        (
            [f"{DAYS[n // 3]},{n}" for n in range(12)],
            {},
            "12 rows of 4 times, as of several series below one another",
        ),
        (
            [f"{DAYS[0]}T00:00Z,1", f"{DAYS[1]},1"],
            {},
            "line 2: the time has a zone, and that of line 3 has",
        ),
        (["1/2/2024,1", "2/2/2024,1"], {}, "dates whose day may be the month, such as '1/2/2024'"),
        (["13/2/2024,1", "2/14/2024,1"], {}, "both orders of day and month"),
        (
            [f"{DAYS[0]},1", f"{DAYS[1]},many", f"{DAYS[2]},1"],
            {},
            "line 3: 'many' in the column 'sold' is no number",
        ),
        (
            [f"{DAYS[0]},1", f"{DAYS[1]},inf", f"{DAYS[2]},1"],
            {},
            "line 3: 'inf' in the column 'sold' is no number",
        ),
        ([f"{day},1" for day in DAYS[:2]], {}, "has 2 times: expected a row for each of many steps"),
        ([f"{day}," for day in DAYS], {}, "has no number at all"),
        ([f"{day},1" for day in DAYS], {"target": ("sodl",)}, "no column 'sodl'.*did you mean 'sold'?"),
        ([f"{day},1" for day in DAYS], {"target": ("wind",)}, "no column 'wind'.*It has 'day', 'sold'"),
        ([f"{day},1" for day in DAYS], {"known": ("sold",)}, "'sold' is named twice"),
        (
            [f"{DAYS[0]},1", f"{DAYS[1]},1,2"],
            {},
            "line 3: expected 2 fields as in the first row, found 3",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_line_or_column(rows, columns, message, load):
    with pytest.raises(DataError, match=message) as error:
        load(rows, **columns)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([], "", "is empty: expected a row of columns' names, and a row for each step"),
        ([], "day,sold", "has a row of names alone"),
        (["a", "b"], "sold", "has no column of numbers to forecast"),
        (["1,2", "3,4"], "sold,made", r"several columns of numbers \(sold, made\): say with --target"),
    ],
)
def test_a_table_without_what_to_forecast_is_refused(rows, header, message, table):
    with pytest.raises(DataError, match=message):
        series.load_series(table(rows, header))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="There is no data set and no file called"):
        series.load_series(str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match="is a folder"):
        series.load_series(str(tmp_path))


def test_the_sunspots_lines_follow_one_another():
    text = "head\n1749 1 2 3 4 5 6 7 8 9 10 11 12\n\n1750 1 2\n"
    months, values = series.parse_monthly(text, "x")
    assert series.text_of(months[-1]) == "1750-02" and values[-1] == 2
    for broken in ("1749 1 2\n1750 3\n", "1749 a\n", "nothing"):
        with pytest.raises(DataError):
            series.parse_monthly(broken, "x")


def test_steps_in_words():
    for count, text in ((1, "1 day"), (2, "2 days")):
        assert _series_times.step_text(np.timedelta64(count * 86_400_000_000, "us")) == text
