"""How checks.py runs a reader's code, case by case, and finds words for the first thing that is not right."""

import ctypes
import functools
import inspect
import itertools
import linecache
import os
import re
import sys
import sysconfig
import threading
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from judging import mistakes
from judging.clues import number
from judging.mistakes import close

HERE = Path(__file__).parent
OURS = (
    f"{HERE}{os.sep}",
    *(str(HERE.with_name(name)) for name in ("checks.py", "attention.py", "attention_inputs.py")),
)
LIBRARIES = (
    str(Path(torch.__file__).parents[1]),
    sysconfig.get_path("stdlib"),
    "<frozen",
    "<__array_function__",
)
SETTINGS = {  # how each is read and put back; the caller of `checks` restores the seed
    "the default dtype (`set_default_dtype`)": (torch.get_default_dtype, torch.set_default_dtype),
    "the default device (`set_default_device`)": (torch.get_default_device, torch.set_default_device),
    "whether gradients are recorded (`set_grad_enabled`)": (torch.is_grad_enabled, torch.set_grad_enabled),
    "the seed of the random numbers (`manual_seed`)": (torch.initial_seed, lambda seed: None),
}
PATIENCE = 10  # seconds for one call of a reader's code


class Wrong(Exception):
    """Ends a check with what is wrong."""


class Crash(Wrong):
    """The reader's code raised an error."""


class Stub(Wrong):
    """The reader's code gives nothing, at least in this case."""


class Stopped(BaseException):
    """Raised in a reader's code that does not come to an end."""


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


def beside(judged, written):
    """judged(written) in a thread of its own: whatever the reader's code does, this one can stop waiting.

    What torch keeps by thread (gradients, default device) starts anew there, and here stays the reader's.
    """
    outcome, ended = [], threading.Event()  # a `join` that is interrupted takes the thread for ended (Python 3.11)

    def work():
        torch.set_num_threads(1)  # tensors this small only lose by sharing the work
        try:
            outcome.append((judged(written), None))
        except BaseException as error:  # to be raised where the reader waits
            outcome.append((None, error))
        ended.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.since = None
    thread.start()
    try:
        while not ended.wait(0.1):
            since = thread.since
            if since and time.monotonic() - since > PATIENCE:
                frames = traceback.extract_stack(sys._current_frames().get(thread.ident))
                raise Wrong(
                    f"It took too long and was stopped{own_line(frames, ', at ')}. Is there a loop that never ends?"
                )
    finally:  # also when the reader presses "stop"
        for _ in range(20):  # a bare `except:` may swallow the first
            if not ended.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
                ended.wait(0.05)
    result, error = outcome[0]
    if error:
        raise error
    return result


@contextmanager
def theirs():
    """What runs inside is the reader's code: timed, its errors made a Crash, torch's settings compared and put back."""
    thread, before = threading.current_thread(), [look() for look, _ in SETTINGS.values()]
    thread.since = time.monotonic()
    try:
        yield
    except (Wrong, Stopped):
        raise
    except BaseException as error:  # sys.exit too
        raise Crash(f"{type(error).__name__}: {first_line(error)}{own_line(own_trace(error), ', at ')}") from error
    finally:
        thread.since = None
        changed = []
        for (what, (look, put_back)), old in zip(SETTINGS.items(), before, strict=True):
            if look() != old:
                changed.append(what)
                put_back(old)
    if changed:
        raise Wrong(f"It changes {changed[0]}, for everything that runs after it; leave torch's settings as they are.")


