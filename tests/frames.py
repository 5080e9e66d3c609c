"""The frames of a chapter's figures: as its page has them in store, and as its kernel draws them."""

import html
import itertools
import json
import re
from pathlib import Path


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


def drawn_again(before_cell, path):
    """[[(place among all frames, drawing, sentence)]] of every figure with choices: one in the middle and the last.

    Runs in the kernel that has just run the chapter. before_cell: {source of a cell: the names as they were before it
    ran}. path: the chapter. Nothing is drawn of a cell tagged `timed`, which shows what it has just measured.
    """
    import jupytext

    from explore import frame

    drawn = []

    def again(draw, start=None, labels=None, **choices):
        combinations = list(itertools.product(*choices.values()))
        places = [] if timed else sorted({len(combinations) // 2, len(combinations) - 1})
        if choices:
            drawn.append([(at, *frame(draw, dict(zip(choices, combinations[at], strict=True)))) for at in places])

    for cell in jupytext.read(f"{Path(path).name}.md").cells:
        timed = "timed" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and re.search(r"^explore\(", cell.source, flags=re.M):
            exec(
                re.sub(r"^explore\(", "__again(", cell.source, flags=re.M),
                before_cell[cell.source] | {"__again": again},
            )
    return drawn
