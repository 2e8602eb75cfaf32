"""A run's folder, its checkpoints, and the ledger of recorded runs."""

from rnn_kit.runs.checkpoints import Checkpoints
from rnn_kit.runs.environment import (
    commit,
    describe_machine,
    machine,
    machine_identity,
    same_machine,
    versions,
)
from rnn_kit.runs.errors import RunError
from rnn_kit.runs.folder import (
    CONFIG,
    HISTORY,
    MODEL,
    OWN_FILES,
    RESULT,
    SAMPLES,
    Run,
    check_free,
    check_new,
    new_folder,
    writing,
)
from rnn_kit.runs.ledger import differing, entry_text, ledger_entry, ledger_name, rows_of, summary
from rnn_kit.runs.lock import locked
from rnn_kit.runs.plain import json_text, plain

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
    "check_free",
    "check_new",
    "commit",
    "describe_machine",
    "differing",
    "entry_text",
    "json_text",
    "ledger_entry",
    "ledger_name",
    "locked",
    "machine",
    "machine_identity",
    "new_folder",
    "plain",
    "rows_of",
    "same_machine",
    "summary",
    "versions",
    "writing",
]
