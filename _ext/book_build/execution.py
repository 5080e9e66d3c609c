"""Execute chapters for the static book, before their pages are read: what has changed, and two at a time.

MyST-NB would execute each chapter when it comes to its page, one after the other. Here all that its cache lacks is
executed first; then it finds every result there. BOOK_WORKERS=1 executes one at a time, 3 three.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.execute.cache import NotebookClientCache
from myst_nb.core.read import create_nb_reader
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from sphinx.errors import SphinxError
from sphinx.util import logging

from book_build.dependencies import Dependencies

logger = logging.getLogger(__name__)

# What the kernels inherit. `explore` then draws every frame into the page instead of making live widgets; and a kernel
# that computes on several threads waits for the one beside it, and may round differently on another machine.
KERNEL = {"BOOK_STATIC": "1", "OMP_NUM_THREADS": "1"}


class ExecutionFailed(SphinxError):
    category = "Execution failed"


@dataclass
class Chapter:
    """A page with cells that have to be executed."""

    name: str
    path: Path
    notebook: NotebookNode
    depends_on: str
    at: int = 0  # the cell that is being executed

    @property
    def line(self):
        return self.notebook.metadata["source_map"][self.at] + 1


def outdated(app, env, added, changed, removed):
    """Pages to be read again: what their cells depend on has changed, which Sphinx cannot see."""
    app.dependencies = Dependencies(app.srcdir)
    pages = getattr(env, "book_depends_on", {})
    return [name for name, (source, digest) in pages.items() if app.dependencies.digest(source) != digest]


def execute(app, env, names):
    """Execute the chapters among the pages that will be read next, unless their results are in the cache."""
    env.book_depends_on = getattr(env, "book_depends_on", {})
    cache = get_cache(env.mystnb_config.execution_cache_path)
    waiting = []
    for name in names:
        notebook = read_notebook(env, name)
        source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code") if notebook else ""
        depends_on = app.dependencies.digest(source)
        env.book_depends_on[name] = source, depends_on
        if notebook is not None and not is_cached(cache, notebook, depends_on):
            waiting.append(Chapter(name, Path(env.doc2path(name)), notebook, depends_on))
    if waiting:
        # Who takes longest is not known before, and to begin with that one saves a minute: long ones mostly take long.
        waiting.sort(key=lambda chapter: len(env.book_depends_on[chapter.name][0]), reverse=True)
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(execute_all(waiting, cache, app.config.nb_execution_timeout))


def read_notebook(env, name):
    """A page as MyST-NB reads it, or None for one without cells."""
    path, text = env.doc2path(name), Path(env.doc2path(name)).read_text("utf-8")
    reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
    return reader and reader.read(text)


def is_cached(cache, notebook, depends_on):
    """Whether the very same cells were executed with the very same modules, tables, weights and packages."""
    try:
        result = cache.get_cache_bundle(cache.match_cache_notebook(notebook).pk)
    except (KeyError, ValueError):  # none, or one whose file is missing or broken
        return False
    return result.record.data.get("depends_on") == depends_on


def workers():
    """Errors: ExecutionFailed if BOOK_WORKERS is no whole number from 1."""
    wish = os.environ.get("BOOK_WORKERS") or str(min(2, os.cpu_count() or 1))
    if not wish.isdecimal() or int(wish) < 1:
        raise ExecutionFailed(f"BOOK_WORKERS, how many chapters are executed at a time, is {wish!r}, not 1, 2, 3 …")
    return int(wish)


class Loop(asyncio.SelectorEventLoop):
    """Each of several clients would take Ctrl-C for itself; told that none can, it leaves it to who started them."""

    def add_signal_handler(self, *_):
        raise NotImplementedError


async def execute_all(chapters, cache, timeout):
    """Execute chapters and keep each result. The first that fails, or Ctrl-C, ends the others and their kernels."""
    begin, free = time.monotonic(), asyncio.Semaphore(workers())

    async def one(chapter, number):
        async with free:
            logger.info("[%3.0f s] executing %s (%d of %d)", clock(), chapter.name, number, len(chapters))
            return chapter, await run(chapter, timeout)

    def clock():
        return time.monotonic() - begin

    runs = [asyncio.ensure_future(one(chapter, number)) for number, chapter in enumerate(chapters, 1)]
    try:
        for done, result in enumerate(asyncio.as_completed(runs), 1):
            chapter, seconds = await result
            data = {"execution_seconds": seconds, "depends_on": chapter.depends_on}
            bundle = CacheBundleIn(chapter.notebook, str(chapter.path), data=data)
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            words = "[%3.0f s] executed %s in %.1f s (%d of %d done)"
            logger.info(words, clock(), chapter.name, seconds, done, len(chapters))
    finally:
        for run_ in runs:
            run_.cancel()
        await asyncio.gather(*runs, return_exceptions=True)


async def run(chapter, timeout):
    """Execute a chapter's cells in a kernel of its own, in the chapter's folder; seconds that it took.

    Errors: ExecutionFailed, after a warning that shows the cell and its traceback.
    """

    def note(cell, cell_index):
        chapter.at = cell_index

    begin = time.monotonic()
    client = NotebookClient(
        chapter.notebook,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,  # in how many pieces the text of a cell arrives depends on the clock
        shutdown_kernel="immediate",  # one that is asked to leave in the middle of a cell complains
        resources={"metadata": {"path": str(chapter.path.parent)}},
        on_cell_start=note,
    )
    try:
        await client.async_execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        if asyncio.current_task().cancelling():  # a client that is cancelled says that its kernel died
            raise asyncio.CancelledError from None
        words = "Executing notebook failed: %s\n%s"
        where = f"{chapter.path}:{chapter.line}"
        logger.warning(words, type(error).__name__, error, location=where, type="mystnb", subtype="exec")
        raise ExecutionFailed(f"{chapter.path}, the cell at line {chapter.line}; its message stands above.") from None
    return time.monotonic() - begin


def finish_downloads():
    """A notebook for download keeps its outputs, which MyST-NB leaves out when they come from the cache.

    And its cells get the names 1, 2, 3 …, since MyST-NB draws new ones by lot whenever it reads a page.
    """
    start_client = NotebookClientCache.start_client

    def start_and_finish(client):
        to_be_written = client.notebook
        start_client(client)
        if client.notebook is not to_be_written:
            to_be_written.update(client.notebook)
        for number, cell in enumerate(to_be_written.cells, 1):
            cell["id"] = str(number)

    NotebookClientCache.start_client = start_and_finish


def setup(app):
    os.environ.update(KERNEL)
    finish_downloads()
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", execute)
