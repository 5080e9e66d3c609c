"""What can be said of a reader's numbers when no known mistake gives them exactly.

A clue takes (task, part, cases, outputs): a run.Task, the part that is wrong, the cases that ran, the wrong ones
first, and the reader's tensor for each. It returns words that are true of these numbers, or None.
"""

from dataclasses import replace

import torch

from judging import mistakes
from judging.mistakes import close


def number(value, digits=4):
    """A number as people write it."""
    words = "0" if abs(float(value)) < 1e-12 else f"{float(value):.{digits}g}"
    return words.replace("-", "−").replace("nan", "NaN")


# ---------------------------------------------------------------- one factor, one epsilon


def product_clue(task, part, cases, outputs, due, must):
    """The factor between the reader's scores and the dot products, if there is one; `due` is the right one."""
    found = []
    for case, got in zip(cases, outputs, strict=True):
        dots = case.query @ case.key.mT
        factor = float((got * dots).sum() / dots.square().sum())
        if not close(got, factor * dots, 1e-5):
            return None
        found.append((case, factor))
    return _factor_words(found, due, must)


def scale_clue(task, part, cases, outputs):
    """The factor of the scores that gives the reader's numbers, if there is one for every case."""
    given = [(c, got) for c, got in zip(cases[:1], outputs[:1], strict=True) if getattr(c, "scale", None) is not None]
    if given and (factor := _fit_scale(task, part, *given[0])) is not None:
        return f"with scale = {number(cases[0].scale)} the scores are multiplied by {number(factor)}"
    plain = [(c, got) for c, got in zip(cases, outputs, strict=True) if c.plain and not c.large]
    found = [(case, _fit_scale(task, part, case, got)) for case, got in plain[:4]]
    if not found or any(factor is None for _, factor in found):
        return None
    width = "head_dim" if "num_heads" in found[0][0].sizes else "d_k"
    must = f"they must be multiplied by 1/√{width}"
    return _factor_words(found, lambda case: case.sizes["d_k"] ** -0.5, must, width)


def _fit_scale(task, part, case, got):
    def off(factor):
        guess = task.guess(part, case, scale=lambda s, *_: s * factor)
        return float((guess.double() - got.double()).square().mean())

    tried = [0.0, *(sign * 10 ** (i / 10) for i in range(-30, 16) for sign in (1, -1))]
    best, step = min(tried, key=off), 10**0.1
    while step > 1 + 1e-7:  # the error falls towards the factor from both sides
        best = min((best / step, best, best * step), key=off)
        step **= 0.6
    return best if off(best) < 1e-9 else None


def _factor_words(found, due, must, width="d_k"):
    off = [(case, value) for case, value in found if abs(value / due(case) - 1) > 1e-3]
    if not off:
        return None
    for words, factor in mistakes.factors(off[0][0].sizes).items():
        if all(abs(value / factor(case) - 1) < 1e-3 for case, value in off):
            return f"the scores are {words}; {must}"
    values = [factor for _, factor in off]
    if len(off) == len(found) > 1 and max(values) - min(values) < 1e-3 * abs(values[0]):
        return (
            f"the scores are multiplied by {number(values[0])} whatever the sizes (typed in, or kept from a first "
            f"call?); {must}"
        )
    by_width = {}
    for case, factor in off:
        by_width.setdefault(case.sizes["d_k"], f"{number(factor)} with {width} = {case.sizes['d_k']}")
    return f"the scores are multiplied by {' and by '.join([*by_width.values()][:2])}; {must}"


def precision_clue(task, part, cases, outputs):
    """Right but for the last digits, which large scores may blow up to any size."""
    for case, got in zip(cases, outputs, strict=True):
        if not close(got, task.right(case)[part], 1e-2) and (cases[0].large or not case.large):
            return None
    return (
        "the numbers are nearly right, but off by more than rounding allows: is an epsilon added, a number rounded, or "
        "a step computed in fewer digits than the input has (float32, half)?"
    )


def same_clue(task, part, cases, outputs):
    """Nothing of the input is left in it."""
    rows = outputs[0].flatten(0, -2)
    if len(rows) > 1 and close(rows, rows[:1].expand_as(rows), 1e-6):
        return f"every row of {part}, in every sequence, is the same: what becomes of the input?"
    return None


def kept_clue(task, part, cases, outputs):
    """What was given, or came out, in an earlier call is used in this one."""
    case, got = cases[0], outputs[0]
    for other in cases[1:]:
        if other.number > case.number or got.isnan().all():
            continue
        if close(got, task.right(other)[part], case.tolerance):
            return f"this is the answer of an earlier call ({other.words}): is it kept, or is the input not looked at?"
        for name in case.given:
            old = getattr(other, name)
            if old is None or getattr(case, name) is None:
                continue
            try:
                stale = task.right(replace(case, **{name: old}))[part]
            except (RuntimeError, ValueError):  # the sizes of the one do not fit the other
                continue
            if close(got, stale, case.tolerance):
                return f"the numbers are those for the {name} of an earlier call ({other.words}): is it kept?"
    return None


def ratio_clue(task, part, cases, outputs):
    """All numbers wrong by one factor."""
    ratios = []
    for case, got in zip(cases, outputs, strict=True):
        right = task.right(case)[part]
        ratio = float((got * right).sum() / right.square().sum())
        if not close(got, right * ratio, max(case.tolerance, 1e-5)):
            return None
        ratios.append(ratio)
    if max(ratios) - min(ratios) > 1e-3 or abs(ratios[0] - 1) < 1e-3:
        return None
    if abs(ratios[0]) < 1e-6:
        return f"every number of {part} is 0"
    return f"every number of {part} is {number(ratios[0])} times what it should be"


