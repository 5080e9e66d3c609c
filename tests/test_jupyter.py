"""A real JupyterLab, driven in a browser: chapters open as notebooks, run clean, and their sliders are alive."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NOTEBOOKS = sorted(p.stem for p in (ROOT / "chapters").glob("*.md") if "kernelspec:" in p.read_text("utf-8"))
IGNORED = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", "node_modules", "weights")


@contextmanager
def lab(folder, home):
    """(address, token) of a JupyterLab of our own on loopback, with an empty home, ended in any case."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "BOOK_"))} | {"HOME": str(home)}
    options = [
        f"--port={port}",
        f"--IdentityProvider.token={token}",
        "--no-browser",
        "--allow-root",
        "--LabApp.expose_app_in_browser=True",
    ]
    options += ["--ip=127.0.0.1", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    log = (home / "lab.log").open("w")
    server = subprocess.Popen([BIN / "jupyter", "lab", *options], env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            assert server.poll() is None, (home / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address, token
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


@pytest.fixture(scope="module")
def book_copy(tmp_path_factory):
    """The book in a folder of its own, so that nothing that a notebook saves ends up in the repository."""
    folder = tmp_path_factory.mktemp("lab") / "book"
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    if (ROOT / "weights").exists():
        (folder / "weights").symlink_to(ROOT / "weights")
    return folder


@pytest.fixture(scope="module")
def running_lab(book_copy, tmp_path_factory):
    with lab(book_copy, tmp_path_factory.mktemp("home")) as server:
        yield server


def open_chapter(chromium, running_lab, path):
    address, token = running_lab
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{address}/lab/tree/{path}?token={token}&reset", wait_until="load")
    page.wait_for_selector(".jp-Notebook", timeout=90_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=90_000)
    return page


def run_all(page):
    """Run > Run All Cells; returns the outputs of every code cell, also of those that are out of sight."""
    return page.evaluate(
        """async () => {
        const app = window.jupyterapp;
        await app.commands.execute('notebook:run-all-cells');
        const cells = app.shell.currentWidget.content.model.toJSON().cells;
        return cells.filter(c => c.cell_type === 'code').map(c => [c.execution_count, c.outputs]);
        }"""
    )


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_run_all_is_clean(chapter, chromium, running_lab):
    page = open_chapter(chromium, running_lab, f"chapters/{chapter}.md")
    cells = run_all(page)
    page.context.close()
    assert all(count for count, _ in cells), "a cell did not run"
    outputs = [output for _, outputs in cells for output in outputs]
    errors = [o["evalue"] for o in outputs if o["output_type"] == "error"]
    stderr = [o["text"] for o in outputs if o.get("name") == "stderr"]
    assert not errors and not stderr
    widgets = sum("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    assert widgets >= (ROOT / f"chapters/{chapter}.md").read_text("utf-8").count("\nexplore(")


def test_a_slider_is_alive_and_follows_the_list_and_the_theme(chromium, running_lab):
    page = open_chapter(chromium, running_lab, "chapters/2-1-dot-product.md")
    run_all(page)
    figure = page.locator(".jp-OutputArea-output:has(.widget-slider)").first
    figure.scroll_into_view_if_needed()
    before = figure.locator("svg").first.evaluate("e => e.outerHTML")
    handle = figure.locator(".noUi-handle").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([svg]) => document.querySelector('.jp-OutputArea-output svg[viewBox]').outerHTML !== svg", arg=[before]
    )
    assert "At 60°" in figure.inner_text()

    ink = "e => getComputedStyle(e.querySelector('text')).fill"
    light = figure.locator("svg").first.evaluate(ink)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    page.wait_for_timeout(500)
    assert figure.locator("svg").first.evaluate(ink) != light

    # Other values in the cell, another slider.
    cell = page.locator(".jp-CodeCell:has(.widget-slider)").first
    editor = cell.locator(".cm-content").first
    source = editor.evaluate("e => e.innerText")
    assert "list(range(0, 181, 15))" in source
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source.replace("list(range(0, 181, 15))", "[45, 90, 123]"))
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(4000)
    handle = page.locator(".jp-OutputArea-output:has(.widget-slider) .noUi-handle").first
    handle.focus()
    page.keyboard.press("End")
    page.wait_for_function("() => document.body.innerText.includes('At 123°')", timeout=20_000)
    page.context.close()


def execute(notebook, folder):
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return notebook


def test_the_downloaded_notebook_runs_in_chapters(site, book_copy):
    """The .ipynb that a page offers, in chapters/, without a browser: plain Jupyter and VS Code run this."""
    notebook = nbformat.read(site / "_sources/chapters/2-1-dot-product.ipynb", as_version=4)
    assert sum(cell.cell_type == "code" and bool(cell.outputs) for cell in notebook.cells) >= 5, "it was not executed"
    done = execute(notebook, book_copy / "chapters")
    widgets = [
        o
        for c in done.cells
        for o in c.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in o.get("data", {})
    ]
    assert len(widgets) == 2


def test_the_downloaded_notebook_says_kindly_what_is_missing_elsewhere(site, tmp_path):
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(site / "_sources/chapters/2-1-dot-product.ipynb", as_version=4)
    with pytest.raises(CellExecutionError, match="Put this notebook in the folder chapters/ of the book"):
        execute(notebook, tmp_path)


def test_the_documented_line_makes_notebooks(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make notebooks" in text and "jupytext --to ipynb chapters/*.md" in text
    target = tmp_path / "one.ipynb"
    subprocess.run(
        [BIN / "jupytext", "--quiet", "--to", "ipynb", "-o", target, ROOT / "chapters/2-1-dot-product.md"], check=True
    )
    assert json.loads(target.read_text())["metadata"]["kernelspec"]["name"] == "python3"


def test_every_notebook_reads_as_one():
    for name in NOTEBOOKS:
        notebook = jupytext.read(ROOT / f"chapters/{name}.md")
        kinds = [cell.cell_type for cell in notebook.cells]
        assert "code" in kinds and notebook.metadata["kernelspec"]["name"] == "python3", name
        assert not any(re.match(r"```{code-cell", cell.source) for cell in notebook.cells), name


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
