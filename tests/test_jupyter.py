"""A real JupyterLab, driven in a browser: every chapter runs, shows what the page shows, and its claims can go red."""

import ast
import re
import sys

import jupytext
import nbformat
import pytest
from frames import stored
from lab import (
    DOT_PRODUCT,
    NOTEBOOKS,
    PAGES,
    ROOT,
    WIDGET,
    copy_of_the_book,
    is_notebook,
    jupyterlab,
    readers_environment,
)

TESTS = ROOT / "tests"
chapter_alone = pytest.mark.depends("{ran}.md", "_build/html/_sources/{ran}.ipynb", "code", "results", "weights")

# What names stood for before each cell ran: where a claim's measurement is broken afterwards, it starts from there.
WATCH = f"""
def watch():
    import builtins, sys
    builtins.before_cell = {{}}
    sys.path.append({str(TESTS)!r})
    shell = get_ipython()
    # A generator as it was, too: a cell that runs again must draw the same numbers.
    is_torchs = lambda value: type(value).__name__ == "Generator" and hasattr(value, "clone_state")
    as_it_was = lambda value: value.clone_state() if is_torchs(value) else value
    keep = lambda info: before_cell.setdefault(info.raw_cell, {{k: as_it_was(v) for k, v in shell.user_ns.items()}})
    shell.events.register("pre_run_cell", keep)
watch()
del watch
"""


