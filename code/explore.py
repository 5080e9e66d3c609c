"""One figure under sliders: live widgets with a kernel, pre-drawn frames on the static page.

A chapter writes a function that draws one choice and hands it over with the values to choose from:

    def draw(d_k, scale):
        figure, ax = plt.subplots(figsize=(5.2, 3))
        ...
        return figure, f"With d_k = {d_k} the largest weight is {weights.max():.2f}."

    explore(draw, d_k=[1, 4, 16, 64, 256], scale=["1", "1/√d_k", "1/d_k"])
"""

import html
import inspect
import io
import itertools
import json
import math
import os
import re
import warnings

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from drawing.palette import INK
from page.subscripts import with_subscripts

# Load Jupyter's backend now: inside `rc_context` it would forget to show a reader's own figures by themselves.
plt.switch_backend(matplotlib.get_backend())

MOST_FRAMES = 400

FONTS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', 'PingFang SC', "
    "'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', 'Droid Sans Fallback', sans-serif"
)
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "explore",
    "savefig.transparent": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.facecolor": "none",
    "legend.frameon": False,
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.interpolation": "none",
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK),
}


def explore(draw, *, start=None, labels=None, **choices):
    """Show `draw(**choice)` under one slider for each of `choices`.

    draw: returns (matplotlib figure, one plain sentence that reads the figure out with its numbers).
    choices: name = list of the values of its slider, in order; without any, the figure stands alone.
    start: {name: value} shown first; the first value of a list where it is not named.
    labels: {name: words beside the slider}; a letter after an underscore is set as a subscript.
    Returns: a live widget, or, while the book is built, the HTML of every frame.
    Errors: ValueError for choices that are no lists, a start that is not among them, more than 400
        combinations, and a draw that does not return a figure and its sentence.
    """
    labels = labels or {}
    values, first = _check_choices(draw, choices, start or {}, labels)
    names = {name: labels.get(name, name) for name in values}
    if os.environ.get("BOOK_STATIC"):
        return _StaticFigure(draw, values, first, names)
    return _live(draw, values, first, names)


def frame(draw, choice):
    """The SVG and the sentence of one choice: what every reader sees, whichever way they read."""
    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
        # The reader's browser draws the text, so matplotlib's own lack of Chinese glyphs does not matter.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        drawn = draw(**choice)
        figure, sentence = drawn if isinstance(drawn, tuple) and len(drawn) == 2 else (None, None)
        if not isinstance(figure, Figure) or not isinstance(sentence, str) or not sentence.strip():
            raise ValueError(
                f"{_name(draw)}({_call(choice)}) must return (figure, sentence): a matplotlib figure and one "
                f"sentence that reads it out; it returned {_kind(drawn)}."
            )
        try:
            return _to_svg(figure), sentence.strip()
        finally:
            plt.close(figure)


def _check_choices(draw, choices, start, labels):
    if not callable(draw):
        raise ValueError(f"draw must be a function that returns (figure, sentence); got {type(draw).__name__}.")
    values = {}
    for name, options in choices.items():
        if isinstance(options, str) or not hasattr(options, "__iter__") or not list(options):
            raise ValueError(f"{name} must be a list of the values of its slider; got {options!r}.")
        values[name] = list(options)
    combinations = math.prod(map(len, values.values()))
    if combinations > MOST_FRAMES:
        sizes = " × ".join(f"{name}: {len(options)}" for name, options in values.items())
        raise ValueError(f"{combinations} combinations ({sizes}), at most {MOST_FRAMES}. Shorten a list of choices.")
    for name in [*start, *labels]:
        if name not in values:
            raise ValueError(f"start or labels name {name!r}, which is no choice; the choices are {list(values)}.")
    first = {name: start.get(name, options[0]) for name, options in values.items()}
    for name, value in first.items():
        if value not in values[name]:
            raise ValueError(f"start = {{{name!r}: {value!r}}} is not among the choices {values[name]}.")
    try:
        inspect.signature(draw).bind(**first)
    except TypeError as error:
        raise ValueError(f"{_name(draw)} cannot be called with {', '.join(values) or 'no choice'}: {error}.") from None
    return values, first


def _name(draw):
    return getattr(draw, "__name__", "draw")


def _call(choice):
    return ", ".join(f"{name}={value!r}" for name, value in choice.items())


def _kind(drawn):
    return f"({', '.join(type(part).__name__ for part in drawn)})" if isinstance(drawn, tuple) else type(drawn).__name__


