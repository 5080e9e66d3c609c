"""The article's sentence, and a small generated grammar around it with a task: restore the whole word.

    我     来自 (美丽 的) 福州 ， 现在 住在 (美丽 的) 北京 ， 是 一个 (正值 壮年 的 牛马) 程序 员
    翻译 者 来自 (美丽 的) 福州 ，      住在 (美丽 的) 北京 ， 是 一个 (正值 壮年 的 牛马) 程序 员

Every sentence has 16 tokens. The words in brackets are spread at random over the three places, four in all, so a
city follows its verb at a distance of one to three. The label of a token is the word or phrase that it belongs to:
程序 and 员 are both labelled 程序员, 北京 is labelled 住在北京, and every other token is labelled with itself.
Three in ten stems, suffixes and cities stand alone (程序 。 / 快乐 员 / 喜欢 北京): they are labelled with
themselves, so no stem, suffix or city can know its label without looking at the others.
"""

import torch

ARTICLE_SENTENCE = "我来自福州，现在住在北京，是一个正值壮年的牛马程序员"
ARTICLE_TOKENS = [
    *["我", "来自", "福州", "，", "现在", "住在", "北京", "，"],
    *["是", "一个", "正值", "壮年", "的", "牛马", "程序", "员"],
]
NUM_TOKENS = len(ARTICLE_TOKENS)

# token: English gloss, one dictionary a part of speech
PRONOUNS = {"我": "I", "她": "she", "他": "he"}
WHEN = {"现在": "now", "从前": "formerly", "后来": "later"}
PLACE_VERBS = {
    **{"来自": "comes from", "住在": "lives in", "生在": "born in", "长在": "grew up in"},
    **{"搬到": "moved to", "回到": "back in", "去过": "been to", "离开": "left"},
}
OTHER_VERBS = {"喜欢": "likes", "想念": "misses", "听说": "hears of"}
CITIES = {
    **{"福州": "Fuzhou", "北京": "Beijing", "上海": "Shanghai", "广州": "Guangzhou", "成都": "Chengdu"},
    **{"西安": "Xi'an", "杭州": "Hangzhou", "南京": "Nanjing", "武汉": "Wuhan", "厦门": "Xiamen"},
}
LOOKS = {"美丽": "beautiful", "热闹": "lively", "遥远": "far-off", "温暖": "warm"}
IN_THE = {"正值": "in the", "刚到": "just in the", "已过": "past the"}
AGES = {"壮年": "prime", "青年": "youth", "中年": "middle age"}
KINDS = {"牛马": "workhorse", "普通": "ordinary", "快乐": "happy", "忙碌": "busy"}
# stem: its gloss, and the suffixes it takes: three each, eight stems to a suffix. Each of the 48 compounds is a word
# of its own in the dictionary of jieba 0.42.1.
_STEMS = {
    **{"程序": ("program", "员化性"), "技术": ("technique", "员化性"), "研究": ("research", "员家者")},
    **{"管理": ("manage", "员者学"), "服务": ("serve", "员者性"), "指导": ("guide", "员者性")},
    **{"信息": ("information", "员学化"), "翻译": ("translate", "员家者"), "社会": ("society", "学化性")},
    **{"教育": ("educate", "家者学"), "革命": ("revolution", "家者化"), "军事": ("military", "家学化")},
    **{"政治": ("politics", "家学化"), "科学": ("science", "家化性"), "经营": ("run a business", "者学性")},
    **{"音乐": ("music", "家学性")},
}
STEMS, TAKES = ({stem: pair[i] for stem, pair in _STEMS.items()} for i in (0, 1))
SUFFIXES = {"员": "-er", "家": "-ist", "者": "one who", "学": "-ology", "化": "-ise", "性": "-ness"}
OTHERS = {"，": "comma", "是": "is", "一个": "a", "的": "of", "。": "full stop"}
PARTS_OF_SPEECH = {
    **{"pronoun": PRONOUNS, "time": WHEN, "verb that takes a place": PLACE_VERBS, "other verb": OTHER_VERBS},
    **{"city": CITIES, "looks": LOOKS, "in which age": IN_THE, "age": AGES, "what sort": KINDS},
    **{"stem": STEMS, "suffix": SUFFIXES, "other": OTHERS},
}
GLOSS = {token: gloss for part in PARTS_OF_SPEECH.values() for token, gloss in part.items()}

