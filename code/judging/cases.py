"""What checks.py tries a reader's code on: sizes unequal where it matters, scores of middling size."""

from dataclasses import dataclass, field, replace

import torch

from attention import causal_mask


@dataclass(eq=False)
class Case:
    """One input of `attention`."""

    words: str
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None = None
    scale: float | None = None
    tolerance: float = 1e-5
    large: bool = False
    explicit: bool = False  # mask=None and scale=None are said outright
    leads_only: bool = False  # unlike other cases in its leading dimensions alone, not in sizes made equal
    hint: str = ": are two sizes confused?"  # what it means if code is right here and crashes in another case
    given = "query", "key", "value", "mask", "scale"

    @property
    def lead(self):
        return self.query.dim() - 2

    @property
    def sizes(self):
        (queries, d_k), (keys, d_v) = self.query.shape[-2:], self.value.shape[-2:]
        first = {f"query.shape[{i}]": size for i, size in enumerate(self.query.shape[:2])}
        return {"d_k": d_k, "d_v": d_v, "the number of queries": queries, "the number of keys": keys} | first

    @property
    def plain(self):
        return self.mask is None and self.scale is None and self.key.shape[-2] > 1

    @property
    def hides(self):
        """Which queries have a hidden key."""
        return torch.tensor(False) if self.mask is None else ~self.mask.all(-1)

    @property
    def broadcasts(self):
        return len({t.shape[:-2] for t in (self.query, self.key, self.value)}) > 1

    def easier(self):
        """{what is special here: (this case without it, what it means if code comes out right there)}"""
        found = {}
        tensors = {"query": self.query, "key": self.key, "value": self.value}
        lead = torch.broadcast_shapes(*(t.shape[:-2] for t in tensors.values()))
        scores = (*lead, self.query.shape[-2], self.key.shape[-2])
        if self.query.dtype == torch.float64 and not self.large:
            single = {name: t.float() for name, t in tensors.items()}
            found["float64"] = replace(self, **single, tolerance=1e-5), IN_FLOAT32
        if self.broadcasts:
            same = {name: t.expand(*lead, -1, -1) for name, t in tensors.items()}
            found[f"leads {[tuple(t.shape[:-2]) for t in tensors.values()]}"] = (
                replace(self, **same),
                f"It is right once query, key and value all have the leading dimensions {tuple(lead)}; "
                "they need not, they broadcast.",
            )
        elif 1 in lead:
            several = [2 if size == 1 else 1 for size in lead]
            several = {name: t.repeat(*several, 1, 1) for name, t in tensors.items()}
            found["one"] = replace(self, **several), "It is right with two in place of a batch of one."
        if self.mask is not None and self.mask.shape != scores:
            found[f"mask of {self.mask.dim()}"] = (
                replace(self, mask=self.mask.expand(scores)),
                f"It is right once the mask {tuple(self.mask.shape)} is expanded to {tuple(scores)}; it broadcasts, "
                "and its dimensions line up with those of the scores from the right.",
            )
        if self.scale is not None and self.scale <= 0:
            found["negative" if self.scale else "zero"] = (
                replace(self, scale=0.7),
                "It is right with scale = 0.7; any number may be given.",
            )
        if isinstance(self.scale, int):
            found["int"] = (
                replace(self, scale=float(self.scale)),
                f"It is right with scale = {float(self.scale)}; a whole number is a scale too.",
            )
        return found

    def independent(self):
        """[(what it would mean if the part `kept` of the output changed, changed case, kept)]"""
        found = []
        if self.lead and len(self.query) > 1:
            words = "one sequence of the batch changes the answer for another; they must not meet"
            found.append((words, self._changed((-1,)), slice(0, -1)))
        if self.mask is not None and self.mask.dim() == 2 and not self.mask[:-1, -1].any():
            words = "a token that the causal mask hides still changes the answer of the tokens before it"
            found.append((words, self._changed((..., slice(-1, None), slice(None))), (..., slice(0, -1), slice(None))))
        return found

    def _changed(self, at):
        query, key, value = self.query.clone(), self.key.clone(), self.value.clone()
        for tensor in (query, key, value):
            tensor[at] += 1
        return replace(self, query=query, key=key, value=value)


IN_FLOAT32 = "It is right in float32: does every tensor in it have the input's dtype?"
SIZES = ("d_k", "d_v", "the number of queries", "the number of keys", "query.shape[0]", "query.shape[1]")


def _case(words, lead, queries, keys, d_k, d_v, *, seed=0, dtype=torch.float32, **options):
    generator = torch.Generator().manual_seed(seed + 100 * queries + keys)
    # As heads arrive in practice: the tokens' dimension was moved there by a transpose.
    q, k, v = (
        torch.randn(size, *lead, width, generator=generator, dtype=torch.float64).movedim(0, -2)
        for size, width in ((queries, d_k), (keys, d_k), (keys, d_v))
    )
    return Case(words, q.to(dtype), k.to(dtype), v.to(dtype), **options)


