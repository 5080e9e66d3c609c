"""What a chapter's cached result depends on: the modules that it imports, what it reads, the packages of a reader."""

from pathlib import Path

import pytest
from book_build.dependencies import Dependencies, packages

ROOT = Path(__file__).parent.parent

FILES = {
    "requirements.txt": "-c constraints.txt\n# the book\nnumpy==1\n",
    "requirements-real-model.txt": "nobody-has-this==1\n",
    "results/table.csv": "a,b\n1,2\n",
    "weights/model-1.0.dist-info/METADATA": "",
    "code/alone.py": "",
    "code/tables.py": 'from pathlib import Path\nTABLES = Path(__file__).parent.parent / "results"\n',
    "code/model.py": 'FOLDER = "../weights/model"\nlook = {"weights": 1, "results": 2}\n',
    "code/page/__init__.py": "from .claims import claim\nfrom page.table import rows\n",
    "code/page/claims.py": "import json\nfrom . import ink\nclaim = json.dumps\n",
    "code/page/ink.py": "",
    "code/page/table.py": "def rows():\n    import tables\n",
    "code/judging/run.py": "from judging.cases import deep\nfrom .. import outside\n",
    "code/judging/cases/__init__.py": "",
    "code/judging/cases/deep.py": "from ...page import ink\n",
    "code/broken.py": "import alone\ndef broken(:\n",
    "code/page.py": "hidden by the folder of this name",
}
PAGE = ["page/__init__", "page/claims", "page/ink", "page/table", "tables"]
# What a cell says: the files under code/ that its result depends on.
CELLS = {
    "import os, torch": [],
    "import alone": ["alone"],
    "if True:\n    import os; import alone as a": ["alone"],
    "def lazily():\n    from alone import *": ["alone"],
    "from page import claim": PAGE,
    "import page.claims": PAGE,
    "from page import ink": PAGE,
    "from page.table import rows": PAGE,
    "import tables": ["tables"],
    "from judging import run": ["judging/cases/__init__", "judging/cases/deep", "judging/run"],
    "import broken": ["alone", "broken"],
    "%matplotlib inline\nimport alone": ["alone"],
    "!pip list\nfrom page import (\n    claim,\n)": PAGE,
    "# import alone": [],
}


@pytest.fixture
def book(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("cell", CELLS)
def test_a_change_of_a_module_is_seen_by_whoever_imports_it_and_by_nobody_else(book, cell):
    before = Dependencies(book).digest(cell)
    seen = []
    for path in sorted((book / "code").rglob("*.py")):
        text = path.read_text()
        path.write_text(text + "# changed\n")
        if Dependencies(book).digest(cell) != before:
            seen.append(path.relative_to(book / "code").with_suffix("").as_posix())
        path.write_text(text)
        assert Dependencies(book).digest(cell) == before, "undone, it is as if nothing had happened"
    assert seen == CELLS[cell]


def test_a_module_that_appears_or_goes_is_a_change(book):
    before = Dependencies(book).digest("import alone, later")
    (book / "code/later.py").write_text("")
    after = Dependencies(book).digest("import alone, later")
    (book / "code/alone.py").unlink()
    assert len({before, after, Dependencies(book).digest("import alone, later")}) == 3


# Who names a folder of data in a path, or imports somebody who does.
READS = {
    'open("../results/table.csv")': "results",
    'BOOK / "results"': "results",
    "import tables": "results",
    "from page import claim": "results",
    "import model": "weights",
    'look = {"weights": 1, "results": 2}': "",
    "import alone": "",
}


@pytest.mark.parametrize("path", ["results/table.csv", "results/another.csv", "weights/model-2.0.dist-info"])
def test_tables_and_weights_concern_whoever_names_their_folder(book, path):
    before = {cell: Dependencies(book).digest(cell) for cell in READS}
    (book / path).write_text("changed")
    seen = {cell for cell in READS if Dependencies(book).digest(cell) != before[cell]}
    assert seen == {cell for cell, folder in READS.items() if folder == path.partition("/")[0]}


def install(folder, name, version, requires=""):
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(parents=True)
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")


def test_only_packages_of_a_reader_count(book, tmp_path, monkeypatch):
    """`make book && make test` executes nothing twice, although the test tools are installed in between."""
    monkeypatch.syspath_prepend(tmp_path / "packages")
    seen = [Dependencies(book).digest("")]

    def changed():
        seen.append(Dependencies(book).digest(""))
        return seen[-1] != seen[-2]

    install(tmp_path / "packages", "pytest-of-tomorrow", "1.0", requires="numpy")
    assert not changed(), "nothing that a reader installs needs it"
    install(tmp_path / "packages", "numpy", "99.0", requires="Brought_Along; python_version > '3'")
    assert changed(), "the book asks for it by name"
    install(tmp_path / "packages", "brought.along", "1.0", requires="not-on-this-machine; sys_platform == 'none'")
    assert changed(), "what the book asks for needs it"
    install(tmp_path / "packages", "not-on-this-machine", "1.0")
    assert not changed()
    install(tmp_path / "packages", "nobody_has_this", "1.0")
    assert changed(), "the weights may be installed instead of lying in weights/"


def test_the_packages_of_this_book():
    found = packages(ROOT)
    assert {"torch", "numpy", "matplotlib", "ipykernel", "nbclient"} <= found.keys()
    assert not {"pytest", "ruff", "hypothesis", "playwright", "transformers", "nbgitpuller"} & found.keys()
