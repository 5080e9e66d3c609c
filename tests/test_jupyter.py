"""A real JupyterLab, driven in a browser: chapters open as notebooks, run clean, and their sliders are alive."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import jupytext
import matplotlib
import nbformat
import pytest
from lab import jupyterlab, wait_for

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGES = [ROOT / "index.md", *sorted((ROOT / "chapters").glob("*.md"))]
NOTEBOOKS = [str(p.relative_to(ROOT).with_suffix("")) for p in PAGES if "\nkernelspec:" in p.read_text("utf-8")[:500]]
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", "_build", "__pycache__", ".*_cache", ".hypothesis", "weights", "*.ipynb"
)
WIDGET = "application/vnd.jupyter.widget-view+json"
DOT_PRODUCT = "chapters/2-1-dot-product"


def readers_environment(home):
    """Variables of a reader's shell, with an empty home: no settings but the book's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "BOOK_"))}
    # matplotlib's list of fonts is this machine's, not the book's: making it anew would end up on a chapter's stderr.
    kept |= {"HOME": str(home), "MPLCONFIGDIR": matplotlib.get_cachedir()}
    return kept | {"PATH": os.pathsep.join([str(BIN), kept["PATH"]])}


@pytest.fixture(scope="module")
def book_copy(tmp_path_factory):
    """The book in a folder of its own, so that nothing that a notebook saves ends up in the repository."""
    folder = tmp_path_factory.mktemp("lab") / "book"
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    if (ROOT / "weights").exists():
        (folder / "weights").symlink_to(ROOT / "weights")
    return folder


@pytest.fixture(scope="module")
def lab_page(chromium, book_copy, tmp_path_factory):
    """One JupyterLab in one page: loading it anew for each chapter would take longer than most chapters."""
    with jupyterlab(book_copy, readers_environment(tmp_path_factory.mktemp("home"))) as (address, token):
        page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{address}/lab?token={token}")
        page.wait_for_function("() => window.jupyterapp")
        in_lab(page, "app => app.restored")
        yield page
        page.context.close()


@pytest.fixture
def open_notebook(lab_page):
    """open_notebook(path) -> page, with the notebook in front and a kernel behind it; both are gone after the test."""

    def start(path):
        in_lab(
            lab_page,
            """async (app, path) => {
            const { content, context } = await app.commands.execute('docmanager:open', { path });
            if (!content.model?.cells) throw new Error(`${path} did not open as a notebook`);
            // Run All before there is a kernel opens the dialog "Select Kernel", and waits for its answer.
            await context.ready;
            await context.sessionContext.ready;
            await context.sessionContext.session.kernel.info;
            }""",
            f"{path}.md",
        )
        return lab_page

    yield start
    in_lab(
        lab_page,
        """async app => {
        for (const panel of [...app.shell.widgets('main')]) {
            await panel.context?.sessionContext.shutdown();
            panel.dispose();
        }
        }""",
    )


def in_lab(page, function, argument=None, seconds=60):
    """What a JavaScript function of JupyterLab's app returns. A promise that never ends is an error, not a hang."""
    race = """([argument, seconds]) => Promise.race([
        (FUNCTION)(window.jupyterapp, argument),
        new Promise((_, fail) => setTimeout(() => {
            const dialog = document.querySelector('.jp-Dialog')?.innerText ?? 'none';
            fail(new Error(`no answer within ${seconds} s; open dialog: ${dialog}`));
        }, 1000 * seconds))])"""
    return page.evaluate(race.replace("FUNCTION", function), [argument, seconds])


def run_all(page):
    """Run > Run All Cells; returns [execution count, outputs] of every code cell, from the notebook's model."""
    return in_lab(
        page,
        """async app => {
        await app.commands.execute('notebook:run-all-cells');
        const { cells } = app.shell.currentWidget.content.model.toJSON();
        return cells.filter(c => c.cell_type === 'code').map(c => [c.execution_count, c.outputs]);
        }""",
        seconds=240,
    )


