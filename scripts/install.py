"""Install packages into this .venv, with the words of pip: python scripts/install.py -r requirements.txt

uv does it, in a quarter of pip's time. What pip was told about where packages come from (its configuration files and
variables) is handed on, since uv reads none of it. Where uv is not to be had, or does not get through, pip installs.
"""

import ast
import os
import subprocess
import sys

PIP = [sys.executable, "-m", "pip"]
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
# Plain torch from PyPI brings gigabytes of CUDA on Linux; the other index has it for the processor alone.
CPU = ["--torch-backend", "cpu"] if sys.platform == "linux" else []
WHERE = ("index-url", "extra-index-url", "find-links", "constraint", "trusted-host")


def settings(listed):
    """{name: value} of what `pip config list` prints; variables count more than files, as with pip."""
    lines = [line.partition("=") for line in listed.splitlines()]
    found = {}
    for section in ("global.", "install.", ":env:."):
        found |= {name.removeprefix(section): ast.literal_eval(v) for name, _, v in lines if name.startswith(section)}
    return found


def for_uv(told):
    """(switches, variables) that tell uv what pip's settings say."""
    switches = [word for name in WHERE for value in told.get(name, "").split() for word in (f"--{name}", value)]
    # uv would stop at the first index that has a package, in whatever version; pip looks into all.
    switches += ["--index-strategy", "unsafe-best-match"] + ["--no-index"] * (told.get("no-index") in ("1", "true"))
    variables = {"SSL_CERT_FILE": told["cert"]} if "cert" in told else {}
    return switches, variables | ({"HTTPS_PROXY": told["proxy"]} if "proxy" in told else {})


def main(wanted):
    """Errors: SystemExit with pip's exit code, after pip has said what is wrong."""
    listed = subprocess.run([*PIP, "config", "list"], capture_output=True, text=True).stdout
    switches, variables = for_uv(settings(listed))
    environment = {"UV_HTTP_TIMEOUT": "180", **os.environ, **variables}
    for backend in [CPU, []] if CPU else [[]]:
        command = [*UV, *backend, *switches, *wanted]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0:
            return
    print(f"{done.stderr.rstrip()}\nuv did not get through: now pip tries.", file=sys.stderr)
    if code := subprocess.run([*PIP, "install", "--quiet", "--disable-pip-version-check", *wanted]).returncode:
        sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
