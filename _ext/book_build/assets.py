"""One style sheet and one script for all pages, made of those that the theme, the extensions and assets/ bring.

Every page asks for the same two files, so they are written when all pages are: the sheet without what no page uses.
"""

import hashlib
import posixpath
import re
from pathlib import Path

import rjsmin
from sphinx.util import logging

from book_build import icons
from book_build.stylesheet import names_in, purge, words_in

logger = logging.getLogger(__name__)

STYLES, SCRIPTS = "site.css", "site.js"
# icons.py draws what the former is for; assets/controls.js does what this book uses of the latter.
NOT_LOADED = ("fontawesome", "bootstrap.js")
# A page's own links to files of this folder, and the mark by which a browser knows that such a file has changed.
LINK = re.compile(r'(<(?:link|script)\b[^<>]*? (?:href|src)="[^"?]*_static/([^"?]+))(?:\?v=\w+)?(?=")')


def of_theme(app):
    """Files that the theme asks for by its template "webpack-macros", whose place our own takes."""
    macros, *_ = app.builder.templates.get_source(None, "!static/webpack-macros.html")
    files = dict.fromkeys(re.findall(r"pathto\('_static/([^']+\.(?:css|js))'", macros))
    return [file for file in files if not any(part in file for part in NOT_LOADED)]


def own_files(app):
    """{name in _static: path} of what lies in assets/."""
    folders = [Path(app.confdir, folder) for folder in app.config.html_static_path if not Path(folder).is_absolute()]
    return {
        file.relative_to(folder).as_posix(): file for folder in folders for file in folder.rglob("*") if file.is_file()
    }


def link(app, pagename, templatename, context, doctree):
    """Ask for the joined files in the place of their parts. Scripts that are to run on their own stay so."""
    app.add_css_file(STYLES)
    app.add_js_file(SCRIPTS, defer="defer", priority=100)
    asked, styles, scripts = of_theme(app), [], []
    for file in sorted(context["css_files"], key=lambda file: file.priority):
        styles.append(file.filename.removeprefix("_static/"))
    for file in sorted(context["script_files"], key=lambda file: file.priority):
        if file.filename and not file.attributes.keys() - {"defer"}:
            scripts.append(file.filename.removeprefix("_static/"))
    parts = {
        STYLES: [file for file in [*(f for f in asked if f.endswith(".css")), *styles] if file != STYLES],
        SCRIPTS: [file for file in [*scripts, *(f for f in asked if f.endswith(".js"))] if file != SCRIPTS],
    }
    if getattr(app, "site_parts", parts) != parts:
        logger.warning("%s asks for other files than the pages before it: %s", pagename, parts)
    app.site_parts = parts
    context["css_files"] = [file for file in context["css_files"] if file.filename == f"_static/{STYLES}"]
    context["script_files"] = [
        file
        for file in context["script_files"]
        if (not file.filename and "DOCUMENTATION_OPTIONS" not in file.attributes["body"])
        or (file.filename and file.filename.removeprefix("_static/") not in parts[SCRIPTS])
    ]


def read_css(folder, name):
    """A style sheet, its addresses as seen from `folder`, with those that it imports in their place."""

    def here(address):
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))

    css = (folder / name).read_text("utf-8")
    css = re.sub(r"""url\((["']?)(?!data:|#)([^)"']+)\1\)""", lambda url: f"url({here(url[2])})", css)
    return re.sub(r"""@import\s*["']([^"']+)["'];""", lambda name: read_css(folder, here(name[1])), css)


def finish(app, exception):
    """After the last page: write the two files, put their marks on all pages, remove what nobody asks for any more."""
    if exception:
        return
    static = Path(app.outdir, "_static")
    if not hasattr(app, "site_parts"):  # no page was written, but Sphinx and MyST-NB have brought their files again
        remove_unused(app, static, [page.read_text("utf-8") for page in Path(app.outdir).rglob("*.html")])
        return
    generated = {page for page in app.written_pages if page not in app.env.all_docs}
    paths = [Path(app.builder.get_outfilename(page)) for page in sorted(app.env.all_docs.keys() | generated)]
    pages = {path: path.read_text("utf-8") for path in paths}
    write_script(app, static)
    write_styles(app, static, pages.values())
    remove_unused(app, static, pages.values())
    mark(static, pages)


def write_script(app, static):
    for name in own_files(app):
        if name.endswith(".js"):
            script = (static / name).read_text("utf-8")
            (static / name).write_text(rjsmin.jsmin(script), "utf-8")
    script = "\n;\n".join((static / name).read_text("utf-8") for name in app.site_parts[SCRIPTS])
    (static / SCRIPTS).write_text(re.sub(r"^//# sourceMappingURL=.*", "", script, flags=re.M), "utf-8")


def write_styles(app, static, pages):
    scripts = {name for page in pages for _, name in LINK.findall(page) if name.endswith(".js")}
    names = set().union(*map(names_in, pages), *(words_in((static / name).read_text("utf-8")) for name in scripts))
    parts = [icons.STYLE, *app.own_styles, *(read_css(static, name) for name in app.site_parts[STYLES])]
    css = purge("\n".join(parts), names)
    (static / STYLES).write_text('@charset "utf-8";' + icons.fonts_for(css) + css, "utf-8")


def remove_unused(app, static, pages):
    """Keep what pages and the style sheet name, and of assets/ also what a script may ask for."""
    used = set(re.findall(r"url\(([\w./-]+)\)", (static / STYLES).read_text("utf-8")))
    used = used.union(*(re.findall(r"_static/([\w./-]+)", page) for page in pages))
    joined = set().union(*getattr(app, "site_parts", {}).values())
    kept = used | own_files(app).keys() - joined
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path.relative_to(static).as_posix() not in kept:
            path.unlink()


def mark(static, pages):
    """Every page says which version of a file it means, whenever the page itself was written."""

    def marked(link):
        return f"{link[1]}?v={hashlib.sha256((static / link[2]).read_bytes()).hexdigest()[:8]}"

    for path, page in pages.items():
        now = LINK.sub(marked, page)
        if now != page:
            path.write_text(now, "utf-8")


def setup(app):
    app.own_styles = []
    app.connect("html-page-context", link, priority=900)
    app.connect("build-finished", finish, priority=900)
