"""Draws the figures of a run, as `.png` files in its folder."""

import math

import numpy as np
from PIL import Image

from parts.image_captioning import photos, scores
from parts.image_captioning.captioner import PIXELS
from recipe_kit import figures
from recipe_kit.datasets import DataError, is_true
from recipe_kit.sentence_writer import SentenceWriter

SHOWN = 8  # images of a grid
PIXEL = 8  # width at which a pixel of a drawn image is shown


def draw(run, settings, history, held, captions, model, metrics):
    """Draws learning curves, BLEU-4 by beam width, any, best and worst captions, and attention.

    Args:
        run: The `Run` whose folder takes them.
        settings: The run's settings.
        history: The run's history rows.
        held: The `Data`.
        captions: Captions of the test images, lists of words.
        model: The `Captioner`.
        metrics: The run's metrics.
    """
    name = held.info["name"]
    curve = [{**row, "loss": row["nats"]} for row in history]
    figures.save(
        run, "perplexity.png", figures.perplexity_curves(curve, title=f"{name}: a word of a caption")
    )
    if len(settings.beam_widths) > 1:
        at = {w: metrics[f"validation_beam_{w}_bleu_4"] for w in settings.beam_widths}
        others = {way: metrics[f"validation_{way}_bleu_4"] for way in ("greedy", "sampling")}
        figure = figures.beam_curve(list(at), list(at.values()), others, f"{name}: validation")
        figures.save(run, "beam.png", figure)
    test = held.test
    ciders = scores.ciders(captions, test.words)
    labels, by = [f"CIDEr {value:.2f}" for value in ciders], "by CIDEr"
    order = np.argsort(-ciders, kind="stable")
    if test.scenes:  # the false ones last
        true = [is_true(s, " ".join(c)) for s, c in zip(test.scenes, captions, strict=True)]
        labels, by = ["true" if t else "not true" for t in true], "by truth, then CIDEr"
        order = order[np.argsort(~np.array(true)[order], kind="stable")]
    at_hand = [n for n in order if PIXELS in test.images or test.paths[n] is not None]
    order = np.array(at_hand if len(at_hand) >= SHOWN else order)
    any_of_them = np.sort(np.random.default_rng(settings.seed).permutation(order)[:SHOWN])
    chosen = {
        "captions": (any_of_them, "test images, drawn at random"),
        "best": (order[:SHOWN], f"test images, the best {by}"),
        "worst": (order[::-1][:SHOWN], f"test images, the worst {by}"),
    }
    for file, (rows, title) in chosen.items():
        items = [
            {
                "image": image_of(test, n),
                "name": test.names[n],
                "caption": " ".join(captions[n]),
                "reference": " ".join(test.words[n][0]),
                "label": labels[n],
            }
            for n in rows
        ]
        figures.save(run, f"{file}.png", figures.caption_grid(items, f"{name}: {title}"))
    said = [n for n in order if captions[n]]  # a barely trained network may write nothing
    if said and can_be_drawn(model):
        n = said[0]
        writer = SentenceWriter(model, held.vocabulary, settings.length)
        looked = attention(writer, image_of(test, n), features_of(test, n), captions[n])
        figures.save(run, "attention.png", looked)


def save_example(run, part):
    """Writes one drawn image as a file, for `caption`."""
    with run.atomic_write("example.png") as tmp_path:
        Image.fromarray(enlarged(part.images[PIXELS][0])).save(tmp_path, "png")


def can_be_drawn(model):
    """Returns whether the model attends to a square grid, whose rows and columns are known."""
    if model.decoder != "attention":
        return False
    return math.isqrt(model.grid_cells) ** 2 == model.grid_cells


def attention(writer, image, features, words):
    """Draws where an attentive model looked as it wrote these words."""
    weights = writer.attention(features, words)[: len(words)]
    return figures.attention_maps(image, words, weights, " ".join(words))


def features_of(part, n):
    """Returns the inputs for one image."""
    return {name: values[n] for name, values in part.images.items()}


def image_of(part, n):
    """Returns the image itself, `(H, W, 3)`, if available, else `None`."""
    if PIXELS in part.images:
        return enlarged(part.images[PIXELS][n])
    return None if part.paths[n] is None else opened(part.paths[n])


def opened(path):
    """Returns a photo, `(H, W, 3)`; prints a line and returns `None` if it cannot be read."""
    try:
        return np.asarray(photos.open_photo(path))
    except DataError as error:  # features from files need no photo
        print(f"drawn without the photo: {error}")
        return None


def enlarged(pixels):
    """Returns a small image with its pixels enlarged to be visible."""
    return pixels.repeat(PIXEL, axis=0).repeat(PIXEL, axis=1)
