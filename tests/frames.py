"""The frames of a chapter's figures: as its page has them in store, and as its kernel draws them."""

import html
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Control:
    kind: str  # slider, buttons or menu
    words: list  # of its values, as a reader sees them


@dataclass
class Stored:
    """A figure with controls, as a page's HTML has it in store."""

    frames: list  # SVG
    sentences: list
    controls: list
    marks: list  # for each frame: (what stays, what changes) of each mark

    def at(self, places):
        """Which frame belongs to these places of the controls."""
        index = 0
        for place, control in zip(places, self.controls, strict=True):
            index = index * len(control.words) + place
        return index


def stored(text):
    """Every figure with controls in a page's HTML."""
    from bs4 import BeautifulSoup

    figures = []
    for element in re.findall(r"<explore-figure>(.*?)</explore-figure>", text, re.S):
        data = re.search(r'<script type="application/json">(.*?)</script>', element, re.S)
        if data and "explore-choice" in element:
            pool = json.loads(data[1])
            frames = ["\n".join(pool["lines"][i] for i in numbers) for numbers in pool["frames"]]
            marks = [
                [tuple(pool["parts"][part] for part in mark) for mark in marks]
                for marks in pool.get("marks", [[]] * len(frames))
            ]
            soup = BeautifulSoup(element[: element.index("<figure>")], "html.parser")
            said = element.partition("<template>")[2].partition("</template>")[0]  # soup does not look in there
            sentences = [html.unescape(words) for words in re.findall(r"<p>(.*?)</p>", said, re.S)]
            figures.append(Stored(frames, sentences, [control(one) for one in soup.select(".explore-choice")], marks))
    return figures


def control(element):
    if slider := element.select_one("input[type=range]"):
        return Control("slider", [lowered(words) for words in json.loads(slider["data-values"])])
    if element.select_one("select"):
        return Control("menu", [option.get_text() for option in element.select("option")])
    return Control("buttons", [span.get_text() for span in element.select("label > span")])


def lowered(words):
    """Words as their letters are read on a page, where a letter after an underscore is lowered."""
    return re.sub(r"(?<![A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])", r"\1\2", words)


def drawn_again(before_cell, path):
    """[[(place among all frames, drawing, sentence)]] of every figure with choices: one in the middle and the last.

    Runs in the kernel that has just run the chapter. before_cell: {source of a cell: the names as they were before it
    ran}. path: the chapter. Nothing is drawn of a cell tagged `timed`, which shows what it has just measured.
    """
    import jupytext

    from explore.choices import check_choices
    from explore.frames import draw_frame

    drawn = []

    def again(draw, *, start=None, labels=None, controls=None, **choices):
        given = check_choices(draw, choices, start or {}, labels or {}, controls or {})
        combinations = list(itertools.product(*(choice.values for choice in given)))
        places = [] if timed else sorted({len(combinations) // 2, len(combinations) - 1})
        if choices:
            frames = [draw_frame(draw, dict(zip(choices, combinations[at], strict=True)), given) for at in places]
            drawn.append([(at, one.svg, one.sentence) for at, one in zip(places, frames, strict=True)])

    for cell in jupytext.read(f"{Path(path).name}.md").cells:
        timed = "timed" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and re.search(r"^explore\(", cell.source, flags=re.M):
            exec(
                re.sub(r"^explore\(", "__again(", cell.source, flags=re.M),
                before_cell[cell.source] | {"__again": again},
            )
    return drawn
