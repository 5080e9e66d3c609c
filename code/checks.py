"""Checks for attention that you have written yourself: each runs your code and says in a sentence what is wrong.

    check_scores(fn)       fn(query, key) -> attn_scores: query @ keyᵀ
    check_scale(fn)        fn(query, key) -> attn_scores: query @ keyᵀ / √d_k
    check_mask(fn)         fn(attn_scores, mask) -> attn_scores: -inf where the mask is False
    check_attention(fn)    fn(query, key, value, *, mask=None, scale=None) -> (context, attn_weights)
    check_multi_head(cls)  cls(d_in, d_out, context_length, dropout, num_heads, qkv_bias=False)(x) -> context

Each returns a `Check`: true when all is well, and its `str` is the answer. How it finds out: your numbers are compared
with those of the formula and, where they differ, with those of the formula done wrong in many ways (mistakes.py).
"""

import functools
import html
import inspect
import re
import warnings
from dataclasses import replace

import torch
import torch.nn as nn

import judge
import mistakes
from attention import MultiHeadAttention, attention
from cases import SIZES, attention_cases, friendly_cases, friendly_heads_cases, heads_cases, mask_cases
from judge import Crash, Task, Wrong
from mistakes import INF, close


class Check:
    """The answer of a check: true or false, words, and in Jupyter a small note."""

    def __init__(self, well, words):
        self.well, self.words = well, words

    def __bool__(self):
        return self.well

    def __str__(self):
        return ("Right. " if self.well else "Not yet. ") + self.words

    __repr__ = __str__

    def _repr_html_(self):
        mark, rgb = ("✓ Right.", "0, 158, 115") if self.well else ("✗ Not yet.", "213, 94, 0")
        words = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.words, quote=False))
        return (
            f'<div class="check" role="note" style="border-left: 0.3rem solid rgb({rgb}); margin: 0.3rem 0; '
            f'background: rgba({rgb}, 0.12); padding: 0.5rem 0.9rem; overflow-wrap: anywhere">'
            f"<strong>{mark}</strong> {words}</div>"
        )


def _answers(judged):
    @functools.wraps(judged)
    def check(written):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # tensors this small only lose by sharing the work
        try:
            with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Check(True, judged(written))
        except Wrong as wrong:
            return Check(False, str(wrong))
        finally:
            torch.set_num_threads(threads)

    return check


# ---------------------------------------------------------------- the five checks


@_answers
def check_scores(fn):
    """Check fn(query, key) -> attn_scores (..., queries, keys): the dot product of every query with every key."""
    scaled = {
        f"the scores are {words} already; scaling is the next step": lambda s, case, d_k, f=f: s * f(case)
        for words, f in mistakes.factors(SIZES).items()
    }
    return _check_products(fn, lambda s, case, d_k: s, scaled, "query @ keyᵀ")


@_answers
def check_scale(fn):
    """Check fn(query, key) -> attn_scores (..., queries, keys): the dot products, times 1/√d_k."""
    return _check_products(fn, mistakes.RIGHT["scale"], mistakes.scale_mistakes(SIZES), "query @ keyᵀ / √d_k")


def _check_products(fn, scale, scaled, words):
    judge.callable_as(fn, "query, key", (None, None))
    ahead = {
        "the softmax is applied already; this step ends with the scores": lambda s: s.softmax(-1),
        "a causal mask is applied already; it is another step": lambda s: s.masked_fill(mistakes.later(s), -INF),
        "later tokens are set to 0; every pair has a score, and the mask is another step": torch.tril,
    }

    def guess(part, case, then=None, **wrong):
        attn_scores = mistakes.part(mistakes.formula(case, **{"scale": scale} | wrong), 0)
        return then(attn_scores) if then else attn_scores

    task = Task(
        call=lambda case: {"attn_scores": judge.tensor(judge.call(fn, case.query, case.key), "attn_scores")},
        right=lambda case: {"attn_scores": scale(case.query @ case.key.mT, case, case.query.shape[-1])},
        guess=guess,
        known=mistakes.mistakes(["roles", "product"])
        + [(name, {"scale": how}) for name, how in scaled.items()]
        + [(name, {"then": how}) for name, how in ahead.items()],
        sure=[judge.product_clue, judge.precision_clue],
        clues=[],
    )
    cases = [case for case in attention_cases() if case.mask is None and case.scale is None]
    judge.examine(task, cases, friendly_cases())
    judge.gradients(task, cases[1], ["query", "key"])
    return f"attn_scores is {words} in {len(cases)} cases, and its gradient is right too."


