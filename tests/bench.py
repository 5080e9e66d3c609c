"""How heavy and how fast the book is, beside what it could have used instead. `make bench` runs all six parts;

    python tests/bench.py widget hand page live build attention

runs those that are named. Prints tables and writes them to docs/benchmarks.md; parts that did not run keep theirs.
No number here is a test: machines differ, so only what was measured side by side in one run is compared.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from bench_hand import hand
from bench_live import live
from bench_page import page
from bench_report import REPORT, ROOT, at_most, machine, quotient, save, table, verdict, versions

sys.path[:0] = [str(ROOT / "code"), str(ROOT / "tests")]
FRAMES = 50
MOVES = 200


def main(parts):
    known = {"widget": widget, "hand": hand, "page": page, "live": live, "build": build, "attention": attention}
    for part in parts or known:
        if part not in known:
            raise SystemExit(f"There is no part {part!r}; the parts are {', '.join(known)}.")
        print(f"\n{part} ...", file=sys.stderr, flush=True)
        title, packages, text = known[part]()
        section = f"## {title}\n\n{text}\n\nMeasured {date.today()} on {machine()}; {versions(packages)}.\n"
        print(section)
        save(title, section)
    print(f"Written to {REPORT.relative_to(ROOT)}")


# ---------------------------------------------------------------- the figure under its slider


def widget():
    """One figure of 50 frames: what a page loads for it, and how long a move of its slider takes to be seen."""
    import matplotlib

    matplotlib.use("agg")
    from browser import chromium
    from playwright.sync_api import sync_playwright
    from server import weighing

    pages = {"ours": our_page(), "stock": stock_page()}
    weight, times = {}, {}
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    # Without them every measurement would end in up to 17 ms of waiting for the screen.
    arguments += ["--disable-frame-rate-limit", "--disable-gpu-vsync"]
    with sync_playwright() as playwright, ExitStack() as servers:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        tabs = {}
        for name, (files, slider, picture) in pages.items():
            address, answered = servers.enter_context(weighing(files))
            page = tabs[name] = browser.new_page()
            strange = []
            page.on("request", lambda r, a=address, s=strange: s.append(r.url) if not r.url.startswith(a) else None)
            page.on("pageerror", lambda error: print("error in the page:", error, file=sys.stderr))
            page.goto(address + "/")
            page.locator(slider).first.wait_for(state="visible")
            page.wait_for_load_state("networkidle")
            strange = [url for url in strange if not url.startswith(("data:", "blob:"))]
            assert not strange, strange
            weight[name] = dict(answered)
            times[name] = []
            page.evaluate(STOPWATCH, picture)
        # Turn and turn about, in stretches of a tenth, so that what else the machine does meets both.
        for _ in range(10):
            for name, (_, slider, _) in pages.items():
                times[name] += moves(tabs[name], slider, MOVES // 10)
        browser.close()
    total = {name: sum(files.values()) for name, files in weight.items()}
    share = total["ours"] / total["stock"]
    median = {name: statistics.median(t) for name, t in times.items()}
    p95 = {name: statistics.quantiles(t, n=20)[-1] for name, t in times.items()}
    text = (
        f"The same {FRAMES} heat maps of 16 × 16 under one slider: `explore(...)` of this book, and stock ipywidgets "
        "(a `Stack` of the same SVGs in `HTML`, `jslink`ed to a `SelectionSlider`, embedded with `ipywidgets.embed`, "
        "require.js and html-manager served from disk). Bytes are what a server sent, gzipped, for a page with nothing "
        "else on it. "
        f"A move is a press of an arrow key; its time runs to the end of the last paint that it causes ({MOVES} moves "
        "each, frames not held back to the rate of a screen).\n\n"
    )
    text += table(
        ["", "ours", "stock", "ours / stock", "goal"],
        ["page: drawings, sentences, state (bytes)", *(f"{weight[n]['/']:,}" for n in pages), ratio(weight, "/"), ""],
        ["scripts, styles, fonts (bytes)", *(f"{total[n] - weight[n]['/']:,}" for n in pages), rest(weight, total), ""],
        ["loaded in all (bytes)", *(f"{total[n]:,}" for n in pages), f"{share:.3f}", f"≤ 0.1: {verdict(share <= 0.1)}"],
        ["move to paint, median (ms)", *(f"{median[n]:.1f}" for n in pages), quotient(median), ""],
        [
            "move to paint, 95th percentile (ms)",
            *(f"{p95[n]:.1f}" for n in pages),
            quotient(p95),
            f"≤ 16 ms: {verdict(p95['ours'] <= 16)}",
        ],
    )
    packages = ["ipywidgets", "@jupyter-widgets/html-manager", "matplotlib", "playwright"]
    return "A figure with a slider, beside stock ipywidgets", packages, text


def ratio(weight, path):
    return f"{weight['ours'][path] / weight['stock'][path]:.3f}"


def rest(weight, total):
    return f"{(total['ours'] - weight['ours']['/']) / (total['stock'] - weight['stock']['/']):.4f}"


def draw(step):
    """A heat map of attention weights that sharpen from step to step."""
    import matplotlib.pyplot as plt
    import torch

    from drawing import WEIGHT, heatmap

    scores = torch.randn(16, 16, generator=torch.Generator().manual_seed(0)) * step / 10
    weights = scores.masked_fill(torch.ones(16, 16).triu(1) > 0, -torch.inf).softmax(dim=-1)
    figure, ax = plt.subplots(figsize=(5.2, 4.4), layout="constrained")
    names = [f"t{i}" for i in range(16)]
    heatmap(ax, weights.numpy(), colour=WEIGHT, rows=names, columns=names, vmax=1)
    return figure, f"At step {step} the largest weight of the last row is {weights[-1].max():.2f}."


def our_page():
    """{path: bytes}, selector of the slider, selector of what it changes."""
    os.environ["BOOK_STATIC"] = "1"
    from explore import explore

    body = explore(draw, step=list(range(FRAMES)))._repr_html_()
    head = '<link rel="stylesheet" href="/explore.css"><script async src="/explore.js"></script>'
    files = {f"/{name}": (ROOT / "assets" / name).read_bytes() for name in ("explore.js", "explore.css")}
    return files | {"/": document(head, body)}, "explore-figure[data-ready] input", "explore-figure figure"


def stock_page():
    from bench_stock import third_parties
    from ipywidgets.embed import dependency_state, embed_snippet
    from stock_explore import explore

    box = explore(draw, step=list(range(FRAMES)))
    snippet = embed_snippet(
        [box], state=dependency_state([box]), indent=None, embed_url="/embed-amd.js", requirejs=True
    )
    snippet, found = re.subn(
        r'<script src="https://[^"]*require\.min\.js"[^>]*>', '<script src="/require.min.js">', snippet
    )
    assert found == 1
    pages = third_parties() | {"/": document("", snippet)}
    return pages, ".noUi-handle", ".widget-stack, .jupyter-widget-stack, .widget-vbox"


def document(head, body):
    icon = '<link rel="icon" href="data:,">'
    page = f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A figure</title>{icon}{head}</head>'
    return f"{page}<body>{body}</body></html>".encode()


# From a key press to the end of the paint after the last change that it made to the picture.
STOPWATCH = """selector => {
  let pressed = null;
  window.painted = null;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => { window.painted = performance.now() - pressed };
  const onChange = () => requestAnimationFrame(() => channel.port2.postMessage(0));
  new MutationObserver(changes => {
    if (pressed !== null && changes.some(c => !c.target.closest?.('.widget-slider, .explore-controls'))) onChange();
  }).observe(document.querySelector(selector), {childList: true, subtree: true, attributes: true});
  window.addEventListener('keydown', () => { pressed = performance.now(); window.painted = null }, true);
}"""


def moves(page, slider, count):
    """Milliseconds of so many moves: to the right till the end, then to the left, and so on."""
    page.bring_to_front()
    handle = page.locator(slider).first
    handle.focus()
    times = []
    page.evaluate("window.direction ??= 'ArrowRight'; window.position ??= 0")
    while len(times) < count:
        position, direction = page.evaluate("[window.position, window.direction]")
        position += 1 if direction == "ArrowRight" else -1
        page.keyboard.press(direction)
        page.wait_for_function("window.painted !== null", polling=20, timeout=10_000)
        page.wait_for_timeout(60)  # a later change of the same move would set it again
        times.append(page.evaluate("window.painted"))
        turned = {FRAMES - 1: "ArrowLeft", 0: "ArrowRight"}.get(position, direction)
        page.evaluate("([p, d]) => { window.position = p; window.direction = d }", [position, turned])
    return times


# ---------------------------------------------------------------- the build


def build():
    """A clean build in a copy of the book, and one with nothing changed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "book")
        leave = shutil.ignore_patterns(".git", ".venv", "_build", "weights", ".hypothesis", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=leave)
        if (ROOT / "weights").exists():
            (copy / "weights").symlink_to(ROOT / "weights")
        clean, log = jupyter_book(copy)
        unchanged, second_log = jupyter_book(copy)
    executed = r"\] executed (\S+) in ([\d.]+) s "
    seconds = {name: float(time) for name, time in re.findall(executed, log)}
    sources = [ROOT / "index.md", *(ROOT / "chapters").glob("*.md")]
    notebooks = {str(p.relative_to(ROOT).with_suffix("")) for p in sources if "\nkernelspec:" in p.read_text("utf-8")}
    assert seconds.keys() == notebooks, f"the log names {sorted(seconds)} as executed, not {sorted(notebooks)}"
    again = re.findall(executed, second_log)
    chapters = sum(seconds.values())
    text = (
        "`jupyter-book build -W -n` of a fresh copy, experiments included; then once more with nothing changed "
        f"({len(again)} chapters executed). Chapters are executed side by side, so their seconds add up to more than "
        "those of the build, and each takes longer than it would alone.\n\n"
    ) + table(
        ["", "seconds", "of the clean build", "goal"],
        *([f"execute {name}", f"{took:.1f}", f"{took / clean:.0%}", ""] for name, took in sorted(seconds.items())),
        ["all chapters, added up", f"{chapters:.0f}", f"{chapters / clean:.0%}", ""],
        ["**clean build**", f"**{clean:.0f}**", "100%", at_most(clean, 120, " s")],
        ["**unchanged build**", f"**{unchanged:.1f}**", f"{unchanged / clean:.1%}", at_most(unchanged, 10, " s")],
    )
    return "The build", ["jupyter-book", "torch", "matplotlib"], text


