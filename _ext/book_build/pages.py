"""What a page is to others: a description of its own, and a 404 page that works anywhere."""

import html
import re
from urllib.parse import urlsplit

from docutils import nodes

NOT_FOUND = "404"


def configure(app, config):
    """The 404 page is no chapter of _toc.yml, and is asked for under any address: it needs the site's own prefix."""
    config.exclude_patterns[:] = [p for p in config.exclude_patterns if p != f"{NOT_FOUND}.md"]
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path or "/"


def absolute_links(app, doctree, docname):
    if docname == NOT_FOUND:
        for link in doctree.findall(nodes.reference):
            if link.get("internal") and "refuri" in link:
                link["refuri"] = app.config.notfound_urls_prefix + link["refuri"]


# ---------------------------------------------------------------- what a page says of itself to others

LONGEST = 200  # letters of a description: about what search engines and previews show
SPOKEN = [
    (r"\\(?:mathrm|mathsf|mathbf|text|operatorname)\s*", ""),
    (r"\^\{*T\}*", "ᵀ"),
    (r"\\sqrt\{(.*?)\}", r"√\1"),
    (r"\\cdot ?", "·"),
    (r"\\times ?", "×"),
    (r"[_{}]", ""),
]


def spoken(tex):
    """A short formula as plain text, "W_q" -> "Wq"; None if it needs more than a line of letters."""
    for pattern, replacement in SPOKEN:
        tex = re.sub(pattern, replacement, tex)
    return None if re.search(r"[\\^&]", tex) else tex


def description(doctree):
    """The first sentences of a page, as many as fit: a chapter's question. No formulas, no numbers of the bibliography.

    Returns "" for a page without a paragraph of its own.
    """
    section = next(doctree.findall(nodes.section), doctree)
    paragraph = next((child.deepcopy() for child in section if isinstance(child, nodes.paragraph)), None)
    if paragraph is None:
        return ""
    for markup in list(paragraph.findall(nodes.raw)):
        markup.parent.remove(markup)
    for formula in list(paragraph.findall(nodes.math)):
        formula.replace_self(nodes.Text(spoken(formula.astext()) or "\\"))
    words = re.sub(r"\s*\[\s*\d+(?:, ?\d+)*\s*\]", "", paragraph.astext())
    words = " ".join(words.split()).removeprefix("Question. ")
    words = words.partition("\\")[0] if "\\" in words else words
    said = ""
    for sentence in re.findall(r"\S.*?[.?!][”\"]?(?=\s|$)", words):
        if said and len(said) + len(sentence) >= LONGEST:
            break
        said = f"{said} {sentence}".strip()
    said = said or words
    return said if len(said) <= LONGEST else said[:LONGEST].rpartition(" ")[0].rstrip(",;:") + " …"


def describe(app, pagename, templatename, context, doctree):
    """Before sphinxext-opengraph, which would take the first letters of a page, TeX and all."""
    said = html.escape(description(doctree)) if doctree is not None else ""
    if said:
        context["meta"] = {**(context.get("meta") or {}), "og:description": said}
        context["metatags"] += f'<meta name="description" content="{said}" />\n'


def setup(app):
    app.connect("html-page-context", describe, priority=400)
    app.connect("config-inited", configure, priority=950)  # after _toc.yml was read
    app.connect("doctree-resolved", absolute_links)
