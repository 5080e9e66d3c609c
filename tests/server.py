"""A server on loopback, at a port that is free, for as long as a `with` lasts: what every test and benchmark uses."""

import gzip
import threading
from contextlib import contextmanager
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


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


def folder_files(folder):
    """{address: bytes} of all files of a folder."""
    return {
        f"/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


KINDS = {".html": "text/html", "": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
KINDS |= {".mjs": "text/javascript", ".wasm": "application/wasm"}


@contextmanager
def weighing(files):
    """The address of a server of these files ({address: bytes}), and a list that it fills: (address, bytes sent).

    Text goes out gzipped, fonts and pictures as they are, which is what web hosts do; a file that is not there counts
    with no bytes.
    """
    answered = []

    @cache
    def packed(address):
        return gzip.compress(files[address], 9) if Path(address).suffix in (*KINDS, ".json") else files[address]

    class Scales(Folder):
        def do_GET(self):
            address = self.path.partition("?")[0]
            answered.append((address, len(packed(address)) if address in files else 0))
            if address not in files:
                self.send_error(404)
                return
            body, kind = packed(address), KINDS.get(Path(address).suffix, "application/octet-stream")
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
            if body is not files[address]:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(handler=Scales) as address:
        yield address, answered
