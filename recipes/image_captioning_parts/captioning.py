"""What a saved run says of pictures, and how fast it says it."""

import tempfile
import time
from pathlib import Path

import numpy as np

from image_captioning_parts import data, extraction, features, photos, pictures
from image_captioning_parts.captioner import PIXELS
from image_captioning_parts.decoding import Writer
from rnn_kit import cli, plots
from rnn_kit.runs import RunError, describe_machine

SENTENCES = 3  # of a picture
BATCHES = (1, 64)
WIDTH, PENALTY = 3, 0.7  # of the beam, where no result has chosen


def caption(run, settings, given, model, vocabulary, names):
    """Prints sentences about pictures, the likeliest first, and draws each picture with them below.

    Args:
        run: The saved `Run`.
        settings: Its settings, with the flags that were given.
        given: Those flags: names to values.
        model, vocabulary: Of the run.
        names: Files of pictures; or names that the run's feature file has.

    Returns:
        A list of the lists of sentences.
    """
    seen = look_at(settings, model, names)
    writer = Writer(model, vocabulary, settings.length)
    width, penalty = chosen(run, given)
    found = writer.beam(seen, width, penalty)
    drawn = writer.draw(seen, settings.temperature, settings.seed)
    for n, name in enumerate(names):
        twice = [Path(before).stem for before in names[:n]].count(Path(name).stem)
        drawing = f"{Path(name).stem}-{twice + 1}.png" if twice else f"{Path(name).stem}.png"
        said = found[n][:SENTENCES]
        print(f"\n{name}, by a beam of {width}, best first; nats a word, the fewer the likelier:")
        for sentence in said:
            print(f"  {-sentence.per_word:7.3f}  {text_of(sentence)}")
        sampled = f"(sampled, T = {settings.temperature:g})"
        print(f"  {-drawn[n].per_word:7.3f}  {text_of(drawn[n])}  {sampled}")
        image = shown(name, seen, n)
        if image is not None:
            notes = [(text_of(s), f"{-s.per_word:.2f} nats a word") for s in said]
            draw(run, f"caption-{drawing}", plots.captioned(image, notes))
        if said[0].words and pictures.can_be_drawn(model):
            features_of = {kind: values[n] for kind, values in seen.items()}
            looked = pictures.attention(writer, image, features_of, said[0].words)
            draw(run, f"attention-{drawing}", looked)
    return found


def text_of(sentence):
    return " ".join(sentence.words) or "(not a word)"


def draw(run, name, figure):
    plots.save(run, name, figure)
    print(f"  drawn in {run.file(name)}")


def chosen(run, given):
    """The beam's width and length penalty: as given, or as the run's validation chose them."""
    try:
        metrics = run.result()["metrics"]
        width, penalty = int(metrics["beam_width"]), metrics["length_penalty"]
    except RunError:  # it was interrupted
        width, penalty = WIDTH, PENALTY
    return given.get("beam_widths", (width,))[0], given.get("length_penalties", (penalty,))[0]


def look_at(settings, model, names):
    """What the run's model takes of pictures: a dict of arrays `(N, ...)`."""
    if PIXELS in model.images:
        size = model.images[PIXELS][0]
        return {PIXELS: np.stack([photos.square(photos.open_photo(name), size) for name in names])}
    kinds = data.needed(settings)
    if settings.features:
        files = [data.find_features(name, settings.data) for name in settings.features]
        known = features.merge([features.read(path) for path in files])
        rows = known.rows([Path(name).name for name in names])
    else:
        with tempfile.TemporaryDirectory() as folder:
            paths = {str(n): Path(name) for n, name in enumerate(names)}
            known = extraction.extract(
                paths,
                settings.backbone,
                Path(folder),
                weights=settings.weights,
                kinds=kinds,
                show=lambda line: None,
            )
        rows = known.rows(list(paths))
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
    """The picture to draw, or `None` where only its features are at hand."""
    if PIXELS in seen:
        return pictures.enlarged(seen[PIXELS][n])
    return np.asarray(photos.open_photo(name)) if Path(name).exists() else None


def measure(run, settings, given, model, vocabulary, repeats=5):
    """Prints captions a second of beam search, of test pictures whose features are computed.

    Returns:
        Batch sizes to captions a second, the median of the repeats.
    """
    test = data.load(settings, show=lambda line: None).test
    writer = Writer(model, vocabulary, settings.length)
    width, penalty = given.get("beam_widths", (WIDTH,))[0], chosen(run, given)[1]
    print(f"beam {width}, length penalty {penalty:g}, features at hand; on {describe_machine()}")
    speeds = {}
    for size in BATCHES:
        size = min(size, len(test))
        batches = [
            {name: values[begin : begin + size] for name, values in test.pictures.items()}
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
