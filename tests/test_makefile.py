"""What make does when things are not where they were; nothing is installed or built here."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SET_UP = "Setting up .venv"


@pytest.fixture
def book(tmp_path):
    """A folder, with a difficult path, in which make believes that .venv was set up."""
    folder = tmp_path / "a book 书"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-real-model.txt", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").mkdir()
    (folder / ".venv/.reader").write_text(f"{(folder / '.venv').resolve()}\n")
    return folder


def would_do(folder, target):
    """The commands that make would run, shell variables not yet looked up."""
    done = subprocess.run(["make", "--dry-run", target], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_set_up_that_is_there_is_used(book):
    assert SET_UP not in would_do(book, "book")
    (book / "constraints.txt").touch()
    assert SET_UP in would_do(book, "book")


@pytest.mark.parametrize("take", [Path.rename, shutil.copytree], ids=["moved", "copied"])
def test_a_folder_in_another_place_gets_a_new_venv(book, take):
    """The programs in a .venv name the folder where they were installed."""
    old, new = book, book.with_name("another book 书")
    take(old, new)
    commands = would_do(new, "book")
    assert SET_UP in commands and SET_UP not in would_do(new, "help")
    line = next(line for line in commands.splitlines() if "was moved" in line)
    said = subprocess.run(["sh", "-c", line], cwd=new, capture_output=True, text=True)
    assert said.stdout.startswith(f"{old / '.venv'} was moved") and not (new / ".venv").exists()


def test_a_venv_elsewhere_that_is_only_linked_stays(book, tmp_path):
    (book / ".venv").rename(tmp_path / "shared")
    (tmp_path / "shared/.reader").write_text(f"{tmp_path / 'shared'}\n")
    (book / ".venv").symlink_to(tmp_path / "shared")
    assert SET_UP not in would_do(book, "book")
