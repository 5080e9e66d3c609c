"""What dependencies write into pages and this book wants otherwise: patterns in the HTML, tried on every page.

_config.yml names `Pages` as its template_bridge, the class through which Sphinx writes pages. A mend that finds nothing
in a whole build is a warning: the dependency has changed, and the mend may go.
"""

import re
from collections import Counter

from sphinx.jinja2glue import BuiltinTemplateLoader
from sphinx.util import logging

from book_build import icons

logger = logging.getLogger(__name__)

# What to look for, and what stands there afterwards (docs/decisions.md says where each comes from).
MENDS = [
    # pydata-sphinx-theme: the same; the button reads "Search" and its keys
    (r'(<button class="btn search-button-field[^>]*?) aria-label="Search"', r"\1"),
    # sphinx-book-theme: the logo and the search button of the side bar stand outside all landmarks
    (r'<div class="bd-sidebar-primary', '<div role="navigation" aria-label="Book" class="bd-sidebar-primary'),
    # pydata-sphinx-theme: icons that wait for 840 kB of Font Awesome
    (icons.MARKUP, icons.inline),
    # pydata-sphinx-theme: a first visit in the dark begins in the light, until the theme's script has come
    (
        r'dataset\.theme = localStorage\.getItem\("theme"\) \|\| "auto";',
        'dataset.theme = { light: "light", dark: "dark" }[document.documentElement.dataset.mode]\n'
        '      || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");',
    ),
    # pydata-sphinx-theme: scripts that hold up what stands below them
    (r'<script src="', '<script defer src="'),
]


class Pages(BuiltinTemplateLoader):
    """Sphinx's own templates, mended."""

    def init(self, builder, theme=None, dirs=None):
        super().init(builder, theme, dirs)
        self.found = Counter()

    def render(self, template, context):
        page = super().render(template, context)
        for pattern, replacement in MENDS:
            page, times = re.subn(pattern, replacement, page)
            self.found[pattern] += times
        return page


def remember(app, pagename, templatename, context, doctree):
    app.written_pages.add(pagename)


def tell_idle(app, exception):
    """After a build of all pages; one that writes a few, or none, says nothing about the others."""
    if exception is None and app.env.found_docs <= app.written_pages:
        for pattern, _ in MENDS:
            if not app.builder.templates.found[pattern]:
                logger.warning("a mend finds nothing on any page, take it out of mends.py or mend it: %s", pattern)


def setup(app):
    app.written_pages = set()
    app.connect("html-page-context", remember)
    app.connect("build-finished", tell_idle)
