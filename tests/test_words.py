"""The grammar: what it makes, and that its labels are right, checked by a slow reading of each sentence."""

import pytest
import torch

import words
from words import (
    ARTICLE_SENTENCE,
    ARTICLE_TOKENS,
    CITIES,
    COMPOUNDS,
    GLOSS,
    NUM_TOKENS,
    PLACE_VERBS,
    STEMS,
    SUFFIXES,
    TAKES,
    VOCABULARY,
    WHOLE_WORDS,
    encode,
    glossed,
    whole_words,
)

pytestmark = pytest.mark.depends("code/words.py")

COUNT = 4000
TOKENS, LABELS = whole_words(COUNT, torch.Generator().manual_seed(3))
SENTENCES = [[VOCABULARY[i] for i in row] for row in TOKENS.tolist()]
ANSWERS = [[WHOLE_WORDS[i] for i in row] for row in LABELS.tolist()]


def read(sentence):
    """The labels of a sentence, found token by token, with no tensor in sight."""
    answers = list(sentence)
    for i, token in enumerate(sentence):
        if token in STEMS and i + 1 < len(sentence) and sentence[i + 1] in TAKES[token]:
            answers[i] = answers[i + 1] = token + sentence[i + 1]
        if token in PLACE_VERBS:
            j = next(j for j in range(i + 1, len(sentence)) if sentence[j] in CITIES)
            answers[j] = token + sentence[j]
    return answers


def test_every_label_is_the_word_its_token_belongs_to():
    for sentence, answers in zip(SENTENCES, ANSWERS, strict=True):
        assert answers == read(sentence), " ".join(sentence)


def test_shapes_and_ids():
    assert TOKENS.shape == LABELS.shape == (COUNT, NUM_TOKENS) and NUM_TOKENS == 16
    assert TOKENS.dtype == LABELS.dtype == torch.int64
    assert TOKENS.unique().tolist() == list(range(len(VOCABULARY)))  # every token occurs
    assert LABELS.min() >= 0 and LABELS.max() < len(WHOLE_WORDS)
    assert whole_words(1, torch.Generator())[0].shape == (1, NUM_TOKENS)


def test_the_grammar_is_as_large_as_the_book_says():
    assert (len(STEMS), len(SUFFIXES), len(PLACE_VERBS), len(CITIES)) == (16, 6, 8, 10)
    assert len(COMPOUNDS) == 48 and all(len(set(takes)) == 3 for takes in TAKES.values())
    assert all(sum(suffix in takes for takes in TAKES.values()) == 8 for suffix in SUFFIXES)
    assert len(set(WHOLE_WORDS)) == len(WHOLE_WORDS) == len(VOCABULARY) + 48 + 80


def test_the_article_sentence_is_one_of_the_grammar():
    assert "".join(ARTICLE_TOKENS) == ARTICLE_SENTENCE and len(ARTICLE_TOKENS) == NUM_TOKENS
    answers = read(ARTICLE_TOKENS)
    assert [answers[i] for i in (2, 6, 14, 15)] == ["来自福州", "住在北京", "程序员", "程序员"]
    # The same pattern comes up among the random ones: a pronoun, both cities next to their verbs, all four words.
    assert any(
        s[0] in words.PRONOUNS and s[2] in CITIES and s[6] in CITIES and s[10] in words.IN_THE and s[14] in STEMS
        for s in SENTENCES
    )


@pytest.mark.parametrize(("group", "tolerance"), [(STEMS, 0.02), (SUFFIXES, 0.02), (CITIES, 0.02)])
def test_three_in_ten_stand_alone(group, tolerance):
    inside = torch.isin(TOKENS, encode(group))
    alone = (LABELS == TOKENS)[inside].float().mean()
    assert abs(alone - 0.3) < tolerance


def test_a_city_follows_its_verb_at_every_distance():
    verbs = {*PLACE_VERBS, *words.OTHER_VERBS}
    distances = set()
    for sentence in SENTENCES:
        cities = [i for i, token in enumerate(sentence) if token in CITIES]
        assert len(cities) == 2
        for city in cities:
            verb = max(i for i in range(city) if sentence[i] in verbs)
            assert not set(sentence[verb + 1 : city]) & set(CITIES)
            distances.add(city - verb)
    assert distances == {1, 2, 3}


def test_equal_generators_give_equal_sentences_and_others_do_not():
    again, _ = whole_words(COUNT, torch.Generator().manual_seed(3))
    other, _ = whole_words(COUNT, torch.Generator().manual_seed(4))
    assert torch.equal(again, TOKENS) and not torch.equal(other, TOKENS)
    before = torch.random.get_rng_state()
    whole_words(5, torch.Generator().manual_seed(3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_sentences_differ():
    assert len({tuple(row) for row in TOKENS.tolist()}) > 0.99 * COUNT


def test_every_token_has_a_gloss():
    assert all(GLOSS[token] for token in VOCABULARY)
    assert glossed("程序") == "program 程序" and glossed("，") == "，"


def test_encode_names_what_it_does_not_know():
    assert [VOCABULARY[i] for i in encode(ARTICLE_TOKENS)] == ARTICLE_TOKENS
    with pytest.raises(ValueError, match=r"'猫'.*68 tokens"):
        encode(["程序", "猫"])