def callable_as(fn, signature, args, options=None):
    """Raise Wrong unless fn is a function (or class) that takes these arguments."""
    if not callable(fn):
        raise Wrong(f"A function or class is expected, without calling it; this is {a(fn)}.")
    if isinstance(fn, type) and issubclass(fn, torch.nn.Module) and fn.__init__ is torch.nn.Module.__init__:
        raise Wrong(f"The class `{fn.__name__}` has no method `__init__` (two underscores on either side).")
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
    with theirs():
        try:
            result = fn(*tensors, **options)
        except NotImplementedError as error:
            if 'missing the required "forward"' in first_line(error):
                words = "There is no method `forward`: it is what computes the output when the module is called."
                raise Wrong(words) from None
            if raised_by_hand(error):
                line = own_line(own_trace(error))
                raise Stub(f"Nothing is written here yet ({line}): your turn.") from None
            raise
    if result is None or result is ...:
        raise Stub(f"It returns {result!r} so far: write its body, and `return` the result at the end.")
    for tensor, old in zip(given, before, strict=True):
        if not close(tensor.detach(), old, 0):
            raise Wrong(
                f"It changes its input in place (a tensor of shape {tuple(tensor.shape)}), and the caller loses it. "
                "Make a new tensor: `x = x + 1` in place of `x += 1`, `masked_fill` in place of `masked_fill_`."
            )
    return result


def first_line(error):
    try:
        return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
    except Exception:  # the reader's own class of errors may fail at this too
        return "no message that can be read"


def own_trace(error):
    return traceback.extract_tb(error.__traceback__)


def own_frames(frames):
    """Those of the reader's own code; the libraries' and this book's are left out."""
    return [frame for frame in frames if not frame.filename.startswith((*OURS, *LIBRARIES))]


