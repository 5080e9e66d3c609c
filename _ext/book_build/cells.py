"""Cells as the build finds them on a page; no figure without its sentence, nothing closed without a name."""

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)

# The words on the control of a closed cell (closed.py): it is the reader's to open, or it is machinery.
OFFERS = {"tag_solution": "Worked solution", "tag_attempt": "A first attempt"}
HOLDS = {
    "tag_setup": "What this page imports",
    "tag_drawn": "How this is drawn",
    "tag_measured": "How this was measured",
    "tag_claim": "How this was measured",
}


def cells(doctree):
    return doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"])


def named(cell, names):
    """The name that one of a cell's tags has in `names`, or None."""
    return next((name for tag, name in names.items() if tag in cell["classes"]), None)


def folded(parent):
    """The children of a node that stand inside a <details> written by hand, such as the answers of a prediction."""
    inside, found = False, []
    for child in parent.children:
        if isinstance(child, nodes.raw):
            html = child.astext()
            last = max(html.rfind("<details"), html.rfind("</details"))
            inside = inside if last < 0 else html.startswith("<details", last)
        elif inside:
            found.append(child)
    return found


def check(app, doctree):
    for cell in cells(doctree):
        if cell.get("hide_mode") and not named(cell, OFFERS | HOLDS):
            words = "a closed cell must say what it holds: tag it setup, drawn, measured, claim, solution or attempt"
            logger.warning(words, location=cell)
        if next(cell.findall(nodes.image), None) is not None:
            logger.warning("a figure without its sentence: show it with explore(...)", location=cell)


def setup(app):
    app.connect("doctree-read", check)
