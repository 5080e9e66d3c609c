"""What must hold for a reader's multi-head module: numbers, gradients, no memory between calls, dropout, its parts."""

import functools
import re
from dataclasses import replace

import torch
import torch.nn as nn

from attention import MultiHeadAttention, causal_mask
from judging import clues, mistakes, run
from judging.cases import dropout_case, friendly_heads_cases, heads_cases
from judging.mistakes import close
from judging.run import Crash, Task, Wrong


def forward(module, case):
    return {"context": run.tensor(run.call(module, case.x), f"forward(x), with {case.words},")}


def forward_with_weights(module, case):
    attn_weights, context = mistakes.heads_formula(case)
    right = {"attn_weights": attn_weights, "context": context}
    return run.pair(run.call(module, case.x, need_weights=True), right, case)


def examine(cls, forward):
    """All that must hold for a module. forward(module, case) -> {part: tensor}: the context, maybe weights."""

    training = False

    def guess(part, case, then=None, **wrong):
        found = mistakes.part(mistakes.heads_formula(case, **wrong), 0 if part == "attn_weights" else 1)
        return then(found) if then and part == "attn_weights" else found

    known = mistakes.mistakes(["heads", "scale", "mask", "softmax", "roles", "product", "mix"], heads_cases()[0].sizes)
    task = Task(
        call=lambda case: forward(build(cls, case, training), case),
        right=lambda case: forward(build(MultiHeadAttention, case), case),
        guess=guess,
        known=[("`attn_weights` are averaged over the heads; keep one matrix a head", {"then": lambda w: w.mean(1)})]
        + [(words.replace("d_k", "head_dim"), wrong) for words, wrong in known if "`scale`" not in words],
        sure=[clues.same_clue, clues.kept_clue, clues.ratio_clue, clues.precision_clue, clues.overflow_clue],
        clues=[clues.nan_clue, clues.scale_clue, clues.order_clue, clues.leak_clue, clues.rows_clue],
    )
    cases = heads_cases()
    if forward is forward_with_weights:
        cases = [replace(case, words=f"need_weights=True, {case.words}") for case in cases]
    run.examine(task, cases, friendly_heads_cases())
    _check_memory(task, build(cls, cases[0]), forward, cases[0])
    _check_gradients(cls, forward, cases, training)
    training = True
    cases = [replace(case, words=f"{case.words}, in training with dropout = 0") for case in cases]
    run.examine(task, cases, [])
    _check_gradients(cls, forward, cases[:1], training)
    _check_training(task, build(cls, cases[0], training), forward, cases[0])
    _check_dropout(cls, forward)


def _check_gradients(cls, forward, cases, training):
    for case in cases:
        if not case.large:
            live = replace(case, x=case.x.clone().requires_grad_())
            ours, theirs = build(MultiHeadAttention, live, training), build(cls, live, training)
            theirs_by_name = dict(theirs.named_parameters(remove_duplicate=False))
            leaves = {name: (leaf, theirs_by_name[name]) for name, leaf in ours.named_parameters()}
            call = functools.partial(forward, theirs, live)
            run.gradients(live, forward(ours, live), call, {"x": (live.x, live.x), **leaves})


def _check_memory(task, module, forward, case):
    """One module, called with other texts, gives what new ones give."""
    before = "before any other call"
    for batch, tokens in ((2, 2), (1, 5), (3, 5), (3, 5), (2, 3)):
        x = torch.randn(batch, tokens, case.d_in, dtype=case.x.dtype)
        now = f"{batch} × {tokens} tokens"
        _as_new(task, module, forward, replace(case, x=x), f"called with {now} {before}")
        before = f"after a call with {now}"


def _check_training(task, module, forward, case):
    """Without dropout, training and evaluation differ in nothing, and the weights may change at any time."""
    forward(module, replace(case, x=case.x[:1]))
    changed = replace(case, seed=1)
    set_weights(module, changed)
    _as_new(task, module, forward, changed, "after its weights have changed, as training changes them,")
    _as_new(task, module.eval(), forward, changed, "in evaluation after training")


def _as_new(task, module, forward, case, when):
    keeps = "does it keep or change something on self in forward, such as a mask cut to size?"
    try:
        got = forward(module, case)
    except Crash as crash:
        raise Wrong(f"A new module is right, but {when} it raises {crash}: {keeps}") from None
    if part := run.wrong_part(task, case, got):
        raise Wrong(f"A new module is right, but {when} it gives another {part}: {keeps}")


