"""What publishes the book: workflows that run make targets alone, and files that GitHub and citation tools can read."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from chapters import BEATS, MOST_MINUTES, MOST_PLUMBING
from published import MOVE, REPOSITORY, SITE

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def read_yaml(path):
    """YAML as GitHub reads it: `on` is a word, not the truth value that YAML 1.1 makes of it."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in document.items()}


def steps(path):
    return [step for job in read_yaml(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_make_targets_that_exist_and_nothing_else(path):
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), "pin an action by its commit"
            assert "run" not in step
        else:
            words = step["run"].split()
            assert words[0] == "make" and len(words) > 1 and set(words[1:]) <= TARGETS, step["run"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_pinned_action_says_its_version(path):
    """Dependabot and people read the comment; it moves together with the commit."""
    for line in path.read_text(encoding="utf-8").splitlines():
        assert "uses:" not in line or re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_needs(path):
    workflow = read_yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 180
        assert "permissions" not in job or (name == "publish" and set(job["permissions"]) == {"pages", "id-token"})


def test_every_push_and_pull_request_is_tested_and_main_is_published():
    book = read_yaml(ROOT / ".github" / "workflows" / "book.yml")
    assert {"push", "pull_request"} <= set(book["on"]) and book["on"]["push"] is None
    test, publish = book["jobs"]["test"], book["jobs"]["publish"]
    assert "if" not in test and [step["run"] for step in test["steps"] if "run" in step] == ["make book", "make test"]
    by_action = {step["uses"].split("@")[0]: step for step in test["steps"] + publish["steps"] if "uses" in step}
    shown, uploaded = by_action["actions/upload-artifact"], by_action["actions/upload-pages-artifact"]
    assert "pull_request" in shown["if"] and "refs/heads/main" in uploaded["if"]
    assert shown["with"]["path"] == uploaded["with"]["path"] == "_build/html"
    assert publish["needs"] == "test" and "refs/heads/main" in publish["if"]
    assert "actions/deploy-pages" in by_action


def test_every_week_all_is_executed_from_nothing_and_the_links_are_tried():
    weekly = read_yaml(ROOT / ".github" / "workflows" / "weekly.yml")
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", weekly["on"]["schedule"][0]["cron"])
    execute = weekly["jobs"]["execute"]["steps"]
    assert not any("cache" in step.get("with", {}) or "actions/cache" in step.get("uses", "") for step in execute)
    run = [step["run"] for job in weekly["jobs"].values() for step in job["steps"] if "run" in step]
    assert run[:4] == ["make clean", "make book", "make test", "make repeat"]
    assert {"make experiments", "make links"} <= set(run)


def test_what_is_tested_is_what_the_readme_says_in_its_order():
    commands = re.search(r"^## Two commands\n\n```\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)[1]
    assert [line.partition("#")[0].strip() for line in commands.splitlines()] == ["make book", "make test"]
    script = (ROOT / ".ci/run").read_text("utf-8").splitlines()
    commands = [line.removeprefix("exec ") for line in script if line.startswith(("make ", "exec make "))]
    assert commands == ["make book", "make test", "make engines"]


def test_workflows_use_the_python_of_the_image():
    version = (ROOT / ".binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    used = [step["with"]["python-version"] for path in WORKFLOWS for step in steps(path) if "setup-python" in str(step)]
    assert set(used) == {version}


def test_dependencies_are_updated():
    settings = read_yaml(ROOT / ".github" / "dependabot.yml")
    assert settings["version"] == 2
    assert {update["package-ecosystem"] for update in settings["updates"]} == {"pip", "github-actions"}
    for update in settings["updates"]:
        assert update["directory"] == "/" and update["schedule"]["interval"] in {"weekly", "monthly"}
        assert all(group["patterns"] for group in update["groups"].values())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_one_that_github_shows(path):
    form = read_yaml(path)
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert questions and len({part["id"] for part in questions}) == len(questions)
    for part in questions:
        assert part["type"] in {"input", "textarea", "dropdown", "checkboxes"} and part["attributes"]["label"]
        assert part["type"] != "dropdown" or len(set(part["attributes"]["options"])) > 1
    assert any(part.get("validations", {}).get("required") for part in questions)


def test_the_list_of_issue_forms():
    settings = read_yaml(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")
    assert len(FORMS) >= 2 and isinstance(settings["blank_issues_enabled"], bool)
    assert all(set(link) == {"name", "url", "about"} for link in settings["contact_links"])


def test_the_citation_can_be_read():
    """What the schema of CFF 1.2.0 requires, and that it says the same as the rest of the repository."""
    cited = read_yaml(ROOT / "CITATION.cff")
    config = read_yaml(ROOT / "_config.yml")
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["type"] in {"software", "dataset"}
    book = cited["preferred-citation"]
    assert book["type"] == "book" and isinstance(book["year"], int)
    for work in (cited, book):
        assert work["title"] == config["title"] and work["url"] == SITE, MOVE
        assert [author["name"] for author in work["authors"]] == [config["author"]]
    assert cited["repository-code"] == REPOSITORY, MOVE
    assert (cited["license"], book["license"]) == ("Apache-2.0", "CC-BY-4.0")


def test_both_licences_are_there_in_full():
    code, prose = ((ROOT / name).read_text(encoding="utf-8") for name in ("LICENSE", "LICENSE-prose"))
    # The whole text with its first and last lines, nothing before or after it, or GitHub does not recognise it.
    assert code.split()[:2] == ["Apache", "License"] and code.rstrip().endswith("limitations under the License.")
    assert prose.startswith("Attribution 4.0 International\n")
    assert prose.rstrip().endswith("Creative Commons may be contacted at creativecommons.org.")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "chapters/teach.md"])
def test_every_make_target_that_the_words_name_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {target for targets in re.findall(r"`make ([a-z ]+)`", text) for target in targets.split()}
    assert named <= TARGETS
    assert named or name != "CONTRIBUTING.md"


def recipe(thing):
    """The lines of CONTRIBUTING's recipe."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.search(rf"^## Add a {thing}\n\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL)[1].splitlines()


@pytest.mark.parametrize("thing", ["chapter", "figure", "claim"])
def test_contributing_says_how_to_add_each_thing_in_five_lines_with_a_command(thing):
    lines = recipe(thing)
    assert [line[:2] for line in lines] == ["1.", "2.", "3.", "4.", "5."]
    assert "See it: `make " in lines[-1]
    for path in re.findall(r"(?<!/)(?:chapters|code|tests|docs)/[\w./<>-]+|_toc\.yml|index\.md", " ".join(lines)):
        # What a recipe makes is not there yet, but its folder is.
        made = re.search("7-new|<chapter>", path)
        assert ((ROOT / path).parent if made else ROOT / path).exists(), path


def test_the_recipes_say_what_the_tests_ask():
    """Each rule that a new chapter or claim would break stands in its recipe, in the numbers of the test itself."""
    tests = (ROOT / "tests" / "test_chapters.py").read_text(encoding="utf-8")
    chapter, claim = " ".join(recipe("chapter")), " ".join(recipe("claim"))
    assert all(re.search(beat.removesuffix("$"), chapter) for beat in BEATS)
    assert f"takes {MOST_MINUTES} minutes at most" in chapter and f"at most {100 * MOST_PLUMBING:.0f} %" in chapter
    for needed in ("you_are_here(", "WAY", "_toc.yml", "index.md", "tests/claim_mutants/7-new.toml", "once"):
        assert needed in chapter, needed
    longest = re.search(r"> (\d+)\]$", tests, re.MULTILINE)[1]
    assert f"never more than {longest}." in chapter
    for needed in ("in a cell of its own", "In the next cell, tagged `claim, hide-input`", "`replace`", "`with`"):
        assert needed in claim, needed
    mutants = (ROOT / "tests" / "claim_mutants" / "2-1-dot-product.toml").read_text(encoding="utf-8")
    assert re.search(r"^replace = ", mutants, re.M) and re.search(r"^with = ", mutants, re.M)
    copied = re.search(r"cp (\S+) chapters/7-new\.md", chapter)[1]
    assert "you_are_here(" in (ROOT / copied).read_text(encoding="utf-8")


def test_the_map_of_the_folders_is_whole():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = re.search(r"^## The map of the folders\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    named = re.findall(r"`([\w./*-]+)`", folders)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    # A copy without its history has the same folders, and some that were made there.
    made = {"_build", ".venv", "weights", "__pycache__"}
    tracked = {path.partition("/")[0] for path in listed.stdout.splitlines() if "/" in path} or {
        path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in made and "cache" not in path.name
    } - {".git", ".hypothesis"}
    assert [folder for folder in sorted(tracked - {"code"}) if f"{folder}/" not in named] == []
    inside = {path.name for path in (ROOT / "code").glob("*.py")}
    inside |= {f"{path.parent.name}/" for path in (ROOT / "code").glob("*/__init__.py")}
    assert inside == {name.removeprefix("code/") for name in named if name.removeprefix("code/") in inside}
    for name in (name for name in named if re.search(r"[./]", name)):
        where = [ROOT, ROOT / "code", ROOT / "code/drawing", ROOT / "scripts", ROOT / "docs"]
        assert any(list(folder.glob(name.rstrip("/"))) for folder in where), f"there is no {name}"


def test_both_pictures_can_be_drawn_again():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = re.search(r"^pictures:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    for script, picture in (("card", "assets/card.png"), ("screenshot", "docs/screenshot.png")):
        assert f"scripts/{script}.py" in command and (ROOT / picture).exists()
        assert picture in (ROOT / "scripts" / f"{script}.py").read_text(encoding="utf-8")
