"""The book's address is set once: the build takes it from there, `make address` writes it into what nobody computes."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from published import CONFIG, MOVE, NAME, OWNER, REPOSITORY, SITE
from test_build import Book

ROOT = Path(__file__).parent.parent
MADE = {".git", ".venv", "_build", "weights", "node_modules", "__pycache__", ".hypothesis"}
MAY_CARRY = re.compile(r"_config\.yml|README\.md|CITATION\.cff|\.github/ISSUE_TEMPLATE/\w+\.yml|chapters/[\w-]+\.md")


def sources(root):
    """{path: bytes} of every file that a copy of the book begins with."""
    files = {}
    for folder, inside, names in os.walk(root):
        inside[:] = [name for name in inside if name not in MADE and not name.endswith("_cache")]
        paths = [Path(folder, name) for name in names if not name.endswith(".ipynb") and name != ".git"]
        files |= {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return files


def naming(files, owner, name, site):
    """{path: how often it names the address} in letters or as a part of another address, of the files that do."""
    owner, name, host = map(re.escape, (owner, name, site.removeprefix("https://").rstrip("/")))
    links = rf"(?:github\.com|/gh)/{owner}/{name}(?![\w-])|%2F{owner}%2F{name}(?!\w)|tree%2F{name}%2F"
    forms = rf"{links}|(?<![\w.-]){host}(?![\w-])"
    found = {path: len(re.findall(forms.encode(), data, re.I)) for path, data in files.items()}
    return {path: number for path, number in found.items() if number}


@pytest.fixture
def copied(tmp_path):
    """The sources of the book in a folder of their own."""
    root = tmp_path / "the book 书"
    for path, data in sources(ROOT).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def make_address(root, *words):
    make = ["make", "--silent", "address", f"PYTHON={sys.executable}", *filter(None, words)]
    environment = {name: value for name, value in os.environ.items() if name not in ("REPO", "SITE")}
    return subprocess.run(make, cwd=root, capture_output=True, text=True, env=environment)


def test_the_address_is_set_once_and_stands_in_no_file_that_make_address_does_not_know():
    found = naming(sources(ROOT), OWNER, NAME, SITE)
    assert [path for path in found if not MAY_CARRY.fullmatch(path)] == []
    assert found["_config.yml"] == (1 if "baseurl" not in CONFIG["html"] else 2)
    # Every other file that GitHub, citation tools and readers of the raw text take it from names the same one.
    assert {"README.md", "CITATION.cff", ".github/ISSUE_TEMPLATE/config.yml", "chapters/teach.md"} <= set(found), MOVE


@pytest.mark.parametrize("site", [None, "https://attention.example.org/book/"], ids=["GitHub Pages", "own domain"])
def test_make_address_moves_the_book_and_back_again(copied, site):
    before = sources(copied)
    found = naming(before, OWNER, NAME, SITE)
    done = make_address(copied, "REPO=Nobody-7/attention.zh", *([f"SITE={site}"] if site else []))
    assert done.returncode == 0, done.stderr
    moved = sources(copied)
    pages = site or "https://nobody-7.github.io/attention.zh/"
    assert naming(moved, OWNER, NAME, SITE) == {}
    carriers = {path: data for path, data in moved.items() if MAY_CARRY.fullmatch(path)}
    assert naming(carriers, "Nobody-7", "attention.zh", pages) == {**found, "_config.yml": 2 if site else 1}
    changed = {path for path in before if before[path] != moved[path]}
    assert changed == set(found) and all(path in done.stdout for path in changed) and pages in done.stdout
    config = yaml.safe_load(moved["_config.yml"])
    assert config["repository"]["url"] == "https://github.com/Nobody-7/attention.zh"
    assert config["html"].get("baseurl") == site

    again = make_address(copied, "REPO=Nobody-7/attention.zh", *([f"SITE={site}"] if site else []))
    assert again.returncode == 0 and "Nothing to change" in again.stdout and sources(copied) == moved
    back = make_address(copied, f"REPO={OWNER}/{NAME}", f"SITE={SITE}")
    assert back.returncode == 0 and sources(copied) == before


@pytest.mark.parametrize("owner", [OWNER, "nobody-7"])
def test_make_address_knows_the_top_of_a_host_and_a_config_that_was_edited_by_hand(copied, owner):
    before = sources(copied)
    edited = before["_config.yml"].replace(f"/{OWNER}/".encode(), f"/{owner}/".encode())
    (copied / "_config.yml").write_bytes(edited)
    done = make_address(copied, "REPO=Nobody-7/nobody-7.github.io")
    assert done.returncode == 0 and "https://nobody-7.github.io/\n" in done.stdout
    assert b"\nurl: https://nobody-7.github.io/\n" in (copied / "CITATION.cff").read_bytes()
    assert naming(sources(copied), OWNER, NAME, SITE) == {}
    assert make_address(copied, f"REPO={OWNER}/{NAME}", f"SITE={SITE}").returncode == 0 and sources(copied) == before


REFUSED = {
    "": "Say which repository on GitHub is the book's: make address REPO=owner/name",
    "REPO=ada": "REPO is 'ada'",
    "REPO=https://github.com/nobody-7/attention": "REPO is 'https://github.com/nobody-7/attention'",
    "REPO=nobody-7/attention/": "REPO is 'nobody-7/attention/'",
    "REPO=nobody-7/attention.git": "REPO is 'nobody-7/attention.git'",
    "REPO=nobody-7/..": "REPO is 'nobody-7/..'",
    "REPO=-nobody-7/attention": "REPO is '-nobody-7/attention'",
    "REPO=it's/\"mine": "REPO is 'it\\'s/\"mine'",
    "REPO=nobody-7/a b; rm -rf": "REPO is 'nobody-7/a b; rm -rf'",
    "REPO=阿达/注意": "REPO is '阿达/注意'",
    "REPO=nobody-7/attention SITE=attention.org": "SITE is 'attention.org'",
    "REPO=nobody-7/attention SITE=http://attention.org": "SITE is 'http://attention.org'",
    "REPO=nobody-7/attention SITE=https://attention.org/?page": "SITE is 'https://attention.org/?page'",
    "REPO=nobody-7/attention SITE=https://mybinder.org/": "README.md names nobody-7/attention or",
}


@pytest.mark.parametrize("words", REFUSED)
def test_make_address_refuses_nonsense_and_changes_nothing(copied, words):
    before = sources(copied)
    repo, _, site = words.partition(" SITE=")
    done = make_address(copied, repo, *([f"SITE={site}"] if site else []))
    assert done.returncode != 0 and REFUSED[words] in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert sources(copied) == before


@pytest.mark.parametrize("name, line", [("CITATION.cff", "\nrepository-code: "), ("_config.yml", "\nrepository:\n")])
def test_make_address_says_which_line_it_misses(copied, name, line):
    path = copied / name
    path.write_text(path.read_text("utf-8").replace(line, line.replace("repository", "repo")), "utf-8")
    before = sources(copied)
    done = make_address(copied, "REPO=nobody-7/attention")
    assert done.returncode != 0 and f"{name} should" in done.stderr and line.strip() in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and sources(copied) == before


def test_every_page_says_where_it_is_published(site):
    for path in sorted(p for p in site.rglob("*.html") if "_static" not in p.parts):
        text, name = path.read_text("utf-8"), path.relative_to(site).as_posix()
        assert f'<link rel="canonical" href="{SITE}{name}" />' in text, name
        assert f'content="{SITE}_static/card.png"' in text or name in ("genindex.html", "search.html"), name


LINKS = """# A page

