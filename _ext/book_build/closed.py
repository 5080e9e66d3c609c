"""What stands closed on a page: machinery below what it made, solutions, and the section "Checked, and deeper".

A chapter says so by tags and by that heading alone. In Jupyter a closed cell's source is hidden by the cell's own
metadata, and the section is one like any other.
"""

from html import escape

from docutils import nodes

from book_build.cells import HOLDS, OFFERS, cells, named
from book_build.minutes import DEEPER, in_words, seconds


class closed(nodes.General, nodes.Element):
    """A drop-down, `summary` the words on it. It needs no script."""


def visit_closed(translator, node):
    translator.body.append(translator.starttag(node, "details"))
    translator.body.append(f"<summary>{escape(node['summary'])}</summary>\n")


def depart_closed(translator, node):
    translator.body.append("</details>\n")


def is_machinery(node):
    return isinstance(node, nodes.container) and node.get("hide_mode") == "input" and named(node, HOLDS)


def close_cells(app, doctree):
    """What a cell made comes first, and its source closed below it; a set-up's source goes to the end of the page."""
    machinery = [cell for cell in cells(doctree) if is_machinery(cell)]
    shows = ["tag_setup" not in cell["classes"] and len(cell.children) > 1 for cell in machinery]
    waiting = []  # sources of cells that show nothing: they are for what the next one shows
    for i, cell in enumerate(machinery):
        sources = [part for part in cell.children if part.get("nb_element") == "cell_code_source"]
        for source in sources:
            cell.remove(source)
        if "tag_setup" in cell["classes"]:
            page = next(doctree.findall(nodes.section), doctree)
            page += nodes.container("", control(cell, sources), classes=["cell"])
        elif shows[i] or not any(shows[i:]):
            cell += control(cell, waiting + sources)
            waiting = []
        else:
            waiting += sources
        del cell["hide_mode"]
        if not cell.children:
            cell.parent.remove(cell)


def control(cell, sources):
    return closed("", *sources, summary=named(cell, HOLDS), classes=["machinery"])


def close_offers(app, doctree):
    """A solution and an attempt: the whole cell, or its source alone above what it prints."""
    for cell in [cell for cell in cells(doctree) if cell.get("hide_mode") and named(cell, OFFERS)]:
        inside = list(cell.children) if cell["hide_mode"] == "all" else cell.children[:1]
        for part in inside:
            cell.remove(part)
        cell.insert(0, closed("", *inside, summary=named(cell, OFFERS), classes=["offer"]))
        del cell["hide_mode"]


def close_deeper(app, doctree):
    """The heading stays; what follows it in its section is closed, and says how long it takes."""
    for section in list(doctree.findall(nodes.section)):
        if section.next_node(nodes.title).astext() in DEEPER:
            content = section.children[1:]
            time = in_words(sum(map(seconds, content)))
            claims = any("tag_claim" in cell["classes"] for part in content for cell in cells(part))
            what = "Further claims of the article, proofs and controls" if claims else "Proofs and controls"
            words = f"{what} · about {time}"
            del section[1:]
            section += closed("", *content, summary=words, classes=["deeper"])


def setup(app):
    app.add_node(closed, html=(visit_closed, depart_closed))
    # After the claims were collected (ledger.py) and the minutes counted (minutes.py), before anything is written.
    app.connect("doctree-read", close_deeper, priority=700)
    app.connect("doctree-read", close_cells, priority=800)
    app.connect("doctree-read", close_offers, priority=800)