VOCABULARY = list(GLOSS)
TOKEN_ID = {token: i for i, token in enumerate(VOCABULARY)}
COMPOUNDS = [stem + suffix for stem in STEMS for suffix in TAKES[stem]]
PHRASES = [verb + city for verb in PLACE_VERBS for city in CITIES]
WHOLE_WORDS = VOCABULARY + COMPOUNDS + PHRASES  # the labels: a token that stands alone has its own id as its label
LABEL_ID = {word: i for i, word in enumerate(WHOLE_WORDS)}

# _JOINED[a, b]: the label of a and b as one word, -1 where they make none
_JOINED = torch.full((len(VOCABULARY), len(VOCABULARY)), -1)
for _first, _seconds in [*TAKES.items(), *((verb, CITIES) for verb in PLACE_VERBS)]:
    for _second in _seconds:
        _JOINED[TOKEN_ID[_first], TOKEN_ID[_second]] = LABEL_ID[_first + _second]

# Which of "正值 壮年 的 牛马" stay when 0 … 4 of them do
_DESCRIPTIONS = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 1]], dtype=torch.bool)


def encode(tokens):
    """The ids of a list of tokens: (tokens,). Errors: ValueError for a token outside the vocabulary."""
    unknown = [token for token in tokens if token not in TOKEN_ID]
    if unknown:
        raise ValueError(f"{unknown} are not in the vocabulary of {len(VOCABULARY)} tokens; see words.VOCABULARY.")
    return torch.tensor([TOKEN_ID[token] for token in tokens])


def glossed(token):
    """The token behind its English gloss, for a figure: 程序 -> "program 程序"; a comma stays as it is."""
    return f"{GLOSS[token]} {token}" if token not in "，。" else token


def whole_words(count, generator):
    """`count` random sentences of the grammar and the label of each token: two tensors (count, 16).

    generator: a torch.Generator; equal generators give equal sentences.
    """

    def one_of(words):
        return encode(words)[torch.randint(len(words), (count,), generator=generator)]

    def happens(probability):
        return torch.rand(count, generator=generator) < probability

    def the(token):
        return torch.full((count,), TOKEN_ID[token])

    def word(mark):
        # 7 whole : 3 lone stems : 3 lone suffixes, so that three in ten stems have no suffix, and the other way round
        kind = torch.multinomial(torch.tensor([7.0, 3.0, 3.0]), count, replacement=True, generator=generator)
        stem = one_of(STEMS)
        choices = torch.stack([encode(TAKES[each]) for each in STEMS])[stem - TOKEN_ID[next(iter(STEMS))]]
        suffix = choices.gather(1, torch.randint(3, (count, 1), generator=generator)).squeeze(1)
        pair = [torch.where(kind == 2, one_of(KINDS), stem), torch.where(kind == 1, the(mark), suffix)]
        joined = _JOINED[pair[0], pair[1]]
        return pair, [torch.where(joined < 0, part, joined) for part in pair]

    def place():
        verb = torch.where(happens(0.3), one_of(OTHER_VERBS), one_of(PLACE_VERBS))
        city = one_of(CITIES)
        joined = _JOINED[verb, city]
        phrase = [verb, one_of(LOOKS), the("的"), city]
        return phrase, [*phrase[:3], torch.where(joined < 0, city, joined)]

    (somebody, somebody_labels), (worker, worker_labels) = word("，"), word("。")
    (origin, origin_labels), (home, home_labels) = place(), place()
    pronoun, named = one_of(PRONOUNS), happens(0.5)
    for part in (somebody, somebody_labels):
        part[0] = torch.where(named, part[0], pronoun)
    middle, link = [the("，"), one_of(WHEN)], [the("，"), the("是"), the("一个")]
    description = [one_of(IN_THE), one_of(AGES), the("的"), one_of(KINDS)]
    tokens = torch.stack([*somebody, *origin, *middle, *home, *link, *description, *worker], dim=1)
    labels = torch.stack(
        [*somebody_labels, *origin_labels, *middle, *home_labels, *link, *description, *worker_labels], dim=1
    )

    # 21 places, of which 16 are taken: "我 … 现在" or "翻译 者 …"; each city has 0 to 2 words before it, and the
    # description gets what is left of the four.
    far = torch.randint(3, (2, count), generator=generator)
    keep = torch.ones_like(tokens, dtype=torch.bool)
    keep[:, 1], keep[:, 7] = named, ~named
    keep[:, 3:5] = torch.stack([far[0] > 0, far[0] > 1], dim=1)
    keep[:, 9:11] = torch.stack([far[1] > 0, far[1] > 1], dim=1)
    keep[:, 15:19] = _DESCRIPTIONS[4 - far.sum(0)]
    return tokens[keep].view(count, NUM_TOKENS), labels[keep].view(count, NUM_TOKENS)
