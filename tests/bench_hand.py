"""How soon a figure answers the hand: from the event to the end of the paint that follows, among 400 frames."""

import gzip
import os
import statistics
from pathlib import Path

from bench_report import ROOT, at_most, table
from browser import chromium
from lab import copy_of_the_book, jupyterlab, readers_environment
from server import weighing

TIMES = 200
GRID = 20  # × 20 frames
MOST_SCRIPT = 5_000  # bytes, gzipped

# What an event costs until the screen shows what it did: two tasks, for a paint lies between them.
STOPWATCH = """kinds => {
  window.times = [];
  for (const kind of kinds) addEventListener(kind, () => {
    const begin = performance.now(), channel = new MessageChannel();
    channel.port1.onmessage = () => window.times.push(performance.now() - begin);
    requestAnimationFrame(() => channel.port2.postMessage(0));
  }, true);
}"""


def draw(x, y):
    """A heat map of 16 × 16 and a mark that is taken by two choices."""
    import matplotlib.pyplot as plt
    import numpy as np

    from drawing import WEIGHT, handle, heatmap

    weights = np.random.default_rng(0).random((16, 16)) ** (1 + x + y)
    figure, ax = plt.subplots(figsize=(4.6, 4.4))
    names = [f"t{i}" for i in range(16)]
    heatmap(ax, weights, colour=WEIGHT, rows=names, columns=names, vmax=1)
    handle(ax, lambda x, y: (x * 15 / (GRID - 1), y * 15 / (GRID - 1)), "x", "y")
    return figure, f"The largest weight is {weights.max():.2f}."


def hand():
    """The section of the report."""
    import matplotlib

    matplotlib.use("agg")
    import rjsmin
    from playwright.sync_api import sync_playwright

    os.environ["BOOK_STATIC"] = "1"
    from explore import explore

    body = explore(draw, x=list(range(GRID)), y=list(range(GRID)), controls={"x": "play"})._repr_html_()
    del os.environ["BOOK_STATIC"]
    script = rjsmin.jsmin((ROOT / "assets/explore.js").read_text("utf-8")).encode()
    head = '<meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/explore.css">'
    page = f'<!doctype html><html lang="en"><head>{head}<script async src="/explore.js"></script></head><body>{body}'
    files = {"/": page.encode(), "/explore.js": script, "/explore.css": (ROOT / "assets/explore.css").read_bytes()}
    arguments = ["--no-sandbox", "--disable-frame-rate-limit", "--disable-gpu-vsync"]
    with sync_playwright() as playwright, weighing(files) as (address, _):
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        tab = browser.new_page(viewport={"width": 800, "height": 900})
        tab.goto(address + "/")
        tab.wait_for_selector("explore-figure[data-ready]")
        measured = {name: measure(tab) for name, measure in MEASURES.items()}
        browser.close()
        live = in_jupyter(playwright)
    size = len(gzip.compress(script, 9))
    rows = []
    for name, times in measured.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        rows.append([name, f"{statistics.median(times):.1f}", f"{p95:.1f}", at_most(p95, 16, " ms")])
    text = (
        f"A heat map of 16 × 16 in {GRID * GRID} frames, {TIMES} times each: from the event to the end of the next "
        "paint, in ms, frames not held back to the rate of a screen.\n\n"
    )
    text += table(["", "median", "95th percentile", "goal"], *rows)
    text += (
        f"\n\nThe script is {size:,} bytes gzipped; {at_most(size, MOST_SCRIPT)}. In JupyterLab, where a kernel draws, "
        f"the picture follows a drag after {statistics.median(live):.0f} ms (median of {len(live)})."
    )
    return "A figure under the hand", ["playwright", "anywidget", "jupyterlab", "matplotlib"], text


def collect(tab, kinds, act):
    tab.evaluate(STOPWATCH, kinds)
    for i in range(TIMES):
        act(i)
        tab.wait_for_function("n => window.times.length > n", arg=i, polling=5)
    times = tab.evaluate("window.times")
    tab.reload()
    tab.wait_for_selector("explore-figure[data-ready]")
    return times[:TIMES]


