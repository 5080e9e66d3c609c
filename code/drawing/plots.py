"""Numbers on axes: the plots that several chapters share. Words that readers see are arguments."""

import matplotlib.pyplot as plt
import numpy as np

from drawing.marks import digits, marks_of, point_at, point_at_cells
from drawing.palette import FAINT, INK, WEIGHT, WIDTH, tint, two_sided


def heatmap(
    ax,
    matrix,
    *,
    colour,
    rows=None,
    columns=None,
    title="",
    vmax=None,
    signed=False,
    numbers=None,
    names=None,
    chooses=(),
):
    """A matrix as coloured cells, row 0 on top. A reader can point at each.

    matrix: (rows, columns). rows, columns: tick labels (tokens), or None. signed: colour below zero too.
    vmax: the value of full colour (default: the largest). numbers: a format such as ".2f" to write in each cell.
    names: (of the rows, of the columns) that a reader hears when pointing, where these are not the tick labels.
    chooses: name of the choice that a click on a row sets, and of that for its column: what a click chooses is the
        value that equals the row's name. One name is for rows.
    """
    top = vmax or max(float(abs(matrix).max()), 1e-12)
    limits = (
        {"vmin": -top, "vmax": top, "cmap": two_sided(colour)}
        if signed
        else {"vmin": 0, "vmax": top, "cmap": tint(colour)}
    )
    ax.imshow(matrix, aspect="auto", **limits)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(FAINT)
    ax.tick_params(length=0)
    for axis, ticks in ((ax.xaxis, columns), (ax.yaxis, rows)):
        axis.set_ticks(range(len(ticks)) if ticks is not None else [], ticks if ticks is not None else [])
    ax.set_title(title)
    said = [
        given if given is not None else ticks
        for given, ticks in zip(names or (None, None), (rows, columns), strict=True)
    ]
    chooses = [chooses] if isinstance(chooses, str) else list(chooses)
    point_at_cells(ax, matrix, *said, decimals=digits(float(top)), chooses=[*chooses, None, None][:2])
    if numbers is not None:
        for (i, j), value in _cells(matrix):
            ax.text(j, i, format(value, numbers), ha="center", va="center", fontsize=9)


def _cells(matrix):
    return (((i, j), float(matrix[i][j])) for i in range(len(matrix)) for j in range(len(matrix[0])))


def token_bars(ax, weights, tokens, *, colour, title="", vmax=1.0, chooses=None):
    """One horizontal bar a token, its number beside it. chooses: the choice that a click on a bar sets to its token."""
    ax.barh(range(len(tokens)), weights, color=colour, height=0.7)
    for i, weight in enumerate(weights):
        ax.text(weight + 0.015 * vmax, i, f"{weight:.2f}", va="center", fontsize=9)
    ax.set_yticks(range(len(tokens)), tokens)
    ax.invert_yaxis()
    ax.set_xlim(0, vmax * 1.12)
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    point_at_cells(ax, [[weight] for weight in weights], tokens, [""], decimals=digits(vmax), chooses=(chooses, None))


def arrow(ax, vector, *, colour, name="", tail=(0, 0)):
    """An arrow in the plane from `tail`, its name beyond its tip."""
    (x, y), (dx, dy) = tail, vector
    ax.annotate(
        "",
        (x + dx, y + dy),
        (x, y),
        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 0, "shrinkB": 0},
    )
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    ax.text(
        x + dx * (1 + 0.35 / length),
        y + dy * (1 + 0.35 / length),
        name,
        color=colour,
        ha="center",
        va="center",
        weight="bold",
    )
    point_at(ax, [(x + dx, y + dy)], [name], [f"({dx:.3g}, {dy:.3g})".replace("-", "−")])


def curve(ax, x, y, *, name="", x_name="", decimals=2, **look):
    """A line through points that a reader can point at: "name, x_name 50: 0.17". look: as for matplotlib's plot."""
    (drawn,) = ax.plot(x, y, **look)
    x, y = ([float(one) for one in each] for each in (x, y))
    names = [" · ".join(filter(None, [name, f"{x_name} {each:g}".strip()])) for each in x]
    point_at(ax, zip(x, y, strict=True), names, [f"{each:.{decimals}f}".replace("-", "−") for each in y])
    return drawn


