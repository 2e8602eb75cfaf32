"""Draws the four figures of the recipe."""

import numpy as np
from matplotlib.lines import Line2D

from parts.vanishing_gradients import clipping
from parts.vanishing_gradients.jacobians import ACTIVATIONS, GATED, RADII, STARTS
from recipe_kit import figures

LEAST = 1e-12  # the smallest norm drawn


def draw(run, radii, starts, sensitivities, paths):
    """Draws all four figures into a run's folder. Returns their paths."""
    drawn = {
        "jacobians.png": jacobians(radii),
        "starts.png": initialisations(starts),
        "sensitivity.png": sensitivity(sensitivities),
        "wall.png": wall(paths),
    }
    for name, figure in drawn.items():
        figures.save(run, name, figure)
    return [run.file(name) for name in drawn]


def jacobians(fadings):
    """Draws norms of dL/dh(t) by steps back, for activations, spectral radii and gated layers."""
    figure, axes = _panels(2, 2)
    bound = Line2D([], [], ls=":", lw=1, color="0.3", label="bound $(β_W β_h)^{T-t}$")
    for ax, activation in zip(axes, ACTIVATIONS, strict=False):
        for radius, color in zip(RADII, figures.COLORS, strict=False):
            fading = fadings[f"{activation} {radius}"]
            _curve(ax, fading, color, f"ρ = {radius}")
            back = np.arange(fading.norms.shape[1])
            ax.plot(back, np.median(fading.bound, axis=0)[::-1], ":", lw=1, color=color)
        ax.set_title({"linear": "no activation function", "relu": "ReLU"}.get(activation, activation))
        handles = [*ax.get_legend_handles_labels()[0], bound]
        ax.legend(handles=handles, frameon=False, fontsize=8, loc="lower left")
    styles = dict(zip(GATED, ("-", "--", ":", "-", ":"), strict=True))  # by bias; colours by cell
    colors = figures.colors_of(("lstm", "gru"))
    for name, style in styles.items():
        color = colors["lstm" if name.startswith("LSTM") else "gru"]
        _curve(axes[-1], fadings[name], color, name, style)
    axes[-1].set_title("gated, at their start")
    axes[-1].legend(frameon=False, fontsize=8, loc="upper left")
    axes[0].set_ylim(1e-12, 1e12)
    return figures.caption(
        figure,
        "What is left of the gradient that many steps back, on a log scale: level, it is kept; "
        "falling, it vanishes; rising, it explodes. Bands: the middle half of the networks.",
    )


def initialisations(fadings):
    """Draws norms of dL/dh(t) by steps back, for the slides' initial recurrent weights."""
    figure, axes = _panels(1, 2)
    styles = ("-", "--", "-", "-")
    for ax, activation in zip(axes, ("tanh", "relu"), strict=True):
        for name, color, style in zip(STARTS, figures.COLORS, styles, strict=False):
            _curve(ax, fadings[f"{activation} {name}"], color, name, style)
        ax.set_title({"relu": "ReLU"}.get(activation, activation))
    axes[0].legend(frameon=False, fontsize=9, loc="lower left")
    axes[0].set_ylim(1e-12, 1e4)
    return figures.caption(
        figure,
        "What is left of the gradient that many steps back, on a log scale, by the start of the "
        "recurrent matrix: the nearer to 1, the better.",
    )


def _panels(rows, columns):
    size = (3.6 * columns + 0.6, 3.1 * rows + 0.4)
    figure = figures.Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_yscale("log")
        ax.axhline(1, color="0.85", lw=0.8, zorder=0)
    for ax in axes[-1]:
        ax.set_xlabel("steps back, T - t")
    for ax in axes[:, 0]:
        ax.set_ylabel("‖dL/dh(t)‖ / ‖dL/dh(T)‖")
    return figure, axes.ravel()


def _curve(ax, fading, color, label, style="-"):
    """Draws the median over networks and rows, and the interquartile range."""
    back = np.arange(fading.norms.shape[1])
    low, high = (np.maximum(fading.quantile(q), LEAST) for q in (0.25, 0.75))
    ax.fill_between(back, low, high, color=color, alpha=0.15, lw=0)
    median = fading.median
    ax.plot(back, np.where(median > 0, median, np.nan), style, color=color, label=label)


def sensitivity(seen):
    """Draws unfolded networks, each node as dark as its sensitivity to step 1, with an LSTM's gates."""
    steps = len(next(iter(seen.values())).output)
    figure = figures.Figure(figsize=(max(6, 0.42 * steps + 1.2), 5.6), dpi=150, layout="constrained")
    panels = figure.subplots(2, 1, height_ratios=[3.2, 4])
    titles = {
        "rnn": figures.cell_name("simple"),
        "lstm": figures.cell_name("lstm"),
    }
    for ax, (name, s) in zip(panels, seen.items(), strict=True):
        _unfolded(ax, s)
        ax.set_title(titles[name], fontsize=13, loc="left")
    return figures.caption(
        figure,
        "A column a step. The darker a node, the more it depends on the number of step 1. Good is an "
        "output that is black where it is asked for the number, and white elsewhere. O: an open gate, "
        "–: a closed one; below a node its input gate, to the left the forget gate, above the output "
        "gate.",
    )


