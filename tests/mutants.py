"""Wrong attentions, each with words that the check's answer must contain, and right ones written in other ways.

`python tests/mutants.py` prints the table in docs/checks.md.
"""

import contextlib
import functools
import itertools
import math
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent / "code"))

import torch
import torch.nn as nn
import torch.nn.functional as F

import checks
from attention import MultiHeadAttention, attention, causal_mask
from judging import run

WRONG, RIGHT = [], []


def wrong(check, *words):
    return lambda written: WRONG.append((check, written, words)) or written


def right(check):
    return lambda written: RIGHT.append((check, written)) or written


def _finish(scores, value, mask):
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


def _scaled(query, key, scale):
    return query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)


# ---------------------------------------------------------------- scores


@wrong("check_scores", "Nothing is written here yet")
def scores_stub(query, key):
    """nothing written yet"""
    raise NotImplementedError("your turn")


@wrong("check_scores", "returns None so far")
def scores_none(query, key):
    """no return"""
    query @ key.mT


@wrong("check_scores", "key is not transposed", "line", "query @ key")
def scores_no_transpose(query, key):
    """Q @ K without the transpose"""
    return query @ key


@wrong("check_scores", "query and key are swapped")
def scores_swapped(query, key):
    """K @ Qᵀ"""
    return key @ query.transpose(-2, -1)


@wrong("check_scores", "with one leading dimension", "count dimensions from the end")
def scores_positive_dims(query, key):
    """dimensions counted from the front"""
    return query @ key.transpose(1, 2)


@wrong("check_scores", "key is reshaped, not transposed")
def scores_reshape(query, key):
    """key reshaped where it should be transposed"""
    return query @ key.reshape(*key.shape[:-2], key.shape[-1], key.shape[-2])


@wrong("check_scores", "divided by √d_k already", "scaling is the next step")
def scores_scaled(query, key):
    """scaled one step too soon"""
    return query @ key.mT / query.shape[-1] ** 0.5


@wrong("check_scores", "cosine")
def scores_cosine(query, key):
    """cosine in place of the dot product"""
    return F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT


@wrong("check_scores", "softmax is applied already")
def scores_softmax(query, key):
    """softmax one step too soon"""
    return (query @ key.mT).softmax(-1)


@wrong("check_scores", "NumPy")
def scores_numpy(query, key):
    """computed in NumPy"""
    return query.numpy() @ key.mT.numpy()


@wrong("check_scores", "no gradient flows back")
def scores_detached(query, key):
    """rebuilt from data, without the graph"""
    return torch.tensor((query @ key.mT).tolist(), dtype=query.dtype)


@wrong("check_scores", "changes its input in place")
def scores_in_place(query, key):
    """scales its argument in place"""
    key *= 1.5
    return query @ key.mT / 1.5


@wrong("check_scores", "multiplied by 2 whatever the sizes", "this step has no factor")
def scores_doubled(query, key):
    """a factor of 2"""
    return 2 * query @ key.mT


@wrong("check_scores", "nearly right", "epsilon")
def scores_epsilon(query, key):
    """an epsilon added"""
    return query @ key.mT + 1e-6


@wrong("check_scores", "right, with no leading dimension", "count dimensions from the end")
def scores_t(query, key):
    """key.t(), for matrices only"""
    return query @ key.t()


@wrong("check_scores", "right, with one leading dimension")
def scores_permute(query, key):
    """permute(0, 2, 1), for three dimensions only"""
    return query @ key.permute(0, 2, 1)


@wrong("check_scores", "NotImplementedError", "not implemented for", "line")
def scores_long(query, key):
    """an error of torch that is called NotImplementedError"""
    return (query.long() @ key.long().mT).softmax(-1)


def _endless(check, name, fn):
    fn.__doc__ = name
    wrong(check, "took too long", "line", "a loop that never ends")(fn)


@functools.partial(_endless, "check_scores", "a counter that never counts")
def _(query, key):
    scores, i = query.new_zeros(*query.shape[:-1], key.shape[-2]), 0
    while i < key.shape[-2]:
        scores[..., i] = (query * key[..., i : i + 1, :]).sum(-1)
    return scores


@functools.partial(_endless, "check_scores", "a loop that catches whatever would end it")
def _(query, key):
    while True:
        with contextlib.suppress(BaseException):
            query @ key


@functools.partial(_endless, "check_scores", "a loop that ends without a batch only")
def _(query, key):
    while query.dim() > 2:
        query = query.clone()
    return query @ key.mT


@functools.partial(_endless, "check_scores", "a sum without an end")
def _(query, key):
    return [i for i in itertools.count() if i < 0]


@functools.partial(_endless, "check_scores", "a long sleep")
def _(query, key):
    time.sleep(8)


@wrong("check_scores", "RecursionError", "line")
def scores_recursion(query, key):
    """calls itself"""
    return scores_recursion(query, key)


class _Unreadable(Exception):
    def __str__(self):
        raise RuntimeError


@wrong("check_scores", "_Unreadable: no message that can be read", "raise _Unreadable")
def scores_unreadable(query, key):
    """an exception whose str fails"""
    raise _Unreadable


@wrong("check_scores", "KeyboardInterrupt", "line")
def scores_interrupt(query, key):
    """raises KeyboardInterrupt"""
    raise KeyboardInterrupt


@wrong("check_scores", "changes the default device")
def scores_device(query, key):
    """set_default_device inside"""
    torch.set_default_device("meta")
    return query @ key.mT


for _name, _change, *_words in [
    ("a nested tensor", lambda s: torch.nested.nested_tensor([s, s]), "this one is nested"),
    ("a quantised tensor", lambda s: torch.quantize_per_tensor(s.float(), 0.1, 0, torch.qint8), "is quantised"),
    ("a tensor of another class", lambda s: torch.masked.masked_tensor(s, s > 0), "of class MaskedTensor"),
    ("a complex tensor", lambda s: s.to(torch.complex64), "is complex"),
    ("squeezed", lambda s: s.squeeze(0), "a dimension of size 1 is missing"),
    ("NaN", lambda s: s * math.nan, "there is NaN in it"),
    ("nothing for a batch", lambda s: s if s.dim() == 2 else None, "with other inputs it does", "`return`"),
    ("a number for one pair", lambda s: s if s.numel() > 1 else float(s), "of type float", "one query and one key"),
    ("all 0", lambda s: s * 0, "the scores are all 0"),
    ("no more than 128 rows", lambda s: s[..., :128, :], "140 queries", "should have shape"),
]:

    def _scores(query, key, _change=_change):
        return _change(query @ key.mT)

    _scores.__doc__ = _name
    wrong("check_scores", *_words)(_scores)


@wrong("check_scores", "is a class")
class ScoresClass:
    """a class in place of a function"""

    def __init__(self, query, key):
        self.scores = query @ key.mT


# ---------------------------------------------------------------- scale


@wrong("check_scale", "not scaled")
def scale_missing(query, key):
    """no scale"""
    return query @ key.mT


@wrong("check_scale", "divided by d_k, or scaled twice")
def scale_d_k(query, key):
    """1/d_k"""
    return query @ key.mT / key.shape[-1]


@wrong("check_scale", "multiplied by √d_k")
def scale_times(query, key):
    """multiplied where it should be divided"""
    return query @ key.mT * math.sqrt(query.size(-1))


@wrong("check_scale", "divided by √(the number of keys)")
def scale_tokens(query, key):
    """root of the number of tokens"""
    return query @ key.mT / key.shape[-2] ** 0.5


@wrong("check_scale", "divided by √query.shape[1]")
def scale_front(query, key):
    """a dimension counted from the front"""
    return query @ key.mT / query.shape[1] ** 0.5


@wrong("check_scale", "0.125 whatever the sizes", "typed in")
def scale_typed(query, key):
    """the scale of one size typed in"""
    return query @ key.mT / 8


@wrong("check_scale", "multiplied by 0.5139 with d_k = 4", "multiplied by 1/√d_k")
def scale_odd(query, key):
    """a factor nobody thought of"""
    return query @ key.mT / math.log(3 + query.shape[-1])


# ---------------------------------------------------------------- mask


@wrong("check_mask", "mask is inverted")
def mask_inverted(attn_scores, mask):
    """True taken for hidden"""
    return attn_scores.masked_fill(mask, -math.inf)


@wrong("check_mask", "hidden scores become 0")
def mask_zero(attn_scores, mask):
    """0 where -inf should be"""
    return attn_scores * mask


@wrong("check_mask", "-1e-9", "fill in -inf")
def mask_typo(attn_scores, mask):
    """-1e-9, a typo of -1e9"""
    return attn_scores.masked_fill(~mask, -1e-9)


