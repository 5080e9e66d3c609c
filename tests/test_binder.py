"""Binder and JupyterHub: the image's recipe is current, is accepted, and makes a chapter open as a notebook."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from chapters import LESSONS
from lab import jupyterlab
from published import NAME, OWNER, REPOSITORY

ROOT = Path(__file__).parent.parent
BINDER = ROOT / ".binder"
CHAPTERS = [ROOT / f"chapters/{name}.md" for name in LESSONS]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("binder_requirements", ROOT / "scripts" / "binder_requirements.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_requirements_are_current(script):
    assert script.TARGET.read_text(encoding="utf-8") == script.requirements(), "run `make binder`"


def test_requirements_are_flat_and_pinned(script):
    lines = [line for line in script.TARGET.read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert [line for line in lines[1:] if not re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+]+", line)] == []
    reader = script.read_pins("requirements.txt")
    assert f"torch=={reader.pop('torch')}+cpu" in lines
    assert {f"{name}=={version}" for name, version in reader.items()} <= set(lines)


def test_the_image_has_the_versions_that_are_tested_here(script, tmp_path):
    """pip finds every line satisfied by this environment, so the pins fit together and are what the tests ran on."""
    same = tmp_path / "requirements.txt"
    # Where torch's index of CPU wheels did not answer, this environment has the plain wheel of the same version.
    pins = [line for line in script.TARGET.read_text().replace("+cpu", "").splitlines() if "==" in line]
    same.write_text("\n".join(pins))
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--disable-pip-version-check", "-r", same]
    answer = subprocess.run(pip, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Would install" not in answer.stdout


def test_repo2docker_accepts_the_repository_and_uses_binder(tmp_path):
    home = copy_of_the_book(tmp_path / "book")
    command = [sys.executable, "-m", "repo2docker", "--no-build", str(home)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    recipe = answer.stdout + answer.stderr
    version = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"Building conda environment for python={version}" in recipe
    # Installed before the book is copied in: a change of the prose does not install everything anew.
    before, after = recipe.split("\nCOPY --chown=0:0 src/ ${REPO_DIR}/\n")
    assert 'pip install --no-cache-dir -r ".binder/requirements.txt"' in before
    assert "RUN ./.binder/postBuild" in after


def test_post_build_can_be_executed():
    assert os.access(BINDER / "postBuild", os.X_OK)


opens_a_chapter = pytest.mark.depends(".binder", "chapters/3-2-the-formula.md", "chapters/teach.md", "_config.yml")


@opens_a_chapter
@pytest.mark.parametrize("prepared", [True, False], ids=["postBuild", "nothing"])
def test_post_build_makes_a_chapter_open_as_a_notebook(tmp_path, prepared, chromium):
    home = copy_of_the_book(tmp_path / "home")
    environment = bare_environment(tmp_path, home)
    if prepared:
        post_build(home, environment, tmp_path)
    with jupyterlab(home, environment) as (address, token):
        page = chromium.new_page()
        page.goto(f"{address}/lab/tree/chapters/3-2-the-formula.md?token={token}")
        # Without postBuild the chapter opens as text, which shows that this test can fail.
        page.locator(".jp-Notebook" if prepared else ".jp-FileEditor").first.wait_for(timeout=90_000)
        assert page.locator(".jp-Notebook").count() == int(prepared)
        if prepared:
            page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
            assert page.locator(".jp-Notebook .jp-MarkdownCell h1").inner_text().startswith("3.2 The formula")


@opens_a_chapter
def test_the_jupyterhub_link_of_the_teaching_page_opens_a_chapter(tmp_path, chromium):
    """The link itself, with this server for the hub and a local copy for the repository on the internet."""
    text = (ROOT / "chapters" / "teach.md").read_text(encoding="utf-8")
    link = re.search(r"https://\S+/hub/user-redirect/(git-pull\?\S+)", text)[1]
    asked = parse_qs(urlsplit(link).query)
    assert asked["repo"] == [REPOSITORY]
    origin = copy_of_the_book(tmp_path / "origin" / NAME)
    for command in (["init", "--initial-branch", *asked["branch"]], ["add", "."], ["commit", "--message", "The book"]):
        git = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *command]
        subprocess.run(git, cwd=origin, check=True, capture_output=True)
    home = tmp_path / "home"
    home.mkdir()
    environment = bare_environment(tmp_path, home)
    post_build(ROOT, environment, tmp_path)
    link = link.replace(quote(asked["repo"][0], safe=""), quote(f"file://{origin}", safe=""))
    assert str(origin) in unquote(link)
    with jupyterlab(home, environment) as (address, token):
        page = chromium.new_page()
        page.goto(f"{address}/lab?token={token}")
        page.goto(f"{address}/{link}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=90_000)
    opened = Path(unquote(parse_qs(urlsplit(link).query)["urlpath"][0]).removeprefix("lab/tree/"))
    assert (home / opened).read_text() == (ROOT / "chapters" / opened.name).read_text()


@pytest.mark.depends("scripts/memory.py", "code", "chapters")
def test_the_teaching_page_states_the_memory_of_every_chapter():
    """What a chapter takes is measured where it runs anyway, in tests/test_jupyter.py."""
    text = (ROOT / "chapters" / "teach.md").read_text(encoding="utf-8")
    guarantee, limit = map(int, re.search(r"memory: \{guarantee: (\d+)G, limit: (\d+)G\}", text).groups())
    rows = re.findall(r"^\| \[[^\]]+\]\(([\w-]+)\.md\) \| (\d+) \| \d+ \|$", text, re.M)
    stated = {name: int(megabytes) for name, megabytes in rows}
    assert sorted(stated) == [chapter.stem for chapter in CHAPTERS]
    command = [sys.executable, ROOT / "scripts" / "memory.py", "2-1-dot-product"]
    measured = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    kernel, server = int(measured[1].split()[1]), int(measured[2].split()[-1])
    assert kernel > 100 and server > 30, "this is not what a kernel and a JupyterLab take"
    assert max(stated.values()) + server < 1000 * limit
    fit = [name for name in stated if stated[name] + server < 1000 * guarantee]
    assert len(fit) > len(stated) / 2, "the page says that most chapters fit into what is guaranteed"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_launch_button_leads_to_its_own_chapter(chapter):
    page = (ROOT / "_build" / "html" / "chapters" / f"{chapter.stem}.html").read_text(encoding="utf-8")
    links = set(re.findall(r'href="(https://mybinder\.org/v2/[^"]+)"', page))
    assert links == {f"https://mybinder.org/v2/gh/{OWNER}/{NAME}/main?urlpath=lab/tree/chapters/{chapter.name}"}


def copy_of_the_book(folder):
    """What repo2docker's image has in the reader's home folder."""
    skipped = shutil.ignore_patterns(".git", ".venv", "_build", "__pycache__", ".*_cache", ".hypothesis", "*.ipynb")
    return shutil.copytree(ROOT, folder, ignore=skipped, symlinks=True)


RECORDER = """import json, pathlib, sys
pathlib.Path(__file__).parent.parent.joinpath("asked.json").write_text(json.dumps(sys.argv[1:]))
"""


def post_build(folder, environment, tmp_path):
    """Runs postBuild as it stands, but for pip: a module of that name only notes what it is asked to install.

    The environment shares its packages with the one that the tests run in, which must stay as it is.
    """
    stand_in = tmp_path / "stand-in"
    (stand_in / "pip").mkdir(parents=True)
    (stand_in / "pip" / "__init__.py").touch()
    (stand_in / "pip" / "__main__.py").write_text(RECORDER)
    packages = Path(sysconfig.get_path("purelib"))
    before = installed(packages)
    settings = {**environment, "PYTHONPATH": str(stand_in)}
    subprocess.run([folder / ".binder" / "postBuild"], cwd=folder, env=settings, check=True, timeout=300)
    assert installed(packages) == before, "postBuild changed the environment of the tests"
    command, *rest = json.loads((stand_in / "asked.json").read_text())
    assert command == "install" and "--no-deps" in rest and rest[-2:] == ["-r", "requirements-real-model.txt"]


def installed(packages):
    return sorted(set(os.listdir(packages)) - {"__pycache__"})  # which any import may write


def bare_environment(tmp_path, home):
    """Variables of a Jupyter that is this environment's own but for its settings: none, as in a new image."""
    here, bare = Path(sys.prefix), tmp_path / "environment"
    (bare / "bin").mkdir(parents=True)
    (bare / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    shutil.copy(here / "pyvenv.cfg", bare)
    for shared in ("lib", "share"):
        (bare / shared).symlink_to(here / shared)
    shutil.copytree(here / "etc", bare / "etc", ignore=shutil.ignore_patterns("labconfig"))
    settings = tmp_path / "settings"
    settings.mkdir()
    kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(bare / "bin"), str(here / "bin"), os.environ["PATH"]])
    return {**kept, "PATH": path, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(settings)}
