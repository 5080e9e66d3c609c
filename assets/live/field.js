// A field for a sentence of one's own, once its button was pressed: loads the model, asks the worker, draws what it says.
// Words that readers see come from Python (code/live/says.py), which says the same in Jupyter.
"use strict";

{
  const HERE = new URL(".", document.currentScript.src).href;
  const SITE = new URL("../../", HERE);
  const FROM_FILE = location.protocol === "file:";
  const PAUSE = 150; // milliseconds after the last key
  const PARALLEL = 4; // files at a time

  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const safe = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const shown = (token) => token.replaceAll("▁", "") || "␣";
  const short = (name) => ([...name].length > 16 ? `${[...name].slice(0, 15).join("")}…` : name);
  const glossed = (token, gloss) => (gloss ? `${gloss} ${token}` : token);
  const percent = (share) => `${Math.round(100 * share)}%`;

  // ---------------------------------------------------------------- files

  // A file of the model is a script, live(name, value): a page that was opened as a file can load nothing else.
  const waiting = new Map();
  window.live = (_, value) => waiting.get(document.currentScript.src)(value);

  function fromScript(url) {
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      waiting.set(url, (value) => (waiting.delete(url), script.remove(), done(value)));
      script.onerror = () => (script.remove(), failed(new Error(url)));
      script.src = url;
      document.head.append(script);
    });
  }

  class Files {
    constructor(model) {
      this.folder = new URL(`live/${model}/`, SITE).href;
      this.name = `live ${this.folder}`;
    }

    async program() { // asked for anew each time, unless there is no network
      const url = `${this.folder}program.js`;
      if (FROM_FILE) return fromScript(url);
      const store = await this.store("program");
      const kept = () => store?.match(url).then((hit) => hit?.text());
      const answer = await fetch(url, { cache: "no-cache" }).catch(() => null);
      if (answer?.status === 404) return null;
      const text = answer?.ok ? await answer.text() : await kept();
      if (!text) throw new Error(url);
      const program = read(text);
      await store?.put(url, new Response(text));
      this.version = program.version;
      for (const name of globalThis.caches ? await caches.keys() : [])
        if (name.startsWith(this.name) && ![`${this.name} program`, `${this.name} ${this.version}`].includes(name))
          await caches.delete(name);
      return program;
    }

    store(part) { // the browser's own store, where it has one: https, or this machine
      return globalThis.caches?.open(`${this.name} ${part}`).catch(() => undefined);
    }

    // A file as bytes. keep: only see to it that the browser has it.
    async get(name, keep = false) {
      const url = `${this.folder}${name}.js`;
      if (FROM_FILE) return new TextEncoder().encode(`live("",${JSON.stringify(await fromScript(url))})\n`);
      const store = await this.store(this.version), hit = await store?.match(url);
      if (hit) return keep ? undefined : whole(await hit.arrayBuffer());
      const answer = await fetch(`${url}?v=${this.version}`);
      if (!answer.ok) throw new Error(url);
      const bytes = whole(await answer.arrayBuffer()); // one that broke off is not kept
      await store?.put(url, new Response(bytes)).catch(() => {});
      return bytes;
    }
  }

  function read(text) { // what live(…, value) holds; a file that broke off is no JSON
    return JSON.parse(text.slice(text.indexOf(",") + 1, text.lastIndexOf(")")));
  }

  function whole(buffer) { // a file to its last letters, as bytes
    const bytes = new Uint8Array(buffer);
    if (String.fromCharCode(...bytes.subarray(-2)) !== ")\n") throw new Error("broken off");
    return bytes;
  }

  async function each(names, load) {
    const queue = [...names];
    await Promise.all(Array.from({ length: PARALLEL }, async () => {
      while (queue.length) await load(queue.shift());
    }));
  }

  // ---------------------------------------------------------------- the worker

  async function worker(onstep) {
    let thread;
    if (FROM_FILE) { // browsers let a file start no worker from another file
      await new Promise((onload, onerror) =>
        document.head.append(Object.assign(document.createElement("script"), { src: `${HERE}walk.js`, onload, onerror })));
      thread = new Worker(URL.createObjectURL(new Blob([`"use strict";(${liveWorker})(self)`])));
    } else thread = new Worker(`${HERE}walk.js`);
    const asked = new Map();
    let last = 0;
    thread.onmessage = ({ data: { id, step, value, error } }) => {
      if (step !== undefined) return onstep(step);
      const [done, failed] = asked.get(id);
      asked.delete(id);
      if (error) failed(new Error(error));
      else done(value);
    };
    return (call, ...args) =>
      new Promise((...both) => {
        asked.set(++last, both);
        thread.postMessage({ id: last, call, args }, args.filter((arg) => arg instanceof Uint8Array).map((bytes) => bytes.buffer));
      });
  }

  // ---------------------------------------------------------------- from the button to the first answer

  window.liveBegin = async (field) => {
    const { data, status, button, progress } = field, { words } = data;
    const tell = (text) => (status.textContent = text);
    const fail = (text) => (tell(text), (button.disabled = false), (progress.hidden = true));
    try {
      field.files ??= new Files(data.model);
      field.program ??= await field.files.program();
      if (!field.program) return fail(words.none);
      field.view ??= new (data.kind === "text" ? TextView : ComposedView)(field);
      field.ask ??= await worker((step) => field.view.light(step));
      field.added ??= new Set();
      await field.view.load();
      button.hidden = progress.hidden = true;
    } catch (error) {
      console.warn(error);
      return fail(words.broken);
    }
    await field.view.begin();
  };

  // ---------------------------------------------------------------- what both kinds of field show

  class View {
    constructor(field) {
      this.field = field;
      this.words = field.data.words;
      this.program = field.program;
      this.state = { layer: 0, head: 0, asks: null, alone: true };
      this.box = field.make("div", { className: "live-result", hidden: true });
    }

    make(tag, properties, parent = this.box) {
      return this.field.make(tag, properties, parent);
    }

    async load() { // what is needed before the first run; what has come stays
      const { field, program } = this, { files, added, progress, ask } = field, needed = this.needed();
      if (!added.has("program")) {
        await ask("open", program);
        added.add("program");
      }
      progress.hidden = false;
      progress.max = needed.reduce((sum, name) => sum + program.bytes[name], 0);
      const count = () => (progress.value = needed.reduce((sum, name) => sum + (added.has(name) && program.bytes[name]), 0));
      count();
      await each(needed.filter((name) => !added.has(name)), async (name) => {
        await ask("add", name, await files.get(name));
        added.add(name);
        count();
      });
    }

    async checked() { // on the reader's own machine: the weights of an example, beside torch's
      const { ids, weights } = this.program.example, [ours] = await this.run(ids);
      const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)), torch = new Float32Array(bytes.buffer);
      return ours.data.reduce((most, v, i) => (Math.abs(v - torch[i]) <= most ? most : Math.abs(v - torch[i])), 0);
    }

    async run(ids, pause) {
      const results = await this.field.ask("run", ids, pause);
      this.light(-1);
      return results;
    }

    // ------------------------------------------------------------ the steps, and the lines of Python they come from

    steps() {
      const { program, words } = this, { source } = this.field.data;
      const box = this.make("details", { className: "live-steps" });
      this.make("summary", { textContent: words.steps }, box);
      const operations = program.lines.map((_, line) => [...new Set(program.steps.filter((s) => s[1] === line).map((s) => s[2]))]);
      const kinds = new Set(program.steps.map((step) => step[2])).size;
      this.make("p", { textContent: fill(words.steps_are, { count: program.steps.length, kinds }) }, box);
      const slowly = this.make("button", { type: "button", textContent: words.slowly }, this.make("p", {}, box));
      slowly.onclick = () => this.again(15);
      const list = this.make("ol", {}, box);
      this.lines = program.lines.map(([file, number, text], line) => {
        const item = this.make("li", {}, list);
        this.make("code", { textContent: text }, item);
        for (const operation of operations[line]) {
          const link = this.make("a", { textContent: operation, href: `${source}${file}#L${number}` }, item);
          link.title = `${file}, ${number}`;
        }
        return item;
      });
    }

    light(step) { // the line that runs, and the operation in it
      if (!this.lines) return;
      const [, line, operation] = this.program.steps[step] ?? [];
      this.lit?.forEach((element) => element.classList.remove("live-lit"));
      const item = this.lines[line];
      this.lit = item ? [item, [...item.querySelectorAll("a")].find((a) => a.textContent === operation)] : [];
      this.lit.forEach((element) => element.classList.add("live-lit"));
    }

    // ------------------------------------------------------------ a map

    // {names, weights(row, column), of: places among all tokens}: all tokens, or the reader's own among themselves.
    map() {
      const { tokens, weights, own } = this.result, n = tokens.length;
      const { layer, head, alone } = this.state, from = (layer * (this.program.heads ?? 1) + head) * n * n;
      const of = tokens.map((_, i) => i).filter((i) => !alone || (i >= own[0] && i < own[1]));
      const sums = of.map((row) => of.reduce((sum, column) => sum + weights[from + row * n + column], 0));
      return { of, names: of.map((i) => this.name(i)), weights: (r, c) => weights[from + of[r] * n + of[c]] / (alone ? sums[r] : 1) };
    }

    row(map, r) { // [[weight, name]] from the largest on
      return map.of.map((_, c) => [map.weights(r, c), c]).sort((a, b) => b[0] - a[0]);
    }

    drawMap() {
      const map = (this.shownMap = this.map()), n = map.of.length, S = 22;
      const width = (name) => [...short(name)].reduce((sum, c) => sum + (c > "⺀" ? 13 : 7.5), 0);
      const rows = map.names, columns = map.of.map((i) => shown(this.result.tokens[i]));
      const left = 12 + Math.max(...rows.map(width)), top = 12 + Math.max(...columns.map(width));
      this.geometry = { left, top, S, n };
      let svg = `<svg viewBox="0 0 ${left + n * S + 2} ${top + n * S + 2}" width="${left + n * S + 2}" aria-hidden="true">`;
      svg += `<rect class="live-frame" x="${left}" y="${top}" width="${n * S}" height="${n * S}"/>`;
      for (let r = 0; r < n; r++) {
        const y = top + r * S, chosen = map.of[r] === this.state.asks ? ' class="live-asks"' : "";
        svg += `<text${chosen} x="${left - 5}" y="${y + 15}" text-anchor="end">${safe(short(rows[r]))}</text>`;
        svg += `<text transform="translate(${left + r * S + 15} ${top - 5}) rotate(-90)">${safe(short(columns[r]))}</text>`;
        for (let c = 0; c < n; c++) {
          const weight = map.weights(r, c);
          if (weight > 0.004)
            svg += `<rect class="live-weight" x="${left + c * S}" y="${y}" width="${S}" height="${S}" fill-opacity="${weight.toFixed(3)}"/>`;
        }
      }
      const at = map.of.indexOf(this.state.asks);
      if (at >= 0) svg += `<rect class="live-frame live-row" x="${left}" y="${top + at * S}" width="${n * S}" height="${S}"/>`;
      this.mapBox.innerHTML = `${svg}<rect class="live-cell" width="${S}" height="${S}" visibility="hidden"/></svg>`;
      this.mapBox.firstChild.style.minWidth = `${Math.round(0.55 * (left + n * S))}px`;
    }

    mapParts() {
      this.mapBox = this.make("div", { className: "live-map", tabIndex: 0 });
      this.mapBox.setAttribute("role", "application");
      this.mapBox.ariaLabel = this.words.map;
      this.cellSays = this.make("p", { className: "live-cell-says", textContent: this.words.point });
      this.cellSays.setAttribute("aria-live", "polite");
      const point = (event) => {
        const svg = this.mapBox.firstChild, box = svg.getBoundingClientRect(), { left, top, S, n } = this.geometry;
        const scale = svg.viewBox.baseVal.width / box.width;
        const c = Math.floor(((event.clientX - box.left) * scale - left) / S);
        const r = Math.floor(((event.clientY - box.top) * scale - top) / S);
        return r >= 0 && r < n && c < n ? [r, Math.max(c, -1)] : null;
      };
      this.mapBox.onpointermove = (event) => {
        const at = point(event);
        if (at && at[1] >= 0) this.cell(...at);
      };
      this.mapBox.onclick = (event) => {
        const at = point(event);
        if (!at) return;
        if (at[1] >= 0) this.cell(...at);
        this.choose({ asks: this.shownMap.of[at[0]] });
      };
      this.mapBox.onkeydown = (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        const { n } = this.geometry, [r, c] = this.at ?? [Math.max(0, this.shownMap.of.indexOf(this.state.asks)), 0];
        if (step) this.cell(...[r + step[0], c + step[1]].map((i) => Math.min(n - 1, Math.max(0, i))));
        else if (event.key === "Enter" || event.key === " ") this.choose({ asks: this.shownMap.of[r] });
        else return;
        event.preventDefault();
      };
    }

    cell(r, c) { // the one that is pointed at
      const { left, top, S } = this.geometry, mark = this.mapBox.querySelector(".live-cell"), { names, weights } = this.shownMap;
      this.at = [r, c];
      for (const [name, value] of Object.entries({ x: left + c * S, y: top + r * S, visibility: "visible" })) mark.setAttribute(name, value);
      this.cellSays.textContent = fill(this.words.cell, { asks: names[r], asked: names[c], weight: weights(r, c).toFixed(2) });
    }

    // ------------------------------------------------------------ who asks

    tokenParts() {
      this.tokenBox = this.make("fieldset", { className: "live-tokens" });
      this.said = this.make("p", { className: "live-said" });
      this.said.setAttribute("aria-live", "polite");
    }

    drawTokens() { // the sentence as buttons, each as dark as the weight that it gets from the one that asks
      const map = this.shownMap, r = map.of.indexOf(this.state.asks), focused = this.tokenBox.contains(document.activeElement);
      this.tokenBox.replaceChildren();
      this.make("legend", { textContent: this.words.asks }, this.tokenBox);
      map.names.forEach((name, i) => {
        const label = this.make("label", {}, this.tokenBox);
        const input = this.make("input", { type: "radio", name: `asks-${this.field.data.model}`, checked: i === r }, label);
        input.onchange = () => this.choose({ asks: map.of[i] });
        this.make("span", { textContent: name }, label).style.setProperty("--weight-given", r < 0 ? 0 : map.weights(r, i).toFixed(3));
      });
      if (focused) this.tokenBox.querySelector("input:checked")?.focus();
    }

    draw() {
      const map = this.map();
      if (!map.of.includes(this.state.asks)) this.state.asks = map.of[map.of.length - 1] ?? null;
      this.at = null;
      this.cellSays.textContent = this.words.point;
      this.drawMap();
      this.drawTokens();
      this.say();
    }

    choose(state) {
      Object.assign(this.state, state);
      this.draw();
    }

    slider(text, most, change, value = 0, words = String) {
      const label = this.make("label", {}, this.controls);
      this.make("span", { textContent: text, className: "explore-name" }, label);
      const input = this.make("input", { type: "range", min: 0, max: most, step: 1, value, autocomplete: "off" }, label);
      const output = this.make("output", {}, label);
      output.setAttribute("aria-live", "off");
      const show = () => input.setAttribute("aria-valuetext", (output.textContent = words(Number(input.value))));
      input.oninput = () => (show(), change(Number(input.value)));
      show();
      return { input, show };
    }
  }

  // ---------------------------------------------------------------- a text, and all heads of a Transformer

  class TextView extends View {
    needed() {
      return ["words", ...Object.keys(this.program.files)];
    }

    async begin() {
      const { field, words, program, box } = this;
      this.own = (await field.ask("split", program.before)).tokens.length - 1; // before it stand the model's own tokens
      const difference = await this.checkedOrBroken();
      this.controls = this.make("div", { className: "explore-controls" });
      const change = () => this.choose({ layer: +this.layer.input.value, head: +this.head.input.value });
      this.layer = this.slider(words.layer, program.layers - 1, change);
      this.head = this.slider(words.head, program.heads - 1, change);
      this.make("p", { className: "live-caption", textContent: fill(words.heads, { count: program.layers * program.heads }) });
      this.headsBox = this.make("canvas", { className: "live-heads" });
      this.headsBox.ariaHidden = "true"; // the sliders above choose the same
      this.headsSay = this.make("p", { className: "live-cell-says" });
      const at = (event) => {
        const r = this.headsBox.getBoundingClientRect(), most = (x, n) => Math.min(n - 1, Math.max(0, Math.floor(x * n)));
        return { layer: most((event.clientY - r.top) / r.height, program.layers), head: most((event.clientX - r.left) / r.width, program.heads) };
      };
      this.headsBox.onpointermove = (event) => (this.headsSay.textContent = fill(words.one_head, at(event)));
      this.headsBox.onclick = (event) => this.choose(at(event));
      const which = this.make("fieldset", { className: "live-which" });
      this.make("legend", { textContent: words.shown }, which);
      for (const [alone, text] of [[false, words.all], [true, words.alone]]) {
        const label = this.make("label", {}, which);
        this.make("input", { type: "radio", name: "live-which", checked: alone === this.state.alone, onchange: () => this.choose({ alone }) }, label);
        label.append(text);
      }
      this.tokenParts();
      this.mapParts();
      this.make("p", { className: "live-caption", textContent: words.questions });
      this.summary = this.make("ul");
      this.foot = this.make("p", { className: "live-note" });
      this.foot.textContent = fill(words.exact, { difference: Number(this.program.difference).toExponential(0), here: difference.toExponential(0) });
      this.links = this.make("p", { className: "live-line" });
      this.linkHere = this.make("a", { textContent: words.link }, this.links);
      if (globalThis.caches && !FROM_FILE) {
        const all = this.make("button", { type: "button" }, this.links);
        all.textContent = fill(words.everything, { megabytes: Math.round(program.bytes.table / 1e6) });
        all.onclick = () => this.everything(all);
      }
      this.steps();
      let wait;
      field.input.oninput = () => (clearTimeout(wait), (wait = setTimeout(() => this.again(), PAUSE)));
      const link = field.link;
      if (link?.has("head")) [this.state.layer, this.state.head] = link.get("head").split(".").map(Number);
      else [this.state.layer, this.state.head] = Object.values(field.data.heads)[0] ?? [0, 0];
      if (!this.layerIs(this.state)) Object.assign(this.state, { layer: 0, head: 0 });
      this.linked = link?.has("asks") ? Number(link.get("asks")) : null;
      box.hidden = false;
      await this.again();
      this.offline();
    }

    name(i) {
      const token = shown(this.result.tokens[i]);
      return glossed(token, this.field.data.glosses[token]);
    }

    layerIs({ layer, head }) {
      return layer >= 0 && layer < this.program.layers && head >= 0 && head < this.program.heads;
    }

    async checkedOrBroken() {
      const { ids } = this.program.example;
      await this.chunks(ids);
      return this.checked();
    }

    async chunks(ids) {
      const { ask, files } = this.field;
      await each(await ask("missing", ids), async (c) => ask("add", `table/${c}`, await files.get(`table/${c}`)));
    }

    // The text as it is now. One run at a time: what is typed meanwhile is taken up when it ends.
    async again(pause) {
      if (this.busy) return void (this.onceMore = true);
      this.busy = true;
      const { field, words, program } = this, text = field.input.value;
      try {
        const { tokens, ids } = await field.ask("split", program.before + text);
        if (tokens.length > program.longest) {
          field.status.textContent = fill(words.too_long, { count: tokens.length, longest: program.longest, own: this.own + 1 });
        } else {
          await this.chunks(ids);
          const began = performance.now(), [weights] = await this.run(ids, pause);
          const changed = text !== this.result?.text;
          this.result = { text, tokens, weights: weights.data, own: [this.own, tokens.length - 1] };
          if (changed) this.state.asks = this.linked ?? this.sharpest();
          this.linked = null;
          this.draw();
          this.sum();
          field.status.textContent = fill(words.took, { count: tokens.length, milliseconds: Math.round(performance.now() - began) });
        }
      } catch (error) {
        console.warn(error);
        field.status.textContent = words.broken;
      }
      this.busy = false;
      field.dispatchEvent(new Event("answered"));
      if (this.onceMore) (this.onceMore = false), await this.again();
    }

    draw() {
      const { layer, head } = this.state;
      if (this.result.own[0] === this.result.own[1]) this.state.alone = false; // nothing was said
      this.layer.input.value = layer;
      this.head.input.value = head;
      this.layer.show();
      this.head.show();
      this.box.querySelectorAll("[name=live-which]").forEach((input, i) => (input.checked = Boolean(i) === this.state.alone));
      super.draw();
      this.drawHeads();
      const link = new URLSearchParams({ say: this.result.text, head: `${layer}.${head}`, asks: this.state.asks });
      this.linkHere.href = `#${link}`;
    }

    drawHeads() { // a small map for every head, all tokens in it
      const { layers, heads } = this.program, { weights, tokens } = this.result, n = tokens.length;
      const S = 26, canvas = this.headsBox, sharp = Math.min(2, devicePixelRatio || 1), context = canvas.getContext("2d");
      canvas.width = heads * S * sharp;
      canvas.height = layers * S * sharp;
      const [red, green, blue] = colour(this.box, "--weight");
      const one = Object.assign(document.createElement("canvas"), { width: n, height: n }), pen = one.getContext("2d");
      for (let h = 0; h < layers * heads; h++) {
        const image = pen.createImageData(n, n);
        for (let i = 0; i < n * n; i++) image.data.set([red, green, blue, 255 * weights[h * n * n + i]], 4 * i);
        pen.putImageData(image, 0, 0);
        context.drawImage(one, ((h % heads) * S + 1) * sharp, (Math.floor(h / heads) * S + 1) * sharp, (S - 2) * sharp, (S - 2) * sharp);
      }
      context.lineWidth = sharp;
      context.strokeStyle = `rgb(${colour(this.box, "--context")} / 35%)`.replaceAll(",", " ");
      for (let h = 0; h < layers * heads; h++)
        context.strokeRect(((h % heads) * S + 0.5) * sharp, (Math.floor(h / heads) * S + 0.5) * sharp, (S - 1) * sharp, (S - 1) * sharp);
      context.lineWidth = 2.5 * sharp;
      context.strokeStyle = `rgb(${colour(this.box, "--query")})`;
      context.strokeRect((this.state.head * S + 1) * sharp, (this.state.layer * S + 1) * sharp, (S - 2) * sharp, (S - 2) * sharp);
      this.headsSay.textContent = fill(this.words.one_head, this.state);
    }

    say() {
      const { words, state, shownMap: map } = this, r = map.of.indexOf(state.asks);
      if (r < 0) return void (this.said.textContent = "");
      const most = this.row(map, r).slice(0, 3).map(([weight, c]) => fill(words.looks_at, { asked: map.names[c], weight: weight.toFixed(2) }));
      const { tokens, weights, own } = this.result, n = tokens.length, from = ((state.layer * this.program.heads + state.head) * n + state.asks) * n;
      let parked = 0;
      for (let i = 0; i < n; i++) if (i < own[0] || i >= own[1]) parked += weights[from + i];
      this.said.textContent = fill(state.alone ? words.said_alone : words.said, {
        layer: state.layer, head: state.head, asks: map.names[r], most: most.join(", "), parked: percent(parked),
      });
    }

    strongest(h) { // [weight, row, column] of a head's largest weight among the reader's tokens
      const { tokens, weights, own } = this.result, n = tokens.length;
      let most = [-1, n - 1, n - 1];
      for (let r = own[0]; r < own[1]; r++)
        for (let c = own[0]; c < own[1]; c++)
          if (weights[(h * n + r) * n + c] > most[0]) most = [weights[(h * n + r) * n + c], r, c];
      return most;
    }

    sharpest() {
      return this.strongest(this.state.layer * this.program.heads + this.state.head)[1];
    }

    // The chapter's questions, asked of this sentence.
    sum() {
      const { words, program, result } = this, { tokens, weights, own } = result, n = tokens.length, heads = program.layers * program.heads;
      this.summary.replaceChildren();
      if (own[0] === own[1]) return;
      const at = (h, r, c) => weights[(h * n + r) * n + c], asks = own[1] - own[0];
      let parked = 0;
      const next = [];
      for (let h = 0; h < heads; h++) {
        let ahead = 0;
        for (let r = own[0]; r < own[1]; r++) {
          for (let c = 0; c < n; c++) if (c < own[0] || c >= own[1]) parked += at(h, r, c) / asks / heads;
          if (r + 1 < own[1]) ahead += at(h, r, r + 1) / (asks - 1);
        }
        if (ahead > 0.5) next.push([ahead, h]);
      }
      next.sort((a, b) => b[0] - a[0]);
      this.item(fill(words.parked, { share: percent(parked) }));
      this.item(fill(words.next, { count: next.length, of: heads }), next.slice(0, 6).map(([, h]) => [Math.floor(h / program.heads), h % program.heads]));
      for (const [why, [layer, head]] of Object.entries(this.field.data.heads)) {
        const [weight, r, c] = this.strongest(layer * program.heads + head);
        this.item(fill(words.picked, { why, asks: this.name(r), asked: this.name(c), weight: weight.toFixed(2) }), [[layer, head]]);
      }
    }

    item(text, heads = []) {
      const item = this.make("li", { textContent: `${text} ` }, this.summary);
      for (const [layer, head] of heads) {
        const button = this.make("button", { type: "button", textContent: fill(this.words.one_head, { layer, head }) }, item);
        button.onclick = () => this.choose({ layer, head });
        item.append(" ");
      }
    }

    async everything(button) {
      const { field, words, program } = this, { rows, chunk } = program.table, names = Array.from({ length: Math.ceil(rows / chunk) }, (_, i) => `table/${i}`);
      button.disabled = true;
      Object.assign(field.progress, { hidden: false, max: names.length, value: 0 });
      try {
        await each(names, async (name) => (await field.files.get(name, true), field.progress.value++));
        button.hidden = true;
        field.status.textContent = words.has_everything;
      } catch (error) {
        console.warn(error);
        button.disabled = false;
        field.status.textContent = words.broken;
      }
      field.progress.hidden = true;
    }

    // This page itself, for a visit without a network: kept, and handed out by a script that asks the network first.
    async offline() {
      if (FROM_FILE || !navigator.serviceWorker || !globalThis.caches) return;
      const page = location.href.split("#")[0];
      const parts = performance.getEntriesByType("resource").map((entry) => entry.name).filter((url) => url.startsWith(SITE.href) && !url.startsWith(this.field.files.folder));
      try {
        const store = await caches.open(`${this.field.files.name} program`);
        await store.addAll([...new Set([page, `${HERE}walk.js`, ...parts])]);
        await navigator.serviceWorker.register(new URL("offline.js", SITE));
      } catch (error) {
        console.warn(error); // a private window may refuse; all else works
      }
    }
  }

  // ---------------------------------------------------------------- a sentence of a toy's own words

  class ComposedView extends View {
    constructor(field) {
      super(field);
      const { parts, sentences, steps } = field.data;
      this.glosses = Object.values(parts).flatMap((part) => Object.entries(part));
      this.sentence = 0;
      Object.assign(this.state, { alone: false, step: steps.at(-1), asks: sentences[0].length - 2 });
    }

    needed() {
      return [`step/${this.state.step}`];
    }

    async begin() {
      const { field, words, box, state } = this, { parts, sentences, steps } = field.data;
      const list = this.make("div", { className: "live-words" });
      this.selects = sentences[0].map((_, i) => {
        const select = this.make("select", { ariaLabel: fill(words.word, { number: i + 1 }), onchange: () => this.again() }, list);
        let id = 0;
        for (const [part, entries] of Object.entries(parts)) {
          const group = this.make("optgroup", { label: part }, select);
          for (const [word, gloss] of Object.entries(entries))
            this.make("option", { value: id++, textContent: glossed(word, gloss) }, group);
        }
        return select;
      });
      const another = this.make("button", { type: "button", textContent: words.sample }, this.make("p"));
      another.onclick = () => (this.set(sentences[++this.sentence % sentences.length]), this.again());
      this.controls = this.make("div", { className: "explore-controls" });
      const change = (i) => ((state.step = steps[i]), this.again());
      this.slider(words.step, steps.length - 1, change, steps.indexOf(state.step), (i) => String(steps[i]));
      this.tokenParts();
      this.mapParts();
      const answers = this.make("details");
      this.make("summary", { textContent: words.answers }, answers);
      this.answers = this.make("ol", {}, answers);
      const difference = Number(this.program.difference).toExponential(0);
      this.make("p", { className: "live-note", textContent: fill(words.exact, { difference }) });
      this.steps();
      this.set(sentences[0]);
      box.hidden = false;
      await this.again();
    }

    set(sentence) {
      sentence.forEach((id, i) => (this.selects[i].value = id));
    }

    name(i) {
      return glossed(...this.glosses[this.result.ids[i]]);
    }

    async again(pause) {
      if (this.busy) return void (this.onceMore = true);
      this.busy = true;
      const { field, state } = this, ids = this.selects.map((select) => Number(select.value));
      try {
        await this.load(); // the numbers of a step are fetched when it is chosen
        field.progress.hidden = true;
        await field.ask("use", `step/${state.step}`);
        const [weights, chances] = await this.run(ids, pause);
        this.result = { ids, step: state.step, tokens: ids.map((id) => this.glosses[id][0]), weights: weights.data, own: [0, ids.length], chances };
        this.draw();
        this.answer();
      } catch (error) {
        console.warn(error);
        field.status.textContent = this.words.broken;
      }
      this.busy = false;
      field.dispatchEvent(new Event("answered"));
      if (this.onceMore) (this.onceMore = false), await this.again();
    }

    best(i) { // the likeliest answer of a token, and its chance
      const { shape, data } = this.result.chances, row = data.subarray(i * shape[1], (i + 1) * shape[1]);
      const most = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
      return { answer: this.field.data.answers[most], chance: row[most].toFixed(2) };
    }

    say() {
      const { words, state, shownMap: map, result } = this, r = state.asks;
      const most = this.row(map, r).slice(0, 3).map(([weight, c]) => fill(words.looks_at, { asked: this.name(c), weight: weight.toFixed(2) }));
      this.said.textContent = fill(words.said, { step: result.step, asks: this.name(r), most: most.join(", "), ...this.best(r) });
    }

    answer() {
      this.answers.replaceChildren();
      this.result.ids.forEach((_, i) => {
        const { answer, chance } = this.best(i);
        this.make("li", { textContent: `${this.name(i)} → ${answer} (${chance})` }, this.answers);
      });
    }
  }

  function colour(element, name) { // "#8a5a00" -> [138, 90, 0]
    const hex = getComputedStyle(element).getPropertyValue(name).trim();
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }
}
