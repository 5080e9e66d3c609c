"""One rule for lowered letters, in words that Python writes and in those that assets/explore.js writes."""

import html
import re


def with_subscripts(text):
    """Text as HTML, a letter after an underscore lowered: "d_k" -> "d<sub>k</sub>"."""
    return re.sub(r"(?<![A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])", r"\1<sub>\2</sub>", html.escape(text))
