"""The address book: its data, the variants of attention, and the identities that chapter 4.1.2 states."""

import pytest
import torch

from address_book import (
    ASKED,
    DIRECT,
    NOBODY,
    NUM_CITIES,
    NUM_NAMES,
    QUESTIONS,
    VARIANTS,
    WIDTHS,
    AddressBookModel,
    address_books,
    attention_over_pairs,
    two_word_books,
)
from attention import attention

pytestmark = pytest.mark.depends("code")


def books(question="same name", count=3000, seed=0, **options):
    return address_books(count, torch.Generator().manual_seed(seed), question=question, **options)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_the_city_of_the_person_asked_for(question):
    tokens, answers = books(question)
    names, asked, cities = tokens[:, :6, 0], tokens[:, 6, 0], tokens[:, :6, 1]
    wanted = asked if question == "same name" else (asked + 1) % NUM_NAMES
    found = names == wanted[:, None]
    assert (found.sum(1) == 1).all()
    assert torch.equal(cities[found], answers)
    assert (tokens[:, 6, 1] == ASKED).all() and cities.max() < NUM_CITIES


def test_names_differ_within_a_book_and_nothing_has_a_favourite_place():
    tokens, answers = books()
    assert all(len(set(row.tolist())) == 6 for row in tokens[:200, :6, 0])
    place = (tokens[:, :6, 0] == tokens[:, 6:, 0]).int().argmax(1)
    for numbers, kinds in ((place, 6), (answers, 10), (tokens[:, 6, 0], 10), (tokens[:, 2, 0], 10)):
        counts = numbers.bincount(minlength=kinds)
        assert (counts - 3000 / kinds).abs().max() < 5 * (3000 / kinds) ** 0.5


def test_equal_generators_give_equal_books_and_others_do_not():
    assert torch.equal(books(seed=1)[0], books(seed=1)[0])
    assert not torch.equal(books(seed=1)[0], books(seed=2)[0])


def test_any_number_of_records_up_to_all_names():
    assert books(records=10, count=5)[0].shape == (5, 11, 2)
    for options in ({"records": 11}, {"records": 0}, {"question": "last person"}):
        with pytest.raises(ValueError, match="must be"):
            books(count=5, **options)


def test_the_first_of_two_words_says_whose_city_is_wanted_and_nothing_else_does():
    tokens, answers = two_word_books(3000, torch.Generator().manual_seed(0))
    names, cities, (word, asked) = tokens[:, :6, 0], tokens[:, :6, 1], tokens[:, 6:].unbind(1)
    assert (word[:, 0] == NOBODY).all() and (asked[:, 1] == ASKED).all() and cities.max() < NUM_CITIES
    which = word[:, 1] - ASKED - 1
    assert set(which.tolist()) == set(range(len(QUESTIONS)))
    city = [cities[names == (asked[:, :1] + step) % NUM_NAMES] for step in (0, 1)]  # each name once in every book
    assert torch.equal(torch.where(which == 0, *city), answers)
    assert all(len(set(row.tolist())) == 6 for row in names[:200])
    place = (names == asked[:, :1]).int().argmax(1)
    for numbers, kinds in ((place, 6), (which, 2), (asked[:, 0], 10), (names[:, 2], 10), (answers, 10)):
        counts = numbers.bincount(minlength=kinds)
        assert (counts - 3000 / kinds).abs().max() < 5 * (3000 / kinds) ** 0.5
    for records in (1, 11):
        with pytest.raises(ValueError, match="must be 2 to 10"):
            two_word_books(5, torch.Generator(), records=records)


def projected(matrices=4, tokens=7, d=8, seed=0):
    torch.manual_seed(seed)
    return torch.randn(tokens, d, dtype=torch.float64), torch.randn(matrices, d, d, dtype=torch.float64)


def test_pairs_against_three_loops():
    torch.manual_seed(0)
    q, k, m, v = torch.randn(4, 5, 6, dtype=torch.float64)
    context, weights = attention_over_pairs(q, k, m, v)
    scores = torch.stack([torch.stack([torch.stack([(a * b * c).sum() for c in m]) for b in k]) for a in q]) / 6**0.5
    expected = scores.flatten(1).softmax(-1).view(5, 5, 5).sum(-1)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(context, expected @ v)
    context, weights = attention_over_pairs(q, k, m, v, m)  # now a pair hands over something of both
    torch.testing.assert_close(weights, expected)
    each = scores.flatten(1).softmax(-1).view(5, 5, 5)
    torch.testing.assert_close(context, torch.einsum("ijk, jc, kc -> ic", each, v, m))


def test_every_variant_does_what_its_name_says():
    x, w = projected(matrices=6)
    q, k, v, m, n, _ = (x @ matrix for matrix in w)
    first = attention(q, k, v)[0]
    second, last = attention(*((x + first) @ matrix for matrix in w[3:]))
    expected = {
        "one for all": attention(q, q, q),
        "only Wq": attention(q, x, x),
        "Wq = Wk": attention(q, q, k),
        "Wk = Wv": attention(q, k, k),
        "no Wv": attention(q, k, x),
        "merged WqWkᵀ": attention(q, x, k),
        "three": attention(q, k, v),
        "fourth, added": attention(q + m, k, v),
        "fourth, inside": attention(x @ (w[0] @ w[3]), k, v),
        "fourth, a gate": (m.sigmoid() * attention(q, k, v)[0], attention(q, k, v)[1]),
        "fourth, pairs": attention_over_pairs(q, k, m, v),
        "five, pairs": attention_over_pairs(q, k, m, v, n),
        "three, wider": attention(q, k, v),
        "three, twice": (first + second, last),
    }
    assert list(expected) == list(VARIANTS)
    for name, (matrices, attend) in VARIANTS.items():
        for got, want in zip(attend(x, w[:matrices]), expected[name], strict=True):
            torch.testing.assert_close(got, want, msg=name)