def peak_memory(page):
    """Bytes that the kernel of the notebook in front has taken at most."""
    peak = in_lab(
        page,
        """async app => {
        const { kernel } = app.shell.currentWidget.context.sessionContext.session;
        const user_expressions = { peak: "__import__('resource').getrusage(0).ru_maxrss" };
        const reply = await kernel.requestExecute({ code: '', user_expressions }).done;
        return reply.content.user_expressions.peak.data['text/plain'];
        }""",
    )
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_run_all_is_clean(path, open_notebook):
    page = open_notebook(path)
    cells = run_all(page)
    outputs = [output for _, outputs in cells for output in outputs]
    assert [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"] == []
    assert [o["text"] for o in outputs if o.get("name") == "stderr"] == []
    assert cells and all(count for count, _ in cells), "a cell did not run"
    figures = len(re.findall(r"^explore\(", (ROOT / f"{path}.md").read_text("utf-8"), flags=re.M))
    assert sum(WIDGET in o.get("data", {}) for o in outputs) >= figures  # the others show the progress of a training
    # Not only announced but drawn.
    page.wait_for_function(
        "n => document.querySelectorAll('.widget-html:has(svg[viewBox]) + .widget-html p').length === n",
        arg=figures,
        timeout=10_000,
    )
    limit = int(re.search(r"memory: \{.*limit: (\d+)G\}", (ROOT / "chapters/teach.md").read_text("utf-8"))[1])
    server = 150e6
    assert 100e6 < peak_memory(page) < 1e9 * limit - server, "more than the page for teachers asks for"


def test_a_slider_is_alive_and_follows_the_theme_and_the_list(open_notebook):
    page = open_notebook(DOT_PRODUCT)
    run_all(page)
    figure = page.locator(".jp-OutputArea-output:has(.widget-slider)").first
    svg, handle = figure.locator("svg[viewBox]"), figure.locator(".noUi-handle").first

    def wait_for_angle(angle):
        """The slider says it, and so does the sentence."""
        figure.locator(".widget-readout").first.get_by_text(str(angle), exact=True).wait_for()
        figure.locator("p").get_by_text(f"{angle}°").wait_for()

    # Another angle, another picture, another sentence.
    wait_for_angle(45)
    before = svg.inner_html()
    handle.focus()
    page.keyboard.press("ArrowRight")
    wait_for_angle(60)
    assert svg.inner_html() != before

    # The text of the picture has the colour of the text beside it, whatever the theme.
    colours = """e => [
        getComputedStyle(e.querySelector('svg text[style*="currentColor"]')).fill,
        getComputedStyle(e.querySelector('.widget-html p')).color,
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
        cell.setSource(source.replace(/\\bangle=[^,)]+/, 'angle=[45, 90, 123]'));
        notebook.activeCellIndex = place;
        await app.commands.execute('notebook:run-cell');
        return cell.getSource() !== source;
        }""",
    )
    assert edited
    wait_for_angle(45)
    handle.focus()
    page.keyboard.press("End")
    wait_for_angle(123)


def downloaded(site, path):
    """The .ipynb that the page's download button offers."""
    page = site / f"{path}.html"
    offered = re.search(r'href="([^"]*_sources/[^"]*\.ipynb)"', page.read_text("utf-8"))
    assert offered, f"{path} offers no notebook"
    return nbformat.read(page.parent / offered[1], as_version=4)


