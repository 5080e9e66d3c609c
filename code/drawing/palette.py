"""The book's colours, and the width of its figures: said once, for every drawing."""

from matplotlib.colors import LinearSegmentedColormap, to_rgba

# One colour each through the whole book (assets/book.css has them for the prose), told apart by colour-blind
# readers, and middling in lightness so that they stand out on white and on black.
QUERY, KEY, VALUE = "#0072b2", "#d55e00", "#009e73"
SCORE, WEIGHT, CONTEXT = "#aa4499", "#b57a00", "#6b7a8f"
FAINT = "#8888887f"

# Drawn in this colour, shown in the reader's text colour, whatever the theme (`explore` sees to it).
INK = "#010203"

WIDTH = 4.6  # inches: a phone of 360 pixels shows a figure of this width in its own size, text of size 10 as 10 pixels


def tint(colour):
    """From nothing to `colour`: zero lets the page shine through, so heat maps suit light and dark."""
    return LinearSegmentedColormap.from_list("tint", [to_rgba(colour, 0), to_rgba(colour, 1)])


def two_sided(colour):
    """Below zero grey, above zero `colour`, zero transparent."""
    grey, full = to_rgba("#777777"), to_rgba(colour)
    stops = [(0, grey), (0.5, (*grey[:3], 0)), (0.5, (*full[:3], 0)), (1, full)]
    return LinearSegmentedColormap.from_list("two_sided", stops)
