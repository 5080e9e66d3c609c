"""A long test that has passed runs again only when something that it depends on has changed.

    @pytest.mark.depends("code", "chapters/{name}.md")

names files and folders of the book, with the test's own parameters in braces. What passed is remembered in
_build/passed, by a digest of these, of the test's own file, of what tests share, and of the pinned packages: so a fresh
clone runs everything, and `make clean` forgets.
"""

import functools
import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PASSED = ROOT / "_build/passed"
SHARED = ["requirements*.txt", "constraints.txt", "pyproject.toml", "tests/[!t]*.py", "tests/package.json"]


@functools.cache
def content(pattern):
    """Digest of the names and bytes of a file, of a folder's files, or of what a pattern finds."""
    digest = hashlib.sha256()
    for found in sorted(ROOT.glob(pattern)):
        for path in sorted(found.rglob("*")) if found.is_dir() else [found]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.digest()


def passed(item):
    """The file that says that this test has passed with everything as it is now; None for one that always runs."""
    named = [name for mark in item.iter_markers("depends") for name in mark.args]
    if not named:
        return None
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    own = str(item.path.relative_to(ROOT))
    digest = hashlib.sha256(item.nodeid.encode())
    for name in [own, *SHARED, *named]:
        digest.update(content(name.format(**parameters)))
    return PASSED / digest.hexdigest()[:32]


def pytest_configure(config):
    config.addinivalue_line("markers", "depends(*paths): run again only when one of these has changed")


def pytest_itemcollected(item):
    if (mark := passed(item)) and mark.exists():
        item.add_marker(pytest.mark.skip(reason="unchanged since it passed"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.passed and (mark := passed(item)):
        PASSED.mkdir(parents=True, exist_ok=True)
        mark.touch()
