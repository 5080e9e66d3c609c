"""Measures what a learner needs: `python scripts/memory.py 3-2-the-formula ...` (or no name: every chapter).

Runs all cells of a chapter in a kernel of its own, as Run All does, and prints the kernel's peak memory, the processor
time and the waiting time; then the memory of the JupyterLab server beside it.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
REPORT = """
import json, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_maxrss * (1 if sys.platform == "darwin" else 1024), used.ru_utime + used.ru_stime]))
"""


def run_chapter(name):
    """All cells of chapters/NAME.md -> (peak bytes of the kernel, processor seconds, seconds waited)."""
    notebook = jupytext.read(ROOT / "chapters" / f"{name}.md")
    notebook.cells.append(nbformat.v4.new_code_cell(REPORT))
    before = time.perf_counter()
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(ROOT / "chapters")}}).execute()
    # One print may arrive in several pieces.
    peak, processor = json.loads("".join(output.text for output in notebook.cells[-1].outputs))
    return peak, processor, time.perf_counter() - before


def run_server():
    """Bytes of a JupyterLab server that has just answered (Linux only, elsewhere None)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as home:
        options = [
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--ServerApp.ip=127.0.0.1",
            f"--IdentityProvider.token={token}",
        ]
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={ROOT}"],
            env={**os.environ, "HOME": home},
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(120):
                time.sleep(0.5)
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/lab?token={token}", timeout=5).close()
                    break
                except OSError:
                    pass
            status = Path(f"/proc/{server.pid}/status")
            lines = status.read_text().splitlines() if status.exists() else []
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
        finally:
            server.terminate()
            server.wait()


def is_notebook(path):
    return "\nkernelspec:" in path.read_text(encoding="utf-8")[:500]


if __name__ == "__main__":
    names = sys.argv[1:] or [path.stem for path in sorted((ROOT / "chapters").glob("*.md")) if is_notebook(path)]
    print(f"{'chapter':32}{'kernel, MB':>12}{'processor, s':>14}{'waiting, s':>12}")
    for name in names:
        peak, processor, waited = run_chapter(name)
        print(f"{name:32}{peak / 1e6:12.0f}{processor:14.1f}{waited:12.1f}", flush=True)
    server = run_server()
    if server:
        print(f"{'the JupyterLab server':32}{server / 1e6:12.0f}")
