"""The training loop: the ensemble is what training one model alone would be, and the book's headline holds."""

import copy
import itertools

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

import training
from page.progress import PICTURES
from training import OneHead, train
from words import (
    ARTICLE_TOKENS,
    NUM_TOKENS,
    OTHER_VERBS,
    PLACE_VERBS,
    SUFFIXES,
    VOCABULARY,
    WHOLE_WORDS,
    encode,
    whole_words,
)

pytestmark = pytest.mark.depends("code")


def make_toy(**options):
    return OneHead(len(VOCABULARY), len(WHOLE_WORDS), NUM_TOKENS, **options)


def tiny_model():
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))


def tiny_sample(count, generator):
    inputs = torch.randn(count, 3, generator=generator)
    return inputs, (inputs[:, 0] > 0).long() + 2 * (inputs[:, 1] > 0).long()


def tiny(**options):
    return train(tiny_model, tiny_sample, **({"seeds": [3, 5], "steps": 6, "snapshots": [0, 2]} | options))


def trained_alone(make_model, sample, seed, steps, batch=32, lr=1e-2):
    """The plainest loop: one module, one optimiser, nothing stacked."""
    torch.manual_seed(seed)
    model = make_model()
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    inputs, labels = sample(training.CHUNK * batch, generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for step in range(steps):
        now = slice(step * batch, (step + 1) * batch)
        loss = F.cross_entropy(model(inputs[now]).flatten(0, -2), labels[now].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, torch.tensor(losses)


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"tied": True, "scale": 0.5}])
def test_an_ensemble_is_every_model_trained_alone(options):
    def make_model():
        return make_toy(**options)

    run = train(make_model, whole_words, seeds=[4, 9], steps=12)
    for i, seed in enumerate(run.seeds):
        model, losses = trained_alone(make_model, whole_words, seed, steps=12)
        assert torch.allclose(run.losses[:, i], losses, atol=1e-5)
        ours = dict(run.at(12).model(seed).named_parameters())
        for name, parameter in model.named_parameters():
            assert torch.allclose(ours[name], parameter, atol=2e-4), name


def test_equal_arguments_give_equal_numbers():
    torch.manual_seed(99)
    first = train(make_toy, whole_words, seeds=[0, 1], steps=5)
    torch.manual_seed(100)
    second = train(make_toy, whole_words, seeds=[0, 1], steps=5)
    assert torch.equal(first.losses, second.losses)
    for name, stacked in first.at(5).parameters.items():
        assert torch.equal(stacked, second.at(5).parameters[name])


def test_the_callers_randomness_and_threads_are_left_alone():
    torch.manual_seed(7)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        tiny()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = tiny(steps=20), tiny(steps=70)
    assert torch.equal(short.losses, long.losses[:20])
    assert long.losses.shape == (70, 2)


def test_snapshots_are_copies_at_their_steps():
    run = tiny(steps=6, snapshots=[4, 0, 2])
    assert [snapshot.step for snapshot in run.snapshots] == [0, 2, 4, 6]
    weights = [snapshot.parameters["0.weight"] for snapshot in run.snapshots]
    for earlier, later in itertools.pairwise(weights):
        assert not torch.equal(earlier, later)
    torch.manual_seed(3)
    assert torch.equal(run.at(0).model(3)[0].weight, tiny_model()[0].weight)
    assert torch.equal(run.at(4).loss, run.losses[4])
    assert not any(parameter.requires_grad for parameter in run.at(2).parameters.values())
    with pytest.raises(ValueError, match=r"no snapshot at step 3.*\[0, 2, 4, 6\]"):
        run.at(3)


def test_gradient_norms_are_those_of_each_seed():
    run = tiny()
    inputs, labels = tiny_sample(training.CHUNK * 32, torch.Generator().manual_seed(1_000_005))
    model = run.at(2).model(seed=5)
    F.cross_entropy(model(inputs[64:96]), labels[64:96]).backward()
    norms = run.at(2).grad_norms
    assert norms.keys() == run.at(2).parameters.keys()
    for name, parameter in model.named_parameters():
        assert torch.allclose(norms[name][1], parameter.grad.norm(), rtol=1e-4), name


