"""The built site in a real browser: every page, every slider, over http and as files, and with things missing."""

import gzip
import html
import json
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jupytext
import pytest

from explore import frame

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
PAGES = ["index.html", *(f"chapters/{name}.html" for name in CHAPTERS), "genindex.html", "search.html", "404.html"]
BOOK_PAGES = PAGES[:-3]
# The theme asks for its icon fonts with a rule that browsers do not allow to files; it draws the icons all the same.
FONTS_OF_FILES = re.compile(r"fontawesome|net::ERR_FAILED")


LISTENERS = {}  # page -> {event: the function of the last test that opened something there}


def open_page(tab, url, **context):
    """A page, opened and quiet, and what went wrong meanwhile: console errors, 404s, requests to other hosts."""
    page = tab(**context)
    wrong, origin = [], re.match(r"(file:|http://[^/]+)", url)[0]

    def told(message):
        if message.type == "error" and not (origin == "file:" and FONTS_OF_FILES.search(message.text)):
            wrong.append(f"console: {message.text}")

    def asked(request):
        # A window that is used again may still fetch an icon of the page before, from another of our own servers.
        if not request.url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:")):
            wrong.append(f"request to another host: {request.url}")

    listeners = {
        "console": told,
        "pageerror": lambda error: wrong.append(f"error: {error}"),
        "request": asked,
        "response": lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
    }
    for event, listener in LISTENERS.pop(page, {}).items():
        page.remove_listener(event, listener)
    for event, listener in listeners.items():
        page.on(event, listener)
    LISTENERS[page] = listeners
    page.goto(url, wait_until="load")
    return page, wrong


def stored(text):
    """[(frames, sentences, values of each slider)] of every figure with sliders in a page's HTML."""
    figures = []
    for element in re.findall(r"<explore-figure>(.*?)</explore-figure>", text, re.S):
        data = re.search(r'<script type="application/json">(.*?)</script>', element, re.S)
        if data:
            pool = json.loads(data[1])
            frames = ["\n".join(pool["lines"][i] for i in numbers) for numbers in pool["frames"]]
            sentences = [html.unescape(s) for s in re.findall(r"<p>(.*?)</p>", element.split("<template>")[1], re.S)]
            values = [json.loads(html.unescape(v)) for v in re.findall(r'data-values="([^"]*)"', element)]
            figures.append((frames, sentences, values))
    return figures


def under_the_sites_path(site, serve, tmp_path):
    """Address of the site below a path of a server, as on the web: nothing may count on being at the top."""
    (tmp_path / "qkv-book").symlink_to(site)
    return f"{serve(tmp_path)}/qkv-book"


# ---------------------------------------------------------------- every page


@pytest.mark.parametrize("page_name", PAGES)
def test_page_is_whole_and_asks_nobody(page_name, site, serve, tab, tmp_path):
    bases = [under_the_sites_path(site, serve, tmp_path), *([] if page_name == "404.html" else [f"file://{site}"])]
    for base in bases:
        page, wrong = open_page(tab, f"{base}/{page_name}")
        assert not wrong, "\n".join(wrong)
        words = page.evaluate(
            """() => {const main = document.querySelector('main').cloneNode(true);
            main.querySelectorAll('pre, code, script, template, mjx-assistive-mml').forEach(e => e.remove());
            return main.textContent}"""
        )
        assert not re.search(r"\\\(|\\\[|\\frac|\\mathrm|\\sqrt|\$\$", words), "raw TeX on screen"
        assert not re.search(r"\{(cite|ref|glue|doc|numref)\}", words), "a raw role on screen"


