"""The address book: six records of a name and a city in random order, and a question about one name.

Which record answers changes with every book, so here attention has to follow its input. The models differ in one
line: how query, key and value come from the tokens. Numbers stand for names and cities, PEOPLE and CITIES say which.
A question of two words asks for a relation among three tokens: the two words, and the record that answers.
"""

import torch
import torch.nn as nn

from attention import attention

PEOPLE = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ida", "Jon"]
CITIES = ["Beijing", "Fuzhou", "Shanghai", "Guangzhou", "Chengdu", "Xi'an", "Hangzhou", "Nanjing", "Wuhan", "Xiamen"]
NUM_NAMES, NUM_CITIES = len(PEOPLE), len(CITIES)
NUM_RECORDS = 6
ASKED = NUM_CITIES  # where a record has its city the question has this mark
QUESTIONS = ("same name", "next person")
TWO_WORDS = "two words"  # of a question whose first word says which of QUESTIONS it is
NOBODY = NUM_NAMES  # where a record has its name that first word has this, and ASKED + 1 or + 2 for its city


def address_books(count, generator, *, question="same name", records=NUM_RECORDS):
    """Draw `count` books: tokens (count, records + 1, 2) with (name, city) in each, and answers (count,).

    Different names in random order, a city each, cities may repeat; the last token asks. question: "same name"
    wants the city of the name asked, "next person" that of the name one further on (0 comes after the last).
    Errors: ValueError for another question, or more records than there are names.
    """
    if question not in QUESTIONS:
        raise ValueError(f"question {question!r} must be one of {QUESTIONS}.")
    if records not in range(1, NUM_NAMES + 1):
        raise ValueError(f"records = {records!r} must be 1 to {NUM_NAMES}, the number of names.")
    names = torch.rand(count, NUM_NAMES, generator=generator).argsort(dim=-1)[:, :records]
    cities = torch.randint(NUM_CITIES, (count, records), generator=generator)
    place = torch.randint(records, (count, 1), generator=generator)  # of the record that answers
    asked = (names.gather(1, place) - QUESTIONS.index(question)) % NUM_NAMES
    tokens = torch.stack([torch.cat([names, asked], 1), torch.cat([cities, torch.full_like(asked, ASKED)], 1)], -1)
    return tokens, cities.gather(1, place)[:, 0]


def two_word_books(count, generator, *, records=NUM_RECORDS):
    """Draw `count` books asked in two words: tokens (count, records + 2, 2) and answers (count,).

    Before the name that is asked stands a word that says whether the city of that name is wanted, or that of the next
    person. Both are in every book, so without the word nobody can know which record answers.
    Errors: ValueError for fewer than 2 records, or more than there are names.
    """
    if records not in range(2, NUM_NAMES + 1):
        raise ValueError(f"records = {records!r} must be 2 to {NUM_NAMES}, the number of names.")
    asked = torch.randint(NUM_NAMES, (count, 1), generator=generator)
    order = torch.rand(count, NUM_NAMES, generator=generator)
    order.scatter_(1, torch.cat([asked, (asked + 1) % NUM_NAMES], 1), -1)  # these two first, whoever the others are
    names = order.argsort(dim=-1)[:, :records]
    names = names.gather(1, torch.rand(count, records, generator=generator).argsort(dim=-1))
    cities = torch.randint(NUM_CITIES, (count, records), generator=generator)
    word = torch.randint(len(QUESTIONS), (count, 1), generator=generator)
    answers = cities[names == (asked + word) % NUM_NAMES]
    asks = [torch.full_like(word, NOBODY), asked], [ASKED + 1 + word, torch.full_like(word, ASKED)]
    return torch.stack([torch.cat([names, *asks[0]], 1), torch.cat([cities, *asks[1]], 1)], -1), answers


def attention_over_pairs(query, key, witness, value, witness_value=None):
    """Scores for pairs: s_ijk = Σ_c q_ic · k_jc · m_kc / √d_k, one softmax over all (j, k), values of j.

    witness_value: values n_k; then a pair hands over v_j · n_k, entry by entry.
    Shapes: all (..., tokens, d_k). Returns: context (..., tokens, d_k), weights summed over k (..., tokens, tokens).
    It holds tokens³ scores.
    """
    scores = query @ _pairs(key, witness).transpose(-2, -1) * query.shape[-1] ** -0.5
    each = torch.softmax(scores, dim=-1)
    weights = each.unflatten(-1, (key.shape[-2], -1)).sum(-1)
    return weights @ value if witness_value is None else each @ _pairs(value, witness_value), weights


def _pairs(first, second):
    """(..., tokens, d) twice -> all products of a row with a row, (..., tokens · tokens, d)."""
    return (first.unsqueeze(-2) * second.unsqueeze(-3)).flatten(-3, -2)


