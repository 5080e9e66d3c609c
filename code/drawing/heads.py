"""Pictures of a trained model's heads, for the chapter "A real model". Words that readers see are arguments."""

import matplotlib.pyplot as plt
import torch

from drawing.marks import point_at, point_at_cells
from drawing.palette import FAINT, INK, KEY, QUERY, SCORE, VALUE, WEIGHT, WIDTH
from drawing.plots import heatmap, outline


def map_of_heads(shares, marked, *, title, axes):
    """A number for every head, one of them framed. shares: (layers, heads). marked: (layer, head).

    axes: what stands beside the rows and below the columns.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 2.9))
    figure.subplots_adjust(0.1, 0.15, 0.995, 0.9)
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
    figure.subplots_adjust(0.12, 0.13, 0.94, 0.93, hspace=0.75)
    top.bar(range(1, 11), tenths, color=WEIGHT)
    top.axhline(1, color=FAINT)
    top.set(xlim=(0.5, 10.5), ylim=(0, 4), title=titles[0], xlabel=labels[0])
    top.set_xticks([1, 10], ends)
    point_at_cells(top, [tenths], [""], [f"tenth {n} of 10" for n in range(1, 11)], decimals=2)
    lift = torch.arange(len(correlations)) * 5 % 7  # so that dots do not hide each other
    bottom.scatter(correlations, lift, color=FAINT, s=14)
    heads = [f"layer {i // 12}, head {i % 12}" for i in range(len(correlations))]
    point_at(bottom, zip(correlations, lift, strict=True), heads, map(_number, correlations))
    bottom.plot([correlation, correlation], [-1.5, 7.5], color=INK)
    bottom.set(xlim=(-0.5, 1), ylim=(-1.5, 7.5), yticks=[], title=titles[1], xlabel=labels[1])
    return figure


def overlap_and_symmetry(overlaps, chance, symmetric, *, titles, words):
    """A row for every head: on the left its overlaps as marks over the band of chance, on the right a bar.

    overlaps: {name: (heads,)}, three of them. chance: (lowest, highest). symmetric: (heads,), with chance at 0.5.
    words: "head" and "chance" as readers see them.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.4), sharey=True)
    figure.subplots_adjust(0.13, 0.24, 0.95, 0.92, wspace=0.1)
    left.axvspan(*chance, color=FAINT, lw=0, label=words[1])
    heads = range(len(symmetric))
    for (name, values), marker, colour in zip(overlaps.items(), "o|^", (QUERY, KEY, VALUE), strict=True):
        left.plot(values, heads, marker, color=colour, label=name, ms=6)
        named = [f"{words[0]} {head}, {name}" for head in heads]
        point_at(left, zip(values, heads, strict=True), named, map(_number, values))
    left.set(xlim=(0, 1), xticks=[0, 0.25, 0.5, 0.75], title=titles[0], yticks=heads, ylabel=words[0])
    left.invert_yaxis()
    right.barh(heads, symmetric, color=SCORE, height=0.6)
    point_at_cells(right, [[share] for share in symmetric], [f"{words[0]} {head}" for head in heads], [""], decimals=2)
    right.axvline(0.5, color=INK, lw=1)
    right.set(xlim=(0, 1), xticks=[0, 0.5, 1], title=titles[1])
    right.text(0.52, -0.75, words[1], fontsize=9.5, va="center")
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=2, fontsize=10)
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
    ax.set_yticks(rows, [names[i] for i in order], fontsize=9)
    for values, word in ((inside, words[0]), (outside, words[1])):
        point_at(ax, zip(values, rows, strict=True), [names[i] for i in order], [f"{word} {v:.2f}" for v in values])
    ax.set_title(title, x=0.3)
    figure.legend(loc="lower center", ncols=2)
    return figure


def _number(value):
    return f"{value:.2f}".replace("-", "−")