@wrong("check_mask", "hidden scores become −7")
def mask_small(attn_scores, mask):
    """a number not small enough"""
    return torch.where(mask, attn_scores, -7.0)


@wrong("check_mask", "+inf in place of -inf")
def mask_plus(attn_scores, mask):
    """a minus lost"""
    return attn_scores.masked_fill(mask == 0, -float("-inf"))


@wrong("check_mask", "0 · (-inf) is NaN")
def mask_nan(attn_scores, mask):
    """mask times -inf"""
    return attn_scores + (1 - mask.float()) * -math.inf


@wrong("check_mask", "as a number (True = 1)")
def mask_added(attn_scores, mask):
    """the boolean added"""
    return attn_scores + mask


@wrong("check_mask", "softmax is applied already, and the mask after it")
def mask_after(attn_scores, mask):
    """softmax, then mask"""
    return attn_scores.softmax(-1) * mask


@wrong("check_mask", "changes its input in place")
def mask_in_place(attn_scores, mask):
    """masked_fill_ on the argument"""
    return attn_scores.masked_fill_(~mask, -math.inf)


@wrong("check_mask", "mask is missing")
def mask_ignored(attn_scores, mask):
    """result of masked_fill thrown away"""
    attn_scores.masked_fill(~mask, -math.inf)
    return attn_scores


@wrong("check_mask", "causal mask is applied in place of the one that was given")
def mask_causal(attn_scores, mask):
    """its own causal mask"""
    return attn_scores.masked_fill(torch.ones(attn_scores.shape[-2:]).triu(1).bool(), -math.inf)


@wrong("check_mask", "no gradient flows back")
def mask_detached(attn_scores, mask):
    """right numbers, cut off from the graph"""
    return attn_scores.detach().masked_fill(~mask, -math.inf)


@wrong("check_mask", "Indexing does not broadcast")
def mask_index(attn_scores, mask):
    """indexed with a mask that would have to broadcast"""
    attn_scores = attn_scores.clone()
    attn_scores[~mask] = -math.inf
    return attn_scores


@wrong("check_mask", "the mask itself is returned")
def mask_returned(attn_scores, mask):
    """the mask as whole numbers"""
    return mask.expand_as(attn_scores).long()


for _name, _hide, *_words in [
    ("squeezed", lambda s, m: s.masked_fill(~m, -math.inf).squeeze(), "a batch of one", "a dimension of size 1"),
    (
        "a mask of heads put at the batch",
        lambda s, m: s.masked_fill(~(m[:, None] if m.dim() == 3 and s.dim() == 4 else m), -math.inf),
        "once the mask (3, 4, 6) is expanded",
        "from the right",
    ),
    (
        "filled with a number below the smallest score",
        lambda s, m: s.masked_fill(~m, float(s.min()) - 1),
        "hidden scores are still numbers, such as −7.6",
    ),
    (
        "only the last query masked",
        lambda s, m: torch.cat([s[..., :-1, :], s.masked_fill(~m, -math.inf)[..., -1:, :]], -2),
        "hidden scores are still numbers",
    ),
    ("NaN filled in", lambda s, m: s.masked_fill(~m, math.nan), "hidden scores become NaN"),
]:
    _hide.__doc__ = _name
    wrong("check_mask", *_words)(_hide)

_first_masks = {}


@wrong("check_mask", "for the mask of an earlier call", "is it kept")
def mask_kept(attn_scores, mask):
    """the first mask of this size kept"""
    return attn_scores.masked_fill(~_first_masks.setdefault(attn_scores.shape[-2:], mask), -math.inf)


# ---------------------------------------------------------------- attention

for _name, _scale, *_words in [
    ("a float only as scale", lambda s, d: s if isinstance(s, float) else d, "scale = 2.0", "a whole number"),
    ("the sign of scale lost", lambda s, d: d if s is None else abs(s), "the sign of `scale` is lost"),
    ("a positive scale only", lambda s, d: s if s and s > 0 else d, "a negative `scale`, or 0, counts as not given"),
    ("negative scales cut off", lambda s, d: d if s is None else max(s, 0), "is right with scale = 0.7"),
    (
        "a scale of 1 at most",
        lambda s, d: d if s is None else min(s, 1),
        "with scale = 2 the scores are multiplied by 1",
    ),
    ("a scale rounded down", lambda s, d: d if s is None else int(s), "with scale = 0.3", "are multiplied by 0"),
    ("the root of scale", lambda s, d: d if s is None else math.sqrt(s) ** 2, "is right with scale = 0.7"),
]:

    def _attend(query, key, value, mask=None, scale=None, _scale=_scale):
        return _finish(query @ key.mT * _scale(scale, query.shape[-1] ** -0.5), value, mask)

    _attend.__doc__ = _name
    wrong("check_attention", *_words)(_attend)


@wrong("check_attention", "`scale` counts only without a mask")
def attention_scale_or_mask(query, key, value, mask=None, scale=None):
    """scale ignored beside a mask"""
    return _finish(_scaled(query, key, scale if mask is None else None), value, mask)


def _keeps(name, *words):
    """A wrong attention that keeps what it got, or gave, the first time with these sizes."""
    kept = {}

    def attend(query, key, value, mask=None, scale=None):
        given = {"query": query, "key": key, "value": value, "mask": mask, "scale": scale}
        if given.get(name) is not None:
            given[name] = kept.setdefault((query.shape, key.shape, value.shape), given[name])
        found = attention(**given) if name != "previous" else kept.get("previous", attention(**given))
        kept["previous"] = attention(**given)
        return kept.setdefault((query.shape, key.shape, value.shape), found) if name == "result" else found

    attend.__doc__ = f"keeps the {name}"
    wrong("check_attention", *words)(attend)


for _name in ("query", "key", "value", "mask"):
    _keeps(_name, f"the {_name} of an earlier call", "is it kept")
_keeps("result", "the answer of an earlier call", "is it kept")
_keeps("previous", "two different answers", "remember something between calls")


def _result(name, *words):
    """A wrong attention that spoils the right result."""

    def register(change):
        def attend(query, key, value, mask=None, scale=None):
            return change(*attention(query, key, value, mask=mask, scale=scale), query, mask)

        attend.__doc__ = name
        wrong("check_attention", *words)(attend)

    return register


_result("context squeezed", "dimension of size 1 is missing")(lambda c, w, q, m: (c.squeeze(0), w))
_result("weights squeezed", "dimension of size 1 is missing", "The context is right")(
    lambda c, w, q, m: (c, w.squeeze())
)
_result("a batch of one left out", "a batch of one", "size 1 is missing")(
    lambda c, w, q, m: (c[0], w[0]) if len(c) == 1 and c.dim() > 2 else (c, w)
)
_result("d_v = 1 squeezed", "d_k = d_v = 1", "size 1 is missing")(lambda c, w, q, m: (c.squeeze(-1), w))
_result("nothing without a mask", "it gives nothing yet", "`return`")(lambda c, w, q, m: None if m is None else (c, w))
_result("weights all NaN", "there is NaN in it")(lambda c, w, q, m: (c, w * math.nan))
_result("context times 0.9", "0.9 times what it should be")(lambda c, w, q, m: (c * 0.9, w))


@wrong("check_attention", "should have shape (2, 9, 4)", "more queries than keys")
def attention_square(query, key, value, mask=None, scale=None):
    """no more queries than keys"""
    queries = min(query.shape[-2], key.shape[-2])
    mask = mask[..., :queries, :] if mask is not None and mask.dim() > 1 else mask
    return attention(query[..., :queries, :], key, value, mask=mask, scale=scale)


@wrong("check_attention", "all have the leading dimensions (2, 3)", "they broadcast")
def attention_folded(query, key, value, mask=None, scale=None):
    """leading dimensions folded into one, each as if it had all"""
    lead, (q, k, v) = query.shape[:-2], (t.reshape(-1, *t.shape[-2:]) for t in (query, key, value))
    scores = torch.bmm(q, k.mT) * (query.shape[-1] ** -0.5 if scale is None else scale)
    _, weights = _finish(scores.reshape(*lead, *scores.shape[-2:]), scores.new_zeros(key.shape[-2], 1), mask)
    return (weights.reshape(scores.shape) @ v).reshape(*query.shape[:-1], -1), weights


@wrong("check_attention", "all have the leading dimensions (2,)", "they broadcast")
def attention_expanded(query, key, value, mask=None, scale=None):
    """key and value expanded to the leading dimensions of query"""
    key, value = (t.expand(*query.shape[:-2], *t.shape[-2:]) for t in (key, value))
    return attention(query, key, value, mask=mask, scale=scale)


