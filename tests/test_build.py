"""The build is strict, remembers what it executed, and sees changes under code/: tried on books of a page or two."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.depends("_ext", "code", "assets", "_config.yml", "Makefile")

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


INDEX = """# A book

It takes <span class="minutes-of-the-book">hours</span>.
"""
GOOD = HEADER + cell(SETUP) + cell(DRAW) + cell(CLAIM, "claim") + "[Measured](#claim-sum).\n"


CACHE = "_build/.jupyter_cache"
STRICT = ("-W", "-n", "--keep-going")


class Book:
    """A small book in a folder of its own, with the real configuration, extensions and modules."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("_ext", "code", "assets"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("_config.yml", "requirements.txt", "requirements-real-model.txt"):
            shutil.copy(ROOT / name, folder)
        entry = "@misc{NAME, title={The book}, author={Someone}, year={2020}}\n"
        (folder / "references.bib").write_text(entry.replace("NAME", "one") + entry.replace("NAME", "two"))
        (folder / "index.md").write_text(INDEX)
        (folder / "chapters").mkdir()
        self.page(GOOD)

    def page(self, text, name="page"):
        (self.folder / f"chapters/{name}.md").write_text(text, "utf-8")
        pages = sorted(path.stem for path in (self.folder / "chapters").glob("*.md"))
        toc = "format: jb-book\nroot: index\nchapters:\n" + "".join(f"  - file: chapters/{p}\n" for p in pages)
        (self.folder / "_toc.yml").write_text(toc)

    def start(self, switches=(), **environment):
        """A build that runs, in a session of its own."""
        command = [Path(sys.executable).with_name("jupyter-book"), "build", *switches, "."]
        inherited = {name: value for name, value in os.environ.items() if name not in ("BOOK_STATIC", "BOOK_WORKERS")}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            start_new_session=True,
        )

    def build(self, switches=STRICT, **environment):
        """(exit code, all that was printed) of the very command that `make book` runs, or with other switches."""
        running = self.start(switches, **environment)
        log = running.communicate()[0]
        return running.returncode, log

    def html(self, name="page"):
        return (self.folder / f"_build/html/chapters/{name}.html").read_text("utf-8")


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path)


def executed(log):
    """The chapters that were executed, in the order in which they were ready."""
    return re.findall(r"\] executed chapters/(\w+) in", log)


def test_the_build_command_is_the_makefiles():
    assert f"jupyter-book build {' '.join(STRICT)} ." in (ROOT / "Makefile").read_text()


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
    "a citation of nothing": ("[Nobody](page.md#ref-nobody2020)\n", r"ref-nobody2020"),
    "a heading out of order": ("#### Too deep\n", r"Non-consecutive header level"),
    "output on stderr": (cell('print("oh", file=sys.stderr)\n'), r"stderr was found in the cell outputs"),
    "a bare figure": (cell("plt.plot([1, 2]);\n"), r"a figure without its sentence"),
    "a closed cell of no kind": (cell("1 + 1\n", "hide-input"), r"must say what it holds"),
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


def test_a_warning_is_given_again_until_its_cause_is_gone(book):
    book.page(GOOD + "[nowhere](no-such-page.md)\n")
    assert [book.build()[0] != 0 for _ in range(2)] == [True, True]
    book.page(GOOD)
    code, log = book.build()
    assert code == 0, log[-3000:]


def test_a_sound_book_passes(book):
    code, log = book.build()
    assert code == 0, log[-3000:]


def test_claims_reach_the_ledger_their_links_and_each_other_page(book):
    book.page('# The ledger\n\n<div id="ledger"></div>\n\n[From afar](#claim-sum).\n', "ledger")
    assert book.build()[0] == 0
    ledger = book.html("ledger")
    row = re.search(r"<tr data-chapter.*?§2\.1<.*?one and one is two.*?holds.*?href=\"(.*?)\"[^>]*>(.*?)</a>", ledger)
    assert (row[1], row[2]) == ("page.html#claim-sum", "2")
    assert re.search(r'href="page\.html#claim-sum">(<span[^>]*>)?From afar(</span>)?</a>', ledger)
    assert re.search(r'href="#claim-sum">(<span[^>]*>)?Measured(</span>)?</a>', book.html())

    # The number changes: the page that is not executed again shows the new one all the same.
    book.page(GOOD.replace("{1 + 1}", "{1 + 1}.0"))
    assert book.build()[0] == 0
    assert re.search(r'#claim-sum">2\.0</a>', book.html("ledger"))


def test_a_second_build_executes_nothing_and_a_change_under_code_only_what_depends_on_it(book):
    book.page(
        HEADER + cell('import sys\nsys.path.insert(0, "../code")\nfrom page.thread import WAY\nlen(WAY)\n'),
        "other",
    )
    code, log = book.build()
    assert code == 0 and sorted(executed(log)) == ["other", "page"], log[-2000:]

    assert executed(book.build()[1]) == []

    # Read anew, but not executed: the notebook for download keeps its outputs.
    (book.folder / "chapters/page.md").touch()
    assert executed(book.build()[1]) == []
    download = nbformat.read(book.folder / "_build/html/_sources/chapters/page.ipynb", as_version=4)
    assert all(cell.outputs or cell.execution_count for cell in download.cells if cell.cell_type == "code")

    # No page imports costs.py; explore by one of the two.
    (book.folder / "code/costs.py").write_text("# nobody reads this\n")
    assert executed(book.build()[1]) == []

    frames = book.folder / "code/explore/frames.py"
    text = frames.read_text("utf-8")
    assert '"font.size": 11,' in text
    frames.write_text(text.replace('"font.size": 11,', '"font.size": 12,'), "utf-8")
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


