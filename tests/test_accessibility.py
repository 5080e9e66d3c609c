"""Readers who listen, who use the keyboard alone, who see little, and who took a wrong turning."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from published import SITE
from server import Folder, serving

ROOT = Path(__file__).parent.parent
AXE = ROOT / ".venv/node_modules/axe-core/axe.min.js"
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
BOOK_PAGES = ["index.html", *(f"chapters/{name}.html" for name in CHAPTERS)]
PAGES = [*BOOK_PAGES, "genindex.html", "search.html", "404.html"]
PREFIX = urlsplit(SITE).path

# {axe's rule: (CSS selector of what may break it, why)}: what the theme does and this book does not mend.
ALLOWED = {
    "scrollable-region-focusable": (
        "mjx-container, div.math",
        "a formula wider than a phone; Chromium and Firefox let the keyboard scroll it as it is, and a tabindex "
        "would make every formula a stop for Tab also where nothing scrolls",
    ),
}

# Who asks axe for one category gets the rule of level AAA in it too, which axe leaves out by itself.
COLOURS = {"runOnly": ["cat.color"], "rules": {"color-contrast-enhanced": {"enabled": False}}}


class _LikePages(Folder):
    """Serves the book under its prefix, and its own 404 page for every other address, as GitHub Pages does."""

    def translate_path(self, path):
        path = urlsplit(path).path
        inside = path.removeprefix(PREFIX) if path.startswith(PREFIX) else "no/such/page"
        return super().translate_path("/" + inside)

    def send_error(self, code, *args):
        body = Path(self.directory, "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def published(site):
    """Address of the book as it is published: under a prefix."""
    with serving(site, _LikePages) as address:
        yield address + PREFIX


@pytest.fixture
def visit(tab):
    """visit(url, scheme="dark") -> the page, in that colour scheme and in the theme's own setting of it."""

    def start(url, scheme="light", **options):
        remember = f"localStorage.mode = localStorage.theme = '{scheme}'"
        page = tab(remember, color_scheme=scheme, reduced_motion="reduce", **options)
        page.goto(url, wait_until="load")
        return page

    return start


def violations(page, **options):
    """[rule: element, what is wrong with it] by axe, with every drop-down open."""
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    page.evaluate(AXE.read_text("utf-8"))
    options["resultTypes"] = ["violations"]
    found = page.evaluate("async options => (await axe.run(document, options)).violations", options)
    wrong = []
    for rule in found:
        selector, _why = ALLOWED.get(rule["id"], (None, None))
        for node in rule["nodes"]:
            target = node["target"][-1]
            if selector is None or not page.locator(target).first.evaluate("(e, s) => e.matches(s)", selector):
                wrong.append(f"{rule['id']}: {node['html'][:150]}: {node['failureSummary']}")
    return wrong


# ---------------------------------------------------------------- listening


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page_name", PAGES)
def test_axe_finds_nothing_on(page_name, scheme, published, visit):
    page = visit(published + page_name, scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    # The themes differ in nothing but their colours.
    wrong = violations(page, **({} if scheme == "light" else COLOURS))
    assert not wrong, "\n".join(wrong)


def test_axe_would_have_found_something(published, visit):
    page = visit(published)
    page.evaluate(
        """() => {
        document.querySelector('explore-figure input').parentElement.replaceWith(document.querySelector('input'));
        document.querySelector('main p').style.color = '#ccc'}"""
    )
    assert "color-contrast" in "".join(violations(page))
    assert "color-contrast" in "".join(violations(page, **COLOURS))


def test_axe_finds_nothing_on_a_phone_with_its_menu_open(published, visit):
    page = visit(published + "chapters/3-2-the-formula.html", viewport={"width": 360, "height": 740})
    assert not violations(page)
    page.locator("button.primary-toggle").first.click()
    page.locator(".bd-sidebar-primary a.reference").first.wait_for(state="visible")
    wrong = violations(page)
    assert not wrong, "\n".join(wrong)


def heard(page):
    """[(role, name)] of what a screen reader gets, in the order in which it reads."""
    nodes = {n["nodeId"]: n for n in page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]}
    order, waiting = [], [next(iter(nodes))]
    while waiting:
        node = nodes[waiting.pop()]
        waiting += [child for child in reversed(node.get("childIds", [])) if child in nodes]
        if not node.get("ignored"):
            order.append((node["role"]["value"], node.get("name", {}).get("value", "")))
    return order


