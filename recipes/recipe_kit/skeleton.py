"""Writes a new recipe that runs, a test of it, and its row in the table of recipes.

    python recipes/recipe_kit/skeleton.py my_recipe

writes recipes/my_recipe.py (a small network on drawn data, with the verbs `train` and `predict`, and
all that a recipe has: settings, presets, a run's folder, `--resume`, a figure), and
tests/recipes/test_my_recipe.py, and adds a row to docs/results_parts/overview.py. Both run at once;
put your data, your model and your words in the place of theirs.
"""

import argparse
import sys
from pathlib import Path

TEMPLATE = "skeleton_recipe"
ROOT = Path(__file__).resolve().parents[2]
RECIPE = Path(__file__).parent / f"skeleton_files/{TEMPLATE}.py"
TEST = ROOT / f"tests/recipes/test_{TEMPLATE}.py"
OVERVIEW = "docs/results_parts/overview.py"
ROW = '    Row("{name}", "the lecture and its slide", "what one sees", "none", "", None),\n'
ROW_ZH = '    "{name}": ("讲义", "能看到什么", NONE),\n'


def write_recipe(name, root=ROOT):
    """Writes the recipe, its test and its row. Returns their paths.

    Args:
        name: The recipe's name, a Python name in lower case.
        root: The checkout's folder.

    Returns:
        The paths of the written files.

    Raises:
        ValueError: if the name is invalid or taken; nothing is written then.
    """
    if not (name.isidentifier() and name.isascii() and name == name.lower()):
        raise ValueError(f"{name!r} cannot be a recipe's name: give one like my_recipe.")
    paths = {
        root / "recipes" / f"{name}.py": RECIPE,
        root / "tests/recipes" / f"test_{name}.py": TEST,
    }
    for path in paths:
        if path.exists():
            raise ValueError(f"{path} is there already: give another name, or take it away.")
    overview = _with_row((root / OVERVIEW).read_text(encoding="utf-8"), name)
    for path, template in paths.items():
        text = template.read_text(encoding="utf-8").replace(TEMPLATE, name)
        path.write_text(text, encoding="utf-8")
    (root / OVERVIEW).write_text(overview, encoding="utf-8")
    return [*paths, root / OVERVIEW]


def _with_row(text, name):
    """Returns the overview's source with a row added to each of its two tables."""
    for begins, ends, row in (("\nROWS = (\n", "\n)\n", ROW), ("\nCHINESE = {", "\n}\n", ROW_ZH)):
        end = text.index(ends, text.index(begins)) + 1
        text = text[:end] + row.format(name=name) + text[end:]
    return text


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="skeleton.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", help="of the new recipe, such as my_recipe")
    flags = parser.parse_args(argv)
    try:
        written = write_recipe(flags.name)
    except ValueError as error:
        sys.stderr.write(f"skeleton.py: error: {error}\n")
        sys.exit(2)
    print("written:")
    for path in written:
        print(f"  {path.relative_to(ROOT)}")
    print(
        "try it:\n"
        f"  .venv/bin/python recipes/{flags.name}.py --preset smoke\n"
        f"  .venv/bin/python -m pytest tests/recipes/test_{flags.name}.py\n"
        f"then fill in the rows in {OVERVIEW}, and draw the tables: make results"
    )


if __name__ == "__main__":
    main()