def test_a_snapshot_answers_for_every_seed():
    run = train(make_toy, whole_words, seeds=[0, 1, 2], steps=3)
    tokens, labels = whole_words(8, torch.Generator().manual_seed(1))
    logits, weights = run.at(3)(tokens, need_weights=True)
    assert logits.shape == (3, 8, 16, len(WHOLE_WORDS)) and weights.shape == (3, 8, 16, 16)
    assert not logits.requires_grad
    losses, accuracies = run.at(3).test(tokens, labels)
    for i, seed in enumerate(run.seeds):
        alone = run.at(3).model(seed)(tokens)
        assert torch.allclose(logits[i], alone, atol=1e-5)
        assert torch.allclose(losses[i], F.cross_entropy(alone.flatten(0, 1), labels.flatten()), atol=1e-5)
        assert accuracies[i] == (alone.argmax(-1) == labels).float().mean()
    with pytest.raises(ValueError, match=r"seed = 9 .*\[0, 1, 2\]"):
        run.at(3).model(9)


def test_a_models_own_copy_leaves_the_snapshot_alone():
    run = tiny()
    before = copy.deepcopy(run.at(6).parameters)
    with torch.no_grad():
        for parameter in run.at(6).model(5).parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], run.at(6).parameters[name]) for name in before)


def test_frozen_parameters_stay_and_the_others_move():
    start, end = (tiny(frozen=["0.weight"]).at(step) for step in (0, 6))
    assert torch.equal(start.parameters["0.weight"], end.parameters["0.weight"])
    assert not torch.equal(start.parameters["0.bias"], end.parameters["0.bias"])
    assert "0.weight" not in end.grad_norms


def test_slower_parameters_take_smaller_steps():
    def moved(**options):
        run = tiny(steps=1, **options)
        return {n: (run.at(1).parameters[n] - p).abs().max() for n, p in run.at(0).parameters.items()}

    plain, slow = moved(snapshots=[0]), moved(snapshots=[0], slower={"0.weight": 0.1})
    assert torch.allclose(slow["0.weight"], 0.1 * plain["0.weight"], rtol=1e-3)
    assert torch.equal(slow["2.weight"], plain["2.weight"])


class Counter(nn.Linear):
    built = 0

    def __init__(self):
        super().__init__(3, 4)
        Counter.built += 1
        self.register_buffer("number", torch.tensor(Counter.built))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": []}, "seeds must be different whole numbers"),
        ({"seeds": [1, 1]}, r"got \[1, 1\]"),
        ({"seeds": [0.5]}, "whole numbers"),
        ({"steps": 0}, "steps = 0 must be a whole number"),
        ({"batch": 2.5}, "batch = 2.5"),
        ({"lr": 0}, "lr = 0 must be positive"),
        ({"lr": float("nan")}, "lr = nan"),
        ({"snapshots": [7]}, r"snapshots \[7\] are outside 0 … steps = 6"),
        ({"frozen": ["W"]}, "must be a list of the model's parameters: .*0.weight"),
        ({"frozen": "0.weight"}, "must be a list"),
        ({"frozen": ["0.weight", "0.bias", "2.weight", "2.bias"]}, "nothing is left to train"),
        ({"slower": {"W": 0.1}}, "slower = .*must name the model's parameters"),
    ],
)
def test_bad_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        tiny(**wrong)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda count, g: (torch.zeros(3, 3), torch.zeros(3).long()), r"must give 1600 inputs.*gave \(3, 3\)"),
        (lambda count, g: (torch.zeros(count, 3), torch.full((count,), -100)), "least label -100"),
        (lambda count, g: (torch.zeros(count, 3), torch.zeros(count, 2).long()), "need labels"),
    ],
)
def test_bad_samples_are_named(sample, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_model, sample, seeds=[0], steps=2)


