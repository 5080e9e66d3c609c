"""The chapters as the tests read them: their sources, their cells, and what is demanded of them."""

from pathlib import Path

import jupytext

ROOT = Path(__file__).parent.parent
CHAPTERS = {p.stem: p.read_text("utf-8") for p in sorted((ROOT / "chapters").glob("*.md"))}
LESSONS = [name for name, text in CHAPTERS.items() if "you_are_here(" in text]
OF_THE_ARTICLE = [name for name in LESSONS if name[0].isdigit()]

MOST_MINUTES = 15
MOST_PLUMBING, MOST_PLUMBING_OF_THE_BOOK = 0.15, 0.10  # shares of the open lines of code
BEATS = [
    *[r"\*\*Question\.\*\*", r"\*\*Predict\.\*\*", r"\*\*Play\.\*\*", r"\*\*Measure\.\*\*", r"\*\*Remember\.\*\*"],
    *[r"## Checked, and deeper$", r"## Exercises$", r"## Next question$"],
]


def source(name):
    return (ROOT / "index.md").read_text("utf-8") if name == "index" else CHAPTERS[name]


def cells(name):
    """The code cells of a chapter, or of the landing page, "index"."""
    return [cell for cell in jupytext.reads(source(name), fmt="md:myst").cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def tagged(name, tag):
    return [cell.source for cell in cells(name) if tag in tags(cell)]


def is_open(cell):
    """Whether its source stands open on the page."""
    return not {"hide-input", "hide-cell"} & set(tags(cell))