def _large(words, signs, **options):
    """Scores around 2000 where a query and a key have the same sign in front, and around -2000 elsewhere."""
    case = _case(words, (), 3, 5, 4, 6, seed=7, dtype=torch.float64, tolerance=1e-5, large=True, **options)
    case.query[:, 0] = torch.tensor([4000.0, -4000.0, 4000.0])
    case.key[:, 0] = torch.tensor(signs)
    return case


def attention_cases():
    generator = torch.Generator().manual_seed(1)

    def some(*shape):  # the first key is always visible
        mask = torch.rand(*shape, generator=generator) < 0.5
        mask[..., 0] = True
        return mask

    lengths = torch.tensor([4, 5, 6, 3, 5])
    padding = (torch.arange(6) < lengths[:, None])[:, None, None]
    signs = [1.0, 1.0, 1.0, -1.0, -1.0]
    first = torch.tensor([1, 1, 1, 0, 0]).bool().expand(3, 5)
    return [
        _case("3 queries, 5 keys, d_k = 4, d_v = 6, no mask", (), 3, 5, 4, 6),
        _case("a batch of 3, 5 queries, 7 keys, d_k = 8, d_v = 2", (3,), 5, 7, 8, 2),
        _case("a batch of 2 with 3 heads, 4 queries, 6 keys, d_k = 10, d_v = 5", (2, 3), 4, 6, 10, 5),
        _case("one query and one key", (), 1, 1, 4, 3),
        _case("a causal mask, a batch of 2, 5 tokens, d_k = 16, d_v = 3", (2,), 5, 5, 16, 3, mask=causal_mask(5)),
        _case("a mask of its own for each of 3 queries and 5 keys", (), 3, 5, 4, 6, mask=some(3, 5), seed=1),
        _case("a padding mask (5, 1, 1, 6), 3 heads, 4 queries", (5, 3), 4, 6, 10, 5, mask=padding, seed=1),
        _case("5 tokens, as many queries as keys, d_k = 6, no mask", (2,), 5, 5, 6, 4),
        _case("a mask that shows later tokens only, 5 tokens", (2,), 5, 5, 6, 4, mask=causal_mask(5).mT, seed=3),
        _case("scale = 2 and a causal mask, 5 tokens", (2,), 5, 5, 6, 4, scale=2, mask=causal_mask(5), seed=4),
        _case("scale = 0.3, 3 queries, 5 keys", (), 3, 5, 4, 6, scale=0.3, seed=2),
        _case(
            "float64, a batch of 2, 4 queries, 6 keys, d_k = 9", (2,), 4, 6, 9, 3, dtype=torch.float64, tolerance=1e-8
        ),
        _large("float64, two rows of scores near 2000, one near -2000", [1.0] * 5),
        _large("float64, a row with visible scores near -2000 and hidden ones near 2000", signs, mask=first),
        _case("three leading dimensions (2, 1, 3), 4 queries, 6 keys", (2, 1, 3), 4, 6, 10, 5, seed=5),
        _case("mask=None and scale=None said outright, 3 queries, 5 keys", (), 3, 5, 4, 6, explicit=True, seed=6),
        _case("scale = -0.6 and another mask, 3 queries, 5 keys", (), 3, 5, 4, 6, scale=-0.6, mask=some(3, 5), seed=8),
        _case("scale = 0, 3 queries, 5 keys", (), 3, 5, 4, 6, scale=0.0, seed=2),
        _case("more queries than keys, a batch of 2, 9 queries, 4 keys", (2,), 9, 4, 6, 3, seed=9),
        _case("9 queries, 4 keys and a mask (9, 4)", (2,), 9, 4, 6, 3, mask=some(9, 4), seed=10),
        _case("a batch of one, 4 queries, 6 keys, d_k = 3", (1,), 4, 6, 3, 5, seed=11),
        _case("a batch of 2 with one head, one query, 6 keys, d_k = d_v = 1", (2, 1), 1, 6, 1, 1, seed=12),
        _case("a batch of 2, 4 queries, one key", (2,), 4, 1, 6, 3, seed=13),
        _case("a mask (2, 4, 6), one for each of a batch of 2", (2,), 4, 6, 3, 5, mask=some(2, 4, 6), seed=14),
        _case("a mask (3, 4, 6), one for each of 3 heads", (3, 3), 4, 6, 10, 5, mask=some(3, 4, 6), seed=15),
        _case("a mask (2, 1, 4, 6), the same for 3 heads", (2, 3), 4, 6, 10, 5, mask=some(2, 1, 4, 6), seed=16),
        _case("a mask (140,) of the keys, 2 queries, 140 keys", (2,), 2, 140, 4, 3, mask=some(140), seed=17),
        _case("140 queries, 3 keys", (), 140, 3, 4, 5, seed=18),
        _shared("query (2, 3, 4, 10), the key and value of 3 heads shared: (2, 1, 6, …)", query=(2, 3), key=(2, 1)),
        _shared("query (4, 10), a batch of 2 keys and values", query=(), key=(2,)),
        _shared("query (4, 10), key (6, 10), a batch of 2 values", query=(), key=(), value=(2,)),
    ]


