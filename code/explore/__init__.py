"""One figure, its controls: drawn live with a kernel, ahead of time for the static page.

A chapter writes a function that draws one choice and hands it over with the values to choose from:

    def draw(d_k, scale):
        figure, ax = plt.subplots(figsize=(WIDTH, 3))
        ...
        return figure, f"With d_k = {d_k} the largest weight is {weights.max():.2f}."

    explore(draw, d_k=[1, 4, 16, 64, 256], scale=["1", "1/√d_k", "1/d_k"])

Numbers become a slider, names a row of buttons or, if there are many, a menu. What the drawing names through
`drawing.marks` can be pointed at, chosen by, and taken hold of. assets/explore.js is the hand in all three homes.
"""

import os

from explore.choices import check_choices
from explore.frames import draw_frame

__all__ = ["explore", "frame"]


def explore(draw, *, start=None, labels=None, controls=None, **choices):
    """Show `draw(**choice)` under one control for each of `choices`.

    draw: returns (matplotlib figure, one plain sentence that reads the figure out with its numbers).
    choices: name = list of its values, numbers or texts; without any, the figure stands alone.
    start: {name: value} shown first; the first value of a list where it is not named.
    labels: {name: words beside the control}; a letter after an underscore is set as a subscript.
    controls: {name: "slider", "buttons", "menu", "play" or "play once"}, where it is to be another than the values
        suggest. "play" is a slider for time, with a button that moves it; "play once" also begins by itself, when the
        figure comes into view, unless the reader has asked for less motion.
    Returns: a live widget, or, while the book is built, the HTML of every frame.
    Errors: ValueError for values that are no numbers and no texts or that equal each other, a start that is not among
        them, a control that does not exist, more than 400 combinations, and a draw that does not return a figure and
        its sentence. An error of draw itself gets a note that says for which choice.
    """
    given = check_choices(draw, choices, start or {}, labels or {}, controls or {})
    if os.environ.get("BOOK_STATIC"):
        from explore.static import StaticFigure

        return StaticFigure(draw, given)
    from explore.widget import LiveFigure

    return LiveFigure(draw, given)


def frame(draw, choice):
    """The SVG and the sentence of one choice: what every reader sees, whichever way they read."""
    drawn = draw_frame(draw, choice)
    return drawn.svg, drawn.sentence