for _name, _line, *_words in [
    (
        "a mask of heads put at the batch",
        lambda m, s: m[:, None] if m.dim() == 3 and s.dim() == 4 else m,
        "once the mask (3, 4, 6) is expanded",
    ),
    (
        "the mask of the first sequence for all",
        lambda m, s: m[:1] if m.dim() > 2 else m,
        "keys that the mask hides still get weight",
    ),
    (
        "a mask expanded over the last dimensions only",
        lambda m, s: m.expand(*s.shape[:-2], -1, -1),
        "once the mask (140,) is expanded",
    ),
    ("a mask of NaN", lambda m, s: torch.where(m, 0, math.nan), "in every row where a key is hidden", "NaN"),
    ("minus the logarithm", lambda m, s: -m.to(s.dtype).log(), "in every row where a key is hidden", "+inf"),
]:

    def _attend(query, key, value, mask=None, scale=None, _line=_line):
        scores = _scaled(query, key, scale)
        mask = mask if mask is None else _line(mask, scores)
        if mask is not None and mask.is_floating_point():
            scores, mask = scores + mask, None
        return _finish(scores, value, mask)

    _attend.__doc__ = _name
    wrong("check_attention", *_words)(_attend)


@wrong("check_attention", "input's dtype")
def attention_float(query, key, value, mask=None, scale=None):
    """a tensor of another dtype, refused by matmul"""
    return _finish(_scaled(query, key.float(), scale), value, mask)


@wrong("check_attention", "fewer digits than the input has (float32")
def attention_rounded(query, key, value, mask=None, scale=None):
    """the root of d_k in float32"""
    root = torch.tensor(query.shape[-1] ** -0.5 if scale is None else float(scale)).to(query.dtype)
    return _finish(query @ key.mT * root, value, mask)


for _name, _scale, _words in [
    ("no scale", lambda q, k, v: 1.0, "not scaled"),
    ("1/d_k", lambda q, k, v: 1 / q.shape[-1], "divided by d_k"),
    ("√d_v", lambda q, k, v: v.shape[-1] ** -0.5, "divided by √d_v"),
    ("root of the number of keys", lambda q, k, v: k.shape[-2] ** -0.5, "divided by √(the number of keys)"),
    ("root of the number of queries", lambda q, k, v: q.shape[-2] ** -0.5, "divided by √(the number of queries)"),
    ("multiplied by √d_k", lambda q, k, v: q.shape[-1] ** 0.5, "multiplied by √d_k"),
    ("1/d_k²", lambda q, k, v: q.shape[-1] ** -2, "divided by d_k²"),
    ("the scale of d_k = 64 typed in", lambda q, k, v: 0.125, "typed in"),
    ("the root of 2 d_k", lambda q, k, v: (2 * q.shape[-1]) ** -0.5, "multiplied by"),
]:

    def _attend(query, key, value, mask=None, scale=None, _scale=_scale):
        scale = _scale(query, key, value) if scale is None else scale
        return _finish(query @ key.mT * scale, value, mask)

    _attend.__doc__ = _name
    wrong("check_attention", _words)(_attend)


@wrong("check_attention", "`scale` is ignored")
def attention_scale_ignored(query, key, value, mask=None, scale=None):
    """scale ignored"""
    return _finish(_scaled(query, key, None), value, mask)


@wrong("check_attention", "divided by `scale`")
def attention_scale_divides(query, key, value, mask=None, scale=None):
    """scale divides"""
    scale = query.shape[-1] ** 0.5 if scale is None else scale
    return _finish(query @ key.mT / scale, value, mask)


@wrong("check_attention", "not scaled", "or by `scale` if it is given")
def attention_bare(query, key, value, mask=None, scale=None):
    """no scale at all, given or not"""
    return _finish(query @ key.mT, value, mask)


@wrong("check_attention", "scale is applied after the softmax")
def attention_scale_after(query, key, value, mask=None, scale=None):
    """scale after the softmax"""
    scores, scale = query @ key.mT, query.shape[-1] ** -0.5 if scale is None else scale
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1) * scale
    return weights @ value, weights


def _softmax(function):
    def attend(query, key, value, mask=None, scale=None):
        scores = _scaled(query, key, scale)
        scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
        weights = function(scores)
        return weights @ value, weights

    return attend


for _name, _function, _words in [
    ("softmax over the queries", lambda s: s.softmax(-2), "over the queries (dim=-2)"),
    ("softmax over dimension 0", lambda s: s.softmax(0), "over dimension 0"),
    ("softmax over dimension 1", lambda s: s.softmax(1), "over dimension 1"),
    ("F.softmax without dim", lambda s: F.softmax(s), "`softmax` has no `dim`"),
    ("softmax over a whole matrix", lambda s: s.flatten(-2).softmax(-1).view_as(s), "over all scores of a matrix"),
    ("softmax over everything", lambda s: s.flatten().softmax(0).view_as(s), "over all scores at once"),
    ("no softmax", lambda s: s, "softmax is missing"),
    ("softmax twice", lambda s: s.softmax(-1).softmax(-1), "softmax is applied twice"),
    ("log_softmax", lambda s: s.log_softmax(-1), "log_softmax"),
    ("sigmoid", torch.sigmoid, "sigmoid is used in place"),
    ("argmax", lambda s: F.one_hot(s.argmax(-1), s.shape[-1]).to(s.dtype), "argmax"),
    ("exp alone", torch.exp, "not divided by the sum of its row"),
    (
        "exp over its sum, unguarded",
        lambda s: s.exp() / s.exp().sum(-1, keepdim=True),
        "overflows",
    ),
    ("keepdim forgotten", lambda s: s.exp() / s.exp().sum(-1), "keepdim=True"),
    ("exp over the sum of its column", lambda s: s.exp() / s.exp().sum(-2, keepdim=True), "over the queries (dim=-2)"),
    (
        "exp over the largest of its row",
        lambda s: s.exp() / s.exp().amax(-1, keepdim=True),
        "by the largest of its row",
    ),
    ("sigmoid, then normalised", lambda s: s.sigmoid() / s.sigmoid().sum(-1, keepdim=True), "takes the place of `exp`"),
    (
        "largest of all subtracted",
        lambda s: F.normalize((s - s.max()).exp(), p=1, dim=-1, eps=0),
        "largest of all scores",
    ),
    ("an epsilon of 1e-6", lambda s: s.softmax(-1) + 1e-6, "epsilon"),
    ("computed in float32", lambda s: s.float().softmax(-1).to(s.dtype), "fewer digits than the input has (float32"),
    ("returned in float32", lambda s: s.softmax(-1, dtype=torch.float32), "float"),
    ("top 2 only", lambda s: (s - 1e9 * (s < s.topk(min(2, s.shape[-1])).values[..., -1:])).softmax(-1), "None of the"),
    ("softmax with temperature 2", lambda s: (s / 2).softmax(-1), "multiplied by"),
    (
        "relu, then normalised",
        lambda s: s.relu() / s.relu().sum(-1, keepdim=True),
        "`relu` takes the place of `exp`",
    ),
]:
    _attend = _softmax(_function)
    _attend.__doc__ = _name
    wrong("check_attention", _words)(_attend)


def _masked(hide):
    def attend(query, key, value, mask=None, scale=None):
        scores = _scaled(query, key, scale)
        if mask is not None:
            scores = hide(scores, mask)
        weights = scores.softmax(-1)
        return weights @ value, weights

    return attend


for _name, _hide, *_words in [
    ("mask ignored", lambda s, m: s, "mask is missing"),
    ("mask inverted", lambda s, m: s.masked_fill(m, -math.inf), "mask is inverted"),
    ("mask inverted, with -1e9", lambda s, m: s.masked_fill(m, -1e9), "mask is inverted"),
    ("-500 in place of -inf", lambda s, m: s.masked_fill(~m, -500.0), "a finite number", "can lie below it"),
    ("detached where masked", lambda s, m: s.detach().masked_fill(~m, -math.inf), "causal mask", "no gradient"),
    ("a name misspelt where masked", lambda s, m: s.masked_fil(~m, -math.inf), "no attribute 'masked_fil'"),
    ("not mask", lambda s, m: s.masked_fill(not m, -math.inf), "`~` negates it"),
    (
        "mask off by one, own token hidden",
        lambda s, m: s.masked_fill(~m | torch.eye(*s.shape[-2:]).bool(), -math.inf),
        "a token may not even attend to itself",
    ),
    ("0 in place of -inf", lambda s, m: s * m, "hidden scores become 0"),
    ("-1e-9 in place of -1e9", lambda s, m: s.masked_fill(~m, -1e-9), "-1e-9"),
    ("-100 in place of -inf", lambda s, m: s.masked_fill(~m, -100.0), "finite number, such as -"),
    (
        "+inf in place of -inf",
        lambda s, m: s.masked_fill(~m, math.inf),
        "in every row where a key is hidden",
        "+inf or NaN",
    ),
    ("mask times -inf", lambda s, m: s + (~m).float() * -math.inf, "0 · (-inf) is NaN"),
    ("mask added as a number", lambda s, m: s + m, "as a number (True = 1)"),
    (
        "causal mask in place of the given one",
        lambda s, m: s.masked_fill(torch.ones(s.shape[-2:]).triu(1) > 0, -math.inf),
        "in place of the one that was given",
    ),
    ("tril of the scores", lambda s, m: s.tril(), "scores above the diagonal are set to 0"),
]:
    _attend = _masked(_hide)
    _attend.__doc__ = _name
    wrong("check_attention", *_words)(_attend)


