"""What installs the packages: uv, told what pip was told about where they come from; else pip."""

import importlib.util
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAID = """:env:.find-links='/wheels'
:env:.no-index='1'
global.cert='/its/certificates.crt'
global.extra-index-url='https://one.example/simple https://two.example/simple'
global.find-links='/others'
global.timeout='60'
install.constraint='/constraints.txt'
"""


@pytest.fixture
def install():
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts/install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_uv_is_told_what_pip_was_told_and_variables_count_more_than_files(install):
    switches, variables = install.for_uv(install.settings(SAID))
    assert variables == {"SSL_CERT_FILE": "/its/certificates.crt"}
    pairs = list(pairwise(switches))
    for pair in (
        ("--extra-index-url", "https://one.example/simple"),
        ("--extra-index-url", "https://two.example/simple"),
        ("--find-links", "/wheels"),
        ("--constraint", "/constraints.txt"),
    ):
        assert pair in pairs
    assert "--no-index" in switches and "/others" not in switches and "60" not in switches
    assert "--no-index" not in install.for_uv(install.settings(""))[0]


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder with one package, and pip told by its variables that there is nothing else in the world."""
    folder = tmp_path / "wheels书"
    folder.mkdir()
    about = "tiny-1.0.dist-info/"
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(
            about + "RECORD", "tiny.py,,\n" + "".join(f"{about}{name},,\n" for name in ("METADATA", "WHEEL"))
        )
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "without uv"])
def test_a_package_from_where_pip_was_told_is_installed(install, wheels, uv, tmp_path, monkeypatch, capfd):
    if not uv:
        monkeypatch.setattr(install, "UV", [sys.executable, "-m", "no_such_module"])
    install.main(["--target", str(tmp_path / "here"), "tiny"])
    assert (tmp_path / "here/tiny.py").exists()
    assert ("now pip tries" in capfd.readouterr().err) == (not uv)


def test_a_package_that_is_nowhere_is_an_error(wheels, tmp_path):
    command = [sys.executable, ROOT / "scripts/install.py", "--target", tmp_path / "here", "nobodys-package"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "No matching distribution found for nobodys-package" in done.stderr


def test_no_grammar_is_compiled_whenever_something_of_jupyter_starts():
    """From 4.25 on, jsonschema imports rfc3987-syntax, which compiles 39 grammars: two seconds of each start."""
    code = "import jsonschema, sys; sys.exit('lark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
