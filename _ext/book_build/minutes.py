"""How long a page takes to read, counted when the page is built."""

import re

from docutils import nodes

from book_build.cells import folded

WORDS_A_MINUTE = 200
SECONDS_A_LINE = 6
SECONDS_A_FIGURE = SECONDS_A_PREDICTION = 60

# The headings of what a reader may leave out, one for each language of the book
DEEPER = ("Checked, and deeper",)
BESIDE_THE_CORE = (*DEEPER, "Exercises")

# code/page/thread.py leaves a place for a chapter's minutes, index.md one for the whole book's.
OF_THE_PAGE = '<span class="minutes"></span>'
OF_THE_BOOK = '<span class="minutes-of-the-book">'


def seconds(part, leave_out=()):
    """How long a reader needs: a minute for 200 words or for a figure, 6 seconds for an open line of code.

    A claim and a table are words like others. What stands closed is not counted: sources of cells, solutions, answers
    of a prediction. leave_out: headings of sections that are not counted either.
    """
    if isinstance(part, nodes.container) and "cell" in part["classes"]:
        return of_cell(part)
    if isinstance(part, nodes.Text | nodes.raw):
        return 60 / WORDS_A_MINUTE * len(re.sub(r"<[^>]*>", " ", part.astext()).split())
    if isinstance(part, nodes.section) and part.next_node(nodes.title).astext() in leave_out:
        return 0
    hidden = [id(child) for child in folded(part)]
    return sum(seconds(child, leave_out) for child in part.children if id(child) not in hidden)


def of_cell(cell):
    total, hidden = 0, cell.get("hide_mode")
    for part in cell.children if hidden != "all" else ():
        text = part.astext()
        if part.get("nb_element") == "cell_code_source":
            total += 0 if hidden else SECONDS_A_LINE * len([line for line in text.splitlines() if line.strip()])
        elif "<explore-figure" in text:
            total += SECONDS_A_FIGURE * text.count("<explore-figure")
        else:
            total += sum(map(seconds, part.findall(nodes.raw)))
    return total


def core(doctree):
    """Seconds for what everybody reads, a minute for the prediction in it: no exercises, no "Checked, and deeper"."""
    predicts = any('class="predict"' in raw.astext() for raw in doctree.findall(nodes.raw))
    return seconds(doctree, BESIDE_THE_CORE) + SECONDS_A_PREDICTION * predicts


def in_words(total):
    """Seconds as "1 minute", "12 minutes", from an hour and a half on as "2½ hours"."""
    minutes = max(1, round(total / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes > 1)}"
    halves = round(minutes / 30)
    return f"{halves // 2}{'½' * (halves % 2)} hours"


def count(app, doctree):
    """Every chapter with a mark says how long it takes, on the mark."""
    counted = app.env.book_seconds = getattr(app.env, "book_seconds", {})
    counted.pop(app.env.docname, None)
    for raw in list(doctree.findall(nodes.raw)):
        if OF_THE_PAGE in (text := raw.astext()):
            counted[app.env.docname] = core(doctree)
            said = f'<span class="minutes">about {in_words(counted[app.env.docname])}</span>'
            raw.replace_self(nodes.raw("", text.replace(OF_THE_PAGE, said), format="html"))


def forget(app, env, docname):
    getattr(env, "book_seconds", {}).pop(docname, None)


def fill(app, doctree, docname):
    """The words in a <span class="minutes-of-the-book"> become what all chapters take together."""
    for raw in list(doctree.findall(nodes.raw)):
        if raw.astext() == OF_THE_BOOK:
            words = raw.next_node(nodes.Text, descend=False, siblings=True)
            words.parent.replace(words, nodes.Text(in_words(sum(app.env.book_seconds.values()))))


def setup(app):
    app.connect("doctree-read", count, priority=600)  # before closed.py takes the page apart
    app.connect("env-purge-doc", forget)
    app.connect("doctree-resolved", fill)