# ---------------------------------------------------------------- one drawing


def _to_svg(figure):
    """The figure as SVG that takes the page's colours and fonts, the same bytes on every run."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
    svg = buffer.getvalue()
    if "¤" in svg:
        raise ValueError("a text of the figure mixes Chinese with $maths$, which matplotlib cannot set: use two texts.")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>|\s*<!--.*?-->", "", svg, flags=re.S)
    svg = svg.replace(INK, "currentColor")
    svg = re.sub(r" ?font-family: [^;\"]*'DejaVu Sans'[^;\"]*;?", "", svg)  # the root names the fonts, once
    svg = re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.S)  # it would style the whole page
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    width, height = (round(inches * 72) for inches in figure.get_size_inches())
    style = f"width: 100%; max-width: {width * 1.6:.0f}px; stroke-linejoin: round; font-family: {FONTS}"
    opening = f'<svg viewBox="0 0 {width} {height}" aria-hidden="true" style="{style}"'
    opening += ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return opening + svg[svg.index(">") + 1 :].strip()


def _words(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- the static page


class _StaticFigure:
    """Every frame as HTML that assets/explore.js brings to life, and that reads well without it."""

    def __init__(self, draw, values, first, names):
        self.html = _page_html(draw, values, first, names)

    def _repr_html_(self):
        return self.html


def _page_html(draw, values, first, names):
    choices = [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]
    frames = [frame(draw, choice) for choice in choices]
    svg, sentence = frames[choices.index(first)]
    live = ' aria-live="polite"' if values else ""
    drawing = f"<figure><div>{svg}</div><figcaption{live}>{with_subscripts(sentence)}</figcaption></figure>"
    if not values:
        return f"<explore-figure>{drawing}</explore-figure>"
    controls = "".join(_control(names[name], options, first[name]) for name, options in values.items())
    pool = {}
    numbers = [[pool.setdefault(line, len(pool)) for line in svg.splitlines()] for svg, _ in frames]
    data = json.dumps({"lines": list(pool), "frames": numbers}, ensure_ascii=False, separators=(",", ":"))
    data = data.replace("</", "<\\/")  # no line may end the script element
    sentences = "".join(f"<p>{html.escape(text)}</p>" for _, text in frames)
    return (
        f'<explore-figure><div class="explore-controls">{controls}</div>{drawing}<template>{sentences}</template>'
        f'<script type="application/json">{data}</script></explore-figure>'
    )


def _control(name, options, value):
    words = [_words(option) for option in options]
    position = options.index(value)
    values = html.escape(json.dumps(words, ensure_ascii=False))
    # Room for the longest value: a track that changes its length would run away under the finger.
    room = max(sum(2 if character > "⺀" else 1 for character in word) for word in words)
    return (
        f'<label><span class="explore-name">{with_subscripts(name)}</span>'
        f'<input type="range" min="0" max="{len(options) - 1}" step="1" value="{position}" autocomplete="off" '
        f'aria-valuetext="{html.escape(words[position])}" data-values="{values}">'
        f'<output style="--room: {room}ch">{with_subscripts(words[position])}</output></label>'
    )


# ---------------------------------------------------------------- Jupyter


def _live(draw, values, first, names):
    import ipywidgets as widgets

    picture, caption = widgets.HTML(), widgets.HTML()
    controls = {name: _widget(names[name], options, first[name]) for name, options in values.items()}

    def update(_=None):
        try:
            svg, sentence = frame(draw, {name: control.value for name, control in controls.items()})
        except Exception as error:  # a callback's traceback would end in a log that readers do not see
            picture.value, caption.value = (
                "",
                f"<pre>{html.escape(type(error).__name__)}: {html.escape(str(error))}</pre>",
            )
            raise
        picture.value, caption.value = svg, f'<p aria-live="polite">{with_subscripts(sentence)}</p>'

    update()
    for control in controls.values():
        control.observe(update, "value")
    return widgets.VBox([*controls.values(), picture, caption])


def _widget(name, options, value):
    import ipywidgets as widgets

    few_words = len(options) <= 4 and all(isinstance(option, str) for option in options)
    kind = widgets.ToggleButtons if few_words else widgets.SelectionSlider
    return kind(
        options=[(_words(option), option) for option in options],
        value=value,
        description=with_subscripts(name),
        description_allow_html=True,
        style={"description_width": "auto"} | ({"button_width": "auto"} if few_words else {}),
        layout={"max_width": "36rem", **({} if few_words else {"width": "100%"})},
    )
