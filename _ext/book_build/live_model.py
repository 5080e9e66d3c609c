"""What a field for a sentence of one's own loads (code/live/): written into the site, never into git.

A large model is packed by a process of its own, beside the chapters that are executed at the same time, and kept with
the doctrees until its code or its weights change. A small one comes in its cell's output, and leaves the page here.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from sphinx.errors import SphinxError

FIELD = re.compile(r'<live-field data-model="([\w-]+)"')
FILES = re.compile(r'<script type="application/json" class="live-files">(.*?)</script>', re.S)
PACK = "code/live/models.py"
SCRIPTS = ("code/live/walk.mjs", "assets/live/walk.js")


class NotPacked(SphinxError):
    category = "A model for the page"


def kept(app, model):
    return Path(app.doctreedir, "live", model)


def digest(app):
    """Of what a packed model depends on: the code that packs it, the script that will walk it, the weights."""
    code = app.dependencies.digest(Path(app.srcdir, PACK).read_text("utf-8"))
    scripts = (Path(app.srcdir, script).read_bytes() for script in SCRIPTS)
    return hashlib.sha256(b"\0".join([code.encode(), *scripts])).hexdigest()


def begin(app, env, names):
    """Start to pack what the chapters will need, before they are executed."""
    for name in names:
        source = Path(env.doc2path(name)).read_text("utf-8")
        for model in re.findall(r'\btext_field\([^)]*?model="([\w-]+)"', source):
            start(app, model)


def start(app, model):
    folder = kept(app, model)
    marker = folder / "digest"
    if model in app.packing or (marker.exists() and marker.read_text() == digest(app)):
        return
    command = [sys.executable, str(Path(app.srcdir, PACK)), str(folder), model]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    app.packing[model] = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )


def packed(app, model):
    """The folder of a packed model, when it is ready. Errors: NotPacked with what went wrong."""
    start(app, model)
    running = app.packing.pop(model, None)
    if running:
        _, said = running.communicate()
        if running.returncode:
            raise NotPacked(f"{model} was not packed:\n{said.strip()}")
        (kept(app, model) / "digest").write_text(digest(app))
    return kept(app, model)


def take_out(app, doctree):
    """A field in a page: what it loads goes into files, and its size and its exactness into the page."""
    for output in doctree.findall(nodes.raw):
        found = FIELD.search(output.astext())
        if not found or output["format"] != "html":
            continue
        model, html = found[1], output.astext()
        app.env.metadata[app.env.docname].setdefault("live", []).append(model)
        files = FILES.search(html)
        if files:
            write(kept(app, model), json.loads(files[1]))
            html = FILES.sub("", html)
        else:
            packed(app, model)
        about = json.loads((kept(app, model) / "about.json").read_text("utf-8"))
        options = app.config.html_theme_options
        source = f"{options['repository_url']}/blob/{options.get('repository_branch', 'HEAD')}/"
        attributes = "".join(f' data-{key}="{value}"' for key, value in {**about, "source": source}.items())
        html = html.replace(found[0], found[0] + attributes)
        output.children.clear()
        output.rawsource = ""
        output += nodes.Text(html)


def write(folder, files):
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def scripts(app, pagename, templatename, context, doctree):
    if app.env.metadata.get(pagename, {}).get("live"):
        app.add_js_file("live/start.js", defer="defer", id="live")  # on its own: not every page has a field


def finish(app, exception):
    """Into the site goes what its pages use, and nothing else."""
    for running in app.packing.values():  # what no page asked for in the end: without the weights there is no field
        running.kill()
        running.communicate()
    app.packing.clear()
    if exception or app.builder.format != "html":
        return
    used = {model for page in app.env.metadata.values() for model in page.get("live", [])}
    site = Path(app.outdir, "live")
    shutil.rmtree(site, ignore_errors=True)
    for model in used:
        folder = kept(app, model)
        if not (folder / "about.json").exists():
            packed(app, model)
        shutil.copytree(folder, site / model, ignore=shutil.ignore_patterns("digest", "about.json"))
    if used:
        shutil.copy(Path(app.srcdir, "assets/live/offline.js"), app.outdir)


def setup(app):
    app.packing = {}
    app.connect("env-before-read-docs", begin, priority=400)  # before the chapters are executed
    app.connect("doctree-read", take_out)
    app.connect("html-page-context", scripts)
    app.connect("build-finished", finish, priority=910)  # after what nobody asks for was removed