@pytest.fixture(scope="module")
def lab_page(chromium, tmp_path_factory):
    """One JupyterLab in one page: loading it anew for each chapter would take longer than most chapters."""
    home = tmp_path_factory.mktemp("home")
    startup = home / ".ipython/profile_default/startup/watch.py"
    startup.parent.mkdir(parents=True)
    startup.write_text(WATCH, "utf-8")
    book = copy_of_the_book(tmp_path_factory.mktemp("lab") / "book")
    with jupyterlab(book, readers_environment(home)) as (address, token):
        # With less motion, or what plays once would be at any of its frames when it is compared.
        context = chromium.new_context(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{address}/lab?token={token}")
        page.wait_for_function("() => window.jupyterapp")
        in_lab(page, "app => app.restored")
        yield page
        page.context.close()


def in_lab(page, function, argument=None, seconds=60):
    """What a JavaScript function of JupyterLab's app returns. A promise that never ends is an error, not a hang."""
    race = """([argument, seconds]) => Promise.race([
        (FUNCTION)(window.jupyterapp, argument),
        new Promise((_, fail) => setTimeout(() => {
            const dialog = document.querySelector('.jp-Dialog')?.innerText ?? 'none';
            fail(new Error(`no answer within ${seconds} s; open dialog: ${dialog}`));
        }, 1000 * seconds))])"""
    return page.evaluate(race.replace("FUNCTION", function), [argument, seconds])


def open_notebook(page, path):
    """The notebook in front, and a kernel behind it."""
    in_lab(
        page,
        """async (app, path) => {
        const { content, context } = await app.commands.execute('docmanager:open', { path });
        if (!content.model?.cells) throw new Error(`${path} did not open as a notebook`);
        // Run All before there is a kernel opens the dialog "Select Kernel", and waits for its answer.
        const { sessionContext } = context;
        await context.ready;
        await sessionContext.ready;
        // On a busy machine a new kernel's first answer is lost now and then, and JupyterLab waits for it for ever.
        const late = new Promise(go => setTimeout(go, 20_000, 'late'));
        if (await Promise.race([sessionContext.session.kernel.info, late]) === 'late') {
            await sessionContext.restartKernel();
            await sessionContext.session.kernel.info;
        }
        }""",
        f"{path}.md",
    )


def close_all(page):
    in_lab(
        page,
        """async app => {
        for (const panel of [...app.shell.widgets('main')]) {
            await panel.context?.sessionContext.shutdown();
            panel.dispose();
        }
        }""",
    )


def run_all(page):
    """Run > Run All Cells; returns [execution count, outputs] of every code cell, from the notebook's model."""
    return in_lab(
        page,
        """async app => {
        await app.commands.execute('notebook:run-all-cells');
        const { cells } = app.shell.currentWidget.content.model.toJSON();
        return cells.filter(c => c.cell_type === 'code').map(c => [c.execution_count, c.outputs]);
        }""",
        seconds=400,
    )


def in_kernel(page, expression):
    """The value of a Python expression, a literal, in the kernel of the notebook in front."""
    answer = in_lab(
        page,
        """async (app, expression) => {
        const { kernel } = app.shell.currentWidget.context.sessionContext.session;
        const reply = await kernel.requestExecute({ code: '', user_expressions: { expression } }).done;
        return reply.content.user_expressions.expression;
        }""",
        expression,
        seconds=400,
    )
    assert answer["status"] == "ok", "\n".join(answer["traceback"])
    return ast.literal_eval(answer["data"]["text/plain"])


class Ran:
    """A chapter that has been opened in JupyterLab and run."""

    def __init__(self, page, path):
        self.page, self.path, self.cells = page, path, run_all(page)
        self.figures = len(re.findall(r"^explore\(", (ROOT / f"{path}.md").read_text("utf-8"), flags=re.M))


@pytest.fixture(scope="module", params=NOTEBOOKS)
def ran(request, lab_page):
    open_notebook(lab_page, request.param)
    yield Ran(lab_page, request.param)
    close_all(lab_page)


@chapter_alone
def test_run_all_is_clean(ran):
    outputs = [output for _, outputs in ran.cells for output in outputs]
    assert [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"] == []
    assert [o["text"] for o in outputs if o.get("name") == "stderr"] == []
    assert ran.cells and all(count for count, _ in ran.cells), "a cell did not run"
    assert sum(WIDGET in o.get("data", {}) for o in outputs) >= ran.figures  # the others show a training's progress
    # Not only announced but drawn.
    ran.page.wait_for_function(
        "n => document.querySelectorAll('explore-figure[data-ready] svg[viewBox]').length === n",
        arg=ran.figures,
        timeout=10_000,
    )


# ---------------------------------------------------------------- read as a notebook

# Prose as JupyterLab renders it, without code; and the languages of code blocks, where a directive would end up.
PROSE = r"""async app => {
  const notebook = app.shell.currentWidget.content, found = [];
  for (const [i, cell] of notebook.widgets.entries()) {
    if (cell.model.type !== 'markdown') continue;
    await notebook.scrollToItem(i);
    await cell.ready;
    const shown = () => cell.node.querySelector('.jp-MarkdownOutput');
    for (let turn = 0; turn < 40 && !shown()?.textContent.trim(); turn++) await new Promise(go => setTimeout(go, 50));
    const prose = shown().cloneNode(true);
    const languages = [...prose.querySelectorAll('pre code')].map(code => code.className);
    prose.querySelectorAll('pre, code, mjx-container').forEach(element => element.remove());
    found.push(`${prose.textContent}\n${languages.join('\n')}`);
  }
  return found;
}"""
LEFT_OVER = re.compile(r"\{[\w:-]+\}|^\s*:::|^\s*\([\w-]+\)=|\]\(|</?[a-z]+>", re.M)


def left_over(page):
    """What JupyterLab shows of MyST's own markup, which it does not know: roles, directives, labels."""
    prose = in_lab(page, PROSE, seconds=120)
    assert sum(map(len, prose)) > 300
    return [match[0] for text in prose for match in LEFT_OVER.finditer(text)]


@chapter_alone
def test_no_raw_markup_is_left_in_jupyterlab(ran):
    assert not left_over(ran.page)


@pytest.mark.depends("{path}.md")
@pytest.mark.parametrize("path", [str(p.relative_to(ROOT).with_suffix("")) for p in PAGES if not is_notebook(p)])
def test_no_raw_markup_is_left_on_pages_without_cells(path, lab_page):
    in_lab(
        lab_page,
        """async (app, path) => {
        const { content, context } = await app.commands.execute(
            'docmanager:open', { path, factory: 'Jupytext Notebook', kernelPreference: { shouldStart: false } });
        await context.ready;
        }""",
        f"{path}.md",
    )
    assert not left_over(lab_page)
    close_all(lab_page)


def test_markup_left_over_would_be_found():
    for text in ("as {cite} says", "{ledger}", "(a-label)=", ":::{note}", "[words](page.md)", "<span>x"):
        assert LEFT_OVER.search(text)
    assert not LEFT_OVER.search("softmax(QKᵀ/√d), f(x) = 1, {1, 2} and [0, 1)")


# ---------------------------------------------------------------- the same as on the page


def words(output):
    """What a reader sees of an output that is no figure: (kind, text), or None."""
    if output["output_type"] == "stream":
        return "text", "".join(output["text"])
    data = output.get("data", {})
    shown = "".join(data.get("text/html", data.get("text/plain", "")))
    if WIDGET in data or shown.startswith(("<explore-figure", "<live-field")):
        return None
    # The thread's mark links to pages there, to notebooks here.
    return "shown", re.sub(r'(href="[\w-]+)\.(html|md)"', r"\1", shown)


def said(outputs):
    """The words of a cell's outputs, text that arrived in pieces put together."""
    together = []
    for kind, text in filter(None, map(words, outputs)):
        if kind == "text" and together and together[-1][0] == "text":
            text = together.pop()[1] + text
        together.append((kind, text))
    return together


FIGURES = """async (app, pages) => {
  const cells = app.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code');
  const drawn = element => [...element.querySelectorAll('explore-figure')].map(figure => [
    figure.querySelector('.explore-drawing > svg').outerHTML, figure.querySelector('figcaption').textContent]);
  return cells.flatMap((cell, i) => {
    if (pages[i] === null) return [];
    const page = document.createElement('div');
    page.innerHTML = pages[i];
    const there = drawn(page), here = drawn(cell.node);
    return JSON.stringify(there) === JSON.stringify(here) ? [] : [[i, there, here]];
  });
}"""


@chapter_alone
def test_jupyterlab_shows_what_the_page_shows(ran, site):
    """Every text, table and claim, and the first picture of every figure: the numbers of all ways to read are equal.

    The page's side is the notebook that it offers for download, which the build executed. A cell tagged `timed`
    prints or draws times that it measured.
    """
    offered = nbformat.read(site / f"_sources/{ran.path}.ipynb", as_version=4)
    there = [cell for cell in offered.cells if cell.cell_type == "code"]
    source = [cell for cell in jupytext.read(ROOT / f"{ran.path}.md").cells if cell.cell_type == "code"]
    assert [cell.source for cell in there] == [cell.source for cell in source], "the page is of another chapter: build"
    timed = ["timed" in cell.metadata.get("tags", []) for cell in source]
    for (_, outputs), cell, skip in zip(ran.cells, there, timed, strict=True):
        assert skip or said(outputs) == said(cell.outputs), cell.source
    html = ["".join(o.get("data", {}).get("text/html", "") for o in cell.outputs) for cell in there]
    pages = [None if skip or "<live-field" in text else text for skip, text in zip(timed, html, strict=True)]
    assert any("<explore-figure" in text for text in html) == bool(ran.figures)
    different = in_lab(ran.page, FIGURES, pages)
    assert not different, different[0]


@chapter_alone
def test_each_figure_draws_the_frames_of_the_page(ran, site):
    """Byte for byte, in the middle and at the end of its sliders."""
    in_the_page = stored((site / f"{ran.path}.html").read_text("utf-8"))
    again = in_kernel(ran.page, f"__import__('frames').drawn_again(before_cell, {ran.path!r})")
    assert len(again) == len(in_the_page)
    for drawn, figure in zip(again, in_the_page, strict=True):
        for at, svg, sentence in drawn:
            assert (svg, sentence) == (figure.frames[at], figure.sentences[at]), f"frame {at}: {sentence}"


# ---------------------------------------------------------------- what it takes, and what it proves


@chapter_alone
@pytest.mark.depends("chapters/teach.md")
def test_memory_is_what_the_page_for_teachers_asks_for(ran):
    unit = 1 if sys.platform == "darwin" else 1024
    peak = in_kernel(ran.page, "__import__('resource').getrusage(0).ru_maxrss") * unit
    limit = int(re.search(r"memory: \{.*limit: (\d+)G\}", (ROOT / "chapters/teach.md").read_text("utf-8"))[1])
    server = 150e6
    assert 50e6 < peak < 1e9 * limit - server


@chapter_alone
@pytest.mark.depends("tests/claim_mutants")
def test_every_claim_goes_red_when_what_it_measures_is_broken(ran):
    """tests/claim_mutants says how each is broken; the kernel still has what the cells before it made."""
    file = TESTS / f"claim_mutants/{ran.path.rpartition('/')[2]}.toml"
    claims = re.findall(r"^:?tags: \[claim\b", (ROOT / f"{ran.path}.md").read_text("utf-8"), flags=re.M)
    assert file.exists() == bool(claims)
    if claims:
        found = in_kernel(ran.page, f"__import__('going_red').survivors(before_cell, {str(file)!r}, {ran.path!r})")
        assert not found, f"these claims hold whatever is measured: {found}"


# ---------------------------------------------------------------- by hand


# JupyterLab takes cells that are far out of sight off the page, and Run All ends at the last one.
TO_THE_FIRST_FIGURE = """app => {
  const notebook = app.shell.currentWidget.content;
  return notebook.scrollToItem(notebook.widgets.findIndex(cell => cell.node.querySelector('explore-figure')));
}"""


def test_the_hand_is_the_same_as_on_the_page(lab_page):
    """A slider by keyboard, a cell under the pointer, an arrow that is dragged; the theme's colours; another list."""
    page = lab_page
    close_all(page)  # the last chapter may still be open, and its figures would be found first
    open_notebook(page, DOT_PRODUCT)
    run_all(page)
    figure = page.locator("explore-figure[data-ready]").first
    in_lab(page, TO_THE_FIRST_FIGURE)
    svg, slider = figure.locator("svg[viewBox]"), figure.locator("input").first

    def wait_for_angle(angle):
        """The slider says it, and so does the sentence."""
        figure.locator("output").first.get_by_text(f"{angle}", exact=True).wait_for()
        figure.locator("figcaption").get_by_text(f"{angle}°").wait_for()

    # Another angle, another picture, another sentence.
    before, at = svg.inner_html(), int(slider.get_attribute("aria-valuetext"))
    slider.press("ArrowRight")
    changed = "([e, html]) => e.querySelector('svg[viewBox]').innerHTML !== html"  # the whole drawing is replaced
    page.wait_for_function(changed, arg=[figure.element_handle(), before])
    angle = int(slider.get_attribute("aria-valuetext"))
    assert angle > at
    wait_for_angle(angle)

    # A hand that goes on, back and on again before the kernel has answered is left at what it chose.
    to_and_fro = """slider => { for (const step of [1, -1, 1]) {
        slider.value = Number(slider.value) + step;
        slider.dispatchEvent(new Event('input', { bubbles: true }));
    } }"""
    slider.evaluate(to_and_fro)
    page.wait_for_function("e => !e.isBusy()", arg=figure.element_handle(), timeout=10_000)
    wait_for_angle(int(slider.get_attribute("aria-valuetext")))

    # What stands under the pointer is named; an arrow that is dragged is drawn where the pointer is, and nothing else.
    handle = figure.locator(".explore-handle").first
    box, stage = handle.bounding_box(), figure.locator(".explore-stage").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 5, steps=20)
    page.mouse.up()
    page.wait_for_function("e => !e.isBusy()", arg=figure.element_handle())
    now = figure.evaluate("e => [e.places, String(e.querySelector('figcaption').textContent)]")
    drawn = in_kernel(
        page, "[w.shown['at'] for w in __import__('ipywidgets').Widget.widgets.values() if hasattr(w, 'shown')]"
    )
    assert now[0] in drawn and handle.bounding_box()["y"] < box["y"]

    # The text of the picture has the colour of the text beside it, whatever the theme.
    colours = """e => [
        getComputedStyle(e.querySelector('svg text[style*="currentColor"]')).fill,
        getComputedStyle(e.querySelector('figcaption')).color,
    ]"""
    seen = []
    for theme, is_light in (("JupyterLab Light", "true"), ("JupyterLab Dark", "false")):
        in_lab(page, "(app, theme) => app.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_selector(f"body[data-jp-theme-light={is_light}][data-jp-theme-name='{theme}']", state="attached")
        drawn, written = figure.evaluate(colours)
        assert drawn == written
        seen.append(sum(map(int, re.findall(r"\d+", drawn)[:3])))
    assert seen[0] < 3 * 100 and seen[1] > 3 * 155, "dark ink on the light theme, light ink on the dark one"

    # Other values in the cell, another slider.
    edited = in_lab(
        page,
        """async app => {
        const notebook = app.shell.currentWidget.content;
        const place = notebook.widgets.findIndex(cell => cell.model.sharedModel.getSource().includes('\\nexplore('));
        const cell = notebook.widgets[place].model.sharedModel, source = cell.getSource();
        cell.setSource(source + ANGLES);
        notebook.activeCellIndex = place;
        await app.commands.execute('notebook:run-cell');
        return cell.getSource() !== source;
        }""".replace("ANGLES", repr("\nexplore(draw, angle=[45, 90, 123], b_length=[2.0])")),
    )
    assert edited
    wait_for_angle(45)
    figure.locator("input").first.press("End")
    wait_for_angle(123)