# name: (how many d × d matrices it learns, what it does with them); x (..., tokens, d), w (matrices, d, d)
VARIANTS = {
    "one for all": (1, lambda x, w: attention(x @ w[0], x @ w[0], x @ w[0])),
    "only Wq": (1, lambda x, w: attention(x @ w[0], x, x)),
    "Wq = Wk": (2, lambda x, w: attention(x @ w[0], x @ w[0], x @ w[1])),
    "Wk = Wv": (2, lambda x, w: attention(x @ w[0], x @ w[1], x @ w[1])),
    "no Wv": (2, lambda x, w: attention(x @ w[0], x @ w[1], x)),
    "merged WqWkᵀ": (2, lambda x, w: attention(x @ w[0], x, x @ w[1])),
    "three": (3, lambda x, w: attention(x @ w[0], x @ w[1], x @ w[2])),
    "fourth, added": (4, lambda x, w: attention(x @ w[0] + x @ w[3], x @ w[1], x @ w[2])),
    "fourth, inside": (4, lambda x, w: attention(x @ w[0] @ w[3], x @ w[1], x @ w[2])),
    "fourth, a gate": (4, lambda x, w: _gated(x, w)),
    "fourth, pairs": (4, lambda x, w: attention_over_pairs(x @ w[0], x @ w[1], x @ w[3], x @ w[2])),
    "five, pairs": (5, lambda x, w: attention_over_pairs(x @ w[0], x @ w[1], x @ w[3], x @ w[2], x @ w[4])),
    "three, wider": (3, lambda x, w: attention(x @ w[0], x @ w[1], x @ w[2])),  # to be built with WIDTHS
    "three, twice": (6, lambda x, w: _twice(x, w)),
}

WIDTHS = {"three, wider": 46}  # d_model where it is not 32: here three matrices hold as many numbers as six of 32


def _gated(x, w):
    context, weights = attention(x @ w[0], x @ w[1], x @ w[2])
    return torch.sigmoid(x @ w[3]) * context, weights


def _twice(x, w):
    """Two layers of three matrices each, the second on what the first has added to x."""
    first, _ = attention(x @ w[0], x @ w[1], x @ w[2])
    x = x + first
    second, weights = attention(x @ w[3], x @ w[4], x @ w[5])
    return first + second, weights


# What is trained in place of a projection, a row for each place in the book: the same for every book
DIRECT = {"Q, K, V direct": 3, "Q, K direct": 2}


class AddressBookModel(nn.Module):
    """Embedding, one head of attention of the given variant, residual, LayerNorm, a linear reading of the city.

    variant: a name of VARIANTS or of DIRECT. own_books: with "Q, K, V direct", this many books have rows of their
    own; then a batch is all of these books in their order. two_words: it reads questions of two words as well.
    Shapes: tokens (batch, tokens, 2) -> logits (batch, 10), and with `need_weights=True` attn_weights too, (batch,
        tokens, tokens). What is trained directly has a row for each place, so it fits 7 tokens and no others.
    Errors: ValueError for another variant.
    """

    def __init__(self, variant="three", d_model=32, own_books=1, two_words=False):
        super().__init__()
        if variant not in VARIANTS and variant not in DIRECT:
            raise ValueError(f"variant {variant!r} must be one of {[*DIRECT, *VARIANTS]}.")
        self.variant = variant
        self.names = nn.Embedding(NUM_NAMES + two_words, d_model)
        self.cities = nn.Embedding(NUM_CITIES + 1 + two_words * len(QUESTIONS), d_model)
        self.norm = nn.LayerNorm(d_model)
        self.read = nn.Linear(d_model, NUM_CITIES)
        matrices = VARIANTS[variant][0] if variant in VARIANTS else 3 - DIRECT[variant]
        bound = d_model**-0.5  # the random start of nn.Linear
        self.projections = nn.Parameter((torch.rand(matrices, d_model, d_model) * 2 - 1) * bound)
        if variant in DIRECT:
            self.direct = nn.Parameter(torch.randn(DIRECT[variant], own_books, NUM_RECORDS + 1, d_model))

    def embed(self, tokens):
        """tokens (batch, tokens, 2) -> x (batch, tokens, d_model): a record is its name plus its city."""
        return self.names(tokens[..., 0]) + self.cities(tokens[..., 1])

    def attend(self, x):
        """x (batch, tokens, d_model) -> context, as x, and attn_weights (batch, tokens, tokens)."""
        if self.variant in VARIANTS:
            return VARIANTS[self.variant][1](x, self.projections)
        query, key, *value = self.direct  # each (own_books, 7, d_model)
        context, weights = attention(query, key, value[0] if value else x @ self.projections[0])
        return context, weights.expand(len(x), -1, -1)

    def forward(self, tokens, need_weights=False):
        x = self.embed(tokens)
        context, weights = self.attend(x)
        logits = self.read(self.norm(x + context)[..., -1, :])
        return (logits, weights) if need_weights else logits

    @torch.no_grad()
    def who_looks_at_whom(self):
        """How much a question for each name (rows) looks at each name's record and, last, at itself: (10, 11).

        All ten names stand in the book, each with the mean of the cities.
        """
        records = self.names.weight[:NUM_NAMES] + self.cities.weight[:NUM_CITIES].mean(0)
        asked = self.names.weight[:NUM_NAMES] + self.cities.weight[ASKED]
        x = torch.cat([records.expand(NUM_NAMES, -1, -1), asked[:, None]], dim=1)
        return self.attend(x)[1][:, -1]
