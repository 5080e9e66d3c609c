"""The count of model structures in chapter 1 is what the installed library says."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "scripts"))


def test_the_table_is_what_the_library_lists():
    from structures import table

    assert (ROOT / "results/structures.csv").read_text("utf-8") == table()


def test_well_known_families_have_their_structure():
    from structures import structures

    found = structures()
    assert found["llama"] == found["gpt2"] == "decoder-only"
    assert found["t5"] == found["bart"] == "encoder and decoder"
    assert "bert" not in found
