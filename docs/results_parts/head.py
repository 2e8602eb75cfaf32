"""The head picture of README: noise becomes Nietzsche and Shakespeare, and a cell colours a text.

Two networks of `nietzsche_generation.py` learn their texts for some minutes, and write before the first
batch, after a few, and at the end. Then one of them is searched, as in `visualize_cells.py`, for the
cell that follows the position in the line best, and a text that the network wrote is coloured by that
cell. `record` does this and writes docs/head.json, the only source of `draw`. (The networks wrote all
of the text shown: it has no line of the learned texts.)
"""

import collections
import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np

import nietzsche_generation as recipe
from parts.visualize_cells import looking
from parts.visualize_cells.page import colour_scale
from recipe_kit import figures
from recipe_kit.runs import atomic_write, machine, versions
from rnn_kit import callbacks, generation, inspection, pipelines, sampling

FILE = Path(__file__).parents[1] / "head.json"

SETTINGS = dataclasses.replace(recipe.PRESETS["demo"], cell="lstm", window=32, learning_rate=6e-3)
EPOCHS = {"nietzsche": 5, "shakespeare": 3}
PROMPTS = {"nietzsche": "\n", "shakespeare": "\n\n"}  # the start of a paragraph, and of a speech
LOOKED_INTO = "shakespeare"
MOMENTS = 0, 20, 100, 400  # batches after which it writes, besides the last
TEMPERATURE, WRITTEN, VALIDATED = (
    0.5,
    300,
    20_000,
)  # of each sample; its length; characters for the loss
PROPERTY, SEARCHED, HELD_OUT, COLOURED = "position in line", 50_000, 30_000, 700
WORD = re.compile(r"[^\W\d_]+")


# --- recording ----------------------------------------------------------------------------------------


class WriteAt(keras.callbacks.Callback):
    """Writes a text and measures the loss after given numbers of batches, and at the end.

    Attributes:
        moments: A dict a moment: `batch`, `nats` of the validation part, `text`.
    """

    def __init__(self, text, prompt, at):
        super().__init__()
        self.text, self.prompt, self.at = text, prompt, at
        self.moments, self.batches = [], 0

    def on_train_begin(self, logs=None):
        self._generator = generation.Generator(self.model)
        self._look()

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        self._look()

    def on_train_end(self, logs=None):
        self._look(last=True)

    def _look(self, last=False):
        if self.batches in self.at or last:
            ids = self.text.validation[:VALIDATED]
            nats = -float(self._generator.score(ids[None])[0]) / (len(ids) - 1)
            written = write(self._generator, self.text.vocabulary, self.prompt, WRITTEN)
            self.moments.append({"batch": self.batches, "nats": round(nats, 4), "text": written})


def write(generator, vocabulary, prompt, length):
    """Writes after a prompt with a network. Returns the text."""
    ids = vocabulary.encode(prompt)[None]
    sampler = sampling.TemperatureSampler(TEMPERATURE, seed=SETTINGS.seed)
    rows = generator.generate(ids, length, sampler)
    return vocabulary.decode(rows[0, len(prompt) :])


def known_words(learned, written):
    """Returns the words of a text that are words of the learned text.

    Words of three letters and more occur in it at least once; shorter ones, which occur by chance, make
    up at least 1 of 2,000 of its words; the only single letters are a, I and O.
    """
    counts = collections.Counter(WORD.findall(learned))
    often = counts.total() / 2000
    return [
        word
        for word in dict.fromkeys(WORD.findall(written))
        if counts[word] >= (1 if len(word) > 2 else often) and (len(word) > 1 or word in "aIO")
    ]


def learn(settings, prompt):
    """Trains a network, which writes after a prompt during training.

    Returns:
        The trained model, for any batch size; its text; and its record.
    """
    keras.utils.set_random_seed(settings.seed)
    text = recipe.load_data(settings)
    batch_size = text.info["batch_size"]
    dataset, batches = pipelines.stream_dataset(
        text.train, batch_size, text.info["window"], settings.seed
    )
    model = recipe.build_model(settings, len(text.vocabulary), batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, batches * settings.epochs, alpha=0.01
    )
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    writer = WriteAt(text, prompt, MOMENTS)
    carry = callbacks.CarryState()
    model.fit(
        dataset,
        steps_per_epoch=batches,
        epochs=settings.epochs,
        callbacks=[carry, writer],
        verbose=2,
        shuffle=False,
    )
    learned = text.vocabulary.decode(text.train)
    for moment in writer.moments:
        moment["known"] = known_words(learned, moment["text"])
    data = {name: text.info[name] for name in ("name", "sha256", "characters", "distinct")}
    return recipe.without_states(model, settings), text, {"data": data, "moments": writer.moments}


