"""A JupyterLab for the tests: on loopback, behind a token of its own, ended in any case; and what its reader has."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import matplotlib

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGES = [ROOT / "index.md", *sorted((ROOT / "chapters").glob("*.md"))]


def is_notebook(path):
    """Whether a page has cells; without them JupyterLab needs no kernel for it."""
    return "\nkernelspec:" in path.read_text("utf-8")[:500]


NOTEBOOKS = [str(p.relative_to(ROOT).with_suffix("")) for p in PAGES if is_notebook(p)]
WIDGET = "application/vnd.jupyter.widget-view+json"
DOT_PRODUCT = "chapters/2-1-dot-product"
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", "_build", "__pycache__", ".*_cache", ".hypothesis", "weights", "*.ipynb"
)


def readers_environment(home):
    """Variables of a reader's shell, with an empty home: no settings but the book's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "BOOK_"))}
    # matplotlib's list of fonts is this machine's, not the book's: making it anew would end up on a chapter's stderr.
    kept |= {"HOME": str(home), "MPLCONFIGDIR": matplotlib.get_cachedir()}
    return kept | {"PATH": os.pathsep.join([str(BIN), kept["PATH"]])}


def copy_of_the_book(folder):
    """The book in a folder of its own, so that nothing that a notebook saves ends up in the repository."""
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    if (ROOT / "weights").exists():
        (folder / "weights").symlink_to(ROOT / "weights")
    return folder


@contextmanager
def jupyterlab(folder, environment):
    """(address, token) of a JupyterLab that serves `folder`, started by the first `python` on the environment's PATH.

    Its log is written beside the folder. Errors: AssertionError with that log if it does not answer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    }
    python = Path(environment["PATH"].split(os.pathsep)[0]) / "python"
    command = [python, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    log = folder.parent / "jupyterlab.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api/status?token={token}", server, log)
        yield address, token
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url, server, log, seconds=90):
    """Returns once the URL answers. Errors: AssertionError with the log if the server ended, or does not answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not answer within {seconds} s:\n{log.read_text()}")
