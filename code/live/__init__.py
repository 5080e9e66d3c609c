"""A field for a sentence of the reader's own: in the page, without a kernel, and in Jupyter."""

from live.composed import composed_field
from live.text import missing_field, text_field

__all__ = ["composed_field", "missing_field", "text_field"]