def colour(model, text, prompt):
    """Returns a text that a network writes, and the cell that follows `PROPERTY` best."""
    vocabulary = text.vocabulary
    whole = vocabulary.decode(np.concatenate([text.validation, text.test]))
    spans = looking.stretches(0, len(text.validation), len(whole), SEARCHED, HELD_OUT)
    parts = looking.parts(whole, spans, is_python=False)
    layer = inspection.recurrent_layers(model)[-1]
    seen = looking.look(model, layer, vocabulary, *parts)
    best = seen.matches[PROPERTY][0]
    middle, full = colour_scale(seen.states[best.state][:, best.unit])
    written = write(generation.Generator(model), vocabulary, prompt, COLOURED)
    states = inspection.states_over_time(model, vocabulary.encode(written)[None], layer).states
    shades = best.sign * (states[best.state][0, :, best.unit] - middle) / full
    return {
        "state": best.state,
        "unit": best.unit,
        "units": layer.units,
        "measure": best.measure,
        "searched": round(best.found, 4),
        "held_out": round(best.held_out, 4),
        "text": written,
        "shades": [round(float(shade), 3) for shade in np.clip(shades, -1, 1)],
    }


def settings_of(name):
    return dataclasses.replace(SETTINGS, data=name, limit=None, epochs=EPOCHS[name])


def record():
    """Trains both networks, and writes `FILE`."""
    recorded = {"runs": {}}
    for name in EPOCHS:
        settings = settings_of(name)
        model, text, about = learn(settings, PROMPTS[name])
        recorded["runs"][name] = {"settings": dataclasses.asdict(settings), **about}
        if name == LOOKED_INTO:
            recorded["cell"] = colour(model, text, PROMPTS[name])
    recorded |= {"machine": machine(), "versions": versions()}
    with atomic_write(FILE) as tmp_path:
        tmp_path.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


def recorded():
    """Returns the content of `FILE`, written by `record`.

    Raises:
        LookupError: if `FILE` does not exist yet.
    """
    if not FILE.exists():
        raise LookupError(f"{FILE.name} is not there: say docs/redraw.py head")
    return json.loads(FILE.read_text(encoding="utf-8"))


# --- drawing ------------------------------------------------------------------------------------------

WIDTH, DPI = 600, 192  # points; and pixels an inch, twice the displayed ones
# Of the monospaced font, whose letters are 0.602 of its size wide, in whole pixels.
ADVANCE = 14 * 72 / DPI
SIZE = ADVANCE / 0.602
LINE = 1.42 * SIZE
INK, FAINT, GREY = "#1c1c1c", "#b9b5af", "#6b6b6b"
BLUE, ORANGE = np.array([92, 160, 230]) / 255, np.array([242, 145, 56]) / 255
LEFT, GAP, TOP, BLOCK_GAP = 66, 20, 46, 10  # points
COLUMNS, LINES = 48, 3  # letters and lines of a sample
STRIP_LINES = 5
NAMES = {"nietzsche": "Nietzsche", "shakespeare": "Shakespeare"}
FLOWING = "nietzsche"  # its line breaks within paragraphs are drawn as blanks


