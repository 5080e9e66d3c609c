"""What the theme leaves undone on a page: names for its controls and landmarks, and a 404 page that works anywhere."""

import re
from urllib.parse import urlsplit

from docutils import nodes

NOT_FOUND = "404"

# Patterns in the HTML of whole pages, and what stands there afterwards (docs/decisions.md says where each comes from).
MENDS = [
    # myst-nb: the name must be the words that are seen, "Worked solution"
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # pydata-sphinx-theme: the same; the button reads "Search" and its keys
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    # sphinx-book-theme: the logo and the search button of the side bar stand outside all landmarks
    (r'<div class="bd-sidebar-primary', '<div role="navigation" aria-label="Book" class="bd-sidebar-primary'),
    # docutils: a role that is deprecated and not allowed here, in a list that wants items
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # sphinxext-opengraph takes the first words of a page: a chapter's begin with the name of the beat
    (r'(<meta (?:name|property)="(?:og:)?description" content=")Question\. ', r"\1"),
]


def mend(page):
    for pattern, replacement in MENDS:
        page = re.sub(pattern, replacement, page)
    return page


def mend_all(app):
    if app.builder.format == "html":
        render = app.builder.templates.render
        app.builder.templates.render = lambda template, context: mend(render(template, context))


def configure(app, config):
    """The 404 page is no chapter of _toc.yml, and is asked for under any address: it needs the site's own prefix."""
    config.exclude_patterns[:] = [p for p in config.exclude_patterns if p != f"{NOT_FOUND}.md"]
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path or "/"


def absolute_links(app, doctree, docname):
    if docname == NOT_FOUND:
        for link in doctree.findall(nodes.reference):
            if link.get("internal") and "refuri" in link:
                link["refuri"] = app.config.notfound_urls_prefix + link["refuri"]


def setup(app):
    app.connect("config-inited", configure, priority=950)  # after _toc.yml was read
    app.connect("builder-inited", mend_all)
    app.connect("doctree-resolved", absolute_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
