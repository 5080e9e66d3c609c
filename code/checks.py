"""Checks for attention that you have written yourself: each runs your code and says in a sentence what is wrong.

    check_scores(fn)       fn(query, key) -> attn_scores: query @ keyᵀ
    check_scale(fn)        fn(query, key) -> attn_scores: query @ keyᵀ / √d_k
    check_mask(fn)         fn(attn_scores, mask) -> attn_scores: -inf where the mask is False
    check_attention(fn)    fn(query, key, value, *, mask=None, scale=None) -> (context, attn_weights)
    check_multi_head(cls)  cls(d_in, d_out, context_length, dropout, num_heads, qkv_bias=False)(x) -> context

Each returns a `Check`: true when all is well, and its `str` is the answer. How it finds out: your numbers are compared
with those of the formula and, where they differ, with those of the formula done wrong in many ways (judging/).
"""

import functools
import html
import inspect
import re
import warnings
from dataclasses import replace

import torch
import torch.nn as nn

from attention import attention
from judging import clues, heads, mistakes, run
from judging.cases import SIZES, attention_cases, friendly_cases, heads_cases, mask_cases
from judging.mistakes import INF
from judging.run import Task, Wrong


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
        dtype = torch.get_default_dtype()
        try:
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                torch.manual_seed(20170612)  # the same code always gets the same answer
                warnings.simplefilter("ignore")
                return Check(True, run.beside(judged, written))
        except Wrong as wrong:
            return Check(False, str(wrong))
        except Exception as error:  # no answer is a traceback, not even of the check's own
            said = f"{type(error).__name__}: {run.first_line(error)}"
            return Check(False, f"The check stumbles over it and cannot judge it ({said}): write it in a plainer way.")
        finally:
            torch.set_default_dtype(dtype)

    return check


def _function(fn, signature, args, options=None):
    if isinstance(fn, type):
        raise Wrong(f"`{fn.__name__}` is a class; pass a function, or one object of that class that can be called.")
    run.callable_as(fn, signature, args, options)


def _gradients(task, cases, names):
    for case in cases:
        live = replace(case, **{name: getattr(case, name).detach().clone().requires_grad_() for name in names})
        leaves = {name: (getattr(live, name),) * 2 for name in names}
        run.gradients(live, task.right(live), functools.partial(task.call, live), leaves)


# ---------------------------------------------------------------- the five checks


@_answers
def check_scores(fn):
    """Check fn(query, key) -> attn_scores (..., queries, keys): the dot product of every query with every key."""
    scaled = {
        f"the scores are {words} already; scaling is the next step": lambda s, case, d_k, f=f: s * f(case)
        for words, f in mistakes.factors(SIZES).items()
    }
    factor = functools.partial(
        clues.product_clue, due=lambda case: 1.0, must="this step has no factor, scaling is the next one"
    )
    return _check_products(fn, lambda s, case, d_k: s, scaled, factor)


@_answers
def check_scale(fn):
    """Check fn(query, key) -> attn_scores (..., queries, keys): the dot products, times 1/√d_k."""
    factor = functools.partial(
        clues.product_clue,
        due=lambda case: case.query.shape[-1] ** -0.5,
        must="they must be multiplied by 1/√d_k, from the input",
    )
    scaled = mistakes.scale_mistakes(SIZES)
    return _check_products(fn, mistakes.RIGHT["scale"], scaled, factor)


def _check_products(fn, scale, scaled, factor_clue):
    _function(fn, "query, key", (None, None))
    ahead = {
        "the softmax is applied already; this step ends with the scores": lambda s: s.softmax(-1),
        "a causal mask is applied already; it is another step": lambda s: s.masked_fill(mistakes.later(s), -INF),
        "later tokens are set to 0; every pair has a score, and the mask is another step": torch.tril,
    }

    def guess(part, case, then=None, **wrong):
        attn_scores = mistakes.part(mistakes.formula(case, **{"scale": scale} | wrong), 0)
        return then(attn_scores) if then else attn_scores

    task = Task(
        call=lambda case: {"attn_scores": run.tensor(run.call(fn, case.query, case.key), "attn_scores")},
        right=lambda case: {"attn_scores": scale(case.query @ case.key.mT, case, case.query.shape[-1])},
        guess=guess,
        known=mistakes.mistakes(["roles", "product"])
        + [(name, {"scale": how}) for name, how in scaled.items()]
        + [(name, {"then": how}) for name, how in ahead.items()],
        sure=[clues.kept_clue, clues.precision_clue, factor_clue],
        clues=[clues.nan_clue, clues.order_clue],
    )
    cases = [case for case in attention_cases() if case.mask is None and case.scale is None]
    cases = [case for case in cases if not case.explicit and not case.broadcasts]
    run.examine(task, cases, friendly_cases())
    _gradients(task, cases, ["query", "key"])
    return f"The scores agree with the formula in {len(cases)} cases, and so do their gradients."


