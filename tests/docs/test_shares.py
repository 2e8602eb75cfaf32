"""The limit on what a file of recipes' tests may take."""

import pytest

BUSY = """
import time, pytest

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

@pytest.fixture(scope="module")
def run():
    work(0.2)

def test_dear(run):
    work(0.1)

def test_cheap(run):
    time.sleep(0.3)  # in which no processor works
"""


@pytest.fixture
def project(pytester):
    pytester.makeconftest("pytest_plugins = ['shares']")
    for folder in ("recipes", "rnn_kit"):
        path = pytester.mkdir("tests") if folder == "recipes" else pytester.path / "tests"
        (path / folder).mkdir()
        (path / folder / f"test_busy_{folder}.py").write_text(BUSY)
    return pytester


def test_a_recipes_file_over_its_share_is_named_with_its_dearest_test(project):
    result = project.runpytest_inprocess("--share", "0.12")
    assert result.ret == pytest.ExitCode.OK  # a busy machine is no fault of the tests
    result.assert_outcomes(passed=4)
    said = [line for line in result.outlines if "seconds of a processor, and" in line]
    assert len(said) == 1  # the library's tests have no share
    assert said[0].startswith("tests/recipes/test_busy_recipes.py takes 0.3")
    assert "Mark its dearest tests slow: test_dear (0.3" in said[0]


def test_a_session_within_its_shares_names_no_file(project):
    result = project.runpytest_inprocess("--share", "5")
    assert "takes" not in result.stdout.str()


def test_several_processes_report_to_one(project):
    result = project.runpytest_inprocess("-n", "2", "--dist", "loadfile", "--share", "0.12", "--shares")
    assert any("test_busy_recipes.py takes 0.3" in line for line in result.outlines)
    result.stdout.fnmatch_lines(["*0.3  tests/r*/test_busy_r*.py"] * 2)
