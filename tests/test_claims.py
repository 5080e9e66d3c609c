"""claim: one declaration, read by people in the note and by the ledger in its data."""

import html
import json
import re
from pathlib import Path

import pytest

from page import claim, you_are_here
from page.thread import WAY

ROOT = Path(__file__).parent.parent
GOOD = {
    "section": "3.2",
    "says": "scores <grow> with d_k",
    "verdict": "holds, if unscaled",
    "number": "variance 64.1 at d_k = 64",
    "quote": "点积$QK^T$的**方差**会随`d_k`变大。",
}


def test_note_and_data():
    text = claim("score-variance", **GOOD)._repr_html_()
    assert 'id="claim-score-variance"' in text and "claim-holds" in text
    assert "§3.2: scores &lt;grow&gt; with d<sub>k</sub>." in text
    as_read = GOOD | {"quote": "点积QKᵀ的方差会随d_k变大。"}
    data = json.loads(html.unescape(re.search(r'data-claim="([^"]*)"', text)[1]))
    assert data == {"name": "score-variance", **as_read}
    assert '<q lang="zh">点积QKᵀ的方差会随d<sub>k</sub>变大。</q>' in text
    assert "“点积QKᵀ的方差会随d_k变大。” Holds, if unscaled. variance 64.1" in repr(claim("score-variance", **GOOD))


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
        ("x", {"quote": "the variance grows"}, "quote 'the variance grows' must be the article's own words in Chinese"),
        ("x", {"quote": "方差变大。梯度消失。"}, "a sentence at most"),
    ],
)
def test_bad_claims(name, change, message):
    with pytest.raises(ValueError, match=message):
        claim(name, **(GOOD | change))


def test_a_claim_without_a_quote_shows_none():
    assert "<q" not in claim("x", **(GOOD | {"quote": ""}))._repr_html_()


def test_the_mark_shows_the_way_and_where_one_stands(monkeypatch):
    monkeypatch.setenv("BOOK_STATIC", "1")
    text = you_are_here("3.2.1")._repr_html_()
    words = re.sub("<[^>]*>", "", text).split("→")
    assert [part.split(":")[0].strip() for part in words] == list(WAY)
    assert "the flow · the formula · Q and K · the matrices" in words[1]
    assert text.count("aria-current") == 1
    assert 'href="3-2-1-queries-and-keys.html" aria-current="true"><strong>Q and K</strong>' in text
    assert text.count("<a ") == len(WAY) - 1 + len(WAY["down"])
    monkeypatch.delenv("BOOK_STATIC")
    assert 'href="3-2-1-queries-and-keys.md"' in you_are_here("3.2.1")._repr_html_()
    assert "aria-current" not in you_are_here("1")._repr_html_()
    with pytest.raises(ValueError, match=r"section '9' is no place on the thread"):
        you_are_here("9")


def test_every_place_of_the_way_can_be_stood_on():
    for stretch, places in WAY.items():
        for place, chapter, sections in places:
            for section in sections:
                text = you_are_here(section)._repr_html_()
                assert f"{stretch}: " in text and f"<strong>{place}</strong>" in text
            assert (ROOT / f"chapters/{chapter}.md").exists()
