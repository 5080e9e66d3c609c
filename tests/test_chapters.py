"""Every chapter has its beats, in the source, and keeps its machinery out of sight."""

import ast
import graphlib
import re
import sys
import tomllib

import pytest
import yaml
from chapters import CHAPTERS, LESSONS, OF_THE_ARTICLE, ROOT, cells, is_open, source, tagged


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
    assert re.search(r"\]\(#[a-z0-9-]+\)", block), "no answer links to a measurement, a claim or one under a heading"
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
def test_open_cells_are_short(name):
    opened = [c.source for c in cells(name) if is_open(c)]
    long = [text.splitlines()[0] for text in opened if len([x for x in text.splitlines() if x.strip()]) > 18]
    assert not long, f"more than 18 lines: {long}"


def calls(name, function):
    """Every call of a function in a chapter's cells: {its arguments' names: their syntax}, the first called ""."""
    nodes = [node for cell in cells(name) for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    return [
        {"": node.args[0] if node.args else None, **{word.arg: word.value for word in node.keywords}}
        for node in nodes
        if getattr(node.func, "id", "") == function
    ]


def test_no_number_in_a_claim_is_written_by_hand():
    for name in LESSONS:
        for text in tagged(name, "claim"):
            number = text[text.index("number=") :]
            assert re.search(r"\{|join\(|str\(|format\(|number=\w", number), f"{name}: {number}"


def test_at_least_twenty_claims_all_sections_and_conditions():
    claims = [text for name in LESSONS for text in tagged(name, "claim")]
    assert len(claims) >= 20
    sections = {re.search(r'section="([\d.]+)"', c)[1] for c in claims}
    assert {"2.1", "2.2", "2.3", "3.1", "3.2", "3.2.1", "3.3", "3.3.1", "4.1.1", "4.1.2", "4.1.3", "5"} <= sections
    for verdict in ("holds", "holds, if"):
        assert any(re.search(rf'verdict="{verdict}', c) for c in claims)
    corrected = [text for text in claims if 'verdict="corrected' in text]
    assert bool(corrected) != ("no claim needed it" in CHAPTERS["ledger"])


def test_no_claim_is_made_twice():
    says = [ast.literal_eval(call["says"]) for name in LESSONS for call in calls(name, "claim")]
    assert len(says) > 20 and sorted(set(says)) == sorted(says)


@pytest.mark.parametrize("name", OF_THE_ARTICLE)
def test_claims_quote_the_article(name):
    silent = [ast.literal_eval(call[""]) for call in calls(name, "claim") if "quote" not in call]
    assert not silent, f"without the article's own words: {silent}"


def test_every_reference_is_cited_and_the_article_comes_first():
    keys = re.findall(r"^@\w+\{(.*?),$", (ROOT / "references.bib").read_text("utf-8"), flags=re.M)
    text = source("index") + "".join(CHAPTERS.values())
    assert keys[0] == "article2025qk" and len(keys) > 20
    assert [key for key in keys if f"#ref-{key})" not in text] == []


def test_the_ledger_has_every_claim(site):
    claims = {re.search(r'claim\(\s*"([a-z0-9-]+)"', s)[1] for name in LESSONS for s in tagged(name, "claim")}
    ledger = (site / "chapters/ledger.html").read_text("utf-8")
    assert set(re.findall(r"#claim-([a-z0-9-]+)", ledger)) == claims


TERMS = {term: line for term, line in re.findall(r"^### (.*)\n(.*)$", CHAPTERS["glossary"], flags=re.M)}


def test_the_glossary_says_each_term_in_both_languages_and_where_it_is_explained():
    assert len(TERMS) >= 40
    for term, line in TERMS.items():
        chinese, _, rest = line.partition(" · ")
        assert re.search(r"[\u4e00-\u9fff]", chinese) and not re.search(r"[\u4e00-\u9fff]", rest), term
        chapter = re.search(r"\]\(([\w-]+)\.md\)$", rest)
        assert chapter and term.lower() in CHAPTERS[chapter[1]].lower(), f"{term} is not in the chapter that it names"


# What each module or folder of code/ may import of the others. Chapters import any of them, and none imports a chapter.
ARROWS = {
    "attention_inputs": set(),
    "attention": {"attention_inputs"},
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
    for folder in ("drawing", "explore", "judging", "live", "page"):
        files = {f"{folder}.{file.stem}": file for file in (ROOT / "code" / folder).glob("[!_]*.py")}
        inner = {}
        for name, file in files.items():
            text = file.read_text("utf-8")
            whole = re.findall(rf"^from {folder} import (.*)$", text, flags=re.M)
            parts = {f"{folder}.{part.strip()}" for line in whole for part in line.split(",")}
            inner[name] = (imported(file) | parts) & files.keys()
        list(graphlib.TopologicalSorter(inner).static_order())


def test_attention_imports_torch_alone_and_is_short():
    torchs = {"torch", "torch.nn", "torch.nn.functional"}
    assert imported(ROOT / "code/attention.py") <= torchs | {"attention_inputs"}
    assert imported(ROOT / "code/attention_inputs.py") <= torchs | sys.stdlib_module_names
    assert len((ROOT / "code/attention.py").read_text("utf-8").splitlines()) < 110


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
