"""Notebooks outside JupyterLab: downloads of a page, .ipynb files that make or jupytext write, and `make lab`."""

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
import nbformat
import pytest
from lab import BIN, DOT_PRODUCT, NOTEBOOKS, ROOT, WIDGET, copy_of_the_book, readers_environment, wait_for


@pytest.fixture(scope="module")
def book_copy(tmp_path_factory):
    return copy_of_the_book(tmp_path_factory.mktemp("notebooks") / "book")


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


@pytest.mark.depends("{path}.md", "_build/html/_sources/{path}.ipynb", "code", "results")
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
