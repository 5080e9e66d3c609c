"""explore: one drawing function, two front ends, errors that say what was wrong."""

import functools
import html
import json
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import explore as explore_package
from drawing import cleared, curve, dots, empty_maps, fill_maps, handle, heatmap, plane, point_at, token_bars
from explore import explore, frame
from explore.choices import check_choices
from explore.frames import draw_frame

SCALES = ["1", "1/√d_k"]


def draw(d_k, scale="1"):
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, d_k], [0, len(scale)])
    ax.set_title("程序 program")
    return figure, f"d_k = {d_k} & scale {scale}."


def page(monkeypatch, *args, **kwargs):
    monkeypatch.setenv("BOOK_STATIC", "1")
    return explore(*args, **kwargs)._repr_html_()


def decode(text):
    """Every frame stored in a page's HTML, as SVG."""
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.S)[1])
    return ["\n".join(data["lines"][i] for i in numbers) for numbers in data["frames"]]


# ---------------------------------------------------------------- the static page


def test_page_holds_every_frame_byte_for_byte(monkeypatch):
    text = page(monkeypatch, draw, d_k=[1, 4, 16], scale=SCALES)
    expected = [frame(draw, {"d_k": d_k, "scale": scale}) for d_k in (1, 4, 16) for scale in SCALES]
    assert decode(text) == [svg for svg, _ in expected]
    sentences = re.search(r"<template>(.*?)</template>", text)[1]
    assert [html.unescape(s) for s in re.findall(r"<p>(.*?)</p>", sentences)] == [s for _, s in expected]


def test_first_frame_and_sentence_stand_in_the_html_itself(monkeypatch):
    text = page(monkeypatch, draw, start={"d_k": 4, "scale": "1/√d_k"}, d_k=[1, 4, 16], scale=SCALES)
    svg, _ = frame(draw, {"d_k": 4, "scale": "1/√d_k"})
    assert re.search(r'<div class="explore-drawing">(.*?)</div>', text, re.S)[1] == svg
    assert (
        re.search(r"<figcaption[^>]*>(.*?)</figcaption>", text)[1] == "d<sub>k</sub> = 4 &amp; scale 1/√d<sub>k</sub>."
    )
    assert re.findall(r' value="(\d+)" aria-valuetext="([^"]*)"', text) == [("1", "4")]
    assert re.findall(r'<input type="radio"[^>]* value="(\d+)" checked><span>(.*?)</span>', text) == [
        ("1", "1/√d<sub>k</sub>")
    ]


def test_labels(monkeypatch):
    text = page(monkeypatch, draw, labels={"d_k": "width d_k"}, d_k=[1, 2])
    assert '<span class="explore-name">width d<sub>k</sub></span>' in text


def test_a_figure_without_choices_has_no_controls(monkeypatch):
    text = page(monkeypatch, lambda: draw(2))
    assert "<figcaption>d<sub>k</sub> = 2" in text and "input" not in text and "script" not in text


def test_no_stored_line_can_end_the_script(monkeypatch):
    def nasty(n):
        figure, ax = plt.subplots(figsize=(2, 2))
        ax.set_title("</script><b>" * n)
        return figure, f"</figcaption> {n}"

    text = page(monkeypatch, nasty, n=[1, 2])
    assert text.count("</script>") == 1 and text.count("</figcaption>") == 1


def test_frames_are_small_and_take_the_pages_colours():
    svg, _ = frame(draw, {"d_k": 4})
    assert "currentColor" in svg and "#010203" not in svg
    assert "<text" in svg and "程序 program" in svg and "CJK" in svg
    assert "metadata" not in svg and "<?xml" not in svg and "<!--" not in svg
    assert set(re.findall(r' id="([^"]+)"', svg)) <= set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))


def test_a_frame_is_the_same_on_every_run():
    assert frame(draw, {"d_k": 4}) == frame(draw, {"d_k": 4})


def test_a_figure_drawn_on_again_keeps_only_what_stood_there_at_first():
    @functools.cache
    def still():
        figure, ax = plane(2)
        handle(ax, lambda x: (x, 0), "x")
        return figure

    def moving(x):
        figure = cleared(still())
        (ax,) = figure.axes
        curve(ax, [0, x], [0, 1])
        ax.annotate("", (x, 0), (0, 0), arrowprops={})
        figure.text(0, 0, f"{x}")
        return figure, "A line."

    choices = check_choices(moving, {"x": [1, 2]}, {}, {}, {})
    first, other, again = (draw_frame(moving, {"x": x}, choices) for x in (1, 2, 1))
    assert first == again != other
    assert len(first.marks) == 2 and ">1<" in first.svg and ">2<" not in first.svg


