"""The built site in a real browser: every page, every slider, over http and as files, and with things missing."""

import itertools
import math
import re
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chapters import LESSONS
from frames import lowered, stored
from published import SITE
from server import Folder, serving

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
PAGES = ["index.html", *(f"chapters/{name}.html" for name in CHAPTERS), "genindex.html", "search.html", "404.html"]
BOOK_PAGES = PAGES[:-3]
# The theme asks for its icon fonts with a rule that browsers do not allow to files; it draws the icons all the same.
FONTS_OF_FILES = re.compile(r"fontawesome|net::ERR_FAILED")


QUIET = 0.2  # seconds without a request after which a page counts as quiet
KNOB = 16  # pixels: how wide Chromium draws the knob of a slider
ALL_READY = "document.querySelectorAll('explore-figure:has(> script):not([data-ready])').length === 0"
LISTENERS = {}  # page -> {event: the function of the last test that opened something there}


def open_page(tab, url, *, quiet=False, **context):
    """A page, opened, and what goes wrong on it from then on: console errors, 404s, requests to other hosts.

    quiet: wait also for what starts only after the page has loaded, until nothing has been asked for in a while.
    """
    page = tab(**context)
    wrong, origin = [], re.match(r"(file:|http://[^/]+)", url)[0]
    waiting, last = set(), time.monotonic()

    def told(message):
        if message.type == "error" and not (origin == "file:" and FONTS_OF_FILES.search(message.text)):
            wrong.append(f"console: {message.text}")

    def asked(request):
        nonlocal last
        waiting.add(request)
        last = time.monotonic()
        # A window that is used again may still fetch an icon of the page before, from another of our own servers.
        if not request.url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:")):
            wrong.append(f"request to another host: {request.url}")

    def answered(request):
        nonlocal last
        waiting.discard(request)
        last = time.monotonic()

    listeners = {
        "console": told,
        "pageerror": lambda error: wrong.append(f"error: {error}"),
        "request": asked,
        "requestfinished": answered,
        "requestfailed": answered,
        "response": lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
    }
    for event, listener in LISTENERS.pop(page, {}).items():
        page.remove_listener(event, listener)
    for event, listener in listeners.items():
        page.on(event, listener)
    LISTENERS[page] = listeners
    page.goto(url, wait_until="load")
    if quiet:
        page.wait_for_function(ALL_READY)
        end = time.monotonic() + 10
        while (waiting or time.monotonic() - last < QUIET) and time.monotonic() < end:
            page.wait_for_timeout(50)
        assert not waiting, f"still waiting for {[request.url for request in waiting]}"
    return page, wrong


def under_the_sites_path(site, serve, tmp_path):
    """Address of the site at the path where it is published, which its 404 page names."""
    path = urlsplit(SITE).path.strip("/")
    if not path:
        return serve(site)
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).symlink_to(site)
    return f"{serve(tmp_path)}/{path}"


# ---------------------------------------------------------------- every page


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", PAGES)
def test_page_is_whole_and_asks_nobody(page_name, site, serve, tab, tmp_path):
    bases = [under_the_sites_path(site, serve, tmp_path), *([] if page_name == "404.html" else [f"file://{site}"])]
    for base in bases:
        page, wrong = open_page(tab, f"{base}/{page_name}", quiet=True)
        assert not wrong, "\n".join(wrong)
        words = page.evaluate(
            """() => {const main = document.querySelector('main').cloneNode(true);
            main.querySelectorAll('pre, code, script, template, mjx-assistive-mml').forEach(e => e.remove());
            return main.textContent}"""
        )
        assert not re.search(r"\\\(|\\\[|\\frac|\\mathrm|\\sqrt|\$\$", words), "raw TeX on screen"
        assert not re.search(r"\{(cite|ref|glue|doc|numref)\}", words), "a raw role on screen"


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_page_never_scrolls_sideways(page_name, site, tab):
    page, _ = open_page(tab, f"file://{site}/{page_name}", viewport={"width": 1280, "height": 740}, quiet=True)
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("innerWidth") == width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        drawings = "[...document.querySelectorAll('explore-figure svg')].map(e => e.getBoundingClientRect())"
        for box in page.evaluate(drawings):
            assert box["width"] > 0 and box["x"] >= 0 and box["x"] + box["width"] <= width
    page.set_viewport_size({"width": 1280, "height": 740})


@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_page_without_javascript_shows_first_frames(page_name, site, tab):
    page = tab(java_script_enabled=False)
    page.goto(f"file://{site}/{page_name}")
    for figure in page.locator("explore-figure:not(details explore-figure)").all():
        assert figure.locator("figure svg").is_visible()
        assert len(figure.locator("figcaption").inner_text()) > 20
        assert not figure.locator("input").first.is_visible() if figure.locator("input").count() else True
    assert not re.search(r"\\frac|\$\$", page.locator("main").inner_text())


