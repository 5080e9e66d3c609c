"""What takes too long for a page: many seeds of many variants, trained once, kept as small tables in results/.

    python code/experiments.py                # every table, minutes
    python code/experiments.py why_three      # one of them

A table's first lines say what made it. Chapters read the tables and recompute a sample in front of the reader.
"""

import csv
import functools
import io
import platform
import sys
import time
from pathlib import Path

import torch

from address_book import QUESTIONS, TWO_WORDS, VARIANTS, WIDTHS, AddressBookModel, address_books, two_word_books
from training import OneHead, train
from words import NUM_TOKENS, VOCABULARY, WHOLE_WORDS, whole_words

RESULTS = Path(__file__).parent.parent / "results"
TEST_SEED = 123_456_789  # of the examples that nothing is trained on


# ---------------------------------------------------------------- 4.1.2: how many matrices?


ALL_QUESTIONS = (*QUESTIONS, TWO_WORDS)


def books(count, generator, question):
    """Draw books for one of ALL_QUESTIONS: tokens and answers."""
    if question == TWO_WORDS:
        return two_word_books(count, generator)
    return address_books(count, generator, question=question)


def train_variant(variant, question, *, seeds, steps=300):
    """Train one variant of the address book on one of ALL_QUESTIONS, a model a seed. Returns: a training.Run."""
    sample = functools.partial(books, question=question)
    make_model = functools.partial(
        AddressBookModel, variant, d_model=WIDTHS.get(variant, 32), two_words=question == TWO_WORDS
    )
    return train(make_model, sample, seeds=seeds, steps=steps, batch=64, lr=5e-3)


def test_variant(run, question):
    """Loss and accuracy of every seed on 2000 new books: (seeds,), (seeds,)."""
    new = books(2000, torch.Generator().manual_seed(TEST_SEED), question)
    return run.snapshots[-1].test(*new)


def why_three(seeds=range(10), variants=tuple(VARIANTS), questions=ALL_QUESTIONS):
    """Held-out accuracy and loss of every variant of attention on each kind of question to the address book."""
    for question in questions:
        for variant in variants:
            losses, accuracies = test_variant(train_variant(variant, question, seeds=seeds), question)
            for seed, loss, accuracy in zip(seeds, losses.tolist(), accuracies.tolist(), strict=True):
                yield {"question": question, "variant": variant, "seed": seed, "accuracy": accuracy, "loss": loss}


def why_three_found(what="accuracy"):
    """What the table why_three found, "accuracy" or "loss": {question: {variant: one number a seed (seeds,)}}."""
    found = {question: {variant: [] for variant in VARIANTS} for question in ALL_QUESTIONS}
    for row in read_table("why_three"):
        found[row["question"]][row["variant"]].append(float(row[what]))
    return {q: {variant: torch.tensor(values) for variant, values in rows.items()} for q, rows in found.items()}


# ---------------------------------------------------------------- 3.2: what does the scale do for training?

# Scores grow with √d_k; the control takes a factor of d_k^-1/4 into each of Wq and Wk instead.
CONTROLS = ("none", "smaller start", "smaller steps", "smaller start and steps")


def whole_word_model(*, d_k, scale, init, shrink):
    """OneHead for the whole words: scale a number or None, init "default" or "unit variance", Wq and Wk times shrink.

    "unit variance": queries and keys of random tokens have entries of variance 1, as the formula's authors assume.
    """
    model = OneHead(len(VOCABULARY), len(WHOLE_WORDS), NUM_TOKENS, d_k=d_k, scale=scale)
    with torch.no_grad():
        for weight in (model.W_query.weight, model.W_key.weight):
            if init == "unit variance":
                weight.normal_(std=weight.shape[1] ** -0.5)
            weight.mul_(shrink)
    return model


def train_scale(init, d_k, scaled, control="none", *, seeds, steps=400):
    """Train the whole words with and without 1/√d_k. Returns: loss, accuracy of all, of joined tokens: (seeds,)."""
    small = d_k**-0.25
    make_model = functools.partial(
        whole_word_model, d_k=d_k, scale=None if scaled else 1.0, init=init, shrink=small if "start" in control else 1
    )
    slower = dict.fromkeys(["W_query.weight", "W_key.weight"], small) if "steps" in control else {}
    run = train(make_model, whole_words, seeds=seeds, steps=steps, slower=slower)
    tokens, labels = whole_words(500, torch.Generator().manual_seed(TEST_SEED))
    losses, accuracies = run.snapshots[-1].test(tokens, labels)
    joined = labels >= len(VOCABULARY)  # labelled with more than itself: these tokens had to look
    right = run.snapshots[-1](tokens).argmax(-1) == labels
    return losses, accuracies, right[:, joined].float().mean(1)


def scale(seeds=range(5)):
    """Held-out accuracy on the whole words after 400 steps, with and without the scale, and with it put elsewhere."""
    runs = [("default", 64, True, "none"), ("default", 64, False, "none")]
    runs += [("default", 256, True, "none"), ("default", 256, False, "none")]
    runs += [("unit variance", 256, True, "none"), *(("unit variance", 256, False, control) for control in CONTROLS)]
    for init, d_k, scaled, control in runs:
        for seed, loss, accuracy, joined in zip(
            seeds, *(part.tolist() for part in train_scale(init, d_k, scaled, control, seeds=seeds)), strict=True
        ):
            yield {
                **{"init": init, "d_k": d_k, "scaled": "yes" if scaled else "no", "control": control, "seed": seed},
                **{"accuracy": accuracy, "accuracy_joined": joined, "loss": loss},
            }


# ---------------------------------------------------------------- tables

TABLES = {function.__name__: function for function in (why_three, scale)}


def read_table(name):
    """The rows of results/<name>.csv as dictionaries; what looks like a number is one."""
    lines = (RESULTS / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [{key: _number(value) for key, value in row.items()} for row in rows]


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def write_table(name):
    """Compute a table and write it to results/, under a few lines that say how it was made."""
    start = time.perf_counter()
    rows = list(TABLES[name]())
    seeds = sorted({row["seed"] for row in rows if "seed" in row})
    text = io.StringIO()
    for line in (
        TABLES[name].__doc__,
        f"command: python code/experiments.py {name}",
        *([f"seeds: {', '.join(map(str, seeds))}"] if seeds else []),
        f"versions: python {platform.python_version()}, torch {torch.__version__}",
        f"time: {time.perf_counter() - start:.0f} s",
    ):
        print(f"# {line}", file=text)
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()})
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.csv").write_text(text.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    for table in sys.argv[1:] or TABLES:
        print(f"{table} …", flush=True)
        write_table(table)
