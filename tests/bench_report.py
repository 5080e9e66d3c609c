"""What a section of docs/benchmarks.md is made of: a table, verdicts, and what it was measured on and with."""

import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs/benchmarks.md"
PACKAGES = ROOT / ".venv/node_modules"


def save(title, section):
    """Put a section into the report in the place of the one of that title; the others stay as they are."""
    head = "# Benchmarks\n\nWritten by `make bench`. Ratios are within one run on one machine; single times vary.\n"
    old = REPORT.read_text("utf-8") if REPORT.exists() else head
    sections = {text.splitlines()[0]: text for text in re.split(r"^## ", old, flags=re.M)[1:]}
    sections[title] = section.removeprefix("## ")
    REPORT.write_text(head + "".join(f"\n## {sections[name].rstrip()}\n" for name in sorted(sections)), "utf-8")


def machine():
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        model = re.search(r"model name\s*: (.*)|$", Path("/proc/cpuinfo").read_text())[1] or model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def versions(packages):
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        manifest = PACKAGES / package / "package.json"
        found.append(
            f"{package} {json.loads(manifest.read_text())['version'] if manifest.exists() else version(package)}"
        )
    return ", ".join(found)


def table(head, *rows):
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def verdict(met):
    return "met" if met else "missed"


def at_most(number, goal, unit=""):
    return f"≤ {goal:,g}{unit}: {verdict(number <= goal)}"


def quotient(pair, digits=2):
    """Ours as a share of stock's, both by name."""
    return f"{pair['ours'] / pair['stock']:.{digits}f}"