# ---------------------------------------------------------------- every control

# What a figure shows, beside what the page has in store for these places, written as this browser writes SVG.
PREPARE = """(element, frames) => {
  element.written = frames.map(svg => { const div = document.createElement('div'); div.innerHTML = svg;
                                        return div.innerHTML });
}"""
SHOWN = """(element, index) => [
  element.drawing.innerHTML === element.written[index],
  element.caption.textContent,
  element.places,
  [...element.querySelectorAll('output')].map(output => output.textContent),
]"""
EVERY = """(element, [places, sentences]) => places.filter((at, index) => {
  element.places = at;
  return element.drawing.innerHTML !== element.written[index] || element.caption.textContent !== sentences[index];
})"""


def figures_with_controls(page, text):
    """[(element, what the page's HTML has in store for it)] of an open page, ready to be compared."""
    figures = stored(text)
    page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    elements = page.locator("explore-figure:has(.explore-choice)").all()
    assert len(elements) == len(figures)
    for element, figure in zip(elements, figures, strict=True):
        element.locator("xpath=self::*[@data-ready]").wait_for(state="attached")
        element.evaluate(PREPARE, figure.frames)
    return zip(elements, figures, strict=True)


def check_shown(element, figure, places):
    """The figure shows the drawing and the sentence of these places of its controls, and sliders say their values."""
    index = figure.at(places)
    same, sentence, now, outputs = element.evaluate(SHOWN, index)
    assert now == places
    said = [c.words[at] for at, c in zip(places, figure.controls, strict=True) if c.kind == "slider"]
    assert outputs == said
    assert same and sentence == lowered(figure.sentences[index]), f"not the frame of {places}"


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_move_of_every_control_changes_the_drawing(page_name, site):
    for figure in stored((site / page_name).read_text("utf-8")):
        sizes = [len(control.words) for control in figure.controls]
        assert len(figure.frames) == math.prod(sizes)
        for i, control in enumerate(figure.controls):
            step = math.prod(sizes[i + 1 :])  # from a frame to the one that differs in this control alone
            for place in range(sizes[i] - 1):
                here = [j for j in range(len(figure.frames)) if j // step % sizes[i] == place]
                moved = any(figure.frames[j] != figure.frames[j + step] for j in here)
                assert moved, f"from {control.words[place]} to the next nothing changes, whatever the others say"


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_control_through_all_its_values_by_keyboard(page_name, site, serve, tab):
    page, wrong = open_page(tab, f"{serve(site)}/{page_name}", reduced_motion="reduce")
    for element, figure in figures_with_controls(page, (site / page_name).read_text("utf-8")):
        places = element.evaluate("element => element.places")
        for i, (choice, control) in enumerate(
            zip(element.locator(".explore-choice").all(), figure.controls, strict=True)
        ):
            last = len(control.words) - 1
            if control.kind == "buttons":  # one stop of Tab; the arrows go round
                choice.locator("input").nth(places[i]).focus()
            for step in range(last + 1):
                if control.kind == "slider":
                    choice.locator("input").press("ArrowRight" if step else "Home")
                elif control.kind == "menu":
                    choice.locator("select").press("ArrowDown" if step else "Home")
                elif step:
                    page.keyboard.press("ArrowRight")
                places[i] = step if control.kind != "buttons" else (places[i] + bool(step)) % (last + 1)
                check_shown(element, figure, places)
        # And every frame that there is, whatever the others say; too many to press the keys for.
        every = list(itertools.product(*(range(len(control.words)) for control in figure.controls)))
        assert element.evaluate(EVERY, [every, [lowered(s) for s in figure.sentences]]) == []
    assert not wrong, wrong


@pytest.mark.depends("_build/html/{page_name}", "_build/html/_static")
@pytest.mark.parametrize("touch", [False, True], ids=["pointer", "touch"])
@pytest.mark.parametrize("page_name", BOOK_PAGES)
def test_every_control_through_all_its_values_by(page_name, touch, site, tab):
    """A mouse drags the knob from value to value and clicks on buttons; a finger taps the track at each."""
    viewport = {"width": 360, "height": 740}
    url = f"file://{site}/{page_name}"
    page, wrong = open_page(tab, url, has_touch=touch, viewport=viewport, reduced_motion="reduce")
    press = page.touchscreen.tap if touch else page.mouse.click
    for element, figure in figures_with_controls(page, (site / page_name).read_text("utf-8")):
        places = element.evaluate("element => element.places")
        for i, (choice, control) in enumerate(
            zip(element.locator(".explore-choice").all(), figure.controls, strict=True)
        ):
            last = len(control.words) - 1
            choice.scroll_into_view_if_needed()
            if control.kind == "slider":
                box = choice.locator("input").bounding_box()
                y, left = box["y"] + box["height"] / 2, box["x"] + KNOB / 2
                right = box["x"] + box["width"] - KNOB / 2
                if not touch:
                    page.mouse.move(right, y)
                    page.mouse.down()
            for place in range(last + 1):
                if control.kind == "slider":
                    (press if touch else page.mouse.move)(left + (right - left) * place / max(last, 1), y)
                elif control.kind == "menu":  # the list of a menu is drawn by the system
                    choice.locator("select").select_option(index=place)
                else:
                    box = choice.locator("label").nth(place).bounding_box()
                    press(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                places[i] = place
                check_shown(element, figure, places)
            page.mouse.up()
    assert not wrong, wrong


# ---------------------------------------------------------------- what stands closed

DEEPER = """
<section id="deeper-here"><h2>Checked, and deeper</h2>
<details class="deeper" id="closed"><summary>Further claims</summary><p id="inside">A control.</p></details></section>
<p style="height: 3000px"></p>
<p><a id="to" href="#inside">there</a> <a id="to-heading" href="#deeper-here">up</a>
"""

LISTED = '<a class="nav-link" href="#inside">A control</a>'


@pytest.fixture
def deeper(site, tab, tmp_path):
    """deeper(fragment, **options) -> a page of the book with a closed section in it, opened at a fragment."""

    def start(fragment="", **options):
        text = (site / "chapters/1-introduction.html").read_text("utf-8")
        folder = tmp_path / "book"
        if not folder.exists():
            (folder / "chapters").mkdir(parents=True)
            (folder / "_static").symlink_to(site / "_static")
            before, mark, after = text.partition('<section id="exercises">')
            text, found = re.subn(
                r'(<li[^>]*>)(<a[^>]* href="#exercises")', rf"\1{LISTED}</li>\1\2", before + DEEPER + mark + after
            )
            assert found
            (folder / "chapters/page.html").write_text(text, "utf-8")
        page = tab(**options)
        page.goto("about:blank")
        page.goto(f"file://{folder}/chapters/page.html{fragment}")
        return page

    return start


IS_OPEN = "document.querySelector('#closed').open"


@pytest.mark.parametrize("fragment", ["#inside", "#deeper-here"])
def test_an_address_that_leads_into_what_is_deeper_opens_it(fragment, deeper):
    page = deeper(fragment)
    page.wait_for_function(IS_OPEN)
    seen = (
        "fragment => { const y = document.querySelector(fragment).getBoundingClientRect().y; return y >= 0 && y < 400 }"
    )
    page.wait_for_function(seen, arg=fragment, timeout=5_000)  # the theme scrolls smoothly


@pytest.mark.parametrize("link", ["#to", "#to-heading"])
def test_a_link_that_leads_into_what_is_deeper_opens_it_again_and_again(link, deeper):
    page = deeper()
    assert not page.evaluate(IS_OPEN)
    for _ in range(2):
        page.locator(link).click()
        page.wait_for_function(IS_OPEN)
        page.evaluate("document.querySelector('#closed').open = false")


def test_without_a_script_the_browser_opens_what_its_address_leads_to(deeper):
    page = deeper("#inside", java_script_enabled=False)
    assert page.locator("#inside").is_visible()


def test_what_the_search_has_marked_is_not_left_closed(deeper):
    page = deeper()
    page.evaluate("document.querySelector('#inside').innerHTML = '<span class=highlighted>A</span>'")
    page.evaluate("dispatchEvent(new Event('load'))")
    assert page.evaluate(IS_OPEN)


def test_what_is_deeper_is_printed_open_and_closed_again_afterwards(deeper):
    page = deeper()
    page.evaluate("addEventListener('beforeprint', () => { window.printed = " + IS_OPEN + " })")
    page.pdf()
    assert page.evaluate("window.printed") and not page.evaluate(IS_OPEN)


def test_the_list_of_contents_follows_a_reader_past_what_is_closed(deeper):
    page = deeper()
    page.add_style_tag(content="details:not([open]) > p { display: none }")  # as browsers did for long
    page.evaluate("document.querySelector('#the-way').scrollIntoView()")
    page.wait_for_function("document.querySelector('.bd-toc-nav a.active')?.hash === '#the-way'")


# ---------------------------------------------------------------- the first page, the mark and the ledger

BESIDE_THE_WAY = [f"chapters/{name}.html" for name in ("1-introduction", "real-model", "costs")]


@pytest.mark.parametrize("size", [(1280, 800), (360, 740)], ids=["wide", "phone"])
def test_the_landing_page_says_all_in_one_screen(size, site, tab):
    width, height = size
    page, _ = open_page(tab, f"file://{site}/index.html", viewport={"width": width, "height": height})
    for what in (
        ".start a",
        ".start a + a",
        ".landing blockquote",
        ".landing mjx-container",
        "figure svg",
        "figcaption",
    ):
        box = page.locator(what).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, what
    lead = page.locator(".landing p").first.inner_text()
    assert re.search(r"about \d+(½)? (hours|minutes)", lead)


@pytest.mark.parametrize("page_name", [f"chapters/{name}.html" for name in LESSONS])
def test_the_mark_is_one_line_on_a_phone(page_name, site, tab):
    page, _ = open_page(tab, f"file://{site}/{page_name}", viewport={"width": 360, "height": 740})
    mark = page.locator(".thread")
    box, right = mark.bounding_box(), mark.locator(".minutes").bounding_box()
    assert box["height"] < 30 and right["x"] + right["width"] <= 360
    assert re.fullmatch(r"about \d+ minutes", mark.locator(".minutes").inner_text())
    assert (mark.locator("[aria-current]").count() == 1) == (page_name not in BESIDE_THE_WAY)


def test_the_ledger_begins_with_the_severest_verdict_and_can_be_filtered(site, tab):
    page, wrong = open_page(tab, f"file://{site}/chapters/ledger.html")
    rows = page.locator(".ledger tr[data-chapter]")
    total = rows.count()
    words = page.locator(".ledger .counts").inner_text()
    counts = {name: int(n) for n, name in re.findall(r"(\d+) (corrected|holds, if|holds)", words)}
    assert list(counts) == ["corrected", "holds, if", "holds"]
    assert sum(counts.values()) == total == int(words.split()[0])
    severest = next(name for name, count in counts.items() if count)
    assert severest in rows.first.locator(".verdict").inner_text()
    page.locator("select[name=verdict]").select_option(severest)
    assert page.locator(".ledger tr[data-chapter]:visible").count() == counts[severest]
    page.locator("select[name=chapter]").select_option("chapters/3-2-the-formula")
    shown = page.locator(".ledger tr[data-chapter]:visible")
    assert 0 < shown.count() < counts[severest]
    assert f"{shown.count()} shown" == page.locator(".ledger output").inner_text()
    assert not wrong


def test_the_ledger_is_whole_without_a_script(site, tab):
    page = tab(java_script_enabled=False)
    page.goto(f"file://{site}/chapters/ledger.html")
    assert page.locator(".ledger tr[data-chapter]").count() == page.locator(".ledger tr[data-chapter]:visible").count()
    assert not page.locator(".ledger form").is_visible()


def test_the_verdict_of_the_ledger_is_seen_on_a_phone(site, tab):
    page, _ = open_page(tab, f"file://{site}/chapters/ledger.html", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for what in (".verdict", "td:last-child"):
        box = page.locator(f".ledger {what}").first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360


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

    class Slow(Folder):
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

    page = chromium.new_context().new_page()
    with serving(site, Slow) as address:
        try:
            page.goto(f"{address}/chapters/3-2-the-formula.html", wait_until="commit")
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


def test_search_finds_what_stands_only_in_a_figures_sentences(site, serve, tab):
    """Words of the sentences that no reader of the page's text would find, told apart by the search's own stemmer."""
    page, _ = open_page(tab, f"{serve(site)}/search.html")
    page.wait_for_function("() => typeof Stemmer === 'function' && Search._index")
    stem = "words => words.map(word => new Stemmer().stemWord(word.toLowerCase()))"
    hidden = {}
    for name in BOOK_PAGES:
        text = (site / name).read_text("utf-8")
        sentences = " ".join(re.findall(r"<template>(.*?)</template>", text, re.S))
        rest = re.sub(r"<template>.*?</template>|<script.*?</script>", " ", text, flags=re.S)
        said, seen = (
            sorted(set(re.findall(r"[A-Za-z]{5,}", re.sub(r"<[^>]*>", " ", html)))) for html in (sentences, rest)
        )
        stems = dict(zip(said, page.evaluate(stem, said), strict=True))
        only_said = {word: stems[word] for word in set(said) if stems[word] not in page.evaluate(stem, seen)}
        if only_said:
            hidden[name.removesuffix(".html")] = only_said
    assert hidden, "no word to try it on"
    docnames, terms = page.evaluate("[Search._index.docnames, Search._index.terms]")
    for name, words in hidden.items():
        for word, stem in words.items():
            found = terms.get(stem, [])
            assert docnames.index(name) in (found if isinstance(found, list) else [found]), f"{name}: {word}"
    # And the search page itself, asked for one of them.
    name, word = next((name, max(words, key=len)) for name, words in sorted(hidden.items(), reverse=True))
    page.goto(f"{page.url.partition('?')[0]}?q={word}")
    page.locator(f"#search-results a[href*='{name}.html']").first.wait_for(timeout=10_000)


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
