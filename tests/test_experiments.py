"""The tables in results/ say how they were made, and come out again; their headlines hold on other seeds."""

import functools
import re

import pytest
import torch

import experiments
from address_book import QUESTIONS, VARIANTS, AddressBookModel, address_books
from experiments import RESULTS, TABLES, read_table, test_variant, train_scale, train_variant, why_three_accuracies
from training import train

test_variant.__test__ = False  # a function of the book, not a test

OTHER_SEEDS = [1001, 1002, 1003]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_how_it_was_made(name):
    head = [line for line in (RESULTS / f"{name}.csv").read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    text = "\n".join(head)
    assert f"command: python code/experiments.py {name}\n" in text
    assert re.search(r"versions: python 3\.\d+\.\d+, torch \d", text) and re.search(r"time: \d+ s", text)
    if "seed" in read_table(name)[0]:
        seeds = {row["seed"] for row in read_table(name)}
        assert f"seeds: {', '.join(map(str, sorted(seeds)))}\n" in text and len(seeds) >= 5


def test_the_table_of_4_1_2_is_complete():
    accuracies = why_three_accuracies()
    assert list(accuracies) == list(QUESTIONS)
    for rows in accuracies.values():
        assert list(rows) == list(VARIANTS)
        assert all(len(values) == 10 for values in rows.values())


@pytest.mark.parametrize("variant", ["three", "Wk = Wv", "fourth, a gate"])
def test_a_sample_of_4_1_2_comes_out_again(variant):
    _, now = test_variant(train_variant(variant, "next person", seeds=[0, 1]), "next person")
    assert (now - why_three_accuracies()["next person"][variant][:2]).abs().max() < 0.02


def test_a_tied_sample_of_4_1_2_comes_out_again():
    _, now = test_variant(train_variant("Wq = Wk", "next person", seeds=range(4)), "next person")
    then = why_three_accuracies()["next person"]["Wq = Wk"]
    assert abs(now.mean() - then[:4].mean()) < then.std()


def test_headlines_of_4_1_2_on_other_seeds():
    def accuracy(variant, question):
        return test_variant(train_variant(variant, question, seeds=OTHER_SEEDS), question)[1]

    assert accuracy("Wq = Wk", "same name").min() > 0.97
    assert accuracy("Wq = Wk", "next person").max() < 0.95
    assert accuracy("one for all", "next person").max() < 0.95
    assert accuracy("three", "next person").min() > 0.97
    assert accuracy("merged WqWkᵀ", "next person").min() > 0.97


def test_headlines_of_4_1_1_on_other_seeds():
    tokens, answers = address_books(2000, torch.Generator().manual_seed(5))
    for variant, least, most in (("Q, K, V direct", 0.06, 0.15), ("Q, K direct", 0.28, 0.40), ("three", 0.97, 1.01)):
        make_model = functools.partial(AddressBookModel, variant)
        run = train(make_model, address_books, seeds=OTHER_SEEDS, steps=200, batch=64, lr=5e-3)
        right = run.snapshots[-1].test(tokens, answers)[1]
        assert least < right.min() and right.max() < most, variant


def test_a_sample_of_3_2_comes_out_again():
    rows = {(r["init"], r["d_k"], r["scaled"], r["control"], r["seed"]): r for r in read_table("scale")}
    for scaled in (True, False):
        _, accuracy, joined = train_scale("default", 64, scaled, seeds=[0])
        row = rows["default", 64, "yes" if scaled else "no", "none", 0]
        assert abs(accuracy.item() - row["accuracy"]) < 0.02 and abs(joined.item() - row["accuracy_joined"]) < 0.1


def test_the_table_of_3_2_says_that_the_scale_helps_and_what_it_does():
    mean = {}
    for row in read_table("scale"):
        key = row["init"], row["d_k"], row["scaled"], row["control"]
        mean.setdefault(key, []).append(row["accuracy_joined"])
    mean = {key: sum(values) / len(values) for key, values in mean.items()}
    for init, d_k in (("default", 64), ("default", 256), ("unit variance", 256)):
        assert mean[init, d_k, "yes", "none"] > mean[init, d_k, "no", "none"] + 0.4
    control = {key[3]: value for key, value in mean.items() if key[:3] == ("unit variance", 256, "no")}
    assert control["smaller start and steps"] > 0.9 > 0.6 > max(control["smaller start"], control["smaller steps"])


def test_a_smaller_start_and_smaller_steps_are_the_scale():
    """With Adam, which does not feel how large a gradient is, the control is the same training, step for step."""
    losses = {}
    for scaled, control in ((True, "none"), (False, "smaller start and steps"), (False, "smaller start")):
        runs = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(experiments, "train", lambda *a, runs=runs, **k: runs.append(train(*a, **k)) or runs[0])
            train_scale("unit variance", 256, scaled, control, seeds=[7], steps=8)
        losses[scaled, control] = runs[0].losses
    scaled, both, start = losses.values()
    assert (both - scaled).abs().max() < 1e-3 < (start - scaled).abs().max()


def test_write_and_read_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    monkeypatch.setitem(TABLES, "small", small)
    experiments.write_table("small")
    assert read_table("small") == [{"seed": 0, "word": "a, b", "x": 0.1235}, {"seed": 1, "word": "c", "x": 1}]
    assert (tmp_path / "small.csv").read_text().startswith("# Two rows.\n# command: python code/experiments.py small\n")


def small():
    """Two rows."""
    yield {"seed": 0, "word": "a, b", "x": 0.12345678}
    yield {"seed": 1, "word": "c", "x": 1.0}
