"""A sentence put together from a toy's own words, and what the trained toy makes of it at any step that was kept."""

import hashlib
import os

import torch

from live.says import COMPOSED, fill
from live.steps import largest_difference, packed, script, steps_of, walk
from live.text import PageField

WITHIN = 5e-3  # how far 16 bits may take a weight or a chance from torch's 32


class Page(torch.nn.Module):
    """ids (tokens,) -> attn_weights (1, tokens, tokens), chances of the answers (tokens, classes)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        logits, attn_weights = self.model(ids.unsqueeze(0), need_weights=True)
        return attn_weights, logits[0].softmax(dim=-1)


def composed_field(snapshots, *, model, words, answers, sentences):
    """Word by word a sentence, and below it what the model looks at and answers after so many steps of training.

    snapshots: {step: module whose forward gives (logits, attn_weights)}. model: a name for its files in the site.
    words: {part of speech: {word: gloss}}, their ids counted from 0 in this order. answers: words of the classes.
    sentences: lists of words of equal length; the first stands in the field.
    """
    ids = {word: i for i, word in enumerate(word for part in words.values() for word in part)}
    glosses = {word: gloss for part in words.values() for word, gloss in part.items()}
    if os.environ.get("BOOK_STATIC"):
        texts = [torch.tensor([ids[word] for word in sentence]) for sentence in sentences]
        pages = {step: Page(module) for step, module in snapshots.items()}
        data = {"kind": "composed", "words": COMPOSED, "parts": words, "answers": answers, "steps": list(snapshots)}
        data["sentences"] = [[ids[word] for word in sentence] for sentence in sentences]
        return PageField(model, data, _files(pages, texts))
    return _live(snapshots, words, ids, glosses, answers, sentences)


def _files(pages, texts):
    """{path: text} of what the page loads: the steps, and the numbers of every snapshot, a file each."""
    first = next(iter(pages.values()))
    program, files = steps_of(first, texts[0]), {}
    for step, page in pages.items():
        places, numbers = packed(dict(page.named_parameters()), bits=16)
        files[f"step/{step}"] = script(f"step/{step}", numbers)
        program.setdefault("bytes", {})[f"step/{step}"] = len(numbers)
    # The places are the same in all of them: a step's file takes the place of the one before.
    program["files"] = dict.fromkeys(files, places)
    program["version"] = hashlib.sha256("".join(files.values()).encode()).hexdigest()[:8]
    differences = []
    for step, page in pages.items():
        with torch.no_grad():
            expected = [page(text) for text in texts[:3]]
        given = {"program": script("program", program), **files}
        walked = walk(given, [text.tolist() for text in texts[:3]], [f"step/{step}"])
        differences.append(largest_difference(walked, expected))
    program["difference"] = max(differences)
    if not program["difference"] <= WITHIN:
        raise ValueError(f"the numbers in the page would be off by {program['difference']:.1e}, more than {WITHIN}.")
    size = max(program["bytes"].values()) / 1e6
    about = script("", {"megabytes": f"{size:.2f}", "difference": program["difference"]})
    written = {f"{name}.js": text for name, text in {"program": script("program", program), **files}.items()}
    return written | {"about.json": about[len('live("",') : -2]}


# ---------------------------------------------------------------- what is said, and Jupyter


def sentence_of(step, asks, names, weights, chances, answers):
    """weights, chances: of the token that asks, (tokens,) and (classes,)."""
    most = [
        fill(COMPOSED["looks_at"], asked=names[c], weight=f"{weights[c]:.2f}")
        for c in weights.argsort(descending=True, stable=True)[:3].tolist()
    ]
    best = int(chances.argmax())
    said = {"step": step, "asks": names[asks], "most": ", ".join(most)}
    return fill(COMPOSED["said"], **said, answer=answers[best], chance=f"{chances[best]:.2f}")


def _live(snapshots, words, ids, glosses, answers, sentences):
    import html

    import ipywidgets as widgets
    import matplotlib.pyplot as plt

    from drawing import QUERY, WEIGHT, WIDTH, heatmap
    from explore import frame

    options = [(f"{gloss} {word}", word) for word, gloss in glosses.items()]
    places = [widgets.Dropdown(options=options, value=word, layout={"width": "10rem"}) for word in sentences[0]]
    sample = widgets.Button(description=COMPOSED["sample"], layout={"width": "auto"})
    step = widgets.SelectionSlider(options=list(snapshots), value=list(snapshots)[-1], description=COMPOSED["step"])
    asks = widgets.IntSlider(len(places) - 2, 0, len(places) - 1, description="who asks")
    picture, caption = widgets.HTML(), widgets.HTML()
    shown = 0

    def draw():
        sentence = [place.value for place in places]
        with torch.no_grad():
            weights, chances = Page(snapshots[step.value])(torch.tensor([ids[word] for word in sentence]))
        figure, ax = plt.subplots(figsize=(WIDTH, 4.6))
        figure.subplots_adjust(0.28, 0.03, 0.98, 0.86)
        names = [f"{glosses[word]} {word}" for word in sentence]
        heatmap(ax, weights[0], colour=WEIGHT, rows=names, columns=sentence, vmax=1)
        ax.xaxis.tick_top()
        ax.tick_params(axis="x", rotation=90)
        ax.add_patch(plt.Rectangle((-0.5, asks.value - 0.5), len(names), 1, fill=False, ec=QUERY, lw=1.5))
        return figure, sentence_of(step.value, asks.value, names, weights[0, asks.value], chances[asks.value], answers)

    def show(_=None):
        picture.value, said = frame(draw, {})
        caption.value = f'<p aria-live="polite">{html.escape(said)}</p>'

    def another(_):
        nonlocal shown
        shown = (shown + 1) % len(sentences)
        with sample.hold_trait_notifications():
            for place, word in zip(places, sentences[shown], strict=True):
                place.value = word

    sample.on_click(another)
    for control in (*places, step, asks):
        control.observe(show, "value")
    show()
    box = widgets.Box(places, layout={"flex_flow": "row wrap"})
    return widgets.VBox([box, sample, step, asks, widgets.VBox([picture]), caption])
