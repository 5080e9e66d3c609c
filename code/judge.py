"""How checks.py runs a reader's code, case by case, and finds words for the first thing that is not right."""

import functools
import inspect
import linecache
import re
import sysconfig
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import mistakes
from mistakes import close

OURS = {__file__, mistakes.__file__, str(Path(__file__).with_name("checks.py"))}
LIBRARIES = ("site-packages", "dist-packages", sysconfig.get_path("stdlib"), "<frozen", "<__array_function__")


class Wrong(Exception):
    """Ends a check with what is wrong."""


class Crash(Wrong):
    """The reader's code raised an error."""


@dataclass
class Task:
    """What a check compares: parts are named tensors, in the order in which a mistake is looked for."""

    call: object  # case -> {part: the reader's tensor}
    right: object  # case -> {part: what it should be}
    guess: object  # (part, case, **wrong) -> the tensor that a mistake would give
    known: list  # [(words, wrong)]
    sure: list  # [(task, part, cases, outputs) -> words or None], tried when no one mistake fits
    clues: list  # the same, tried when no two mistakes fit either


# ---------------------------------------------------------------- running the reader's code


def callable_as(fn, signature, args, options=None):
    """Raise Wrong unless fn is a function (or class) that takes these arguments."""
    if not callable(fn):
        raise Wrong(f"A function or class is expected, without calling it; this is {a(fn)}.")
    name = getattr(fn, "__name__", "it")
    try:
        inspect.signature(fn).bind(*args, **(options or {}))
    except TypeError as error:
        raise Wrong(f"`{name}` must take ({signature}); as it is written, Python says: {error}.") from None
    except ValueError:  # some built-in functions do not tell what they take
        pass


def call(fn, *tensors, **options):
    """The result of the reader's function on copies; Wrong if it is a stub, crashes or changes what it was given."""
    given = [*tensors, *(value for value in options.values() if isinstance(value, torch.Tensor))]
    before = [tensor.detach().clone() for tensor in given]
    try:
        result = fn(*tensors, **options)
    except NotImplementedError as error:
        if 'missing the required "forward"' in str(error):
            raise Wrong(
                "There is no method `forward`: it is what computes the output when the module is called."
            ) from None
        raise Wrong(f"Nothing is written here yet ({own_line(error) or 'NotImplementedError'}): your turn.") from None
    except Exception as error:
        raise Crash(f"{type(error).__name__}: {first_line(error)}{own_line(error, ', at ')}") from error
    if result is None or result is ...:
        raise Wrong(f"It returns {result!r} so far: write its body, and `return` the result at the end.")
    for tensor, old in zip(given, before, strict=True):
        if not close(tensor.detach(), old, 0):
            raise Wrong(
                f"It changes its input in place (a tensor of shape {tuple(tensor.shape)}), and the caller loses it. "
                "Make a new tensor: `x = x + 1` in place of `x += 1`, `masked_fill` in place of `masked_fill_`."
            )
    return result


def first_line(error):
    return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")


def own_line(error, lead=""):
    """The reader's own line in the traceback, with its number and file."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in OURS and not any(part in frame.filename for part in LIBRARIES)
    ]
    if not frames:
        return ""
    frame = frames[-1]
    file = Path(frame.filename).name if Path(frame.filename).exists() else "your cell"
    text = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
    text = text if len(text) < 100 else text[:100] + " …"
    return f"{lead}line {frame.lineno} of {file}" + (f", `{text}`" if text else "")


def tensor(result, name):
    if isinstance(result, torch.Tensor):
        return result
    if isinstance(result, tuple | list) and result and all(isinstance(part, torch.Tensor) for part in result):
        raise Wrong(f"{name} should be one tensor and is a {type(result).__name__} of {len(result)}.")
    raise Wrong(f"{name} should be a torch tensor and is {a(result)}: stay in torch, so that gradients flow.")


def pair(result, right):
    """(context, attn_weights) of a reader's result, or what is wrong with its kind."""
    context, attn_weights = right["context"], right["attn_weights"]
    if isinstance(result, torch.Tensor):
        which = "the context, and right" if close(result, context, 1e-4) else f"one tensor, {tuple(result.shape)}"
        raise Wrong(f"Two results are expected, `return context, attn_weights`; this is {which}.")
    if not isinstance(result, tuple | list) or len(result) != 2:
        size = f", length {len(result)}" if isinstance(result, tuple | list | dict) else ""
        raise Wrong(f"A tuple of two is expected, `return context, attn_weights`; this is {a(result)}{size}.")
    first, second = tensor(result[0], "context"), tensor(result[1], "attn_weights")
    if first.shape != context.shape and (first.shape, second.shape) == (attn_weights.shape, context.shape):
        raise Wrong("The two results are in the wrong order: `return context, attn_weights`, the context first.")
    return first, second


