"""The build is strict, remembers what it executed, and sees changes under code/: tried on books of a page or two."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent

HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, display_name: Python 3}
---

# A page

"""
SETUP = """import sys
sys.path.insert(0, "../code")
import matplotlib.pyplot as plt
from explore import explore
from page import claim
"""
DRAW = """def draw(n):
    figure, ax = plt.subplots(figsize=(2, 2))
    ax.plot([0, n])
    return figure, f"A line up to {n}."
explore(draw, n=[1, 2])
"""
CLAIM = """assert 1 + 1 == 2
claim("sum", section="2.1", says="one and one is two", verdict="holds", number=f"{1 + 1}")
"""


def cell(source, tags=""):
    return f"```{{code-cell}}\n:tags: [{tags}]\n\n{source}```\n\n"


GOOD = HEADER + cell(SETUP) + cell(DRAW) + cell(CLAIM, "claim") + "[Measured](#claim-sum).\n"


class Book:
    """A small book in a folder of its own, with the real configuration, extensions and modules."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("_ext", "code", "assets"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "_config.yml", folder)
        (folder / "references.bib").write_text("@misc{one, title={One}, author={Someone}, year={2020}}\n")
        (folder / "index.md").write_text("# A book\n\n{cite}`one`\n\n```{bibliography}\n```\n")
        (folder / "chapters").mkdir()
        self.page(GOOD)

    def page(self, text, name="page"):
        (self.folder / f"chapters/{name}.md").write_text(text, "utf-8")
        pages = sorted(path.stem for path in (self.folder / "chapters").glob("*.md"))
        toc = "format: jb-book\nroot: index\nchapters:\n" + "".join(f"  - file: chapters/{p}\n" for p in pages)
        (self.folder / "_toc.yml").write_text(toc)

    def build(self):
        """(exit code, all that was printed) of the very command that `make book` runs."""
        command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", "."]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("BOOK_STATIC", None)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr

    def html(self, name="page"):
        return (self.folder / f"_build/html/chapters/{name}.html").read_text("utf-8")


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def executed(log):
    return sorted(re.findall(r"chapters/(\w+)\.md: Executed notebook", log))


def test_the_build_command_is_the_makefiles():
    assert "jupyter-book build -W -n --keep-going ." in (ROOT / "Makefile").read_text()


BROKEN = {
    "a cell that raises": (cell("1 / 0\n"), "ZeroDivisionError|Executing notebook failed"),
    "a figure with an empty sentence": (cell("explore(lambda: (plt.figure(), ''))\n"), "Executing notebook failed"),
    "a claim whose assert fails": (cell(CLAIM.replace("== 2", "== 3"), "claim"), "Executing notebook failed"),
    "a formula that is none": ("$\\frac{1$\n", "MathJax could not draw a formula"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_stops_the_build(book, what):
    text, message = BROKEN[what]
    book.page(HEADER + cell(SETUP) + text)
    code, log = book.build()
    assert code != 0 and re.search(message, log), log[-3000:]


TWO = CLAIM.replace('"sum"', '"two"')
SUSPECT = {
    "a link to no page": ("[nowhere](no-such-page.md)\n", r"no-such-page"),
    "a link to no claim": ("[nowhere](#claim-of-nobody)\n", r"claim-of-nobody"),
    "a citation of nothing": ("{cite}`nobody2020`\n", r"nobody2020"),
    "a heading out of order": ("#### Too deep\n", r"Non-consecutive header level"),
    "output on stderr": (cell('print("oh", file=sys.stderr)\n'), r"stderr was found in the cell outputs"),
    "a bare figure": (cell("plt.plot([1, 2]);\n"), r"a figure without its sentence"),
    "a claim that asserts nothing": (cell(TWO.replace("assert 1 + 1 == 2", ""), "claim"), r"must assert something"),
    "a claim cell without a claim": (cell("assert 1 + 1 == 2\n", "claim"), r"must assert something and end in claim"),
    "a claim in a cell without the tag": (cell(TWO.replace('"two"', '"three"')), r"must be tagged claim"),
    "a claim declared twice": (cell(CLAIM, "claim"), r"the claim 'sum' is declared twice"),
}


@pytest.fixture(scope="module")
def suspect(tmp_path_factory):
    """One build of a book with all of these pages: each is an error of its own, and the build goes on to the next."""
    book = Book(tmp_path_factory.mktemp("suspect"))
    for i, (text, _) in enumerate(SUSPECT.values()):
        book.page(HEADER + cell(SETUP) + text, f"suspect{i}")
    return book.build()


@pytest.mark.parametrize("what", SUSPECT)
def test_what_is_suspect_fails_the_build(suspect, what):
    code, log = suspect
    i, message = list(SUSPECT).index(what), SUSPECT[what][1]
    lines = [line for line in log.splitlines() if f"suspect{i}.md" in line and re.search("WARNING|ERROR", line)]
    assert code != 0 and any(re.search(message, line) for line in lines), log[-6000:]


def test_a_sound_book_passes(book):
    code, log = book.build()
    assert code == 0, log[-3000:]


def test_claims_reach_the_ledger_their_links_and_each_other_page(book):
    book.page("# The ledger\n\n```{ledger}\n```\n\n[From afar](#claim-sum).\n", "ledger")
    assert book.build()[0] == 0
    ledger = book.html("ledger")
    row = re.search(r"<tr.*?<p>2\.1</p>.*?one and one is two.*?holds.*?href=\"(.*?)\"[^>]*>(.*?)</a>", ledger, re.S)
    assert (row[1], row[2]) == ("page.html#claim-sum", "2")
    assert re.search(r'href="page\.html#claim-sum">(<span[^>]*>)?From afar(</span>)? \(2\)</a>', ledger)
    assert re.search(r'href="#claim-sum">(<span[^>]*>)?Measured(</span>)? \(2\)</a>', book.html())

    # The number changes: the page that is not executed again shows the new one all the same.
    book.page(GOOD.replace("{1 + 1}", "{1 + 1}.0"))
    assert book.build()[0] == 0
    assert re.search(r"From afar(</span>)? \(2\.0\)", book.html("ledger"))


def test_a_second_build_executes_nothing_and_a_change_under_code_only_what_depends_on_it(book):
    book.page(
        HEADER + cell('import sys\nsys.path.insert(0, "../code")\nfrom page.thread import LEVELS\nLEVELS[0][1]\n'),
        "other",
    )
    code, log = book.build()
    assert code == 0 and executed(log) == ["other", "page"], log[-2000:]

    assert executed(book.build()[1]) == []

    # Read anew, but not executed: the notebook for download keeps its outputs.
    (book.folder / "chapters/page.md").touch()
    assert executed(book.build()[1]) == []
    download = nbformat.read(book.folder / "_build/html/_sources/chapters/page.ipynb", as_version=4)
    assert all(cell.outputs or cell.execution_count for cell in download.cells if cell.cell_type == "code")

    # No page imports costs.py; explore.py is imported by one of the two.
    (book.folder / "code/costs.py").write_text("# nobody reads this\n")
    assert executed(book.build()[1]) == []

    explore = book.folder / "code/explore.py"
    explore.write_text(explore.read_text("utf-8").replace('"font.size": 10,', '"font.size": 11,'), "utf-8")
    before = book.html()
    code, log = book.build()
    assert code == 0 and executed(log) == ["page"]
    assert book.html() != before

    # A failed run is not remembered as done.
    thread = book.folder / "code/page/thread.py"
    good = thread.read_text("utf-8")
    thread.write_text(good + "\n1 / 0\n", "utf-8")
    assert book.build()[0] != 0
    code, log = book.build()
    assert code != 0
    thread.write_text(good, "utf-8")
    code, log = book.build()
    assert code == 0, log[-2000:]
