"""A trained Transformer as files for the page: the steps of the book's own `Encoder`, and its numbers, packed.

`python code/live/models.py FOLDER NAME` writes them; the build of the book does so (_ext/book_build/live_model.py).
"""

import base64
import hashlib
import json
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from live.steps import EXACT, largest_difference, packed, script, steps_of, walk
from live.text import LONGEST
from nano_e5 import PARTS, load_e5, open_file
from real_model import Encoder

CHUNK = 128  # rows of the table of tokens in a file: what is asked for tells a server no more than which 128
QUERY = "query: "
# What the script is compared with torch on, before anything is written: long, short, one token a letter, not a letter.
TRIED = (
    "我来自福州，现在住在北京，是一个正值壮年的牛马程序员",
    "She said that she is a programmer.",
    "Привет, мир! ☃ 🙂",
    "",
)


class Page(torch.nn.Module):
    """ids (tokens,) -> attn_weights (layers, heads, tokens, tokens): the Encoder, its text split elsewhere.

    The names of the parameters say in which file they go: "layers.3.W_query.weight" in "layers/3".
    """

    def __init__(self, encoder, longest):
        super().__init__()
        self.num_heads, self.eps = encoder.num_heads, encoder.eps
        self.table = _fixed(torch.zeros(2, encoder.position.shape[1]))  # a stand-in: its rows come as they are needed
        self.position = _fixed(encoder.position[:longest])
        self.embed_norm = _pair(encoder.embed_norm)
        self.layers = torch.nn.ModuleList(
            torch.nn.ModuleDict({part: _pair(numbers) for part, numbers in layer.items()}) for layer in encoder.layers
        )

    def forward(self, ids):
        encoder = Encoder(
            split=lambda ids: (None, ids),
            embed=lambda ids: self.table[ids],
            position=self.position,
            embed_norm=self.embed_norm(),
            layers=[{name: part() for name, part in layer.items()} for layer in self.layers],
            num_heads=self.num_heads,
            eps=self.eps,
        )
        return (encoder(ids).attn_weights,)


class _pair(torch.nn.Module):
    def __init__(self, numbers):
        super().__init__()
        self.weight, self.bias = map(_fixed, numbers)

    def forward(self):
        return self.weight, self.bias


def _fixed(tensor):
    return torch.nn.Parameter(tensor, requires_grad=False)


def e5():
    """{name of a file: what stands in it} for multilingual-e5-small, with the four bits that its package has.

    Errors: ModuleNotFoundError without the package; ValueError if the script in the page does not give torch's weights.
    """
    encoder, file = load_e5(), open_file()
    page = Page(encoder, LONGEST)
    program = steps_of(page, torch.arange(9), longest=LONGEST)
    ready = {
        f"layers.{i}.{ours}.weight": file.blocks(f"l{i}.{theirs}.w").tobytes()
        for i in range(file.num_layers)
        for ours, theirs in PARTS.items()
        if not ours.startswith("norm")
    }
    groups = {}
    for name, parameter in page.named_parameters():
        if name != "table":
            part = name.split(".")
            groups.setdefault(f"layers/{part[1]}" if part[0] == "layers" else "begin", {})[name] = parameter
    program["files"], numbers = {}, {}
    for group, parameters in groups.items():
        program["files"][group], numbers[group] = packed(parameters, bits=32, ready=ready)
    files = {name: script(name, data) for name, data in numbers.items()}
    pieces = list(file.vocabulary)
    scores = np.array([score for _, score in file.vocabulary.values()], "<f4").view("<i4")
    words = {"pieces": "\n".join(pieces), "unknown": file.unknown, "start": file.start, "end": file.end}
    # They are sorted, so differences of their bits are small numbers: a fifth of the bytes.
    files["words"] = script("words", words | {"scores": np.diff(scores, prepend=0).tolist()})
    rows = file.blocks("emb.word").reshape(-1, file.d_model // 32)[: len(pieces)]
    program["table"] = {"rows": len(rows), "width": file.d_model, "chunk": CHUNK}
    table = {
        f"table/{i // CHUNK}": script(f"table/{i // CHUNK}", rows[i : i + CHUNK].tobytes())
        for i in range(0, len(rows), CHUNK)
    }
    program |= {"layers": file.num_layers, "heads": file.num_heads, "longest": LONGEST, "before": QUERY}
    program["bytes"] = {name: len(data) for name, data in numbers.items()}
    program["bytes"] |= {
        "words": len(zlib.compress(files["words"].encode())),
        "table": rows.nbytes,
    }
    everything = "".join([*files.values(), *table.values()])
    program["version"] = hashlib.sha256(everything.encode()).hexdigest()[:8]
    program |= tried(program, files, table, encoder)
    size = sum(program["bytes"].values()) - program["bytes"]["table"]
    about = {"megabytes": round(size / 1e6), "difference": program["difference"]}
    written = {f"{name}.js": text for name, text in {"program": script("program", program), **files, **table}.items()}
    licence = Path(__file__).with_name("licence-e5.txt").read_text("utf-8")
    return written | {"about.json": json.dumps(about), "licence.txt": licence}


def tried(program, files, table, encoder):
    """How far the script's weights are from torch's; and an example to be tried on every reader's own machine."""
    ids = [encoder.split(QUERY + text)[1] for text in TRIED]
    needed = [*program["files"], *{f"table/{i // CHUNK}" for each in ids for i in each.tolist()}]
    given = {name: text for name, text in (files | table).items() if name in needed}
    walked = walk({"program": script("program", program), **given}, [each.tolist() for each in ids], needed)
    expected = [[encoder(QUERY + text).attn_weights] for text in TRIED]
    difference = largest_difference(walked, expected)
    if not difference <= EXACT:
        raise ValueError(
            f"the weights in the page would differ from torch's by {difference:.1e}, at most {EXACT} is right."
        )
    return {"difference": difference, "example": {"ids": ids[-1].tolist(), "weights": letters(expected[-1][0])}}


def letters(numbers):
    """Numbers as base64, within a file that is not all numbers."""
    return base64.b64encode(numbers.numpy().astype("<f4").tobytes()).decode()


MODELS = {"e5": e5}


def main(folder, name):
    torch.set_num_threads(1)
    files = MODELS[name]()
    shutil.rmtree(folder, ignore_errors=True)
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