def jupyter_book(folder):
    begin = time.perf_counter()
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", "."]
    run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    took = time.perf_counter() - begin
    plain = re.sub(r"\x1b\[[\d;]*m", "", run.stdout)
    if run.returncode:
        raise SystemExit(f"The book was not built:\n{plain[-3000:]}")
    return took, plain


# ---------------------------------------------------------------- attention


def attention():
    """`MultiHeadAttention` beside torch's own module, both causal, with the same weights, at the same job."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch, tokens, width, heads = 8, 512, 512, 8
    ours, theirs = twins(width, heads, tokens)
    x = torch.randn(batch, tokens, width)
    hidden = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)

    def call(module, need_weights):
        if module is ours:
            return ours(x, need_weights=need_weights)
        return theirs(
            x, x, x, need_weights=need_weights, average_attn_weights=False, attn_mask=hidden, is_causal=not need_weights
        )

    def forward(module, need_weights):
        with torch.no_grad():
            call(module, need_weights)

    def both_ways(module, need_weights):
        answer = call(module, need_weights)
        (answer[0] if isinstance(answer, tuple) else answer).sum().backward()
        module.zero_grad(set_to_none=True)

    for need_weights in (False, True):
        mine, reference = call(ours, need_weights), call(theirs, need_weights)
        torch.testing.assert_close(mine[0] if need_weights else mine, reference[0], atol=1e-5, rtol=1e-4)
        if need_weights:
            torch.testing.assert_close(mine[1], reference[1], atol=1e-5, rtol=1e-4)
    rows = []
    for words, run in {"forward": forward, "forward and backward": both_ways}.items():
        for need_weights in (False, True):
            mine, reference = turn_about(
                lambda run=run, w=need_weights: run(ours, w), lambda run=run, w=need_weights: run(theirs, w), rounds=15
            )
            relation = statistics.median(a / b for a, b in zip(mine, reference, strict=True))
            rows.append(
                [
                    f"{words}, weights {'needed' if need_weights else 'not needed'}",
                    f"{statistics.median(mine) * 1000:.0f}",
                    f"{statistics.median(reference) * 1000:.0f}",
                    f"{relation:.2f}",
                    verdict(relation <= 1.05),
                ]
            )
    text = (
        f"`MultiHeadAttention` of code/attention.py and `torch.nn.MultiheadAttention`: batch {batch}, {tokens} tokens, "
        f"width {width}, {heads} heads, biases on, no dropout, causal mask, weights of each head (not their mean), "
        "one thread, float32; outputs compared before timing. Times are the processor's. "
        "The ratio is the median of 15 of neighbouring runs.\n\n"
    ) + table(["", "ours (ms)", "torch's (ms)", "ours / torch's", "goal ≤ 1.05"], *rows)
    return "Attention, beside torch's own module", ["torch"], text


def twins(width, heads, tokens):
    """Our module and torch's, with the same weights."""
    import torch

    from attention import MultiHeadAttention

    ours = MultiHeadAttention(width, width, tokens, 0.0, heads, qkv_bias=True)
    theirs = torch.nn.MultiheadAttention(width, heads, batch_first=True)
    with torch.no_grad():
        projections = (ours.W_query, ours.W_key, ours.W_value)
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        theirs.out_proj.load_state_dict(ours.out_proj.state_dict())
    return ours, theirs


def turn_about(first, second, rounds):
    """Seconds of the processor for each call, one beside the other; who goes first changes from round to round."""
    times = {first: [], second: []}
    for round_ in range(-2, rounds):
        for run in (first, second) if round_ % 2 else (second, first):
            begin = time.process_time()
            run()
            if round_ >= 0:
                times[run].append(time.process_time() - begin)
    return times[first], times[second]


if __name__ == "__main__":
    main(sys.argv[1:])