# ---------------------------------------------------------------- infinities and masks


def fill_clue(task, part, cases, outputs):
    """What stands where -inf should, beside right visible scores: a number, or one fixed distance from the score."""
    if all(got[case.mask.expand_as(got)].isnan().all() for case, got in zip(cases, outputs, strict=True)):
        return "visible scores become NaN; is the mask multiplied by -inf? 0 · (-inf) is NaN"
    for case, got in zip(cases, outputs, strict=True):
        if not close(got.masked_fill(~case.mask, 0), case.scores.masked_fill(~case.mask, 0), case.tolerance):
            return None
    hidden = [~case.mask.expand_as(got) for case, got in zip(cases, outputs, strict=True)]
    got = torch.cat([got[h].double() for h, got in zip(hidden, outputs, strict=True)])
    shift = got - torch.cat([case.scores[h].double() for h, case in zip(hidden, cases, strict=True)])
    if got.isnan().all():
        return "hidden scores become NaN; fill in -inf"
    if float(got.max() - got.min()) < 1e-6:
        return f"hidden scores become {number(got[0])}, a score like any other; fill in -inf"
    if float(shift.max() - shift.min()) < 1e-3:
        return f"hidden scores are only moved by {number(shift[0])}, and still are scores; fill in -inf"
    if (still := got[got.isfinite()]).numel():
        return f"hidden scores are still numbers, such as {number(still[0])}; fill in -inf"
    return None


def overflow_clue(task, part, cases, outputs):
    """NaN in the cases of large scores alone, and nothing wrong in the others."""
    wrong = [(c, got) for c, got in zip(cases, outputs, strict=True) if not close(got, task.right(c)[part], 1e-4)]
    if wrong and all(case.large and got.isnan().any() for case, got in wrong):
        return (
            "`exp` of scores this large overflows (or all of them become 0), and NaN comes out; subtract each row's "
            "largest score before `exp`"
        )
    return None


def nan_clue(task, part, cases, outputs):
    case, rows = cases[0], outputs[0].isnan().any(-1)
    if not rows.any():
        return None
    if rows.shape == task.right(case)[part].shape[:-1] and (rows == case.hides).all():
        return "NaN comes out in every row where a key is hidden: is its score +inf or NaN in place of -inf?"
    if all(got.isnan().any() == c.hides.any() for c, got in zip(cases, outputs, strict=True)):
        return "NaN comes out wherever a key is hidden: 0 · (-inf) is NaN, and so is the softmax of a row hidden whole"
    return "there is NaN in it: 0 · inf, inf − inf, 0 / 0, the root of a negative number, or a row hidden whole"


def rows_clue(task, part, cases, outputs):
    """Weights that are no mean."""
    case, got = cases[0], outputs[0]
    if part != "attn_weights":
        return None
    columns, rows = got.double().sum(-2), got.double().sum(-1)
    if close(rows, torch.ones_like(rows), 1e-3):
        return "some of attn_weights are negative" if (got < -1e-6).any() else None
    if close(columns, torch.ones_like(columns), 1e-3):
        return "the columns of attn_weights sum to 1; its rows should (dim=-1)"
    worst = rows.flatten()[(rows - 1).abs().argmax()]
    return f"the rows of attn_weights do not sum to 1 ({case.words}: one sums to {number(worst)})"


def hidden_clue(task, part, cases, outputs):
    """Weight on keys that the mask hides."""
    case, got = cases[0], outputs[0]
    if part == "attn_weights" and case.mask is not None:
        hidden = got[~case.mask.expand_as(got)]
        if hidden.isfinite().all() and hidden.abs().max() > 1e-4:
            return f"keys that the mask hides still get weight, up to {number(hidden.abs().max())}"
    return None


# ---------------------------------------------------------------- places


def order_clue(task, part, cases, outputs):
    """The right numbers in other places."""
    plain = [(c, got) for c, got in zip(cases, outputs, strict=True) if c.plain]
    pairs = [(task.right(c)[part], got, max(c.tolerance, 1e-5)) for c, got in plain]
    if all(close(got, right, 1e-3) for right, got, _ in pairs):
        return None
    if all(close(got.mT, right, tolerance) for right, got, tolerance in pairs):
        return f"`{part}` is transposed"
    if any(got.shape != right.shape for right, got, _ in pairs):
        return None
    for dim, words in ((-1, "within their row"), (-2, "within their column"), (None, "in the tensor")):
        if all(close(_in_order(got, dim), _in_order(right, dim), tolerance) for right, got, tolerance in pairs):
            return f"the numbers of {part} are right, but {words} they stand in other places"
    return None


def _in_order(numbers, dim):
    return numbers.double().flatten().sort().values if dim is None else numbers.double().sort(dim).values


def leak_clue(task, part, cases, outputs):
    """Does the answer for one sequence, or one token, depend on what it must not see? In the first wrong case."""
    for words, changed, kept in cases[0].independent():
        before, after = task.call(cases[0])[part], task.call(changed)[part]
        if before.shape == task.right(cases[0])[part].shape and not close(before[kept], after[kept], 1e-5):
            return words
    return None
