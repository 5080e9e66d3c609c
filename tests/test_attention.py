"""attention.py against torch's own kernels, and each bad input by its message."""

import copy
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from attention import MultiHeadAttention, attention, causal_mask
from costs import peak_bytes, slope

pytestmark = pytest.mark.depends("code/attention*.py")

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def rand(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@st.composite
def cases(draw):
    """Inputs of all kinds: leading dimensions, widths, lengths from 1, dtypes, masks, scales."""
    size = st.integers(1, 7)
    lead = draw(st.lists(st.integers(1, 3), max_size=3))
    queries, keys, d_k, d_v = (draw(size) for _ in range(4))
    dtype = draw(st.sampled_from(list(TOLERANCE)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    shapes = [(*lead, queries, d_k), (*lead, keys, d_k), (*lead, keys, d_v)]
    tensors = [torch.randn(shape, dtype=dtype, generator=generator) for shape in shapes]
    mask = None
    if draw(st.booleans()):
        mask_lead = lead if draw(st.booleans()) else []
        mask = torch.rand(*mask_lead, queries, keys, generator=generator) < 0.6
        mask[..., 0] |= ~mask.any(dim=-1)  # every row allows a key
    scale = draw(st.none() | st.sampled_from([0.1, 0.5, 1.0, 2.0]))
    return tensors, mask, scale


@settings(max_examples=250, deadline=None, derandomize=True)
@given(cases())
def test_same_numbers_and_gradients_as_torch(case):
    tensors, mask, scale = case
    tolerance = TOLERANCE[tensors[0].dtype]
    ours = [t.clone().requires_grad_() for t in tensors]
    theirs = [t.clone().requires_grad_() for t in tensors]
    context, attn_weights = attention(*ours, mask=mask, scale=scale)
    expected = F.scaled_dot_product_attention(*theirs, attn_mask=mask, scale=scale)
    torch.testing.assert_close(context, expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(attn_weights.sum(-1), torch.ones_like(attn_weights[..., 0]))
    if mask is not None:
        assert (attn_weights[~mask.expand_as(attn_weights)] == 0).all()
    context.pow(2).sum().backward()
    expected.pow(2).sum().backward()
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, its.grad, atol=10 * tolerance, rtol=10 * tolerance)


def test_default_scale_is_one_over_the_root_of_d_k():
    q, k, v = rand(3, 4, 9), rand(3, 5, 9, seed=1), rand(3, 5, 2, seed=2)
    torch.testing.assert_close(attention(q, k, v)[1], torch.softmax(q @ k.mT / 3, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_scale_can_be_any_real_number_or_a_learned_one(dtype):
    q, k, v = (rand(2, 4, 9, dtype=dtype, seed=i) for i in range(3))
    expected = attention(q, k, v, scale=0.5)[0]
    for scale in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5), torch.tensor(0.5, dtype=torch.float64)):
        assert torch.equal(attention(q, k, v, scale=scale)[0], expected)
    assert torch.equal(attention(q, k, v, scale=np.int64(2))[0], attention(q, k, v, scale=2)[0])
    learned = torch.tensor(0.5, requires_grad=True)
    attention(q, k, v, scale=learned)[0].pow(2).sum().backward()
    assert learned.grad.abs() > 0


@pytest.mark.parametrize("number", [torch.inf, -torch.inf, torch.nan, 1e308])
def test_a_hidden_key_leaves_no_trace_whatever_its_score(number):
    """Also an infinite or undefined score is hidden: −∞ takes its place; added to it, it would not."""
    q, k, v = (rand(2, 5, 8, seed=i) for i in range(3))
    k[..., 3, 0] = number
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[:, 3] = False
    seen = [0, 1, 2, 4]
    expected, expected_weights = attention(q, k[..., seen, :], v[..., seen, :])
    ways = {
        "as it stands": lambda *qkv: attention(*qkv, mask=mask),
        "with gradients": lambda q, *kv: attention(q.clone().requires_grad_(), *kv, mask=mask),
        "under vmap": torch.func.vmap(lambda *qkv: attention(*qkv, mask=mask)),
    }
    for words, way in ways.items():
        context, attn_weights = way(q, k, v)
        torch.testing.assert_close(context, expected, atol=1e-12, rtol=0, msg=words)
        torch.testing.assert_close(attn_weights[..., seen], expected_weights, atol=1e-12, rtol=0, msg=words)
        assert (attn_weights[..., 3] == 0).all(), words


def test_dropout_comes_after_the_weights_that_are_returned():
    q, k, v = (rand(2, 6, 8, seed=i) for i in range(3))
    expected, weights = attention(q, k, v, mask=causal_mask(6))
    torch.manual_seed(1)
    context, attn_weights = attention(q, k, v, mask=causal_mask(6), dropout_p=0.5)
    torch.manual_seed(1)
    assert torch.equal(attn_weights, weights)
    assert torch.equal(context, F.dropout(weights, 0.5) @ v)
    assert not torch.equal(context, expected)


def test_inputs_are_never_changed():
    tensors = [rand(2, 4, 8, seed=i) for i in range(3)]
    mask = causal_mask(4)
    before = [t.clone() for t in (*tensors, mask)]
    attention(*tensors, mask=mask)
    assert all(torch.equal(a, b) for a, b in zip(before, (*tensors, mask), strict=True))


def test_causal_mask():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


GOOD = {"query": rand(2, 3, 4), "key": rand(2, 5, 4), "value": rand(2, 5, 6)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": rand(4)}, r"query must be \(\.\.\., tokens, width\); it has shape \(4,\)"),
        ({"key": torch.ones(2, 5, 4, dtype=torch.long)}, r"key has dtype torch.int64.*floating.*key\.float\(\)"),
        ({"query": rand(2, 3, 7)}, r"query has width d_k = 7, key has 4; they must be equal"),
        ({"query": rand(2, 3, 0), "key": rand(2, 5, 0)}, r"at least 1"),
        ({"value": rand(2, 6, 6)}, r"key has 5 tokens, value has 6"),
        ({"key": rand(2, 0, 4), "value": rand(2, 0, 6)}, r"key has 0 tokens.*at least 1"),
        ({"query": rand(3, 3, 4)}, r"leading dimensions of query, key, value are \(3,\), \(2,\), \(2,\).*broadcast"),
        ({"mask": torch.ones(3, 5)}, r"mask has dtype torch.float32; it must be torch.bool, True = may attend"),
        ({"mask": torch.ones(5, 3, dtype=torch.bool)}, r"mask \(5, 3\) does not broadcast.*\(2, 3, 5\)"),
        ({"mask": torch.ones(7, 2, 3, 5, dtype=torch.bool)}, r"mask \(7, 2, 3, 5\) does not broadcast"),
        ({"mask": torch.tensor([[True], [False], [True]])}, r"mask has a row that allows no key"),
        ({"mask": nn.Parameter(torch.zeros(3, 5, dtype=torch.bool), requires_grad=False)}, r"allows no key"),
        ({"mask": [[True] * 5] * 3}, r"mask is a list; it must be a torch\.Tensor.*torch\.as_tensor"),
        ({"mask": np.ones((3, 5), dtype=bool)}, r"mask is a ndarray; it must be a torch\.Tensor"),
        ({"mask": True}, r"mask is True; it must be a torch\.Tensor"),
        ({"query": GOOD["query"].numpy()}, r"query is a ndarray; it must be a torch\.Tensor.*torch\.as_tensor"),
        ({"key": GOOD["key"].tolist()}, r"key is a list; it must be a torch\.Tensor"),
        ({"value": None}, r"value is None; it must be a torch\.Tensor"),
        ({"key": GOOD["key"].float()}, r"have dtypes torch.float64, torch.float32, torch.float64; they must be equal"),
        ({"query": GOOD["query"].to(torch.cfloat)}, r"query has dtype torch.complex64.*floating"),
    ],
)
def test_bad_inputs_of_attention(change, message):
    arguments = GOOD | change
    with pytest.raises(ValueError, match=message):
        attention(**arguments)


@pytest.mark.parametrize(
    "scale",
    [
        *("0.5", True, np.True_, 1j, [0.5], Fraction(1, 2), np.array(0.5), np.ones((7, 1, 1, 1))),
        *(torch.nan, torch.inf, -torch.inf, np.float32("nan")),
        *(torch.ones(7, 1, 1, 1), torch.ones(1), torch.tensor(torch.nan), torch.tensor(True), torch.tensor(1j)),
    ],
    ids=lambda scale: f"{type(scale).__name__} {str(scale)[:9]}",
)
def test_bad_scales(scale):
    with pytest.raises(ValueError, match=r"scale .* must be a finite number, or a floating tensor without dimensions"):
        attention(**GOOD, scale=scale)


NO_PROBABILITIES = [1.0, -0.1, True, torch.nan, "0.1", None, [0.1], Fraction(1, 2), torch.tensor(0.1)]


@pytest.mark.parametrize("p", NO_PROBABILITIES, ids=repr)
def test_bad_dropouts(p):
    with pytest.raises(ValueError, match=r"dropout_p = .* must be a probability in \[0, 1\)"):
        attention(**GOOD, dropout_p=p)
    with pytest.raises(ValueError, match=r"dropout = .* must be a probability in \[0, 1\)"):
        MultiHeadAttention(12, 16, 10, p, 4)


# ---------------------------------------------------------------- half precision

HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])


