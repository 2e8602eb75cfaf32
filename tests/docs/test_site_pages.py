"""What the site makes of the repository's files before MkDocs has them: needs no package of its own."""

import posixpath
import textwrap

import pytest
from site_parts import api, docstrings, notebooks, pages, recipes, sources

import rnn_kit


def markdown_of(docstring):
    return docstrings.to_markdown(textwrap.dedent(docstring).strip("\n"))


def test_equations_keep_their_columns():
    made = markdown_of("""
        Draws.

            p_i = exp(a_i)        gate
              c = 1

        where a are the logits.
    """)
    assert made == (
        "Draws.\n\n``` text\np_i = exp(a_i)        gate\n  c = 1\n```\n\nwhere a are the logits."
    )


def test_a_section_of_items_becomes_a_list_with_names_as_code():
    made = markdown_of("""
        Args:
            dropout, seed: As in Keras,
                in that order. Default: 1.
            activation ... unroll: The rest.
            **kwargs: Of `fit`.
    """)
    assert made.split("\n") == [
        "**Arguments**{ .section }",
        "",
        "- `dropout`, `seed`: As in Keras, in that order. Default: 1.",
        "- `activation` ... `unroll`: The rest.",
        "- `**kwargs`: Of `fit`.",
    ]


def test_names_that_go_over_a_lines_end_are_items_still():
    made = markdown_of("""
        Args:
            one, two,
                three: All of them.
    """)
    assert made.endswith("- `one`, `two`, `three`: All of them.")


def test_a_section_of_prose_stays_prose():
    made = markdown_of("""
        Weights, in this order (G = 3 gates; without a reset gate
        G = 2):
            kernel `(F, G * units)` and
            bias: none.

        Returns:
            Ids, of which: the first.
    """)
    heading, weights, returns, ids = made.split("\n\n")
    assert heading == "**Weights, in this order (G = 3 gates; without a reset gate G = 2)**{ .section }"
    assert weights == "kernel `(F, G * units)` and\nbias: none."
    assert (returns, ids) == ("**Returns**{ .section }", "Ids, of which: the first.")


def test_an_example_is_python_and_a_source_has_a_heading():
    made = markdown_of("""
        Source: the lecture.

        Example:

        >>> 1 + 1
        2
    """)
    source, example = made.split("\n\n**Example**{ .section }\n\n")
    assert source == "**Source**{ .section }\n\nThe lecture."
    assert example == "``` pycon\n>>> 1 + 1\n2\n```"


def test_a_list_whose_lines_go_on_is_left_as_it_is():
    text = "It does:\n\n- Epochs: one,\n  and more\n- Two"
    assert docstrings.to_markdown(text) == text


@pytest.mark.parametrize(
    ("link", "made"),
    [
        ("[a](recipes/imdb_sentiment.py)", "[a](recipes/imdb_sentiment.md)"),
        ("[a](notebooks/1_see_it_happen.ipynb)", "[a](notebooks/1_see_it_happen.md)"),
        ("[a](docs/data.md#captions)", "[a](data.md#captions)"),
        ("[a](README.zh.md)", "[a](zh.md)"),
        ("[a](rnn_kit/layers)", "[a](api/layers.md)"),
        ("[a](rnn_kit/sampling.py)", "[a](api/sampling.md)"),
        ("[a](rnn_kit/layers/gru.py)", "[a](source/rnn_kit/layers/gru.md)"),
        ("[a](recipes/results)", "[a](source/recipes/results/index.md)"),
        ('<img src="docs/demo.png" width="4">', '<img src="demo.png" width="4">'),
        ('<a href="docs/data.md">', '<a href="data.html">'),
        ("[a](https://x.org/docs/data.md) [b](#here)", "[a](https://x.org/docs/data.md) [b](#here)"),
    ],
)
def test_links_of_the_readme_lead_to_pages(link, made):
    assert pages.rewritten(link, "README.md", pages.HOME) == made


def test_links_of_a_page_are_relative_to_where_its_file_is():
    made = pages.rewritten("[a](../rnn_kit/metrics.py) [b](../README.md)", "docs/x.md", "x.md")
    assert made == "[a](api/metrics.md) [b](index.md)"
    assert pages.rewritten("[a](README.md)", "README.md", "recipes/index.md") == "[a](../index.md)"