[licence](../LICENSE), [checks](../docs/checks.md), [front](../README.md),
[table](../results/scale.csv), [start](../index.md),
[issues](https://github.com/old/one/issues), [other](https://github.com/old/one-more), <https://old.github.io/one/a.html>.
"""


@pytest.mark.depends(
    "_ext",
    "code",
    "assets",
    "_config.yml",
    "tests/test_build.py",
    "LICENSE",
    "README.md",
    "docs/checks.md",
    "results/scale.csv",
)
def test_the_build_takes_every_address_from_the_config(tmp_path):
    book = Book(tmp_path)
    for path in ("LICENSE", "README.md", "docs/checks.md", "results/scale.csv"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    (tmp_path / "CITATION.cff").write_text(
        "repository-code: https://github.com/old/one\nurl: https://old.github.io/one/\n"
    )
    (tmp_path / "_build/.jupyter_cache").mkdir(parents=True)  # without one, every build reads every page
    config = (tmp_path / "_config.yml").read_text("utf-8")
    book.page(LINKS)

    def links(url):
        (tmp_path / "_config.yml").write_text(config.replace(REPOSITORY, url), "utf-8")
        code, log = book.build()
        assert code == 0, log[-3000:]
        page = re.search(r"<article.*</article>", book.html(), re.S)[0]
        return re.findall(r'<a class="reference[^"]*"[^>]* href="([^"#]+[^"]*)"', page)

    *fixed, table, start, issues, other, page = links("https://github.com/old/one")
    blob = "https://github.com/old/one/blob/main/"
    assert fixed == [f"{blob}LICENSE", f"{blob}docs/checks.md", "https://github.com/old/one#readme"]
    assert re.fullmatch(r"\.\./_downloads/\w+/scale\.csv", table) and start == "../index.html"
    assert (issues, page) == ("https://github.com/old/one/issues", "https://old.github.io/one/a.html")

    # Nothing but _config.yml changes: the pages follow, also where their sources carry the old address.
    new = links("https://github.com/Nobody-7/attention")
    assert new == [
        *(link.replace("old/one", "Nobody-7/attention") for link in fixed),
        table,
        start,
        "https://github.com/Nobody-7/attention/issues",
        other,
        "https://nobody-7.github.io/attention/a.html",
    ]
    if "baseurl" not in CONFIG["html"]:
        html = book.html()
        assert '<link rel="canonical" href="https://nobody-7.github.io/attention/chapters/page.html" />' in html
        assert 'content="https://nobody-7.github.io/attention/_static/card.png"' in html
        assert 'property="og:url" content="https://nobody-7.github.io/attention/chapters/page.html"' in html


@pytest.fixture
def links(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "")  # which the import sets
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("book_build.links")


@pytest.mark.parametrize(
    "url", ["", "nobody-7/attention", "https://github.com/nobody-7", "https://github.com/nobody-7/attention/"]
)
def test_an_address_of_another_form_stops_the_build(url, links):
    config = SimpleNamespace(html_theme_options={"repository_url": url}, html_baseurl="")
    wrong = f"repository.url is '{url}', and should be 'https://github.com/owner/name'"
    with pytest.raises(links.ConfigError, match=wrong):
        links.derive(None, config)


def test_a_chapter_that_the_table_of_contents_forgot_is_no_file_of_the_repository(links):
    """Sphinx then warns of the link, which stops the build."""
    env = SimpleNamespace(config=SimpleNamespace(include_patterns=CONFIG["sphinx"]["config"]["include_patterns"]))
    for name, found in {"docs/checks": "docs/checks.md", "chapters/7-new": None, "index": None}.items():
        link = links.addnodes.pending_xref(refdomain="doc", reftarget=name)
        assert links.in_the_repository(link, env) == found
