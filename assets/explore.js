/* Sliders for figures that were drawn when the book was built (code/explore.py): one <explore-figure>, one figure. */

class ExploreFigure extends HTMLElement {
  connectedCallback() {
    // The parser may still be inside this element; it is past it once something stands behind.
    const behind = (node) => node && (node.nextSibling || behind(node.parentNode));
    const ready = () => document.readyState !== "loading" || behind(this);
    if (ready()) return this.start();
    const observer = new MutationObserver(() => {
      if (ready()) observer.disconnect(), this.start();
    });
    observer.observe(document, { childList: true, subtree: true });
    document.addEventListener("DOMContentLoaded", () => this.start(), { once: true });
  }

  start() {
    const data = this.querySelector(":scope > script");
    if (this.started || !data) return;
    this.started = true;
    const { lines, frames } = JSON.parse(data.textContent);
    const sentences = [...this.querySelector(":scope > template").content.children].map((p) => p.textContent);
    const inputs = [...this.querySelectorAll("input[type=range]")];
    const values = inputs.map((input) => JSON.parse(input.dataset.values));
    const drawing = this.querySelector("figure > div");
    const caption = this.querySelector("figcaption");
    let shown = null;

    const show = () => {
      const index = inputs.reduce((sum, input, i) => sum * values[i].length + Number(input.value), 0);
      inputs.forEach((input, i) => {
        const words = values[i][Number(input.value)];
        input.setAttribute("aria-valuetext", words);
        input.nextElementSibling.innerHTML = withSubscripts(words);
      });
      if (index === shown) return;
      shown = index;
      drawing.innerHTML = frames[index].map((line) => lines[line]).join("\n");
      caption.innerHTML = withSubscripts(sentences[index]);
    };
    inputs.forEach((input) => {
      input.nextElementSibling.setAttribute("aria-live", "off"); // the slider says its value itself
      input.addEventListener("input", show);
    });
    this.dataset.ready = "";
  }
}

function withSubscripts(words) {
  const safe = words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return safe.replace(/(?<![A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])/g, "$1<sub>$2</sub>");
}

customElements.define("explore-figure", ExploreFigure);
