"""A site is what its sources say, whatever was built before: it is written whole, or not at all.

Pages show one another: titles in the side bar, numbers of claims and of citations, checksums of style sheets. Sphinx
writes the pages that were read anew, and leaves what they say elsewhere as it was.
"""

import hashlib
import shutil
from pathlib import Path

from sphinx.application import ENV_PICKLE_FILENAME

EXTENSION = Path(__file__).parent


def digest(folder):
    """Of all files of a folder and their names, wherever the folder is."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return hashlib.sha256(b"".join(bytes(path.relative_to(folder)) + path.read_bytes() for path in files)).hexdigest()


def version():
    """For Sphinx, which reads all pages anew when the version of an extension is another one."""
    return int(digest(EXTENSION)[:8], 16)


def written(app):
    """A file that is there after a build without warnings, and says with which assets the site was written."""
    return Path(app.doctreedir, "written")


def assets(app):
    return " ".join(digest(Path(app.confdir, folder)) for folder in app.config.html_static_path)


def forget_what_ended_badly(app, config):
    """What was to be rewritten is not known any more, and a warning that was given once must be given again."""
    if not written(app).exists():
        Path(app.doctreedir, ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def note(app, env, names):
    app.pages_read = bool(names)


def all_or_none(app, env):
    """The pages to write: all if one was read or an asset has changed, in a folder that is empty like a new one."""
    before = written(app).read_text() if written(app).exists() else None
    if not app.pages_read and before == assets(app):
        return []
    written(app).unlink(missing_ok=True)
    if app.builder.format == "html":
        shutil.rmtree(app.outdir)
        Path(app.outdir).mkdir()
    return sorted(env.found_docs)


def finish(app, exception):
    if exception is None and not app._warncount and app.builder.format == "html":
        written(app).write_text(assets(app))


def link_to_sources(app, pagename, templatename, context, doctree):
    """The theme's links to Binder prefer an .ipynb beside a chapter: it is a reader's own, and nobody else has it."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if "urlpath=" in button.get("url", ""):
                button["url"] = button["url"].removesuffix(".ipynb").removesuffix(".md") + ".md"


def setup(app):
    app.connect("config-inited", forget_what_ended_badly)
    app.connect("env-before-read-docs", note)
    app.connect("env-updated", all_or_none)
    app.connect("html-page-context", link_to_sources, priority=900)  # after the theme's
    app.connect("build-finished", finish)
