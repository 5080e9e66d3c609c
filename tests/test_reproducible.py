"""Two clean builds in two folders, one with `make book` and one without make, give the same pages, byte for byte."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", "weights")


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


def test_two_clean_builds_give_the_same_pages(site, tmp_path):
    book = tmp_path / "elsewhere"
    shutil.copytree(ROOT, book, ignore=LEFT_OUT)
    if (ROOT / "weights").exists():
        (book / "weights").symlink_to(ROOT / "weights")
    environment = {name: value for name, value in os.environ.items() if name != "BOOK_STATIC"}
    line = "jupyter-book build ."
    assert f"\n{line}\n" in (ROOT / "README.md").read_text("utf-8"), "what README names is what runs here"
    command = [Path(sys.executable).with_name("jupyter-book"), *line.split()[1:]]
    done = subprocess.run(command, cwd=book, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    pages = [p.relative_to(site) for p in sorted(site.rglob("*.html")) if "_static" not in p.parts]
    assert len(pages) > 20
    different = []
    for page in pages:
        one, other = ((folder / page).read_text("utf-8") for folder in (site, book / "_build/html"))
        assert str(ROOT) not in one and str(book) not in other, f"a build path stands in {page}"
        if without_measured_times(one) != without_measured_times(other):
            different.append(str(page))
    assert not different, f"built twice, these pages differ: {different}"
