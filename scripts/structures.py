"""Prints results/structures.csv: which families of text-writing models the library transformers has, by structure.

A family is a name in the library's lists of models that write text. It has an encoder and a decoder if it stands in the
list of sequence-to-sequence models, and is decoder-only otherwise; families that also fill gaps in a text (BERT's kind,
encoders by birth) are left out.
"""

import transformers
from transformers.models.auto import modeling_auto as lists


def structures():
    """{family: its structure}, sorted by name."""
    both_halves = set(lists.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
    write = set(lists.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - set(lists.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    names = {name: "decoder-only" for name in write} | {name: "encoder and decoder" for name in both_halves}
    return dict(sorted(names.items()))


def table():
    """The whole file, a comment of where it comes from first."""
    rows = "".join(f"{name},{structure}\n" for name, structure in structures().items())
    return (
        f"# Families of text-writing models in transformers {transformers.__version__}, as the library lists them.\n"
        f"# command: python scripts/structures.py\nfamily,structure\n{rows}"
    )


if __name__ == "__main__":
    print(table(), end="")
