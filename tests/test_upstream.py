"""docs/upstream.md: its patches fit the packages that are installed, so that an upgrade shows what it has mended."""

import re
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATCH = re.compile(r"^## (\S+) (\S+): (.*?)\n.*?^```diff\n--- a/(\S+)\n.*?\n(@@.*?)^```$", re.M | re.S)
PATCHES = PATCH.findall((ROOT / "docs" / "upstream.md").read_text("utf-8"))


@pytest.mark.parametrize("package, version, title, path, hunks", PATCHES, ids=[patch[2] for patch in PATCHES])
def test_a_patch_for_upstream_fits_what_is_installed(package, version, title, path, hunks):
    look = f"{package} has changed: see whether docs/upstream.md and the mend for it are still needed"
    assert metadata.version(package) == version, look
    text = Path(sysconfig.get_path("purelib"), path).read_text("utf-8")
    for hunk in re.split(r"^@@.*\n", hunks, flags=re.M)[1:]:
        before = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[0] != "+")
        assert text.count(before) == 1, look


def test_no_patch_was_overlooked():
    assert len(PATCHES) == (ROOT / "docs" / "upstream.md").read_text("utf-8").count("\n## ") > 0
