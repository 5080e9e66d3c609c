"""Where the book is published, by _config.yml: what every other file and the built pages must say too."""

from pathlib import Path

import yaml

CONFIG = yaml.safe_load((Path(__file__).parent.parent / "_config.yml").read_text("utf-8"))
REPOSITORY = CONFIG["repository"]["url"]
OWNER, NAME = REPOSITORY.split("/")[-2:]
_HOST = f"{OWNER.lower()}.github.io"
# GitHub Pages: the repository owner.github.io has the top of its host, every other one a folder.
_PAGES = f"https://{_HOST}/" if NAME.lower() == _HOST else f"https://{_HOST}/{NAME}/"
SITE = CONFIG["html"].get("baseurl", _PAGES)
MOVE = f"after a change of _config.yml: make address REPO={OWNER}/{NAME} SITE={SITE}"
