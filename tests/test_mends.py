"""What the build mends in the HTML of its dependencies, and how it tells that one of them has changed."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.jinja2glue import BuiltinTemplateLoader

ROOT = Path(__file__).parent.parent


@pytest.fixture
def mends(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "")  # which the import sets
    monkeypatch.syspath_prepend(ROOT / "_ext")
    return importlib.import_module("book_build.mends")


@pytest.fixture
def warned(mends, monkeypatch):
    said = []
    monkeypatch.setattr(mends.logger, "warning", lambda words, *names: said.append(words % names))
    monkeypatch.setattr(mends, "MENDS", [("one", "1"), ("two", "2")])
    monkeypatch.setattr(BuiltinTemplateLoader, "init", lambda *_: None)
    monkeypatch.setattr(BuiltinTemplateLoader, "render", lambda self, template, context: context["text"])
    return said


def built(mends, *pages, of=None):
    """(the pages as they were written, the app) after a build that wrote these of the book's pages."""
    templates = mends.Pages()
    templates.init(None)
    written = [templates.render("page.html", {"text": text}) for text in pages]
    names = set(map(str, range(of or len(pages))))
    env, builder = SimpleNamespace(found_docs=names), SimpleNamespace(templates=templates)
    return written, SimpleNamespace(env=env, builder=builder, written_pages=set(map(str, range(len(pages)))))


def test_a_mend_is_made_on_every_page_and_one_that_finds_nothing_anywhere_is_a_warning(mends, warned):
    written, app = built(mends, "one, one", "both one")
    mends.tell_idle(app, None)
    assert written == ["1, 1", "both 1"]
    assert len(warned) == 1 and warned[0].endswith(": two")


def test_a_build_that_failed_or_wrote_a_few_pages_says_nothing_of_the_others(mends, warned):
    _, app = built(mends, "one, two")
    mends.tell_idle(app, None)
    _, app = built(mends, "one", of=2)
    mends.tell_idle(app, None)
    _, app = built(mends, "one")
    mends.tell_idle(app, RuntimeError())
    assert warned == []
