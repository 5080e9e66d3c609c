"""Breaks what a chapter's claims measure, one at a time, in the kernel that has just run the chapter."""

import os
import re
import tomllib
from pathlib import Path

import jupytext


def survivors(before_cell, mutants, path):
    """The claims that hold although what they measure is broken.

    before_cell: {source of a cell: the names as they were before it ran}. mutants: a file of tests/claim_mutants, for
    each claim a text of the chapter's cells and what to put in its place. path: the chapter, without its ending.
    Errors: AssertionError for a claim without a mutant, a mutant without a claim, and a cell before the claim's own
    that goes red.
    """
    mutants = tomllib.loads(Path(mutants).read_text("utf-8"))
    cells = [c for c in jupytext.read(f"{Path(path).name}.md").cells if c.cell_type == "code"]
    cells = [c for c in cells if "solution" not in c.metadata.get("tags", [])]  # nothing is measured there
    claims = {claim_name(c.source): i for i, c in enumerate(cells) if "claim" in c.metadata.get("tags", [])}
    assert claims.keys() == mutants.keys(), f"one without the other: {sorted(claims.keys() ^ mutants.keys())}"
    os.environ["BOOK_STATIC"] = "1"  # no bars that show the progress of a training
    return [name for name, mutant in mutants.items() if holds(before_cell, cells[: claims[name] + 1], mutant, name)]


def holds(before_cell, cells, mutant, name):
    """Does the last of the cells pass although the mutant stands in the nearest cell that has its text?"""
    first = max(i for i, cell in enumerate(cells) if mutant["replace"] in cell.source)
    space = dict(before_cell[cells[first].source])
    for i, cell in enumerate(cells[first:], first):
        broken = cell.source.replace(mutant["replace"], mutant["with"])
        without_figure = re.sub(r"^explore\(", "(lambda *a, **k: None)(", broken, flags=re.M)
        try:
            exec(compile(without_figure, "<cell>", "exec"), space)
        except AssertionError:
            assert i == len(cells) - 1, f"{name}: an earlier cell went red, not the claim's own"
            return False
    return True


def claim_name(source):
    return re.search(r"\bclaim\(\s*\"([a-z0-9-]+)\"", source)[1]
