"""Take docs/screenshot.png, the picture at the top of README: chapter 3.2 of the built book, its first figure moved.

Run: .venv/bin/python scripts/screenshot.py [file] (after `make book`; `make pictures` does both)
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "_build/html/chapters/3-2-the-formula.html"
MOVES = {0: "64", 1: "1"}  # slider: the value at which its figure says most: d_k = 64, without a scale


def main(path):
    if not PAGE.exists():
        raise SystemExit("The book is not built: run `make book` first.")
    sys.path.insert(0, str(ROOT / "tests"))
    from browser import browser

    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1200, "height": 640}, color_scheme="light")
        page.goto(PAGE.as_uri())
        figure = page.locator("explore-figure[data-ready]").first
        for i, value in MOVES.items():
            slider = figure.locator("input").nth(i)
            slider.press("Home")
            for _ in range(int(slider.get_attribute("max"))):
                if slider.get_attribute("aria-valuetext") != value:
                    slider.press("ArrowRight")
            assert slider.get_attribute("aria-valuetext") == value, f"slider {i} has no value {value}"
        page.evaluate("document.activeElement.blur()")
        figure.evaluate("e => window.scrollTo({ top: e.getBoundingClientRect().top + scrollY - 75 })")
        page.evaluate("document.querySelector('.bd-sidebar-primary').scrollTop = 0")
        page.wait_for_timeout(500)  # the theme's header hides and shows itself while the page scrolls
        page.screenshot(path=path)
        page.close()
    print(f"Wrote {path}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/screenshot.png")
