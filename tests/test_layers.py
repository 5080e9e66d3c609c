"""Two layers and no machinery in sight: what is closed, how long the core takes, how much open code is plumbing."""

import ast
import re

import pytest
from chapters import (
    BEATS,
    LESSONS,
    MOST_MINUTES,
    MOST_PLUMBING,
    MOST_PLUMBING_OF_THE_BOOK,
    cells,
    is_open,
    source,
    tags,
)


@pytest.mark.parametrize("name", LESSONS)
def test_the_core_comes_first_then_what_is_deeper(name):
    places = [re.search(f"^{beat}", source(name), flags=re.M) for beat in BEATS]
    assert all(places), f"missing: {[beat for beat, found in zip(BEATS, places, strict=True) if not found]}"
    assert [place.start() for place in places] == sorted(place.start() for place in places)


@pytest.mark.parametrize("name", LESSONS)
def test_the_core_is_read_in_a_quarter_of_an_hour(name, site):
    page = (site / f"chapters/{name}.html").read_text("utf-8")
    assert int(re.search(r'<span class="minutes">about (\d+) minutes</span>', page)[1]) <= MOST_MINUTES


# ---------------------------------------------------------------- closed cells


@pytest.mark.parametrize("name", ["index", "6-references", *LESSONS])
def test_what_is_closed_on_the_page_is_closed_in_jupyter(name):
    for cell in cells(name):
        hidden = cell.metadata.get("jupyter", {})
        assert hidden.get("source_hidden", False) == (not is_open(cell)), cell.source
        assert hidden.get("outputs_hidden", False) == ("hide-cell" in tags(cell)), cell.source


@pytest.mark.parametrize("name", ["index", *LESSONS])
def test_what_draws_claims_and_imports_is_closed(name):
    kinds = {"setup": r"^import sys$", "claim": r"^claim\(", "drawn": r"^explore\("}
    for cell in cells(name):
        for kind, pattern in kinds.items():
            if re.search(pattern, cell.source, flags=re.M) and "hide-cell" not in tags(cell):
                assert {kind, "hide-input"} <= set(tags(cell)), cell.source


# ---------------------------------------------------------------- plumbing

# Calls that show, tell or check, whoever makes them; and what figures are drawn with.
SHOWS = {"claim", "print", "table", "explore", "you_are_here", "display", "progress_bar", "with_subscripts"}
DRAWS_WITH = {"plt", "figure", "fig", "ax", "axes"}


def plumbing_calls(tree, drawing):
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        name = call.func
        while isinstance(name, ast.Attribute | ast.Subscript):
            name = name.value
        if getattr(name, "id", "") in SHOWS | DRAWS_WITH | drawing:
            yield call


def drawing_names(name):
    """What a chapter imports from code/drawing."""
    trees = [ast.parse(cell.source) for cell in cells(name)]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports if node.module.startswith("drawing") for alias in node.names}


def plumbing_lines(statement, drawing):
    """The lines of a statement that are plumbing: it whole, or what of its body is; a block of nothing else is too."""
    lines = set(range(statement.lineno, statement.end_lineno + 1))
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Assert):
        return lines
    draws = any(plumbing_calls(statement, drawing))
    blocks = [part for name in ("body", "orelse", "finalbody") for part in getattr(statement, name, [])]
    if not blocks or isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return lines if draws else set()
    inside = set().union(*(plumbing_lines(part, drawing) for part in blocks))
    whole = set().union(*(range(part.lineno, part.end_lineno + 1) for part in blocks))
    return lines if inside == whole else inside


def plumbing(name):
    """(lines of plumbing, all lines) of a chapter's open cells; empty lines and comments are no lines."""
    drawing, found, total = drawing_names(name), 0, 0
    for cell in filter(is_open, cells(name)):
        code = {n for n, line in enumerate(cell.source.splitlines(), 1) if line.strip() and line.strip()[0] != "#"}
        is_plumbing = set().union(*(plumbing_lines(part, drawing) for part in ast.parse(cell.source).body))
        found, total = found + len(code & is_plumbing), total + len(code)
    return found, total


@pytest.mark.parametrize("name", ["index", *LESSONS])
def test_open_code_is_what_the_chapter_is_about(name):
    found, total = plumbing(name)
    assert found <= MOST_PLUMBING * total, f"{found} of {total} open lines of code are plumbing"


def test_little_of_the_books_open_code_is_plumbing():
    counts = [plumbing(name) for name in ["index", *LESSONS]]
    found, total = map(sum, zip(*counts, strict=True))
    assert found <= MOST_PLUMBING_OF_THE_BOOK * total, f"{found} of {total} open lines of code are plumbing"


def test_plumbing_is_told_from_mathematics():
    text = """
scores = Q @ K.T
for d in (1, 2):
    weights = softmax(scores / d)
    print(d, weights)
for d in (1, 2):
    print(d)
assert scores.shape == (2, 2)
def attention(q, k):
    return softmax(q @ k.T)
def draw(d):
    x = d + 1
    return plt.figure()
"""
    lines = set().union(*(plumbing_lines(part, set()) for part in ast.parse(text).body))
    assert lines == {5, 6, 7, 8, 11, 12, 13}
