"""The checks: every wrong attention is rejected in words that name its mistake, every right one passes."""

import _thread
import sys
import threading
import time
import warnings
from pathlib import Path

import mutants
import pytest
import torch

import checks
from attention import MultiHeadAttention, attention
from judging import heads, mistakes, run
from judging.cases import attention_cases, heads_cases

pytestmark = pytest.mark.depends("code/*.py", "code/judging", "docs/checks.md")

HERE = Path(__file__).parent


def label(entry):
    return f"{entry[0]}: {mutants.written_name(entry[1])}"


@pytest.mark.parametrize("check, written, words", mutants.WRONG, ids=map(label, mutants.WRONG))
def test_wrong_is_named(check, written, words):
    answer = mutants.answer(check, written)
    assert not answer
    assert "the check stumbles" not in str(answer).lower()
    for part in words:
        assert part.lower() in str(answer).lower()


@pytest.mark.parametrize("check, written", mutants.RIGHT, ids=map(label, mutants.RIGHT))
def test_right_passes(check, written):
    answer = mutants.answer(check, written)
    assert answer, str(answer)
    assert not set(str(answer)) & {"@", "√"}, "it gives the solution away"


def test_enough_of_both():
    for check in ("check_scores", "check_scale", "check_mask", "check_attention", "check_multi_head"):
        assert sum(entry[0] == check for entry in mutants.WRONG) >= 7
        assert sum(entry[0] == check for entry in mutants.RIGHT) >= 2
    assert len(mutants.WRONG) >= 30
    assert len(mutants.RIGHT) >= 9


def test_guesses_start_from_the_formula():
    for case in attention_cases():
        context, attn_weights = attention(case.query, case.key, case.value, mask=case.mask, scale=case.scale)
        _, weights, mixed = mistakes.formula(case)
        assert mistakes.close(weights, attn_weights, case.tolerance)
        assert mistakes.close(mixed, context, case.tolerance)
    for case in heads_cases():
        context, attn_weights = heads.build(MultiHeadAttention, case)(case.x, need_weights=True)
        weights, mixed = mistakes.heads_formula(case)
        assert mistakes.close(weights, attn_weights, case.tolerance)
        assert mistakes.close(mixed, context, case.tolerance)


def test_every_mistake_in_the_list_differs_from_the_formula_somewhere():
    known = mistakes.mistakes(["scale", "mask", "softmax", "roles", "product", "mix"], checks.SIZES)
    same = []
    for words, wrong in known:
        try:
            if all(
                mistakes.close(list(mistakes.formula(c, **wrong))[2], list(mistakes.formula(c))[2], c.tolerance)
                for c in attention_cases()
            ):
                same.append(words)
        except (RuntimeError, IndexError, TypeError):
            continue
    # The right scale stands in the list too: for the step before it is due, it is a mistake.
    assert same == ["the scores are divided by √d_k; they must be multiplied by 1/√d_k"]


def test_middling_scores():
    """Neither so small that every scale looks alike, nor so large that softmax and argmax do."""
    for case in attention_cases():
        _, weights, _ = mistakes.formula(case)
        if case.plain:
            assert 0.2 < weights.amax(-1).mean() < 0.8, case.words


def test_the_answer_in_three_forms():
    well, wrong = checks.check_attention(attention), checks.check_scale(lambda query, key: query @ key.mT)
    assert bool(well) is True
    assert bool(wrong) is False
    assert str(well).startswith("Right.")
    assert str(wrong) == repr(wrong)
    assert str(wrong).startswith("Not yet. The scores are not scaled")
    assert "✗ Not yet." in wrong._repr_html_()
    assert 'role="note"' in wrong._repr_html_()
    note = checks.Check(False, "write `a < b` & go")._repr_html_()
    assert "<code>a &lt; b</code> &amp; go" in note


def test_own_line_in_a_cell():
    """Code typed into a cell has no file; its line is still shown, and nothing of the libraries."""
    import linecache

    source = "def fn(query, key):\n    scores = query @ key\n    return scores\n"
    name = "/tmp/ipykernel_1/1.py"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {}
    exec(compile(source, name, "exec"), space)
    answer = str(checks.check_scores(space["fn"]))
    assert "line 2 of your cell, `scores = query @ key`" in answer
    assert "Traceback" not in answer
    assert "site-packages" not in answer