@wrong("check_attention", "mask comes after the softmax")
def attention_mask_after(query, key, value, mask=None, scale=None):
    """mask after the softmax"""
    weights = _scaled(query, key, scale).softmax(-1)
    weights = weights if mask is None else weights * mask
    return weights @ value, weights


@wrong("check_attention", "mask comes after the softmax", "nothing is left to divide by")
def attention_renormalised(query, key, value, mask=None, scale=None):
    """mask after the softmax, then renormalised"""
    weights = _scaled(query, key, scale).softmax(-1)
    if mask is not None:
        weights = weights * mask
        weights = weights / weights.sum(-1, keepdim=True)
    return weights @ value, weights


@wrong("check_attention", "`scale` = 0 counts as not given")
def attention_scale_or(query, key, value, mask=None, scale=None):
    """scale or 1/√d_k"""
    return _finish(query @ key.mT * (scale or query.shape[-1] ** -0.5), value, mask)


@wrong("check_attention", "NoneType", "mask=None and scale=None said outright")
def attention_keywords(query, key, value, **options):
    """mask looked for among the keywords"""
    scores = _scaled(query, key, options.get("scale"))
    if "mask" in options:
        scores = scores.masked_fill(~options["mask"], -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights


@wrong("check_attention", "no gradient flows back from attn_weights")
def attention_weights_cut(query, key, value, mask=None, scale=None):
    """the weights returned are detached"""
    context, weights = _finish(_scaled(query, key, scale), value, mask)
    return context, weights.detach()


@wrong("check_attention", "the gradient raises an error", "in place")
def attention_divided_in_place(query, key, value, mask=None, scale=None):
    """exp divided by its sum in place"""
    scores = _scaled(query, key, scale)
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    weights /= weights.sum(-1, keepdim=True)
    return weights @ value, weights


@wrong("check_attention", "changes the default dtype")
def attention_default_dtype(query, key, value, mask=None, scale=None):
    """set_default_dtype inside"""
    torch.set_default_dtype(torch.float64)
    return _finish(_scaled(query, key, scale), value, mask)


@wrong("check_attention", "changes the seed")
def attention_seed(query, key, value, mask=None, scale=None):
    """manual_seed inside"""
    torch.manual_seed(0)
    return _finish(_scaled(query, key, scale), value, mask)


_calls = []


@wrong("check_attention", "two different answers", "remember something between calls")
def attention_counter(query, key, value, mask=None, scale=None):
    """a counter of calls"""
    _calls.append(1)
    return _finish(_scaled(query, key, scale) * (1 + len(_calls) / 100), value, mask)


@wrong("check_attention", "a dimension of size 1 is too many")
def attention_unsqueezed(query, key, value, mask=None, scale=None):
    """a batch of one made, and left there"""
    if query.dim() == 2:
        query, key, value = query[None], key[None], value[None]
    return _finish(_scaled(query, key, scale), value, mask)


@wrong("check_attention", "causal mask is applied whether or not")
def attention_always_causal(query, key, value, mask=None, scale=None):
    """always causal"""
    scores = _scaled(query, key, scale)
    return _finish(scores, value, torch.ones(scores.shape[-2:]).tril().bool())


@wrong("check_attention", "key is not transposed", "query @ key")
def attention_no_transpose(query, key, value, mask=None, scale=None):
    """no transpose"""
    scores = query @ key * query.shape[-1] ** -0.5
    return _finish(scores, value, mask)


@wrong("check_attention", "query and key are swapped")
def attention_swapped(query, key, value, mask=None, scale=None):
    """Q and K swapped"""
    return _finish(_scaled(key, query, scale), value, mask)


@wrong("check_attention", "key is used where value belongs")
def attention_key_for_value(query, key, value, mask=None, scale=None):
    """K in place of V"""
    return _finish(_scaled(query, key, scale), key, mask)


@wrong("check_attention", "value is used where key belongs")
def attention_value_for_key(query, key, value, mask=None, scale=None):
    """V in place of K"""
    return _finish(_scaled(query, value, scale), value, mask)


@wrong("check_attention", "two things at once", "not scaled", "mask is inverted")
def attention_two(query, key, value, mask=None, scale=None):
    """two mistakes: no scale, mask inverted"""
    return _finish(query @ key.mT, value, None if mask is None else ~mask)


@wrong("check_attention", "weights are transposed before they meet value")
def attention_weights_transposed(query, key, value, mask=None, scale=None):
    """weightsᵀ @ value"""
    _, weights = _finish(_scaled(query, key, scale), value, mask)
    return weights.mT @ value, weights


@wrong("check_attention", "wrong order", "context first")
def attention_tuple_swapped(query, key, value, mask=None, scale=None):
    """weights first"""
    return _finish(_scaled(query, key, scale), value, mask)[::-1]


@wrong("check_attention", "Two results are expected", "the context, and right")
def attention_context_only(query, key, value, mask=None, scale=None):
    """context alone"""
    return _finish(_scaled(query, key, scale), value, mask)[0]


@wrong("check_attention", "softmax is missing", "attn_weights")
def attention_scores_returned(query, key, value, mask=None, scale=None):
    """scores returned as weights"""
    scores = _scaled(query, key, scale)
    return _finish(scores, value, mask)[0], scores if mask is None else scores.masked_fill(~mask, -math.inf)


@wrong("check_attention", "two different answers", "dropout")
def attention_dropout(query, key, value, mask=None, scale=None):
    """dropout that is always on"""
    _, weights = _finish(_scaled(query, key, scale), value, mask)
    weights = F.dropout(weights, 0.5)
    return weights @ value, weights


@wrong("check_attention", "changes its input in place")
def attention_in_place(query, key, value, mask=None, scale=None):
    """query scaled in place"""
    query *= query.shape[-1] ** -0.5 if scale is None else scale
    return _finish(query @ key.mT, value, mask)


@wrong("check_attention", "no gradient flows back")
def attention_no_grad(query, key, value, mask=None, scale=None):
    """under no_grad"""
    with torch.no_grad():
        return _finish(_scaled(query, key, scale), value, mask)


@wrong("check_attention", "no gradient of context reaches query")
def attention_weights_detached(query, key, value, mask=None, scale=None):
    """weights detached"""
    _, weights = _finish(_scaled(query, key, scale), value, mask)
    return weights.detach() @ value, weights


@wrong("check_attention", "gradients do not pass through NumPy")
def attention_numpy(query, key, value, mask=None, scale=None):
    """a round trip through NumPy"""
    _, weights = _finish(_scaled(query, key, scale), value, mask)
    return torch.from_numpy(weights.numpy() @ value.numpy()), weights


@wrong("check_attention", "Ask `mask is not None`", "if mask:")
def attention_if_mask(query, key, value, mask=None, scale=None):
    """if mask:"""
    scores = _scaled(query, key, scale)
    if mask:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights


@wrong("check_attention", "with one leading dimension, and must with any number")
def attention_bmm(query, key, value, mask=None, scale=None):
    """bmm: three dimensions only"""
    scores = torch.bmm(query, key.mT) * (query.shape[-1] ** -0.5 if scale is None else scale)
    return _finish(scores, value, mask)


@wrong("check_attention", "scale")
def attention_no_scale_argument(query, key, value, mask=None):
    """an argument missing"""
    return _finish(_scaled(query, key, None), value, mask)


@wrong("check_attention", "one sequence of the batch changes the answer for another")
def attention_batch_mixed(query, key, value, mask=None, scale=None):
    """scores centred over the batch"""
    scores = _scaled(query, key, scale)
    scores = scores - scores.mean(0, keepdim=True) if scores.dim() > 2 else scores
    return _finish(scores, value, mask)


@wrong("check_attention", "should have shape (3, 6)")
def attention_summed(query, key, value, mask=None, scale=None):
    """context summed over the queries"""
    context, weights = _finish(_scaled(query, key, scale), value, mask)
    return context.sum(-2), weights


@right("check_attention")
def attention_einsum(query, key, value, *, mask=None, scale=None):
    """einsum"""
    scores = torch.einsum("...qd,...kd->...qk", query, key)
    scores = scores / math.sqrt(query.size(-1)) if scale is None else scores * scale
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = F.softmax(scores, dim=-1)
    return torch.einsum("...qk,...kd->...qd", weights, value), weights


@right("check_attention")
def attention_loops(query, key, value, *, mask=None, scale=None):
    """Python loops"""
    lead = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    if lead:
        shared = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        if shared != lead:  # the weights have fewer leading dimensions than the context
            parts = [attention_loops(query, key, v, mask=mask, scale=scale) for v in value]
            return torch.stack([context for context, _ in parts]), parts[0][1]
        query, key, value = (t.expand(*lead, *t.shape[-2:]) for t in (query, key, value))
        masks = [None] * len(query)
        if mask is not None:
            masks = mask.expand(*query.shape[:-1], key.shape[-2])
        parts = [attention_loops(*each, mask=m, scale=scale) for *each, m in zip(query, key, value, masks, strict=True)]
        return tuple(torch.stack(part) for part in zip(*parts, strict=True))
    scale = 1 / math.sqrt(len(query[0])) if scale is None else scale
    weights = torch.zeros(len(query), len(key), dtype=query.dtype)
    rows = []
    for i, q in enumerate(query):
        seen = [j for j in range(len(key)) if mask is None or mask.expand(len(query), len(key))[i, j]]
        row = torch.stack([torch.dot(q, key[j]) * scale for j in seen]).softmax(0)
        weights = weights.index_put((torch.tensor([i] * len(seen)), torch.tensor(seen)), row)
        rows.append(sum(w * value[j] for w, j in zip(row, seen, strict=True)))
    return torch.stack(rows), weights


@right("check_attention")
def attention_fused(query, key, value, *, mask=None, scale=None):
    """the fused kernel, weights from a value of ones on the diagonal"""
    eye = torch.eye(key.shape[-2], dtype=query.dtype).expand(*key.shape[:-1], -1)
    fused = functools.partial(F.scaled_dot_product_attention, query, key, attn_mask=mask, scale=scale)
    return fused(value), fused(eye)


@right("check_attention")
def attention_additive(query, key, value, *, mask=None, scale=None):
    """additive mask of -1e9"""
    scores = _scaled(query, key, scale)
    if mask is not None:
        scores = scores + (1.0 - mask.to(scores.dtype)) * -1e9
    weights = torch.softmax(scores, -1)
    return weights.matmul(value), weights


@right("check_attention")
def attention_float64(query, key, value, *, mask=None, scale=None):
    """float64 inside"""
    context, weights = _finish(_scaled(query.double(), key.double(), scale), value.double(), mask)
    return context.to(value.dtype), weights.to(query.dtype)


@right("check_attention")
def attention_flattened(query, key, value, *, mask=None, scale=None):
    """leading dimensions folded into one, baddbmm"""
    lead = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    whole = torch.broadcast_shapes(lead, value.shape[:-2])
    q, k = (t.expand(*lead, -1, -1).reshape(-1, *t.shape[-2:]) for t in (query, key))
    bias = torch.zeros(*lead, query.shape[-2], key.shape[-2], dtype=query.dtype)
    if mask is not None:
        bias = bias.masked_fill(~mask, -math.inf)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.baddbmm(bias.reshape(-1, *bias.shape[-2:]), q, k.mT, alpha=scale)
    weights = scores.softmax(2)
    weights = weights.reshape(bias.shape)
    w, v = (t.expand(*whole, -1, -1).reshape(-1, *t.shape[-2:]) for t in (weights, value))
    return torch.bmm(w, v).reshape(*whole, query.shape[-2], v.shape[-1]), weights


@right("check_attention")
def attention_logsumexp(query, key, value, *, mask=None, scale=None):
    """softmax by hand with logsumexp"""
    scores = _scaled(query, key, scale)
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), float("-inf"))
    weights = torch.exp(scores - torch.logsumexp(scores, -1, keepdim=True))
    return weights @ value, weights