def _check_dropout(cls, forward):
    """In training each weight by itself is lost, or divided by 1 - p; in evaluation dropout does nothing."""
    case = dropout_case()
    module, p = build(cls, case), case.dropout
    if forward is forward_with_weights:
        case.words = f"need_weights=True, {case.words}"
    state, got, expected = torch.get_rng_state(), forward(module, case), forward(build(MultiHeadAttention, case), case)
    if not close(got["context"], expected["context"], 1e-6):
        if not torch.equal(state, torch.get_rng_state()):
            raise Wrong(
                "In evaluation, after .eval(), dropout is still active; `F.dropout` and the fused kernel need to be "
                "told (training=self.training), and an `nn.Dropout` belongs in __init__, not in forward."
            )
        raise Wrong(f"In evaluation, after .eval(), the numbers are off with {case.words}; there p should do nothing.")

    case = replace(case, words=f"{case.words}, in training")
    weights, value = mistakes.part(mistakes.heads_formula(case), 0), case.value
    visible = causal_mask(weights.shape[-1]).expand_as(weights)
    lead = f"The numbers are right without dropout, but with {case.words},"
    try:
        first = forward(module.train(), case)["context"]
    except Crash as crash:
        raise Wrong(f"{lead} it raises {crash}.") from None
    run.way_back(first, "context", list(module.parameters()), case)
    with torch.no_grad():
        module.out_proj.weight.copy_(torch.eye(case.d_out))
        module.out_proj.bias.zero_()
        outputs = [forward(module, case) for _ in range(8)]
        for got in outputs:
            for part, right in expected.items():
                if got[part].shape != right.shape:
                    shapes = f"{tuple(right.shape)} and has {tuple(got[part].shape)}"
                    raise Wrong(f"{lead} {part} should have shape {shapes}.")
        if "attn_weights" in expected and not all(close(got["attn_weights"], weights, 1e-6) for got in outputs):
            raise Wrong(f"{lead} the attn_weights returned should be those of the softmax, before dropout.")
        heads = torch.stack([got["context"].unflatten(-1, (case.num_heads, -1)).transpose(1, 2) for got in outputs])
        found = heads @ torch.linalg.pinv(value)  # which weights give these contexts
        if words := _dropout_words(found, weights, visible, p, close(found @ value, heads, 1e-6)):
            raise Wrong(f"{lead} {words}")


def _dropout_words(found, weights, visible, p, mixed):
    """What is wrong with the weights `found` in several runs, or None. mixed: the context is made of them."""
    left = 1 / (1 - p)
    must = f"each attention weight should become 0 or 1/(1 − {p}) = {clues.number(left)} times itself"
    gone = (found.abs() < 1e-6) & visible
    times = (found / weights)[..., visible[0, 0]]
    kept = times[times.abs() > 1e-4]
    if found.isnan().any():
        return f"{must}, and NaN comes out: does dropout act on the scores, where 0 · (−inf) is NaN?"
    if close(found, weights.expand_as(found), 1e-6):
        return "dropout changes nothing: it is ignored."
    if not mixed:
        return f"{must}, and this context is not made of such weights: dropout belongs between softmax and value alone."
    if not close(found * ~visible, 0 * found, 1e-6):
        return "tokens see later ones: what becomes of the mask?"
    if not close(kept, torch.full_like(kept, left), 1e-4):
        if close(kept, kept[:1].expand_as(kept), 1e-4):
            like = f", as with dropout={clues.number(1 - 1 / kept[0])}" if kept[0] > 1.0001 else ""
            return f"{must}; those that are left became {clues.number(kept[0])} times themselves{like}."
        sums = found.sum(-1)
        if close(sums, (sums > 0.5).to(sums), 1e-4):
            if gone.any():
                return f"{must}; here a token's weights are divided by their sum after dropout."
            return f"{must}; here a token's weights still sum to 1: does dropout come before the softmax?"
        return f"{must}; here one became {clues.number(kept[(kept - left).abs() > 1e-4][0])} times itself."
    places = ("at every call", "in the whole batch", "in all heads", "for all queries", "for all keys")
    shared = []
    for dim, words in enumerate(places):
        several = visible.expand_as(gone).sum(dim) > 1
        if (gone.any(dim) == (gone | ~visible).all(dim))[several].all():
            shared.append(words)
    if shared:
        return f"each attention weight should be dropped by itself; here the same are dropped {' and '.join(shared)}."
    if abs((share := (times.abs() < 1e-4).double().mean()) - p) > 0.08:
        return f"a share of {p} of the weights should be dropped; here it is {clues.number(share, 2)}."
    return None


