"""What a call costs: seconds, bytes, multiplications, and how they grow."""

import math
import os
import time

from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from drawing import FAINT, KEY, QUERY, point_at

WORDS = {6: " million", 9: " billion", 12: " trillion"}
PREFIX = {-6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}

# torch's profiler announces every start on stderr; it reads this once, when it first starts.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")


def seconds(call, *inputs, repeats=3):
    """The shortest time that call(*inputs) takes in `repeats` runs, or in all that fit into 50 ms.

    Noise only adds, and so does what a first run has to prepare: the shortest run is the one without.
    """
    runs = []
    while len(runs) < repeats or sum(runs) < 0.05:
        start = time.perf_counter()
        call(*inputs)
        runs.append(time.perf_counter() - start)
    return min(runs)


def peak_bytes(call, *inputs):
    """The most bytes that call(*inputs) holds at once on the CPU, its result included, its inputs not.

    Every request to torch's allocator is added up, so the number is exact and the same on every run, work space
    inside a kernel too (which grows with `torch.get_num_threads()`).
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = call(*inputs)
    del result
    held = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


def multiplications(call, *inputs):
    """The multiplications in the matrix products of call(*inputs), by torch's own counter.

    It counts a multiplication and the addition that follows as two operations; softmax and scale it leaves out.
    On tensors of device "meta", which have a shape and no numbers, it counts without computing.
    """
    with FlopCounterMode(display=False) as counter:
        call(*inputs)
    return counter.get_total_flops() // 2


def slope(sizes, costs):
    """The power p for which cost ≈ constant · sizeᵖ fits best: the slope of a straight line on log-log axes.

    Errors: ValueError for fewer than two sizes, lists of unequal length, and numbers that have no logarithm.
    """
    if len(sizes) != len(costs) or len(set(sizes)) < 2:
        raise ValueError(f"slope needs one cost a size and two sizes or more; got {len(sizes)} and {len(costs)}.")
    if min(*sizes, *costs) <= 0:
        raise ValueError("slope needs sizes and costs above 0: it takes their logarithms.")
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    rise = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return rise / sum((x - x_mean) ** 2 for x in xs)


def log_plot(ax, sizes, curves, *, colours, limits, unit="", at=None):
    """Curves over `sizes` on log axes, the larger ones first, each with its name to the right of its end.

    curves: {name: one cost a size}. colours: one a curve. limits: of the upright axis. unit: "B" and "s" are counted
    in k, M, G and m, µ. at: the size at which every curve gets a dot.
    """
    ax.set(xscale="log", yscale="log", xlim=(sizes[0] / 1.15, sizes[-1] * 1.15), ylim=limits)
    for i, ((name, costs), colour) in enumerate(zip(curves.items(), colours, strict=True)):
        ax.plot(sizes, costs, color=colour, lw=1.8, marker=".", ms=4)
        apart = 0 if len(curves) > 2 else 3 - 6 * i  # two ends may lie close
        ax.annotate(
            name,
            (sizes[-1], costs[-1]),
            (8, apart),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
        point_at(
            ax, zip(sizes, costs, strict=True), [f"{name} · {size}" for size in sizes], [_short(c, unit) for c in costs]
        )
        if at is not None:
            ax.plot([at], [costs[sizes.index(at)]], "o", color=colour, ms=9)
    low, high = (math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1])))
    decades = range(low, high + 1)
    every = 1 if len(decades) < 5 else 2 if len(decades) < 8 else 3
    ax.minorticks_off()
    # 32768 beside 131072 would touch; lengths of texts are counted in 1024s anyway.
    ax.set_xticks(sizes, [f"{size // 1024}k" if size % 1024 == 0 else f"{size}" for size in sizes])
    ax.set_yticks([10.0**p for p in decades], [_tick(p, unit) if (p - low) % every == 0 else "" for p in decades])
    ax.grid(color=FAINT, lw=0.5)


def _short(cost, unit):
    """A cost in three digits and its unit: 1234567 B -> "1.23 MB"."""
    power = math.floor(math.log10(cost)) // 3 * 3
    if unit and power in PREFIX:
        return f"{cost / 10.0**power:.3g} {PREFIX[power]}{unit}"
    return f"{cost / 10.0**power:.3g}{WORDS[power]}" if power in WORDS else f"{cost:.3g}"


def _tick(power, unit):
    if unit:
        return f"{10 ** (power % 3)} {PREFIX[power // 3 * 3]}{unit}"
    word = WORDS.get(power // 3 * 3)
    return f"{10 ** (power % 3)}{word}" if word else f"{10.0**power:g}"


def shared_heads(ax, query_heads, kv_heads, names):
    """Two rows of boxes, query heads over key-and-value heads, a line from each query head to the one it asks.

    names: what stands before each row.
    """
    rows = ((1, query_heads, QUERY), (0, kv_heads, KEY))
    places = [[(i + 0.5) / count for i in range(count)] for _, count, _ in rows]
    for i, x in enumerate(places[0]):
        ax.plot([x, places[1][i * kv_heads // query_heads]], [1, 0], color=FAINT, lw=1.2, zorder=1)
    for (y, _, colour), xs, name in zip(rows, places, names, strict=True):
        ax.scatter(xs, [y] * len(xs), s=190, marker="s", color=colour, zorder=2)
        ax.text(-0.02, y, name, ha="right", va="center", color=colour)
    ax.set(xlim=(0, 1), ylim=(-0.3, 1.3))
    ax.set_axis_off()
