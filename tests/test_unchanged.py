"""What passed is remembered, and forgotten as soon as something that it depends on changes."""

import pytest
import unchanged

pytest_plugins = ["pytester"]

TEST = """
import pytest, pathlib

@pytest.mark.depends("book/{name}.md", "code")
@pytest.mark.parametrize("name", ["a", "b"])
def test_page(name):
    assert "wrong" not in pathlib.Path(f"book/{name}.md").read_text()

def test_always():
    pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """run() -> (passed, skipped, failed) of a small book's tests, run as if in a new process."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(unchanged, "ROOT", pytester.path)
    monkeypatch.setattr(unchanged, "PASSED", pytester.path / "_build/passed")
    for name in ("book/a.md", "book/b.md", "code/x.py", "constraints.txt", "tests/shared.py"):
        (pytester.path / name).parent.mkdir(exist_ok=True)
        (pytester.path / name).write_text(name)
    pytester.makepyfile(test_book=TEST)

    def go():
        unchanged.content.cache_clear()
        outcomes = pytester.inline_run("-p", "unchanged", "-p", "no:cacheprovider").listoutcomes()
        return tuple(map(len, outcomes))

    yield go
    unchanged.content.cache_clear()


def test_only_what_changed_runs_again(run, pytester):
    assert run() == (3, 0, 0)
    assert run() == (1, 2, 0)
    (pytester.path / "book/a.md").write_text("another text")
    assert run() == (2, 1, 0)
    assert run() == (1, 2, 0)


def test_what_all_depend_on(run, pytester):
    assert run() == (3, 0, 0)
    for file in ("code/x.py", "code/new.py", "constraints.txt", "tests/shared.py"):
        (pytester.path / file).write_text("another text")
        assert run() == (3, 0, 0), file
    pytester.makepyfile(test_book=TEST + "\n# sharper\n")
    assert run() == (3, 0, 0)


def test_what_failed_is_not_remembered(run, pytester):
    (pytester.path / "book/a.md").write_text("wrong")
    assert run() == (2, 0, 1)
    assert run() == (1, 1, 1)