@pytest.mark.parametrize("page_name", BOOK_PAGES)
@pytest.mark.parametrize("width", [360, 768])
def test_page_never_scrolls_sideways(page_name, width, site, tab):
    page, _ = open_page(tab, f"file://{site}/{page_name}", viewport={"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.evaluate(
        "[...document.querySelectorAll('explore-figure svg')].map(e => e.getBoundingClientRect())"
    ):
        assert box["width"] > 0 and box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_page_without_javascript_shows_first_frames(page_name, site, tab):
    page = tab(java_script_enabled=False)
    page.goto(f"file://{site}/{page_name}")
    for figure in page.locator("explore-figure:not(details explore-figure)").all():
        assert figure.locator("figure svg").is_visible()
        assert len(figure.locator("figcaption").inner_text()) > 20
        assert not figure.locator("input").first.is_visible() if figure.locator("input").count() else True
    assert not re.search(r"\\frac|\$\$", page.locator("main").inner_text())


# ---------------------------------------------------------------- every slider

SHOWN = """element => {
  const copy = document.createElement('div');
  return [element.querySelector('figure > div').innerHTML, element.querySelector('figcaption').textContent,
          [...element.querySelectorAll('input')].map(i => [i.value, i.getAttribute('aria-valuetext'),
                                                           i.nextElementSibling.textContent])];
}"""
AS_BROWSER_READS = """svgs => svgs.map(svg => {
  const div = document.createElement('div'); div.innerHTML = svg; return div.innerHTML;
})"""


def plain(words):
    return re.sub(r"(?<![A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])", r"\1\2", words)


@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_slider_through_all_its_values_by_keyboard(page_name, site, serve, tab):
    figures = stored((site / page_name).read_text("utf-8"))
    page, wrong = open_page(tab, f"{serve(site)}/{page_name}")
    elements = [e for e in page.locator("explore-figure").all() if e.locator("input").count()]
    assert len(elements) == len(figures)
    for element, (frames, sentences, values) in zip(elements, figures, strict=True):
        expected = page.evaluate(AS_BROWSER_READS, frames)
        inputs = element.locator("input").all()
        # Every slider from one end to the other, the others at their first and at their last value.
        for ends in ("Home", "End"):
            for other in inputs:
                other.press(ends)
            for i, slider in enumerate(inputs):
                slider.press("Home")
                for position in range(len(values[i])):
                    if position:
                        slider.press("ArrowRight")
                    svg, sentence, states = element.evaluate(SHOWN)
                    positions = [int(state[0]) for state in states]
                    assert positions[i] == position
                    index = 0
                    for at, words in zip(positions, values, strict=True):
                        index = index * len(words) + at
                    assert svg == expected[index] and sentence == plain(sentences[index])
                    words = values[i][position]
                    assert states[i][1:] == [words, plain(words)]
                slider.press(ends)
        different = {re.sub(r"\s", "", svg) for svg in frames}
        assert len(different) > 1, "the sliders change nothing"
    assert not wrong, wrong


@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_slider_by_pointer_and_touch(page_name, site, tab):
    for touch in (False, True):
        page, _ = open_page(tab, f"file://{site}/{page_name}", has_touch=touch, viewport={"width": 360, "height": 740})
        for slider in page.locator("explore-figure input").all():
            slider.scroll_into_view_if_needed()
            last = int(slider.get_attribute("max"))
            box = slider.bounding_box()
            middle = box["y"] + box["height"] / 2
            for x, value in ((box["x"] + 3, 0), (box["x"] + box["width"] - 3, last)):
                (page.touchscreen.tap if touch else page.mouse.click)(x, middle)
                assert int(slider.input_value()) == value


@pytest.mark.parametrize("chapter", ["1-introduction", "2-1-dot-product", "3-2-the-formula"])
def test_each_frame_is_byte_for_byte_what_draw_gives(chapter, site, monkeypatch):
    monkeypatch.chdir(ROOT / "chapters")
    monkeypatch.setenv("BOOK_STATIC", "")
    drawn = []
    space = {}
    for cell in jupytext.read(f"{chapter}.md").cells:
        if cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", []):
            source = re.sub(r"^explore\(", "record(", cell.source, flags=re.M)

            def record(draw, start=None, labels=None, **choices):
                drawn.append((draw, {name: list(options) for name, options in choices.items()}))

            space["record"] = record
            exec(compile(source, chapter, "exec"), space)
            for draw, choices in drawn[len(space.setdefault("checked", [])) :]:
                space["checked"].append(draw)
                frames, sentences, _ = stored((site / f"chapters/{chapter}.html").read_text("utf-8"))[len(drawn) - 1]
                combinations = [{}]
                for name, options in choices.items():
                    combinations = [{**c, name: option} for c in combinations for option in options]
                assert len(combinations) == len(frames)
                for choice, svg, sentence in zip(combinations, frames, sentences, strict=True):
                    assert (svg, sentence) == frame(draw, choice)
    assert drawn


# ---------------------------------------------------------------- hard conditions


def test_a_slider_dragged_through_all_values_in_a_second_ends_where_the_finger_is(site, tab):
    page, wrong = open_page(tab, f"file://{site}/chapters/2-1-dot-product.html")
    slider = page.locator("explore-figure input").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=60)
    page.mouse.up()
    assert slider.get_attribute("aria-valuetext") == "180"
    assert "180°" in page.locator("figcaption").first.inner_text()
    assert not wrong


def test_two_figures_with_the_same_choices_do_not_disturb_each_other(site, tab):
    page, _ = open_page(tab, f"file://{site}/chapters/3-2-the-formula.html")
    page.evaluate(
        """() => {const one = document.querySelector('explore-figure');
        const text = new DOMParser().parseFromString(one.outerHTML, 'text/html').body.innerHTML;
        one.insertAdjacentHTML('afterend', text)}"""
    )
    first, second = page.locator("explore-figure").all()[:2]
    before = first.locator("figcaption").inner_text()
    second.locator("input").first.press("End")
    assert second.locator("figcaption").inner_text() != before == first.locator("figcaption").inner_text()