def slider(tab):
    tab.locator("input[type=range]").last.focus()
    return collect(
        tab, ["keydown"], lambda i: tab.keyboard.press("ArrowRight" if i // (GRID - 1) % 2 == 0 else "ArrowLeft")
    )


def play(tab):
    """What a step of play does, once for each of so many steps."""
    return collect(
        tab,
        ["step"],
        lambda i: tab.evaluate(
            """i => { dispatchEvent(new Event('step')); const figure = document.querySelector('explore-figure');
            figure.controls[0].place = i % figure.controls[0].size; figure.move() }""",
            i + 1,
        ),
    )


def hover(tab):
    box = tab.locator(".explore-stage").bounding_box()

    def act(i):
        tab.mouse.move(
            box["x"] + box["width"] * (0.3 + 0.03 * (i % 20)), box["y"] + box["height"] * (0.2 + 0.05 * (i % 13))
        )

    return collect(tab, ["pointermove"], act)


def drag(tab):
    start = tab.locator(".explore-handle").bounding_box()
    box = tab.locator(".explore-stage").bounding_box()
    tab.mouse.move(start["x"] + 22, start["y"] + 22)
    tab.mouse.down()

    def act(i):
        tab.mouse.move(
            box["x"] + box["width"] * (0.2 + 0.7 * (i * 7 % 20) / 20), box["y"] + box["height"] * (0.1 + (i % 13) / 17)
        )

    times = collect(tab, ["pointermove"], act)
    tab.mouse.up()
    return times


MEASURES = {"slider": slider, "play": play, "hover": hover, "drag": drag}

NOTEBOOK = """---
jupytext:
  text_representation: {{extension: .md, format_name: myst}}
kernelspec: {{name: python3, display_name: Python 3}}
---

```{{code-cell}}
import sys

sys.path[:0] = ["../code", {tests!r}]
from bench_hand import draw
from explore import explore

explore(draw, x=list(range(20)), y=list(range(20)))
```
"""

# From the next move of the pointer to the picture that is drawn for it.
WATCH = """() => {
  window.took = null;
  addEventListener('pointermove', () => {
    const begin = performance.now();
    new MutationObserver((_, watch) => {
      watch.disconnect();
      requestAnimationFrame(() => (window.took = performance.now() - begin));
    }).observe(document.querySelector('.explore-drawing'), { childList: true });
  }, { capture: true, once: true });
}"""


def in_jupyter(playwright):
    """Milliseconds from a move of a drag to the picture that the kernel drew for it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        book = copy_of_the_book(Path(folder, "book"))
        (book / "chapters/drag.md").write_text(NOTEBOOK.format(tests=str(ROOT / "tests")), "utf-8")
        home = Path(folder, "home")
        home.mkdir()
        with jupyterlab(book, readers_environment(home)) as (address, token):
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1400, "height": 1000})
            tab.goto(f"{address}/lab?token={token}")
            tab.wait_for_function("() => window.jupyterapp")
            tab.evaluate(
                """async () => { const { commands, restored } = window.jupyterapp; await restored;
                const { context } = await commands.execute('docmanager:open', { path: 'chapters/drag.md' });
                await context.ready; await context.sessionContext.ready;
                await commands.execute('notebook:run-all-cells') }"""
            )
            tab.wait_for_selector("explore-figure[data-ready]")
            handle, stage = tab.locator(".explore-handle"), tab.locator(".explore-stage").bounding_box()
            at = handle.bounding_box()
            tab.mouse.move(at["x"] + 22, at["y"] + 22)
            tab.mouse.down()
            times = []
            for i in range(30):
                tab.evaluate(WATCH)
                share = 0.25 + 0.6 * (i * 7 % 20) / 20
                tab.mouse.move(
                    stage["x"] + stage["width"] * share, stage["y"] + stage["height"] * (0.2 + (i % 11) / 17)
                )
                tab.wait_for_function("window.took !== null")
                times.append(tab.evaluate("window.took"))
            tab.mouse.up()
            browser.close()
    return times
