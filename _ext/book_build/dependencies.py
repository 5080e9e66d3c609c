"""What a chapter's result depends on besides its own cells: modules under code/, tables, weights, and packages."""

import ast
import hashlib
import platform
import re
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import resolve_name
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What a reader installs. The packages of the tests change no result.
REQUIREMENTS = ("requirements.txt", "requirements-real-model.txt")
# Folders of files that are read by whoever names them in a path: BOOK / "results", "../results/scale.csv"; and a file.
DATA = {name: re.compile(rf"""/ *["']{name}["']|["'/]{name}/""") for name in ("results", "weights")}
DATA["references.bib"] = re.compile(r"/references\.bib")


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


class Dependencies:
    """Of the book in the folder `root`, as it is now: each build makes its own."""

    def __init__(self, root):
        self.root = Path(root)
        self.environment = digest(platform.python_version(), *(f"{n}=={v}" for n, v in packages(self.root).items()))
        self.look = cache(self.look)
        self.content = cache(self.content)

    def digest(self, source):
        """Another one whenever something changes that these cells depend on; the cells themselves are not in it."""
        imported, data = look(source)
        modules, waiting = {}, imported
        while waiting:
            for path in self.files(waiting.pop()):
                if path not in modules:
                    modules[path], imported, named = self.look(path)
                    waiting |= imported
                    data |= named
        names = [f"{path.relative_to(self.root).as_posix()} {modules[path]}" for path in sorted(modules)]
        return digest(self.environment, *names, *(self.content(folder) for folder in sorted(data)))

    def files(self, module):
        """The files that an import runs: of a.b first a and then a.b, of a package its __init__.py."""
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            place = self.root.joinpath("code", *parts[:end])
            paths = place / "__init__.py", place.parent / f"{place.name}.py"
            yield from [path for path in paths if path.is_file()][:1]

    def look(self, path):
        """(digest of a file under code/, modules that it imports, folders of data that it names)."""
        text = path.read_text("utf-8")
        return digest(text), *look(text, ".".join(path.parent.relative_to(self.root / "code").parts))

    def content(self, folder):
        """Digest of a folder of data: tables by what they say, trained weights by the names of their packages."""
        place = self.root / folder
        files = [place] if place.is_file() else sorted(place.glob("*"))
        return digest(*(path.read_text("utf-8") if path.suffix in (".csv", ".bib") else path.name for path in files))


def look(source, package=""):
    """(modules that a source may import, folders of data that it names); `from a import b` may mean a module a.b."""
    data = {name for name, pattern in DATA.items() if pattern.search(source)}
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        # Lines such as %matplotlib are for IPython. If it is an error, whoever runs it will say so.
        return set(re.findall(r"^\s*(?:from|import)\s+([\w.]+)", source, flags=re.M)), data
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # more dots than there are folders
                module = resolve_name("." * node.level + (node.module or ""), package)
                modules |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return modules, data


# ---------------------------------------------------------------- packages


def packages(root):
    """{name: version, or None if it is not installed} of what a reader installs, and of all that it brings along."""
    lines = [line for name in REQUIREMENTS for line in (root / name).read_text("utf-8").splitlines()]
    return brought_along(Requirement(line).name for line in lines if re.match(r"[A-Za-z]", line))


def brought_along(names, **environment):
    """{name: version, or None if it is not installed} of packages and, step by step, of all that they require.

    What requires what is read from the packages that are installed here. environment: markers that are to be
    evaluated for another machine, such as sys_platform="linux".
    """
    found, waiting, seen = {}, {(canonicalize_name(name), "") for name in names}, set()
    while waiting:
        seen.add(needed := waiting.pop())
        name, extra = needed
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            found[name] = None
            continue
        found[name] = package.version
        for line in package.requires or []:
            needs = Requirement(line)
            if needs.marker is None or needs.marker.evaluate({**environment, "extra": extra}):
                waiting |= {(canonicalize_name(needs.name), wanted) for wanted in {"", *needs.extras}} - seen
    return dict(sorted(found.items()))