def execute(notebook, folder):
    """`jupyter execute` of the notebook in a folder; a process of its own, as the browser has this one's event loop."""
    file = folder / "downloaded.ipynb"
    nbformat.write(notebook, file)
    command = [BIN / "jupyter", "execute", "--inplace", file]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOOK_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    return done, nbformat.read(file, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_the_download_is_executed_and_says_kindly_what_is_missing_elsewhere(path, site):
    cells = [cell for cell in downloaded(site, path).cells if cell.cell_type == "code"]
    assert cells and all(cell.execution_count for cell in cells)
    assert [o for cell in cells for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    # Python's message on the first import of the book's own shows the line above it, too.
    folder, code = ("the folder chapters/", "../code") if "/" in path else ("the top folder", "code")
    hint = f'# Not found? This notebook belongs in {folder} of the book.\nsys.path.insert(0, "{code}")\nfrom '
    assert hint in cells[0].source


@pytest.mark.parametrize("path", ["index", DOT_PRODUCT, "chapters/3-2-1-queries-and-keys"])
def test_the_download_runs_in_its_folder_with_live_figures(path, site, book_copy):
    """Without JupyterLab and jupytext: what plain Jupyter and VS Code do. Two of the three train on the page."""
    done, notebook = execute(downloaded(site, path), (book_copy / path).parent)
    assert done.returncode == 0, done.stderr
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = sum(len(re.findall(r"^explore\(", cell.source, flags=re.M)) for cell in notebook.cells)
    assert figures and sum(WIDGET in output.get("data", {}) for output in outputs) >= figures
    assert not any("<explore-figure" in output.get("data", {}).get("text/html", "") for output in outputs)


def test_the_download_stops_at_its_first_cell_elsewhere(site, tmp_path):
    done, _ = execute(downloaded(site, DOT_PRODUCT), tmp_path)
    assert done.returncode != 0
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    assert "ModuleNotFoundError: No module named" in said
    assert "# Not found? This notebook belongs in the folder chapters/ of the book." in said.rpartition("----> ")[0]


def test_the_documented_line_makes_notebooks(book_copy, tmp_path):
    line = "jupytext --to ipynb chapters/*.md"
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make notebooks" in text and line in text
    shutil.copytree(book_copy / "chapters", tmp_path / "chapters")
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(line, shell=True, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)
    for path in NOTEBOOKS:
        if path.startswith("chapters/"):
            made = nbformat.read(tmp_path / f"{path}.ipynb", as_version=4)
            source = jupytext.read(ROOT / f"{path}.md")
            assert made.metadata.kernelspec.name == "python3"
            assert [c.source for c in made.cells] == [c.source for c in source.cells]


def make(*words, folder, home, **options):
    """A command of make, in the environment that is set up already, as a reader's shell would start it."""
    environment = {k: v for k, v in readers_environment(home).items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "--assume-old=.venv/.reader", *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.STDOUT, text=True, **options)


def test_make_lab_serves_this_machine_alone_and_opens_chapters_as_notebooks(tmp_path):
    """The target as it stands, but for a window, a port and a token; the other tests start the same Lab themselves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, token, log = f"http://127.0.0.1:{port}", "a-token-of-this-test", tmp_path / "lab.log"
    flags = f"LAB_FLAGS=--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token={token}"
    with log.open("w") as output:
        server = make("lab", flags, folder=ROOT, home=tmp_path, stdout=output, start_new_session=True)
    try:
        wait_for(f"{address}/api/status?token={token}", server, log)
        plugin = "@jupyterlab/docmanager-extension:plugin"
        with urllib.request.urlopen(f"{address}/lab/api/settings/{plugin}?token={token}", timeout=20) as answer:
            viewers = json.load(answer)["schema"]["properties"]["defaultViewers"]["default"]
        assert viewers["markdown"] == "Jupytext Notebook"
        opened = re.search(r"\$\(LAB_FLAGS\) (\S+)", (ROOT / "Makefile").read_text("utf-8"))[1]
        assert opened.removesuffix(".md") in NOTEBOOKS
        if Path("/proc/net/tcp").exists():
            listening = re.findall(rf"^ *\d+: (\w+):{port:04X} 0+:0000 0A", Path("/proc/net/tcp").read_text(), re.M)
            assert listening == ["0100007F"], "not on loopback alone"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def test_make_notebooks_and_make_clean_leave_a_readers_notebook_alone(tmp_path):
    (tmp_path / "chapters").mkdir()
    for name in ("Makefile", "index.md", f"{DOT_PRODUCT}.md"):
        shutil.copy(ROOT / name, tmp_path / name)

    def run(*words):
        done = make(*words, f"BIN={BIN}", folder=tmp_path, home=tmp_path, stdout=subprocess.PIPE)
        said, _ = done.communicate(timeout=60)
        assert done.returncode == 0, said
        return said

    mine = tmp_path / f"{DOT_PRODUCT}.ipynb"
    assert "Wrote 2 notebooks" in run("notebooks") and nbformat.read(mine, as_version=4).cells
    mine.write_text("my own work")
    (tmp_path / "index.ipynb").unlink()
    assert "Wrote 1 notebooks" in (said := run("notebooks")) and "kept 1" in said
    run("clean")
    assert mine.read_text() == "my own work" and (tmp_path / "index.ipynb").exists()
    run("notebooks", "FORCE=1")
    assert nbformat.read(mine, as_version=4).cells


def test_every_notebook_reads_as_one():
    for path in NOTEBOOKS:
        notebook = jupytext.read(ROOT / f"{path}.md")
        kinds = [cell.cell_type for cell in notebook.cells]
        assert "code" in kinds and notebook.metadata["kernelspec"]["name"] == "python3", path
        assert not any("{code-cell" in cell.source for cell in notebook.cells), path


def test_code_stays_the_standard_librarys():
    assert not (ROOT / "code/__init__.py").exists()
    for folder in (ROOT, ROOT / "chapters"):
        done = subprocess.run(
            [sys.executable, "-c", "import code, pdb; print(code.__file__); code.InteractiveConsole"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and "lib" in done.stdout and str(ROOT / "code") not in done.stdout, done.stderr
