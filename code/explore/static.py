"""A figure on the static page: every frame as HTML, brought to life by assets/explore.js, and readable without it."""

import contextlib
import gc
import html
import itertools
import re

from explore.frames import as_json, draw_frame
from page.subscripts import SUBSCRIPT, with_subscripts

# What controls are called where a picture stands for them, or nothing.
NAMES = {"play": "Play", "pause": "Pause", "again": "Play again", "read": "Read the figure with the arrow keys"}
LARGEST = 1.6  # times the size that a figure was drawn in


class StaticFigure:
    def __init__(self, draw, choices):
        self.html = page_html(draw, choices)

    def _repr_html_(self):
        return self.html


def page_html(draw, choices):
    names = [choice.name for choice in choices]
    each = itertools.product(*(choice.values for choice in choices))
    with rarely_swept():
        frames = [draw_frame(draw, dict(zip(names, values, strict=True)), choices) for values in each]
    first = 0
    for choice in choices:
        first = first * len(choice.values) + choice.start
    data = f'<script type="application/json">{stored(frames)}</script>'
    if choices:
        sentences = "".join(f"<p>{html.escape(frame.sentence)}</p>" for frame in frames)
        data = f"<template>{sentences}</template>{data}"
    elif not frames[0].marks:
        data = ""
    return figure_html(frames[first], choices, data)


@contextlib.contextmanager
def rarely_swept():
    """Let rubbish lie for longer: matplotlib leaves much, and to look for it every moment takes a sixth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000)  # objects, about ten drawings
    try:
        yield
    finally:
        gc.set_threshold(*before)


def figure_html(frame, choices, data=""):
    """The element: controls, one frame, and its data if it has any."""
    controls = "".join(map(control_html, choices))
    form = f'<form class="explore-controls" autocomplete="off">{controls}</form>' if choices else ""
    live = ' aria-live="polite"' if choices else ""
    read = f' role="group" aria-label="{NAMES["read"]}"' if frame.marks else ""
    return (
        f"<explore-figure>{form}<figure>"
        f'<div class="explore-stage" style="max-width: {frame.width * LARGEST:.0f}px"{read}>'
        f'<div class="explore-drawing">{frame.svg}</div></div>'
        f"<figcaption{live}>{with_subscripts(frame.sentence)}</figcaption></figure>{data}</explore-figure>"
    )


def stored(frames):
    """All frames as JSON: each line of a drawing once, and each part of its marks once.

    {"lines": […], "frames": [[places of lines], …], "parts": […], "marks": [[[places of two parts], …], …]}
    """
    lines, parts = {}, {}

    def place(pool, one):
        return pool.setdefault(one, len(pool))

    numbers = [[place(lines, line) for line in frame.svg.splitlines()] for frame in frames]
    marks = [[[place(parts, as_json(part)) for part in mark] for mark in frame.marks] for frame in frames]
    data = as_json({"lines": list(lines), "frames": numbers})
    if any(marks):
        data = f'{data[:-1]},"parts":[{",".join(parts)}],"marks":{as_json(marks)}}}'
    return data.replace("</", "<\\/")  # no text may end the script element


def control_html(choice):
    words = choice.words
    name = f'<span class="explore-name">{with_subscripts(choice.label)}</span>'
    label = html.escape(choice.label)
    if choice.control == "buttons":
        buttons = "".join(
            f'<label><input type="radio" name="{html.escape(choice.name)}" value="{i}"'
            f"{' checked' if i == choice.start else ''}><span>{with_subscripts(word)}</span></label>"
            for i, word in enumerate(words)
        )
        return (
            f'<div class="explore-choice explore-buttons" role="radiogroup" aria-label="{plain(label)}">{name}'
            f"<div>{buttons}</div></div>"
        )
    if choice.control == "menu":
        options = "".join(
            f'<option value="{i}"{" selected" if i == choice.start else ""}>{plain(html.escape(word))}</option>'
            for i, word in enumerate(words)
        )
        return f'<label class="explore-choice explore-menu">{name}<select>{options}</select></label>'
    said = html.escape(plain(words[choice.start]))
    # Room for the longest value: a track that changes its length would run away under the finger.
    room = max(sum(2 if character > "⺀" else 1 for character in word) for word in words)
    button = ""
    if choice.control.startswith("play"):
        once = " data-once" if choice.control == "play once" else ""
        names = " ".join(f'data-{key}="{NAMES[key]}"' for key in ("play", "pause", "again"))
        button = f'<button type="button" class="explore-play" aria-label="{NAMES["play"]}" {names}{once}></button>'
    return (
        f'<div class="explore-choice explore-slider">{button}<label>{name}'
        f'<input type="range" min="0" max="{len(words) - 1}" step="1" value="{choice.start}" '
        f'aria-valuetext="{said}" data-values="{html.escape(as_json(words))}">'
        f'<output style="--room: {room}ch" aria-live="off">{with_subscripts(words[choice.start])}</output>'
        "</label></div>"
    )


def plain(words):
    """Words for where no letter can be lowered: an option of a menu, a name that is read out."""
    return re.sub(SUBSCRIPT, r"\1\2", words)