def _unfolded(ax, s):
    steps = len(s.output)
    hidden = np.linalg.norm(s.hidden, axis=1)
    # Black is the hidden layer's largest sensitivity; for outputs it is 1, the right answer's.
    rows = {
        "outputs": np.minimum(np.abs(s.output), 1),
        "hidden": hidden / hidden.max(),
        "inputs": (np.arange(steps) == 0).astype(float),
    }
    heights = {"outputs": 2.0, "hidden": 1.0, "inputs": 0.0}
    for t in range(1, steps):
        ax.annotate(
            "", (t + 0.72, 1), (t + 0.28, 1), arrowprops={"arrowstyle": "->", "lw": 0.7, "color": "0.5"}
        )
    for t in range(1, steps + 1):
        for low, high in ((0.0, 1.0), (1.0, 2.0)):
            ax.plot([t, t], [low + 0.22, high - 0.22], color="0.6", lw=0.7, zorder=1)
    for name, shades in rows.items():
        ax.scatter(
            np.arange(1, steps + 1), np.full(steps, heights[name]), s=190, c=1 - shades, cmap="gray",
            vmin=0, vmax=1, edgecolors="0.3", linewidths=0.8, zorder=2,
        )  # fmt: skip
        for t, shade in enumerate(shades, start=1):
            if shade >= 0.005:
                ax.text(
                    t, heights[name], f"{shade:.2f}".lstrip("0") if shade < 0.995 else "1",
                    ha="center", va="center", fontsize=6, color="white" if shade > 0.5 else "black",
                )  # fmt: skip
    if s.gates:
        unit = int(np.abs(s.hidden).mean(axis=0).argmax())  # the cell most sensitive on average
        places = {"input": (0, -0.38), "output": (0, 0.38), "forget": (-0.43, 0.22)}
        for gate, (dx, dy) in places.items():
            for t, value in enumerate(s.gates[gate][:, unit], start=1):
                ax.text(
                    t + dx, 1 + dy, "O" if value > 0.5 else "–", ha="center", va="center", fontsize=10,
                    bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"}, zorder=3,
                    color="#8a3b12", weight="bold",
                )  # fmt: skip
    ax.set_yticks(list(heights.values()), list(heights), fontsize=9)
    ax.set_xticks(
        range(1, steps + 1), [f"{t}\nasked" if s.asked[t - 1] else t for t in range(1, steps + 1)]
    )
    ax.tick_params(length=0, labelsize=8)
    ax.set(xlim=(0.4, steps + 0.6), ylim=(-0.45, 2.45))
    ax.spines[:].set_visible(False)


def wall(paths):
    """Draws the error surface of one unit, and descent on it, in the style of Pascanu et al. 2013."""
    w, b = np.linspace(3.4, 6.6, 220), np.linspace(-3.4, 2.4, 260)
    figure = figures.Figure(figsize=(9.2, 4.6), dpi=150, layout="constrained")
    ax = figure.add_subplot(1, 2, 1, projection="3d")
    grid = clipping.surface(w, b)
    ax.plot_surface(*np.meshgrid(w, b), grid, cmap="Blues", alpha=0.6, rcount=110, ccount=110, lw=0)
    ax.set(xlabel="w", ylabel="b", zlabel="error")
    ax.view_init(34, -58)
    ax.set_box_aspect(None, zoom=0.85)  # or the height's label overlaps the right panel's
    flat = figure.add_subplot(1, 2, 2)
    levels = flat.contourf(w, b, grid, 16, cmap="Blues", alpha=0.75)
    figure.colorbar(levels, ax=flat, label="error", shrink=0.8)
    looks = {
        "none": ("-", figures.COLORS[0], "not clipped"),
        "norm": ("--", "black", f"clipped at ‖g‖ = {clipping.THRESHOLD:g}"),
        "squared": (":", figures.COLORS[4], "with Σ g² for ‖g‖, as one lecture has it"),
    }
    for rule, path in paths.items():
        style, color, _ = looks[rule]
        x, y = path.points.T
        inside = (x >= w[0]) & (x <= w[-1]) & (y >= b[0]) & (y <= b[-1])
        drawn = np.where(inside, x, np.nan), y, path.errors + 0.01
        ax.plot(*drawn, style, marker=".", ms=4, lw=1.2, color=color, zorder=5)
        flat.plot(x, y, style, marker=".", ms=4, lw=1.2, color=color)
        flat.plot(x[-1], y[-1], "o", ms=7, mfc="none", color=color)
    flat.plot(*clipping.BEGIN, "s", ms=6, color="black")
    flat.annotate("begin", clipping.BEGIN, xytext=(8, 2), textcoords="offset points", fontsize=9)
    flat.set(xlabel="w", ylabel="b", xlim=(w[0], w[-1]), ylim=(b[0], b[-1]))
    handles = [
        Line2D([], [], ls=style, color=color, label=f"{label}: error {paths[rule].errors[-1]:.4f}")
        for rule, (style, color, label) in looks.items()
        if rule in paths
    ]
    flat.legend(handles=handles, frameon=True, framealpha=0.85, fontsize=8, loc="upper left")
    return figures.caption(
        figure,
        "The error of every pair (w, b), left as height, right as blue: the paler, the better. "
        "Dots are steps of gradient descent, circles its end. The wall is where the blue begins.",
    )