def a(thing):
    """What a thing is, in words."""
    name = type(thing).__name__
    return "a NumPy array" if name == "ndarray" else f"of type {name}"


# ---------------------------------------------------------------- judging it


def examine(task, cases, friendly):
    """Go through the cases; raise Wrong with the best words for the first one that is not right."""
    for number, case in enumerate(cases):
        try:
            got = task.call(case)
            again = task.call(case) if number == 0 else got
        except Crash as crash:
            raise Wrong(f"{crash}, with {case.words}.{crash_hint(task, crash, case, friendly)}") from None
        for part, expected in task.right(case).items():
            if not close(got[part], again[part], 1e-6):
                raise Wrong(random_words(part, case))
            problem = difference(part, got[part], expected, case)
            if problem:
                raise Wrong(explain(task, part, cases, problem))


def random_words(part, case):
    return (
        f"The same input, {case.words}, gave two different answers for {part}: something random is left in it, such as "
        "dropout that is never switched off, or weights made anew at each call."
    )


def difference(part, got, expected, case):
    """What is expected and what came, in words; "" if they agree."""
    if got.shape != expected.shape:
        return f"With {case.words}, {part} should have shape {tuple(expected.shape)} and has {tuple(got.shape)}."
    if got.dtype != expected.dtype and close(got, expected, 1e-3):
        return f"With {case.words}, {part} should be {expected.dtype} like the input and is {got.dtype}."
    if got.device != expected.device:
        return f"With {case.words}, {part} should be on {expected.device} like the input and is on {got.device}."
    if close(got, expected, case.tolerance):
        return ""
    off = ~torch.isclose(got.double(), expected.double(), rtol=case.tolerance, atol=case.tolerance, equal_nan=True)
    at = tuple(off.nonzero()[0].tolist())
    digits = 4 if number(expected[at]) != number(got[at]) else 10
    return (
        f"With {case.words}, {part}{list(at)} should be {number(expected[at], digits)} and is "
        f"{number(got[at], digits)} ({int(off.sum())} of {off.numel()} numbers are off)."
    )


def number(value, digits=4):
    words = "0" if abs(float(value)) < 1e-12 else f"{float(value):.{digits}g}"
    return words.replace("-", "−").replace("nan", "NaN")


def explain(task, part, cases, problem):
    """The mistake that gives the reader's numbers, or the best clue, and then the problem itself."""
    ran, outputs = run_all(task, part, cases)
    wrong_first = sorted(range(len(ran)), key=lambda i: close(outputs[i], task.right(ran[i])[part], ran[i].tolerance))
    ran, outputs = [ran[i] for i in wrong_first], [outputs[i] for i in wrong_first]
    if "should be torch." in problem:  # the numbers are right, and the dtype is not
        return problem
    lead = ""
    if part == "attn_weights" and not any(
        difference(name, task.call(c)[name], right, c)
        for c in ran
        for name, right in task.right(c).items()
        if name != part
    ):
        lead = "The context is right, and the weights returned beside it are not. "
    for look in (one_mistake, *task.sure, two_mistakes, *task.clues):
        try:
            words = look(task, part, ran, outputs)
        except (RuntimeError, IndexError, TypeError, ValueError):  # the shapes are too far off for this one
            continue
        if words:
            return f"{lead}{sentence(words)} {problem}"
    well = [c for c, got in zip(ran, outputs, strict=True) if not difference(part, got, task.right(c)[part], c)]
    hint = f" It does come out right with {well[0].words}." if well else ""
    unknown = "None of the mistakes that this check knows gives these numbers. "
    return f"{'' if 'should have shape' in problem else unknown}{problem}{hint}"


