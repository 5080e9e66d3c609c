"""What a figure answers to mouse, finger and keyboard: three figures whose numbers are known, in a real browser."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_accessibility import violations

from drawing import WIDTH, curve, handle, heatmap, plane, token_bars
from explore import explore

TOKENS = ["I 我", "program 程序", "-er 员"]
ANGLES, LENGTHS = list(range(0, 360, 30)), [1, 2, 3]
generator = np.random.default_rng(0)
MAPS = {step: generator.normal(size=(3, 3)) for step in (0, 10, 20)}
LAYERS = generator.random((2, 4))


def maps(step, asks):
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 2))
    names = {"rows": TOKENS, "columns": TOKENS}
    heatmap(left, MAPS[step], colour="#aa4499", signed=True, vmax=3, title="scores", **names)
    heatmap(right, np.exp(MAPS[step]), colour="#b57a00", vmax=20, title="weights", chooses="asks", **names)
    return figure, f"Step {step}, {asks} asks."


def heads(layer, head):
    figure, axes = plt.subplots(2, figsize=(WIDTH, 3))
    choose = {"rows": [0, 1], "columns": range(4), "chooses": ("layer", "head")}
    heatmap(axes[0], LAYERS, colour="#b57a00", vmax=1, **choose)
    token_bars(axes[1], LAYERS[layer, :3], TOKENS, colour="#b57a00")
    return figure, f"Layer {layer}, head {head}."


def tip(angle, length):
    return length * np.cos(np.radians(angle)), length * np.sin(np.radians(angle))


def arrows(angle, length):
    figure, ax = plane(4)
    handle(ax, tip, "angle", "length")
    curve(ax, [-3, 0, 3], [-3, -3.5, -3], name="d_k", color="k")
    return figure, f"{angle}° and {length}."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with the three figures, and the book's script and style."""
    from conftest import ROOT

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_STATIC", "1")
        figures = [
            explore(maps, step=list(MAPS), asks=TOKENS, controls={"step": "play"}),
            explore(heads, layer=[0, 1], head=range(4)),
            explore(arrows, start={"angle": 90}, angle=ANGLES, length=LENGTHS),
            explore(maps, step=list(MAPS), asks=TOKENS, controls={"step": "play once"}, start={"step": 20}),
        ]
    folder = tmp_path_factory.mktemp("hand")
    for name in ("explore.js", "explore.css"):
        (folder / name).write_text((ROOT / "assets" / name).read_text("utf-8"), "utf-8")
    body = "".join(f'<section style="min-height: 900px">{figure._repr_html_()}</section>' for figure in figures)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Figures</title>'
    head += '<link rel="stylesheet" href="explore.css"><script async src="explore.js"></script>'
    text = f'<!doctype html><html lang="en"><head>{head}</head><body><main><h1>Figures</h1>{body}</main></body></html>'
    (folder / "index.html").write_text(text, "utf-8")
    return folder


@pytest.fixture(params=["http", "file"])
def address(request, folder, serve):
    return f"{serve(folder)}/index.html" if request.param == "http" else f"file://{folder}/index.html"


@pytest.fixture
def open_page(tab, address):
    def get(**options):
        page = tab(**{"reduced_motion": "reduce", **options})
        page.goto(address)
        page.wait_for_function("document.querySelectorAll('explore-figure[data-ready]').length === 4")
        return page

    return get


def grids(figure):
    """[(box on the screen, rows, columns)] of a figure's grids."""
    return figure.evaluate(
        """e => { const s = e.stage.getBoundingClientRect(), k = e.scale; return e.groups.filter(g => g.grid).map(g => {
        const [l, t, r, b] = g.grid; return [[s.left + l / k, s.top + t / k, (r - l) / k, (b - t) / k],
        g.rows.length, g.columns.length] }) }"""
    )


def middle(grid, row, column):
    (x, y, wide, high), rows, columns = grid
    return x + (column + 0.5) * wide / columns, y + (row + 0.5) * high / rows


def minus(text):
    return text.replace("-", "−")


EXPECTED = [
    # which figure, which of its grids, its numbers, decimals, names of rows and columns, what stands before them
    (0, 0, MAPS[0], 2, TOKENS, TOKENS, "scores · "),
    (0, 1, np.exp(MAPS[0]), 1, TOKENS, TOKENS, "weights · "),
    (1, 0, LAYERS, 2, ["0", "1"], ["0", "1", "2", "3"], ""),
    (1, 1, LAYERS[0, :3, None], 2, TOKENS, None, ""),
]