@_answers
def check_mask(fn):
    """Check fn(attn_scores, mask) -> attn_scores with -inf (or a number that acts like it) where mask is False."""
    judge.callable_as(fn, "attn_scores, mask", (None, None))

    def call(case):
        got = judge.tensor(judge.call(fn, case.scores, case.mask), "attn_scores")
        # Any number that no real score comes near does the work of -inf.
        return {"attn_scores": got.masked_fill(got <= -1e4, -INF)}

    known = {
        "the softmax is applied already; this step ends with the scores": lambda s, m: s.masked_fill(~m, -INF).softmax(
            -1
        ),
        "the softmax is applied already, and the mask after it; hide scores, not weights": lambda s, m: (
            s.softmax(-1) * m
        ),
        "the visible scores are lost; they must stay as they are": lambda s, m: torch.where(m, 0.0, -INF).to(s),
        "the mask itself is returned": lambda s, m: m.expand_as(s),
    } | {words: before for words, (before, after) in mistakes.MASK.items() if after is mistakes.RIGHT["mask"][1]}
    task = Task(
        call=call,
        right=lambda case: {"attn_scores": case.scores.masked_fill(~case.mask, -INF)},
        guess=lambda part, case, do: do(case.scores, case.mask),
        known=[(words, {"do": do}) for words, do in known.items()],
        sure=[judge.fill_clue],
        clues=[],
    )
    cases = mask_cases()
    judge.examine(task, cases, [])
    return f"Hidden scores are as good as -inf, and visible ones untouched, in {len(cases)} cases."


@_answers
def check_attention(fn):
    """Check fn(query, key, value, *, mask=None, scale=None) -> (context, attn_weights), like `attention`."""
    signature = "query, key, value, *, mask=None, scale=None"
    judge.callable_as(fn, signature, (None,) * 3)
    judge.callable_as(fn, signature, (None,) * 3, {"mask": None, "scale": None})

    def right(case):
        context, attn_weights = attention(case.query, case.key, case.value, mask=case.mask, scale=case.scale)
        return {"attn_weights": attn_weights, "context": context}

    def call(case):
        options = {name: value for name in ("mask", "scale") if (value := getattr(case, name)) is not None}
        result = judge.call(fn, case.query, case.key, case.value, **options)
        context, attn_weights = judge.pair(result, right(case))
        return {"attn_weights": attn_weights, "context": context}

    task = Task(
        call=call,
        right=right,
        guess=lambda part, case, **wrong: mistakes.part(
            mistakes.formula(case, **wrong), 1 if part == "attn_weights" else 2
        ),
        known=mistakes.mistakes(["scale", "mask", "softmax", "roles", "product", "mix"], SIZES),
        sure=[judge.precision_clue, judge.overflow_clue, judge.dropout_clue],
        clues=[
            judge.scale_clue,
            judge.order_clue,
            judge.ratio_clue,
            judge.nan_clue,
            judge.leak_clue,
            judge.hidden_clue,
            judge.rows_clue,
        ],
    )
    cases = attention_cases()
    judge.examine(task, cases, friendly_cases())
    judge.gradients(task, cases[1], ["query", "key", "value"])
    return (
        f"context and attn_weights agree with the formula in {len(cases)} cases (unequal lengths and widths, batch and "
        "heads, causal and padding masks, a given scale, float64, one token, large scores), gradients too."
    )


