"""A server on loopback, at a port that is free, for as long as a `with` lasts: what every test and benchmark uses."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Folder(SimpleHTTPRequestHandler):
    """Hands out the files of a folder, and keeps its log to itself."""

    def log_message(self, *args):
        pass


@contextmanager
def serving(folder=".", handler=Folder):
    """The address of a server that answers with a kind of `Folder`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
