"""Firefox and WebKit for `make engines`: what readers use beside Chromium, driven by the protocols of the W3C.

Firefox speaks WebDriver BiDi by itself. WebKit is what Safari and every browser of an iPhone is made of; here it is
that of WebKitGTK, through its WebKitWebDriver. `python tests/engines.py` sets both up on Debian.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import websocket

PACKAGES = ["firefox-esr", "webkit2gtk-driver", "xvfb", "fonts-noto-cjk"]
KEYS = {
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Home": "\ue011",
    "End": "\ue010",
    "Escape": "\ue00c",
    "Tab": "\ue004",
}
MINI_BROWSER = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"


def missing():
    programs = [name for name in ("firefox-esr", "WebKitWebDriver", "Xvfb") if not shutil.which(name)]
    return programs or ([] if mini_browser() else ["MiniBrowser"])


def mini_browser():
    return next(map(str, Path("/").glob(MINI_BROWSER.lstrip("/"))), None)


def set_up():
    """Install what is missing. Errors: SystemExit that says what to install."""
    if missing() and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        command = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {' '.join(PACKAGES)}"
        subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if missing():
        raise SystemExit(
            f"make engines needs {', '.join(missing())} (Debian: sudo apt-get install {' '.join(PACKAGES)})."
        )


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def eventually(function, seconds=30):
    """What a function returns once it does; the last OSError if it never does."""
    end = time.monotonic() + seconds
    while True:
        try:
            return function()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class Engine:
    """A window: go to an address, run a script in it, move a mouse, press keys."""

    def mouse(self, *steps):
        """Each step is (x, y), "down" or "up"."""
        kinds = {"down": {"type": "pointerDown", "button": 0}, "up": {"type": "pointerUp", "button": 0}}
        actions = [
            kinds[step] if isinstance(step, str) else {"type": "pointerMove", "x": round(step[0]), "y": round(step[1])}
            for step in steps
        ]
        self.act([{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}])

    def press(self, *keys):
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.act([{"type": "key", "id": "keyboard", "actions": actions}])

    def wait(self, expression, seconds=10):
        end = time.monotonic() + seconds
        while not (value := self.value(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)
        return value


class Firefox(Engine):
    def __init__(self, address):
        self.socket = eventually(lambda: websocket.create_connection(f"{address}/session", suppress_origin=True))
        self.number = 0
        self.send("session.new", capabilities={})
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def go(self, url):
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def value(self, expression):
        target = {"context": self.context}
        expression = f"JSON.stringify({expression})"
        answer = self.send("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"].get("value", "null"))

    def act(self, actions):
        self.send("input.performActions", context=self.context, actions=actions)

    def size(self, width, height):
        viewport = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.context, viewport=viewport)


class WebKit(Engine):
    def __init__(self, address):
        self.address = address
        options = {"binary": mini_browser(), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}}
        self.session = ""
        self.session = "/" + eventually(lambda: self.send("POST", "", capabilities=wanted))["sessionId"]

    def send(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.address}/session{self.session}{path}", data, method=method)
        try:
            return json.load(urllib.request.urlopen(request, timeout=60))["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def go(self, url):
        self.send("POST", "/url", url=url)

    def value(self, expression):
        return json.loads(
            self.send("POST", "/execute/sync", script=f"return JSON.stringify({expression})", args=[]) or "null"
        )

    def act(self, actions):
        self.send("POST", "/actions", actions=actions)

    def size(self, width, height):
        self.send("POST", "/window/rect", width=width, height=height)


@contextmanager
def running(command, **options):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def firefox():
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["firefox-esr", "--headless", "--no-remote", "--profile", profile, f"--remote-debugging-port={port}"]
        with running(command, env=os.environ | {"HOME": profile}):
            engine = Firefox(f"ws://127.0.0.1:{port}")
            yield engine
            engine.socket.close()


@contextmanager
def webkit():
    port, screen = free_port(), f":{free_port()}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # WebKit's own sandbox needs rights that a container does not give.
        quiet = {"DISPLAY": screen, "HOME": home, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "GDK_BACKEND": "x11"}
        with (
            running(["Xvfb", screen, "-screen", "0", "1400x1200x24", "-nolisten", "tcp"]),
            running(["WebKitWebDriver", "--host=127.0.0.1", f"--port={port}"], env=os.environ | quiet),
        ):
            engine = WebKit(f"http://127.0.0.1:{port}")
            yield engine
            engine.send("DELETE", "")


ENGINES = {"firefox": firefox, "webkit": webkit}

if __name__ == "__main__":
    set_up()
    sys.exit()