@right("check_attention")
def attention_masked_late(query, key, value, *, mask=None, scale=None):
    """mask after the softmax, renormalised in logs"""
    logs = _scaled(query, key, scale).log_softmax(-1)
    if mask is not None:
        logs = logs.masked_fill(~mask, -math.inf)
    weights = (logs - logs.amax(-1, keepdim=True)).exp()
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ value, weights


@right("check_attention")
def attention_query_scaled(query, key, value, *, mask=None, scale=None):
    """query scaled first, masked in place on its own scores, as a list"""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    if mask is not None:
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    weights = nn.Softmax(dim=-1)(scores)
    return [weights @ value, weights]


@right("check_attention")
def attention_columns(query, key, value, *, mask=None, scale=None):
    """columns in place of rows, as the article writes it"""
    scores = (key @ query.mT * (query.shape[-1] ** -0.5 if scale is None else scale)).mT
    _, weights = _finish(scores, value, mask)
    return (value.mT @ weights.mT).mT, weights


right("check_scores")(lambda query, key: torch.einsum("...qd,...kd->...qk", query, key))
right("check_scores")(lambda query, key: (query[..., :, None, :] * key[..., None, :, :]).sum(-1))
right("check_scale")(lambda query, key: (query / query.shape[-1] ** 0.25) @ (key / key.shape[-1] ** 0.25).mT)
right("check_scale")(
    lambda query, key: torch.matmul(query, key.mT) * torch.rsqrt(torch.tensor(float(key.size(-1)), dtype=key.dtype))
)
right("check_mask")(lambda attn_scores, mask: torch.where(mask, attn_scores, -torch.inf))
right("check_mask")(lambda attn_scores, mask: attn_scores + (1 - mask.float()) * -10000.0)
right("check_mask")(
    lambda attn_scores, mask: attn_scores + torch.zeros(mask.shape).masked_fill(~mask, -1e9).to(attn_scores)
)
right("check_mask")(lambda attn_scores, mask: attn_scores.masked_fill(mask == 0, torch.finfo(attn_scores.dtype).min))


# ---------------------------------------------------------------- multi-head


class Heads(nn.Module):
    """A right module in small steps; the wrong ones replace one of them."""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__()
        assert d_out % num_heads == 0, "d_out must be divisible by num_heads"
        self.num_heads, self.head_dim, self.d_out, self.d_in = num_heads, d_out // num_heads, d_out, d_in
        self.context_length = context_length
        self.W_query = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_key = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_value = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.out_proj = nn.Linear(d_out, d_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        query, key, value = self.split(self.W_query(x)), self.split(self.W_key(x)), self.split(self.W_value(x))
        weights = self.weigh(self.hide(query @ key.mT * self.scale(x)))
        return self.finish(self.join(self.dropout(weights) @ value))

    def split(self, t):
        return t.view(*t.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)

    def scale(self, x):
        return self.head_dim**-0.5

    def hide(self, scores):
        return scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -math.inf)

    def weigh(self, scores):
        return scores.softmax(-1)

    def join(self, context):
        return context.transpose(1, 2).reshape(context.shape[0], -1, self.d_out)

    def finish(self, context):
        return self.out_proj(context)


def heads(name, *words, **methods):
    """A wrong module: Heads with other methods."""
    wrong("check_multi_head", *words)(type("Heads", (Heads,), {"__doc__": name, **methods}))


