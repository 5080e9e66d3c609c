"""Writes .binder/requirements.txt: requirements.txt and all that it brings along, pinned, in one flat file.

repo2docker reads nothing else once .binder/ exists, and keeps the installed layer between commits only if the file
refers to no other file. The pins are those of requirements.txt, constraints.txt and requirements-dev.txt; what brings
what along is read from the packages that are installed here.
"""

import re
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
TARGET = ROOT / ".binder" / "requirements.txt"
# Beyond the reader's own: a JupyterHub link of the page "Teach with this book" is opened by nbgitpuller.
ALSO = ["nbgitpuller"]
# The image is Linux on x86-64, whatever this file is written on.
IMAGE = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
HEAD = """\
# Written by `make binder` from requirements.txt and constraints.txt; edit those.
--extra-index-url https://download.pytorch.org/whl/cpu
"""


def read_pins(name):
    """{package: version} of the lines `package==version` of a file in the root."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line) for line in lines]
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def python_version():
    return (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")


def brought_along(names):
    """{package: version installed here} of `names` and, step by step, of all that they require in the image."""
    sys.path.insert(0, str(ROOT / "_ext"))
    from book_build import dependencies

    version = python_version()
    found = dependencies.brought_along(names, **IMAGE, python_version=version, python_full_version=f"{version}.0")
    # The plain wheel of torch asks for CUDA, the CPU wheel of the image does not.
    return {name: version for name, version in found.items() if not re.match(r"nvidia|cuda|triton", name)}


def requirements():
    """The text of .binder/requirements.txt. Errors: SystemExit for a package without a pin."""
    reader = read_pins("requirements.txt")
    pins = {**read_pins("requirements-dev.txt"), **read_pins("constraints.txt"), **reader}
    names = brought_along([*reader, *ALSO])
    absent = [name for name, version in names.items() if version is None]
    if absent:
        sys.exit(f"{', '.join(absent)} must be installed, to see what they bring along: run `make lock` first.")
    missing = [name for name in names if name not in pins]
    if missing:
        sys.exit(f"No pin for {', '.join(missing)}: run `make lock` first.")
    pins["torch"] = pins["torch"].split("+")[0] + "+cpu"
    return HEAD + "".join(f"{name}=={pins[name]}\n" for name in names)


if __name__ == "__main__":
    TARGET.write_text(requirements(), encoding="utf-8")
    print(f"Wrote {TARGET.relative_to(ROOT)}")
