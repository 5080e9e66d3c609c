"""A site is what its sources say: built elsewhere, or in the same folder once more, it is the same, file by file.

The second build finds all results of the first in its cache, so what is proven is that reading and writing depend on
nothing else. That chapters give the same results twice is proven by `make repeat`, which takes minutes, every week.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", "weights")
CACHE = "_build/.jupyter_cache"


def copy_of_the_book(folder):
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    if (ROOT / "weights").exists():
        (folder / "weights").symlink_to(ROOT / "weights")
    return folder


def build(book):
    """(the site, the chapters that were executed) of the command that README names for those without make."""
    line = "jupyter-book build ."
    assert f"\n{line}\n" in (ROOT / "README.md").read_text("utf-8"), "what README names is what runs here"
    environment = {name: value for name, value in os.environ.items() if name not in ("BOOK_STATIC", "OMP_NUM_THREADS")}
    command = [Path(sys.executable).with_name("jupyter-book"), *line.split()[1:]]
    done = subprocess.run(command, cwd=book, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return book / "_build/html", re.findall(r"\] executed (\S+)", done.stdout)


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def assert_same(one, other, read=Path.read_bytes):
    """Both folders have the same files, and what `read` makes of them is equal."""
    one, other = files(one), files(other)
    assert len(one) > 60 and one.keys() == other.keys(), one.keys() ^ other.keys()
    different = [name for name in one if read(one[name]) != read(other[name])]
    assert not different, f"built twice, these files differ: {different}"


@pytest.fixture(scope="module")
def elsewhere(site, tmp_path_factory):
    """The book in another folder, whose path is a difficult one, with the results that were computed here."""
    book = copy_of_the_book(tmp_path_factory.mktemp("elsewhere") / "a book 书")
    shutil.copytree(ROOT / CACHE, book / CACHE)
    return book, *build(book)


def test_built_in_another_folder_the_site_is_the_same(site, elsewhere):
    book, other, executed = elsewhere
    assert executed == [], "what was executed here is not executed again"
    assert_same(site, other)
    for name, path in files(other).items():
        content = path.read_bytes()
        assert not any(str(place).encode() in content for place in (ROOT, book)), f"a path of the build in {name}"


def test_built_again_with_everything_rewritten_the_site_is_the_same(site, elsewhere):
    book, other, _ = elsewhere
    for path in [*book.glob("*.md"), *book.glob("chapters/*.md")]:
        path.touch()
    (other / "index.html").write_text("This must be written anew.")
    assert build(book) == (other, [])
    assert_same(site, other)


# ---------------------------------------------------------------- every week: executed a second time


def without_measured_times(page):
    """A cell tagged `timed` prints times that it measured; nothing else may differ, the prose around it neither."""
    kept, start = [], 0
    for cell in re.finditer(r'<div class="cell tag_timed', page):
        if cell.start() < start:
            continue
        depth = 0
        for tag in re.finditer(r"<div\b|</div>", page[cell.start() :]):
            depth += 1 if tag[0] == "<div" else -1
            if depth == 0:
                break
        assert depth == 0, "a cell without an end"
        kept.append(page[start : cell.start()])
        start = cell.start() + tag.end()
    return "".join([*kept, page[start:]])


def test_only_a_timed_cell_is_left_out_of_the_comparison():
    timed = '<div class="cell tag_timed docutils"><div class="cell_output"><div>3 ms</div></div></div>'
    page = f'<p>before</p>{timed}<p>between</p>{timed}<div class="cell docutils"><div>after</div></div>'
    left = '<p>before</p><p>between</p><div class="cell docutils"><div>after</div></div>'
    assert without_measured_times(page) == left


def results(path):
    """What of a file of the site may not change when all chapters are executed anew."""
    if path.suffix == ".html":
        return without_measured_times(path.read_text("utf-8"))
    if path.name == "searchindex.js":
        return ""  # of the words that timed cells print, among others
    if path.suffix != ".ipynb":
        return path.read_bytes()
    cells = json.loads(path.read_text("utf-8"))["cells"]
    for cell in cells:
        if "timed" in cell["metadata"].get("tags", []):
            cell["outputs"] = []
    return re.sub(r" at 0x[0-9a-f]+", "", json.dumps(cells))  # where an object lies


@pytest.mark.weekly
def test_executed_a_second_time_every_chapter_says_the_same(site, tmp_path):
    other, executed = build(copy_of_the_book(tmp_path / "book"))
    assert len(executed) == len(list((site / "_sources").rglob("*.ipynb"))) > 15
    assert_same(site, other, read=results)
