"""A claim of the article, its verdict and the number that decides it: said once, in the cell that measures it."""

import html
import json
import re

from page.subscripts import with_subscripts


def claim(name, *, section, says, verdict, number, quote=""):
    """Declare the claim that this cell has just measured; the ledger of the book is built from these.

    name: a slug, unique in the book; the cell can be linked to as #claim-<name>.
    section: the article's section, "3.2". says: the claim in a phrase. verdict: "holds", "corrected" or
    "holds, if …" with the condition. number: what was measured, in words and digits made by the cell.
    quote: the article's own words from that section, exact, in Chinese, a sentence at most.
    Returns: a note that Jupyter and the page show under the cell. Errors: ValueError for anything else.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name {name!r} must be a slug: lower-case letters and digits, joined by hyphens.")
    if not re.fullmatch(r"\d(\.\d)*", section):
        raise ValueError(f"section {section!r} must be a number of the article such as '3.2.1'.")
    if verdict not in ("holds", "corrected") and not re.fullmatch(r"holds, if .+", verdict):
        raise ValueError(f"verdict {verdict!r} must be 'holds', 'corrected' or 'holds, if …' with the condition.")
    if not re.search(r"\d", number):
        raise ValueError(f"number {number!r} has no digit: say what was measured.")
    if quote and (not re.search(r"[\u4e00-\u9fff]", quote) or re.search(r"。.", quote)):
        raise ValueError(f"quote {quote!r} must be the article's own words in Chinese, a sentence at most.")
    quote = re.sub(r"[*`$]", "", quote).replace("^T", "ᵀ")  # as it looks once its Markdown is set
    number = re.sub(r"(?<![\w.])-(?=\d)", "−", number)  # a minus sign, not a hyphen; 1e-14 stays
    fields = {"name": name, "section": section, "says": says, "quote": quote, "verdict": verdict, "number": number}
    return _Claim(fields)


class _Claim:
    def __init__(self, fields):
        self.fields = fields

    def _repr_html_(self):
        f = {key: with_subscripts(value) for key, value in self.fields.items()}
        kind = f["verdict"].split(",")[0]
        quote = f' <q lang="zh">{f["quote"]}</q>' if f["quote"] else ""
        number = re.sub(r"^[a-z](?=[a-z-]*[ :,])", lambda first: first[0].upper(), f["number"])
        return (
            f'<div class="claim claim-{kind}" role="note" id="claim-{f["name"]}" '
            f'data-claim="{html.escape(json.dumps(self.fields, ensure_ascii=False))}">'
            f"<span>The article, §{f['section']}: {f['says']}.{quote}</span> "
            f"<strong>{f['verdict'][0].upper()}{f['verdict'][1:]}.</strong> <span>{number}.</span></div>"
        )

    def __repr__(self):
        f = self.fields
        quote = f"“{f['quote']}” " if f["quote"] else ""
        verdict = f"{f['verdict'][0].upper()}{f['verdict'][1:]}"
        return f"The article, §{f['section']}: {f['says']}. {quote}{verdict}. {f['number']}."
