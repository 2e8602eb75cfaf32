"""Figures of a run: the slide's table before and after training, and the loss."""

import numpy as np

from recipe_kit import figures

BLUE, ORANGE = np.array([92, 160, 230]) / 255, np.array([242, 145, 56]) / 255
RIGHT, WRONG = "#1e6b34", "#a03020"


def draw(run, before, after, history, floor):
    """Draws all figures into a run's folder. Returns their paths."""
    drawn = {
        "table.png": tables({"before training": before, "after training": after}),
        "loss.png": loss(history, floor),
    }
    for name, figure in drawn.items():
        figures.save(run, name, figure)
    return [run.file(name) for name in drawn]


def tables(passes):
    """Draws the unrolled network, a panel a `Pass`: input, hidden layer, scores, target by step."""
    first = next(iter(passes.values()))
    steps, units, characters = len(first.inputs), first.hidden.shape[1], len(first.vocabulary)
    rows = 2 * characters + units + 4
    figure = figures.Figure(
        figsize=((1.25 * steps + 1.3) * len(passes), 0.31 * rows + 0.5), dpi=150, layout="constrained"
    )
    for ax, (title, seen) in zip(
        figure.subplots(1, len(passes), squeeze=False)[0], passes.items(), strict=True
    ):
        _table(ax, seen)
        ax.set_title(title, fontsize=12)
        ax.set(xlim=(-0.95, steps - 0.4), ylim=(rows - 0.4, -0.7))
        ax.axis("off")
    return figures.caption(
        figure,
        "A column a step, from the input below to the scores above. Framed: the score of the "
        "character that comes next; the bluer, the more probable. Its name on top is green where "
        "it has the highest score. Hidden units: blue above 0, orange below.",
    )


def _table(ax, seen):
    characters, units = len(seen.vocabulary), seen.hidden.shape[1]
    names = [figures.visible_text(c) for c in seen.vocabulary]
    top = {"target": 0, "scores": 1.5, "hidden": 2 + characters, "input": 2.5 + characters + units}
    for t, (i, target) in enumerate(zip(seen.inputs, seen.targets, strict=True)):
        right = seen.scores[t].argmax() == target
        ax.text(t, top["target"], names[target], ha="center", va="center", fontsize=13, weight="bold",
                color=RIGHT if right else WRONG)  # fmt: skip
        p = np.exp(seen.scores[t] - seen.scores[t].max())
        p /= p.sum()
        for k in range(characters):
            is_target = k == target
            shade = 1 + (BLUE - 1) * p[k]
            _box(ax, t, top["scores"] + k, f"{seen.scores[t, k]:.1f}", shade, bold=is_target)
            _box(ax, t, top["input"] + k, str(int(k == i)), "white" if k != i else "0.85")
        for k, value in enumerate(seen.hidden[t]):
            tone = BLUE if value > 0 else ORANGE
            _box(ax, t, top["hidden"] + k, f"{value:.2f}", 1 + (tone - 1) * abs(value))
        ax.text(t, top["input"] + characters + 0.1, names[i], ha="center", va="center", fontsize=13)
        arrow = {"arrowstyle": "->", "lw": 0.9, "color": "0.35"}
        middle = top["hidden"] + (units - 1) / 2
        if t:
            ax.annotate("", (t - 0.33, middle), (t - 0.67, middle), arrowprops=arrow)
        for low, high in (
            (top["input"], top["hidden"] + units),
            (top["hidden"], top["scores"] + characters),
        ):
            ax.annotate(
                "", (t, high - 0.58), (t, low - 0.42), arrowprops={**arrow, "shrinkA": 0, "shrinkB": 0}
            )
    for label, row in (
        ("target", top["target"]), ("scores", top["scores"] + (characters - 1) / 2),
        ("hidden", top["hidden"] + (units - 1) / 2), ("input", top["input"] + (characters - 1) / 2),
    ):  # fmt: skip
        ax.text(-0.5, row, label, ha="right", va="center", fontsize=9, color="0.3")
    for k, name in enumerate(names):
        for part in ("scores", "input"):
            ax.text(-0.38, top[part] + k, name, ha="center", va="center", fontsize=8, color="0.3")


def _box(ax, x, y, text, color, bold=False):
    edge = {"ec": RIGHT, "lw": 1.6} if bold else {"ec": "0.7", "lw": 0.6}
    ax.text(
        x, y, text, ha="center", va="center", fontsize=8, weight="bold" if bold else "normal",
        bbox={"boxstyle": "square,pad=0.28", "fc": color, **edge},
    )  # fmt: skip


def loss(history, floor):
    """Draws cross entropy by training step, and the lower bound for a network without a memory."""
    figure = figures.Figure(figsize=(6.4, 4), dpi=150, layout="constrained")
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    ax.plot([row["step"] for row in history], [row["loss"] for row in history], color=figures.COLORS[1])
    if floor > 0:
        ax.axhline(floor, ls=":", color="0.4", lw=1)
        ax.annotate(
            f"without a memory, at best {floor:.3f}", (1, floor), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", fontsize=9, color="0.3",
        )  # fmt: skip
    ax.set_yscale("log")
    ax.set_xlabel("steps of training")
    ax.set_ylabel("cross entropy (nats a character)")
    return figures.caption(figure, "Lower is better: 0, each next character is certain.")
