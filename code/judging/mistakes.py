"""The formula with steps done wrong: what a reader's numbers are compared with to find out what happened.

A mistake is (words, {step: how it is done wrong}). `formula` and `heads_formula` do the steps; with no mistake they
give the right numbers. `name_mistake` looks for the mistake, or the two, that give a reader's numbers exactly.
"""

import itertools
import math
from types import SimpleNamespace

import torch

from attention import causal_mask

INF = math.inf


def formula(case, **wrong):
    """Yields attn_scores, attn_weights, context of a case (query, key, value, mask, scale, sizes).

    A generator, because a mistake such as swapping query and key gives scores but may not get as far as a context.
    """
    do = RIGHT | wrong
    query, key, value = do["roles"](case.query, case.key, case.value)
    attn_scores = do["scale"](do["product"](query, key), case, query.shape[-1])
    yield attn_scores
    before, after = do["mask"]
    attn_weights = after(do["softmax"](before(attn_scores, case.mask), case), case.mask)
    yield attn_weights
    yield do["mix"](attn_weights, query, key, value)


def heads_formula(case, **wrong):
    """Yields attn_weights, context of multi-head attention on a case (x, weights, num_heads, sizes)."""
    do = RIGHT | wrong
    made = do["project"], do["split"]
    if made not in case.made:  # thousands of guesses share these
        names = ("W_query", "W_key", "W_value")
        case.made[made] = [do["split"](do["project"](case, name), case.num_heads) for name in names]
    query, key, value = case.made[made]
    mask = causal_mask(query.shape[-2])
    inner = SimpleNamespace(query=query, key=key, value=value, mask=mask, scale=None, sizes=case.sizes)
    _, attn_weights, context = formula(inner, **wrong)
    yield attn_weights
    yield do["output"](case, do["merge"](context, case.num_heads))


def part(steps, number):
    """The tensor that `formula` or `heads_formula` yields as number 0, 1, 2."""
    return next(itertools.islice(steps, number, None))


def linear(case, name, x=None, bias=True, weight=lambda w: w):
    out = (case.x if x is None else x) @ weight(case.weights[f"{name}.weight"]).mT
    return out + case.weights[f"{name}.bias"] if bias and f"{name}.bias" in case.weights else out


def hide(fill, which=lambda mask, s: mask):
    """(before, after) of a softmax that puts `fill` where the mask, or what is made of it, is False."""
    return (lambda s, mask: s if mask is None else s.masked_fill(~which(mask, s), fill)), _same