def test_buffers_that_differ_between_seeds_are_refused():
    with pytest.raises(ValueError, match="'number' differs between seeds"):
        train(Counter, tiny_sample, seeds=[0, 1], steps=1)


def test_a_module_under_two_names_is_refused_and_a_shared_parameter_is_not():
    def make_model(share_module):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4))
        if share_module:
            model[1] = model[0]
        else:
            model[1].weight = model[0].weight
        return model

    with pytest.raises(ValueError, match=r"\['1'\] are second names"):
        train(lambda: make_model(True), tiny_sample, seeds=[0], steps=1)
    run = train(lambda: make_model(False), tiny_sample, seeds=[2], steps=5)
    alone, losses = trained_alone(lambda: make_model(False), tiny_sample, 2, steps=5)
    assert torch.allclose(run.losses[:, 0], losses, atol=1e-5)
    assert torch.allclose(run.at(5).model(2)[1].weight, alone[1].weight, atol=1e-5)


def test_nothing_is_shown_outside_jupyter(capsys):
    tiny(watch=lambda snapshot: pytest.fail("there is no bar to watch"))
    assert capsys.readouterr() == ("", "")


def test_in_jupyter_the_bar_moves_and_what_is_watched_stands_under_it(monkeypatch):
    widgets = pytest.importorskip("ipywidgets")
    import IPython
    import IPython.display

    shell = type("ZMQInteractiveShell", (), {})()
    displayed = []
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(IPython.display, "display", displayed.append)
    tiny(watch=lambda snapshot: f"<b>step {snapshot.step}</b>")
    (box,) = displayed
    assert isinstance(box, widgets.VBox)
    row, seen = box.children
    bar, text = row.children
    assert (bar.value, bar.max) == (6, 6) and seen.value == "<b>step 6</b>"
    assert text.value.startswith("step 6 of 6, loss ")
    drawn_at = []
    tiny(steps=100, snapshots=range(100), watch=lambda snapshot: drawn_at.append(snapshot.step) or "")
    assert drawn_at[0] == 0 and drawn_at[-1] == 100 and 10 < len(drawn_at) <= PICTURES + 1
    monkeypatch.setenv("BOOK_STATIC", "1")
    tiny()
    assert len(displayed) == 2


def test_the_models_weights_are_attention():
    torch.manual_seed(0)
    tokens = encode(ARTICLE_TOKENS)[None]
    _, both = make_toy()(tokens, need_weights=True)
    _, causal = make_toy(causal=True)(tokens, need_weights=True)
    assert torch.allclose(both.sum(-1), torch.ones(1, 16)) and (both > 0).all()
    assert (causal.triu(1) == 0).all() and torch.allclose(causal.sum(-1), torch.ones(1, 16))
    assert len(list(make_toy(tied=True).parameters())) == len(list(make_toy().parameters())) - 1


HEADLINE = {"seeds": range(200, 206), "steps": 160, "lr": 0.02}


def test_program_finds_its_suffix_from_other_seeds_than_the_pages():
    run = train(make_toy, whole_words, snapshots=[0, 20], **HEADLINE)
    article = encode(ARTICLE_TOKENS)[None]
    start, soon, end = (snapshot(article, need_weights=True)[1][:, 0, 14, 15] for snapshot in run.snapshots)
    assert (start < 0.15).all() and soon.mean() < 0.2  # first the loss falls, with attention nearly even …
    losses, _ = run.at(20).test(*whole_words(64, torch.Generator().manual_seed(5)))
    assert losses.mean() < 1
    assert (end > 0.8).sum() >= 5  # … and then 程序 finds 员
    frozen = train(make_toy, whole_words, frozen=["W_query.weight", "W_key.weight"], **HEADLINE)
    stuck = frozen.snapshots[-1](article, need_weights=True)[1][:, 0, 14, 15]
    assert stuck.max() < 0.8 and stuck.mean() > 0.15  # the embeddings learn instead, half-way


