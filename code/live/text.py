"""A text of the reader's own, and all heads of a Transformer: alive in Jupyter, and in the page by assets/live/."""

import html
import json
import os
from dataclasses import dataclass

import torch

from live.says import TEXT, fill

LONGEST = 64  # tokens that a page takes, with those that the model adds


def text_field(run, *, model, before="", sentences, heads=None, glosses=None):
    """A text field, and below it what the model's heads do with what is typed.

    run: text -> Run, as `load_e5()` gives it. model: its name in code/live/models.py, which packs it for the page.
    before: what the model wants before each text. sentences: offered beside the field, the first stands in it.
    heads: {why one should look at it: (layer, head)}, offered under the map; the first is shown.
    glosses: {token: what it means in English}.
    """
    if os.environ.get("BOOK_STATIC"):
        return PageField(
            model,
            {
                "kind": "text",
                "words": TEXT,
                "sentences": list(sentences),
                "heads": heads or {},
                "glosses": glosses or {},
            },
        )
    return _live(run, before, list(sentences), heads or {}, glosses or {})


class PageField:
    """What stands in the page, for assets/live/start.js; the build adds sizes (_ext/book_build/live_model.py)."""

    def __init__(self, model, data, files=None):
        self.model, self.data, self.files = model, data, files

    def _repr_html_(self):
        data = _script("live-data", self.data | {"model": self.model})
        files = _script("live-files", self.files) if self.files else ""
        return (
            f'<live-field data-model="{html.escape(self.model)}"><p>Here stands a field for a sentence of your own, '
            f"if the page may run scripts.</p>{data}</live-field>{files}"
        )

    def __repr__(self):
        return f"A field for a sentence of your own, answered by {self.model}."