@_answers
def check_mask(fn):
    """Check fn(attn_scores, mask) -> attn_scores with -inf (or a number that acts like it) where mask is False."""
    _function(fn, "attn_scores, mask", (None, None))

    def call(case):
        got = run.tensor(run.call(fn, case.scores, case.mask), "attn_scores")
        # Any number that no real score comes near does the work of -inf.
        return {"attn_scores": got.masked_fill(got <= -5e3, -INF) if got.is_floating_point() else got}

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
        guess=lambda part, case, do=lambda s, m: s.masked_fill(~m, -INF): do(case.scores, case.mask),
        known=[(words, {"do": do}) for words, do in known.items()],
        sure=[clues.kept_clue, clues.fill_clue],
        clues=[],
    )
    cases = mask_cases()
    run.examine(task, cases, [])
    _gradients(task, cases, ["scores"])
    return (
        f"Hidden scores are as good as -inf, and visible ones untouched, in {len(cases)} cases, and the gradient is "
        "right too."
    )


@_answers
def check_attention(fn):
    """Check fn(query, key, value, *, mask=None, scale=None) -> (context, attn_weights), like `attention`.

    Leading dimensions broadcast, those of the mask too; scale is any number.
    """
    signature = "query, key, value, *, mask=None, scale=None"
    _function(fn, signature, (None,) * 3)
    _function(fn, signature, (None,) * 3, {"mask": None, "scale": None})

    def right(case):
        context, attn_weights = attention(case.query, case.key, case.value, mask=case.mask, scale=case.scale)
        return {"attn_weights": attn_weights, "context": context}

    def call(case):
        options = {"mask": case.mask, "scale": case.scale}
        options = {name: value for name, value in options.items() if value is not None or case.explicit}
        return run.pair(run.call(fn, case.query, case.key, case.value, **options), right(case), case)

    task = Task(
        call=call,
        right=right,
        guess=lambda part, case, **wrong: mistakes.part(
            mistakes.formula(case, **wrong), 1 if part == "attn_weights" else 2
        ),
        known=mistakes.mistakes(["scale", "mask", "softmax", "roles", "product", "mix"], SIZES),
        sure=[clues.kept_clue, clues.ratio_clue, clues.precision_clue, clues.overflow_clue],
        clues=[
            clues.nan_clue,
            clues.scale_clue,
            clues.order_clue,
            clues.leak_clue,
            clues.hidden_clue,
            clues.rows_clue,
        ],
    )
    cases = attention_cases()
    run.examine(task, cases, friendly_cases())
    _gradients(task, [case for case in cases if not case.large], ["query", "key", "value"])
    return (
        f"context and attn_weights agree with the formula in {len(cases)} cases (unequal lengths and widths, batch and "
        "heads, leading dimensions that broadcast, causal, padding and other masks, a given scale, float64, one token, "
        "large scores), gradients too."
    )


@_answers
def check_multi_head(cls):
    """Check a class with the constructor and the parameter names of `MultiHeadAttention` in attention.py."""
    if isinstance(cls, nn.Module):
        raise Wrong(f"This is a module already made; pass the class itself, check_multi_head({type(cls).__name__}).")
    signature = "d_in, d_out, context_length, dropout, num_heads, qkv_bias=False"
    run.callable_as(cls, signature, (1,) * 5)
    run.callable_as(cls, signature, (1,) * 5, {"qkv_bias": False})
    heads.examine(cls, heads.forward)
    if "need_weights" in inspect.signature(heads.build(cls, heads_cases()[0]).forward).parameters:
        heads.examine(cls, heads.forward_with_weights)
    try:
        cls(12, 10, 7, 0.0, 3)
    except Exception:  # whatever it raises, the reader is warned
        return (
            f"The context agrees with MultiHeadAttention, the weights copied over, in {len(heads_cases())} cases, "
            "gradients too; dropout acts on each attention weight in training and rests in evaluation."
        )
    raise Wrong(
        "The numbers are right, but d_out = 10 with num_heads = 3 is accepted; raise an error when the heads cannot "
        "be equally wide."
    )
