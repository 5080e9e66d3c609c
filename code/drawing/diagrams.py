"""Boxes, arrows and cards: diagrams of shapes and of computations. Words that readers see are arguments."""

import textwrap

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch, Rectangle

from drawing.marks import point_at
from drawing.palette import CONTEXT, FAINT, INK, KEY, QUERY, SCORE, VALUE, WEIGHT, WIDTH

HEIGHT = 8.4  # inches
# name: (centre x, centre y, colour); the boxes of the figure, in inches from its lower left corner
PLACES = {
    "E": (1.2, 5.95, CONTEXT),
    "P": (3.4, 5.95, CONTEXT),
    "X": (2.3, 4.85, CONTEXT),
    "Q": (0.75, 3.55, QUERY),
    "K": (2.3, 3.55, KEY),
    "V": (3.85, 3.55, VALUE),
    "scores": (1.5, 2.45, SCORE),
    "weights": (1.5, 1.4, WEIGHT),
    "context": (2.3, 0.35, CONTEXT),
}
BOX_WIDTH, BOX_HEIGHT = 1.3, 0.52


def flow(text, tokens, shapes, words):
    """The whole path, top to bottom: text, tokens, E + P = X, then Q, K, V, scores, weights and context.

    text: the sentence. tokens: its parts. shapes: {box: shape} for every box of `PLACES`, such as {"E": (16, 32)}.
    words: {step: what stands beside its arrow} for split, embed, place, add, project, score, softmax and mix.
    Returns the figure. Errors: ValueError that names the shapes or words that are missing or unknown.
    """
    steps = ("split", "embed", "place", "add", "project", "score", "softmax", "mix")
    for name, given, needed in (("shapes", shapes, PLACES), ("words", words, steps)):
        if set(given) != set(needed):
            raise ValueError(f"{name} must be for {', '.join(needed)}; got {', '.join(given)}.")
    figure = plt.figure(figsize=(WIDTH, HEIGHT))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    ax.set_axis_off()

    ax.text(WIDTH / 2, 8.2, text, ha="center", va="center")
    _arrow(ax, (2.3, 8.06), (2.3, 7.66), words["split"])
    half = len(tokens) // 2
    _token_row(ax, tokens[:half], 7.46)
    _token_row(ax, tokens[half:], 7.06)
    _arrow(ax, (1.2, 6.86), (1.2, 6.23), words["embed"])
    _arrow(ax, (3.4, 6.86), (3.4, 6.23), words["place"])
    for name, (x, y, colour) in PLACES.items():
        _box(ax, x, y, colour, name, shapes[name])
    ax.text(2.3, 5.95, "+", ha="center", va="center", size=16)
    _arrow(ax, (2.3, 5.72), (2.3, 5.13), words["add"])
    for name in "QKV":
        _arrow(ax, (2.3, 4.58), (PLACES[name][0], 3.83))
    ax.text(3.0, 4.42, words["project"], ha="left", va="center", size=9.5)
    _arrow(ax, (0.75, 3.28), (1.2, 2.73))
    _arrow(ax, (2.3, 3.28), (1.8, 2.73), words["score"])
    _arrow(ax, (1.5, 2.18), (1.5, 1.68), words["softmax"])
    _arrow(ax, (1.5, 1.13), (2.0, 0.63))
    _arrow(ax, (3.85, 3.28), (2.7, 0.63), words["mix"])
    sizes = [" × ".join(map(str, shapes[name])) for name in PLACES]
    point_at(ax, [(x, y) for x, y, _ in PLACES.values()], PLACES, sizes)
    return figure


def _box(ax, x, y, colour, name, shape):
    left, low = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    look = {"boxstyle": "round,pad=0,rounding_size=0.08", "edgecolor": colour, "lw": 1.6}
    ax.add_patch(FancyBboxPatch((left, low), BOX_WIDTH, BOX_HEIGHT, facecolor=(*_rgb(colour), 0.16), **look))
    ax.text(x, y + 0.1, name, ha="center", va="center", weight="bold")
    ax.text(x, y - 0.13, " × ".join(map(str, shape)), ha="center", va="center", size=9.5)


def _rgb(colour):
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _arrow(ax, start, end, words=""):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0})
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    ax.text(middle[0] + 0.18, middle[1], words, ha="left", va="center", size=9.5)


def _token_row(ax, tokens, y):
    """Tokens in boxes, side by side; a Chinese character is as wide as it is high."""
    size = 10
    widths = [len(token) * size / 72 + 0.09 for token in tokens]
    gap = min(0.07, (WIDTH - 0.1 - sum(widths)) / max(len(tokens) - 1, 1))
    x = (WIDTH - sum(widths) - gap * (len(tokens) - 1)) / 2
    for token, width in zip(tokens, widths, strict=True):
        ax.add_patch(Rectangle((x, y - 0.13), width, 0.26, facecolor="none", edgecolor=FAINT, lw=0.8))
        ax.text(x + width / 2, y, token, ha="center", va="center", size=size)
        x += width + gap