def test_maps_that_are_filled_again_name_the_numbers_that_they_show():
    maps = functools.cache(lambda: empty_maps(["a", "b"], [["x", "y", "z"], ["a", "b"]], ["one", "other"]))

    def filled(n):
        return fill_maps(maps(), [np.full((2, 3), n / 10), np.full((2, 2), n / 20)]), "Two maps."

    for n in (2, 4, 2):
        (one, numbers), (other, halves) = draw_frame(filled, {"n": n}).marks
        assert (one["rows"], one["columns"], numbers) == (["a", "b"], ["x", "y", "z"], [10 * n] * 6)
        assert (other["rows"], other["columns"], halves) == (["a", "b"], ["a", "b"], [5 * n] * 4)


def test_figures_are_closed_and_chinese_text_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame(draw, {"d_k": 4})
    assert plt.get_fignums() == []


# ---------------------------------------------------------------- controls


@pytest.mark.parametrize(
    ("values", "control"),
    [
        ([1, 2.5, 4], "slider"),
        (range(3), "slider"),
        (np.array([1.0, 2.0]), "slider"),
        (["1", "1/√d_k"], "buttons"),
        (["a", 2], "buttons"),
        ([True, False], "buttons"),
        ([f"token {i}" for i in range(9)], "menu"),
        (iter(["a", "b"]), "buttons"),
    ],
)
def test_a_control_fits_its_values(monkeypatch, values, control):
    text = page(monkeypatch, lambda n: draw(1), n=values)
    marks = {"slider": 'type="range"', "buttons": 'type="radio"', "menu": "<select>"}
    assert [kind for kind, mark in marks.items() if mark in text] == [control]


def test_another_control_can_be_asked_for(monkeypatch):
    text = page(monkeypatch, lambda n, m: draw(1), controls={"n": "buttons", "m": "play once"}, n=[1, 2], m=[1, 2])
    assert text.count('type="radio"') == 2 and text.count('type="range"') == 1
    assert re.search(r'class="explore-play" aria-label="Play"[^>]* data-once', text)


def test_no_two_values_look_alike(monkeypatch):
    text = page(monkeypatch, lambda n: draw(1), n=[0.1234567, 0.1234568, -1.0])
    assert json.loads(html.unescape(re.search(r'data-values="([^"]*)"', text)[1])) == ["0.1234567", "0.1234568", "−1"]


# ---------------------------------------------------------------- what can be pointed at, chosen by, taken hold of


def marks_of(text):
    """Every mark of every frame of a page: (what stays, what changes)."""
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.S)[1])
    return [[tuple(data["parts"][part] for part in mark) for mark in marks] for marks in data["marks"]]


def test_cells_say_the_numbers_that_were_drawn_and_a_click_chooses(monkeypatch):
    weights = np.array([[0.125, 0.875], [1.0, 0.0]])

    def maps(asks):
        figure, ax = plt.subplots(figsize=(3, 2))
        heatmap(ax, weights, colour="#0072b2", rows=["程序", "员"], columns=["x", "y"], vmax=1, chooses="asks")
        return figure, "Two rows."

    ((fixed, now),), _ = marks_of(page(monkeypatch, maps, asks=["员", "程序"]))
    assert [f"{n / 10 ** fixed['decimals']:.2f}" for n in now] == [f"{w:.2f}" for w in weights.flatten()]
    assert (fixed["rows"], fixed["columns"], fixed["picks"]) == (["程序", "员"], ["x", "y"], [[0, [1, 0]], None])
    left, top, right, bottom = fixed["grid"]
    assert 0 < left < right <= 216 and 0 < top < bottom <= 144


