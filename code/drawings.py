"""The larger drawings of single chapters: plotting that would hide a chapter's cells. Words are arguments."""

import textwrap

import matplotlib.pyplot as plt
import torch

from explore import INK
from figures import CONTEXT, FAINT, KEY, QUERY, SCORE, VALUE, WEIGHT, WIDTH, heatmap

# ---------------------------------------------------------------- a real model


def empty_maps(rows, columns, titles):
    """Maps side by side over the same rows, still empty: a slider then sets only the numbers, which is quick.

    rows: tokens. columns: the tokens of each map. Returns: the figure and each map's image, for `set_data`.
    """
    figure, axes = plt.subplots(1, len(columns), figsize=(WIDTH, 3.3), sharey=True)
    figure.subplots_adjust(0.2, 0.3, 0.99, 0.91, wspace=0.06)
    for ax, tokens, title in zip(axes, columns, titles, strict=True):
        heatmap(ax, torch.zeros(len(rows), len(tokens)), colour=WEIGHT, rows=rows, columns=tokens, title=title, vmax=1)
        ax.tick_params(axis="x", rotation=90)
    return figure, [ax.images[0] for ax in axes]


def outline(ax, row, column):
    """A frame around one cell of a heat map."""
    ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, color=INK))


def map_of_heads(shares, marked, *, title, axes):
    """A number for every head, one of them framed. shares: (layers, heads). marked: (layer, head).

    axes: what stands beside the rows and below the columns.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 2.9))
    figure.subplots_adjust(0.09, 0.15, 0.99, 0.9)
    layers, heads = shares.shape
    heatmap(ax, shares, colour=WEIGHT, rows=range(layers), columns=range(heads), vmax=1, numbers=".2f")
    ax.set(title=title, ylabel=axes[0], xlabel=axes[1])
    outline(ax, *marked)
    return figure


def tenths_and_heads(tenths, correlations, correlation, *, ends, titles, labels):
    """Above ten bars from the least to the most, below all heads as dots with a line at one of them.

    tenths: (10,). correlations: (heads,). ends: words at the first and the last bar. titles, labels: above and below.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(WIDTH, 4), height_ratios=[2, 1])
    figure.subplots_adjust(0.12, 0.13, 0.97, 0.93, hspace=0.75)
    top.bar(range(1, 11), tenths, color=WEIGHT)
    top.axhline(1, color=FAINT)
    top.set(ylim=(0, 4), title=titles[0], xlabel=labels[0])
    top.set_xticks([1, 10], ends)
    lift = torch.arange(len(correlations)) * 5 % 7  # so that dots do not hide each other
    bottom.scatter(correlations, lift, color=FAINT, s=14)
    bottom.plot([correlation, correlation], [-1.5, 7.5], color=INK)
    bottom.set(xlim=(-0.5, 1), ylim=(-1.5, 7.5), yticks=[], title=titles[1], xlabel=labels[1])
    return figure


def overlap_and_symmetry(overlaps, chance, symmetric, *, titles, words):
    """A row for every head: on the left its overlaps as marks over the band of chance, on the right a bar.

    overlaps: {name: (heads,)}, three of them. chance: (lowest, highest). symmetric: (heads,), with chance at 0.5.
    words: "head" and "chance" as readers see them.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.2), sharey=True)
    figure.subplots_adjust(0.09, 0.24, 0.98, 0.93, wspace=0.08)
    left.axvspan(*chance, color=FAINT, lw=0, label=words[1])
    heads = range(len(symmetric))
    for (name, values), marker, colour in zip(overlaps.items(), "o|^", (QUERY, KEY, VALUE), strict=True):
        left.plot(values, heads, marker, color=colour, label=name, ms=6)
    left.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75], title=titles[0], yticks=heads, ylabel=words[0])
    left.invert_yaxis()
    right.barh(heads, symmetric, color=SCORE, height=0.6)
    right.axvline(0.5, color=INK, lw=1)
    right.set(xlim=(0, 1), xticks=[0, 0.5, 1], title=titles[1])
    right.text(0.52, -0.75, words[1], fontsize=8.5, va="center")
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=2, fontsize=9)
    return figure


def inside_and_outside(inside, outside, names, *, title, words):
    """A row for each name, the smallest first: a dot at `inside`, a stroke at `outside`, a line between the two.

    inside, outside: (names,), between 0 and 1. words: what the dot and the stroke are, and the label of the axis.
    """
    order = inside.argsort()
    inside, outside, rows = inside[order], outside[order], range(len(order))
    figure, ax = plt.subplots(figsize=(WIDTH, 6.4))
    figure.subplots_adjust(0.42, 0.12, 0.97, 0.95)
    ax.hlines(rows, outside, inside, color=FAINT)
    ax.plot(outside, rows, "|", color=INK, ms=8, label=words[1])
    ax.plot(inside, rows, "o", color=WEIGHT, ms=5, label=words[0])
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.8, len(rows) - 0.2), xlabel=words[2])
    ax.set_yticks(rows, [names[i] for i in order], fontsize=8.5)
    ax.set_title(title, x=0.3)
    figure.legend(loc="lower center", ncols=2)
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
    at = {name: (0.55 + 1.35 * column, 1.5 - 1.1 * row) for name, (column, row, *_) in boxes.items()}
    centre = {"ha": "center", "va": "center"}
    for name, (_, _, upper, lower) in boxes.items():
        x, y = at[name]
        ax.text(x, y + 0.54, name, weight="bold", **centre)
        ax.text(x, y + 0.2, f"{upper:.2f}", **centre)
        ax.text(x, y - 0.14, f"{round(lower, 3) + 0.0:+.3f}", color=CONTEXT, style="italic", **centre)
        ax.add_patch(plt.Rectangle((x - 0.42, y - 0.32), 0.84, 0.74, fc="none", ec=FAINT))
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
    cell = 0.105  # inches
    for i, (name, shape, colour) in enumerate(rows):
        y = 0.36 + 0.68 * i
        ax.text(0.05, y, name, va="center", color=colour, weight="bold", fontsize=9.5)
        ax.text(WIDTH - 0.05, y, " × ".join(map(str, shape)), ha="right", va="center")
        _, heads, tokens, width = (shape[0], 1, *shape[1:]) if len(shape) == 3 else shape
        if name == heads_inside:
            tokens, heads = heads, tokens
        for head in range(heads):
            left = 1.62 + head * (width * cell + (0 if name == heads_inside else 0.09))
            _card(ax, left, y - tokens * cell / 2, tokens, width, cell, colour)
    return figure


def _card(ax, x, y, rows, columns, cell, colour):
    right, low = x + columns * cell, y + rows * cell
    ax.vlines([x + n * cell for n in range(1, columns)], y, low, color=FAINT, lw=0.5)
    ax.hlines([y + n * cell for n in range(1, rows)], x, right, color=FAINT, lw=0.5)
    ax.plot([x, right, right, x, x], [y, y, low, low, y], color=colour, lw=1.1)
