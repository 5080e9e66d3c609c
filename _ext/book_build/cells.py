"""What a page makes of tagged cells: names on the drop-downs, and no figure without its sentence."""

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)

DROP_DOWNS = {
    "tag_setup": "Set-up of this page",
    "tag_solution": "Worked solution",
    "tag_attempt": "A first attempt",
}


def cells(doctree):
    return doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"])


def name_and_check(app, doctree):
    for cell in cells(doctree):
        name = next((name for tag, name in DROP_DOWNS.items() if tag in cell["classes"]), "Code")
        if "prompt_show" in cell:
            cell["prompt_show"] = cell["prompt_hide"] = name
        if next(cell.findall(nodes.image), None) is not None:
            logger.warning("a figure without its sentence: show it with explore(...)", location=cell)


def setup(app):
    app.connect("doctree-read", name_and_check)
