"""A run's folder, its checkpoints, and the ledger of recorded runs."""

from recipe_kit.runs.environment import (
    commit,
    describe_machine,
    machine,
    machine_identity,
    same_machine,
)
from recipe_kit.runs.errors import RunError
from recipe_kit.runs.files import (
    CONFIG,
    HISTORY,
    MODEL,
    OWN_FILES,
    RESULT,
    SAMPLES,
    atomic_write,
)
from recipe_kit.runs.finding import finished_runs, latest_run, latest_unfinished_run, saved_run
from recipe_kit.runs.folder import Run
from recipe_kit.runs.ledger import differing, entry_text, ledger_entry, ledger_name, rows_of, summary
from recipe_kit.runs.lock import locked
from recipe_kit.runs.new_folders import check_free, check_new, new_folder
from rnn_kit.checkpoint_files import Checkpoints
from rnn_kit.jsonable import json_text, jsonable
from rnn_kit.versions import versions

__all__ = [
    "CONFIG",
    "HISTORY",
    "MODEL",
    "OWN_FILES",
    "RESULT",
    "SAMPLES",
    "Checkpoints",
    "Run",
    "RunError",
    "atomic_write",
    "check_free",
    "check_new",
    "commit",
    "describe_machine",
    "differing",
    "entry_text",
    "finished_runs",
    "json_text",
    "jsonable",
    "latest_run",
    "latest_unfinished_run",
    "ledger_entry",
    "ledger_name",
    "locked",
    "machine",
    "machine_identity",
    "new_folder",
    "rows_of",
    "same_machine",
    "saved_run",
    "summary",
    "versions",
]