# ---------------------------------------------------------------- what stands closed, and how long the rest takes

REFERENCES = """from page.references import references
references("../references.bib")
"""
HALF_DRAWN = """def half(n):
    return n / 2
"""
PREDICTION = """**Predict.** Which?

<details class="predict"><summary>A. This</summary>

Yes: [see there](#claim-sum).

</details>

"""
LAYERS = (
    HEADER
    + cell(SETUP + "from page import you_are_here\nyou_are_here('2.1')\n", "setup, hide-input")
    + PREDICTION
    + cell(HALF_DRAWN, "drawn, hide-input")
    + "Prose between.\n\n"
    + cell(DRAW, "drawn, hide-input")
    + cell(CLAIM, "claim, hide-input")
    + "word " * 1800
    + "\n\n## Checked, and deeper\n\n### A control\n\n"
    + "word " * 600
    + "\n\n## Exercises\n\n"
    + "word " * 600
    + "\n\n"
    + cell("2 + 2\n", "solution, hide-cell")
    + "\n\n[Someone](references.md#ref-two) and [a control](#a-control)\n"
)


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """The HTML of a page with all that is closed, of a landing page, and of a list of references."""
    book = Book(tmp_path_factory.mktemp("layers"))
    book.page(LAYERS)
    book.page(HEADER + cell(SETUP + REFERENCES, "setup, hide-input"), "references")
    code, log = book.build()
    assert code == 0, log[-3000:]
    return book


def test_what_a_cell_made_comes_first_and_its_source_is_closed_below(layers):
    page = layers.html()
    order = ["explore-figure", "How this is drawn", ">half<", ">draw<", 'id="claim-sum"', "How this was measured"]
    places = [re.search(re.escape(words), page).start() for words in order]
    assert places == sorted(places)
    assert page.count("How this is drawn") == 1, "two cells that draw one figure have one control"
    assert page.count('<details class="machinery') == 3


def test_the_mark_stands_first_and_what_the_page_imports_last(layers):
    text = re.sub(r"<span[^>]*>", "", layers.html().partition("<main")[2])
    order = ['class="thread"', "Predict.", "Someone", "What this page imports"]
    places = [text.index(words) for words in order]
    assert places == sorted(places) and "insert" in text[places[-1] :] and "insert" not in text[: places[-1]]


def test_the_links_in_the_answers_of_a_prediction_keep_their_words(layers):
    assert re.search(r'href="#claim-sum">(<span[^>]*>)?see there(</span>)?</a>', layers.html())


def test_minutes_are_counted_of_the_core_and_of_what_is_deeper(layers):
    page = layers.html()
    # 1800 words, a figure, a prediction; neither 600 words of exercises nor the closed code
    assert '<span class="minutes">about 11 minutes</span>' in page
    assert ">Proofs and controls · about 3 minutes</summary>" in page
    index = (layers.folder / "_build/html/index.html").read_text("utf-8")
    assert re.search(r'minutes-of-the-book">11 minutes</span>', index)


def test_what_is_deeper_is_closed_under_its_heading(layers):
    page = layers.html()
    section = page.partition('<section id="checked-and-deeper">')[2].partition('<section id="exercises">')[0]
    order = ["<h2>", '<details class="deeper', 'id="a-control"', "</section>", "</details>"]
    assert [section.index(words) for words in order] == sorted(section.index(words) for words in order)


def test_references_are_places_to_link_to(layers):
    assert re.search(r'href="references\.html#ref-two">', layers.html())
    assert '<li id="ref-two">Someone.' in layers.html("references")


# ---------------------------------------------------------------- executing

WRONG = """def reciprocal(x):
    return 1 / x
reciprocal(0)
"""


@pytest.mark.parametrize("switches", [(), STRICT], ids=["without make", "make book"])
def test_a_failure_names_its_cell_and_stops_the_build_but_what_ran_well_is_kept(book, switches):
    book.page(HEADER + cell("1 + 1\n" + "# The longest is executed first.\n" * 100))
    wrong = HEADER + cell("1 + 1\n") + "Some words.\n\n" + cell(WRONG + "# It comes second.\n" * 9)
    book.page(wrong, "wrong")
    book.page(HEADER + cell("1 + 1\n"), "third")
    code, log = book.build(switches, BOOK_WORKERS="1")
    assert code != 0 and executed(log) == ["page"], log
    line = re.search(r"chapters/wrong\.md:(\d+): WARNING: Executing notebook failed: CellExecutionError", log)[1]
    assert wrong.splitlines()[int(line) + 1] == "def reciprocal(x):"  # below the fence, the tags, and an empty line
    plain = re.sub(r"\x1b\[[\d;]*m", "", log)
    assert "return 1 / x" in plain and "ZeroDivisionError: division by zero" in plain

    book.page(wrong.replace("(0)", "(1)"), "wrong")
    code, log = book.build(BOOK_WORKERS="1")
    assert code == 0 and executed(log) == ["wrong", "third"], log[-3000:]


