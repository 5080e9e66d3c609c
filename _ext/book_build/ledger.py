"""Collect the claims that chapters measure, link to them, print the ledger, and see that nothing is missing.

A claim's cell ends in `claim(...)` (code/page/claims.py). A link to #claim-<name> anywhere in the book gets the
measured number; the directive {ledger} lists all claims.
"""

import ast
import html
import json
import re

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from book_build.cells import cells

logger = logging.getLogger(__name__)

DATA = re.compile(r'data-claim="([^"]*)"')


class ledger(nodes.General, nodes.Element):
    """Stands where the ledger goes until every chapter was read."""


class Ledger(SphinxDirective):
    def run(self):
        return [ledger()]


def collect(app, doctree):
    """Find the claims of a page; complain about claim cells without one and figures without a sentence."""
    env, docname = app.env, app.env.docname
    claims = env.book_claims = getattr(env, "book_claims", {})
    claims[docname] = {}
    std = env.get_domain("std")
    resting = "weights-missing" in "".join(node.astext() for node in doctree.findall(nodes.raw))
    for cell in cells(doctree):
        source = next((n.astext() for n in cell.findall(nodes.literal_block)), "")
        output = "".join(n.astext() for n in cell.findall(nodes.raw))
        found = [json.loads(html.unescape(data)) for data in DATA.findall(output)]
        if resting and "tag_claim" in cell["classes"]:
            found = [unmeasured(source)]
            cell["ids"].append(f"claim-{found[0]['name']}")
        if "tag_claim" in cell["classes"] and not (found and re.search(r"^\s*assert ", source, flags=re.M)):
            logger.warning("a cell tagged claim must assert something and end in claim(...)", location=cell)
        if found and "tag_claim" not in cell["classes"]:
            logger.warning("a cell that ends in claim(...) must be tagged claim", location=cell)
        for fields in found:
            anchor = f"claim-{fields['name']}"
            other = std.labels.get(anchor)
            if fields["name"] in claims[docname] or (other and other[0] != docname):
                logger.warning("the claim %r is declared twice", fields["name"], location=cell)
            claims[docname][fields["name"]] = fields
            std.anonlabels[anchor] = (docname, anchor)
            std.labels[anchor] = (docname, anchor, fields["says"])


def unmeasured(source):
    """What a claim cell would declare, read from its source: without their weights a chapter's cells rest."""
    call = next(
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "claim"
    )
    fields = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg in ("section", "says")}
    number = "not measured in this build: the weights are missing"
    return {"name": call.args[0].value, **fields, "verdict": "unmeasured", "number": number}


def forget(app, env, docname):
    getattr(env, "book_claims", {}).pop(docname, None)


def merged(env):
    return {name: (doc, f) for doc, fields in getattr(env, "book_claims", {}).items() for name, f in fields.items()}


def fill(app, doctree, docname):
    """Put each claim's number behind the links to it, and the ledger in its place."""
    known = merged(app.env)
    for link in list(doctree.findall(nodes.reference)):
        target = (link.get("refuri", "") + "#" + link.get("refid", "")).rpartition("#claim-")[2].rstrip("#")
        if target in known and not link.get("in_ledger"):
            link += nodes.Text(f" ({known[target][1]['number']})")
    for place in list(doctree.findall(ledger)):
        rows = sorted(known.values(), key=lambda row: ([int(n) for n in row[1]["section"].split(".")], row[1]["name"]))
        place.replace_self(_table(app, docname, rows))


def _table(app, docname, rows):
    table = nodes.table(classes=["ledger"])
    group = nodes.tgroup(cols=4)
    table += group
    for width in (8, 34, 20, 38):
        group += nodes.colspec(colwidth=width)
    head, body = nodes.thead(), nodes.tbody()
    group += [head, body]
    head += _row(
        *(nodes.paragraph("", text) for text in ("§", "The article says", "Verdict", "The number that decides it"))
    )
    for doc, f in rows:
        uri = app.builder.get_relative_uri(docname, doc) + f"#claim-{f['name']}"
        link = nodes.reference("", f["number"], refuri=uri, internal=True, in_ledger=True)
        kind = f["verdict"].split(",")[0]
        verdict = nodes.paragraph("", "", nodes.inline("", f["verdict"], classes=["verdict", f"verdict-{kind}"]))
        body += _row(
            nodes.paragraph("", f["section"]), nodes.paragraph("", f["says"]), verdict, nodes.paragraph("", "", link)
        )
    return table


def _row(*cells):
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", cell)
    return row


def setup(app):
    app.add_node(ledger)
    app.add_directive("ledger", Ledger)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", fill)