def draw(recorded):
    """Draws the Figure from the record."""
    runs, cell = recorded["runs"], recorded["cell"]
    rows = len(next(iter(runs.values()))["moments"])
    block = LINES * LINE + BLOCK_GAP
    strip = TOP + rows * block
    height = strip + STRIP_LINES * LINE + 12
    figure = figures.Figure(figsize=(WIDTH / 72, height / 72), dpi=DPI)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(height, 0))
    ax.axis("off")
    for row in range(rows):
        last = row + 1 == rows
        label = "the end" if last else f"batch {next(iter(runs.values()))['moments'][row]['batch']}"
        top = TOP + row * block
        ax.text(LEFT - 10, top, label, fontsize=8.6, color=GREY, ha="right", va="center")
        ax.plot([12, WIDTH - 8], [top - 0.75 * LINE - 1] * 2, color="0.88", lw=0.6)
    for column, (name, run) in enumerate(runs.items()):
        left = LEFT + column * (COLUMNS * ADVANCE + GAP)
        color, moments = figures.COLORS[column], run["moments"]
        title = ax.text(left, 20, NAMES[name], fontsize=13, weight="bold", color=color, va="center")
        first, end = moments[0]["nats"], moments[-1]["nats"]
        note = f"{first:.1f} → {end:.1f} nats a character"
        ax.annotate(note, (1, 0.28), xycoords=title, xytext=(8, 0), textcoords="offset points",
                    fontsize=8.6, color=GREY)  # fmt: skip
        for row, moment in enumerate(moments):
            text = moment["text"].replace("\n", " ") if name == FLOWING else moment["text"]
            _sample(ax, left, TOP + row * block, {**moment, "text": text})
    ax.plot([12, WIDTH - 8], [strip - 0.75 * LINE - 1] * 2, color="0.88", lw=0.6)
    ax.text(LEFT - 10, strip, "a cell", fontsize=8.6, color=GREY, ha="right", va="center")
    _explanation(ax, LEFT, strip, cell)
    _strip(ax, LEFT + COLUMNS * ADVANCE + GAP, strip, cell)
    return figure


def _sample(ax, left, top, moment):
    """Draws a few lines of a sample: words of its text in ink, all else faint."""
    for number, line in enumerate(_lines(moment["text"])):
        ink = False  # punctuation has that of the word before; numbers are faint
        for token in re.finditer(r"[^\W\d_]+|[\W\d_]+", line):
            if WORD.match(token[0]):
                ink = token[0] in moment["known"]
            elif re.search(r"\d", token[0]):
                ink = False
            _letters(
                ax, left + token.start() * ADVANCE, top + number * LINE, token[0], INK if ink else FAINT
            )


def _letters(ax, x, y, text, color):
    """Draws letters of the monospaced font, whose middle is at y."""
    text = text.replace("$", r"\$")
    ax.text(x, y + 0.36 * SIZE, text, family="DejaVu Sans Mono", fontsize=SIZE, color=color)


def _lines(text):
    """Returns the first non-empty lines of a sample, broken at the width of a column."""
    lines = []
    for paragraph in re.split(r"\n+", text.strip("\n")):
        while paragraph:
            end = len(paragraph)
            if end > COLUMNS:
                end = paragraph.rfind(" ", COLUMNS // 2, COLUMNS + 1)
                end = COLUMNS if end < 0 else end
            lines.append(paragraph[:end])
            paragraph = paragraph[end:].lstrip(" ")
    return lines[:LINES]


def _strip(ax, left, top, cell):
    """Draws lines that the network wrote, each letter coloured by the cell after reading it."""
    at, number = 0, 0
    for line in cell["text"].splitlines(keepends=True):
        letters = line.rstrip("\n")[:COLUMNS]
        if letters and number < STRIP_LINES:
            shades = np.array(cell["shades"][at : at + len(letters)])[:, None]
            tones = np.where(shades > 0, BLUE, ORANGE)
            pixels = 1 + (tones - 1) * np.abs(shades)
            y = top + number * LINE
            box = (left, left + len(letters) * ADVANCE, y + LINE / 2, y - LINE / 2)
            limits = ax.get_xlim(), ax.get_ylim()
            ax.imshow(pixels[None], extent=box, aspect="auto", interpolation="nearest")
            ax.set(xlim=limits[0], ylim=limits[1])
            _letters(ax, left, y, letters, INK)
            number += 1
        at += len(line)


def _explanation(ax, left, top, cell):
    lines = [
        f"One of the {cell['units']} cells of the Shakespeare network, on what",
        "it wrote. Nobody told it of lines, and it follows how far each",
        "has come: orange near its beginning, blue near its end.",
        f"(Its correlation with the position in the line is {cell['held_out']:.2f},",
        "on text that the network had not read.)",
    ]
    for number, line in enumerate(lines):
        ax.text(left, top + number * LINE, line, fontsize=8.6, color=GREY, va="center")
