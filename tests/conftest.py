"""What the tests share: the book's modules on the path, the built site, a browser, a server on loopback."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
sys.path[:0] = [str(ROOT / folder) for folder in ("code", "tests", "_ext")]

from unchanged import pytest_configure, pytest_itemcollected, pytest_runtest_makereport  # noqa: E402, F401


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run side by side: threads that wait for each other would make them several times slower."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def site():
    """Folder of the built book. The browser tests read what `make book` made, never a build of their own."""
    if not (SITE / "index.html").exists():
        pytest.fail("The book is not built: run `make test`, or `make book` first.")
    return SITE


@pytest.fixture(scope="session")
def serve():
    """serve(folder) -> address of a server on loopback that hands out the folder."""
    from server import serving

    with ExitStack() as servers:
        yield lambda folder: servers.enter_context(serving(folder))


@pytest.fixture(scope="session")
def chromium():
    """One headless browser for all tests of a run."""
    from browser import browser

    with browser() as instance:
        yield instance


@pytest.fixture(scope="session")
def tab(chromium):
    """tab(**options of a context) -> a page, kept open for the next test with these options.

    Opening a window takes longer than most tests; going to another address in it starts afresh as well.
    """
    kept = {}

    def get(init_script="", **options):
        key = (init_script, repr(sorted(options.items())))
        if key not in kept:
            context = chromium.new_context(**options)
            context.add_init_script(init_script)
            kept[key] = context.new_page()
        return kept[key]

    yield get
    for page in kept.values():
        page.context.close()


def pytest_collection_modifyitems(items):
    """The files that take longest first: a worker that began them last would keep the others waiting."""
    longest = ["test_reproducible.py", "test_jupyter.py", "test_site.py", "test_build.py"]
    items.sort(key=lambda item: longest.index(item.path.name) if item.path.name in longest else len(longest))
