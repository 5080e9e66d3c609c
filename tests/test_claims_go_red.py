"""Every claim cell of the book goes red when the thing that it measures is broken.

tests/claim_mutants/<chapter>.toml says how: for each claim a text of the chapter's cells and what to put in its place.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parent.parent
MUTANTS = Path(__file__).parent / "claim_mutants"
CHAPTERS = [p.stem for p in sorted((ROOT / "chapters").glob("*.md")) if ":tags: [claim" in p.read_text("utf-8")]


def cells_of(chapter):
    """[(source, tags)] of the code cells, without the figures and the solutions, which nothing is measured in."""
    cells = [c for c in jupytext.read(ROOT / f"chapters/{chapter}.md").cells if c.cell_type == "code"]
    kept = [(c.source, c.metadata.get("tags", [])) for c in cells if "solution" not in c.metadata.get("tags", [])]
    return [(re.sub(r"^explore\(", "(lambda *a, **k: None)(", source, flags=re.M), tags) for source, tags in kept]


def claim_name(source):
    return re.search(r"\bclaim\(\s*\"([a-z0-9-]+)\"", source)[1]


def run(source, space):
    exec(compile(source, "<cell>", "exec"), space)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_claim_goes_red(chapter, monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")
    monkeypatch.setitem(os.environ, "BOOK_STATIC", "1")  # as in the build: no widgets, no progress bars
    monkeypatch.setattr(sys, "path", list(sys.path))
    cells = cells_of(chapter)
    mutants = tomllib.loads((MUTANTS / f"{chapter}.toml").read_text("utf-8"))
    claims = {claim_name(source): i for i, (source, tags) in enumerate(cells) if "claim" in tags}
    assert claims.keys() == mutants.keys(), "every claim needs a mutant, and every mutant a claim"

    before, space = [], {"__name__": "__main__"}
    for source, _ in cells:
        before.append(dict(space))
        run(source, space)

    survivors = []
    for name, mutant in mutants.items():
        last = claims[name]
        first = max(i for i in range(last + 1) if mutant["replace"] in cells[i][0])
        space = dict(before[first])
        try:
            for i in range(first, last + 1):
                run(cells[i][0].replace(mutant["replace"], mutant["with"]), space)
        except AssertionError:
            assert i == last, f"{name}: an earlier cell went red, not the claim's own"
        else:
            survivors.append(name)
    assert not survivors, f"these claims hold whatever is measured: {survivors}"
