"""The same steps and the same four bits in ONNX Runtime Web: what the script of the page is measured against."""

import base64
import json
import re
import statistics

import numpy as np
from bench_report import PACKAGES, ROOT
from server import weighing

RUNTIME = PACKAGES / "onnxruntime-web/dist"
RUNTIME_FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
RUNS = 15


def held(model, name):
    text = (ROOT / f"_build/html/live/{model}/{name}.js").read_text("utf-8")
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


def onnx_model(model):
    """The steps in the site as an ONNX graph: rows (tokens, d_model) of the table -> attn_weights."""
    from onnx import TensorProto, checker, helper, numpy_helper

    program = held(model, "program")
    nodes, constants = [], {}

    def constant(name, array):
        constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))

    shapes, packed = {}, {}
    for file, places in program["files"].items():
        data = np.frombuffer(base64.b64decode(held(model, file)), np.uint8)
        for name, (kind, at, shape) in places.items():
            shapes[name] = shape
            if kind == "f32":
                constant(name, data[at : at + 4 * int(np.prod(shape))].view("<f4").reshape(shape))
            else:
                packed[name] = data[at : at + int(np.prod(shape)) // 32 * 18].reshape(shape[0], shape[1] // 32, 18)

    def linear(name, x, weight, bias):
        steps, pairs = packed[weight][..., :2].copy().view("<f2")[..., 0], packed[weight][..., 2:]
        numbers = np.concatenate([pairs & 15, pairs >> 4], -1)  # ours: 0 … 15, then 16 … 31; theirs: neighbours
        constant(f"{weight}.numbers", numbers[..., ::2] | numbers[..., 1::2] << 4)
        constant(f"{weight}.steps", steps.astype(np.float32).ravel())
        N, K = shapes[weight]
        inputs, sizes = [x, f"{weight}.numbers", f"{weight}.steps"], {"K": K, "N": N, "bits": 4, "block_size": 32}
        node("MatMulNBits", inputs, f"{name}.product", domain="com.microsoft", **sizes)
        node("Add", [f"{name}.product", bias], name)

    for name, _, operation, *arguments in program["steps"]:
        x, *rest = [
            a[1:] if isinstance(a, str) else [b[1:] for b in a] if operation == "stack" else a for a in arguments
        ]
        if operation == "sym_size":
            node("Shape", ["rows"], name, start=0, end=1)
        elif operation == "index":
            node("Identity", ["rows"], name)
        elif operation == "slice":
            node("Slice", [x, constant("zero", np.array([0])), rest[2], "zero"], name)
        elif operation == "layer_norm":
            node("LayerNormalization", [x, rest[1], rest[2]], name, epsilon=rest[3])
        elif operation == "linear":
            linear(name, x, *rest)
        elif operation in ("unflatten", "flatten"):
            shape = [0, rest[1][0], shapes["position"][1] // rest[1][0]] if operation == "unflatten" else [0, -1]
            node("Reshape", [x, constant(f"{name}.shape", np.array(shape))], name)
        elif operation == "transpose":
            node("Transpose", [x], name, perm=[1, 0, 2] if rest[0] == 0 else [0, 2, 1])
        elif operation == "mul":
            node("Mul", [x, constant(f"{name}.number", np.float32(rest[0]))], name)
        elif operation == "stack":
            for each in x:
                node("Unsqueeze", [each, "zero"], f"{name}.{each}")
            node("Concat", [f"{name}.{each}" for each in x], name, axis=0)
        else:
            kind = {"add": "Add", "matmul": "MatMul", "softmax": "Softmax", "gelu": "Gelu"}[operation]
            more = {"axis": -1} if operation == "softmax" else {}
            node(kind, [x, *rest][: 2 if kind in ("Add", "MatMul") else 1], name, **more)
    width, result = shapes["position"][1], program["results"][0][1:]
    graph = helper.make_graph(
        nodes,
        "steps",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["tokens", width])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["layers", "heads", "tokens", "tokens"])],
        list(constants.values()),
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    written = helper.make_model(graph, opset_imports=versions, ir_version=10)
    checker.check_model(written)
    return written.SerializeToString()


PAGE = (
    b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="ort.wasm.min.js"></script>"""
)
START = """async () => {
  ort.env.wasm.numThreads = 1; // more need headers that no host of static pages sends
  ort.env.wasm.wasmPaths = location.href;
  window.session = await ort.InferenceSession.create('model.onnx', {executionProviders: ['wasm']});
}"""
RUN = """async ([rows, shape]) => {
  const data = new Float32Array(Uint8Array.from(atob(rows), c => c.charCodeAt(0)).buffer);
  const begin = performance.now();
  const result = await session.run({rows: new ort.Tensor('float32', data, shape)});
  const took = performance.now() - begin, {data: weights} = Object.values(result)[0];
  return [took, Array.from(weights)];
}"""


def theirs(chromium, rows, expected):
    """(bytes of runtime and model, seconds until it is ready, milliseconds of a run, largest difference from torch)"""
    files = {f"/{name}": (RUNTIME / name).read_bytes() for name in RUNTIME_FILES}
    files |= {"/": PAGE, "/model.onnx": onnx_model("e5")}
    with weighing(files) as (address, answered):
        page = chromium.new_page()
        page.goto(address + "/")
        begin = page.evaluate("performance.now()")
        page.evaluate(START)
        ready = (page.evaluate("performance.now()") - begin) / 1000
        given = [base64.b64encode(rows.astype("<f4").tobytes()).decode(), list(rows.shape)]
        runs = [page.evaluate(RUN, given) for _ in range(RUNS)]
        difference = np.abs(np.array(runs[0][1], np.float32).reshape(expected.shape) - expected).max()
        size = sum(sent for _, sent in answered)
        page.close()
    return size, ready, statistics.median(took for took, _ in runs), float(difference)


def runtime_version():
    return re.search(r'"version": "(.*?)"', (RUNTIME.parent / "package.json").read_text())[1]
