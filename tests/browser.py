"""A Chromium for the tests: the one on the PATH, else Debian's package, else Playwright's own download.

`python tests/browser.py` sets it up and prints its path.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium():
    """Path of a Chromium, or None."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if os.path.exists(own) else None


def set_up():
    """Install a Chromium if there is none. Errors: SystemExit that says what to install."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        attempts.insert(0, ["sh", "-c", "apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk"])
    for command in attempts:
        if chromium():
            break
        print("No Chromium on the PATH; trying:", " ".join(command), file=sys.stderr)
        subprocess.run(command, stdout=subprocess.DEVNULL)
    path = chromium()
    if path is None:
        raise SystemExit(
            "The browser tests need Chromium, and none could be installed. Install one of "
            f"{', '.join(NAMES)} (Debian: sudo apt-get install chromium) and run again."
        )
    return path


@contextmanager
def browser():
    """A headless Chromium that makes no requests of its own."""
    arguments = [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-gpu",
    ]
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=set_up(), args=arguments)
        try:
            yield instance
        finally:
            instance.close()


if __name__ == "__main__":
    print(set_up())