def test_bars_dots_curves_and_places_say_what_was_drawn(monkeypatch):
    def all_of_it():
        figure, axes = plt.subplots(4, figsize=(3, 6))
        token_bars(axes[0], [0.25, 0.75], ["a", "b"], colour="#0072b2")
        dots(axes[1], {"one": [0.5], "none": [], "two": [0.125, 3.0]}, colour="#0072b2")
        curve(axes[2], [0, 50], [1, 0.171], name="loss", x_name="step", color="k")
        point_at(axes[3], [(0.5, 0.5)], ["here"])
        return figure, "Four."

    (marks,) = marks_of(page(monkeypatch, all_of_it))
    said = [(fixed.get("names") or fixed["rows"], now) for fixed, now in marks]
    assert said[0] == (["a", "b"], [25, 75])
    values = [(names, [place[2] for place in now]) for names, now in said[1:]]
    assert values[:2] == [(["one"], ["0.5"]), (["two", "two"], ["0.125", "3"])]
    assert values[2:] == [(["loss · step 0", "loss · step 50"], ["1.00", "0.17"]), (["here"], [""])]


def test_a_handle_stands_where_it_is_drawn_for_every_value_of_its_choices(monkeypatch):
    def arrowhead(angle, length, other):
        figure, ax = plane(4)
        handle(ax, lambda angle, length: (length * np.cos(angle), length * np.sin(angle)), "angle", "length")
        return figure, "An arrow."

    frames = marks_of(page(monkeypatch, arrowhead, angle=[0, 1, 2], other=["a", "b"], length=[1, 2]))
    fixed, places = frames[0][0]
    assert all(marks == frames[0] for marks in frames) and fixed == {"handle": [0, 2]}
    one, two = np.array(places[:2])  # at angle 0: the axis of x, and what is 1 long there
    at = np.array([(length * np.cos(angle), -length * np.sin(angle)) for angle in range(3) for length in (1, 2)])
    assert np.abs(2 * one - two + at * (two - one)[0] - places).max() < 0.3


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            lambda ax: handle(ax, lambda m: (0, 0), "m"),
            r"handle is for 'm', which is no choice; the choices are \['n'\]",
        ),
        (lambda ax: handle(ax, lambda: (0, 0)), r"one or two choices; got 0"),
        (
            lambda ax: token_bars(ax, [1], ["a"], colour="k", chooses="m"),
            r"a click is to choose 'm', which is no choice",
        ),
        (
            lambda ax: token_bars(ax, [1], ["a"], colour="k", chooses="n"),
            r"none of \['a'\] is a value of it",
        ),
        (lambda ax: point_at(ax, [(0, 0)], ["a", "b"]), r"1 places, 2 names and 1 values"),
    ],
)
def test_marks_that_lead_nowhere(mark, message):
    def draw(n):
        figure, ax = plt.subplots()
        mark(ax)
        return figure, "A figure."

    with pytest.raises(ValueError, match=message):
        explore(draw, n=[1, 2])
    assert plt.get_fignums() == []


# ---------------------------------------------------------------- Jupyter


