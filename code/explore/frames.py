"""One drawing: its SVG, its sentence, and what of it a reader can point at or take hold of."""

import io
import itertools
import json
import re
import warnings
from dataclasses import dataclass

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from drawing.marks import Grid, Handle, marks_of
from drawing.palette import INK
from explore.choices import place_of

# Load Jupyter's backend now: inside `rc_context` it would forget to show a reader's own figures by themselves.
plt.switch_backend(matplotlib.get_backend())

POINTS = 72  # of an SVG's own units, to the inch
FONTS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', 'PingFang SC', "
    "'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', 'Droid Sans Fallback', sans-serif"
)
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "explore",
    "svg.image_inline": True,
    "savefig.transparent": True,
    "savefig.bbox": None,
    "savefig.dpi": "figure",
    "figure.dpi": POINTS,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.facecolor": "none",
    "legend.frameon": False,
    "font.size": 11,
    "axes.titlesize": 11.5,
    "axes.titley": 1.0,  # where it is anyway, but matplotlib would measure every tick to know
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.interpolation": "none",
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK),
}


@dataclass
class Frame:
    svg: str
    sentence: str
    width: int  # of the SVG's view box
    marks: list  # of (what stays from frame to frame, what changes), as assets/explore.js reads them


def draw_frame(draw, choice, choices=()):
    """Draw one choice, {name: value}. choices: all `Choice`s of the figure, for marks that refer to them."""
    before = set(plt.get_fignums())
    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
        # The reader's browser draws the text, so matplotlib's own lack of Chinese glyphs does not matter.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        try:
            drawn = draw(**choice)
            figure, sentence = drawn if isinstance(drawn, tuple) and len(drawn) == 2 else (None, None)
            if not isinstance(figure, Figure) or not isinstance(sentence, str) or not sentence.strip():
                raise ValueError(
                    f"{_call(draw, choice)} must return (figure, sentence): a matplotlib figure and one "
                    f"sentence that reads it out; it returned {_kind(drawn)}."
                )
            svg = to_svg(figure)
            marks = [describe(mark, figure, choice, choices) for mark in marks_of(figure)]
            return Frame(svg, sentence.strip(), round(figure.get_figwidth() * POINTS), marks)
        except Exception as error:
            error.add_note(f"This happened in {_call(draw, choice)}.")
            raise
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)


def _call(draw, choice):
    return f"{getattr(draw, '__name__', 'draw')}({', '.join(f'{name}={value!r}' for name, value in choice.items())})"


def _kind(drawn):
    return f"({', '.join(type(part).__name__ for part in drawn)})" if isinstance(drawn, tuple) else type(drawn).__name__


def to_svg(figure):
    """The figure as SVG that takes the page's colours and fonts, the same bytes on every run."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
    svg = buffer.getvalue()
    if "¤" in svg:
        raise ValueError("a text of the figure mixes Chinese with $maths$, which matplotlib cannot set: use two texts.")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.S)  # it would style the whole page
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))

    def plain(tag):  # and never a text between tags, whatever it says
        tag = tag[0].replace(INK, "currentColor")
        tag = re.sub(r" ?font-family: [^;\"]*'DejaVu Sans'[^;\"]*;?", "", tag)  # the root names the fonts, once
        return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", tag)

    svg = re.sub(r"<[^<>]*>", plain, svg)
    width, height = (round(inches * POINTS) for inches in figure.get_size_inches())
    style = f"width: 100%; stroke-linejoin: round; font-family: {FONTS}"
    opening = f'<svg viewBox="0 0 {width} {height}" aria-hidden="true" style="{style}"'
    opening += ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return opening + svg[svg.index(">") + 1 :].strip()


# ---------------------------------------------------------------- what can be pointed at


def describe(mark, figure, choice, choices):
    """A mark for the script: (what usually stays from frame to frame, what changes), in the units of the SVG."""
    if isinstance(mark, Grid):
        rows = len(mark.values)
        # From edge to edge of the axes, and as high as the rows; a single row is as high as the axes.
        left, right = (x for x, _ in places(mark.ax, [(0, 0), (1, 0)], figure, mark.ax.transAxes))
        edges = ([(0, 1), (0, 0)], mark.ax.transAxes) if rows == 1 else ([(0, -0.5), (0, rows - 0.5)], None)
        top, bottom = (y for _, y in places(mark.ax, edges[0], figure, edges[1]))
        fixed = {"grid": [left, top, right, bottom], "rows": _words(mark.rows), "columns": _words(mark.columns)}
        fixed |= {"title": mark.ax.get_title(), "decimals": mark.decimals}
        picks = [_picks(*pair, choices) for pair in zip(mark.chooses, (mark.rows, mark.columns), strict=True)]
        if any(picks):
            fixed["picks"] = picks
        return fixed, [_number(value, mark.decimals) for row in mark.values for value in row]
    if isinstance(mark, Handle):
        given = {one.name: one for one in choices}
        for name in mark.choices:
            if name not in given:
                raise ValueError(f"a handle is for {name!r}, which is no choice; the choices are {list(given)}.")
        values = itertools.product(*(given[name].values for name in mark.choices))
        at = places(mark.ax, [mark.place(*each) for each in values], figure)
        return {"handle": [list(given).index(name) for name in mark.choices]}, at
    fixed = {"names": _words(mark.names), "title": mark.ax.get_title()}
    if picks := _picks(mark.chooses, mark.names, choices):
        fixed["picks"] = [picks, None]
    return fixed, [[*at, value] for at, value in zip(places(mark.ax, mark.places, figure), mark.values, strict=True)]


def places(ax, points, figure, coordinates=None):
    """Places in the coordinates of some axes, those of the data, as places in the SVG, whose first line is on top."""
    inches = figure.dpi_scale_trans.inverted().transform((coordinates or ax.transData).transform(points))
    height = figure.get_figheight()
    return [[round(float(x) * POINTS, 1), round(float(height - y) * POINTS, 1)] for x, y in inches]


def _picks(name, names, choices):
    """[which choice, the place of the value that each of `names` stands for, or −1]; None without a choice."""
    if name is None:
        return None
    known = [one.name for one in choices]
    if name not in known:
        raise ValueError(f"a click is to choose {name!r}, which is no choice; the choices are {known}.")
    places = [place_of(each, choices[known.index(name)].values) for each in names]
    if set(places) == {None}:
        raise ValueError(f"a click is to choose {name!r}, but none of {list(names)} is a value of it.")
    return [known.index(name), [-1 if place is None else place for place in places]]


def _words(names):
    return [str(name) for name in names]


def _number(value, decimals):
    """As a whole number of the last decimal, which takes fewer bytes; as a text if it is none."""
    text = f"{value:.{decimals}f}"
    try:
        return int(text.replace(".", ""))
    except ValueError:
        return text.replace("inf", "∞").replace("-", "−")


def as_json(data):
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