@pytest.mark.parametrize("how", ["mouse", "finger", "keyboard"])
def test_every_cell_says_the_number_that_draw_was_given(open_page, how):
    page = open_page(has_touch=how == "finger", viewport={"width": 360, "height": 800})
    for at, place, numbers, decimals, rows, columns, before in EXPECTED:
        figure = page.locator("explore-figure").nth(at)
        figure.scroll_into_view_if_needed()
        if how == "keyboard":
            figure.locator(".explore-stage").focus()
            page.keyboard.press("Escape")
            figure.evaluate("(e, g) => e.name(g, 0)", place)
        for i, row in enumerate(rows):
            for j, column in enumerate(columns or [None]):
                if how == "keyboard":
                    for key in ["ArrowDown"] * (i > 0 and j == 0) + ["ArrowRight"] * (j > 0):
                        page.keyboard.press(key)
                else:
                    x, y = middle(grids(figure)[place], i, j)
                    (page.touchscreen.tap if how == "finger" else page.mouse.move)(x, y)
                said = figure.locator("[role=tooltip]").inner_text()
                names = f"{before}{row} · {column}" if column else f"{before}{row}"
                assert said == f"{names}: {minus(f'{numbers[i, j]:.{decimals}f}')}"
                if at == 1 and how == "finger":
                    figure.evaluate("e => (e.places = [0, 0])")
            if how == "keyboard":
                for _ in (columns or [None])[1:]:
                    page.keyboard.press("ArrowLeft")


def test_what_is_named_is_on_the_screen_in_letters_of_normal_size_and_goes(open_page):
    page = open_page(has_touch=True, viewport={"width": 360, "height": 800})
    figure = page.locator("explore-figure").first
    for row, column in ((0, 0), (0, 2), (2, 0), (2, 2)):
        for grid in grids(figure):
            page.touchscreen.tap(*middle(grid, row, column))
            box = figure.locator("[role=tooltip]").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["y"] >= 0
    assert figure.locator("[role=tooltip]").evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 15
    assert figure.locator(".explore-ring").count() == 3  # the cell, its row, its column
    stage = figure.locator(".explore-stage")
    assert stage.get_attribute("aria-describedby") == figure.locator("[role=tooltip]").get_attribute("id")
    stage.focus()
    page.keyboard.press("Escape")
    assert figure.locator("[role=tooltip]").count() == figure.locator(".explore-ring").count() == 0
    page.touchscreen.tap(*middle(grids(figure)[0], 1, 1))
    page.touchscreen.tap(5, 780)
    assert figure.locator("[role=tooltip]").count() == 0


def test_points_of_a_curve_are_named_with_a_lowered_letter(open_page):
    page = open_page()
    figure = page.locator("explore-figure").nth(2)
    figure.scroll_into_view_if_needed()
    x, y = figure.evaluate(
        """e => { const s = e.stage.getBoundingClientRect(), [x, y] = e.groups[0].now[1];
        return [s.left + x / e.scale, s.top + y / e.scale] }"""
    )
    page.mouse.move(x + 3, y - 3)
    tip = figure.locator("[role=tooltip]")
    assert tip.inner_text() == "dk · 0: −3.50" and tip.locator("sub").inner_text() == "k"


def test_the_name_follows_when_the_picture_changes_under_it(open_page):
    page = open_page()
    figure = page.locator("explore-figure").first
    page.mouse.move(*middle(grids(figure)[0], 1, 2))
    figure.locator("input[type=range]").press("ArrowRight")
    assert figure.locator("[role=tooltip]").inner_text().endswith(minus(f": {MAPS[10][1, 2]:.2f}"))


# ---------------------------------------------------------------- choosing in the picture


@pytest.mark.parametrize("how", ["mouse", "finger", "keyboard"])
def test_a_click_chooses_who_asks_and_which_head(open_page, how):
    page = open_page(has_touch=how == "finger")
    press = page.touchscreen.tap if how == "finger" else page.mouse.click
    first, second = page.locator("explore-figure").first, page.locator("explore-figure").nth(1)
    if how == "keyboard":
        first.locator(".explore-stage").focus()
        for key in ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "Enter"]:
            page.keyboard.press(key)
    else:
        press(*middle(grids(first)[1], 1, 0))
    assert first.locator("figcaption").inner_text() == f"Step 0, {TOKENS[1]} asks."
    assert first.locator(":checked + span").inner_text() == TOKENS[1]
    if how != "keyboard":  # the label beside the row, too; but not the map to its left, which chooses nothing
        _, y = middle(grids(first)[1], 2, 0)
        press(grids(first)[0][0][0] + 5, y)
        assert first.locator(":checked + span").inner_text() == TOKENS[1]
        press(grids(first)[1][0][0] - 3, y)
        assert first.locator(":checked + span").inner_text() == TOKENS[2]
    second.scroll_into_view_if_needed()
    if how == "keyboard":
        second.locator(".explore-stage").focus()
        for key in ["ArrowDown", "ArrowRight", " "]:
            page.keyboard.press(key)
    else:
        press(*middle(grids(second)[0], 1, 1))
    assert second.locator("figcaption").inner_text() == "Layer 1, head 1."


# ---------------------------------------------------------------- taking hold


def places_of(figure):
    return figure.evaluate("e => e.places")