def test_widget_draws_one_frame_at_a_time(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    drawn = []

    def counted(d_k, scale):
        drawn.append((d_k, scale))
        return draw(d_k, scale)

    widget = explore(counted, start={"d_k": 4}, d_k=[1, 4, 16], scale=SCALES)
    assert drawn == [(4, "1")] and 'type="range"' in widget.element and 'type="radio"' in widget.element
    assert widget.shown["svg"] == frame(draw, {"d_k": 4, "scale": "1"})[0] and widget.shown["svg"] in widget.element
    widget.wanted = [2, 1]
    assert drawn == [(4, "1"), (16, "1/√d_k")]
    svg, sentence = frame(draw, {"d_k": 16, "scale": "1/√d_k"})
    assert widget.shown == {"at": [2, 1], "svg": svg, "sentence": sentence, "marks": []}


def test_widget_shows_an_error_of_draw(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)

    def fails(n):
        if n == 2:
            raise RuntimeError("two <is> too many")
        return draw(n)

    widget = explore(fails, n=[1, 2])
    with pytest.raises(RuntimeError):
        widget.wanted = [1]
    assert widget.shown["at"] == [1] and "RuntimeError: two &lt;is&gt; too many" in widget.shown["error"]
    assert "This happened in fails(n=2)." in widget.shown["error"]


def test_a_saved_notebook_keeps_one_sentence(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    data, _ = explore(draw, d_k=[1, 4])._repr_mimebundle_()
    assert data["text/plain"] == "d_k = 1 & scale 1." and sum(map(len, map(str, data.values()))) < 500


# ---------------------------------------------------------------- errors


def test_a_drawing_that_fails_says_for_which_choice_and_leaves_no_figure():
    def fails(n):
        plt.figure()
        raise KeyError("nowhere")

    with pytest.raises(KeyError) as caught:
        explore(fails, n=[3])
    assert caught.value.__notes__ == ["This happened in fails(n=3)."] and plt.get_fignums() == []


def test_texts_of_a_figure_stay_as_they_are():
    texts = [' id="x"', "#010203", "font-family: 'DejaVu Sans';"]

    def titled():
        figure, axes = plt.subplots(3)
        for ax, text in zip(axes, texts, strict=True):
            ax.set_title(text)
        return figure, "Three titles."

    svg = html.unescape(frame(titled, {})[0])
    assert all(f">{text}<" in svg for text in texts)


def test_a_readers_own_settings_do_not_reach_a_figure():
    expected = frame(draw, {"d_k": 4})
    with plt.rc_context({"savefig.bbox": "tight", "svg.image_inline": False, "savefig.dpi": 300, "figure.dpi": 50}):
        assert frame(draw, {"d_k": 4}) == expected


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d_k": 3}, r"d_k must be a list of its values, in order; got 3"),
        ({"d_k": "abc"}, r"d_k must be a list"),
        ({"d_k": []}, r"d_k must be a list of its values; it is empty"),
        ({"d_k": {1: 2}}, r"d_k must be a list"),
        ({"d_k": [None, 1]}, r"d_k: None is no value to choose"),
        ({"d_k": [float("nan")]}, r"d_k: nan is no value"),
        ({"d_k": [np.ones(2), 1]}, r"d_k: array\(\[1., 1.\]\) is no value"),
        ({"d_k": [1, 1.0]}, r"d_k has two equal values, 1 and 1.0"),
        ({"d_k": [True, 1]}, r"two equal values, True and 1"),
        ({"d_k": [1], "controls": {"d": "menu"}}, r"'d', which is no choice"),
        ({"d_k": [1], "controls": {"d_k": "knob"}}, r"'d_k': 'knob'.*no such control"),
        ({"d_k": [1, 2], "start": {"d_k": np.ones(2)}}, r"not among the choices"),
        (
            {"d_k": range(41), "scale": [str(i) for i in range(10)]},
            r"410 combinations \(d_k: 41 × scale: 10\), at most 400",
        ),
        ({"d_k": [1], "start": {"d": 1}}, r"'d', which is no choice; the choices are \['d_k'\]"),
        ({"d_k": [1], "labels": {"d": "x"}}, r"'d', which is no choice"),
        ({"d_k": [1, 2], "start": {"d_k": 3}}, r"'d_k': 3.* not among the choices \[1, 2\]"),
        ({"width": [1]}, r"draw cannot be called with width"),
        ({}, r"draw cannot be called with no choice"),
    ],
)
def test_bad_choices(monkeypatch, arguments, message, static):
    monkeypatch.setenv("BOOK_STATIC", "1" if static else "")
    with pytest.raises(ValueError, match=message):
        explore(draw, **arguments)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda: plt.figure(), r"draw\(n=1\) must return \(figure, sentence\).*returned Figure"),
        (lambda: (plt.figure(), ""), r"must return \(figure, sentence\).*\(Figure, str\)"),
        (lambda: (plt.figure(), None), r"\(Figure, NoneType\)"),
        (lambda: ("figure", "sentence."), r"\(str, str\)"),
        (lambda: None, r"returned NoneType"),
    ],
)
def test_a_figure_without_its_sentence(result, message):
    def draw(n):
        return result()

    with pytest.raises(ValueError, match=message):
        explore(draw, n=[1])
    plt.close("all")


def test_chinese_inside_maths_is_refused():
    def mixed():
        figure, ax = plt.subplots()
        ax.set_title("程序 $d_k$")
        return figure, "One figure."

    with pytest.raises(ValueError, match=r"mixes Chinese with \$maths\$"):
        explore(mixed)


def test_draw_must_be_a_function():
    with pytest.raises(ValueError, match=r"draw must be a function.*got str"):
        explore("draw", d_k=[1])


def test_explore_knows_nothing_of_attention():
    files = Path(explore_package.__file__).parent.glob("*.py")
    source = "\n".join(file.read_text("utf-8") for file in files)
    assert "import matplotlib" in source and not re.search(r"^\s*(import|from) (torch|attention)", source, flags=re.M)
