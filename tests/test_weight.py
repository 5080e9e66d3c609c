"""What a page weighs: the bytes and the requests of every page, as a server that packs its text sends them."""

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from published import SITE
from server import folder_files, weighing
from test_site import PAGES

PREFIX = urlsplit(SITE).path.rstrip("/")
# Bytes of a page with all its frames; of styles, scripts, fonts and pictures together; and how often it may ask.
ITSELF, REST, REQUESTS = 150_000, 50_000, 13
HEAVIER = {
    "chapters/real-model.html": {"itself": 250_000},  # 144 heads, each with a map of its own
    "search.html": {"rest": 100_000},  # with the list of all words of the book
}


@pytest.fixture(scope="module")
def scales(site):
    """(address of the site where it is published, the list of what was sent)."""
    with weighing({PREFIX + path: content for path, content in folder_files(site).items()}) as (address, sent):
        yield address + PREFIX, sent


@pytest.fixture
def empty_handed(chromium):
    """A new window for each page: it keeps nothing, and nothing that the page before asked for arrives late."""
    page = chromium.new_context().new_page()
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield page
    page.context.close()


def loaded(page, scales, name):
    """[(address, bytes)] of all that a page asks for, itself first, until it asks for nothing more."""
    address, sent = scales
    page.goto("about:blank")
    sent.clear()
    page.goto(f"{address}/{name}", wait_until="networkidle")
    return list(sent)


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", PAGES)
def test_no_page_is_heavy(page_name, scales, empty_handed):
    (_, itself), *asked = loaded(empty_handed, scales, page_name)
    most = {"itself": ITSELF, "rest": REST} | HEAVIER.get(page_name, {})
    assert 3000 < itself <= most["itself"]
    assert 20_000 < sum(size for _, size in asked) <= most["rest"], asked
    assert 4 < len(asked) <= REQUESTS, asked


def test_the_script_of_the_figures_is_small(site):
    script = gzip.compress((site / "_static/explore.js").read_bytes(), mtime=0)
    assert len(script) <= 5_050  # five kilobytes, and what another zlib may add


def test_all_that_a_page_asks_for_is_weighed(site, tmp_path, empty_handed):
    """Also a picture that a style sheet asks for, and what a script fetches when the page has loaded."""
    script = "<script>addEventListener('load', () => setTimeout(() => fetch('late.json'), 100))</script>"
    page = f"<link rel=stylesheet href=style.css>{script}<link rel=icon href=data:,><p>Hello"
    files = {"page.html": page, "style.css": "p { background: url(dot.svg) }", "dot.svg": "<svg/>", "late.json": "{}"}
    for name, text in files.items():
        Path(tmp_path, name).write_text(text)
    with weighing(folder_files(tmp_path)) as scales:
        found = loaded(empty_handed, scales, "page.html")
    assert sorted(address for address, _ in found) == sorted(f"/{name}" for name in files)