heads(
    "view in place of transpose",
    "where heads are split, as by `view(batch, heads",
    split=lambda m, t: t.view(len(t), m.num_heads, -1, m.head_dim),
)
heads(
    "joined without transposing back",
    "joined without transposing back",
    join=lambda m, c: c.reshape(len(c), -1, m.d_out),
)
heads(
    "view both ways",
    "split and joined, as by `view` alone",
    split=lambda m, t: t.view(len(t), m.num_heads, -1, m.head_dim),
    join=lambda m, c: c.reshape(len(c), -1, m.d_out),
)
heads(
    "heads interleaved when joined",
    "wrong order: their features are interleaved",
    join=lambda m, c: c.permute(0, 2, 3, 1).flatten(2),
)
heads("heads joined in reverse", "wrong order, the last first", join=lambda m, c: c.flip(1).transpose(1, 2).flatten(2))
heads(
    "heads split as (head_dim, heads)",
    "every num_heads-th feature",
    split=lambda m, t: t.view(*t.shape[:2], m.head_dim, -1).permute(0, 3, 1, 2),
)
heads("num_heads ignored", "`num_heads` plays no part", split=lambda m, t: t[:, None], scale=lambda m, x: m.d_out**-0.5)
heads("heads averaged", "heads are averaged", join=lambda m, c: c.mean(1).repeat(1, 1, m.num_heads))
heads("scaled by √d_out", "divided by √d_out", "1/√head_dim", scale=lambda m, x: m.d_out**-0.5)
heads("scaled by √d_in", "divided by √d_in", scale=lambda m, x: m.d_in**-0.5)
heads("scaled by √num_heads", "divided by √num_heads", scale=lambda m, x: m.num_heads**-0.5)
heads("scaled by √tokens", "divided by √(the number of tokens)", scale=lambda m, x: x.shape[1] ** -0.5)
heads("divided by head_dim^-0.5", "multiplied by √head_dim", scale=lambda m, x: m.head_dim**0.5)
heads("a scale typed in", "0.3 whatever the sizes", "1/√head_dim", scale=lambda m, x: 0.3)
heads("not scaled", "not scaled", scale=lambda m, x: 1.0)
heads("no causal mask", "mask is missing", hide=lambda m, s: s)
heads(
    "mask off by one (too strict)",
    "off by one: a token may not even attend to itself",
    hide=lambda m, s: s.masked_fill(torch.ones(s.shape[-2:]).triu(0).bool(), -math.inf),
)
heads(
    "mask off by one (too lax)",
    "off by one: a token sees the one after it",
    hide=lambda m, s: s.masked_fill(torch.ones(s.shape[-2:]).triu(2).bool(), -math.inf),
)
heads(
    "mask the other way round",
    "mask is",
    hide=lambda m, s: s.masked_fill(torch.ones(s.shape[-2:]).tril(-1).bool(), -math.inf),
)
heads("tril of the scores", "hidden scores become 0", hide=lambda m, s: s.tril())
heads(
    "mask after the softmax",
    "mask comes after the softmax",
    hide=lambda m, s: s,
    weigh=lambda m, s: s.softmax(-1).tril(),
)
heads("softmax over the heads", "over dimension 1", weigh=lambda m, s: s.softmax(1))
heads("softmax over the queries", "over the queries (dim=-2)", weigh=lambda m, s: s.softmax(-2).nan_to_num())
heads("softmax over the batch", "over dimension 0", hide=lambda m, s: s, weigh=lambda m, s: s.softmax(0))
heads("out_proj not used", "not passed through `out_proj`", finish=lambda m, c: c)
heads("out_proj without its bias", "bias of `out_proj` is left out", finish=lambda m, c: c @ m.out_proj.weight.T)
heads("out_proj transposed", "`out_proj` is transposed", finish=lambda m, c: c @ m.out_proj.weight + m.out_proj.bias)
heads("dropout always on", "In evaluation", "still active", finish=lambda m, c: m.out_proj(F.dropout(c, m.dropout.p)))
heads(
    "dropout on the output",
    "dropout belongs between softmax and value alone",
    finish=lambda m, c: m.dropout(m.out_proj(c)),
)
heads(
    "mean over the batch",
    "one sequence of the batch changes",
    finish=lambda m, c: m.out_proj(c - c.mean(0, keepdim=True) * 0.5),
)
heads(
    "the last token leaks",
    "last token changes the answer",
    hide=lambda m, s: Heads.hide(m, s) + s.mean(-1, keepdim=True) * torch.arange(s.shape[-1]),
)
heads(
    "context_length hard-wired",
    "as many tokens as context_length",
    hide=lambda m, s: s.masked_fill(torch.ones(m.context_length, m.context_length).triu(1).bool(), -math.inf),
)
heads("d_in hard-wired", "d_in = d_out", join=lambda m, c: c.transpose(1, 2).reshape(len(c), -1, m.d_in))
heads(
    "view after a transpose",
    "`reshape`, or `contiguous()`",
    join=lambda m, c: c.transpose(1, 2).view(len(c), -1, m.d_out),
)
heads("heads added up", "with one head", "side by side", join=lambda m, c: c.sum(1))
heads("-50 in place of -inf", "a finite number", hide=lambda m, s: s.masked_fill(Heads.hide(m, s) == -math.inf, -50.0))
heads("exp over its sum, unguarded", "overflows", weigh=lambda m, s: s.exp() / s.exp().sum(-1, keepdim=True))
heads(
    "x added where the sizes fit",
    "`x` is added to the output",
    forward=lambda m, x: Heads.forward(m, x) + (x if m.d_in == m.d_out else 0),
)
heads(
    "x.view(batch * tokens, d_in)", "`reshape`", forward=lambda m, x: Heads.forward(m, x.view(-1, m.d_in).view(x.shape))
)
heads("context averaged over the tokens", "should have shape (2, 5, 12)", finish=lambda m, c: m.out_proj(c).mean(1))
heads(
    "in training a tuple",
    "one tensor",
    "in training",
    forward=lambda m, x: (Heads.forward(m, x), 0) if m.training else Heads.forward(m, x),
)
heads("forward not written", "returns None so far", forward=lambda m, x: None)
heads("x changed in place", "changes its input in place", forward=lambda m, x: Heads.forward(m, x.mul_(1.01)))
heads("weights beside the context", "one tensor", forward=lambda m, x: (Heads.forward(m, x), x))
heads("detached", "no gradient flows back", forward=lambda m, x: Heads.forward(m, x).detach())


@wrong("check_multi_head", "`forward`")
class NoForward(nn.Module):
    """forward misspelt"""

    def __init__(self, *args, **options):
        super().__init__()
        vars(self).update(vars(Heads(*args, **options)))

    def froward(self, x):
        return Heads.forward(self, x)


@wrong("check_multi_head", "dropout changes nothing")
class NoDropout(Heads):
    """dropout ignored"""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.dropout = nn.Identity()


class Rooms(Heads):
    """For the mutants below: dropout in a method of its own, the mask in a buffer."""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__(d_in, d_out, context_length, dropout, num_heads, qkv_bias)
        self.register_buffer("mask", torch.ones(context_length, context_length).triu(1).bool())

    def forward(self, x):
        query, key, value = (self.split(W(x)) for W in (self.W_query, self.W_key, self.W_value))
        scores = self.hide(query @ key.mT * self.scale(x))
        return self.finish(self.join(self.drop(self.weigh(scores)) @ value))

    def hide(self, scores):
        return scores.masked_fill(self.mask[: scores.shape[-2], : scores.shape[-1]], -math.inf)

    def drop(self, weights):
        return self.dropout(weights)


def rooms(name, *words, made=None, **methods):
    """A wrong module: Rooms with other methods, and `made(module, d_in, context_length)` at the end of __init__."""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        Rooms.__init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias)
        if made:
            made(self, d_in, context_length)

    wrong("check_multi_head", *words)(type("Heads", (Rooms,), {"__doc__": name, "__init__": __init__, **methods}))


rooms(
    "nn.Dropout(), its p forgotten",
    "in training with dropout = 0",
    "another p than the one given",
    made=lambda m, *_: setattr(m, "dropout", nn.Dropout()),
)
rooms(
    "Dropout2d: whole heads",
    "dropped for all queries and for all keys",
    made=lambda m, *_: setattr(m, "dropout", nn.Dropout2d(m.dropout.p)),
)
rooms(
    "one dropout for the batch and the heads",
    "dropped in the whole batch and in all heads",
    drop=lambda m, w: w * m.dropout(torch.ones_like(w[:1, :1])),
)
rooms("dropout twice", "became 1.778 times", drop=lambda m, w: m.dropout(m.dropout(w)))
rooms(
    "dropout without 1/(1 - p)",
    "became 1 times",
    drop=lambda m, w: w * (torch.rand_like(w) > m.dropout.p) if m.training else w,
)
rooms("dropout on the scores", "NaN comes out", weigh=lambda m, s: m.dropout(s).softmax(-1), drop=lambda m, w: w)
rooms(
    "dropout before the mask", "before the softmax", hide=lambda m, s: Rooms.hide(m, m.dropout(s)), drop=lambda m, w: w
)
rooms(
    "dropout, then renormalised",
    "divided by their sum after dropout",
    drop=lambda m, w: F.normalize(m.dropout(w), p=1, dim=-1),
)
rooms(
    "no mask in training", "the mask is missing", "in training", hide=lambda m, s: s if m.training else Rooms.hide(m, s)
)
rooms("dropout fixed by a seed", "changes the seed", drop=lambda m, w: (torch.manual_seed(1), m.dropout(w))[1])
rooms(
    "weights changed by masked_fill_ after the softmax",
    "the gradient raises an error",
    weigh=lambda m, s: s.softmax(-1).masked_fill_(s == -math.inf, 0),
)
rooms(
    "dropout in place, right after the softmax",
    "the gradient raises an error",
    "in training",
    drop=lambda m, w: F.dropout(w, m.dropout.p, m.training, inplace=True),
)
rooms("W_key frozen", "W_key.weight takes no gradient", made=lambda m, *_: m.W_key.requires_grad_(False))
rooms("context detached", "reaches", join=lambda m, c: Rooms.join(m, c.detach()))
rooms(
    "the mask buffer overwritten by a slice of it",
    "after a call with 2 × 2 tokens",
    hide=lambda m, s: (setattr(m, "mask", m.mask[: s.shape[-1], : s.shape[-1]]), Rooms.hide(m, s))[1],
)
rooms(
    "the first result kept on self",
    "keep or change something on self",
    forward=lambda m, x: vars(m).setdefault("kept", Rooms.forward(m, x)),
)
rooms(
    "a plain tensor in a list",
    "One of self.masks is a plain tensor",
    made=lambda m, _, n: setattr(m, "masks", [causal_mask(n)]),
)
rooms(
    "out_proj without a bias",
    "out_proj always has a bias",
    made=lambda m, *_: m.out_proj.register_parameter("bias", None),
)
rooms("W_key is W_query", "are one and the same", made=lambda m, *_: setattr(m, "W_key", m.W_query))