def own_line(frames, lead=""):
    """The reader's own line among the frames, with its number and file."""
    if not (frames := own_frames(frames)):
        return ""
    frame = frames[-1]
    file = Path(frame.filename).name if Path(frame.filename).exists() else "your cell"
    text = (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()
    text = text if len(text) < 100 else text[:100] + " …"
    return f"{lead}line {frame.lineno} of {file}" + (f", `{text}`" if text else "")


def raised_by_hand(error):
    """Is it a `raise` in the reader's own code, not an error of torch?"""
    return any("raise" in (frame.line or "raise") for frame in own_frames(own_trace(error))[-1:])


def tensor(result, name):
    if isinstance(result, torch.Tensor):
        kinds = {
            f"of class {type(result).__name__}": type(result) not in (torch.Tensor, torch.nn.Parameter),
            "nested": result.is_nested,
            "quantised": result.is_quantized,
            "complex": result.is_complex(),
            f"stored as {result.layout}": result.layout != torch.strided,
            f"on the device {result.device}": result.device.type != "cpu",
        }
        if odd := [kind for kind, found in kinds.items() if found]:
            raise Wrong(f"{name} should be an ordinary tensor like the input; this one is {' and '.join(odd)}.")
        return result
    if isinstance(result, tuple | list) and any(isinstance(part, torch.Tensor) for part in result):
        raise Wrong(f"{name} should be one tensor and is a {type(result).__name__} of {len(result)}.")
    advice = ""
    if inspect.isgenerator(result) or inspect.iscoroutine(result):
        advice = ": write a plain `def`, and `return` in place of `yield`"
    elif isinstance(result, int | float | list) or type(result).__module__ == "numpy":
        advice = ": stay in torch, so that gradients flow"
    raise Wrong(f"{name} should be a torch tensor and is {a(result)}{advice}.")


def pair(result, right, case):
    """(context, attn_weights) of a reader's result, or what is wrong with its kind."""
    context, attn_weights = right["context"], right["attn_weights"]
    if isinstance(result, torch.Tensor):
        which = "the context, and right" if close(result, context, 1e-4) else f"one tensor, {tuple(result.shape)}"
        raise Wrong(
            f"Two results are expected, `return context, attn_weights`; with {case.words}, what comes is {which}."
        )
    if not isinstance(result, tuple | list) or len(result) != 2:
        size = f", length {len(result)}" if isinstance(result, tuple | list | dict) else ""
        raise Wrong(f"A tuple of two is expected, `return context, attn_weights`; this is {a(result)}{size}.")
    first, second = tensor(result[0], "context"), tensor(result[1], "attn_weights")
    if first.shape != context.shape and (first.shape, second.shape) == (attn_weights.shape, context.shape):
        raise Wrong("The two results are in the wrong order: `return context, attn_weights`, the context first.")
    return {"attn_weights": second, "context": first}


def a(thing):
    """What a thing is, in words."""
    name = type(thing).__name__
    return "a NumPy array" if name == "ndarray" else f"of type {name}"


# ---------------------------------------------------------------- judging it


def examine(task, cases, friendly):
    """Go through the cases; raise Wrong with the best words for the first one that is not right."""
    for i, case in enumerate(cases):
        case.number = i  # a clue asks which came first
    passed = []
    for case in cases:
        state = torch.get_rng_state()
        try:
            got, again = task.call(case), task.call(case)
        except Crash as crash:
            raise Wrong(f"{crash}, with {case.words}.{crash_hint(task, crash, case, friendly, passed)}") from None
        except Stub:
            if not run_all(task, cases)[0]:
                raise
            raise Wrong(
                f"With {case.words}, it gives nothing yet, and with other inputs it does: does every path through it "
                "end in a `return`?"
            ) from None
        except Wrong as wrong:
            raise Wrong(f"{wrong} (The case: {case.words}.)" if passed else str(wrong)) from None
        drew = not torch.equal(state, torch.get_rng_state())
        for part, expected in task.right(case).items():
            if not close(got[part], again[part], 1e-6, equal_nan=True):
                raise Wrong(f"The same input, {case.words}, gave two different answers for {part}: {why_two(drew)}")
            problem = difference(part, got[part], expected, case)
            if problem:
                raise Wrong(explain(task, part, cases, problem))
        passed.append(case)


def why_two(drew):
    if drew:
        return (
            "something random is left in it, such as dropout that is never switched off or has another p than the one "
            "given, or weights made anew at each call."
        )
    return "does it remember something between calls, such as a counter or a result?"


def difference(part, got, expected, case):
    """What is expected and what came, in words; "" if they agree."""
    if got.shape != expected.shape:
        words = f"With {case.words}, {part} should have shape {tuple(expected.shape)} and has {tuple(got.shape)}"
        if [n for n in got.shape if n != 1] == [n for n in expected.shape if n != 1]:
            much = "too many" if got.dim() > expected.dim() else "missing"
            words += f": a dimension of size 1 is {much}" if got.dim() != expected.dim() else ""
        return words + "."
    if got.dtype != expected.dtype and close(got, expected, 1e-3):
        return f"With {case.words}, {part} should be {expected.dtype} like the input and is {got.dtype}."
    if close(got, expected, case.tolerance):
        return ""
    off = ~torch.isclose(got.double(), expected.double(), rtol=case.tolerance, atol=case.tolerance, equal_nan=True)
    at = tuple(off.nonzero()[0].tolist())
    digits = 4 if number(expected[at]) != number(got[at]) else 10
    return (
        f"With {case.words}, {part}{list(at)} should be {number(expected[at], digits)} and is "
        f"{number(got[at], digits)} ({int(off.sum())} of {off.numel()} numbers are off)."
    )


def explain(task, part, cases, problem):
    """The mistake that gives the reader's numbers, or the best clue, and then the problem itself."""
    ran, outputs = run_all(task, cases)
    outputs = [got[part] for got in outputs]
    wrong_first = sorted(range(len(ran)), key=lambda i: close(outputs[i], task.right(ran[i])[part], ran[i].tolerance))
    ran, outputs = [ran[i] for i in wrong_first], [outputs[i] for i in wrong_first]
    if "should be torch." in problem:  # the numbers are right, and the dtype is not
        return problem
    others = [name for name in task.right(ran[0]) if name != part]
    alone = others and not any(
        difference(name, task.call(c)[name], task.right(c)[name], c) for c in ran for name in others
    )
    lead = "The context is right, and the weights returned beside it are not. " if alone and part != "context" else ""
    # Where the weights are right, two mistakes that spoil them are no likely reason for a wrong context.
    pairs = [] if alone and part == "context" else [two_mistakes]
    if alone and part == "context":  # and no mistake that would spoil them is the reason
        task = replace(task, known=[known for known in task.known if _keeps_weights(task, ran[0], known[1])])
    for look in (one_mistake, *task.sure, easier, *pairs, *task.clues):
        try:
            words = look(task, part, ran, outputs)
        except (Wrong, RuntimeError, IndexError, TypeError, ValueError):  # too far off for this one
            continue
        if words:
            return f"{lead}{sentence(words)} {problem}"
    well = [c for c, got in zip(ran, outputs, strict=True) if not difference(part, got, task.right(c)[part], c)]
    hint = f" It does come out right with {well[0].words}." if well else ""
    unknown = "None of the mistakes that this check knows gives these numbers. "
    return f"{lead}{'' if 'should have shape' in problem else unknown}{problem}{hint}"


def _keeps_weights(task, case, wrong):
    try:
        weights = task.guess("attn_weights", case, **wrong)
    except (RuntimeError, IndexError, TypeError, ValueError):  # not of this case's sizes
        return False
    return close(weights, task.right(case)["attn_weights"], case.tolerance)


def run_all(task, cases):
    """The cases that run, and what comes."""
    ran, outputs = [], []
    for case in cases:
        try:
            outputs.append(task.call(case))
            ran.append(case)
        except Wrong:
            continue
    return ran, outputs


def easier(task, part, cases, outputs):
    passed = [c for c, got in zip(cases, outputs, strict=True) if close(got, task.right(c)[part], c.tolerance)]
    return easier_words(task, cases[0], passed)


def one_mistake(task, part, cases, outputs):
    return mistakes.name_one(task.known, functools.partial(task.guess, part), cases, outputs)


def two_mistakes(task, part, cases, outputs):
    return mistakes.name_two(task.known, functools.partial(task.guess, part), cases, outputs)


def sentence(words):
    return words[0].upper() + words[1:] + ("" if words[-1] in ".?" else ".")


CRASHES = {
    r"numpy\(\) on Tensor that requires grad": "Stay in torch: gradients do not pass through NumPy.",
    r"before Module.__init__": "Call super().__init__() first in __init__.",
    r"view size is not compatible": "After a transpose or a slice use `reshape`, or `contiguous()` before `view`.",
    r"shape of the mask": "Indexing does not broadcast a mask; `masked_fill` and `torch.where` do.",
    r"Boolean value of Tensor.*`(el)?if mask:": "Ask `mask is not None`; a tensor is neither true nor false.",
    r"[Bb]ool(ean)? value of Tensor": (
        "A tensor of many numbers is neither true nor false: `~` negates it number by number, and `masked_fill` and "
        "`torch.where` choose number by number."
    ),
    r"^[^`]*(dtype|scalar type|(Float|Double|Half|Int|Long|Bool) (did not match|can't be cast))": (
        "Does every tensor in it have the input's dtype?"
    ),
}
SHAPES = (
    r"AssertionError|"
    r"(RuntimeError|IndexError|ValueError): .*([Ss]ize|[Ss]hape|[Dd]im|match|unpack|einsum|matri|must be|bounds)"
)


def crash_hint(task, crash, case, friendly, passed):
    """Why the reader's code crashed: from the error's words, or by running it where the sizes let it run.

    passed: the cases that came out right before, which no hint may contradict.
    """
    for pattern, words in CRASHES.items():
        if re.search(pattern, str(crash)):
            return f" {words}"
    if words := easier_words(task, case, passed):
        return f" {words}"
    if not case.plain or not re.match(SHAPES, str(crash)):
        return ""
    if re.search(r"size.*`.*\w\.T\b", str(crash)) and case.lead:
        return " `.T` turns all dimensions round, and only the last two should change places."
    ran = dict(zip(*run_all(task, friendly), strict=True))
    for other, got in ran.items():
        told = other.lead != case.lead if other.leads_only else other.lead == case.lead
        known = [c for c in passed if c.lead == (case.lead if other.leads_only else other.lead)]
        if not other.leads_only:  # right without these sizes being equal, it does not confuse them
            known = [c for c in known if not equal_sizes(other) <= equal_sizes(c)]
        if told and not known and not wrong_part(task, other, got):
            return f" It runs, and is right, with {other.words}{other.hint}"
    if passed:
        return f" It was right with {passed[-1].words}."
    for part in dict.fromkeys(wrong_part(task, c, got) for c, got in ran.items()):
        words = one_mistake(task, part, list(ran), [got[part] for got in ran.values()])
        if words:
            return f" Where equal sizes let it run, its numbers say: {words}."
    if "must match" in str(crash) and re.search(r"(sum|max|mean|norm)\((?!.*keepdim)", str(crash)):
        return " A sum over a dimension loses it: is keepdim=True missing?"
    if re.search(r"cannot be multiplied|Expected size for first two dim", str(crash)):
        return (
            " In a matrix product the last size of the first must be the second last of the other: is a transpose "
            "missing, or a width wrong?"
        )
    return ""


def equal_sizes(case):
    """Which sizes of a case are the same, or 1."""
    sizes = case.sizes | {"one": 1}
    return {(a, b) for a, b in itertools.combinations(sizes, 2) if sizes[a] == sizes[b]}


def easier_words(task, case, passed):
    """What the reader's code does not bear, if the case comes out right without it, and none with it did."""
    for what, (other, words) in case.easier().items():
        ran, outputs = run_all(task, [other])
        if ran and not wrong_part(task, other, outputs[0]) and not any(what in c.easier() for c in passed):
            return words
    return None


def wrong_part(task, case, got):
    return next((part for part, right in task.right(case).items() if difference(part, got[part], right, case)), "")


def gradients(case, right, call, leaves):
    """Compare the gradients of every part by every leaf with the right ones.

    right: {part: tensor}. call() -> the reader's parts. leaves: {name: (leaf of the right one, leaf of the reader's)}.
    """
    try:
        got = call()
    except Crash as crash:
        hint = next((f" {words}" for pattern, words in CRASHES.items() if re.search(pattern, str(crash))), "")
        raise Wrong(f"The numbers are right, but when inputs require gradients it raises {crash}.{hint}") from None
    if frozen := [name for name, (_, leaf) in leaves.items() if not leaf.requires_grad]:
        raise Wrong(
            f"The numbers are right, but {frozen[0]} takes no gradient (requires_grad=False), so nothing learns."
        )
    for part, expected in right.items():
        ours, theirs = zip(*leaves.values(), strict=True)
        ours, theirs = way_back(expected, part, ours, case), way_back(got[part], part, theirs, case)
        for name, mine, yours in zip(leaves, ours, theirs, strict=True):
            if mine.abs().max() > 1e-6 and not yours.any():
                words = f"no gradient of {part} reaches {name}: is there a `detach` or `no_grad` on its way?"
                raise _no_way_back(words, case)
            if not close(yours, mine, 1e-4):
                words = f"the gradient of {part} by {name} is not: is a part of the path detached?"
                raise _no_way_back(words, case)


def way_back(result, part, leaves, case):
    """The gradients of a result, weighted unevenly and added up, by the leaves."""
    if not result.requires_grad:
        raise _no_way_back(
            f"no gradient flows back from {part}, so nothing could learn: is there a `no_grad`, `detach`, `.data`, "
            "`.item()`, `torch.tensor` or NumPy on the way?",
            case,
        )
    pull = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).reshape(result.shape)
    options = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
    try:
        with theirs():  # a backward pass may be the reader's too
            return torch.autograd.grad((result * pull).sum(), leaves, **options)
    except Crash as crash:
        raise _no_way_back(
            f"the gradient raises an error: {str(crash).split(': [')[0]}. Is a tensor changed in place after it "
            "was used (`/=`, `masked_fill_`, `w[...] = 0`)? Make a new one.",
            case,
        ) from None


def _no_way_back(words, case):
    return Wrong(f"The numbers are right, but {words} (The case: {case.words}.)")