def build(cls, case, training=False):
    """A module of the reader's class with the case's weights."""
    arguments = (case.d_in, case.d_out, case.context_length, case.dropout, case.num_heads)
    try:
        with run.theirs(), torch.random.fork_rng(devices=[]):  # the first weights are no sign of dropout
            module = cls(*arguments, qkv_bias=case.qkv_bias)
    except Crash as crash:
        if isinstance(crash.__cause__, NotImplementedError):
            raise Wrong("Nothing is written in __init__ yet: your turn.") from None
        raise Crash(f"{getattr(cls, '__name__', 'the class')}{case.arguments} raises {crash}") from None
    if not isinstance(module, nn.Module):
        raise Wrong(f"The class must inherit from nn.Module; what it makes is {run.a(module)}.")
    if "_parameters" not in vars(module):
        raise Wrong("There is nothing in it yet: call super().__init__() first in __init__, and then make the layers.")
    seen = {id(thing) for thing in (*module.modules(), *module.parameters())}  # registered: may stand elsewhere too
    for where, inner in module.named_modules():
        for name, thing in vars(inner).items():
            if name not in ("_parameters", "_buffers", "_modules"):  # torch's own
                _check_attribute(".".join(filter(None, ["self", where, name])), thing, seen)
    found, wanted = dict(module.named_parameters(remove_duplicate=False)), case.weights
    if missing := [name for name in wanted if name not in found]:
        layers = [name for name in missing if name.endswith(".weight")]
        if layers == ["out_proj.weight"]:
            raise Wrong(
                "There is no `out_proj`, the linear layer (d_out → d_out, with a bias) that mixes the heads at the end."
            )
        bias = f" when qkv_bias={case.qkv_bias}" if any(re.match("W_.*bias", name) for name in missing) else ""
        advice = (
            "Name the four `nn.Linear` layers W_query, W_key, W_value and out_proj, and make them in __init__."
            if layers
            else "out_proj always has a bias, the other three if `qkv_bias` is true."
        )
        raise Wrong(
            f"The check copies weights by name, and {', '.join(f'`{name}`' for name in missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing{bias}; found: "
            f"{', '.join(found) or 'no parameter at all'}. {advice}"
        )
    for name, parameter in found.items():
        first = next(n for n in (*wanted, name) if found[n] is parameter)
        if isinstance(parameter, nn.UninitializedParameter):
            raise Wrong(f"`{name}` has no size before the first call: use nn.Linear, which is told its sizes.")
        if name in wanted and first != name:
            raise Wrong(f"`{first}` and `{name}` are one and the same; each layer needs weights of its own.")
        if first not in wanted:
            more = f" when qkv_bias={case.qkv_bias}" if "bias" in name else ""
            raise Wrong(f"There is a parameter `{name}` that MultiHeadAttention does not have{more}.")
        if name in wanted and parameter.shape != wanted[name].shape:
            shape, got = tuple(wanted[name].shape), tuple(parameter.shape)
            raise Wrong(
                f"With {case.arguments}, `{name}` should have shape {shape} and has {got}: "
                "one nn.Linear(d_in, d_out) makes all heads, out_proj is nn.Linear(d_out, d_out)."
            )
    with run.theirs():
        module.to(case.x.dtype).train(training)
    set_weights(module, case)
    return module


@torch.no_grad()
def set_weights(module, case):
    parameters = dict(module.named_parameters(remove_duplicate=False))
    for name, weight in case.weights.items():
        parameters[name].copy_(weight)


def _check_attribute(name, thing, seen):
    """A tensor or a module must be where `.to(device)`, `state_dict` and the optimizer find it."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor) and thing.dim():  # a single number does no harm
        raise Wrong(
            f"{name} is a plain tensor, so `.to(device)` and `state_dict` do not see it: use "
            f'`self.register_buffer("{name.split(".")[-1]}", …)`.'
        )
    parts = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple) else ()
    for part in parts:
        if isinstance(part, nn.Module) and id(part) not in seen:
            raise Wrong(
                f"{name} is a plain {type(thing).__name__} of modules, so their parameters are not found: use "
                "`nn.ModuleList` or `nn.ModuleDict`."
            )
        _check_attribute(f"One of {name}", part, seen)
