"""A style sheet without what no page can use: rules for names that stand nowhere, variables nobody reads, comments.

In doubt it keeps. A rule goes only if it asks for a class, an id or an element that no page and no script names.
"""

import re

import tinycss2

WITH_RULES_INSIDE = ("media", "supports", "layer", "container")


def names_in(html):
    """Classes, ids, elements and CSS variables of a page, also of the HTML that its scripts and JSON hold."""
    values = re.findall(r"""\s(?:class|id)=\\?["']([^"'\\]*)""", html)
    scripts = re.findall(r"<script[^>]*>(?!{)(.*?)</script>", html, flags=re.S)
    names = {name for value in values for name in value.split()}
    return names.union(re.findall(r"<([a-zA-Z][\w-]*)", html), re.findall(r"--\w[\w-]*", html), *map(words_in, scripts))


def words_in(script):
    """Every word of a script: any of them may be the class of an element that it makes."""
    return set(re.findall(r"-{0,2}[a-zA-Z_][\w-]*", script))


def purge(css, names):
    """The style sheet `css` without what asks for other classes, ids, elements and variables than `names`."""
    rules = _kept(tinycss2.parse_stylesheet(css, skip_whitespace=True), names)
    read, waiting = set(), {name for name in names if name.startswith("--")} | _reads(rules, of=None)
    while waiting:
        read |= waiting
        waiting = _reads(rules, of=read) - read
    return _text(rules, read)


def _kept(nodes, names):
    """The rules that stay, as [text | (head, declarations | rules)]."""
    kept = []
    for node in nodes:
        if node.type == "comment" and node.value.startswith("!"):
            kept.append(f"/*{node.value}*/\n")
        elif node.type == "qualified-rule":
            head = ",".join(_tight(one) for one in _selectors(node.prelude) if _may_match(one, names))
            if head:
                kept.append((head, _declarations(node.content)))
        elif node.type == "at-rule" and node.content is None and node.lower_at_keyword != "charset":
            kept.append(f"@{node.at_keyword} {_tight(node.prelude)};")
        elif node.type == "at-rule" and node.lower_at_keyword in WITH_RULES_INSIDE:
            inside = tinycss2.parse_rule_list(node.content, skip_whitespace=True)
            kept.append((f"@{node.at_keyword} {_tight(node.prelude)}", _kept(inside, names)))
        elif node.type == "at-rule" and node.content is not None:
            kept.append(f"@{node.at_keyword} {_tight(node.prelude)}{{{_tight(node.content)}}}")
    return kept


def _selectors(prelude):
    selectors = [[]]
    for token in prelude:
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _may_match(selector, names):
    """Whether `names` has all that a selector asks for; what it says in brackets, as in :not(...), is not looked at."""
    before = None
    for token in selector:
        if token.type in ("ident", "hash") and before != ":" and token.value not in names:
            return False
        before = token
    return True


def _declarations(content):
    """[(name, value)]; one text without a name where a rule holds more than declarations."""
    nodes = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    if any(node.type not in ("declaration", "error") for node in nodes):
        return [("", _tight(content))]
    return [
        (node.name, (_tight(node.value) or " ") + "!important" * node.important)
        for node in nodes
        if node.type == "declaration"
    ]


def _tight(tokens):
    """These tokens as text, without comments, one space where there were many."""
    text = tinycss2.serialize(_narrow(tokens))
    return text.strip()


def _narrow(tokens):
    tokens = [token for token in tokens if token.type != "comment"]
    for token in tokens:
        if token.type == "whitespace":
            token.value = " "
        for inside in ("content", "arguments"):
            if getattr(token, inside, None):
                setattr(token, inside, _narrow(getattr(token, inside)))
    return tokens


def _reads(rules, of):
    """The variables that declarations read: those of properties (of=None), or those of the variables `of`."""
    found = set()
    for rule in rules:
        if isinstance(rule, str):
            values = [rule] if of is None else []
        elif rule[0].startswith("@"):
            found |= _reads(rule[1], of)
            continue
        else:
            values = [value for name, value in rule[1] if (name in of if of else not name.startswith("--"))]
        found.update(name for value in values for name in re.findall(r"var\(\s*(--[\w-]+)", value))
    return found


def _text(rules, read):
    css = ""
    for rule in rules:
        if isinstance(rule, str):
            css += rule
            continue
        head, inside = rule
        if head.startswith("@"):
            body = _text(inside, read)
        else:
            stays = [(name, value) for name, value in inside if not name.startswith("--") or name in read]
            body = ";".join(f"{name}:{value}" if name else value for name, value in stays)
        css += f"{head}{{{body}}}" if body else ""
    return css