def run_all(task, part, cases):
    ran, outputs = [], []
    for case in cases:
        try:
            outputs.append(task.call(case)[part])
            ran.append(case)
        except Wrong:
            continue
    return ran, outputs


def one_mistake(task, part, cases, outputs):
    return mistakes.name_one(task.known, functools.partial(task.guess, part), cases, outputs)


def two_mistakes(task, part, cases, outputs):
    return mistakes.name_two(task.known, functools.partial(task.guess, part), cases, outputs)


def sentence(words):
    return words[0].upper() + words[1:] + ("" if words.endswith("?") else ".")


CRASHES = {
    r"Dimension out of range|index \d+ is out of bounds for dimension|too many indices|not enough values to unpack|"
    r"too many values to unpack": (
        "Input may have any number of leading dimensions: count from the end, as in transpose(-2, -1) and dim=-1."
    ),
    r"matrices expected|batch1 must be a 3D|must be a matrix|2D tensors": (
        "Input may have any number of leading dimensions: use @ or `torch.matmul`, and transpose(-2, -1)."
    ),
    r"einsum\(\)": "Input may have any number of leading dimensions: write them as ... in einsum.",
    r"numpy\(\) on Tensor that requires grad": "Stay in torch: gradients do not pass through NumPy.",
    r"before Module.__init__": "Call super().__init__() first in __init__.",
    r"view size is not compatible": "After a transpose use `reshape`, or `contiguous()` before `view`.",
    r"Boolean value of Tensor|bool value of Tensor": "Ask `mask is not None`; a tensor is neither true nor false.",
    r"expected scalar type|must have the same dtype|same dtype": "Make new tensors with the dtype of the input.",
}


def crash_hint(task, crash, case, friendly):
    """Why the reader's code crashed: from the error's words, or by running it where equal sizes let it run."""
    if re.search(r"size.*`.*\w\.T\b", str(crash)) and "batch" in case.words:
        return " `.T` turns all dimensions round, not the last two alone: use transpose(-2, -1) or `.mT`."
    for pattern, words in CRASHES.items():
        if re.search(pattern, str(crash)):
            return f" {words}"
    ran = {}
    for other in friendly:
        try:
            ran[other] = task.call(other)
        except Wrong:
            continue
    right = [c for c, got in ran.items() if not wrong_part(task, c, got)]
    if right:
        return f" It runs, and is right, with {right[0].words}: are two sizes confused?"
    for part in dict.fromkeys(wrong_part(task, c, got) for c, got in ran.items()):
        words = one_mistake(task, part, list(ran), [got[part] for got in ran.values()])
        if words:
            return f" Where equal sizes let it run, its numbers say: {words}."
    if "must match" in str(crash) and re.search(r"(sum|max|mean|norm)\(", str(crash)):
        return " A sum over a dimension loses it: keep it with keepdim=True."
    if re.search(r"cannot be multiplied|Expected size for first two dim", str(crash)):
        return (
            " In a matrix product the last size of the first must be the second last of the other: which transpose is "
            "missing?"
        )
    return ""


def wrong_part(task, case, got):
    return next((part for part, right in task.right(case).items() if difference(part, got[part], right, case)), "")


