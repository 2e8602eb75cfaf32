"""Draws the marked tables of README and docs, and pictures, from the ledger.

    <!-- results: claims -->      the text between the two marks is drawn anew; do not
    <!-- end -->                  change it by hand

`make results` runs this. Every number comes from a file in recipes/results/, written by a run
(`--record`), or from published.json there, with its source. Draws the pictures that need no model (see
results_parts/pictures.py) if they differ from the ledger; docs/redraw.py draws those that need a run.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes"))

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, which the package imports
from results_parts import claims, overview, pictures, tables

from recipe_kit.runs import atomic_write

ROOT = Path(__file__).parents[1]
PAGES = {
    name: ROOT / name
    for name in ("README.md", "README.zh.md", "docs/results.md", "docs/lectures.md", "docs/speed.md")
}

DRAWN = (
    overview.recipes,
    overview.recipes_zh,
    tables.published,
    claims.claims,
    claims.questions,
    tables.machines,
    tables.layers,
    tables.models,
    tables.generation,
    tables.listing_time,
    tables.sentiment,
    tables.sentiment_cells,
    tables.perplexity,
    tables.agreement,
    tables.agreement_by_distance,
    tables.captions,
    tables.caption_decodings,
    tables.caption_decoders,
    tables.grammar,
    tables.names,
    tables.riders,
    tables.gradient_radii,
    tables.gradient_starts,
    tables.gradient_gates,
    tables.adding,
    tables.peepholes,
    tables.followed,
)
TABLES = {draw.__name__: draw for draw in DRAWN}  # by their marks
BETWEEN = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read():
    """Returns the pages' texts by name."""
    return {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}


def drawn(pages):
    """Returns the pages with their tables drawn anew."""
    marked = [name for text in pages.values() for _, name, _ in BETWEEN.findall(text)]
    if sorted(marked) != sorted(TABLES):
        raise SystemExit(
            f"{', '.join(pages)}: expected marks for {sorted(TABLES)}, found {sorted(marked)}"
        )

    def anew(mark):
        return f"{mark[1]}\n{TABLES[mark[2]]()}\n\n{mark[3]}"

    return {name: BETWEEN.sub(anew, text) for name, text in pages.items()}


def main():
    before = read()
    try:
        after = drawn(before)
    except LookupError as error:
        raise SystemExit(f"results.py: {error}") from None
    for name, path in PAGES.items():
        if after[name] != before[name]:
            with atomic_write(path) as tmp_path:
                tmp_path.write_text(after[name], encoding="utf-8", newline="\n")
        print(f"{name}: " + ("nothing new" if after[name] == before[name] else "tables drawn anew"))
    drawn_anew, missing = pictures.draw()
    for line in [f"docs/{name}.png: drawn anew" for name in drawn_anew] + missing:
        print(line)


if __name__ == "__main__":
    main()
