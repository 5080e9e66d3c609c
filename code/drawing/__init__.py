"""What every chapter draws with. `drawing.diagrams` and `drawing.heads` have the larger pictures of single chapters."""

from drawing.marks import handle, point_at, point_at_cells
from drawing.palette import CONTEXT, FAINT, INK, KEY, QUERY, SCORE, VALUE, WEIGHT, WIDTH, tint, two_sided
from drawing.plots import (
    arrow,
    cleared,
    curve,
    dots,
    empty_maps,
    fill_maps,
    heatmap,
    outline,
    plane,
    seed_dots,
    spread,
    token_bars,
)

__all__ = [
    "CONTEXT",
    "FAINT",
    "INK",
    "KEY",
    "QUERY",
    "SCORE",
    "VALUE",
    "WEIGHT",
    "WIDTH",
    "arrow",
    "cleared",
    "curve",
    "dots",
    "empty_maps",
    "fill_maps",
    "handle",
    "heatmap",
    "outline",
    "plane",
    "point_at",
    "point_at_cells",
    "seed_dots",
    "spread",
    "tint",
    "token_bars",
    "two_sided",
]