@HALVES
@pytest.mark.parametrize("autocast", [False, True])
def test_half_precision_is_as_near_to_the_truth_as_torchs_own(dtype, autocast):
    """At scores of three standard deviations. The truth is computed in float64, from the same rounded inputs."""
    q, k, v = (rand(4, 8, 64, 64, dtype=torch.float32, seed=i) for i in range(3))
    q, k, v, mask = (3 * q).to(dtype), k.to(dtype), v.to(dtype), causal_mask(64)
    with torch.autocast("cpu", dtype=dtype, enabled=autocast):
        context, attn_weights = attention(q, k, v, mask=mask)
        peers = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    truth, weights = attention(q.double(), k.double(), v.double(), mask=mask)
    assert context.dtype == attn_weights.dtype == dtype
    for error in (lambda a: (a - truth).abs().max(), lambda a: (a - truth).abs().mean()):
        assert error(context) <= error(peers)
    assert ((attn_weights - weights).abs() <= torch.finfo(dtype).eps / 2 * weights + 1e-6).all()


@HALVES
def test_half_precision_gives_one_answer_with_weights_and_without(dtype):
    module = layer(dtype=dtype)
    with torch.no_grad():
        module.W_query.weight.mul_(20)
    x = rand(2, 10, 12, dtype=dtype)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(module(x, need_weights=True)[0], module(x), atol=4 * eps, rtol=4 * eps)