def same(words):
    return re.sub(r"\s+", "", words)


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_slider_says_its_name_and_value(page_name, published, visit):
    page = visit(published + page_name)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    labels = page.locator("explore-figure .explore-slider label").all()
    names = [label.locator(".explore-name").inner_text() for label in labels]
    # The label is the whole name: with the value in it, it would be said twice.
    assert [same(name) for role, name in heard(page) if role == "slider"] == [same(name) for name in names]
    assert all(name.strip() for name in names)
    for label in labels:
        slider, value = label.locator("input"), label.locator("output")
        assert label.locator(".explore-name").is_visible() and value.is_visible()
        assert value.get_attribute("aria-live") == "off", "a second voice beside the slider's own"
        for key in (None, "End", "ArrowLeft"):
            if key:
                slider.press(key)
            said = slider.get_attribute("aria-valuetext")
            assert said and same(said).replace("_", "") == same(value.inner_text()).replace("_", "")


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_the_sentence_of_every_figure_is_its_text_alternative(page_name, published, visit):
    page = visit(published + page_name)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    text = same("".join(name for role, name in heard(page) if role == "StaticText"))
    for element in page.locator("explore-figure").all():
        caption = element.locator("figure > figcaption")
        assert len(caption.inner_text()) > 20 and same(caption.inner_text()) in text
        assert element.locator("svg").first.get_attribute("aria-hidden") == "true", (
            "its letters would be read one by one"
        )
        assert (caption.get_attribute("aria-live") == "polite") == bool(element.locator(".explore-choice").count())


# ---------------------------------------------------------------- the keyboard alone


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_tab_reaches_all_that_can_be_used_and_shows_where_it_is(page_name, published, visit):
    page = visit(published + page_name)
    # Of a row of buttons the chosen one; what a closed drop-down holds is for those who open it.
    reachable = "input:not([type=radio]), [type=radio]:checked, select, button, .explore-stage[tabindex]"
    wanted = f"explore-figure :is({reachable}), main details > summary"
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    count = page.locator(wanted).count()
    steps = page.evaluate("document.querySelectorAll('a, button, input, select, summary, [tabindex]').length") + 5
    ring = f"""() => {{
      const e = document.activeElement, s = getComputedStyle(e.matches('[type=radio]') ? e.nextElementSibling : e);
      const ring = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1 || s.boxShadow !== 'none';
      if (!e.matches('{wanted}')) return null; // Tab goes round, and into code that scrolls
      return [[...document.querySelectorAll('{wanted}')].indexOf(e), ring];
    }}"""
    reached = {}
    for _ in range(steps if count else 0):
        page.keyboard.press("Tab")
        stop = page.evaluate(ring)
        if stop:
            reached[stop[0]] = stop[1]
        if len(reached) == count:
            break
    assert sorted(reached) == list(range(count))
    assert all(reached.values()), "a focus that cannot be seen"


# ---------------------------------------------------------------- a wrong turning


@pytest.mark.parametrize("address", ["nothing", "chapters/nothing.html", "a/b/c/d/"])
def test_the_404_page_is_whole_at_any_depth(address, published, visit, chromium):
    context = chromium.new_context()
    page = context.new_page()
    missing = []
    page.on("response", lambda r: missing.append(r.url) if r.status >= 400 and not r.url.endswith(address) else None)
    answer = page.goto(published + address, wait_until="load")
    assert answer.status == 404 and not missing, missing
    assert page.evaluate("getComputedStyle(document.querySelector('.bd-sidebar-primary')).position") == "sticky"
    assert page.locator(".logo__image").first.evaluate("e => e.naturalWidth") > 0
    links = page.locator("main a[href], .bd-sidebar-primary a[href]").evaluate_all("all => all.map(a => a.href)")
    ours = {link.partition("#")[0] for link in links if link.startswith(published)}
    assert {published + "index.html", published + "chapters/1-introduction.html"} <= ours
    for link in ours - {published + address}:
        assert page.request.get(link).status == 200, link
    page.locator("main article a").filter(has_text="map").click()
    assert page.url.endswith("index.html#the-map") and page.locator("#the-map").is_visible()
    context.close()


# ---------------------------------------------------------------- seen from outside


def test_every_page_describes_itself_in_its_own_words(site):
    said = {}
    for name in BOOK_PAGES:
        text = (site / name).read_text("utf-8")
        found = re.search(r'<meta name="description" content="([^"]{40,})"', text)
        assert found, name
        words = found[1]
        assert said.setdefault(words, name) == name
        assert len(words) <= 200 + len("&quot;") * words.count("&") and not words.startswith("Question.")
        assert not re.search(r"[\\_^{}]|\[ ?\d|&lt;|\( |Predict\.", words), f"not plain words: {words}"
        assert words[-1] in ".?!”…", f"broken off: {words}"
        title = re.search(r"<title>(.*?)</title>", text)[1].split(" &#8212; ")
        assert len(set(title)) == len(title), f"said twice: {title}"
        assert f'property="og:description" content="{words}"' in text
        assert "not set" not in "".join(re.findall(r'property="og:[^>]*>', text))


def test_the_picture_of_the_book_is_what_its_tags_say():
    data = (ROOT / "assets/card.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) < 100_000
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert (width, height) == (1200, 630)
    config = (ROOT / "_config.yml").read_text("utf-8")
    assert f'"og:image:width" content="{width}"' in config and f'"og:image:height" content="{height}"' in config
