"""What a field for a sentence of one's own says: the same words in the page (assets/live/) and in Jupyter.

"{name}" is filled in by whoever says it.
"""

BOTH = {
    "progress": "loading",
    "broken": "The download broke off. What has come is kept: press the button once more. Is there a network?",
    "none": "This copy of the book has no weights in it. README says how to build one that has.",
    "asks": "Who asks? Each token is as dark as the weight that the one who asks gives it.",
    "map": "The map: arrow keys go from cell to cell, Enter lets the token of that row ask.",
    "point": "Point at a cell, or walk through the map with the arrow keys, to read its weight.",
    "cell": "“{asks}” gives “{asked}” {weight}.",
    "looks_at": "“{asked}” ({weight})",
    "steps": "The program that runs here",
    "steps_are": "{count} steps of {kinds} kinds, written down by torch.export from the Python of this book. Each "
    "stands beside the line that it comes from, and lights up while it runs.",
    "slowly": "Run once more, slowly",
}

TEXT = BOTH | {
    "label": "A sentence of your own, in any language",
    "load": "Load multilingual-e5-small ({megabytes} MB, once; stays in your browser)",
    "note": "The model runs on your machine: what you type is sent to nobody. Its table of 250,000 tokens comes from "
    "this site in pieces of 128 as your sentences need them; which pieces they were is all that the site could see.",
    "layer": "layer",
    "head": "head",
    "heads": "All {count} heads, a row of them for each layer. Choose one.",
    "one_head": "layer {layer}, head {head}",
    "shown": "The map shows",
    "all": "all tokens",
    "alone": "words alone",
    "said": "Layer {layer}, head {head}: “{asks}” looks at {most}; {parked} of its attention is parked at the start, "
    "“query:” and the end.",
    "said_alone": "Layer {layer}, head {head}, among words alone: “{asks}” looks at {most}; of all its attention "
    "{parked} is parked at the start, “query:” and the end.",
    "questions": "The chapter’s questions, asked of this sentence:",
    "parked": "The start, “query:” and the end, which no word of yours is, take {share} of all attention.",
    "next": "Heads that give the next token more than half, on average: {count} of {of}.",
    "picked": "The head {why}: most from “{asks}” to “{asked}”, {weight}.",
    "too_long": "This has {count} tokens with the {own} that the model adds; at most {longest} fit. Shorten it.",
    "took": "{count} tokens, {milliseconds} ms.",
    "exact": "How exact? Over the sentences that were tried when this book was built, no weight differs from torch’s, "
    "with the same numbers of 4 bits, by more than {difference}; on your machine, on an example, by {here}.",
    "link": "Link to this sentence",
    "everything": "Load everything ({megabytes} MB), for a room without a network",
    "has_everything": "All is here: no sentence needs the network any more.",
}

COMPOSED = BOTH | {
    "load": "Compose a sentence of your own ({megabytes} MB)",
    "note": "The trained model runs on your machine. The words are the toy’s own; put them anywhere.",
    "word": "word {number}",
    "step": "step",
    "sample": "Another sentence of the grammar",
    "said": "After {step} steps “{asks}” looks at {most}, and answers {answer} ({chance}).",
    "answers": "What each token answers",
    "exact": "How exact? No weight or chance differs from torch’s by more than {difference}: the numbers are kept "
    "in 16 bits.",
}


def fill(template, **values):
    return template.format(**values)