def gradients(task, case, names):
    """Compare the gradients of the last part by the inputs with the right ones."""
    tensors = [getattr(case, name).detach().clone().requires_grad_() for name in names]
    live = replace(case, **dict(zip(names, tensors, strict=True)))
    try:
        *_, (part, got) = task.call(live).items()
    except Crash as crash:
        hint = crash_hint(task, crash, case, [])
        raise Wrong(f"The numbers are right, but when inputs require gradients it raises {crash}.{hint}") from None
    *_, (_, expected) = task.right(live).items()
    pull = torch.linspace(-1, 1, expected.numel(), dtype=expected.dtype).reshape(expected.shape)
    if not got.requires_grad:
        raise Wrong(
            f"The numbers are right, but no gradient flows back from {part}, so nothing could learn: is there a "
            "`no_grad`, `detach`, `.data`, `.item()`, `torch.tensor` or NumPy on the way?"
        )
    ours = torch.autograd.grad((expected * pull).sum(), tensors)
    theirs = torch.autograd.grad((got * pull).sum(), tensors, allow_unused=True)
    for name, mine, yours in zip(names, ours, theirs, strict=True):
        if yours is None or (not yours.any() and mine.any()):
            raise Wrong(
                f"The numbers are right, but no gradient reaches {name}: is there a `detach` or `no_grad` on its way?"
            )
        if not close(yours, mine, 1e-4):
            raise Wrong(
                f"The numbers are right, but the gradient of {part} by {name} is not: is a part of the path detached?"
            )


# ---------------------------------------------------------------- clues, when no mistake fits


def product_clue(task, part, cases, outputs):
    """The factor between the reader's scores and the dot products, if there is one."""
    pairs = [(case, got, case.query @ case.key.mT) for case, got in zip(cases, outputs, strict=True)]
    found = [
        (case, factor)
        for case, got, dots in pairs
        if got.shape == dots.shape
        and close(got, (factor := float((got * dots).sum() / dots.square().sum())) * dots, 1e-5)
    ]
    return factor_words(found) if len(found) == len(pairs) else None


def scale_clue(task, part, cases, outputs):
    """The factor that gives the reader's numbers, if there is one for every case."""
    plain = [
        (c, got) for c, got in zip(cases, outputs, strict=True) if c.plain and got.shape == task.right(c)[part].shape
    ]
    found = [(case, fit_scale(task, part, case, got)) for case, got in plain[:4]]
    if not found or any(factor is None for _, factor in found):
        return None
    if all(abs(factor * case.sizes["d_k"] ** 0.5 - 1) < 1e-3 for case, factor in found):
        return None
    return factor_words(found, "head_dim" if "num_heads" in found[0][0].sizes else "d_k")


def fit_scale(task, part, case, got):
    def off(log_factor):
        guess = task.guess(part, case, scale=lambda s, *_: s * 10**log_factor)
        return float((guess.double() - got.double()).square().mean())

    step, best = 0.1, min((i / 10 for i in range(-30, 16)), key=off)
    while step > 1e-7:  # the error falls towards the factor from both sides
        best = min((best - step, best, best + step), key=off)
        step *= 0.6
    return 10**best if off(best) < 1e-9 else None


def factor_words(found, width="d_k"):
    for words, factor in mistakes.factors(found[0][0].sizes).items():
        if all(abs(value / factor(case) - 1) < 1e-3 for case, value in found):
            return f"the scores are {words}; they must be multiplied by 1/√{width}"
    values = [factor for _, factor in found]
    if max(values) - min(values) < 1e-3 * abs(values[0]):
        return (
            f"the scores are multiplied by {number(values[0])} whatever the sizes: a number typed in by hand? It must "
            f"be 1/√{width}, from the input"
        )
    factors = " and by ".join(f"{number(factor)} with {width} = {case.sizes['d_k']}" for case, factor in found[:2])
    return f"the scores are multiplied by {factors}; it must be 1/√{width}"


def fill_clue(task, part, cases, outputs):
    """What stands where -inf should, if it is a number or a fixed distance from the score."""
    pairs = [(case, got) for case, got in zip(cases, outputs, strict=True) if got.shape == case.scores.shape]
    got = torch.cat([got[~case.mask.expand_as(got)].double() for case, got in pairs])
    shift = torch.cat([(got - case.scores)[~case.mask.expand_as(got)].double() for case, got in pairs])
    if got.isnan().all():
        return "hidden scores become NaN; fill in -inf"
    if float(got.max() - got.min()) < 1e-6:
        return f"hidden scores become {number(got[0])}, a score like any other; fill in -inf"
    if float(shift.max() - shift.min()) < 1e-3:
        return f"hidden scores are only moved by {number(shift[0])}, and still are scores; fill in -inf"
    return None


