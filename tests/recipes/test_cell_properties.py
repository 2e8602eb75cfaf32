"""What is said of each character of a text, and which cell is found to follow it."""

import ast
import io
import tokenize

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from parts.visualize_cells.annotation import Property, prose_properties, python_properties
from parts.visualize_cells.search import search
from recipe_kit.datasets import load_text

SOURCE = '''"""A docstring's (bracket."""
def f(a, *, b=[1, "two # no comment"]):  # a (comment's
    if a > 0 and (
        b
    ):
        return rb"\\" not the end" if a else f(
            b)

        # still in the if, "quoted" in a comment
    elif b: return 'it''s'
    for x in b:
        if x:
            y = r"""many
lines " of
text"""
        else:
            y = None
    return x \\
        + 1
'''


def marked(properties, name):
    (values,) = (p.values for p in properties if p.name == name)
    return values


def drawn(text, values):
    """The text with only what is marked left in it, line by line, without empty lines."""
    kept = "".join(c if v or c == "\n" else " " for c, v in zip(text, values, strict=True))
    return [line.strip() for line in kept.splitlines() if line.strip()]


def test_quotes_run_from_the_opening_mark_to_before_the_closing_one():
    quoted = drawn(SOURCE, marked(python_properties(SOURCE), "inside quotes"))
    assert quoted == [
        '"""A docstring\'s (bracket.""',
        '"two # no comment',
        '"\\" not the end',
        "'it 's",
        '"""many',
        'lines " of',
        'text""',
    ]


def test_comments_are_marked_up_to_the_end_of_their_line():
    comments = drawn(SOURCE, marked(python_properties(SOURCE), "inside a comment"))
    assert comments == ["# a (comment's", '# still in the if, "quoted" in a comment']


def test_brackets_in_strings_and_comments_do_not_count():
    properties = python_properties(SOURCE)
    depth = marked(properties, "bracket depth")
    assert depth[SOURCE.index("two")] == 2 and depth[SOURCE.index("# a (") + 6] == 0
    assert depth.max() == 2 and depth[-1] == 0
    np.testing.assert_array_equal(marked(properties, "inside brackets"), depth > 0)


def test_an_if_body_is_what_is_indented_deeper_below_it():
    body = drawn(SOURCE, marked(python_properties(SOURCE), "inside an if body"))
    assert body == [
        'return rb"\\" not the end" if a else f(',
        "b)",
        '# still in the if, "quoted" in a comment',
        'y = r"""many',
        'lines " of',
        'text"""',
    ]


def test_indentation_and_position_are_those_read_so_far():
    properties = python_properties("a\n    bc\n\n  d")
    position = marked(properties, "position in line")
    assert position.tolist() == [1, 0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 2, 3]
    indentation = marked(properties, "indentation depth")
    assert indentation.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 0, 0.25, 0.5, 0.5]


@pytest.mark.parametrize("cut", range(0, len(SOURCE), 7))
def test_a_text_cut_off_anywhere_is_labelled_as_far_as_it_goes(cut):
    whole, part = python_properties(SOURCE), python_properties(SOURCE[:cut])
    for p, q in zip(whole, part, strict=True):
        assert len(q.values) == cut
        if p.name in ("inside a comment", "position in line"):
            np.testing.assert_array_equal(q.values, p.values[:cut])


def offsets(text):
    starts = np.cumsum([0, *(len(line) for line in text.splitlines(keepends=True))])
    return lambda row, column: starts[row - 1] + column