def test_the_reader_s_world_is_left_alone(capsys):
    """No random numbers used up, no gradient mode, thread count or warning filter changed, nothing printed."""
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    threads, filters = torch.get_num_threads(), list(warnings.filters)
    with torch.no_grad():
        assert checks.check_attention(attention)
        assert checks.check_multi_head(MultiHeadAttention)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert checks.check_attention(attention)
        assert checks.check_multi_head(MultiHeadAttention)
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads
    assert list(warnings.filters) == filters
    assert capsys.readouterr() == ("", "")


def test_a_reader_who_presses_stop_is_obeyed():
    calls = []

    def loop(query, key):
        while True:
            calls.append(1)

    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        checks.check_scores(loop)
    seen = len(calls)
    time.sleep(0.2)
    assert len(calls) == seen


def test_a_default_device_of_the_reader_s_is_left_alone():
    torch.set_default_device("meta")
    try:
        assert checks.check_attention(attention)
        assert checks.check_multi_head(MultiHeadAttention)
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


def test_a_default_dtype_of_float64_is_no_mistake():
    torch.set_default_dtype(torch.float64)
    try:
        assert checks.check_attention(attention)
        assert checks.check_multi_head(MultiHeadAttention)
    finally:
        torch.set_default_dtype(torch.float32)


def test_no_answer_is_a_traceback():
    """Whatever a function returns, the check answers."""
    odd = [
        None,
        ...,
        3,
        "words",
        {},
        (),
        (1, 2),
        torch.ones(()),
        torch.ones(0),
        [torch.ones(2)],
        (torch.ones(2), torch.ones(3, 3)),
    ]
    for result in odd:
        for check in (checks.check_scores, checks.check_mask):
            assert not check(lambda a, b, result=result: result)
        assert not checks.check_attention(lambda query, key, value, mask=None, scale=None, result=result: result)
    for thing in (None, 3, "attention", torch.ones(2), int, print):
        for check in (checks.check_scores, checks.check_attention, checks.check_multi_head):
            assert not check(thing)


def test_no_hint_where_none_is_known():
    """Equal sizes and leading dimensions are blamed only if they are the reason."""

    def misspelt(query, key, value, mask=None, scale=None):
        return attention(query, key, value, mask=mask if mask is None else mask.logical_nott(), scale=scale)

    def one_too_many(query, key):
        return torch.stack([(query * key[..., [j], :]).sum(-1) for j in range(key.shape[-2] + 1)], -1)

    class Loop(mutants.Heads):
        def join(self, context):
            return torch.cat([context[:, h] for h in range(self.num_heads + 1)], -1)

    for answer in (
        checks.check_attention(misspelt),
        checks.check_scores(one_too_many),
        checks.check_multi_head(Loop),
    ):
        assert "Error" in str(answer)
        assert "two sizes" not in str(answer)
        assert "leading dimension" not in str(answer)


def test_odd_tensors_and_exits_are_answered():
    """Whole numbers, complex, sparse and empty-handed tensors, and sys.exit."""
    odd = [
        lambda s: s.long(),
        lambda s: s.to(torch.complex64),
        lambda s: s.to_sparse(),
        lambda s: s.to("meta"),
        sys.exit,
    ]
    for change in odd:
        assert not checks.check_scores(lambda query, key, change=change: change(query @ key.mT))
        assert not checks.check_mask(lambda attn_scores, mask, change=change: change(attn_scores))


def test_line_of_the_reader_not_of_the_library():
    def fn(query, key):
        return torch.nn.functional.linear(query, key[0, :1])

    answer = str(checks.check_scores(fn))
    assert "of test_checks.py, `return torch.nn.functional.linear" in answer


def test_two_mistakes_are_two_sentences():
    known = [("one", {"scale": lambda s, case, d_k: s}), ("two", {"roles": lambda q, k, v: (k, q, v)})]
    case = attention_cases()[10]

    def run(case, **wrong):
        return mistakes.part(mistakes.formula(case, **wrong), 0)

    output = run(case, **known[0][1], **known[1][1])
    assert mistakes.name_one(known, run, [case], [output]) is None
    assert mistakes.name_two(known, run, [case], [output]) == "two things at once: one; and two"


def test_numbers_are_written_for_people():
    assert run.number(float("nan")) == "NaN"
    assert run.number(-0.5) == "−0.5"
    assert run.number(1e-41) == "0"


def test_the_table_in_the_docs_is_what_the_command_prints():
    committed = (HERE.parent / "docs" / "checks.md").read_text("utf-8")
    assert mutants.table() == committed, "run: python tests/mutants.py > docs/checks.md"
