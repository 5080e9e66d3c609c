"""claim: one declaration, read by people in the note and by the ledger in its data."""

import html
import json
import re

import pytest

from page import claim, you_are_here
from page.thread import LEVELS

GOOD = {
    "section": "3.2",
    "says": "scores <grow> with d_k",
    "verdict": "holds, if unscaled",
    "number": "variance 64.1 at d_k = 64",
}


def test_note_and_data():
    text = claim("score-variance", **GOOD)._repr_html_()
    assert 'id="claim-score-variance"' in text and "claim-holds" in text
    assert "§3.2: scores &lt;grow&gt; with d<sub>k</sub>." in text
    assert json.loads(html.unescape(re.search(r'data-claim="([^"]*)"', text)[1])) == {"name": "score-variance", **GOOD}
    assert "Holds, if unscaled. variance 64.1" in repr(claim("score-variance", **GOOD))


def test_numbers_are_typeset_and_begin_with_a_capital():
    text = claim("x", **(GOOD | {"number": "decoder-only, from -1.5 to 1e-14, (-2)"}))._repr_html_()
    assert "<span>Decoder-only, from −1.5 to 1e-14, (−2).</span>" in text


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("Score Variance", {}, "slug"),
        ("x", {"section": "three"}, "section 'three' must be a number of the article"),
        ("x", {"verdict": "true"}, "verdict 'true' must be 'holds', 'corrected' or 'holds, if"),
        ("x", {"verdict": "holds, if "}, "verdict"),
        ("x", {"number": "a lot"}, "number 'a lot' has no digit"),
    ],
)
def test_bad_claims(name, change, message):
    with pytest.raises(ValueError, match=message):
        claim(name, **(GOOD | change))


def test_thread_marks_the_level_and_links_all(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "1")
    text = you_are_here("3.3.1")._repr_html_()
    assert (
        text.count("aria-current") == 1
        and 'href="3-3-1-three-stages.html" aria-current="true"><strong>training</strong>' in text
    )
    assert text.count("<a ") == len(LEVELS)
    monkeypatch.delenv("BOOK_STATIC")
    assert 'href="3-3-1-three-stages.md"' in you_are_here("3.3.1")._repr_html_()
    assert "the way down" in text and "the way up again" in you_are_here("4.1.3")._repr_html_()
    with pytest.raises(ValueError, match=r"section '9' stands on no level"):
        you_are_here("9")