def test_strings_comments_and_ifs_of_the_standard_library_are_the_parsers(tmp_path):
    text, _ = load_text("stdlib", 600_000)
    checked = 0
    for part in text.split("\n\n\n"):  # mostly a function or a class each
        part += "\n"
        try:
            tree = ast.parse(part)
            tokens = list(tokenize.generate_tokens(io.StringIO(part).readline))
        except (SyntaxError, tokenize.TokenError):
            continue
        if any(tokenize.tok_name[token.type].startswith("FSTRING") for token in tokens):
            continue
        at = offsets(part)
        properties = python_properties(part)
        quoted, commented, in_if = (np.zeros(len(part), bool) for _ in range(3))
        for token in tokens:
            start, end = at(*token.start), at(*token.end)
            if token.type == tokenize.STRING:
                prefix = len(token.string) - len(token.string.lstrip("rRbBuUfF"))
                quoted[start + prefix : end - 1] = True
            elif token.type == tokenize.COMMENT:
                commented[start:end] = True
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and node.body[0].lineno > node.test.end_lineno:
                in_if[at(node.body[0].lineno, 0) : at(node.body[-1].end_lineno + 1, 0)] = True
        np.testing.assert_array_equal(marked(properties, "inside quotes"), quoted, part)
        np.testing.assert_array_equal(marked(properties, "inside a comment"), commented, part)
        ours = marked(properties, "inside an if body")
        assert not (in_if & ~ours).any(), part
        # What is indented on after the last statement is of no statement: comments and blank lines.
        simple = [
            n
            for n in ast.walk(tree)
            if isinstance(n, ast.stmt) and not {"body", "cases"} & {*n._fields}
        ]
        statements = {line for n in simple for line in range(n.lineno, n.end_lineno + 1)}
        lines = np.cumsum([c == "\n" for c in " " + part[:-1]]) + 1
        assert not (ours & ~in_if & np.isin(lines, list(statements))).any(), part
        checked += 1
    assert checked > 200


def test_prose_is_quoted_from_mark_to_mark_and_not_beyond_its_paragraph():
    text = 'He said "so, (it is)" and “thus”.\nNot "ended\n\nNew.'
    properties = prose_properties(text)
    assert drawn(text, marked(properties, "inside quotes")) == ['"so, (it is)      “thus', '"ended']
    assert drawn(text, marked(properties, "inside brackets")) == ["(it is"]
    assert not {"inside a comment", "inside an if body"} & {p.name for p in properties}


def test_search_finds_the_cell_and_scores_it_on_what_it_has_not_seen(rng):
    size = 4000
    inside = rng.random(size) < 0.3
    count = rng.integers(0, 40, size)
    states = {name: rng.normal(size=(size, 6)) for name in "ch"}
    states["h"][:, 4] -= 2 * inside  # low where the property holds
    states["c"][:, 1] += 0.3 * count
    states["c"][:2000, 5] += 9 * inside[:2000]  # follows it in the searched part alone
    properties = [Property("inside", inside), Property("count", count)]
    matches = search(states, properties, 2000)
    assert [len(found) for found in matches.values()] == [5, 5]
    first, second = matches["inside"][:2]
    assert (first.state, first.unit, first.sign) == ("c", 5, 1)
    assert first.found > 0.99 and abs(first.held_out - 0.5) < 0.05
    assert (second.state, second.unit, second.sign, second.measure) == ("h", 4, -1, "AUC")
    expected = roc_auc_score(inside[2000:], -states["h"][2000:, 4])
    assert second.held_out == pytest.approx(expected, abs=1e-9)
    counter = matches["count"][0]
    assert (counter.state, counter.unit, counter.measure) == ("c", 1, "r")
    r = np.corrcoef(count[2000:], states["c"][2000:, 1])[0, 1]
    assert counter.held_out == pytest.approx(r, abs=1e-9)


def test_ties_count_half_and_a_dead_cell_knows_nothing(rng):
    inside = rng.random(1000) < 0.5
    states = {"h": np.stack([np.zeros(1000), np.round(rng.normal(size=1000) + inside)], axis=1)}
    best, dead = search(states, [Property("inside", inside)], 500)["inside"]
    assert best.held_out == pytest.approx(roc_auc_score(inside[500:], states["h"][500:, 1]), abs=1e-9)
    assert dead.unit == 0 and dead.held_out == 0.5


def test_what_is_the_same_everywhere_in_a_part_is_not_searched(rng):
    inside = np.arange(100) < 40
    matches = search({"h": rng.normal(size=(100, 3))}, [Property("inside", inside)], 50)
    assert matches == {"inside": []}