def test_first_figure_works_before_the_rest_of_the_page_has_arrived(site, chromium):
    rest = threading.Event()

    class Slow(SimpleHTTPRequestHandler):
        """Sends the page up to its first figure, and the rest when the test says so."""

        def do_GET(self):
            if not self.path.endswith("3-2-the-formula.html"):
                return super().do_GET()
            page = Path(self.translate_path(self.path)).read_bytes()
            first = page.index(b"</explore-figure>") + len(b"</explore-figure>") + 100
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page[:first])
            self.wfile.flush()
            rest.wait(20)
            self.wfile.write(page[first:])

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Slow, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_context().new_page()
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/chapters/3-2-the-formula.html", wait_until="commit")
        page.wait_for_selector("explore-figure[data-ready]", timeout=10_000)
        slider, caption = page.locator("explore-figure input").first, page.locator("figcaption").first
        before = caption.inner_text()
        slider.press("End")
        assert caption.inner_text() != before
        assert page.evaluate("document.readyState") == "loading"
        rest.set()
        page.wait_for_load_state()
        page.wait_for_function("document.querySelectorAll('explore-figure[data-ready]').length >= 3")
    finally:
        rest.set()
        page.context.close()
        server.shutdown()
        server.server_close()


def test_printing_shows_figures_and_hides_controls(site, tab):
    page, _ = open_page(tab, f"file://{site}/chapters/3-2-the-formula.html", viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print")
    assert page.locator("explore-figure svg").first.is_visible()
    assert page.locator("explore-figure figcaption").first.is_visible()
    assert not page.locator(".explore-controls").first.is_visible()
    cut_off = "[...document.querySelectorAll('.cell pre')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert page.evaluate(cut_off) == 0, "code runs over the edge of the paper"
    page.emulate_media(media="screen")


def test_what_is_read_in_the_dark_is_printed_in_the_light(site, tab):
    printed = []
    for scheme in ("light", "dark"):
        page, _ = open_page(tab, f"file://{site}/chapters/3-2-the-formula.html", color_scheme=scheme)
        printed.append(re.sub(rb"/(CreationDate|ModDate) \([^)]*\)", b"", page.pdf()))
        assert page.evaluate("document.documentElement.dataset.theme") == scheme, "the screen keeps its theme"
    assert printed[0] == printed[1]


def test_zoom_of_200_percent(site, tab):
    # A zoom of 200 % halves the window in CSS pixels and doubles the pixels of each.
    page, _ = open_page(
        tab,
        f"file://{site}/chapters/3-2-the-formula.html",
        viewport={"width": 640, "height": 400},
        device_scale_factor=2,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_images_off(site, chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/*", lambda r: r.abort() if r.request.resource_type == "image" else r.continue_())
    page.goto(f"file://{site}/chapters/3-2-the-formula.html")
    assert page.locator("explore-figure svg").first.is_visible()
    assert page.locator("explore-figure figcaption").first.inner_text()
    context.close()


def test_reduced_motion_and_focus_ring(site, tab):
    page, _ = open_page(tab, f"file://{site}/chapters/3-2-the-formula.html", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    slider = page.locator("explore-figure input").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


def test_search_finds_a_word_that_stands_only_in_a_figures_sentence(site, serve, tab):
    page, _ = open_page(tab, f"{serve(site)}/search.html?q=opposing")
    page.wait_for_selector("#search-results li, #search-results p.search-summary")
    page.wait_for_timeout(1500)
    assert "Dot product" in page.locator("#search-results").inner_text()


def test_every_page_has_title_description_picture_and_icon(site):
    for name in BOOK_PAGES:
        text = (site / name).read_text("utf-8")
        assert re.search(r"<title>[^<]{3,}</title>", text), name
        assert re.search(r'<meta content="[^"]{40,}" name="description"', text) or re.search(
            r'<meta name="description" content="[^"]{40,}"', text
        ), name
        picture = re.search(r'property="og:image" content="([^"]+)"', text)
        assert picture and (site / "_static" / picture[1].rpartition("/")[2]).exists(), name
        assert "favicon.svg" in text, name


def test_every_launch_button_leads_to_its_own_chapter(site):
    for name in CHAPTERS:
        if "kernelspec" in (ROOT / f"chapters/{name}.md").read_text("utf-8"):
            text = (site / f"chapters/{name}.html").read_text("utf-8")
            assert f"https://mybinder.org/v2/gh/qkv-book/qkv-book/main?urlpath=lab/tree/chapters/{name}.md" in text


def test_no_page_is_heavy(site):
    for name in BOOK_PAGES:
        assert len(gzip.compress((site / name).read_bytes())) <= 400_000, name