@pytest.mark.parametrize("how", ["mouse", "finger", "keyboard"])
def test_a_mark_is_dragged_to_the_nearest_place(open_page, how):
    page = open_page(has_touch=how == "finger", viewport={"width": 700, "height": 900})
    figure = page.locator("explore-figure").nth(2)
    figure.scroll_into_view_if_needed()
    button = figure.locator(".explore-handle")
    assert button.get_attribute("aria-label") == "angle 90, length 1"
    if how == "keyboard":
        button.focus()
        page.keyboard.press("ArrowUp")
        assert places_of(figure) == [3, 1]
        page.keyboard.press("ArrowRight")
        angle, length = (values[at] for values, at in zip((ANGLES, LENGTHS), places_of(figure), strict=True))
        assert tip(angle, length)[0] > 0.1
        return

    def middle_of_it():
        box = button.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    figure.locator("input").last.press("End")
    top = middle_of_it()
    figure.locator("input").last.press("Home")
    x, y = middle_of_it()
    unit = (y - top[1]) / 2  # the arrow was 3 long and is 1 long now, upright
    origin = x, y + unit
    session = page.context.new_cdp_session(page)

    def move(kind, x, y):
        if how == "mouse":
            {"Start": page.mouse.down, "Move": lambda: page.mouse.move(x, y), "End": page.mouse.up}[kind]()
        else:
            points = [] if kind == "End" else [{"x": x, "y": y}]
            session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    page.mouse.move(x, y)
    move("Start", x, y)
    scrolled = page.evaluate("scrollY")
    for angle, length in [(60, 2), (0, 3), (330, 1), (210, 2), (180, 3)]:
        at = tip(angle + 4, length + 0.1)
        move("Move", origin[0] + unit * at[0], origin[1] - unit * at[1])
        figure.get_by_text(f"{angle}° and {length}.", exact=True).wait_for(timeout=3000)  # touches wait for a paint
        assert places_of(figure) == [ANGLES.index(angle), LENGTHS.index(length)]
        assert figure.locator("output").all_inner_texts() == [str(angle), str(length)]
    move("End", 0, 0)
    assert page.evaluate("scrollY") == scrolled, "a finger on the mark must not scroll the page"
    figure.locator("input").last.press("Home")  # the controls and the mark are one
    assert abs(middle_of_it()[0] - (origin[0] - unit)) < 1


# ---------------------------------------------------------------- play


def shown_step(figure):
    return int(re.match(r"Step (\d+)", figure.locator("figcaption").inner_text())[1])


def test_play_runs_to_the_end_pauses_and_begins_again(open_page):
    page = open_page()
    page.clock.install()
    page.reload()
    page.wait_for_function("document.querySelectorAll('explore-figure[data-ready]').length === 4")
    figure = page.locator("explore-figure").first
    button = figure.get_by_role("button", name="Play")
    button.press("Enter")
    assert figure.locator(".explore-play").get_attribute("aria-label") == "Pause"
    assert figure.locator("figcaption").get_attribute("aria-live") == "off"
    page.clock.run_for(710)
    assert shown_step(figure) == 10
    figure.get_by_role("button", name="Pause").click()
    page.clock.run_for(5000)
    assert shown_step(figure) == 10 and figure.locator("figcaption").get_attribute("aria-live") == "polite"
    figure.get_by_role("button", name="Play").click()
    page.clock.run_for(5000)
    assert shown_step(figure) == 20
    figure.get_by_role("button", name="Play again").click()
    assert shown_step(figure) == 0
    figure.locator("input[type=radio]").nth(1).press("ArrowRight")  # any other control stops it
    page.clock.run_for(5000)
    assert shown_step(figure) == 0
    page.clock.resume()


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_once_begins_in_view_and_never_for_those_who_asked_for_less_motion(open_page, motion):
    page = open_page(reduced_motion=motion)
    figure = page.locator("explore-figure").last
    assert shown_step(figure) == 20
    figure.evaluate(
        """e => { e.seen = []; const note = () => e.seen.push(e.places[0]);
        new MutationObserver(note).observe(e.caption, { childList: true, subtree: true }) }"""
    )
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(2000)
    assert shown_step(figure) == 20
    assert figure.evaluate("e => e.seen") == ([0, 1, 2] if motion == "no-preference" else [])


# ---------------------------------------------------------------- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(open_page, scheme):
    page = open_page(color_scheme=scheme, viewport={"width": 360, "height": 800})
    figure = page.locator("explore-figure").first
    page.mouse.move(*middle(grids(figure)[0], 1, 2))
    assert figure.locator("[role=tooltip]").is_visible()
    assert not violations(page)
    figure.locator(".explore-play").click()
    assert not violations(page)
    arrow = page.locator("explore-figure").nth(2).locator(".explore-handle")
    arrow.scroll_into_view_if_needed()
    box = arrow.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    assert page.locator(".explore-handle.held").count() == 1
    assert not violations(page)
    page.mouse.up()


def test_without_javascript_the_first_frame_and_its_sentence(folder, chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{folder}/index.html")
    for figure in page.locator("explore-figure").all():
        assert figure.locator("svg").is_visible() and len(figure.locator("figcaption").inner_text()) > 8
        assert not figure.locator("form").is_visible()
    context.close()


def test_the_longest_sentence_has_room_from_the_start(open_page):
    page = open_page(viewport={"width": 360, "height": 800})
    figure = page.locator("explore-figure").first
    before = figure.bounding_box()["height"]
    for i in range(3):
        figure.locator("label:has([type=radio])").nth(i).click()
        assert figure.bounding_box()["height"] == before
