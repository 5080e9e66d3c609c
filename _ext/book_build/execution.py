"""Execute chapters for the static book: every frame drawn, changes under code/ seen, progress shown."""

import ast
import hashlib
import json
import os
import re
import time
from importlib import metadata
from pathlib import Path

from jupyter_cache import get_cache
from myst_nb.core.execute.cache import NotebookClientCache
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Kernels inherit it; `explore` then draws every frame into the page instead of making live widgets.
os.environ["BOOK_STATIC"] = "1"


def code_digests(root):
    """{module name: hash of the module and of all that it imports from code/}."""
    sources = {path.stem: path.read_text("utf-8") for path in sorted((root / "code").glob("*.py"))}

    def reached(name, seen):
        if name in sources and name not in seen:
            seen.add(name)
            for node in ast.walk(ast.parse(sources[name])):
                modules = (
                    [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None)]
                )
                for module in modules:
                    reached(module, seen)
        return seen

    return {name: _hash("".join(sources[m] for m in sorted(reached(name, set())))) for name in sources}


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def installed(root):
    """What else a run depends on: versions of packages, weights that may lie in weights/, tables in results/."""
    packages = {f"{d.name}=={d.version}" for d in metadata.distributions()}
    weights = sorted(path.name for path in (root / "weights").glob("*"))
    return sorted(packages) + weights + [path.read_text("utf-8") for path in sorted((root / "results").glob("*"))]


def chapter_digest(source, digests):
    """Hash of everything under code/ that the chapter's cells import."""
    imported = set(re.findall(r"^\s*(?:from|import)\s+(\w+)", source, flags=re.M))
    return _hash(" ".join(digests[name] for name in sorted(imported & digests.keys())))


def forget_stale(app, env, added, changed, removed):
    """Drop cached runs whose code/ has changed: the cache itself sees only the cells."""
    root = Path(app.srcdir)
    cache_path = Path(app.config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache")
    digests, environment = code_digests(root), _hash(" ".join(installed(root)))
    app.code_digests = {
        doc: chapter_digest(Path(env.doc2path(doc)).read_text("utf-8"), digests) + environment
        for doc in sorted(env.found_docs)
    }
    ledger = cache_path / "code-digests.json"
    known = json.loads(ledger.read_text()) if ledger.exists() else {}
    stale = {doc for doc, digest in app.code_digests.items() if known.get(doc) != digest}
    if stale and cache_path.exists():
        cache = get_cache(str(cache_path))
        paths = {str(Path(env.doc2path(doc)).resolve()) for doc in stale}
        for record in cache.list_cache_records():
            if record.uri in paths:
                cache.remove_cache(record.pk)
    return stale & env.found_docs


def remember_fresh(app, exception):
    """Store the digests, but only of a build that went well: a failed one must run again."""
    if exception is None and hasattr(app, "code_digests"):
        cache_path = Path(app.config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache")
        if cache_path.exists():
            (cache_path / "code-digests.json").write_text(json.dumps(app.code_digests, indent=1))


def keep_outputs_of_cached_runs():
    """MyST-NB writes a chapter's notebook for download without its outputs when they come from the cache."""
    start_client = NotebookClientCache.start_client

    def start_and_keep(client):
        to_be_written = client.notebook
        start_client(client)
        if client.notebook is not to_be_written:
            to_be_written.update(client.notebook)

    NotebookClientCache.start_client = start_and_keep


def show_progress(app, docname, source):
    elapsed = time.monotonic() - app.book_started
    app.book_read = getattr(app, "book_read", 0) + 1
    logger.info("[%3.0f s] page %d: %s", elapsed, app.book_read, docname)


def setup(app):
    keep_outputs_of_cached_runs()
    app.book_started = time.monotonic()
    app.connect("env-get-outdated", forget_stale)
    app.connect("source-read", show_progress)
    app.connect("build-finished", remember_fresh)
