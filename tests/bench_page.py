"""A whole page of the book on a phone, beside the page that a stock Jupyter Book makes of the same source."""

import json
import statistics
import time
from contextlib import ExitStack
from urllib.parse import urljoin

from bench_report import ROOT, at_most, quotient, table
from bench_stock import stock_book
from browser import browser
from server import folder_files, weighing

PAGES = {"chapters/3-2-the-formula": "chapter 3.2", "index": "the start page"}
VISITS = 5
SCREEN = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True, "has_touch": True}
SLOWER = 4  # times, than the processor that measures
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
SELECTORS = {
    "ours": {
        "alive": "explore-figure[data-ready]",
        "slider": "explore-figure input",
        "picture": "explore-figure figure",
        "figures": "explore-figure",
    },
    "stock": {
        "alive": ".noUi-handle",
        "slider": ".noUi-handle",
        "picture": ".widget-html-content:has(svg)",
        "figures": "script[type='application/vnd.jupyter.widget-view+json']",
    },
}
# html-manager looks for its icon fonts beside the page, on every host in vain (jupyter-widgets/ipywidgets#3658).
NEVER_THERE = "/@jupyter-widgets/html-manager/dist/"


def page():
    """Bytes, requests, first paint and first slider of our pages and of the stock ones."""
    books = {"ours": folder_files(ROOT / "_build/html"), "stock": stock_book(PAGES)}
    with browser() as chromium, ExitStack() as servers:
        sites = {name: servers.enter_context(weighing(files)) for name, files in books.items()}
        tables = [compare(chromium, sites, path, title) for path, title in PAGES.items()]
        text = about(chromium) + "\n\n".join(tables)
    packages = ["jupyter-book", "sphinx-book-theme", "ipywidgets", "@jupyter-widgets/html-manager", "playwright"]
    return "A page on a phone, beside a stock Jupyter Book", packages, text


def compare(chromium, sites, path, title):
    """The table of one page."""
    answers, times, shown = {}, {name: [] for name in sites}, {}
    for name, (address, answered) in sites.items():
        answered.clear()
        shown[name] = look(chromium, f"{address}/{path}.html", answered, **SELECTORS[name])
        answers[name] = sorted(answered)
        missing = [file for file, size in answered if not size and NEVER_THERE not in file]
        assert not missing, f"{title}, {name}: the page asks for what is not there: {missing}"
    assert shown["ours"] == shown["stock"], f"{title}: (figures, formulas) are not the same: {shown}"
    # Turn and turn about, so that what else the machine does meets both.
    for _ in range(VISITS):
        for name, (address, answered) in sites.items():
            answered.clear()
            alive = SELECTORS[name]["alive"]
            times[name].append(visit(chromium, f"{address}/{path}.html", answered, alive, answers[name]))
    paint, slider = ({name: [pair[i] for pair in times[name]] for name in sites} for i in (0, 1))
    itself = {name: dict(answers[name])[f"/{path}.html"] for name in sites}
    total = {name: sum(size for _, size in answers[name]) for name in sites}
    rest = {name: total[name] - itself[name] for name in sites}
    requests = {name: len(answers[name]) - 1 for name in sites}
    share = total["ours"] / total["stock"]
    return table(
        [title, "ours", "stock", "ours / stock", "goal"],
        sizes("the page itself, with all frames (bytes)", itself, at_most(itself["ours"], 150_000)),
        sizes("styles, scripts, fonts, pictures (bytes)", rest, at_most(rest["ours"], 50_000)),
        sizes("requests for them", requests, at_most(requests["ours"], 13)),
        sizes("**loaded in all (bytes)**", total, at_most(share, 0.1)),
        seconds("**first paint (s)**", paint, 1.5),
        seconds("**first slider (s)**", slider, 2.0),
    )


def sizes(name, pair, goal):
    return [name, f"{pair['ours']:,}", f"{pair['stock']:,}", quotient(pair, 3), goal]


def seconds(name, times, most):
    """A row: median, fastest and slowest visit of both; the goals are a share of stock's median, and a time."""
    middle = {book: statistics.median(each) for book, each in times.items()}
    cells = [f"{middle[book]:.1f} ({min(each):.1f} to {max(each):.1f})" for book, each in times.items()]
    goals = at_most(middle["ours"] / middle["stock"], 0.25), at_most(middle["ours"], most, " s")
    return [name, *cells, quotient(middle), "; ".join(goals)]


