"""A small table of measurements, the same in Jupyter and on the page."""

from page.subscripts import with_subscripts


def table(heads, rows):
    """heads: words over the columns. rows: lists of as many words or numbers, shown as they are; the first names a row.

    Errors: ValueError for a row of another length.
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"a row of {len(row)} under {len(heads)} heads: {row}.")
    return _Table(heads, rows)


class _Table:
    def __init__(self, heads, rows):
        self.heads, self.rows = [str(head) for head in heads], [[str(cell) for cell in row] for row in rows]

    def _repr_html_(self):
        # An empty <th> is a heading that a screen reader announces and nobody can hear.
        head = "".join(f'<th scope="col">{with_subscripts(cell)}</th>' if cell else "<td></td>" for cell in self.heads)
        body = ""
        for name, *cells in self.rows:
            values = "".join(f"<td>{with_subscripts(cell)}</td>" for cell in cells)
            body += f'<tr><th scope="row">{with_subscripts(name)}</th>{values}</tr>'
        table = f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div class="pst-scrollable-table-container" tabindex="0">{table}</div>'

    def __repr__(self):
        return "\n".join(" | ".join(row) for row in [self.heads, *self.rows])
