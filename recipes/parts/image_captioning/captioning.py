"""Captions images with a saved run, and measures its speed."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from parts.image_captioning import data, extraction, features, photos, run_figures
from parts.image_captioning.captioner import PIXELS
from recipe_kit import cli, figures
from recipe_kit.datasets import DataError
from recipe_kit.runs import RunError, describe_machine
from recipe_kit.sentence_writer import SentenceWriter, chosen_beam

SENTENCES = 3  # captions an image
BATCHES = (1, 64)
WIDTH, PENALTY = 3, 0.7  # of the beam, unless a result chose them


def caption(run, settings, given, model, vocabulary, names):
    """Prints captions of images, the likeliest first, and draws each image with its captions below.

    An unreadable image, or a drawing that cannot be written, does not affect the others.

    Args:
        run: The saved `Run`.
        settings: Its settings, with the flags that were given.
        given: Those flags, names to values.
        model, vocabulary: The run's.
        names: Image files, or names in the run's feature file.

    Returns:
        A list of sentences for each image.

    Raises:
        DataError: naming the unreadable images, after the others are captioned.
    """
    unreadable, asked = {}, len(names)
    seen = look_at(settings, model, names, unreadable)
    names = [name for name in names if name not in unreadable]
    writer = SentenceWriter(model, vocabulary, settings.length)
    width, penalty = chosen_beam(run, given, WIDTH, PENALTY)
    found = writer.beam(seen, width, penalty)
    sampled = writer.sample(seen, settings.temperature, settings.seed)
    drawings = Drawings(run, names)
    for n, name in enumerate(names):
        said = found[n][:SENTENCES]
        print(f"\n{name}, by a beam of {width}, best first; nats a word, the fewer the likelier:")
        for sentence in said:
            print(f"  {-sentence.per_word:7.3f}  {text_of(sentence)}")
        how = f"(sampled, T = {settings.temperature:g})"
        print(f"  {-sampled[n].per_word:7.3f}  {text_of(sampled[n])}  {how}")
        image = shown(name, seen, n)
        if image is not None:
            notes = [(text_of(s), f"{-s.per_word:.2f} nats a word") for s in said]
            drawings.add("caption", n, figures.captioned, image, notes)
        if said[0].words and run_figures.can_be_drawn(model):
            features_of = {kind: values[n] for kind, values in seen.items()}
            looked = run_figures.attention
            drawings.add("attention", n, looked, writer, image, features_of, said[0].words)
    if drawings.error:
        how_many = "Not every" if drawings.written else "No"
        sys.stderr.write(f"{how_many} figure is drawn: {drawings.error}\n")
    if unreadable:
        reasons = list(unreadable.values())
        raise DataError(
            f"{asked - len(names):,} of {asked:,} images cannot be read: {'; '.join(reasons[:3])}"
            + (" ..." if len(reasons) > 3 else "")
        )
    return found


def text_of(sentence):
    return " ".join(sentence.words) or "(not a word)"


class Drawings:
    """Drawings in a run's folder, added until one cannot be written.

    Attributes:
        written: The number of files written.
        error: The `RunError` of the failed one, or `None`.
    """

    def __init__(self, run, names):
        self.written, self.error = 0, None
        self._run, self._names = run, drawing_names(names)

    def add(self, kind, n, draw, *about):
        """Writes the figure `draw(*about)` of the n-th name, unless an earlier one failed."""
        name = f"{kind}-{self._names[n]}.png"
        if self.error is None:
            try:
                figures.save(self._run, name, draw(*about))
                self.written += 1
                print(f"  drawn in {self._run.file(name)}")
            except RunError as error:  # the other images' captions need no file
                self.error = error


def drawing_names(names):
    """Names the drawing of each image: its own name without folder and suffix, or with a number.

    No two are equal, ignoring case; of images with the same name the first keeps it.
    """
    stems = [Path(name).stem for name in names]
    own = {stem.casefold() for stem in stems}
    taken, found = set(), []
    for stem in stems:
        name, n = stem, 1
        while name.casefold() in taken or (n > 1 and name.casefold() in own):
            n += 1
            name = f"{stem}-{n}"
        taken.add(name.casefold())
        found.append(name)
    return found


def look_at(settings, model, names, unreadable):
    """Returns the model's inputs for images: a dict of arrays `(N, ...)`.

    Leaves out unreadable images and adds them to `unreadable`: names to reasons.
    """
    if PIXELS in model.images:
        size = model.images[PIXELS][0]
        squares = extraction.what_can_be_read(
            lambda path: photos.square(photos.open_photo(path), size),
            {name: name for name in names},
            unreadable,
        )
        if not squares:
            raise extraction.none_can_be_read(unreadable)
        return {PIXELS: np.stack([squares[name] for name in names if name in squares])}
    kinds = data.needed(settings)
    if settings.features:
        files = [data.find_features(name, settings.data) for name in settings.features]
        known = features.merge([features.read(path) for path in files])
        rows = known.rows([Path(name).name for name in names])
    else:
        with tempfile.TemporaryDirectory() as folder:
            paths, bad = {str(n): Path(name) for n, name in enumerate(names)}, {}
            known = extraction.extract(
                paths,
                settings.backbone,
                Path(folder),
                weights=settings.weights,
                kinds=kinds,
                show=lambda line: None,
                unreadable=bad,
            )
        unreadable.update({names[int(n)]: reason for n, reason in bad.items()})
        rows = known.rows([n for n in paths if n not in bad])
    seen = known.values(rows)
    for kind in kinds:
        if kind not in seen or seen[kind].shape[1:] != model.images[kind]:
            source = " ".join(settings.features) or settings.backbone
            found = seen[kind].shape[1:] if kind in seen else "none"
            raise cli.UserError(
                f"{source}: expected {kind} features of shape {tuple(model.images[kind])}, from which "
                f"this run learned, and found {found}. Give the file that it was trained with, or one "
                "of the same network, with --features."
            )
    return {kind: seen[kind] for kind in kinds}


def shown(name, seen, n):
    """Returns the image to draw, or `None` if only its features are available."""
    if PIXELS in seen:
        return run_figures.enlarged(seen[PIXELS][n])
    return run_figures.opened(name) if Path(name).exists() else None


def measure(run, settings, given, model, vocabulary, repeats=5):
    """Prints captions a second of beam search, for test images with precomputed features.

    Returns:
        Batch sizes to captions a second, the median of the repeats.
    """
    test = data.load(settings, show=lambda line: None).test
    writer = SentenceWriter(model, vocabulary, settings.length)
    width, penalty = given.get("beam_widths", (WIDTH,))[0], chosen_beam(run, given, WIDTH, PENALTY)[1]
    print(f"beam {width}, length penalty {penalty:g}, features at hand; on {describe_machine()}")
    speeds = {}
    for size in BATCHES:
        size = min(size, len(test))
        batches = [
            {name: values[begin : begin + size] for name, values in test.images.items()}
            for begin in range(0, min(len(test), 64) - size + 1, size)
        ]
        writer.beam(batches[0], width, penalty)  # compiles
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            for batch in batches:
                writer.beam(batch, width, penalty)
            seconds.append(time.perf_counter() - began)
        speeds[size] = size * len(batches) / float(np.median(seconds))
        spread = size * len(batches) / np.array([max(seconds), min(seconds)])
        print(
            f"batch {size:2}: {speeds[size]:7.1f} captions/s ({spread[0]:.1f} to {spread[1]:.1f} over "
            f"{repeats} rounds)"
        )
    return speeds
