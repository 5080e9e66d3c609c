"""The thread of the book: the way that is walked, from three tools down to the training and up again."""

import os

# (a stretch of the way, its places: (the place's name on the mark, its chapter, the sections that stand there))
TOOLS = (
    ("dot product", "2-1-dot-product", {"2.1"}),
    ("loss", "2-2-loss-and-backprop", {"2.2"}),
    ("code", "2-3-the-code", {"2.3"}),
)
DOWN = (
    ("the flow", "3-1-the-flow", {"3.1"}),
    ("the formula", "3-2-the-formula", {"3.2", "write-it-yourself"}),
    ("Q and K", "3-2-1-queries-and-keys", {"3.2.1"}),
    ("the matrices", "3-3-weight-matrices", {"3.3"}),
)
BOTTOM = (("training", "3-3-1-three-stages", {"3.3.1"}),)
UP = (
    ("why matrices", "4-1-1-why-weight-matrices", {"4.1.1"}),
    ("why three", "4-1-2-why-three", {"4.1.2"}),
    ("why QKᵀ", "4-1-3-why-qkt", {"4.1.3"}),
    ("summary", "5-summary", {"5"}),
)
WAY = {"tools": TOOLS, "down": DOWN, "bottom": BOTTOM, "up": UP}
BESIDE = {"1", "real-model", "costs"}  # before the way begins, and after it has ended


def you_are_here(section):
    """The mark at the top of a chapter: the whole way in one line, and the places of the stretch on which one stands.

    section: the article's number of the chapter, "3.2.1", or the file's name of one that the article does not have.
    On the page the build adds how many minutes the chapter takes (_ext/book_build/minutes.py).
    Errors: ValueError for a section that is no place on the way.
    """
    known = BESIDE.union(*(sections for places in WAY.values() for _, _, sections in places))
    if section not in known:
        raise ValueError(f"section {section!r} is no place on the thread; these are: {', '.join(sorted(known))}.")
    return _Mark(section)


class _Mark:
    def __init__(self, section):
        self.section = section

    def _repr_html_(self):
        way = ' <span aria-hidden="true">→</span> '.join(self._stretch(name, places) for name, places in WAY.items())
        return f'<p class="thread"><span class="way">{way}</span> <span class="minutes"></span></p>'

    def _stretch(self, name, places):
        """A link to the first place of a stretch; where one stands, all its places."""
        if not any(self.section in sections for _, _, sections in places):
            return _link(places[0][1], name)
        here = next(i for i, (_, _, sections) in enumerate(places) if self.section in sections)
        links = [_link(chapter, place) for place, chapter, _ in places]
        links[here] = _link(places[here][1], f"<strong>{places[here][0]}</strong>", ' aria-current="true"')
        # A phone has room for the one place: the others go, each with its dot.
        links[:here] = [f'<span class="near">{link} · </span>' for link in links[:here]]
        links[here + 1 :] = [f'<span class="near"> · {link}</span>' for link in links[here + 1 :]]
        return f"{name}: {''.join(links)}"

    def __repr__(self):
        return f"the thread, at section {self.section}"


def _link(chapter, words, more=""):
    suffix = "html" if os.environ.get("BOOK_STATIC") else "md"
    return f'<a href="{chapter}.{suffix}"{more}>{words}</a>'
