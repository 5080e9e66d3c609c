"""Where the links of a page lead: all addresses follow from `repository: url:` in _config.yml."""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ConfigError
from sphinx.util.matching import Matcher

from book_build.address import Address, carried, github_pages, moved


def derive(app, config):
    """The site's address from the repository's, unless _config.yml has an `html: baseurl:`, a domain of one's own."""
    url = config.html_theme_options.get("repository_url", "")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", url):
        raise ConfigError(f"_config.yml: repository.url is {url!r}, and should be 'https://github.com/owner/name'")
    repository = url.removeprefix("https://github.com/")
    config.html_baseurl = config.ogp_site_url = (config.html_baseurl or github_pages(repository)).rstrip("/") + "/"
    config.book_address = [repository, config.html_baseurl]


def follow(app, docname, source):
    """What a chapter carries in letters, for those who read its source, is an old address after _config.yml changed."""
    if old := carried(Path(app.srcdir)):
        source[0] = moved(source[0], old, Address(*app.config.book_address))


def in_the_repository(link, env):
    """The path of the file that a link leads to, if it is neither a page nor a table, else None."""
    if isinstance(link, addnodes.download_reference):
        path, _ = env.relfn2path(link["reftarget"], env.docname)
        return None if path.endswith(".csv") else path
    path = f"{link['reftarget']}.md"  # MyST takes every .md for a page, also one that _toc.yml forgot
    return path if link.get("refdomain") == "doc" and not Matcher(env.config.include_patterns)(path) else None


def lead_to_the_repository(app, doctree):
    """In the source, LICENSE is a file beside the chapters; on the site, a page of GitHub. Tables stay downloads."""
    repository, branch = (app.config.html_theme_options.get(f"repository_{word}", "HEAD") for word in ("url", "branch"))
    kinds = addnodes.download_reference, addnodes.pending_xref
    for link in [link for kind in kinds for link in doctree.findall(kind) if link.get("reftype") == "myst"]:
        path = in_the_repository(link, app.env)
        if path and (app.srcdir / path).is_file():
            # GitHub shows README.md on the front page, beside the button to clone.
            leads_to = "#readme" if path == "README.md" else f"/blob/{branch}/{path}"
            link.replace_self(nodes.reference("", "", *link[0].children, refuri=repository + leads_to))


def lead_to_references(app, doctree):
    """An entry of the references has an id in the HTML of its cell: [words](page.md#ref-key) leads there."""
    std, page = app.env.get_domain("std"), app.env.docname
    headings = app.env.metadata[page].setdefault("myst_slugs", {})
    for raw in doctree.findall(nodes.raw):
        for name in re.findall(r'<\w+(?: [^<>]*)? id="(ref-[\w-]+)"', raw.astext()):
            headings[name] = (None, name, name)
            std.anonlabels[name], std.labels[name] = (page, name), (page, name, name)


def setup(app):
    app.add_config_value("book_address", [], "env")  # a new address: every page is read anew
    app.connect("config-inited", derive, priority=400)  # before pages.py, which needs the site's prefix
    app.connect("source-read", follow)
    app.connect("doctree-read", lead_to_references)
    app.connect("doctree-read", lead_to_the_repository, priority=400)  # before Sphinx copies what can be downloaded
