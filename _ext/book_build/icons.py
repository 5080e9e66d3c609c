"""The theme's icons: Font Awesome is 840 kB gzipped, a page shows a dozen icons. Each is drawn where it stands.

Icons in the HTML become inline SVG; icons that a style sheet writes, as text in a font, get a font of these alone.
"""

import base64
import io
import logging
import re
from functools import cache
from pathlib import Path

import pydata_sphinx_theme
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from sphinx.errors import ExtensionError

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it would tell of every table

FONTS = {
    "solid": ("solid-900", "Font Awesome 6 Free", 900),
    "regular": ("regular-400", "Font Awesome 6 Free", 400),
    "brands": ("brands-400", "Font Awesome 6 Brands", 400),
}
KINDS = {
    "fa-solid": "solid",
    "fas": "solid",
    "fa-regular": "regular",
    "far": "regular",
    "fa-brands": "brands",
    "fab": "brands",
}

BASELINE = 448  # of 512 units from the top, in all of its fonts

# <i class="fa-solid fa-arrow-up"></i>, as the theme writes it, also inside its scripts
MARKUP = rf'<(i|span) class="((?:[\w-]+ )*(?:{"|".join(KINDS)})(?: [\w-]+)*)"([^<>]*)></\1>'

# What Font Awesome's script says about icons drawn as SVG.
STYLE = """\
.svg-inline--fa { box-sizing: content-box; display: inline-block; height: 1em; overflow: visible; }
.svg-inline--fa { vertical-align: -0.125em; }
.svg-inline--fa.fa-lg { font-size: 1.25em; line-height: 0.05em; vertical-align: -0.2em; }
"""


@cache
def _vendor():
    return next(Path(pydata_sphinx_theme.__file__).parent.glob("theme/*/static/vendor/fontawesome/*"))


@cache
def _font(kind):
    return TTFont(_vendor() / f"webfonts/fa-{FONTS[kind][0]}.ttf")


@cache
def _codes():
    """{name of an icon, its old names too: its code point}."""
    css = (_vendor() / "css/all.min.css").read_text("utf-8")
    rules = re.findall(r'([^{}]*):before\{content:"\\([0-9a-f]+)"', css)
    return {name: int(code, 16) for names, code in rules for name in re.findall(r"\.(fa-[\w-]+)", names)}


@cache
def _drawing(kind, name):
    """(width, height, SVG path) of an icon. Errors: ExtensionError if Font Awesome does not have it."""
    font = _font(kind)
    glyph = font.getBestCmap().get(_codes().get(name))
    if glyph is None:
        raise ExtensionError(f"the theme shows an icon {name!r}, which Font Awesome does not have as {kind}")
    glyphs = font.getGlyphSet()
    pen = SVGPathPen(glyphs)
    glyphs[glyph].draw(TransformPen(pen, (1, 0, 0, -1, 0, BASELINE)))
    return glyphs[glyph].width, font["head"].unitsPerEm, pen.getCommands()


def inline(markup):
    """SVG in the place of what MARKUP has found."""
    classes, attributes = markup[2].split(), markup[3]
    kind = next(KINDS[name] for name in classes if name in KINDS)
    name = next(name for name in classes if name in _codes())
    width, height, path = _drawing(kind, name)
    classes = " ".join(["svg-inline--fa", *(one for one in classes if one not in KINDS)])
    return (
        f'<svg class="{classes}"{attributes} aria-hidden="true" viewBox="0 0 {width} {height}">'
        f'<path fill="currentColor" d="{path}"/></svg>'
    )


def fonts_for(css):
    """Font faces with the icons that a style sheet writes, and no others; "" if it writes none."""
    rules = []
    for kind, (_, family, weight) in FONTS.items():
        written = {char for char in map(ord, css) if 0xE000 <= char < 0xF900} & _font(kind).getBestCmap().keys()
        if f"var(--fa-font-{kind})" in css and written:
            rules.append(
                f':root{{--fa-font-{kind}:normal {weight} 1em/1 "{family}"}}'
                f'@font-face{{font-family:"{family}";font-weight:{weight};font-display:block;'
                f"src:url(data:font/woff;base64,{_subset(kind, written)})}}"
            )
    return "".join(rules)


def _subset(kind, codes):
    font = TTFont(_vendor() / f"webfonts/fa-{FONTS[kind][0]}.ttf", recalcTimestamp=False)
    options = Options()
    options.hinting = options.layout_features = False
    options.name_IDs, options.notdef_outline, options.glyph_names = [], False, False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.flavor = "woff"
    file = io.BytesIO()
    font.save(file)
    return base64.b64encode(file.getvalue()).decode()