def product(factors, *, colours, names, words):
    """Two matrices side by side, the size of each edge written on it, and their product if the inner sizes agree.

    factors: the two shapes (rows, columns). colours, names: of the two factors and of the product.
    words: what stands below. Returns the figure.
    """
    (a, b), (c, d) = factors
    fits = b == c
    shapes = [(a, b), (c, d)] + ([(a, d)] if fits else [])
    scale = min(1.3 / max(a, c), 3.0 / (b + d + (d if fits else 0)))
    figure = plt.figure(figsize=(WIDTH, 2.2))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, 2.2))
    ax.set_axis_off()
    middle, x, centres = 1.15, 0.4, []
    for i, ((rows, columns), sign) in enumerate(zip(shapes, ("@", "=" if fits else "?", ""), strict=False)):
        width, height = columns * scale, rows * scale
        # the inner sizes, which have to agree, in bold
        bold = ["normal", "normal"] if i == 2 else ["normal", "bold"] if i == 0 else ["bold", "normal"]
        fill = (*_rgb(colours[i]), 0.25)
        ax.add_patch(Rectangle((x, middle - height / 2), width, height, facecolor=fill, edgecolor=colours[i], lw=1.4))
        ax.text(x + width / 2, middle, names[i], ha="center", va="center", weight="bold")
        ax.text(x - 0.07, middle, f"{rows}", ha="right", va="center", size=9.5, weight=bold[0])
        above = middle + height / 2 + 0.12
        ax.text(x + width / 2, above, f"{columns}", ha="center", va="center", size=9.5, weight=bold[1])
        ax.text(x + width + 0.2, middle, sign, ha="center", va="center", size=12)
        centres.append((x + width / 2, middle))
        x += width + 0.7
    point_at(ax, centres, names[: len(shapes)], [f"{rows} × {columns}" for rows, columns in shapes])
    ax.text(WIDTH / 2, 0.17, words, ha="center", va="center")
    return figure


def there_and_back(boxes, links):
    """Boxes of a computation: the upper number runs forwards, the lower one, in italics, backwards.

    boxes: {name: (column, row, upper, lower)}, four columns, row 0 on top of row 1. links: [(name, name)], a box and
    one to its right, in the same row or the row above. Returns the figure.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 2.5))
    figure.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, WIDTH), ylim=(-0.05, 2.45))
    ax.axis("off")
    at = {name: (0.5 + 1.2 * column, 1.5 - 1.1 * row) for name, (column, row, *_) in boxes.items()}
    centre = {"ha": "center", "va": "center"}
    for name, (_, _, upper, lower) in boxes.items():
        x, y = at[name]
        ax.text(x, y + 0.54, name, weight="bold", **centre)
        ax.text(x, y + 0.2, f"{upper:.2f}".replace("-", "−"), **centre)
        ax.text(x, y - 0.14, f"{round(lower, 3) + 0.0:+.3f}".replace("-", "−"), color=CONTEXT, style="italic", **centre)
        ax.add_patch(plt.Rectangle((x - 0.42, y - 0.32), 0.84, 0.74, fc="none", ec=FAINT))
    numbers = [f"→ {upper:.2f}, ← {lower:+.3f}".replace("-", "−") for _, _, upper, lower in boxes.values()]
    point_at(ax, at.values(), boxes, numbers)
    forth = {"arrowstyle": "-|>", "color": INK, "lw": 1}
    back = {"arrowstyle": "-|>", "color": CONTEXT, "lw": 1, "ls": (0, (3, 2))}
    for start, end in links:
        (a, low), (b, high) = at[start], at[end]
        edges = ((a + 0.44, b - 0.44), (low + 0.2, high + 0.2), (low - 0.14, high - 0.14))
        if low != high:  # into the box from below
            edges = ((a + 0.45, b - 0.15), (low + 0.3, high - 0.37), (low + 0.05, high - 0.37))
        (left, right), (from_y, to_y), (back_to_y, back_from_y) = edges
        ax.annotate("", (right, to_y), (left, from_y), arrowprops=forth)
        ax.annotate("", (left, back_to_y), (right, back_from_y), arrowprops=back)
    return figure


def arrays_as_cards(rows, *, heads_inside="", message=""):
    """One line an array: its name, a card of rows × columns for each head, its shape.

    rows: [(name, shape, colour)], shapes (batch, tokens, width) or (batch, heads, tokens, width).
    heads_inside: the name of the array that is still (batch, tokens, heads, width): its cards touch.
    message: words to show instead. Returns the figure.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 5.5))
    figure.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, WIDTH), ylim=(5.5, 0))
    ax.axis("off")
    ax.text(0.3, 1.2, textwrap.fill(message, 46), family="monospace", linespacing=1.6)
    cell = 0.09  # inches
    for i, (name, shape, colour) in enumerate(rows):
        y = 0.36 + 0.68 * i
        ax.text(0.05, y, name, va="center", color=colour, weight="bold", fontsize=9.5)
        ax.text(WIDTH - 0.05, y, " × ".join(map(str, shape)), ha="right", va="center")
        _, heads, tokens, width = (shape[0], 1, *shape[1:]) if len(shape) == 3 else shape
        if name == heads_inside:
            tokens, heads = heads, tokens
        for head in range(heads):
            left = 1.4 + head * (width * cell + (0 if name == heads_inside else 0.08))
            _card(ax, left, y - tokens * cell / 2, tokens, width, cell, colour)
    if rows:
        middles = [(1.5, 0.36 + 0.68 * i) for i in range(len(rows))]
        shapes = [" × ".join(map(str, shape)) for _, shape, _ in rows]
        point_at(ax, middles, [name for name, _, _ in rows], shapes)
    return figure


def _card(ax, x, y, rows, columns, cell, colour):
    right, low = x + columns * cell, y + rows * cell
    ax.vlines([x + n * cell for n in range(1, columns)], y, low, color=FAINT, lw=0.5)
    ax.hlines([y + n * cell for n in range(1, rows)], x, right, color=FAINT, lw=0.5)
    ax.plot([x, right, right, x, x], [y, y, low, low, y], color=colour, lw=1.1)