def look(chromium, address, answered, *, alive, slider, picture, figures):
    """Load a page without haste, and move its first slider. Returns how many figures and formulas it shows.

    Errors: AssertionError for a page that asks other hosts, Playwright's TimeoutError for a slider that moves nothing.
    """
    phone = chromium.new_context(**SCREEN)
    page = phone.new_page()
    asked, home = [], urljoin(address, "/")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert_home(asked, home)  # before it waits for a script that may not come
    page.locator(alive).first.wait_for(state="visible")
    before = 0
    while before < len(answered):  # fonts are asked for late, when the formulas are set
        before = len(answered)
        page.wait_for_timeout(3000)
    assert_home(asked, home)
    drawn = page.locator(picture).first.inner_html()
    page.locator(slider).first.press("ArrowRight")
    page.wait_for_function(
        "([picture, drawn]) => document.querySelector(picture).innerHTML !== drawn", arg=[picture, drawn]
    )
    shown = page.locator(figures).count(), page.locator(".math").count()
    phone.close()
    return shown


def assert_home(asked, home):
    strangers = [url for url in asked if not url.startswith((home, "data:", "blob:"))]
    assert not strangers, f"a page of {home} asks other hosts: {strangers}"


def visit(chromium, address, answered, alive, expected):
    """Seconds to the first contentful paint and to the first slider on the phone, whose cache is empty.

    Errors: AssertionError if the phone does not get the `expected` answers in the end, neither more nor fewer.
    """
    phone = chromium.new_context(**SCREEN)
    page = phone.new_page()
    page.add_init_script(f"({WATCH})({json.dumps(alive)})")
    tools = phone.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", NETWORK)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, timeout=180_000)
    page.wait_for_function("window.firstSlider", polling=500, timeout=180_000)
    deadline = time.monotonic() + 60
    while len(answered) < len(expected) and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert sorted(answered) == expected, f"{address} loads {len(answered)} files on the phone, else {len(expected)}"
    times = page.evaluate("[performance.getEntriesByName('first-contentful-paint')[0].startTime, window.firstSlider]")
    phone.close()
    return [milliseconds / 1000 for milliseconds in times]


# When an element of a selector is there to be seen: asked before every frame that the browser draws.
WATCH = """selector => {
  const look = () => {
    if (document.querySelector(selector)?.getClientRects().length) window.firstSlider = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}"""


def about(chromium):
    """What was measured, and what was done to be fair to stock."""
    return (
        f"An emulated phone: {SCREEN['viewport']['width']} px wide, a processor {SLOWER} times slower than this "
        f"machine's, {NETWORK['downloadThroughput'] * 8 / 1e6:g} Mbit/s down, {NETWORK['latency']} ms before each "
        f"answer, an empty cache (the throttling of Chromium {chromium.version.partition('.')[0]}). Times are the "
        f"median of {VISITS} visits, and the fastest to the slowest; ours and stock took turns. First paint is "
        "`first-contentful-paint` of the Performance API. The first slider counts from when one is drawn that can be "
        f"moved: our `{SELECTORS['ours']['alive']}`, stock's `{SELECTORS['stock']['alive']}`. Bytes are what the "
        "server sent until nothing more was asked for: text gzipped, fonts and pictures as they are. Requests are all "
        "that it answered.\n\n"
        "Stock is what `jupyter-book build` made of the same source in the same run, with the theme, Font Awesome, "
        "MathJax 3, Thebe and the state of its widgets as they come by default. It has as many figures and formulas as "
        "ours (checked), and its sliders, ipywidgets' own, move without a kernel as ours do (checked too): every frame "
        "in a `Stack`, `jslink`ed to its `SelectionSlider`. Where there was a choice, stock got the better. Its frames "
        "are our slim SVG, where matplotlib's PNG would weigh many times as much. require.js, html-manager and MathJax "
        "come from the page's own server, where by default two CDNs would have to be found and greeted first. Of the "
        "other chapters there is only the title. Six of its requests are for icon fonts that html-manager looks for in "
        "the wrong place (jupyter-widgets/ipywidgets#3658): they are counted, without bytes.\n\n"
    )
