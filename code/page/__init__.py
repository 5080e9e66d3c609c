"""What a page is made of beside its figures: claims, tables, references, the mark, a bar while something trains."""

from page.claims import claim
from page.progress import progress_bar
from page.subscripts import with_subscripts
from page.tables import table
from page.thread import you_are_here

__all__ = ["claim", "progress_bar", "table", "with_subscripts", "you_are_here"]
