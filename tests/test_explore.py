"""explore: one drawing function, two front ends, errors that say what was wrong."""

import html
import json
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import explore as explore_module
from explore import explore, frame

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
    figure = re.search(r"<figure><div>(.*?)</div><figcaption[^>]*>(.*?)</figcaption>", text, re.S)
    assert figure[1] == svg
    assert figure[2] == "d<sub>k</sub> = 4 &amp; scale 1/√d<sub>k</sub>."
    assert re.findall(r'value="(\d+)"', text) == ["1", "1"]
    assert re.findall(r'aria-valuetext="([^"]*)"', text) == ["4", "1/√d_k"]


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


def test_figures_are_closed_and_chinese_text_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame(draw, {"d_k": 4})
    assert plt.get_fignums() == []


# ---------------------------------------------------------------- Jupyter


def test_widget_draws_one_frame_at_a_time(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    drawn = []

    def counted(d_k, scale):
        drawn.append((d_k, scale))
        return draw(d_k, scale)

    box = explore(counted, start={"d_k": 4}, d_k=[1, 4, 16], scale=SCALES)
    slider, toggle, picture, caption = box.children
    assert (
        drawn == [(4, "1")] and type(slider).__name__ == "SelectionSlider" and type(toggle).__name__ == "ToggleButtons"
    )
    assert picture.value == frame(draw, {"d_k": 4, "scale": "1"})[0]
    slider.value, toggle.value = 16, "1/√d_k"
    assert drawn == [(4, "1"), (16, "1"), (16, "1/√d_k")]
    assert picture.value == frame(draw, {"d_k": 16, "scale": "1/√d_k"})[0]
    assert "d<sub>k</sub> = 16" in caption.value


def test_widget_shows_an_error_of_draw(monkeypatch):
    monkeypatch.delenv("BOOK_STATIC", raising=False)

    def fails(n):
        if n == 2:
            raise RuntimeError("two <is> too many")
        return draw(n)

    slider, picture, caption = explore(fails, n=[1, 2]).children
    with pytest.raises(RuntimeError):
        slider.value = 2
    assert picture.value == "" and "RuntimeError: two &lt;is&gt; too many" in caption.value


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d_k": 3}, r"d_k must be a list of the values of its slider; got 3"),
        ({"d_k": "abc"}, r"d_k must be a list"),
        ({"d_k": []}, r"d_k must be a list"),
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
    source = Path(explore_module.__file__).read_text("utf-8")
    assert not re.search(r"^\s*(import|from) (torch|attention)", source, flags=re.M)
