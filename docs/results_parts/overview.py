"""The README's table of recipes: what each shows, what it needs, and how long it takes."""

from typing import NamedTuple

from results_parts.ledger import entry, table


class Row(NamedTuple):
    """A recipe as the table has it.

    Attributes:
        recipe: Its name.
        lecture: Where it comes from.
        sees: What one sees.
        data: What it needs, and whether it downloads that.
        flags: Of the command.
        recorded: Preset and settings of the entry whose minutes are given; `None` for none.
    """

    recipe: str
    lecture: str
    sees: str
    data: str
    flags: str = ""
    recorded: tuple | None = ("cpu", {})


LI, JAHREN = "Jian Li", "Tollef Jahren, lecture 11"
ROWS = (
    Row(
        "nietzsche_generation",
        f"{LI}, text generation",
        "a text learned character by character, then continued at several temperatures",
        "Nietzsche, downloaded",
    ),
    Row(
        "imdb_sentiment",
        f"{LI}, `imdb_lstm.py`",
        "film reviews judged, beside TF-IDF; how an opinion forms, word by word",
        "IMDB, downloaded",
        " --baseline",
    ),
    Row(
        "ptb_language_model",
        "after Graves, `ptb_word_lm.py`",
        "perplexity falls; sentences written and scored; verbs that agree with a noun far back",
        "none: a generated language",
        " --preset agreement",
        ("agreement", {"cell": "lstm"}),
    ),
    Row(
        "image_captioning",
        f"{LI}, image captioning",
        "sentences about pictures, and where the network looked",
        "none: drawn shapes",
        " --preset shapes",
        ("shapes", {}),
    ),
    Row(
        "hello_characters",
        f'{JAHREN}, "predicting the next character"',
        "the slide's table of \"hello\"; back-propagation through time in NumPy, beside TensorFlow's",
        "none",
        " --show",
    ),
    Row(
        "vanishing_gradients",
        f"{LI}, vanishing and exploding gradients",
        "gradients that fade and explode, what a cell still knows of step 1, the wall and clipping",
        "none",
        " --show",
    ),
    Row(
        "adding_problem",
        f"{JAHREN}, initialization",
        "how far back each cell remembers; whether peepholes count and time better",
        "none",
        " --cell gru",
        None,
    ),
    Row(
        "visualize_cells",
        f"{LI} and Tollef Jahren, after Karpathy et al.",
        "the cell that follows brackets, found by measurement; a page that colours text by any cell",
        "none: Python's own source",
        " --show",
    ),
    Row(
        "benchmark_layers",
        "none",
        "time and memory of one layer: the kit's, Keras's, and PyTorch's where it is installed",
        "none",
        "",
        None,
    ),
)


def minutes(row):
    """Minutes of one recorded run, everything counted."""
    if row.recorded is None:
        return ""
    preset, settings = row.recorded
    mean = entry(row.recipe, preset, **settings)["minutes"]["mean"]
    return f"{mean:.1f}" if mean < 1 else f"{mean:.0f}"


def recipes():
    head = ["recipe", "lecture", "what you see", "data", "minutes", "command, after `recipes/`"]
    rows = [
        (
            f"[{row.recipe}](recipes/{row.recipe}.py)",
            row.lecture,
            row.sees,
            row.data,
            minutes(row),
            f"`{row.recipe}.py{row.flags}`",
        )
        for row in ROWS
    ]
    return table(head, rows)
