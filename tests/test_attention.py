"""attention.py against torch's own kernels, and each bad input by its message."""

import copy

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
    ],
)
def test_bad_inputs_of_attention(change, message):
    arguments = GOOD | change
    with pytest.raises(ValueError, match=message):
        attention(**arguments)


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
    ],
)
def test_bad_sizes_of_the_module(change, message):
    sizes = {"d_in": 12, "d_out": 16, "context_length": 10, "dropout": 0.0, "num_heads": 4}
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(**(sizes | change))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (rand(5, 12), r"x must be \(batch, tokens, d_in = 12\); it has 2 dimensions: \(5, 12\)"),
        (rand(1, 5, 13), r"last dimension is 13, d_in is 12"),
        (rand(1, 11, 12), r"x has 11 tokens, context_length = 10 allows 1 to 10.*larger context_length"),
        (rand(1, 0, 12), r"x has 0 tokens"),
        (torch.ones(1, 5, 12, dtype=torch.int), r"x has dtype torch.int32.*x\.float\(\)"),
    ],
)
def test_bad_inputs_of_the_module(x, message):
    with pytest.raises(ValueError, match=message):
        layer()(x)


# ---------------------------------------------------------------- memory


def test_memory_grows_linearly_without_weights_and_quadratically_with_them():
    tokens = [1024, 2048, 4096, 8192]
    module = MultiHeadAttention(128, 128, max(tokens), 0.0, 1)

    def growth(**options):
        with torch.no_grad():
            peaks = [peak_bytes(lambda x: module(x, **options), torch.zeros(1, n, 128)) for n in tokens]
        return slope(tokens, peaks)

    assert growth() == pytest.approx(1, abs=0.05)
    assert growth(need_weights=True) == pytest.approx(2, abs=0.1)