def overflow_clue(task, part, cases, outputs):
    """NaN in the cases of large scores alone."""
    nan = [case for case, got in zip(cases, outputs, strict=True) if got.isnan().any()]
    if nan and all(case.large for case in nan):
        return (
            "`exp` of scores this large overflows (or all of them become 0), and NaN comes out; subtract each row's "
            "largest score before `exp`"
        )
    return None


def nan_clue(task, part, cases, outputs):
    if outputs[0].isnan().any():
        return "there is NaN in it: 0 · inf, inf − inf, or a row with every key hidden"
    return None


def dropout_clue(task, part, cases, outputs):
    """Weights that are 0 or right but for one factor, the same for all."""
    for case, got in zip(cases, outputs, strict=True):
        right = task.right(case)[part]
        if part != "attn_weights" or got.shape != right.shape or case.large or close(got, right, case.tolerance):
            continue
        kept = (got != 0) & (right > 1e-6)
        ratio = got[kept] / right[kept]
        if kept.sum() < 3 or kept.all() or ratio.max() - ratio.min() > 1e-3 or ratio.min() < 1.01:
            return None
        return (
            f"some weights are 0, the rest {number(ratio.mean())} times too large: is it dropout, outside of training?"
        )
    return None


def hidden_clue(task, part, cases, outputs):
    """Weight on keys that the mask hides."""
    for case, got in zip(cases, outputs, strict=True):
        if part == "attn_weights" and case.mask is not None and got.shape[-2:] == case.mask.expand_as(got).shape[-2:]:
            hidden = got[~case.mask.expand_as(got)]
            if hidden.isfinite().all() and hidden.abs().max() > 1e-4:
                return f"keys that the mask hides still get weight, up to {number(hidden.abs().max())}"
    return None


def precision_clue(task, part, cases, outputs):
    """Right but for the last digits, in float64 alone."""
    pairs = [(case, got, task.right(case)[part]) for case, got in zip(cases, outputs, strict=True)]
    if all(got.shape == right.shape and close(got, right, 1e-4) for _, got, right in pairs):
        return (
            "the numbers are right to a few digits only, and should agree to 1e-8 in float64: is an epsilon added, or "
            "a step computed in float32?"
        )
    return None


def rows_clue(task, part, cases, outputs):
    """Weights that are no mean."""
    for case, got in zip(cases, outputs, strict=True):
        if part == "attn_weights" and got.dim() > 1:
            sums = got.sum(-1).double()
            if not close(sums, torch.ones_like(sums), 1e-3):
                at = (sums - 1).abs().argmax()
                return (
                    f"the rows of attn_weights do not sum to 1 ({case.words}: one sums to {number(sums.flatten()[at])})"
                )
            if (got < -1e-6).any():
                return "some of attn_weights are negative"
    return None


def order_clue(task, part, cases, outputs):
    """The right numbers in other places."""
    pairs = [(c, got) for c, got in zip(cases, outputs, strict=True) if c.plain]
    if all(close(got, task.right(c)[part], 1e-3) for c, got in pairs):
        return None
    for dim, words in ((-1, "within their row"), (-2, "within their column"), (None, "in the tensor")):
        if all(
            close(in_order(got, dim), in_order(task.right(case)[part], dim), max(case.tolerance, 1e-5))
            for case, got in pairs
        ):
            return f"the numbers of {part} are right, but {words} they stand in other places"
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
    if max(ratios) - min(ratios) > 1e-3:
        return None
    return f"every number of {part} is {number(ratios[0])} times what it should be"


def in_order(numbers, dim):
    return numbers.double().flatten().sort().values if dim is None else numbers.double().sort(dim).values


def leak_clue(task, part, cases, outputs):
    """Does the answer for one sequence, or one token, depend on what it must not see?"""
    for case in cases:
        for words, changed, kept in case.independent():
            try:
                before, after = task.call(case)[part], task.call(changed)[part]
            except Wrong:
                continue
            if before.shape == task.right(case)[part].shape and not close(before[kept], after[kept], 1e-5):
                return words
    return None