def test_decoder_only_turns_the_question_round_from_other_seeds():
    run = train(lambda: make_toy(causal=True), whole_words, seeds=range(300, 304), steps=100, lr=0.02)
    weights = run.at(100)(encode(ARTICLE_TOKENS)[None], need_weights=True)[1][:, 0]
    assert (weights[:, 14, 15] == 0).all() and (weights[:, 15, 14] > 0.9).all()


def between_the_two(snapshot):
    """程序→员 and 员→程序 in the article's sentence: (seeds,) each."""
    weights = snapshot(encode(ARTICLE_TOKENS)[None], need_weights=True)[1][:, 0]
    return weights[:, 14, 15], weights[:, 15, 14]


def test_what_is_asked_is_a_place_from_other_seeds():
    end = train(make_toy, whole_words, seeds=range(400, 406), steps=300, lr=0.02).at(300)

    def next_gets(tokens, i):
        return end(encode(tokens)[None], need_weights=True)[1][:, 0, i, i + 1].mean()

    there = torch.stack([next_gets([*ARTICLE_TOKENS[:-1], last], 14) for last in [*SUFFIXES, "。"]])
    verbs = torch.stack([next_gets([*ARTICLE_TOKENS[:-1], last], 14) for last in [*PLACE_VERBS, *OTHER_VERBS]])
    others = [*ARTICLE_TOKENS[:14], "牛马", "。"]
    moved = torch.stack([next_gets([*others[:i], "程序", "员", *others[i + 2 :]], i) for i in range(1, 13)])
    assert (there > 0.8).all() and verbs.mean() < 0.4 and moved.mean() < 0.2


def test_one_matrix_cannot_turn_both_ways_from_other_seeds():
    both, tied = (
        train(lambda options=options: make_toy(**options), whole_words, seeds=range(410, 414), steps=200, lr=0.02)
        for options in ({}, {"tied": True})
    )
    assert (torch.minimum(*between_the_two(both.at(200))) > 0.8).all()
    assert (torch.minimum(*between_the_two(tied.at(200))) < 0.5).all()


def test_frozen_embeddings_leave_the_task_unsolved_from_other_seeds():
    frozen = ["W_query.weight", "W_key.weight", "embedding.weight", "position"]
    run = train(make_toy, whole_words, snapshots=[0], frozen=frozen, **HEADLINE)
    assert torch.equal(*(torch.stack(between_the_two(snapshot)) for snapshot in run.snapshots))
    losses, _ = run.at(160).test(*whole_words(64, torch.Generator().manual_seed(5)))
    assert (losses > 0.15).all()


def test_the_gradient_on_the_values_leads_and_is_steadier_from_other_seeds():
    run = train(make_toy, whole_words, seeds=range(500, 503), steps=200, lr=0.02, snapshots=range(0, 201, 10))
    value, query, key = (
        torch.stack([s.grad_norms[f"W_{name}.weight"] for s in run.snapshots]) for name in ("value", "query", "key")
    )
    value, pair = value / 48, (query * key / (48 * 16)).sqrt()  # of a typical entry
    assert (value[0] > pair[0]).all() and pair[4:9].mean() > 1.5 * value[4:9].mean()
    jump_value, jump_pair = (x.log().diff(dim=0).abs().mean() for x in (value, pair))
    assert jump_value < 0.8 * jump_pair


def test_one_of_query_and_key_is_enough_from_other_seeds():
    q, k = "W_query.weight", "W_key.weight"
    ends = [
        train(make_toy, whole_words, seeds=[500, 501], steps=200, lr=0.02, frozen=frozen).at(200)
        for frozen in ([q], [k], [q, k])
    ]
    held_out = whole_words(64, torch.Generator().manual_seed(5))
    assert all((end.test(*held_out)[0] < 0.05).all() for end in ends)
    found = torch.stack([between_the_two(end)[0].mean() for end in ends])
    assert (found[:2] > 0.65).all() and found[2] < 0.6
