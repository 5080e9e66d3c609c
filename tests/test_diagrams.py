"""The diagrams of code/drawing/: every shape and word is on them, inside the figure, and nothing overlaps."""

import itertools

import matplotlib.pyplot as plt
import pytest

from drawing.diagrams import PLACES, flow, product
from explore import frame
from words import ARTICLE_SENTENCE, ARTICLE_TOKENS

STEPS = ("split", "embed", "place", "add", "project", "score", "softmax", "mix")
SHAPES = {name: (16 + i, 32 + i) for i, name in enumerate(PLACES)}


@pytest.fixture
def drawing():
    figure = flow(ARTICLE_SENTENCE, ARTICLE_TOKENS, SHAPES, {step: f"how to {step}" for step in STEPS})
    yield figure
    plt.close(figure)


def test_every_word_shape_and_token_is_drawn(drawing):
    drawn = [text.get_text() for text in drawing.axes[0].texts]
    expected = [ARTICLE_SENTENCE, *ARTICLE_TOKENS, *PLACES, *(f"how to {step}" for step in STEPS)]
    expected += [f"{rows} × {columns}" for rows, columns in SHAPES.values()]
    assert all(drawn.count(words) >= expected.count(words) for words in expected)


def test_boxes_stay_inside_and_apart(drawing):
    ax = drawing.axes[0]
    boxes = [patch.get_window_extent() for patch in ax.patches if patch.get_window_extent().width > 0]
    assert len(boxes) == len(PLACES) + len(ARTICLE_TOKENS)
    page = ax.get_window_extent()
    for box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    for one, other in itertools.combinations(boxes, 2):
        assert one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0


def test_it_is_one_svg_that_explore_takes():
    words = dict.fromkeys(STEPS, "")
    svg, _ = frame(lambda: (flow(ARTICLE_SENTENCE, ARTICLE_TOKENS, SHAPES, words), "A sentence."), {})
    assert ARTICLE_SENTENCE in svg and "程序" in svg


@pytest.mark.parametrize(("shapes", "words", "says"), [({}, dict.fromkeys(STEPS, ""), "shapes"), (SHAPES, {}, "words")])
def test_missing_parts_are_named(shapes, words, says):
    with pytest.raises(ValueError, match=f"{says} must be for"):
        flow("a b", ["a", "b"], shapes, words)


@pytest.mark.parametrize(
    ("factors", "edges", "sign"),
    [
        (((16, 64), (64, 32)), ["16", "64", "64", "32", "16", "32"], "="),
        (((32, 64), (16, 64)), ["32", "64", "16", "64"], "?"),
        (((3, 500), (500, 2)), ["3", "500", "500", "2", "3", "2"], "="),
    ],
)
def test_a_product_is_drawn_only_when_the_inner_sizes_agree(factors, edges, sign):
    figure = product(factors, colours=["#0072b2"] * 3, names=["A", "B", "C"], words="why")
    ax = figure.axes[0]
    drawn = [text.get_text() for text in ax.texts]
    assert sorted(word for word in drawn if word.isdigit()) == sorted(edges)
    assert sign in drawn and ("C" in drawn) == (sign == "=")
    for patch in ax.patches:
        box, page = patch.get_window_extent(), ax.get_window_extent()
        assert box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1
    plt.close(figure)
