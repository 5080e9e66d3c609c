// TeX to SVG, one page a line: reads [[tex, display], ...] as JSON, answers {formulas: [html, ...], css}.
import { createRequire } from "node:module";
import readline from "node:readline";

const mathjax = process.argv[2];
const require = createRequire(import.meta.url);
const MathJax = await require(`${mathjax}/node-main.js`).init({
  loader: { load: ["input/tex-full", "output/svg", "a11y/assistive-mml"], paths: { mathjax } },
  svg: { fontCache: "global" },
  options: { enableAssistiveMml: true },
});

const { adaptor, output } = MathJax.startup;
for await (const line of readline.createInterface({ input: process.stdin })) {
  output.clearFontCache();
  let drawn = 0;
  const formulas = JSON.parse(line).map(([tex, display]) => {
    const html = adaptor.outerHTML(MathJax.tex2svg(tex, { display }));
    if (html.includes("data-mjx-error")) throw new Error(`cannot read the formula ${tex}`);
    // A glyph is drawn in the first formula that shows it, so that none waits for what a later one needs.
    const glyphs = adaptor.childNodes(output.fontCache.getCache()).map((glyph) => adaptor.outerHTML(glyph));
    const first = glyphs.slice(drawn).join("");
    drawn = glyphs.length;
    return first ? html.replace(/<svg[^>]*>/, (svg) => `${svg}<defs>${first}</defs>`) : html;
  });
  const css = adaptor.textContent(MathJax.svgStylesheet());
  process.stdout.write(JSON.stringify({ formulas, css }) + "\n");
}