WAIT = """import os, time
from pathlib import Path
Path("{me}").write_text(str(os.getpid()))
begin = time.monotonic()
while not Path("{other}").exists():
    time.sleep(0.1)
    assert time.monotonic() < begin + 60
print(os.environ["OMP_NUM_THREADS"])
"""


def test_two_chapters_are_executed_at_a_time_each_on_one_thread(book):
    book.page(HEADER + cell(WAIT.format(me="one", other="two")), "one")
    book.page(HEADER + cell(WAIT.format(me="two", other="one")), "two")
    code, log = book.build(BOOK_WORKERS="2")
    assert code == 0 and {"one", "two"} < set(executed(log)), log[-3000:]
    assert re.search(r"\[ +\d+ s\] executing chapters/\w+ \(2 of 3\)\n", log)
    assert re.search(r"\[ +\d+ s\] executed chapters/\w+ in \d+\.\d s \(3 of 3 done\)\n", log)
    assert ">1\n" in book.html("one")


def test_the_number_of_chapters_at_a_time_must_be_one(book):
    code, log = book.build(BOOK_WORKERS="two")
    assert code != 0 and "BOOK_WORKERS" in log and "'two'" in log


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_kernels_too(book):
    for me in ("one", "two"):
        book.page(HEADER + cell(WAIT.format(me=me, other="nobody")), me)
    running = book.start(BOOK_WORKERS="2")
    kernels = [book.folder / "chapters" / me for me in ("one", "two")]
    deadline = time.monotonic() + 120
    while not all(kernel.exists() and kernel.read_text() for kernel in kernels) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    log = running.communicate(timeout=60)[0]
    assert running.returncode != 0 and "Interrupted" in log
    for kernel in kernels:
        with pytest.raises(ProcessLookupError):
            os.kill(int(kernel.read_text()), 0)


# ---------------------------------------------------------------- what was built before

EDITS = {
    "code/explore/frames.py": ('"font.size": 11,', '"font.size": 12,'),
    "chapters/page.md": ("# A page", "# The page, edited"),
    "chapters/second.md": ("# The second page", "# Second"),
    "_ext/book_build/cells.py": ('"How this is drawn"', '"How this figure is drawn"'),
    "assets/book.css": ("{", "{ /* edited */"),
}


def change(book, back=False):
    for name, edit in EDITS.items():
        text = (book.folder / name).read_text("utf-8")
        old, new = reversed(edit) if back else edit
        assert old in text, name
        (book.folder / name).write_text(text.replace(old, new), "utf-8")
    notebook = book.folder / "chapters/page.ipynb"  # as `make notebooks` writes it
    if back:
        (book.folder / "chapters/third.md").unlink()
        notebook.unlink()
    else:
        nbformat.write(nbformat.v4.new_notebook(), notebook)
        (book.folder / "chapters/third.md").write_text("# The third page\n\n[To the claim](#claim-sum)\n")
    book.page((book.folder / "chapters/page.md").read_text("utf-8"))


def site(book):
    """{name of a file: its bytes}, but for the addresses of objects in the notebooks for download."""
    folder = book.folder / "_build/html"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: re.sub(rb" at 0x[0-9a-f]+", b"", content) for name, content in found.items()}


def test_a_site_does_not_depend_on_what_was_built_before(book, tmp_path_factory):
    """After an edit it is what a new clone with this edit gives, and after its undoing what it was before."""
    book.page(GOOD.replace(cell(DRAW), cell(DRAW, "drawn, hide-input")))
    book.page("# The second page\n\n[Over there](page.md), and [the claim](#claim-sum).\n", "second")
    assert book.build()[0] == 0
    before = site(book)
    assert book.build()[0] == 0
    assert_same(before, site(book))  # nothing was written, and nothing has come back

    change(book)
    assert book.build()[0] == 0
    after = site(book)
    clone = Book(tmp_path_factory.mktemp("clone"))
    for name in ("_ext", "code", "assets", "chapters"):
        shutil.rmtree(clone.folder / name)
        shutil.copytree(book.folder / name, clone.folder / name, ignore=shutil.ignore_patterns("*.ipynb"))
    shutil.copy(book.folder / "_toc.yml", clone.folder)
    shutil.copytree(book.folder / CACHE, clone.folder / CACHE)
    code, log = clone.build()
    assert code == 0 and executed(log) == [], log[-3000:]
    assert_same(after, site(clone))
    assert {name for name in before if before[name] != after.get(name)} > {"chapters/page.html", "chapters/second.html"}

    change(book, back=True)
    assert book.build()[0] == 0
    assert_same(before, site(book))


def assert_same(one, other):
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    assert [name for name in one if one[name] != other[name]] == []
