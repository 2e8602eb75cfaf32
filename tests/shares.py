"""What each file of tests costs, in seconds of a processor, and a limit for those of the recipes.

A pytest plugin. `--share SECONDS` names each file of `tests/recipes/` that takes more than that (or
than its own limit in `OWN`) and its dearest tests. It fails nothing: the same tests take half as long
again, and more, on a processor that other programs share. Seconds are those in which a processor worked
for the tests, in this process and in those that it started and waited for; those of other programs are
not counted. `--shares` prints what every file takes.
"""

import os
from collections import defaultdict

import pytest

RECIPES = "tests/recipes/"
# Files that have a limit of their own: what was there before the limit, and a run whose beam search is
# compiled for several lengths.
OWN = {
    **{"test_imdb_sentiment.py": 45, "test_ptb_language_model.py": 35},
    **{"test_nietzsche_generation.py": 35, "test_image_captioning.py": 20},
    **{"test_captioner.py": 16, "test_image_features.py": 16, "test_adding_problem.py": 16},
    **{"test_translation.py": 26, "test_vanishing_gradients.py": 16},
}
KEY = "processor_seconds"
# Begun first where two processes share the files (`--no-loadscope-reorder`): a file stays with one
# process, and one that takes long would keep it at work when the other has nothing left.
FIRST = (
    *("test_callbacks", "test_generation", "test_checkpoint", "test_resuming", "test_imdb_sentiment"),
    *("test_layer_equations", "test_fused_layers", "test_translation", "test_image_captioning"),
    *("test_ptb_language_model", "test_nietzsche_generation", "test_vanishing_gradients"),
)


def pytest_addoption(parser):
    group = parser.getgroup("shares")
    group.addoption("--share", type=float, help="most seconds that a file of recipes' tests may take")
    group.addoption("--shares", action="store_true", help="print the seconds that each file takes")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # with several processes, in the one that collects reports
        config.pluginmanager.register(Shares(config), "shares-of-files")


def pytest_collection_modifyitems(items):
    first = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: first.get(item.path.stem, len(first)))


def processor_seconds():
    """Seconds of a processor so far: this process's, and its ended children's."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _measured(item):
    before = processor_seconds()
    try:
        return (yield)
    finally:
        item.user_properties.append((KEY, processor_seconds() - before))


# A fixture is made in the first. What takes it down is not counted: the last report is made before.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    return (yield from _measured(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item):
    return (yield from _measured(item))


class Shares:
    """Adds up what the tests report."""

    def __init__(self, config):
        self.limit = config.getoption("--share")
        self.all = config.getoption("--shares")
        self.tests = defaultdict(dict)

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            seconds = sum(value for key, value in report.user_properties if key == KEY)
            file, _, test = report.nodeid.partition("::")
            self.tests[file][test] = seconds

    def files(self):
        """Each file's seconds, the dearest first."""
        totals = {file: sum(tests.values()) for file, tests in self.tests.items()}
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def too_dear(self):
        """The recipes' files that take more than their limit."""
        if self.limit is None:
            return {}
        return {
            file: seconds
            for file, seconds in self.files().items()
            if file.startswith(RECIPES) and seconds > self.limit_of(file)
        }

    def limit_of(self, file):
        """The most seconds that a file of the recipes' tests may take."""
        return max(self.limit, OWN.get(file.removeprefix(RECIPES), 0))

    def pytest_terminal_summary(self, terminalreporter):
        if self.all:
            terminalreporter.section("seconds of a processor, file by file")
            for file, seconds in self.files().items():
                terminalreporter.line(f"{seconds:8.1f}  {file}")
        for file, seconds in self.too_dear().items():
            dearest = sorted(self.tests[file].items(), key=lambda item: -item[1])[:3]
            names = ", ".join(f"{test} ({cost:.1f})" for test, cost in dearest)
            most = self.limit_of(file)
            terminalreporter.section("a file of tests takes more than its share", red=True)
            terminalreporter.line(
                f"{file} takes {seconds:.1f} seconds of a processor, and {most:g} are the most that it "
                f"may take of `make test`. Mark its dearest tests slow: {names}."
            )