def plane(limit, *, figsize=(3.6, 3.6)):
    """Square axes around the origin, `limit` to each side."""
    figure, ax = plt.subplots(figsize=figsize)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.axhline(0, color=FAINT, lw=0.8)
    ax.axvline(0, color=FAINT, lw=0.8)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return figure, ax


def dots(ax, groups, *, colour, least=None):
    """One row of dots for each of `groups` ({name: values}), spread a little so that they do not hide each other.

    least: smaller values are drawn there, at the edge of a logarithmic axis.
    """
    names = list(groups)
    for y, values in enumerate(groups.values()):
        lift = [0.25 * ((i * 0.618) % 1 - 0.5) for i in range(len(values))]
        values = [max(float(value), least) for value in values] if least else values
        heights = [y + shift for shift in lift]
        ax.scatter(values, heights, s=14, color=colour, alpha=0.6, linewidths=0)
        point_at(ax, zip(values, heights, strict=True), [names[y]] * len(values), [f"{value:.3g}" for value in values])
    ax.set_yticks(range(len(groups)), [name.replace("d_k", "dₖ") for name in groups])
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def seed_dots(ax, groups, *, colour, what):
    """`dots` for shares of right answers between 0 and 1, with the mean and sd of each row at the right edge.

    groups: {name: tensor of one share a seed}. what: the label of the axis. Leave a fifth of the width at the right.
    """
    dots(ax, groups, colour=colour)
    for y, values in enumerate(groups.values()):
        ax.text(1.08, y, spread(values), va="center", fontsize=9.5)
    ax.set(xlim=(0, 1.03), xlabel=what)


def spread(values):
    """Mean ± standard deviation of a tensor, in words: "0.66 ± 0.15"."""
    return f"{values.mean():.2f} ± {values.std():.2f}"


def empty_maps(rows, columns, titles):
    """Maps side by side over the same rows, still empty: `fill_maps` then sets only the numbers, which is quick.

    rows: tokens. columns: the tokens of each map. Returns the figure.
    """
    figure, axes = plt.subplots(1, len(columns), figsize=(WIDTH, 3.3), sharey=True)
    figure.subplots_adjust(0.24, 0.33, 0.995, 0.92, wspace=0.06)
    for ax, tokens, title in zip(axes, columns, titles, strict=True):
        heatmap(ax, np.zeros((len(rows), len(tokens))), colour=WEIGHT, rows=rows, columns=tokens, title=title, vmax=1)
        ax.tick_params(axis="x", rotation=90)
    marks_of(figure).clear()  # nobody is to read the zeros
    return figure


def fill_maps(figure, matrices):
    """Set the numbers of `empty_maps`, one matrix a map, and let a reader point at them. Returns the figure."""
    rows = [label.get_text() for label in cleared(figure).axes[0].get_yticklabels()]
    for ax, matrix in zip(figure.axes, matrices, strict=True):
        ax.images[0].set_data(matrix)
        point_at_cells(ax, matrix, rows, [label.get_text() for label in ax.get_xticklabels()], decimals=2)
    return figure


def cleared(figure):
    """A figure to draw on again, as it was when this was first called for it; what was drawn since is taken away.

    So a slider draws only what moves: axes, their ticks and texts that stay are made once, which is quick. Limits,
    ticks and titles stay as they were last set; the colours of lines begin anew.
    """
    parts = [*figure.get_children(), *(part for ax in figure.axes for part in ax.get_children())]
    still, marks = figure.__dict__.setdefault("_still", (parts, list(marks_of(figure))))
    for part in set(parts).difference(still):
        part.remove()
    for ax in figure.axes:
        ax.set_prop_cycle(None)
    marks_of(figure)[:] = marks
    return figure


def outline(ax, row, column):
    """A frame around one cell of a heat map."""
    ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, color=INK))