@_answers
def check_multi_head(cls):
    """Check a class with the constructor and the parameter names of `MultiHeadAttention` in attention.py."""
    if isinstance(cls, nn.Module):
        raise Wrong(f"This is a module already made; pass the class itself, check_multi_head({type(cls).__name__}).")
    signature = "d_in, d_out, context_length, dropout, num_heads, qkv_bias=False"
    judge.callable_as(cls, signature, (1,) * 5)
    judge.callable_as(cls, signature, (1,) * 5, {"qkv_bias": False})
    known = [
        (words.replace("d_k", "head_dim"), wrong)
        for words, wrong in mistakes.mistakes(
            ["heads", "scale", "mask", "softmax", "roles", "product", "mix"], heads_cases()[0].sizes
        )
        if "`scale`" not in words  # it is no argument here
    ]
    task = Task(
        call=lambda case: {"context": judge.tensor(judge.call(_build(cls, case), case.x), "forward(x)")},
        right=lambda case: {"context": _build(MultiHeadAttention, case)(case.x)},
        guess=lambda part, case, **wrong: mistakes.part(mistakes.heads_formula(case, **wrong), 1),
        known=known,
        sure=[judge.precision_clue],
        clues=[judge.scale_clue, judge.order_clue, judge.ratio_clue, judge.nan_clue, judge.leak_clue],
    )
    cases = heads_cases()
    judge.examine(task, cases, friendly_heads_cases())
    judge.gradients(task, cases[1], ["x"])
    _check_dropout(cls, cases[0])
    if "need_weights" in inspect.signature(_build(cls, cases[0]).forward).parameters:
        _check_need_weights(cls, cases, known)
    try:
        cls(12, 10, 7, 0.0, 3)
    except Exception:  # whatever it raises, the reader is warned
        return (
            f"The context agrees with MultiHeadAttention, the weights copied over, in {len(cases)} cases, gradients "
            "too; dropout acts on the attention weights in training and rests in evaluation."
        )
    raise Wrong(
        "The numbers are right, but d_out = 10 with num_heads = 3 is accepted; raise an error when the heads cannot "
        "be equally wide."
    )


def _check_need_weights(cls, cases, known):
    def both(module, case):
        return judge.call(module, case.x, need_weights=True)

    def right(case):
        context, attn_weights = both(_build(MultiHeadAttention, case), case)
        return {"attn_weights": attn_weights, "context": context}

    def call(case):
        context, attn_weights = judge.pair(both(_build(cls, case), case), right(case))
        return {"attn_weights": attn_weights, "context": context}

    def guess(part, case, then=None, **wrong):
        found = mistakes.part(mistakes.heads_formula(case, **wrong), 0 if part == "attn_weights" else 1)
        return then(found) if then else found

    mean = ("`attn_weights` are averaged over the heads; keep one matrix a head", {"then": lambda w: w.mean(1)})
    judge.examine(Task(call, right, guess, [mean, *known], [judge.precision_clue], [judge.rows_clue]), cases, [])