def _shared(words, query, key, value=None):
    """Leading dimensions that broadcast."""
    case = _case(words, (), 4, 6, 10, 5)
    leads = {"query": query, "key": key, "value": key if value is None else value}
    generator = torch.Generator().manual_seed(19)
    for name, lead in leads.items():
        setattr(case, name, torch.randn(*lead, *getattr(case, name).shape, generator=generator, dtype=torch.float32))
    return case


def friendly_cases():
    """Sizes made equal, the least first: where code runs that confuses two of them. Before them, 0 to 2 leads."""
    leads = ", and must with any number: count dimensions from the end, -1 is the last."
    return [
        _case("no leading dimension", (), 3, 5, 4, 6, leads_only=True, hint=leads),
        _case("one leading dimension", (2,), 3, 5, 4, 6, leads_only=True, hint=leads),
        _case("two leading dimensions", (2, 3), 4, 6, 10, 5, leads_only=True, hint=leads),
        _case("as many queries as keys", (), 5, 5, 4, 6),
        _case("d_v = d_k", (), 3, 5, 4, 4),
        _case("as many queries as keys, and one leading dimension", (2,), 5, 5, 4, 6),
        _case("as many queries as keys, and d_v = d_k", (), 5, 5, 4, 4),
        _case("d_v = d_k, and one leading dimension", (2,), 3, 5, 4, 4),
        _case("all sizes equal", (), 5, 5, 5, 5),
        _case("all sizes equal, and one leading dimension", (2,), 5, 5, 5, 5),
        _case("all sizes equal, the batch too", (5,), 5, 5, 5, 5),
    ]


@dataclass(eq=False)
class MaskCase:
    words: str
    scores: torch.Tensor
    mask: torch.Tensor
    tolerance: float = 1e-5
    large = plain = False
    given = "scores", "mask"

    def easier(self):
        if self.mask.shape == self.scores.shape:
            return {}
        words = (
            f"It is right once the mask {tuple(self.mask.shape)} is expanded to {tuple(self.scores.shape)}; it "
            "broadcasts, and its dimensions line up with those of the scores from the right."
        )
        return {f"mask of {self.mask.dim()}": (replace(self, mask=self.mask.expand_as(self.scores)), words)}


def mask_cases():
    cases = [case for case in attention_cases() if case.mask is not None and not case.large]
    found = [MaskCase(case.words, case.query @ case.key.mT, case.mask) for case in cases]
    one = MaskCase("a batch of one with one query", found[0].scores[:1, :1], found[1].mask[:1])
    return [*found, one, MaskCase("float64 scores and a causal mask", found[0].scores.double(), found[0].mask, 1e-9)]