@pytest.mark.parametrize("link", ["nothing.py", "rnn_kit/nothing.py", "tests/conftest.py", "../x.md"])
def test_a_link_to_what_has_no_page_is_an_error_that_names_both(link):
    with pytest.raises(pages.LinkError, match=rf"README.md links to {link}"):
        pages.rewritten(f"[a]({link})", "README.md", pages.HOME)


def test_the_reference_has_what_each_module_offers():
    for module in rnn_kit.__all__:
        assert api.offered(module), module
        for name in api.offered(module):
            assert hasattr(getattr(rnn_kit, module), name)
            assert f"::: rnn_kit.{module}.{name}\n" in api.page(module) + "\n"
    assert api.offered() == rnn_kit.__all__


def test_names_that_keras_has_too_lead_nowhere_by_themselves():
    targets = api.targets()
    assert targets["PeepholeLSTM"] == "rnn_kit.layers.PeepholeLSTM"
    assert targets["rnn_kit.layers.GRU"] == "rnn_kit.layers.GRU"
    assert "GRU" not in targets


def test_names_of_the_library_lead_to_its_reference_but_not_in_blocks_nor_to_themselves():
    text = "`GRU` `PeepholeLSTM` [`PeepholeLSTM`](x) `streams`\n\n``` text\n`streams`\n```\n`streams`"
    made = api.with_references(text, "rnn_kit.layers.PeepholeLSTM")
    link = "[`streams`][rnn_kit.text.streams]"
    assert made == text.replace("`streams`", link).replace(f"text\n{link}", "text\n`streams`")
    assert api.with_references("`PeepholeLSTM`") == "[`PeepholeLSTM`][rnn_kit.layers.PeepholeLSTM]"


def test_every_recipe_has_a_page_with_its_docstring_and_its_file():
    assert set(recipes.names()) == {p.stem for p in (recipes.ROOT / "recipes").glob("*.py")}
    for name in recipes.names():
        made = recipes.page(name)
        text = (recipes.ROOT / f"recipes/{name}.py").read_text(encoding="utf-8")
        first = text.split('"""')[2].lstrip("\n").split("\n")[0]
        assert f'linenums="{text.split(chr(10)).index(first) + 1}" }}\n{first}\n' in made
        assert made.count("def main(") == 1 and '"""' + text.split('"""')[1] not in made


def test_a_recipe_page_shows_the_pictures_that_the_recipe_has_drawn():
    of = {name: [file for _, file in recipes.pictures(name)] for name in recipes.names()}
    assert of["vanishing_gradients"] == ["jacobians.png", "sensitivity.png", "wall.png"]
    assert "imdb_cells.png" in of["imdb_sentiment"] and of["benchmark_layers"] == []
    assert "](../jacobians.png)" in recipes.page("vanishing_gradients")
    assert "## Pictures" not in recipes.page("benchmark_layers")


def test_source_pages_are_of_every_file_and_lead_up_and_down():
    made = dict(sources.all_pages())
    here = "source/rnn_kit/layers"
    assert "[rnn\\_kit](../index.md) / [layers](index.md) / gru.py" in made[f"{here}/gru.md"]
    assert "](fused/index.md)" in made[f"{here}/index.md"]
    for path in (sources.ROOT / "rnn_kit").rglob("*.py"):
        page = f"source/{path.relative_to(sources.ROOT).as_posix().removesuffix('.py')}.md"
        assert path.read_text(encoding="utf-8").strip() in made[page]
    for page, text in made.items():
        for link in pages.MARKDOWN_LINK.findall(text.split("````")[0]) if page.endswith(".md") else ():
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link[1]))
            assert target in made or target in (f"recipes/{n}.md" for n in recipes.names()), (
                page,
                link,
            )


def test_code_with_fences_in_it_is_fenced_by_a_longer_one():
    assert sources.code("a\n`````\nb").startswith("`````` {")


@pytest.mark.parametrize("name", notebooks.names())
def test_a_notebook_page_has_its_cells_its_pictures_and_folds_markdown(name):
    made, pictures = notebooks.page(name)
    assert made.startswith("# ") and f'download="{name}.ipynb"' in made.split("\n")[2]
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())
    assert [p for p in pictures if made.count(f"]({posixpath.basename(p)})") != 1] == []
    assert made.count("<details markdown>") == made.count("</details>") >= 2
    assert ".written }" in made


def test_a_section_that_the_readme_has_not_is_an_error():
    with pytest.raises(pages.LinkError, match="no section 'Recipe'"):
        recipes.section("Recipe")