for _name, _size, *_words in [
    ("d_in", lambda m: m.d_in, "last token changes the answer", "d_in = 1"),
    ("d_out", lambda m: m.d_out, "right with 2 tokens", "by a width or a number"),
    ("the number 128", lambda m: 128, "right with 2 tokens", "by a width or a number"),
]:
    rooms(
        f"a mask sized by {_name}",
        *_words,
        made=lambda m, *_, size=_size: setattr(m, "mask", m.mask.new_ones(size(m), size(m)).triu(1)),
    )


def _cut(m, scores):
    seen = scores.clone()
    seen[..., : m.d_out, : m.d_out] = Rooms.hide(m, scores[..., : m.d_out, : m.d_out])
    return seen


rooms("only d_out tokens masked", "It is right with 2 tokens", "by a width or a number", hide=_cut)
rooms("squeezed", "size 1 is missing", finish=lambda m, c: m.out_proj(c).squeeze())
rooms("a batch of one squeezed", "right with a batch of 2", "size 1", finish=lambda m, c: m.out_proj(c).squeeze(0))
rooms("all NaN", "there is NaN in it", finish=lambda m, c: m.out_proj(c) * math.nan)


def _kept(m, name, new):
    """What self has under this name, made at the first call."""
    return vars(m).setdefault(name, new)


_KEEPS = "keep or change something on self"
rooms(
    "the mask of the first call kept",
    "after a call with 2 × 2 tokens",
    _KEEPS,
    hide=lambda m, s: s.masked_fill(_kept(m, "seen", m.mask[: s.shape[-1], : s.shape[-1]]), -math.inf),
)
rooms(
    "the first batch size kept",
    "after a call with 2 × 2 tokens",
    _KEEPS,
    join=lambda m, c: Rooms.join(m, c).reshape(_kept(m, "batch", len(c)), -1, m.d_out),
)
rooms(
    "the first length kept",
    "after a call with 2 × 2 tokens",
    _KEEPS,
    forward=lambda m, x: Rooms.forward(m, x[:, : _kept(m, "length", x.shape[1])]),
)


def _first_weight(m, c):
    """The gradient is right, and the number is that of the first call."""
    old = _kept(m, "first", m.out_proj.weight.detach().clone())
    return m.out_proj(c) + F.linear(c, old - m.out_proj.weight.detach())


rooms("a weight of the first call kept", "after its weights have changed", _KEEPS, finish=_first_weight)


def _shift(m, x):
    if m.training:
        m.mean = x.mean().detach()
    return Rooms.forward(m, x + (0 if m.training else getattr(m, "mean", 0)))


rooms("a mean that training leaves behind", "in evaluation after training", _KEEPS, forward=_shift)


def _count(m, x):
    m.calls = getattr(m, "calls", 0) + m.training
    return Rooms.forward(m, x) * 0.9**m.calls


rooms("a counter of training calls", "0.9 times", "in training with dropout = 0", forward=_count)


def _loop(m, x):
    while m.training:
        x = x.clone()
    return Rooms.forward(m, x)


rooms("a loop that never ends in training", "took too long", "`x = x.clone()`", forward=_loop)
rooms(
    "detached in training",
    "in training with dropout = 0",
    "no gradient",
    forward=lambda m, x: Rooms.forward(m, x).detach().requires_grad_() if m.training else Rooms.forward(m, x),
)
rooms(
    "the attention left out, the bias alone",
    "every row of context, in every sequence, is the same",
    finish=lambda m, c: m.out_proj.bias + 0 * m.out_proj(c),
)
rooms("sys.exit in __init__", "raises SystemExit: no heads", made=lambda m, *_: sys.exit("no heads"))
rooms(
    "the default device changed in __init__",
    "changes the default device",
    made=lambda m, *_: torch.set_default_device("meta"),
)
rooms("self.train overwritten", "'bool' object is not callable", made=lambda m, *_: setattr(m, "train", True))
rooms(
    "a lazy layer",
    "`W_query.weight` has no size before the first call",
    made=lambda m, *_: setattr(m, "W_query", nn.LazyLinear(m.d_out, bias=m.W_query.bias is not None)),
)
rooms(
    "an identity of another dtype",
    "input's dtype",
    join=lambda m, c: Rooms.join(m, c) @ torch.eye(m.d_out, dtype=torch.float32),
)


@wrong("check_multi_head", "has no method `__init__`")
class NoInit(nn.Module):
    """__init__ misspelt"""

    _init_ = Heads.__init__
    forward = Heads.forward


@wrong("check_multi_head", "those of the softmax, before dropout")
class WeightsDropped(Rooms):
    """need_weights gives the weights after dropout"""

    def forward(self, x, need_weights=False):
        query, key, value = (self.split(W(x)) for W in (self.W_query, self.W_key, self.W_value))
        weights = self.dropout(self.weigh(self.hide(query @ key.mT * self.scale(x))))
        context = self.finish(self.join(weights @ value))
        return (context, weights) if need_weights else context


@wrong("check_multi_head", "need_weights=True", "the context, and right")
class WeightsForgotten(Rooms):
    """need_weights taken, and ignored"""

    def forward(self, x, need_weights=False):
        return super().forward(x)


@wrong("check_multi_head", "no `out_proj`")
class NoOutProj(Heads):
    """no out_proj"""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        del self.out_proj


@wrong("check_multi_head", "copies weights by name", "q.weight")
class OtherNames(Heads):
    """other names"""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.q, self.k, self.v = self.W_query, self.W_key, self.W_value
        del self.W_query, self.W_key, self.W_value


