"""make format: the Python of a cell is laid out, and not a character beside it is touched."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts/format_cells.py"

CHAPTER = """---
kernelspec: {name: python3}
---

Prose with  two blanks, and  `x=1` in it.

```{code-cell}
:tags: [drawn, hide-input]
:jupyter: {source_hidden: true}

%s
```

```{code-cell}
---
tags: [setup]
---
%s
```

```python
y  =  2
```
"""


def test_cells_alone_are_laid_out(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text(CHAPTER % ("x  =  {'a':1}", "z=[ 1,2 ]"), "utf-8")
    subprocess.run([sys.executable, SCRIPT, "80", chapter], check=True)
    assert chapter.read_text("utf-8") == CHAPTER % ('x = {"a": 1}', "z = [1, 2]")


def test_what_is_in_order_is_not_written_again(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text(CHAPTER % ("x = 1", "z = 2"), "utf-8")
    before = chapter.stat().st_mtime_ns
    subprocess.run([sys.executable, SCRIPT, "80", chapter], check=True)
    assert chapter.stat().st_mtime_ns == before


def test_what_is_no_python_is_said_and_left_alone(tmp_path):
    chapter = tmp_path / "chapter.md"
    broken = CHAPTER % ("x = (", "z=2")
    chapter.write_text(broken, "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([sys.executable, SCRIPT, "80", chapter], check=True, capture_output=True)
    assert chapter.read_text("utf-8") == broken
