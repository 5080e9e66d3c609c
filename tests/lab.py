"""A JupyterLab for the tests: on loopback, behind a token of its own, ended in any case."""

import os
import secrets
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path


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
