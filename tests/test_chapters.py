"""Every chapter has its beats, in the source: question, prediction, figure, claim, exercises, next question."""

import ast
import graphlib
import re
import tomllib
from pathlib import Path

import jupytext
import pytest
import yaml

ROOT = Path(__file__).parent.parent
CHAPTERS = {p.stem: p.read_text("utf-8") for p in sorted((ROOT / "chapters").glob("*.md"))}
LESSONS = [name for name, text in CHAPTERS.items() if "kernelspec:" in text]
OF_THE_ARTICLE = [name for name in LESSONS if name[0].isdigit()]


def cells(name):
    file = ROOT / "index.md" if name == "index" else ROOT / f"chapters/{name}.md"
    return [c for c in jupytext.read(file).cells if c.cell_type == "code"]


def tagged(name, tag):
    return [c.source for c in cells(name) if tag in c.metadata.get("tags", [])]


def test_the_table_of_contents_names_every_chapter_and_the_map_links_it():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = [c["file"] for part in toc["parts"] for c in part["chapters"]]
    assert sorted(listed) == sorted(f"chapters/{name}" for name in CHAPTERS)
    index = (ROOT / "index.md").read_text("utf-8")
    assert [name for name in CHAPTERS if f"(chapters/{name}.md)" not in index] == []


@pytest.mark.parametrize("name", LESSONS)
def test_beats(name):
    text = CHAPTERS[name]
    order = [r"^\*\*Question\.\*\*", r"^\*\*Predict\.\*\*", r"^## Exercises$", r"^## Next question$"]
    places = [re.search(pattern, text, flags=re.M) for pattern in order]
    assert all(places), f"missing: {[p for p, found in zip(order, places, strict=True) if not found]}"
    assert [p.start() for p in places] == sorted(p.start() for p in places)
    assert re.search(r"^\*\*Play\.\*\*", text, flags=re.M)
    assert any(re.search(r"^explore\(", c.source, flags=re.M) for c in cells(name)), "no figure"
    assert re.search(r"\]\([\w-]+\.md", text[places[3].start() :]), "the next question leads nowhere"


@pytest.mark.parametrize("name", LESSONS)
def test_predictions_are_native_and_decided_by_a_measurement(name):
    start = CHAPTERS[name].index("**Predict.**")
    block = re.match(r"(?:(?!\n## |\n\*\*Play|\n```).)*", CHAPTERS[name][start:], flags=re.S)[0]
    answers = re.findall(r'<details class="predict"><summary>(.*?)</summary>\n\n(.*?)\n\n</details>', block, re.S)
    assert 2 <= len(answers) <= 4
    assert [answer[0][:2] for answer in answers] == [f"{letter}." for letter in "ABCD"[: len(answers)]]
    assert re.search(r"\]\(#claim-[a-z0-9-]+\)", block), "no answer links to a measurement"
    assert sum(text.startswith("Yes") for _, text in answers) >= 1, "no answer is right"


@pytest.mark.parametrize("name", LESSONS)
def test_exercises_have_solutions_that_assert(name):
    exercises = CHAPTERS[name].split("## Exercises")[1].split("## Next question")[0]
    each = re.split(r"^\*\*\d\.\*\* ", exercises, flags=re.M)[1:]
    assert 2 <= len(each) <= 3
    for exercise in each:
        solution = exercise.partition(":tags: [solution, hide-cell]")[2]
        assert re.search(r"^\s*assert ", solution, flags=re.M), f"no solution that asserts: {exercise[:60]}"


@pytest.mark.parametrize("name", OF_THE_ARTICLE)
def test_chapters_of_the_article_claim_something_and_bear_its_number(name):
    assert tagged(name, "claim"), "no claim"
    section = re.match(r"\d(-\d)*", name)[0].replace("-", ".")
    assert re.search(rf"^# {re.escape(section)} ", CHAPTERS[name], flags=re.M)


@pytest.mark.parametrize("name", LESSONS)
def test_chapters_say_where_they_stand(name):
    section = re.match(r"\d(-\d)*", name)[0].replace("-", ".") if name in OF_THE_ARTICLE else name
    assert f'you_are_here("{section}")' in tagged(name, "setup")[0]


@pytest.mark.parametrize("name", ["index", *LESSONS])
def test_cells_are_short(name):
    long = [
        c.source.splitlines()[0]
        for c in cells(name)
        if "setup" not in c.metadata.get("tags", []) and len([x for x in c.source.splitlines() if x.strip()]) > 18
    ]
    assert not long, f"more than 18 lines: {long}"


def test_no_number_in_a_claim_is_written_by_hand():
    for name in LESSONS:
        for source in tagged(name, "claim"):
            number = source[source.index("number=") :]
            assert re.search(r"\{|join\(|str\(|format\(|number=\w", number), f"{name}: {number}"


