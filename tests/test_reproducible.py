"""Two clean builds in two folders give the same pages, byte for byte."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", "weights")


def without_measured_times(page):
    """A cell tagged `timed` prints times that it measured; nothing else may differ."""
    return re.sub(
        r'<div class="cell tag_timed.*?(?=<div class="cell |<section|</section|</article)', "", page, flags=re.S
    )


def test_two_clean_builds_give_the_same_pages(site, tmp_path):
    book = tmp_path / "elsewhere"
    shutil.copytree(ROOT, book, ignore=LEFT_OUT)
    if (ROOT / "weights").exists():
        (book / "weights").symlink_to(ROOT / "weights")
    environment = {name: value for name, value in os.environ.items() if name != "BOOK_STATIC"}
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", "."]
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
