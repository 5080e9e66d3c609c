"""The same hand in Firefox and in WebKit, which iPhones use: `make engines`."""

import pytest
from engines import ENGINES
from test_hand import ANGLES, MAPS, TOKENS, folder, minus, tip  # noqa: F401
from test_site import BOOK_PAGES

pytestmark = pytest.mark.engines
READY = "document.querySelectorAll('explore-figure:has(> script):not([data-ready])').length === 0"
FIGURE = "document.querySelectorAll('explore-figure')"


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request):
    with ENGINES[request.param]() as instance:
        yield instance


@pytest.fixture
def figures(engine, folder):  # noqa: F811
    engine.go(f"file://{folder}/index.html")
    engine.wait(f"{FIGURE}.length === 4 && {READY}")
    return engine


def into_view(engine, at):
    engine.value(f"{FIGURE}[{at}].scrollIntoView()")


def caption(engine, at):
    return engine.value(f"{FIGURE}[{at}].querySelector('figcaption').textContent")


def middle(engine, selector):
    return engine.value(
        f"(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector('{selector}').getBoundingClientRect())"
    )


def test_every_page_comes_to_life(engine, site):
    for name in BOOK_PAGES:
        engine.go(f"file://{site}/{name}")
        engine.wait(READY)
        controls = f"[...{FIGURE}].filter(e => e.controls && e.controls.some(control => control.size > 1))"
        for at in range(engine.value(f"{controls}.length")):
            before = engine.value(f"{controls}[{at}].drawing.innerHTML")
            others = "e.places = e.controls.map(control => (control.place ? 0 : control.size - 1))"
            assert engine.value(f"(e => ({others}, e.drawing.innerHTML))({controls}[{at}])") != before, name
        assert engine.value("document.documentElement.scrollWidth <= innerWidth"), name


def test_controls_by_keyboard(figures):
    into_view(figures, 0)
    figures.value(f"{FIGURE}[0].querySelector('input[type=range]').focus()")
    figures.press("ArrowRight")
    assert caption(figures, 0) == f"Step 10, {TOKENS[0]} asks."
    figures.press("End")
    assert caption(figures, 0) == f"Step 20, {TOKENS[0]} asks."
    figures.value(f"{FIGURE}[0].querySelector('input[type=radio]:checked').focus()")
    figures.press("ArrowRight")
    assert caption(figures, 0) == f"Step 20, {TOKENS[1]} asks."
    figures.value(f"{FIGURE}[0].querySelector('.explore-stage').focus()")
    figures.press("ArrowDown")
    said = figures.value("document.querySelector('[role=tooltip]').textContent")
    row = 1 if said.startswith(f"scores · {TOKENS[1]}") else 0  # where a script's focus shows the first cell or not
    assert said.endswith(minus(f": {MAPS[20][row, 0]:.2f}"))
    figures.press("Escape")
    assert figures.value("document.querySelector('[role=tooltip]')") is None


def test_a_cell_under_the_pointer_and_a_mark_that_is_dragged(figures):
    into_view(figures, 1)
    cell = f"""(e => {{ const [l, t, r, b] = e.groups[0].grid, s = e.stage.getBoundingClientRect(), k = e.scale;
        return [s.left + (l + (r - l) * .9) / k, s.top + (t + (b - t) * .9) / k] }})({FIGURE}[1])"""
    figures.mouse(figures.value(cell))
    assert figures.wait("document.querySelector('[role=tooltip]')?.textContent").startswith("1 · 3: 0.")
    figures.mouse("down", "up")
    assert caption(figures, 1) == "Layer 1, head 3."
    into_view(figures, 2)
    x, y = middle(figures, ".explore-handle")
    figures.value(f"{FIGURE}[2].querySelectorAll('input')[1].focus()")
    figures.press("End")
    unit = (y - middle(figures, ".explore-handle")[1]) / 2
    figures.press("Home")
    dx, dy = tip(0, 3)
    figures.mouse((x, y), "down", (x + unit, y + unit / 2), (x + unit * dx, y + unit - unit * dy), "up")
    assert caption(figures, 2) == f"{ANGLES[0]}° and 3."


def test_play_runs_to_its_end(figures):
    into_view(figures, 3)
    figures.wait(f"{FIGURE}[3].querySelector('.explore-play').dataset.state === 'pause'")
    figures.wait(f"{FIGURE}[3].querySelector('.explore-play').dataset.state === 'again'")
    assert caption(figures, 3).startswith("Step 20")