@wrong("check_multi_head", "when qkv_bias=True")
class BiasIgnored(Heads):
    """qkv_bias ignored"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__(d_in, d_out, context_length, dropout, num_heads)


@wrong("check_multi_head", "register_buffer")
class PlainMask(Heads):
    """mask as a plain tensor"""

    def __init__(self, d_in, d_out, context_length, *args, **options):
        super().__init__(d_in, d_out, context_length, *args, **options)
        self.mask = causal_mask(context_length)


@wrong("check_multi_head", "nn.ModuleList")
class ListOfHeads(nn.Module):
    """heads in a Python list"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__()
        self.heads = [nn.Linear(d_in, d_out // num_heads) for _ in range(num_heads)]


@wrong("check_multi_head", "super().__init__()")
class NoSuper(nn.Module):
    """super().__init__() forgotten"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        self.W_query = nn.Linear(d_in, d_out)


@wrong("check_multi_head", "should have shape (12, 10)")
class NarrowHeads(Heads):
    """projections of one head only"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__(d_in, d_out, context_length, dropout, num_heads, qkv_bias)
        self.W_query = nn.Linear(d_in, self.head_dim, bias=qkv_bias)


@wrong("check_multi_head", "num_heads = 3 is accepted")
class Unchecked(Heads):
    """uneven heads accepted"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__(d_in, d_out - d_out % num_heads, context_length, dropout, num_heads, qkv_bias)


@wrong("check_multi_head", "query and key are swapped")
class HeadsSwapped(Heads):
    """W_query and W_key swapped"""

    def forward(self, x):
        query, key, value = self.split(self.W_key(x)), self.split(self.W_query(x)), self.split(self.W_value(x))
        return self.finish(self.join(self.weigh(self.hide(query @ key.mT * self.scale(x))) @ value))


def _weights(name, *words):
    """A wrong module: a right context, and the weights changed on their way out."""

    def register(change):
        def forward(self, x, need_weights=False):
            weights = self.weigh(self.hide(self.split(self.W_query(x)) @ self.split(self.W_key(x)).mT * self.scale(x)))
            context = Rooms.forward(self, x)
            return (context, change(weights)) if need_weights else context

        wrong("check_multi_head", *words)(type("Heads", (Rooms,), {"__doc__": name, "forward": forward}))

    return register


_beside = "The context is right, and the weights returned beside it are not"
_weights("weights: a head missing", _beside, "None of the mistakes")(lambda w: torch.cat([w[:, :-1], w[:, :1]], 1))
_weights("weights smoothed", _beside, "None of the mistakes")(lambda w: 0.9 * w + 0.1 / w.shape[-1])
_weights("weights halved", _beside, "0.5 times")(lambda w: 0.5 * w)
_weights("weights all NaN", _beside, "there is NaN in it")(lambda w: w * math.nan)
_weights("weights of the next sequence", _beside, "in other places")(lambda w: w.roll(1, 0))
_weights("weights detached", "no gradient flows back from attn_weights")(lambda w: w.detach())


@wrong("check_multi_head", "averaged over the heads")
class WeightsAveraged(Heads):
    """need_weights gives the mean over the heads"""

    def forward(self, x, need_weights=False):
        context = super().forward(x)
        weights = self.weigh(self.hide(self.split(self.W_query(x)) @ self.split(self.W_key(x)).mT * self.scale(x)))
        return (context, weights.mean(1)) if need_weights else context


wrong("check_multi_head", "pass the class itself")(MultiHeadAttention(4, 4, 4, 0.0, 2))
wrong("check_attention", "without calling it")(torch.ones(2))

right("check_multi_head")(Heads)
right("check_multi_head")(MultiHeadAttention)


@right("check_multi_head")
class HeadsLoop(Heads):
    """one head after the other"""

    def forward(self, x):
        parts = []
        for h in range(self.num_heads):
            here = slice(h * self.head_dim, (h + 1) * self.head_dim)
            query, key, value = (W(x)[..., here] for W in (self.W_query, self.W_key, self.W_value))
            weights = torch.softmax(self.hide(torch.bmm(query, key.mT)) / math.sqrt(self.head_dim), dim=2)
            parts.append(self.dropout(weights) @ value)
        return self.out_proj(torch.cat(parts, dim=-1))


@right("check_multi_head")
class HeadsFused(Heads):
    """the fused kernel"""

    def forward(self, x):
        p = self.dropout.p if self.training else 0.0
        query, key, value = (self.split(W(x)) for W in (self.W_query, self.W_key, self.W_value))
        return self.out_proj(self.join(F.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=p)))


@right("check_multi_head")
class HeadsEinsum(Heads):
    """einsum, with a registered mask of -1e9"""

    def __init__(self, d_in, d_out, context_length, *args, **options):
        super().__init__(d_in, d_out, context_length, *args, **options)
        self.register_buffer("bias", torch.full((context_length, context_length), -1e9).triu(1))

    def forward(self, x):
        query, key, value = (W(x).unflatten(-1, (self.num_heads, -1)) for W in (self.W_query, self.W_key, self.W_value))
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / self.head_dim**0.5
        weights = self.dropout((scores + self.bias[: x.shape[1], : x.shape[1]]).softmax(-1))
        return self.out_proj(torch.einsum("bhqk,bkhd->bqhd", weights, value).flatten(2))


@right("check_multi_head")
class HeadsOwnDropout(Rooms):
    """a mask that grows when it must, the scale in a tensor of one number, dropout by hand"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__(d_in, d_out, context_length, dropout, num_heads, qkv_bias)
        self.root = torch.tensor(self.head_dim**0.5)
        self.register_buffer("mask", None)

    def scale(self, x):
        return 1 / self.root

    def hide(self, scores):
        if self.mask is None or len(self.mask) < scores.shape[-1]:
            self.mask = ~causal_mask(scores.shape[-1])
        return super().hide(scores)

    def drop(self, weights):
        if not self.training:
            return weights
        return weights * (torch.rand_like(weights) > self.dropout.p) / (1 - self.dropout.p)


def _also(name):
    """A right module that also keeps something in a second place."""

    def register(keep):
        def __init__(self, *args, **options):
            Rooms.__init__(self, *args, **options)
            keep(self)

        right("check_multi_head")(type("Heads", (Rooms,), {"__doc__": name, "__init__": __init__}))

    return register


_also("its layers in a list too")(lambda m: setattr(m, "layers", [m.W_query, m.W_key, m.W_value]))
_also("its layers in a tuple in a dict too")(lambda m: setattr(m, "all", {"qkv": (m.W_query, [m.W_key]), "me": m}))
_also("its layers in a set too")(lambda m: setattr(m, "all", {m.W_query, m.W_key}))
_also("its layers in a ModuleList too")(lambda m: setattr(m, "all", nn.ModuleList([m.W_query, m.W_key, m.W_value])))
_also("its parameters in a list too")(lambda m: setattr(m, "all", list(m.parameters())))
_also("a list that holds itself")(lambda m: vars(m).update(all=(again := [])) or again.append(again))


@right("check_multi_head")
class HeadsNamedTwice(Rooms):
    """its layers in a ModuleDict first"""

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        nn.Module.__init__(self)
        assert d_out % num_heads == 0
        self.layers = nn.ModuleDict({name: nn.Linear(d_in, d_out, bias=qkv_bias) for name in "qkv"})
        self.W_query, self.W_key, self.W_value = self.layers.values()
        self.out_proj, self.dropout = nn.Linear(d_out, d_out), nn.Dropout(dropout)
        self.d_out, self.num_heads, self.head_dim = d_out, num_heads, d_out // num_heads
        self.register_buffer("mask", torch.ones(context_length, context_length).triu(1).bool())


_mask_of = functools.cache(causal_mask)


@right("check_multi_head")
class HeadsRemember(Rooms):
    """keeps its last weights to look at, and a mask for each length"""

    def hide(self, scores):
        return scores.masked_fill(~_mask_of(scores.shape[-1]), -math.inf)

    def weigh(self, scores):
        self.last = scores.softmax(-1)
        return self.last


class _Called:
    """an object that can be called"""

    def __call__(self, query, key, value, *, mask=None, scale=None):
        return attention(query, key, value, mask=mask, scale=scale)


class _Module(nn.Module):
    """a module without parameters"""

    forward = _Called.__call__


right("check_attention")(_Called())
right("check_attention")(_Module())


@right("check_attention")
def attention_by_rows(query, key, value, *, mask=None, scale=None):
    """one query after the other"""
    rows = []
    for i in range(query.shape[-2]):
        seen = mask if mask is None or mask.dim() < 2 or mask.shape[-2] == 1 else mask[..., i : i + 1, :]
        rows.append(attention(query[..., i : i + 1, :], key, value, mask=seen, scale=scale))
    return tuple(torch.cat(part, -2) for part in zip(*rows, strict=True))


@right("check_attention")
def attention_log_mask(query, key, value, *, mask=None, scale=None):
    """the logarithm of the mask added"""
    scores = _scaled(query, key, scale)
    return _finish(scores if mask is None else scores + mask.to(scores.dtype).log(), value, None)


# ---------------------------------------------------------------- the table


@functools.cache
def answer(check, written):
    run.PATIENCE, patience = 2, run.PATIENCE
    try:
        return getattr(checks, check)(written)
    finally:
        run.PATIENCE = patience


def table():
    unknown = sum("None of the mistakes" in str(answer(check, written)) for check, written, _ in WRONG)
    lines = [
        "# What the checks say",
        "",
        f"{len(WRONG)} wrong attentions and the answer that each gets; {unknown} of them "
        f"with no name for the mistake. {len(RIGHT)} right ones, each written in another way, pass.",
        "Printed by `python tests/mutants.py`; a test holds it to that.",
        "",
        "| check | the mistake | the answer |",
        "| --- | --- | --- |",
    ]
    for check, written, _ in WRONG:
        words = str(answer(check, written)).replace("|", "\\|")
        lines.append(f"| `{check}` | {written_name(written)} | {words} |")
    return "\n".join(lines) + "\n"


def written_name(written):
    if isinstance(written, torch.Tensor):
        return "a tensor in place of a function"
    if isinstance(written, MultiHeadAttention):
        return "a module in place of its class"
    return written.__doc__


if __name__ == "__main__":
    print(table(), end="")
