"""Draw assets/card.png, the picture that goes with a link to this book: the formula and a head that it trained.

Run: .venv/bin/python scripts/card.py (half a minute; the same picture every time; `make pictures` does both pictures)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "code"))

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from drawing import KEY, QUERY, VALUE
from training import OneHead, train
from words import ARTICLE_TOKENS, NUM_TOKENS, VOCABULARY, WHOLE_WORDS, encode, whole_words

ROOT = Path(__file__).parent.parent
INK, PAPER, PALE = "#1b2430", "#ffffff", "#5b6673"


def trained_weights(steps=300):
    """The attention weights of the article's sentence: (tokens, tokens).

    The head of the landing page, trained as index.md trains it, but decoder-only: no token sees a later one.
    """
    run = train(
        lambda: OneHead(len(VOCABULARY), len(WHOLE_WORDS), NUM_TOKENS, causal=True),
        whole_words,
        seeds=[0],
        steps=steps,
        lr=0.02,
    )
    _, attn_weights = run.at(steps)(encode(ARTICLE_TOKENS)[None], need_weights=True)
    return attn_weights[0, 0].detach()


def write(figure, x, y, pieces, size):
    """Pieces of text, each in its colour, one after the other; all but the first letters are mathematics."""
    renderer = figure.canvas.get_renderer()
    for words, colour in pieces:
        text = figure.text(x, y, words, color=colour, fontsize=size, va="baseline")
        x += text.get_window_extent(renderer).width / figure.bbox.width


def main():
    weights = trained_weights()
    plt.switch_backend("agg")
    with matplotlib.rc_context({"mathtext.fontset": "stix", "font.family": "STIXGeneral"}):
        figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
        write(figure, 0.05, 0.70, [("Q", QUERY), (", ", INK), ("K", KEY), (" and ", INK), ("V", VALUE), (",", INK)], 64)
        write(figure, 0.05, 0.575, [("from the question down", INK)], 40)
        formula = [
            (r"softmax$\,($", INK),
            (r"$Q$", QUERY),
            (r"$K^{\mathsf{T}}$", KEY),
            (r"$/\sqrt{d_k}\,)\,$", INK),
            (r"$V$", VALUE),
        ]
        write(figure, 0.05, 0.36, formula, 40)
        write(figure, 0.05, 0.155, [("An interactive book. What an article claims,", PALE)], 22)
        write(figure, 0.05, 0.095, [("measured in cells that you can run.", PALE)], 22)
        tokens = len(weights)
        ax = figure.add_axes((0.575, 0.1, 0.4, 0.8))
        ax.set(xlim=(0, tokens), ylim=(tokens, 0), aspect="equal")
        ax.axis("off")
        for row in range(tokens):
            for column in range(row + 1):
                strength = float(weights[row, column]) ** 0.5
                colour = KEY if row == tokens - 1 else QUERY  # the last row is 员, which finds the 程序 before it
                box = FancyBboxPatch((column + 0.12, row + 0.12), 0.76, 0.76, boxstyle="round,pad=0,rounding_size=0.16")
                box.set(facecolor=colour, alpha=0.06 + 0.94 * strength, linewidth=0)
                ax.add_patch(box)
        path = ROOT / "assets/card.png"
        figure.savefig(path, dpi=100, facecolor=PAPER, metadata={"Software": None})
    print(f"Wrote {path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