@dataclass(eq=False)
class HeadsCase:
    """One module and its input."""

    words: str
    x: torch.Tensor
    d_out: int
    context_length: int
    num_heads: int
    qkv_bias: bool = False
    tolerance: float = 1e-5
    dropout: float = 0.0
    seed: int = 0
    large: bool = False
    hint: str = ": are two sizes confused?"
    lead, leads_only, given = 1, False, ("x",)
    weights: dict = field(init=False)
    made: dict = field(init=False)  # queries, keys and values that were computed already

    def __post_init__(self):
        self.made = {}
        generator = torch.Generator().manual_seed(self.seed)

        def noise(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64).to(self.x.dtype)

        layers = {"W_query": self.d_in, "W_key": self.d_in, "W_value": self.d_in, "out_proj": self.d_out}
        self.weights = {f"{name}.weight": noise(self.d_out, d_in) / d_in**0.5 * 1.2 for name, d_in in layers.items()}
        biased = layers if self.qkv_bias else ["out_proj"]
        self.weights |= {f"{name}.bias": noise(self.d_out) for name in biased}

    @property
    def d_in(self):
        return self.x.shape[-1]

    @property
    def value(self):
        """What each head's weights are multiplied by, (batch, heads, tokens, head_dim)."""
        return (self.x @ self.weights["W_value.weight"].mT).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    @property
    def arguments(self):
        sizes = f"{self.d_in}, {self.d_out}, {self.context_length}, {self.dropout}, {self.num_heads}"
        return f"({sizes}, qkv_bias={self.qkv_bias})"

    @property
    def sizes(self):
        head_dim, (batch, tokens) = self.d_out // self.num_heads, self.x.shape[:2]
        return {
            "d_k": head_dim,
            "d_out": self.d_out,
            "d_in": self.d_in,
            "num_heads": self.num_heads,
            "the number of tokens": tokens,
            "context_length": self.context_length,
            "the batch size": batch,
        }

    @property
    def plain(self):
        return self.x.shape[1] > 1

    @property
    def hides(self):
        return torch.arange(self.x.shape[1]) < self.x.shape[1] - 1

    def easier(self):
        found = {}
        if self.x.dtype == torch.float64 and not self.large:
            found["float64"] = replace(self, x=self.x.float(), tolerance=1e-5), IN_FLOAT32
        if len(self.x) == 1:
            found["one"] = replace(self, x=self.x.repeat(2, 1, 1)), "It is right with a batch of 2."
        if (tokens := self.x.shape[1]) > max(self.d_in, self.d_out):
            words = "It is right with 2 tokens: is something sized by a width or a number, not by context_length?"
            found[f"{tokens} tokens"] = replace(self, x=self.x[:, :2]), words
        return found

    def independent(self):
        sequence, token = self.x.clone(), self.x.clone()
        sequence[-1] += 1
        token[:, -1] += 1
        return [
            (
                "one sequence of the batch changes the answer for another; they must not meet",
                replace(self, x=sequence),
                slice(0, -1),
            ),
            (
                "the last token changes the answer of tokens before it, which must not see it",
                replace(self, x=token),
                (..., slice(0, -1), slice(None)),
            ),
        ]


def _heads(words, batch, tokens, d_in, d_out, context_length, num_heads, dtype=torch.float32, times=1, **options):
    generator = torch.Generator().manual_seed(d_in + 100 * tokens)
    x = torch.randn(batch, tokens, d_in, generator=generator, dtype=torch.float64).to(dtype) * times
    return HeadsCase(words, x, d_out, context_length, num_heads, **options)


def heads_cases():
    cut = _heads("x (2, 4, 10) cut from a longer one", 2, 4, 10, 12, 7, 3)
    cut.x = cut.x.repeat(1, 2, 1)[:, :4]  # not contiguous
    return [
        _heads("x (2, 5, 10), d_out = 12, 3 heads, context_length = 7", 2, 5, 10, 12, 7, 3),
        _heads(
            "x (3, 6, 11), d_out = 16, 2 heads, context_length = 6, qkv_bias=True", 3, 6, 11, 16, 6, 2, qkv_bias=True
        ),
        _heads("x (4, 1, 5), one token", 4, 1, 5, 6, 3, 2),
        _heads("x (1, 4, 6), one head", 1, 4, 6, 5, 9, 1),
        _heads("x (1, 3, 7), a batch of one, 2 heads", 1, 3, 7, 8, 5, 2),
        _heads("x (2, 4, 1), d_in = 1, 3 heads of width 1", 2, 4, 1, 3, 6, 3),
        _heads("x (2, 9, 4), more tokens than d_in and d_out", 2, 9, 4, 6, 9, 3),
        _heads("x (1, 140, 3), 140 tokens", 1, 140, 3, 4, 150, 2),
        _heads("float64, x (2, 3, 16), d_out = 16, 4 heads", 2, 3, 16, 16, 4, 4, torch.float64, tolerance=1e-8),
        _heads("scores up to thousands, x (2, 5, 10)", 2, 5, 10, 12, 7, 3, torch.float64, times=15, large=True),
        cut,
    ]


def dropout_case():
    """head_dim >= tokens: the values of a head are independent, so its context tells which weights made it."""
    case = _heads("x (2, 6, 10), d_out = 24, 3 heads", 2, 6, 10, 24, 7, 3, torch.float64)
    return replace(case, dropout=0.25, words=f"dropout=0.25 and {case.words}")


def friendly_heads_cases():
    return [
        _heads("as many tokens as context_length", 2, 7, 10, 12, 7, 3),
        _heads("d_in = d_out", 2, 5, 12, 12, 7, 3),
        _heads("a batch of 1", 1, 5, 10, 12, 7, 3, hint=": do the sequences of a batch meet?"),
        _heads("one head", 2, 5, 10, 12, 7, 1, hint=": do the heads end up side by side, or are two sizes confused?"),
        _heads("d_in = d_out, and as many tokens as context_length", 2, 7, 12, 12, 7, 3),
        _heads("as many tokens as heads", 2, 3, 10, 12, 7, 3),
        _heads("all sizes equal", 4, 4, 16, 16, 4, 4),
    ]
