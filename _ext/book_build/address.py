"""The book's address. It is set once, in _config.yml: `repository: url:`.

The build takes it from there (links.py). Files that nothing computes, such as README.md, carry it in full:

    make address REPO=owner/name                                      published by GitHub Pages
    make address REPO=owner/name SITE=https://attention.example.org/  under a domain of one's own

writes it into _config.yml and into them. It needs Python alone: a fork gets its address before anything is installed.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

# Where it may stand beside _config.yml; chapters carry it only where a reader of the raw file needs the whole of it.
# CITATION.cff says which address they all carry, so it is written last.
CARRIERS = ("README.md", ".github/ISSUE_TEMPLATE/*.yml", "chapters/*.md", "CITATION.cff")
EXAMPLE = "make address REPO=owner/name"
LINES = "repository-code: https://github.com/owner/name\nurl: https://owner.github.io/name/"


class Address(NamedTuple):
    repository: str  # "owner/name", on GitHub
    site: str  # "https://…/"

    def spellings(self):
        """Every way in which a file may write it: the repository, its links to Binder and nbgitpuller, the site."""
        return (
            f"github.com/{self.repository}",
            f"v2/gh/{self.repository}",
            quote(f"https://github.com/{self.repository}", safe=""),
            quote(f"lab/tree/{self.repository.partition('/')[2]}", safe=""),
            self.site.removeprefix("https://").rstrip("/"),
        )


def github_pages(repository):
    """Where GitHub Pages serve a repository: https://owner.github.io/name/, or the top of it for owner.github.io."""
    owner, name = repository.split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def carried(root):
    """The Address that the files carry now, whatever _config.yml says: that of CITATION.cff, or None if it has none."""
    text = (root / "CITATION.cff").read_text("utf-8") if (root / "CITATION.cff").exists() else ""
    repository = re.search(r"^repository-code: https://github\.com/(\S+)$", text, re.M)
    site = re.search(r"^url: (https://\S+)$", text, re.M)
    return Address(repository[1], site[1]) if repository and site else None


def moved(text, old, new):
    """`text` with the Address `new` wherever it has `old`."""
    spelling = dict(zip(old.spellings(), new.spellings(), strict=True))
    # Not inside a longer name: github.com/owner/name-two is another repository.
    whole = rf"(?<![\w.-])(?:{'|'.join(map(re.escape, spelling))})(?![\w-]|\.\w)"
    return re.sub(whole, lambda found: spelling[found[0]], text)


def configured(text, new):
    """The text of _config.yml with the Address `new`; the site stands in it only where it does not follow."""
    url = rf"\g<1>https://github.com/{new.repository}"
    text, found = re.subn(r"^(repository:\n(?:  .*\n)*?  url: )\S+", url, text, count=1, flags=re.M)
    if not found:
        sys.exit("_config.yml should have the lines `repository:` and `  url: https://github.com/owner/name`.")
    line = "" if new.site == github_pages(new.repository) else f"  baseurl: {new.site}\n"
    text, found = re.subn(r"^  baseurl:.*\n", line, text, flags=re.M)
    return text if found else re.sub(r"^html:\n", f"html:\n{line}", text, flags=re.M)


def asked(repository, site, now):
    """The Address that the command line asks for. Errors: SystemExit with a sentence that says what is wrong."""
    if not repository:
        sys.exit(f"Say which repository on GitHub is the book's: {EXAMPLE}. It is {now.repository} now.")
    owner, name = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?", r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}(?<!\.git)"
    if not re.fullmatch(f"{owner}/{name}", repository):
        sys.exit(f"REPO is {repository!r}, and should be the owner and the name of a repository on GitHub: {EXAMPLE}.")
    if site and not re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.~-]+)*/?", site, re.ASCII):
        sys.exit(f"SITE is {site!r}, and should be where the pages are: {EXAMPLE} SITE=https://attention.example.org/.")
    return Address(repository, site.rstrip("/") + "/" if site else github_pages(repository))


def main(root, repository="", site=""):
    if not (old := carried(root)):
        sys.exit("CITATION.cff should say which address the files carry now, in two lines such as\n" + LINES)
    new = asked(repository, site, old)
    # As bytes, so that the ends of lines stay as they are.
    paths = [root / "_config.yml", *(path for carrier in CARRIERS for path in sorted(root.glob(carrier)))]
    before = {path: path.read_bytes().decode("utf-8") for path in paths}
    after = {path: moved(text, old, new) for path, text in before.items()}
    for path in paths[1:]:
        if moved(after[path], new, old) != before[path]:
            sys.exit(f"{path.relative_to(root)} names {new.repository} or {new.site} already: nobody could undo this.")
    after[paths[0]] = configured(before[paths[0]], new)
    changed = [path for path in paths if after[path] != before[path]]
    for path in changed:
        path.write_bytes(after[path].encode("utf-8"))
    print(f"repository: https://github.com/{new.repository}\nsite:       {new.site}")
    names = ", ".join(str(path.relative_to(root)) for path in changed)
    print(f"changed:    {names}" if names else "Nothing to change: the book has that address.")


if __name__ == "__main__":
    main(Path(__file__).parents[2], *sys.argv[1:])
