"""One rule for lowered letters, in words that Python writes and in those that assets/explore.js writes."""

import html
import re

SUBSCRIPT = re.compile(r"(?<![A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])")


def with_subscripts(text):
    """Text as HTML, a letter after an underscore lowered: "d_k" -> "d<sub>k</sub>"."""
    return SUBSCRIPT.sub(r"\1<sub>\2</sub>", html.escape(text))
