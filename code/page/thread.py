"""The thread of the book: one question asked of another, down from the formula and up again."""

import html
import os

# (the level's name on the mark, its chapter's file, the sections that stand on this level)
LEVELS = (
    (
        "softmax(QKᵀ/√d<sub>k</sub>)V",
        "3-2-the-formula",
        {"1", "2.3", "3.1", "3.2", "write-it-yourself", "4.1.3", "5", "real-model", "costs"},
    ),
    ("Q, K, V", "3-2-1-queries-and-keys", {"3.2.1", "4.1.1"}),
    ("W<sub>q</sub>, W<sub>k</sub>, W<sub>v</sub>", "3-3-weight-matrices", {"3.3", "4.1.2"}),
    ("training", "3-3-1-three-stages", {"3.3.1"}),
    ("loss", "2-2-loss-and-backprop", {"2.2"}),
    ("dot product", "2-1-dot-product", {"2.1"}),
)
WAY_UP = {"4.1.1", "4.1.2", "4.1.3", "5", "real-model", "costs"}


def you_are_here(section):
    """The mark at the top of a chapter: every level of the stack, linked, the chapter's own one marked.

    section: the article's number of the chapter, "3.2.1", or the file's name of one that the article does not have.
    Errors: ValueError for a section without a level.
    """
    if not any(section in sections for _, _, sections in LEVELS):
        known = sorted(set().union(*(sections for _, _, sections in LEVELS)))
        raise ValueError(f"section {section!r} stands on no level of the thread; these do: {', '.join(known)}.")
    return _Mark(section)


class _Mark:
    def __init__(self, section):
        self.section = section

    def _repr_html_(self):
        suffix = "html" if os.environ.get("BOOK_STATIC") else "md"
        links = [
            f'<a href="{chapter}.{suffix}" aria-current="true"><strong>{level}</strong></a>'
            if self.section in sections
            else f'<a href="{chapter}.{suffix}">{level}</a>'
            for level, chapter, sections in LEVELS
        ]
        way = "up again" if self.section in WAY_UP else "down"
        return f'<p class="thread">The thread, on the way {way}: {" › ".join(links)}</p>'

    def __repr__(self):
        return f"the thread, at section {html.escape(self.section)}"