def _script(name, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/json" class="{name}">{text}</script>'


class missing_field:
    """In a copy of the book without the weights: the field's button, which says so."""

    def _repr_html_(self):
        return f'<p class="live-missing"><button type="button" disabled>{self}</button></p>'

    def __repr__(self):
        return TEXT["none"]


# ---------------------------------------------------------------- what is said of a map


@dataclass
class Said:
    """One text in the model. own: the reader's tokens are those from own[0] to before own[1]."""

    tokens: list
    attn_weights: torch.Tensor  # (layers, heads, tokens, tokens)
    own: tuple
    glosses: dict

    def names(self):
        tokens = [token.replace("▁", "") or "␣" for token in self.tokens]
        return [f"{self.glosses[token]} {token}" if self.glosses.get(token) else token for token in tokens]

    def of(self, alone):
        """Places of the tokens that a map shows: all, or the reader's own."""
        return list(range(*self.own)) if alone else list(range(len(self.tokens)))

    def map(self, layer, head, alone):
        """(rows, columns); words alone sum to one again."""
        weights = self.attn_weights[layer, head][self.of(alone)][:, self.of(alone)]
        return weights / weights.sum(-1, keepdim=True) if alone else weights

    def parked(self):
        """What each token gives to those that no word of the reader's is: (layers, heads, tokens)."""
        return 1 - self.attn_weights[..., self.own[0] : self.own[1]].sum(-1)

    def strongest(self, layer, head):
        """(row, column) of a head's largest weight among the reader's tokens; the end, where there are none."""
        first, end = self.own
        if first == end:
            return end, end
        r, c = divmod(int(self.attn_weights[layer, head, first:end, first:end].argmax()), end - first)
        return first + r, first + c

    def sentence(self, layer, head, asks, alone):
        """What a token looks at, with its numbers."""
        names = [self.names()[i] for i in self.of(alone)]
        weights = self.map(layer, head, alone)[self.of(alone).index(asks)]
        most = [
            fill(TEXT["looks_at"], asked=names[c], weight=f"{weights[c]:.2f}")
            for c in weights.argsort(descending=True, stable=True)[:3].tolist()
        ]
        return fill(
            TEXT["said_alone" if alone else "said"],
            layer=layer,
            head=head,
            asks=self.names()[asks],
            most=", ".join(most),
            parked=f"{self.parked()[layer, head, asks]:.0%}",
        )

    def questions(self, heads):
        """The chapter's questions, asked of this text: a sentence each."""
        first, end = self.own
        if first == end:
            return []
        maps = self.attn_weights[:, :, first:end, first:end]
        ahead = maps.diagonal(1, -2, -1).mean(-1)
        said = [
            fill(TEXT["parked"], share=f"{self.parked()[..., first:end].mean():.0%}"),
            fill(TEXT["next"], count=int((ahead > 0.5).sum()), of=ahead.numel()),
        ]
        for why, (layer, head) in heads.items():
            r, c = self.strongest(layer, head)
            words = {"why": why, "asks": self.names()[r], "asked": self.names()[c]}
            said.append(fill(TEXT["picked"], **words, weight=f"{self.attn_weights[layer, head, r, c]:.2f}"))
        return said


def said_of(run, before, text, glosses=None):
    """Errors: ValueError for more tokens than the page takes, in the page's words."""
    own = len(run.split(before)[0]) - 1
    tokens, _ = run.split(before + text)
    if len(tokens) > LONGEST:
        raise ValueError(fill(TEXT["too_long"], count=len(tokens), own=own + 1, longest=LONGEST))
    return Said(tokens, run(before + text).attn_weights, (own, len(tokens) - 1), glosses or {})


# ---------------------------------------------------------------- Jupyter


def _draw(said, layer, head, asks, alone):
    """All heads as small maps, the chosen one framed; and that one, large."""
    import matplotlib.pyplot as plt

    from drawing import FAINT, QUERY, WEIGHT, WIDTH, heatmap
    from drawing.palette import tint

    layers, heads, n, _ = said.attn_weights.shape
    names = [said.names()[i] for i in said.of(alone)]
    columns = [said.tokens[i].replace("▁", "") for i in said.of(alone)]
    figure, (small, large) = plt.subplots(2, 1, figsize=(WIDTH, 2.6 + 4.6), height_ratios=[2.4, 4.2])
    figure.subplots_adjust(0.28, 0.02, 0.98, 0.98, hspace=0.42)
    tiles = said.attn_weights.transpose(1, 2).reshape(layers * n, heads * n)
    small.imshow(tiles, aspect="auto", vmin=0, vmax=1, cmap=tint(WEIGHT), extent=(0, heads, layers, 0))
    small.set_xticks([i + 0.5 for i in range(heads)], range(heads))
    small.set_yticks([i + 0.5 for i in range(layers)], range(layers))
    small.set(xlabel=TEXT["head"], ylabel=TEXT["layer"])
    small.hlines(range(1, layers), 0, heads, color=FAINT, lw=0.5)
    small.vlines(range(1, heads), 0, layers, color=FAINT, lw=0.5)
    small.add_patch(plt.Rectangle((head, layer), 1, 1, fill=False, ec=QUERY, lw=2))
    heatmap(large, said.map(layer, head, alone), colour=WEIGHT, rows=names, columns=columns, vmax=1)
    large.xaxis.tick_top()
    large.tick_params(axis="x", rotation=90)
    row = said.of(alone).index(asks)
    large.add_patch(plt.Rectangle((-0.5, row - 0.5), len(names), 1, fill=False, ec=QUERY, lw=1.5))
    return figure, said.sentence(layer, head, asks, alone)


def _live(run, before, sentences, heads, glosses):
    import ipywidgets as widgets

    from explore import frame

    first = next(iter(heads.values()), (0, 0))
    said = said_of(run, before, sentences[0], glosses)
    layers, count = said.attn_weights.shape[:2]
    wide = {"layout": {"width": "100%", "max_width": "36rem"}, "style": {"description_width": "auto"}}
    text = widgets.Text(sentences[0], description=TEXT["label"], continuous_update=True, **wide)
    sample = widgets.Dropdown(options=sentences, description="Or one of these", **wide)
    layer = widgets.SelectionSlider(options=range(layers), value=first[0], description=TEXT["layer"], **wide)
    head = widgets.SelectionSlider(options=range(count), value=first[1], description=TEXT["head"], **wide)
    which = widgets.ToggleButtons(options=[(TEXT["all"], False), (TEXT["alone"], True)], value=True)
    asks = widgets.Dropdown(description="Who asks?", **wide)
    note, picture, caption, summary = widgets.Label(), widgets.HTML(), widgets.HTML(), widgets.HTML()

    def choices(asker):
        places = said.of(which.value)
        asks.options = [(f"{i}: {said.names()[i]}", i) for i in places]
        asks.value = asker if asker in places else places[-1]

    def show(_=None):
        if asks.value is None:
            return
        svg, sentence = frame(lambda: _draw(said, layer.value, head.value, asks.value, which.value), {})
        picture.value, caption.value = svg, f'<p aria-live="polite">{html.escape(sentence)}</p>'
        questions = "".join(f"<li>{html.escape(each)}</li>" for each in said.questions(heads))
        summary.value = f"<p>{html.escape(TEXT['questions'])}</p><ul>{questions}</ul>" if questions else ""

    def ask(_=None):
        nonlocal said
        try:
            said = said_of(run, before, text.value, glosses)
        except ValueError as error:
            note.value = str(error)
            return
        note.value = f"{len(said.tokens)} tokens"
        if said.own[0] == said.own[1]:
            which.value = False
        choices(said.strongest(layer.value, head.value)[0])
        show()

    text.observe(ask, "value")
    sample.observe(lambda change: setattr(text, "value", change["new"]), "value")
    for control in (layer, head, asks):
        control.observe(show, "value")
    which.observe(lambda _: (choices(asks.value), show()), "value")
    ask()
    return widgets.VBox([text, sample, note, layer, head, which, asks, widgets.VBox([picture]), caption, summary])