def test_at_least_twenty_claims_all_sections_and_all_verdicts():
    claims = [source for name in LESSONS for source in tagged(name, "claim")]
    assert len(claims) >= 20
    sections = {re.search(r'section="([\d.]+)"', c)[1] for c in claims}
    assert {"2.1", "2.2", "2.3", "3.1", "3.2", "3.2.1", "3.3", "3.3.1", "4.1.1", "4.1.2", "4.1.3", "5"} <= sections
    for verdict in ("holds", "holds, if", "corrected"):
        assert any(re.search(rf'verdict="{verdict}', c) for c in claims)


def test_no_claim_is_made_twice():
    calls = [
        node
        for name in LESSONS
        for source in tagged(name, "claim")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim"
    ]
    says = [next(ast.literal_eval(word.value) for word in call.keywords if word.arg == "says") for call in calls]
    assert len(says) > 20 and sorted(set(says)) == sorted(says)


def test_the_ledger_has_every_claim(site):
    claims = {re.search(r'claim\(\s*"([a-z0-9-]+)"', s)[1] for name in LESSONS for s in tagged(name, "claim")}
    ledger = (site / "chapters/ledger.html").read_text("utf-8")
    assert set(re.findall(r"#claim-([a-z0-9-]+)", ledger)) == claims


# What each module or folder of code/ may import of the others. Chapters import any of them, and none imports a chapter.
ARROWS = {
    "attention": set(),
    "drawing": set(),
    "page": set(),
    "words": set(),
    "explore": {"drawing", "page"},
    "judging": {"attention"},
    "checks": {"attention", "judging"},
    "address_book": {"attention"},
    "training": {"attention", "page"},
    "experiments": {"address_book", "training", "words"},
    "costs": {"drawing"},
    "real_model": {"attention"},
    "nano_e5": {"real_model"},
    "live": {"drawing", "explore", "nano_e5", "real_model"},
}


def imported(file):
    tree = ast.walk(ast.parse(file.read_text("utf-8")))
    nodes = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        name
        for node in nodes
        for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module])
    }


def test_arrows_run_one_way():
    list(graphlib.TopologicalSorter(ARROWS).static_order())  # raises if they run in a circle
    files = {name: [*(ROOT / "code").glob(f"{name}.py"), *(ROOT / "code").glob(f"{name}/*.py")] for name in ARROWS}
    assert sorted(file for each in files.values() for file in each) == sorted((ROOT / "code").rglob("*.py"))
    for name, own in files.items():
        used = {module.partition(".")[0] for file in own for module in imported(file)} & ARROWS.keys() - {name}
        assert used <= ARROWS[name], f"{name} imports {used - ARROWS[name]}"


def test_no_circle_inside_a_folder():
    for folder in ("drawing", "judging", "live", "page"):
        files = {f"{folder}.{file.stem}": file for file in (ROOT / "code" / folder).glob("[!_]*.py")}
        inner = {}
        for name, file in files.items():
            text = file.read_text("utf-8")
            whole = re.findall(rf"^from {folder} import (.*)$", text, flags=re.M)
            parts = {f"{folder}.{part.strip()}" for line in whole for part in line.split(",")}
            inner[name] = (imported(file) | parts) & files.keys()
        list(graphlib.TopologicalSorter(inner).static_order())


def test_attention_imports_torch_alone():
    text = (ROOT / "code/attention.py").read_text("utf-8")
    assert imported(ROOT / "code/attention.py") <= {"torch", "torch.nn", "torch.nn.functional"}
    assert len(text.splitlines()) < 150


def test_versions_are_pinned_exactly():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-real-model.txt", "constraints.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert not line or line.startswith(("#", "-r ", "-c ")) or re.fullmatch(r"[\w.\-\[\]]+==[\w.+!]+", line), (
                line
            )
    tomllib.loads((ROOT / "pyproject.toml").read_text())


# ---------------------------------------------------------------- live figures keep their data


def names_bound(tree):
    """What a cell binds in the notebook's namespace: not inside functions and comprehensions."""
    scopes = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    bound = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        if not isinstance(node, scopes):
            bound |= names_bound(node)
    return bound


def names_read(function):
    inner = {n.name for n in ast.walk(function) if isinstance(n, ast.FunctionDef) and n is not function}
    own = inner | {a.arg for n in ast.walk(function) if isinstance(n, ast.arguments) for a in n.args + n.kwonlyargs}
    names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
    own |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
    return {n.id for n in names if isinstance(n.ctx, ast.Load)} - own


@pytest.mark.parametrize("name", LESSONS)
def test_no_later_cell_changes_what_a_figure_draws(name):
    """In Jupyter a slider draws with the names as they are now: later cells must leave them alone."""
    trees = [ast.parse(c.source) for c in cells(name)]
    functions, changed = {}, []
    for i, tree in enumerate(trees):
        functions |= {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "explore":
                needed, waiting = set(), [getattr(call.args[0], "id", "")]
                while waiting:
                    if (one := waiting.pop()) in functions:
                        new = names_read(functions[one]) - needed
                        needed |= new
                        waiting += new
                changed += [
                    (i, j, sorted(hit)) for j in range(i + 1, len(trees)) if (hit := needed & names_bound(trees[j]))
                ]
    assert not changed, f"(cell of the figure, later cell, names): {changed}"
