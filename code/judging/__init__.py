"""How checks.py finds what is wrong with a reader's attention: it runs it, compares, and looks for words."""
