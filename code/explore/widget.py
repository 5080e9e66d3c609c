"""A figure with a kernel behind it: the same element and the same script as on the page, and `draw` called live."""

import html
import traceback
from pathlib import Path

import anywidget
import traitlets

from explore.frames import draw_frame
from explore.static import figure_html

ASSETS = Path(__file__).parents[2] / "assets"


class LiveFigure(anywidget.AnyWidget):
    """Sets `shown` to a frame whenever the script wants another one.

    The script asks for one frame at a time, so what a hand has left behind meanwhile is never drawn.
    """

    _esm = (ASSETS / "explore.js").read_text("utf-8") + (
        "\nexport default { render: ({ model, el }) => renderLive(model, el) };"
    )
    _css = (ASSETS / "explore.css").read_text("utf-8")
    element = traitlets.Unicode().tag(sync=True)
    wanted = traitlets.List(traitlets.Int()).tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)

    def __init__(self, draw, choices):
        self.draw, self.choices = draw, choices
        start = [choice.start for choice in choices]
        first = self.frame(start)
        super().__init__(element=figure_html(first, choices), wanted=start, shown=self.message(first, start))

    def frame(self, places):
        values = {choice.name: choice.values[place] for choice, place in zip(self.choices, places, strict=True)}
        return draw_frame(self.draw, values, self.choices)

    @staticmethod
    def message(frame, places):
        return {"at": places, "svg": frame.svg, "sentence": frame.sentence, "marks": frame.marks}

    @traitlets.observe("wanted")
    def show(self, change):
        if change["old"] is traitlets.Undefined or list(self.wanted) == self.shown.get("at"):
            return
        try:
            self.shown = self.message(self.frame(self.wanted), list(self.wanted))
        except Exception as error:  # a callback's traceback would end in a log that readers do not see
            said = html.escape("".join(traceback.format_exception_only(error)))
            self.shown = {"at": list(self.wanted), "error": said}
            raise

    def __repr__(self):  # what a saved notebook keeps
        return self.shown.get("sentence", "a figure")
