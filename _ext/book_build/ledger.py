"""Collect the claims that chapters measure, print the ledger, and see that nothing is missing.

A claim's cell ends in `claim(...)` (code/page/claims.py). Any page can link to it by #claim-<name>; all claims are
listed where a page has PLACE.
"""

import ast
import html
import json
import re

from docutils import nodes
from sphinx.util import logging

from book_build.cells import cells

logger = logging.getLogger(__name__)

DATA = re.compile(r'data-claim="([^"]*)"')
PLACE = '<div id="ledger">'  # with words for those who read without the build
KINDS = {"corrected": "Corrected", "holds, if": "Holds, if …", "holds": "Holds", "unmeasured": "Unmeasured"}


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
    """Put the ledger in its place."""
    known = merged(app.env)
    for place in list(doctree.findall(nodes.raw)):
        if place.astext().startswith(PLACE):
            place.replace_self(nodes.raw("", table(app, docname, known), format="html"))


# ---------------------------------------------------------------- the table


def kind(fields):
    return "holds, if" if fields["verdict"].startswith("holds, if") else fields["verdict"]


def table(app, docname, known):
    """Counts, a filter that assets/ledger.js wakes, and a group of rows for each verdict, corrected first."""
    rows = sorted(known.values(), key=lambda row: ([int(n) for n in row[1]["section"].split(".")], row[1]["name"]))
    groups = {name: [row for row in rows if kind(row[1]) == name] for name in KINDS}
    # Nothing corrected is a result, and is said; nothing unmeasured goes without saying.
    counts = " · ".join(
        f"<b>{len(group)}</b> {KINDS[name].lower()}" for name, group in groups.items() if group or name != "unmeasured"
    )
    groups = {name: group for name, group in groups.items() if group}
    in_reading_order = [doc for doc in app.env.collect_relations() if doc in {d for d, _ in rows}]
    titles = {doc: html.escape(app.env.titles[doc].astext()) for doc in in_reading_order}
    bodies = "".join(
        f'<tbody data-verdict="{name}"><tr class="group"><th colspan="4" scope="rowgroup">{KINDS[name]}</th></tr>'
        + "".join(row(app.builder.get_relative_uri(docname, doc), doc, fields) for doc, fields in group)
        + "</tbody>"
        for name, group in groups.items()
    )
    verdicts = "".join(
        f'<option value="{name}">{KINDS[name]} ({len(group)})</option>' for name, group in groups.items()
    )
    chapters = "".join(f'<option value="{doc}">{title}</option>' for doc, title in titles.items())
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("§", "The article says", "Verdict", "The number"))
    return f"""<div class="ledger" id="ledger">
<p class="counts">{len(rows)} claims: {counts}.</p>
<form class="filter" hidden>
<label>Verdict <select name="verdict"><option value="">all</option>{verdicts}</select></label>
<label>Chapter <select name="chapter"><option value="">all</option>{chapters}</select></label>
<output></output>
</form>
<table class="table"><thead><tr>{heads}</tr></thead>{bodies}</table>
</div>"""


def row(uri, doc, fields):
    f = {key: html.escape(value) for key, value in fields.items()}
    quote = f' <q lang="zh">{f["quote"]}</q>' if f.get("quote") else ""
    name = kind(fields).split(",")[0]
    return (
        f'<tr data-chapter="{doc}"><td>§{f["section"]}</td><td>{f["says"]}.{quote}</td>'
        f'<td><span class="verdict verdict-{name}">{f["verdict"]}</span></td>'
        f'<td><a class="reference internal" href="{uri}#claim-{f["name"]}">{f["number"]}</a></td></tr>'
    )


def setup(app):
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", fill)
