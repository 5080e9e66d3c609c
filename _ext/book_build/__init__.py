"""What this book adds to Jupyter Book while it is built: one extension, a module for each thing it does."""

from book_build import cells, execution, formulas, ledger, links, pages


def setup(app):
    for part in (execution, cells, ledger, links, pages, formulas):
        part.setup(app)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