def test_added_or_inside_the_score_a_fourth_matrix_is_redundant_and_a_gate_is_not():
    x, w = projected()

    def three(w_query):
        return attention(x @ w_query, x @ w[1], x @ w[2])[0]

    def four(name):
        return VARIANTS[f"fourth, {name}"][1](x, w)[0]

    assert (four("added") - three(w[0] + w[3])).abs().max() < 1e-12
    assert (four("inside") - three(w[0] @ w[3])).abs().max() < 1e-12
    for name in ("added", "inside", "a gate", "pairs"):
        assert (four(name) - three(w[0])).abs().max() > 1e-3


def test_swapped_roles_transpose_the_scores_but_not_the_weights():
    x, w = projected()
    q, k = x @ w[0], x @ w[1]
    scores, swapped = (q[:, None] * k).sum(-1), (k[:, None] * q).sum(-1)
    assert torch.equal(swapped, scores.T)
    assert (swapped.softmax(-1) - scores.softmax(-1).T).abs().max() > 0.1


def test_another_pair_of_matrices_with_the_same_product_is_the_same_attention():
    x, w = projected()
    g = torch.randn(8, 8, dtype=torch.float64)
    inverse = torch.linalg.inv(g)
    expected = VARIANTS["three"][1](x, w)[0]
    got = VARIANTS["three"][1](x, torch.stack([w[0] @ g, w[1] @ inverse.T, w[2]]))[0]
    assert (got - expected).abs().max() < 1e-10
    wrong = VARIANTS["three"][1](x, torch.stack([w[0] @ g, w[1] @ inverse, w[2]]))[0]
    assert (wrong - expected).abs().max() > 1e-3


def test_a_tied_model_never_gets_the_whole_circle_whatever_its_numbers():
    best = {"Wq = Wk": 0, "one for all": 0}
    following = (torch.arange(NUM_NAMES) + 1) % NUM_NAMES
    for variant in best:
        for seed in range(300):
            torch.manual_seed(seed)
            model = AddressBookModel(variant, d_model=2 + seed % 6)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(3)
            looks = model.who_looks_at_whom()[:, :NUM_NAMES]
            best[variant] = max(best[variant], int((looks.argmax(-1) == following).sum()))
    assert 0 < max(best.values()) < NUM_NAMES


@pytest.mark.parametrize("variant", [*DIRECT, *VARIANTS])
def test_shapes_and_weights(variant):
    torch.manual_seed(0)
    model = AddressBookModel(variant)
    logits, weights = model(books(count=4)[0], need_weights=True)
    assert logits.shape == (4, NUM_CITIES) and weights.shape == (4, 7, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 7))
    # the weights follow the book, if and only if queries and keys are computed from it
    _, others = model(books(count=4, seed=1)[0], need_weights=True)
    for other in (weights[1], others[0]):
        assert torch.equal(weights[0], other) == (variant in DIRECT)


def test_two_words_are_read_and_the_wider_three_have_as_many_numbers_as_six():
    tokens, _ = two_word_books(4, torch.Generator().manual_seed(0))
    assert AddressBookModel("three", two_words=True)(tokens).shape == (4, NUM_CITIES)
    with pytest.raises(IndexError):
        AddressBookModel("three")(tokens)
    assert AddressBookModel("three", two_words=True).who_looks_at_whom().shape == (10, 11)
    assert 3 * (WIDTHS["three, wider"] - 1) ** 2 < VARIANTS["three, twice"][0] * 32**2 < 3 * WIDTHS["three, wider"] ** 2


def test_trained_directly_a_place_that_was_not_trained_has_no_row():
    with pytest.raises(ValueError, match="must be equal"):
        AddressBookModel("Q, K direct")(books(count=2, records=8)[0])
    assert AddressBookModel("three")(books(count=2, records=8)[0]).shape == (2, NUM_CITIES)


def test_books_of_their_own_differ_in_their_attention():
    torch.manual_seed(0)
    _, weights = AddressBookModel("Q, K, V direct", own_books=3)(books(count=3)[0], need_weights=True)
    assert not torch.equal(weights[0], weights[1])


def test_who_looks_at_whom_is_what_a_book_of_all_ten_shows():
    torch.manual_seed(0)
    model = AddressBookModel("three")
    looks = model.who_looks_at_whom()
    assert looks.shape == (10, 11)
    torch.testing.assert_close(looks.sum(-1), torch.ones(10))
    with torch.no_grad():
        model.cities.weight[:NUM_CITIES] = 0.5  # all cities alike: then the mean of the cities is each of them
    tokens = torch.tensor([[*[[n, 0] for n in range(10)], [4, ASKED]]])
    torch.testing.assert_close(model(tokens, need_weights=True)[1][0, -1], model.who_looks_at_whom()[4])


def test_an_unknown_variant_is_named():
    with pytest.raises(ValueError, match="'five' must be one of"):
        AddressBookModel("five")
