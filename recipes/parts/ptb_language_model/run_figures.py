"""Draws the figures of a run, as `.png` files in its folder."""

from pathlib import Path

from parts.ptb_language_model import agreement
from recipe_kit import figures


def draw(run, history, rates, metrics):
    """Draws perplexity and learning rate by epoch, and on the generated language verb agreement."""
    name = Path(run.config["data"]["name"]).name
    marks = {"test": metrics["test_perplexity"]}
    if agreement.TRUE in metrics:
        marks["the language itself"] = metrics[agreement.TRUE]
    title = f"{name}, one word at a time"
    smooth = run.config["settings"]["decay"] is None
    figure = figures.perplexity_curves(history, rates, smooth, marks, title)
    figures.save(run, "perplexity.png", figure)
    if agreement.TRUE in metrics:
        cell = run.config["settings"]["cell"]
        figures.save(run, "agreement.png", agreement_of({cell: metrics}))


def agreement_of(results):
    """Draws the share of verbs that agree by distance, given cells' metrics of a run or over seeds."""
    names, _, counts = agreement.shares(next(iter(results.values())))
    shares = {cell: agreement.shares(metrics)[1] for cell, metrics in results.items()}
    title = "“the cats, which already ate a bunch of food, …”: were, or was?"
    return figures.agreement_by_distance(shares, names, counts, title)
