// TeX to SVG, one page a line: reads [[tex, display], ...] as JSON, answers {formulas: [html, ...], glyphs: svg}.
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
  const formulas = JSON.parse(line).map(([tex, display]) => {
    const html = adaptor.outerHTML(MathJax.tex2svg(tex, { display }));
    if (html.includes("data-mjx-error")) throw new Error(`cannot read the formula ${tex}`);
    return html;
  });
  const glyphs = adaptor.outerHTML(output.fontCache.getCache());
  const css = adaptor.textContent(MathJax.svgStylesheet());
  process.stdout.write(JSON.stringify({ formulas, glyphs, css }) + "\n");
}
