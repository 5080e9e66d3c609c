"""What this book adds to Jupyter Book while it is built: one extension, a module for each thing it does."""

from book_build import (
    assets,
    cells,
    closed,
    execution,
    formulas,
    ledger,
    links,
    live_model,
    mends,
    minutes,
    pages,
    rebuild,
)

PARTS = execution, cells, ledger, minutes, closed, links, pages, mends, assets, formulas, live_model, rebuild


def setup(app):
    for part in PARTS:
        part.setup(app)
    return {"env_version": rebuild.version(), "parallel_read_safe": False, "parallel_write_safe": False}