# ---------------------------------------------------------------- torch's other ways to run it

MASKS = torch.stack([causal_mask(5), torch.ones(5, 5, dtype=torch.bool), torch.eye(5, dtype=torch.bool)])


class Attention(nn.Module):
    def forward(self, query, key, value, mask):
        return attention(query, key, value, mask=mask)


def same(one, other):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_compiles_in_one_piece(dtype, dynamic):
    torch.compiler.reset()
    compiled = torch.compile(Attention(), fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for tokens in (5, 7) if dynamic else (5,):
        q, k, v = (rand(2, tokens, 8, dtype=dtype, seed=i).requires_grad_() for i in range(3))
        answer, expected = compiled(q, k, v, causal_mask(tokens)), attention(q, k, v, mask=causal_mask(tokens))
        same(answer, expected)
        gradients = (torch.autograd.grad(context.float().pow(2).sum(), (q, k, v)) for context, _ in (answer, expected))
        if dtype is torch.float32:
            same(*gradients)


@pytest.mark.parametrize("need_weights", [True, False])
def test_the_module_compiles_in_one_piece(need_weights):
    torch.compiler.reset()
    module, x = layer(), rand(2, 6, 12, dtype=torch.float32)
    answer = torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager")(x, need_weights=need_weights)
    expected = module(x, need_weights=need_weights)
    same(answer, expected) if need_weights else same([answer], [expected])


@pytest.mark.parametrize("strict", [True, False])
def test_it_is_exported_for_any_number_of_tokens_as_the_steps_of_the_formula_and_no_others(strict):
    q, k, v = (rand(2, 5, 8, dtype=torch.float32, seed=i) for i in range(3))
    tokens = torch.export.Dim("tokens", min=2, max=64)
    shapes = ({1: tokens}, {1: tokens}, {1: tokens}, {0: tokens, 1: tokens})
    program = torch.export.export(Attention(), (q, k, v, MASKS[0]), dynamic_shapes=shapes, strict=strict)
    steps = [str(node.target).split(".")[1] for node in program.graph.nodes if node.op == "call_function"]
    steps = [step for step in steps if step not in ("sym_size", "_assert_scalar")]
    assert steps == ["mul", "transpose", "matmul", "bitwise_not", "masked_fill", "softmax", "matmul"]
    longer = [rand(2, 9, 8, dtype=torch.float32, seed=i) for i in range(3)]
    same(program.module()(*longer, causal_mask(9)), attention(*longer, mask=causal_mask(9)))


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_the_module_is_exported_for_any_number_of_texts_and_tokens(need_weights, strict):
    module, x = layer().eval(), rand(3, 5, 12, dtype=torch.float32)
    shapes = {"x": {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", min=2, max=10)}, "need_weights": None}
    program = torch.export.export(module, (x, need_weights), dynamic_shapes=shapes, strict=strict)
    longer = rand(4, 9, 12, dtype=torch.float32)
    answer, expected = program.module()(longer, need_weights), module(longer, need_weights=need_weights)
    same(answer, expected) if need_weights else same([answer], [expected])


def test_vmap_over_masks_alone_and_gradients_through_it():
    q, k, v = (rand(2, 5, 8, seed=i) for i in range(3))

    def one(q, mask):
        return attention(q, k, v, mask=mask)[0]

    each = torch.stack([one(q, mask) for mask in MASKS])
    torch.testing.assert_close(torch.func.vmap(one, (None, 0))(q, MASKS), each)
    torch.testing.assert_close(torch.func.vmap(one, (0, None))(q, MASKS[0]), torch.stack([one(r, MASKS[0]) for r in q]))
    by_func = torch.func.grad(lambda q: torch.func.vmap(one, (None, 0))(q, MASKS).pow(2).sum())(q)
    asked = q.clone().requires_grad_()
    sum(one(asked, mask).pow(2).sum() for mask in MASKS).backward()
    torch.testing.assert_close(by_func, asked.grad)
    scales = torch.tensor([0.1, 0.7], dtype=torch.float64)
    by_scale = torch.func.vmap(lambda scale: attention(q, k, v, scale=scale)[0])(scales)
    torch.testing.assert_close(by_scale, torch.stack([attention(q, k, v, scale=scale)[0] for scale in scales]))


def test_derivatives_of_the_masked_scores():
    """The mask is written into the scores past autograd: every kind of derivative must not miss it."""
    tensors = [rand(1, 5, 3, seed=i).requires_grad_() for i in range(3)]

    def masked(*qkv):
        return attention(*qkv, mask=causal_mask(5))

    assert torch.autograd.gradcheck(masked, tensors, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(masked, tensors)


def test_the_shapes_of_tensors_without_numbers():
    for dtype in (torch.float32, torch.bfloat16):
        q, k, v = (torch.empty(2, 5, 8, dtype=dtype, device="meta") for _ in range(3))
        assert attention(q, k, v, mask=MASKS[0].to("meta"))[0].shape == (2, 5, 8)


# ---------------------------------------------------------------- the module


def layer(num_heads=4, dropout=0.0, bias=True, d_in=12, d_out=16, context_length=10, dtype=torch.float32):
    torch.manual_seed(0)
    return MultiHeadAttention(d_in, d_out, context_length, dropout, num_heads, qkv_bias=bias).to(dtype)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_module_equals_torchs_module_with_copied_weights(num_heads, bias, dtype):
    ours = layer(num_heads, bias=bias, d_in=16, dtype=dtype)
    theirs = nn.MultiheadAttention(16, num_heads, bias=True, batch_first=True, dtype=dtype)
    with torch.no_grad():
        projections = (ours.W_query, ours.W_key, ours.W_value)
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias if bias else torch.zeros(16) for p in projections]))
        theirs.out_proj.load_state_dict(ours.out_proj.state_dict())
    x = rand(3, 7, 16, dtype=dtype)
    expected, weights = theirs(x, x, x, attn_mask=~causal_mask(7), need_weights=True, average_attn_weights=False)
    tolerance = TOLERANCE[dtype]
    context, attn_weights = ours(x, need_weights=True)
    torch.testing.assert_close(ours(x), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(context, expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(attn_weights, weights, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("need_weights", [True, False])
def test_nothing_leaks_from_the_future(need_weights):
    module, x = layer(), rand(2, 10, 12, dtype=torch.float32)
    for t in range(1, 10):
        changed = x.clone()
        changed[:, t:] += 1
        before, after = (module(tensor, need_weights=need_weights) for tensor in (x, changed))
        for one, other in zip(before, after, strict=True) if need_weights else [(before, after)]:
            earlier = (..., slice(t), slice(None))
            assert torch.equal(one[earlier], other[earlier]), f"a change at token {t} reached an earlier one"
        assert not torch.equal(before[0] if need_weights else before, after[0] if need_weights else after)


def test_a_checkpoint_with_the_same_names_loads_strictly():
    """A second, plainly written module with the article's parameter names: one loop over heads and tokens."""
    torch.manual_seed(3)
    state = {f"W_{n}.weight": torch.randn(16, 12) / 4 for n in ("query", "key", "value")}
    state |= {"out_proj.weight": torch.randn(16, 16) / 4, "out_proj.bias": torch.randn(16)}
    state |= {"mask": torch.triu(torch.ones(10, 10), diagonal=1)}
    ours = layer(bias=False)
    ours.load_state_dict(state, strict=True)
    x = rand(2, 6, 12, dtype=torch.float32)
    out = torch.zeros(2, 6, 16)
    for head in range(4):
        rows = slice(4 * head, 4 * head + 4)
        q, k, v = (x @ state[f"W_{n}.weight"][rows].T for n in ("query", "key", "value"))
        for b in range(2):
            for t in range(6):
                scores = torch.stack([q[b, t] @ k[b, s] / 2 for s in range(t + 1)])
                out[b, t, rows] = torch.softmax(scores, 0) @ v[b, : t + 1]
    expected = out @ state["out_proj.weight"].T + state["out_proj.bias"]
    torch.testing.assert_close(ours(x), expected, atol=1e-6, rtol=1e-6)
    assert set(ours.state_dict()) == set(state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
@pytest.mark.parametrize("buffer", [torch.triu(torch.ones(10, 10), 1), torch.ones(10, 10).tril(), torch.zeros(10, 10)])
def test_one_answer_whatever_the_buffer_of_a_checkpoint_means(buffer, dtype):
    """1 = hidden, 1 = visible, and no mask at all: this module is causal, with weights and without."""
    expected, module, x = layer(), layer(), rand(2, 6, 12, dtype=torch.float32)
    module.load_state_dict(module.state_dict() | {"mask": buffer.to(dtype)}, strict=True)
    torch.testing.assert_close(module(x), expected(x), atol=1e-6, rtol=0)
    same(module(x, need_weights=True), expected(x, need_weights=True))


def test_dropout_works_in_training_and_only_there():
    module, x = layer(dropout=0.5), rand(1, 8, 12, dtype=torch.float32)
    for need_weights in (True, False):

        def run(module=module, x=x, need_weights=need_weights):
            out = module(x, need_weights=need_weights)
            return out[0] if need_weights else out

        assert not torch.equal(module.train()(x), module(x))
        assert not torch.equal(run(), run())
        module.eval()
        assert torch.equal(run(), run())
        module.train()


def test_dropout_keeps_the_mean():
    module, x = layer(dropout=0.5), rand(1, 8, 12, dtype=torch.float32)
    expected = copy.deepcopy(module).eval()(x)
    for need_weights in (True, False):
        out = module(x.expand(4000, -1, -1), need_weights=need_weights)
        mean = (out[0] if need_weights else out).mean(0, keepdim=True)
        torch.testing.assert_close(mean, expected, atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d_out": 10}, r"d_out = 10 cannot be split into num_heads = 4 equal heads.*multiple"),
        ({"dropout": 1.0}, r"dropout = 1.0 must be a probability in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout = -0.1"),
        ({"num_heads": 0}, r"num_heads = 0 must be a whole number of at least 1"),
        ({"d_in": 2.5}, r"d_in = 2.5 must be a whole number"),
        ({"context_length": -1}, r"context_length = -1"),
        ({"num_heads": True}, r"num_heads = True must be a whole number"),
        ({"num_heads": np.True_}, r"num_heads = .*True.* must be a whole number"),
        ({"num_heads": torch.tensor(True)}, r"num_heads = True must be a whole number"),
        ({"d_out": "16"}, r"d_out = '16' must be a whole number"),
        ({"d_in": None}, r"d_in = None must be a whole number"),
        ({"d_in": np.float64(12)}, r"d_in = .*12\.0.* must be a whole number"),
    ],
)
def test_bad_sizes_of_the_module(change, message):
    sizes = {"d_in": 12, "d_out": 16, "context_length": 10, "dropout": 0.0, "num_heads": 4}
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(**(sizes | change))


def test_whole_numbers_of_numpy_and_torch_are_whole_numbers():
    module = MultiHeadAttention(np.int64(12), np.int32(16), torch.tensor(10), 0.0, np.uint8(4))
    assert [type(n) for n in (module.d_out, module.num_heads, module.head_dim)] == [int, int, int]
    assert module(rand(1, 10, 12, dtype=torch.float32)).shape == (1, 10, 16)
    assert torch.equal(causal_mask(np.int64(3)), causal_mask(3))
    for number in (0, 2.0, True, "3"):
        with pytest.raises(ValueError, match=r"num_tokens = .* must be a whole number of at least 1"):
            causal_mask(number)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (rand(5, 12), r"x must be \(batch, tokens, d_in = 12\); it has 2 dimensions: \(5, 12\)"),
        (rand(1, 5, 13), r"last dimension is 13, d_in is 12"),
        (rand(1, 11, 12), r"x has 11 tokens, context_length = 10 allows 1 to 10.*larger context_length"),
        (rand(1, 0, 12), r"x has 0 tokens"),
        (torch.ones(1, 5, 12, dtype=torch.int), r"x has dtype torch.int32.*x\.float\(\)"),
        (rand(1, 5, 12), r"x has dtype torch.float64, the weights have torch.float32; they must be equal.*x\.to"),
        (rand(1, 5, 12).numpy(), r"x is a ndarray; it must be a torch\.Tensor"),
        (rand(1, 5, 12).tolist(), r"x is a list; it must be a torch\.Tensor"),
        (None, r"x is None; it must be a torch\.Tensor"),
    ],
)
def test_bad_inputs_of_the_module(x, message):
    with pytest.raises(ValueError, match=message):
        layer()(x)


def test_autocast_may_mix_the_dtypes_of_input_and_weights():
    x = rand(2, 5, 12, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for given in (x, x.bfloat16()):
            context, attn_weights = layer()(given, need_weights=True)
            assert context.dtype == attn_weights.dtype == torch.bfloat16


# ---------------------------------------------------------------- memory


def test_memory_grows_linearly_without_weights_and_quadratically_with_them():
    tokens = [1024, 2048, 4096, 8192]
    module = MultiHeadAttention(128, 128, max(tokens), 0.0, 1)

    def growth(**options):
        with torch.no_grad():
            peaks = [peak_bytes(lambda x: module(x, **options), torch.zeros(1, n, 128)) for n in tokens]
        return slope(tokens, peaks)

    assert growth() == pytest.approx(1, abs=0.05)
    with torch.no_grad():
        weights = peak_bytes(lambda x: module(x, need_weights=True), torch.zeros(1, 8192, 128)) / (4 * 8192**2)
    assert weights < 2.5, "more than scores and weights: the mask should be written into the scores"
    assert growth(need_weights=True) == pytest.approx(2, abs=0.1)
