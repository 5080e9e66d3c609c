"""The list of references, from references.bib: each entry is a place that a chapter links to, #ref-<key>."""

import html
from pathlib import Path

from pybtex.database import parse_file
from pybtex.plugin import find_plugin


def references(path):
    """The entries of a BibTeX file as a numbered list, in the file's order.

    Returns: a list for Jupyter and the page, in which entry `key` can be linked to as #ref-<key>.
    Errors: FileNotFoundError that says where the file was looked for.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no list of references at {Path(path).resolve()}.")
    style, html_backend = find_plugin("pybtex.style.formatting", "unsrt")(), find_plugin("pybtex.backends", "html")()
    entries = style.format_bibliography(parse_file(path, encoding="utf-8"))
    return _References([(entry.key, entry.text.render(html_backend)) for entry in entries])


class _References:
    def __init__(self, entries):
        self.entries = entries

    def _repr_html_(self):
        items = "".join(f'<li id="ref-{html.escape(key)}">{text}</li>\n' for key, text in self.entries)
        return f'<ol class="references">\n{items}</ol>'

    def __repr__(self):
        return f"{len(self.entries)} references"
