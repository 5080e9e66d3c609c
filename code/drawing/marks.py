"""What a reader can point at, choose by and take hold of in a figure.

A drawing says it while it draws; `explore` hands it to the reader. Places are in the data coordinates of their axes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes


@dataclass
class Grid:
    """Cells side by side, row 0 on top, as `imshow` draws them; bars are a grid of one column."""

    ax: Axes
    values: Sequence  # (rows, columns)
    rows: Sequence  # names, as readers see them
    columns: Sequence
    decimals: int
    chooses: tuple  # names of the choices that a click on a row and on a column sets, or None


@dataclass
class Points:
    """Places by themselves: dots, the tips of arrows, the corners of a curve."""

    ax: Axes
    places: Sequence  # (points, 2)
    names: Sequence
    values: Sequence  # one text a point
    chooses: str | None


@dataclass
class Handle:
    """A mark that moves when choices change, and so can be taken to choose them."""

    ax: Axes
    choices: tuple
    place: Callable  # (a value of each of the choices) -> (x, y)


def marks_of(figure):
    """The list of all that a figure's drawing has named so far."""
    return figure.__dict__.setdefault("_marks", [])


def point_at_cells(ax, values, rows=None, columns=None, *, decimals=None, chooses=(None, None)):
    """Name the cells of a matrix drawn by `imshow`: a reader who points at one sees its row, its column, its number.

    values: (rows, columns). rows, columns: names; None counts from 1. decimals: of the number; None gives about three
    digits. chooses: the choices that a click sets to the name of its row and of its column, or None.
    """
    values = [[float(value) for value in row] for row in values]
    names = [
        list(range(1, count + 1)) if given is None else list(given)
        for given, count in ((rows, len(values)), (columns, len(values[0])))
    ]
    if decimals is None:
        decimals = digits(max(abs(value) for row in values for value in row))
    marks_of(ax.figure).append(Grid(ax, values, *names, decimals, tuple(chooses)))


def point_at(ax, places, names, values=None, *, chooses=None):
    """Name places: a reader who points near one sees its name and its value.

    places: (points, 2). values: a text a point, or None. chooses: the choice that a click sets to the point's name.
    Errors: ValueError for lists of different lengths.
    """
    places, names = [(float(x), float(y)) for x, y in places], list(names)
    values = [""] * len(places) if values is None else [str(value) for value in values]
    if not len(places) == len(names) == len(values):
        raise ValueError(f"{len(places)} places, {len(names)} names and {len(values)} values: one of each a point.")
    if places:
        marks_of(ax.figure).append(Points(ax, places, names, values, chooses))


def handle(ax, place, *choices):
    """Let a reader take hold of a mark: to drag it sets `choices`, one or two, so that it stands nearest to the finger.

    place: a function of a value of each of the choices that says where the mark then stands, (x, y).
    Errors: ValueError unless one or two choices are named.
    """
    if not 1 <= len(choices) <= 2:
        raise ValueError(f"a handle is for one or two choices; got {len(choices)}: {', '.join(choices)}.")
    marks_of(ax.figure).append(Handle(ax, choices, place))


def digits(largest):
    """Decimals that leave a number of this size about three digits: 1 -> 2, 20 -> 1, 0.04 -> 4."""
    decimals = 2
    while largest >= 10 and decimals:
        largest, decimals = largest / 10, decimals - 1
    while 0 < largest < 0.5 and decimals < 6:
        largest, decimals = largest * 10, decimals + 1
    return decimals
