"""Let ruff lay out the Python of chapters' cells, and leave every other character of a chapter as it is.

python scripts/format_cells.py 80 index.md chapters/*.md       (jupytext would rewrite headers and options of cells too)
"""

import re
import subprocess
import sys
from pathlib import Path

# The fence, the options (lines that begin with a colon, or YAML between dashes), the source.
CELL = re.compile(r"^(```\{code-cell\}[^\n]*\n(?:(?::[^\n]*\n)+|---\n.*?^---\n)?\n?)(.*?)(^```$)", re.M | re.S)


def formatted(source, width):
    """Errors: CalledProcessError, after ruff's own message, for what is no Python."""
    ruff = [Path(sys.executable).with_name("ruff"), "format", "--quiet", "--line-length", width, "-"]
    return subprocess.run(ruff, input=source, text=True, encoding="utf-8", stdout=subprocess.PIPE, check=True).stdout


def main(width, *chapters):
    for path in map(Path, chapters):
        before = path.read_text("utf-8")
        after = CELL.sub(lambda cell: cell[1] + formatted(cell[2], width) + cell[3], before)
        if after != before:  # or the next build would read it again
            path.write_text(after, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