def _check_dropout(cls, case):
    """In training, dropout takes out whole attention weights; in evaluation it does nothing."""
    case = replace(case, dropout=0.5, words=f"dropout=0.5 and {case.words}")
    module, width = _build(cls, case), case.sizes["d_k"]
    context = judge.call(module, case.x)
    if not close(context, judge.call(module, case.x), 1e-6):
        raise Wrong(
            "In evaluation, after .eval(), dropout is still active; `F.dropout` and the fused kernel need to be told "
            "(training=self.training), and an `nn.Dropout` belongs in __init__, not in forward."
        )
    if not close(context, _build(MultiHeadAttention, case)(case.x), 1e-4):
        raise Wrong("In evaluation, after .eval(), the numbers are off if dropout=0.5; there it should do nothing.")
    # Token 0 sees itself alone, with weight 1: what dropout does to weights, it does to whole heads of its value.
    with torch.no_grad():
        module.out_proj.weight.copy_(torch.eye(len(module.out_proj.weight)))
        module.out_proj.bias.zero_()
        value = module.W_value(case.x)[:, 0].unflatten(-1, (-1, width))
        heads = [judge.call(module.train(), case.x)[:, 0].unflatten(-1, (-1, width)) for _ in range(4)]
    if all(close(got, value, 1e-5) for got in heads):
        raise Wrong(
            "The numbers are right without dropout, but dropout=0.5 changes nothing in training: it is ignored."
        )
    for got in heads:
        dropped, kept = ((got - target).abs().amax(-1) < 1e-4 for target in (0 * value, 2 * value))
        if not (dropped | kept).all():
            raise Wrong(
                "The numbers are right without dropout, but dropout=0.5 in training does not act on the attention "
                "weights (after the softmax, before value): token 0, which sees itself alone, should keep or lose "
                "whole heads."
            )


def _build(cls, case):
    """A module of the reader's class with the case's weights, in evaluation mode."""
    try:
        module = cls(case.d_in, case.d_out, case.context_length, case.dropout, case.num_heads, qkv_bias=case.qkv_bias)
    except NotImplementedError:
        raise Wrong("Nothing is written in __init__ yet: your turn.") from None
    except Exception as error:
        name, line = getattr(cls, "__name__", "the class"), judge.own_line(error, ", at ")
        raise Crash(f"{name}{case.arguments} raises {type(error).__name__}: {judge.first_line(error)}{line}") from None
    if not isinstance(module, nn.Module):
        raise Wrong(f"The class must inherit from nn.Module; what it makes is {judge.a(module)}.")
    if "_parameters" not in vars(module):
        raise Wrong("There is nothing in it yet: call super().__init__() first in __init__, and then make the layers.")
    for name, thing in vars(module).items():
        if isinstance(thing, torch.Tensor):
            raise Wrong(
                f"self.{name} is a plain tensor, so `.to(device)` and `state_dict` do not see it: use "
                f'self.register_buffer("{name}", …), or `nn.Parameter` if it should learn.'
            )
        if isinstance(thing, list | tuple) and any(isinstance(part, nn.Module) for part in thing):
            raise Wrong(
                f"self.{name} is a plain list of modules, so their parameters are not found: use `nn.ModuleList`."
            )
    found, wanted = dict(module.named_parameters()), case.weights
    if missing := [name for name in wanted if name not in found]:
        if {"out_proj.weight", "out_proj.bias"} == set(missing):
            raise Wrong(
                "There is no `out_proj`, the linear layer (d_out → d_out, with a bias) that mixes the heads at the end."
            )
        bias = f" when qkv_bias={case.qkv_bias}" if any(re.match("W_.*bias", name) for name in missing) else ""
        raise Wrong(
            f"The check copies weights by name, and {', '.join(f'`{name}`' for name in missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing{bias}; found: "
            f"{', '.join(found) or 'no parameter at all'}. Name the four `nn.Linear` layers W_query, W_key, W_value "
            "and out_proj, and make them in __init__."
        )
    for name, parameter in found.items():
        if name not in wanted:
            more = f" when qkv_bias={case.qkv_bias}" if "bias" in name else ""
            raise Wrong(f"There is a parameter `{name}` that MultiHeadAttention does not have{more}.")
        if parameter.shape != wanted[name].shape:
            shape, got = tuple(wanted[name].shape), tuple(parameter.shape)
            raise Wrong(
                f"With {case.arguments}, `{name}` should have shape {shape} and has {got}: "
                "one nn.Linear(d_in, d_out) makes all heads, out_proj is nn.Linear(d_out, d_out)."
            )
    module = module.to(case.x.dtype)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(wanted[name])
    return module.eval()