def later(scores):
    """True above the diagonal: what a causal mask hides."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)


def _same(numbers, _):
    return numbers


def _divided(numbers, dim=-1):
    return numbers / numbers.sum(dim, keepdim=True)


def _default(case, d_k):
    return d_k**-0.5 if case.scale is None else case.scale


RIGHT = {
    "project": linear,
    "split": lambda x, heads: x.unflatten(-1, (heads, -1)).transpose(1, 2),
    "roles": lambda q, k, v: (q, k, v),
    "product": lambda q, k: q @ k.mT,
    "scale": lambda s, case, d_k: s * _default(case, d_k),
    "mask": hide(-INF),
    "softmax": lambda s, case: s.softmax(-1),
    "mix": lambda w, q, k, v: w @ v,
    "merge": lambda c, heads: c.transpose(1, 2).flatten(-2),
    "output": lambda case, c: linear(case, "out_proj", c),
}

# ---------------------------------------------------------------- one list of mistakes a step

ROLES = {
    "query and key are swapped; row i must hold what query i makes of every key": lambda q, k, v: (k, q, v),
    "key is used where value belongs": lambda q, k, v: (q, k, k),
    "query is used where value belongs": lambda q, k, v: (q, k, q),
    "value is used where key belongs": lambda q, k, v: (q, v, v),
    "value is used where query belongs": lambda q, k, v: (v, k, v),
    "query is used where key belongs: it is compared with itself": lambda q, k, v: (q, q, v),
    "key is used where query belongs: it is compared with itself": lambda q, k, v: (k, k, v),
    "key and value are swapped": lambda q, k, v: (q, v, k),
    "query and value are swapped": lambda q, k, v: (v, k, q),
    "query stands in all three places": lambda q, k, v: (q, q, q),
    "key stands in all three places": lambda q, k, v: (k, k, k),
    "value stands in all three places": lambda q, k, v: (v, v, v),
    "query, key and value have each taken the next one's place": lambda q, k, v: (k, v, q),
    "query, key and value have each taken the place before": lambda q, k, v: (v, q, k),
}
PRODUCT = {
    "query and key are multiplied number by number, query i with key i alone; every query meets every key with @": (
        lambda q, k: (q * k).sum(-1)
    ),
    "query and key are multiplied number by number; a score is the sum over all d_k products, which @ computes": (
        lambda q, k: q * k
    ),
    "`inner` (or `tensordot`) pairs every sequence of the batch with every other; @ keeps them apart": torch.inner,
    "key is not transposed": lambda q, k: q @ k,
    "key is reshaped, not transposed; `view` and `reshape` keep the order of the numbers": (
        lambda q, k: q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])
    ),
    "query is transposed where key should be": lambda q, k: q.mT @ k,
    "query and key are normalised first: that is the cosine, not the dot product": (
        lambda q, k: (q / q.norm(dim=-1, keepdim=True)) @ (k / k.norm(dim=-1, keepdim=True)).mT
    ),
    "key is normalised first": lambda q, k: q @ (k / k.norm(dim=-1, keepdim=True)).mT,
    "query is normalised first": lambda q, k: (q / q.norm(dim=-1, keepdim=True)) @ k.mT,
    "the scores have the wrong sign": lambda q, k: -(q @ k.mT),
    "the absolute value of the scores is taken; a negative score must count as one": lambda q, k: (q @ k.mT).abs(),
    "negative scores are cut off at 0": lambda q, k: (q @ k.mT).relu(),
    "the scores are distances, not dot products": lambda q, k: torch.cdist(q, k),
    "the scores are negative distances, not dot products": lambda q, k: -torch.cdist(q, k),
    "the scores are all 0 (or all alike): every visible key gets the same weight": lambda q, k: 0 * (q @ k.mT),
}
SOFTMAX = {
    "the softmax runs over the queries (dim=-2), so columns sum to 1; it must run over the keys": (
        lambda s, case: s.softmax(-2)
    ),
    "the softmax runs over dimension 1, the heads if there are batch and heads; it must run over the keys": (
        lambda s, case: s.softmax(1)
    ),
    "`softmax` has no `dim`: torch then picks one by the number of dimensions; name the one it must run along": (
        lambda s, case: s.softmax(0 if s.dim() == 3 else 1)
    ),
    "the softmax runs over dimension 0, the batch if there is one; it must run over the keys": (
        lambda s, case: s.softmax(0)
    ),
    "the softmax runs over all scores of a matrix at once; each row must sum to 1 by itself": (
        lambda s, case: s.flatten(-2).softmax(-1).reshape(s.shape)
    ),
    "the softmax runs over all scores at once; each row must sum to 1 by itself": (
        lambda s, case: s.flatten().softmax(-1).reshape(s.shape)
    ),
    "softmax is missing: these are scores, not weights": lambda s, case: s,
    "softmax is applied twice": lambda s, case: s.softmax(-1).softmax(-1),
    "`log_softmax` is used in place of softmax": lambda s, case: s.log_softmax(-1),
    "a sigmoid is used in place of softmax: rows do not sum to 1": lambda s, case: s.sigmoid(),
    "`exp` is not divided by the sum of its row": lambda s, case: s.exp(),
    "`exp` is divided by a sum that lost its dimension; is keepdim=True missing?": (
        lambda s, case: s.exp() / s.exp().sum(-1)
    ),
    "`exp` is divided by the largest of its row; it must be the row's sum": (
        lambda s, case: s.exp() / s.exp().amax(-1, keepdim=True)
    ),
    "the softmax is divided by the sums of its columns; its rows sum to 1 already": (
        lambda s, case: s.softmax(-1) / s.softmax(-1).sum(-2, keepdim=True)
    ),
    "`exp` is divided by the sum of its column; it must be that of its row": (
        lambda s, case: _divided((s - s.amax(-1, keepdim=True)).exp(), -2)
    ),
    "a sigmoid takes the place of `exp`": lambda s, case: _divided(s.sigmoid()),
    "`relu` takes the place of `exp`, so negative scores get no weight": lambda s, case: _divided(s.relu()),
    "`argmax` (all weight on the largest score) is used in place of softmax": (
        lambda s, case: (s == s.amax(-1, keepdim=True)).to(s.dtype)
    ),
    "`argmax` (all weight on the first of the largest scores) is used in place of softmax": (
        lambda s, case: torch.nn.functional.one_hot(s.argmax(-1), s.shape[-1]).to(s.dtype)
    ),
    "before `exp` the largest score of each column is subtracted; it must be that of the row": (
        lambda s, case: _divided((s - s.amax(-2, keepdim=True)).exp())
    ),
    "before `exp` the largest of all scores is subtracted; it must be that of the row": (
        lambda s, case: _divided((s - s.amax()).exp())
    ),
    "before `exp` the largest score along dimension 0 is subtracted; it must be that of the row": (
        lambda s, case: _divided((s - s.amax(0, keepdim=True)).exp())
    ),
    "the sign is lost before the softmax: small scores get the large weights": lambda s, case: (-s).softmax(-1),
    "the scores are divided by their sum; softmax takes `exp` of them first": lambda s, case: (
        s / s.sum(-1, keepdim=True)
    ),
    "the scores are divided by their length; softmax takes `exp` of them first": (
        lambda s, case: s / s.norm(dim=-1, keepdim=True)
    ),
    "`relu` is used in place of softmax": lambda s, case: s.relu(),
    "`tanh` is used in place of softmax": lambda s, case: s.tanh(),
    "the weights are scaled once more after the softmax": (
        lambda s, case: s.softmax(-1) * _default(case, case.sizes["d_k"])
    ),
    "the softmax takes 2 to the power of the scores in place of e": lambda s, case: (s * math.log(2)).softmax(-1),
    "1 is added to the sum that softmax divides by": (lambda s, case: s.exp() / (1 + s.exp().sum(-1, keepdim=True))),
}
WHICH = {
    "the mask is inverted; True means may attend": lambda mask, s: ~mask,
    "the mask is off by one: a token may not even attend to itself": (
        lambda mask, s: mask & ~torch.eye(*s.shape[-2:], dtype=torch.bool)
    ),
    "the mask is off by one: a token sees the one after it": lambda mask, s: mask | later(s).tril(1),
    "the mask is transposed (a causal one then shows the later tokens); rows are queries, columns keys": (
        lambda mask, s: mask.mT if mask.shape[-1] == mask.shape[-2] else mask
    ),
}
ALONE = {  # so alike that pairs with each of them would only cost time, or NaN, in which another mistake disappears
    "the mask is multiplied by -inf, and 0 · (-inf) is NaN; use `masked_fill` or `where`": (
        lambda s, mask: s if mask is None else s + torch.where(mask, torch.nan, -INF),
        _same,
    ),
    **{
        f"{words} (and a row with every key hidden gets equal weights)": hide(-1e9, which)
        for words, which in WHICH.items()
    },
    **{
        f"hidden scores become a finite number, such as {fill}, and visible scores can lie below it; fill in -inf": (
            hide(fill)
        )
        for fill in (-100, -1000, -999, -500, -50, -20, -10, -5, -2, -1, 1)
    },
}
MASK = {
    "the mask is missing: keys that must stay hidden (later tokens, under a causal mask) still get weight": (
        _same,
        _same,
    ),
    **{words: hide(-INF, which) for words, which in WHICH.items()},
    "hidden scores become 0 (or next to it, like -1e-9), and exp(0) = 1 is no small weight; fill in -inf": hide(0.0),
    **ALONE,
    "hidden scores become +inf in place of -inf": hide(INF),
    "the mask comes after the softmax, so the rows left do not sum to 1; hide scores (-inf) before it": (
        _same,
        lambda w, mask: w if mask is None else w * mask,
    ),
    "the mask comes after the softmax; where hidden scores are far above the visible ones, nothing is left to divide "
    "by: hide scores (-inf) before it": (_same, lambda w, mask: w if mask is None else _divided(w * mask)),
    "-inf is filled in after the softmax; hide the scores before it": (
        _same,
        lambda w, mask: w if mask is None else w.masked_fill(~mask, -INF),
    ),
    "the mask is added to the scores as a number (True = 1); hidden scores must become -inf": (
        lambda s, mask: s if mask is None else s + mask,
        _same,
    ),
    "1 is added to hidden scores; they must become -inf": (lambda s, mask: s if mask is None else s + ~mask, _same),
    "a causal mask is applied in place of the one that was given": (
        lambda s, mask: s if mask is None else s.masked_fill(later(s), -INF),
        _same,
    ),
    "scores above the diagonal are set to 0, whatever the mask says; fill in -inf where the mask is False": (
        lambda s, mask: s if mask is None else s.tril(),
        _same,
    ),
    "a large number is added to hidden scores; it must be subtracted": (
        lambda s, mask: s if mask is None else s + 1e9 * ~mask,
        _same,
    ),
    "a causal mask is applied wherever there are as many queries as keys; only the given mask hides": (
        lambda s, mask: (
            (s if mask is None else s.masked_fill(~mask, -INF))
            if mask is not None or s.shape[-1] != s.shape[-2]
            else s.masked_fill(later(s), -INF)
        ),
        _same,
    ),
    "a causal mask is applied whether or not one was asked for": (
        lambda s, mask: s.masked_fill(later(s), -INF),
        _same,
    ),
    "a causal mask is added to the one that was given": (
        lambda s, mask: s if mask is None else s.masked_fill(~mask | later(s), -INF),
        _same,
    ),
}
MIX = {
    "the weights are transposed before they meet value": lambda w, q, k, v: w.mT @ v,
    "value is passed on unmixed, as if every token saw itself alone": lambda w, q, k, v: v,
    "query is added to the context": lambda w, q, k, v: w @ v + q,
    "value is added to the context": lambda w, q, k, v: w @ v + v,
    "the context is scaled; the scale belongs to the scores alone": lambda w, q, k, v: w @ v * q.shape[-1] ** -0.5,
    "the context is divided by the number of keys; the weights already sum to 1": (
        lambda w, q, k, v: w @ v / k.shape[-2]
    ),
    "value is transposed before the weights meet it": lambda w, q, k, v: w @ v.mT,
    "value is reshaped where it should be transposed; `view` and `reshape` keep the order of the numbers": (
        lambda w, q, k, v: (v.reshape(*v.shape[:-2], v.shape[-1], v.shape[-2]) @ w.mT).mT
    ),
    "the context is transposed": lambda w, q, k, v: (w @ v).mT,
    "a softmax is applied to the context too": lambda w, q, k, v: (w @ v).softmax(-1),
    "value is weighted by 1 - weights": lambda w, q, k, v: (1 - w) @ v,
}
HEADS = {
    "tokens are mixed where heads are split, as by `view(batch, heads, tokens, head_dim)`; split the last dimension, "
    "then transpose": {"split": lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1)},
    "heads are joined without transposing back, which mixes tokens; go to (batch, tokens, heads, head_dim), then "
    "flatten": {"merge": lambda c, heads: c.reshape(c.shape[0], c.shape[2], -1)},
    "tokens are mixed where heads are split and joined, as by `view` alone; transpose between tokens and heads": {
        "split": lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1),
        "merge": lambda c, heads: c.reshape(c.shape[0], c.shape[2], -1),
    },
    "heads and tokens are not transposed, so heads attend to heads instead of tokens to tokens": {
        "split": lambda x, heads: x.unflatten(-1, (heads, -1)),
        "merge": lambda c, heads: c.flatten(-2),
    },
    "a head takes every num_heads-th feature; it must take head_dim neighbours, view(..., num_heads, head_dim)": {
        "split": lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)
    },
    "heads are concatenated in the wrong order: their features are interleaved; they must lie side by side": {
        "merge": lambda c, heads: c.permute(0, 2, 3, 1).flatten(-2)
    },
    "heads are concatenated in the wrong order, the last first": {
        "merge": lambda c, heads: c.flip(1).transpose(1, 2).flatten(-2)
    },
    "heads are split and joined as (head_dim, num_heads): the features of different heads are mixed": {
        "split": lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
        "merge": lambda c, heads: c.permute(0, 2, 3, 1).flatten(-2),
    },
    "`num_heads` plays no part: everything is one wide head": {"split": lambda x, heads: x.unsqueeze(1)},
    "every head repeats the first one": {"merge": lambda c, heads: c[:, :1].expand_as(c).transpose(1, 2).flatten(-2)},
    "heads are averaged; they must be concatenated": {
        "merge": lambda c, heads: c.mean(1, keepdim=True).expand_as(c).transpose(1, 2).flatten(-2)
    },
    "heads are added up; they must be concatenated": {
        "merge": lambda c, heads: c.sum(1, keepdim=True).expand_as(c).transpose(1, 2).flatten(-2)
    },
    "the output is not passed through `out_proj`": {"output": lambda case, c: c},
    "the bias of `out_proj` is left out": {"output": lambda case, c: linear(case, "out_proj", c, bias=False)},
    "`out_proj` is applied twice": {"output": lambda case, c: linear(case, "out_proj", linear(case, "out_proj", c))},
    "`out_proj` is transposed: `nn.Linear` computes x @ W.T": {
        "output": lambda case, c: linear(case, "out_proj", c, weight=lambda w: w.mT)
    },
    "`x` is added to the output; the residual belongs to the block around attention": {
        "output": lambda case, c: linear(case, "out_proj", c) + (case.x if case.x.shape[-1] == case.d_out else 0)
    },
    "the bias of W_query, W_key and W_value is left out, `qkv_bias=True` or not": {
        "project": lambda case, name: linear(case, name, bias=False)
    },
    "W_query, W_key and W_value are transposed: `nn.Linear` computes x @ W.T": {
        "project": lambda case, name: linear(case, name, weight=lambda w: w.mT)
    },
    "`x` is read as (tokens, batch, d_in), so sequences attend to each other; it is (batch, tokens, d_in)": {
        "project": lambda case, name: linear(case, name, x=case.x.transpose(0, 1)),
        "output": lambda case, c: linear(case, "out_proj", c).transpose(0, 1),
    },
    "`x` is normalised first; the normalisation belongs to the block around attention": {
        "project": lambda case, name: linear(case, name, x=torch.layer_norm(case.x, case.x.shape[-1:]))
    },
    "the value is not projected: x itself is passed on": {
        "project": lambda case, name: case.x if name == "W_value" else linear(case, name)
    },
    **{
        f"the bias of {other} is left out": {
            "project": lambda case, name, other=other: linear(case, name, bias=name != other)
        }
        for other in ("W_query", "W_key", "W_value")
    },
}


def factors(sizes):
    """{words: factor of a case}, one for every wrong factor that the sizes at hand could suggest."""
    powers = {
        "divided by √{}": lambda n: n**-0.5,
        "divided by {}": lambda n: 1 / n,
        "multiplied by √{}": lambda n: n**0.5,
    }
    found = {"not scaled": lambda case: 1.0}
    for (name, power), size in itertools.product(powers.items(), sizes):
        words = name.format(f"({size})" if "√" in name and " " in size else size)
        found[words] = lambda case, size=size, power=power: power(case.sizes[size])
    found["multiplied by d_k"] = lambda case: float(case.sizes["d_k"])
    found["divided by d_k²"] = lambda case: case.sizes["d_k"] ** -2.0
    return found


def scale_mistakes(sizes):
    found = {
        "the argument `scale` is ignored": lambda s, case, d_k: s * d_k**-0.5,
        "the scores are divided by `scale`; it is a factor": (
            lambda s, case, d_k: s / case.scale if case.scale is not None else s * d_k**-0.5
        ),
        "`scale` = 0 counts as not given; ask `scale is None`": lambda s, case, d_k: s * (case.scale or d_k**-0.5),
        "a negative `scale`, or 0, counts as not given; ask `scale is None`": (
            lambda s, case, d_k: s * (d_k**-0.5 if case.scale is None or case.scale <= 0 else case.scale)
        ),
        "the sign of `scale` is lost; it may be negative": (
            lambda s, case, d_k: s * (d_k**-0.5 if case.scale is None else abs(case.scale))
        ),
        "`scale` counts only without a mask; it must count with one too": (
            lambda s, case, d_k: s * (d_k**-0.5 if case.scale is None or case.mask is not None else case.scale)
        ),
        "the argument `scale` comes on top of 1/√d_k; it must replace it": (
            lambda s, case, d_k: s * d_k**-0.5 * (1 if case.scale is None else case.scale)
        ),
    }
    for words, factor in factors(sizes).items():
        words += ", or scaled twice" if words == "divided by d_k" else ""
        words = f"the scores are {words}; they must be multiplied by 1/√d_k"
        found[words] = lambda s, case, d_k, f=factor: s * (f(case) if case.scale is None else case.scale)
        found[words + ", or by `scale` if it is given"] = lambda s, case, d_k, f=factor: s * f(case)
    return found | {
        "the scale is applied twice": lambda s, case, d_k: s * _default(case, d_k) ** 2,
        "the scores are divided by the scale; it is a factor, so multiply by it": (
            lambda s, case, d_k: s / _default(case, d_k)
        ),
        "the scores are divided with `//`, which rounds down; write /": (
            lambda s, case, d_k: (s * _default(case, d_k)).floor()
        ),
        "the scores are divided by their standard deviation; the scale is 1/√d_k": lambda s, case, d_k: s / s.std(),
        "the scores of each row are standardised (mean 0, deviation 1); the scale is 1/√d_k": (
            lambda s, case, d_k: (s - s.mean(-1, keepdim=True)) / s.std(-1, keepdim=True)
        ),
        "the scores are divided by their largest; the scale is 1/√d_k": lambda s, case, d_k: s / s.amax(),
    }


def mistakes(steps, sizes=()):
    """[(words, {step: how})] for some of the steps "roles", "product", "scale", "mask", "softmax", "mix", "heads"."""
    tables = {"roles": ROLES, "product": PRODUCT, "softmax": SOFTMAX, "mask": MASK, "mix": MIX}
    tables["scale"] = scale_mistakes(sizes)
    found = list(HEADS.items()) if "heads" in steps else []
    if {"scale", "softmax"} <= set(steps):
        found.append(
            (
                "the scale is applied after the softmax; it must come before",
                {
                    "scale": lambda s, case, d_k: s,
                    "softmax": lambda s, case: s.softmax(-1) * _default(case, case.sizes["d_k"]),
                },
            )
        )
    return found + [(words, {step: how}) for step in steps if step in tables for words, how in tables[step].items()]


# ---------------------------------------------------------------- finding it


def close(got, expected, tolerance, equal_nan=False):
    """The same shape and the same numbers."""
    if got.shape != expected.shape:
        return False
    return torch.allclose(got.double(), expected.double(), rtol=tolerance, atol=tolerance, equal_nan=equal_nan)


def name_one(known, run, cases, outputs):
    """The words for the first mistake that gives `outputs` in every case; None if none does.

    known: [(words, {step: how})]. run(case, **wrong) -> tensor. outputs: the reader's tensor for each of the cases.
    """
    if not _telling(run, cases[0], outputs[0]):
        return None
    return next((words for words, wrong in known if _gives(wrong, run, cases, outputs)), None)


def name_two(known, run, cases, outputs):
    """The same for pairs of mistakes, in different steps."""
    if not _telling(run, cases[0], outputs[0]):
        return None
    known = [(words, wrong) for words, wrong in known if words not in ALONE]
    for (first, one), (second, other) in itertools.combinations(known, 2):
        if not one.keys() & other.keys() and _gives(one | other, run, cases, outputs):
            return f"two things at once: {first}; and {second}"
    return None


def _telling(run, case, got):
    """Is there a wrong number that is a number? Mistakes of many kinds end in the same NaN, if not in large scores."""
    if case.large:
        return not got.isnan().all()
    right = run(case)
    return got.shape != right.shape or not close(got.where(~got.isnan(), right), right, case.tolerance)


def _gives(wrong, run, cases, outputs):
    """In every case; but NaN of large scores (an unguarded `exp`) says nothing, unless nothing else is wrong."""
    try:
        return all(
            close(got, run(case, **wrong), case.tolerance, equal_nan=True)
            or (case.large and not cases[0].large and bool(got.isnan().any()))
            for case, got in zip(cases, outputs, strict=True)
        )
    except (RuntimeError, IndexError, TypeError, ValueError):  # this mistake does not fit the sizes of the case
        return False
