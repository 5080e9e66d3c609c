/* The hand in a figure: controls, play, what is under the finger, and what can be taken hold of.

   One <explore-figure>, one figure. Its frames were drawn when the book was built (code/explore/static.py), or are asked
   of a kernel (code/explore/widget.py); this script only chooses among them and knows no mathematics. */

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
    document.addEventListener("DOMContentLoaded", () => this.start());
  }

  start() {
    const data = this.querySelector(":scope > script");
    if (data && !this.begun) this.begin(storedFrames(JSON.parse(data.textContent), this));
  }

  /* frame(places, show): find the frame of these places of the controls, and call show with it. */
  begin(frame) {
    this.begun = true;
    this.frame = frame;
    this.controls = [...this.querySelectorAll(".explore-choice")].map((element) => control(element, () => this.move()));
    this.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
    this.stage = this.querySelector(".explore-stage");
    this.drawing = this.querySelector(".explore-drawing");
    this.caption = this.querySelector("figcaption");
    this.over = this.stage.appendChild(make("div", "explore-over"));
    this.tip = make("div", "explore-tip");
    this.tip.setAttribute("role", "tooltip");
    this.tip.id = `tip-${[...document.querySelectorAll("explore-figure")].indexOf(this)}`;
    this.pointed = null; // [which group of marks, which cell or point of it]
    this.handles = [];
    frame(this.places, (shown) => this.mark(shown));
    this.point();
    for (const button of this.querySelectorAll(".explore-play")) play(this, button);
    new ResizeObserver(() => this.keepRoom()).observe(this.caption);
    // Or JupyterLab takes the arrow keys for itself.
    for (const one of this.querySelectorAll("input, select, button, [tabindex]")) one.dataset.lmSuppressShortcuts = "";
    this.dataset.ready = "";
  }

  get places() {
    return this.controls.map((control) => control.place);
  }

  set places(places) {
    this.controls.forEach((control, i) => (control.place = places[i]));
    this.move();
  }

  move() {
    this.controls.forEach((control) => control.say());
    this.frame(this.places, (shown) => this.show(shown));
  }

  show({ svg, sentence, marks, error }) {
    this.drawing.innerHTML = error ? `<pre>${error}</pre>` : svg;
    this.caption.innerHTML = error ? "" : withSubscripts(sentence);
    this.mark({ marks: error ? [] : marks });
  }

  /* A caption that grows and shrinks would move what stands below it: room for the longest is kept. */
  keepRoom() {
    const width = this.caption.clientWidth;
    if (width === this.width || !this.sentences) return;
    this.width = width;
    const now = this.caption.innerHTML;
    this.caption.style.minHeight = "";
    this.caption.innerHTML = withSubscripts(this.sentences.reduce((a, b) => (b.length > a.length ? b : a), ""));
    this.caption.style.minHeight = `${this.caption.offsetHeight}px`;
    this.caption.innerHTML = now;
  }

  // ------------------------------------------------------------ what is under the finger

  mark({ marks }) {
    this.groups = marks.filter(([fixed]) => !fixed.handle).map(([fixed, now]) => ({ ...fixed, now }));
    const handles = marks.filter(([fixed]) => fixed.handle);
    while (this.handles.length > handles.length) this.handles.pop().remove();
    handles.forEach(([{ handle }, at], i) => {
      this.handles[i] ??= this.over.appendChild(takeHold(this));
      this.handles[i].place(handle, at);
    });
    if (this.groups.length) this.stage.setAttribute("tabindex", 0);
    if (this.pointed) this.name(...this.pointed);
  }

  point() {
    const { stage } = this;
    const cell = (event) => this.find(event.clientX, event.clientY);
    stage.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse" || event.target.closest(".explore-handle")) return;
      const found = cell(event);
      stage.style.cursor = found && this.pick(...found) ? "pointer" : "";
      found && !found[2] ? this.name(...found) : this.hide();
    });
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.hide());
    stage.addEventListener("click", (event) => {
      if (event.target.closest(".explore-handle")) return;
      const found = cell(event);
      if (!found) return this.hide();
      const picked = this.pick(...found);
      if (picked) this.places = picked;
      this.name(...found);
    });
    stage.addEventListener("focus", () => stage.matches(":focus-visible") && !this.pointed && this.name(0, 0));
    stage.addEventListener("blur", () => this.hide());
    stage.addEventListener("keydown", (event) => {
      if (event.target !== stage || !this.groups.length) return;
      const next = this.pointed ? this.next(event.key) : [0, 0];
      if (event.key === "Escape") this.hide();
      else if (["Enter", " "].includes(event.key) && this.pointed && this.pick(...this.pointed)) {
        event.preventDefault();
        this.places = this.pick(...this.pointed);
      } else if (next && event.key.startsWith("Arrow")) {
        event.preventDefault();
        this.name(...next);
      }
    });
    document.addEventListener("pointerdown", (event) => this.contains(event.target) || this.hide());
  }

  get scale() {
    return this.drawing.firstElementChild.viewBox.baseVal.width / this.stage.clientWidth;
  }

  /* What stands at a place of the window: [group, cell or point, whether only a name beside its row was hit]. */
  find(clientX, clientY) {
    if (!this.drawing.firstElementChild?.viewBox) return null;
    const box = this.stage.getBoundingClientRect();
    const x = (clientX - box.left) * this.scale, y = (clientY - box.top) * this.scale;
    let best, least = 24 * this.scale;
    for (const [g, group] of this.groups.entries()) {
      if (group.grid) {
        const [left, top, right, bottom] = group.grid;
        if (x < left || x >= right || y < top || y >= bottom) continue;
        const row = Math.floor(((y - top) / (bottom - top)) * group.rows.length);
        const column = Math.floor(((x - left) / (right - left)) * group.columns.length);
        return [g, row * group.columns.length + column];
      }
      group.now.forEach(([px, py], i) => {
        const distance = Math.hypot(px - x, py - y);
        if (distance < least) (best = [g, i]), (least = distance);
      });
    }
    if (best) return best;
    for (const [g, { grid, rows, columns, picks }] of this.groups.entries()) {
      if (!grid || !picks?.[0] || x >= grid[0] || y < grid[1] || y >= grid[3]) continue;
      return [g, Math.floor(((y - grid[1]) / (grid[3] - grid[1])) * rows.length) * columns.length, true];
    }
    return null;
  }

  /* The neighbour in an arrow's direction; beyond an edge, the next group. */
  next(key) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
    if (!step) return null;
    const [g, i] = this.pointed, group = this.groups[g];
    const columns = group.grid ? group.columns.length : 1, rows = group.now.length / columns;
    const row = Math.floor(i / columns) + step[0], column = (i % columns) + step[1];
    if (!group.grid && step[1]) return this.next(step[1] > 0 ? "ArrowDown" : "ArrowUp");
    if (row >= 0 && row < rows && column >= 0 && column < columns) return [g, row * columns + column];
    const ahead = step[0] + step[1], other = this.groups[g + ahead];
    if (!other) return [g, i];
    const wide = other.grid ? other.columns.length : 1, high = other.now.length / wide;
    if (step[1] && group.grid && other.grid) return [g + ahead, Math.min(row, high - 1) * wide + (ahead > 0 ? 0 : wide - 1)];
    return [g + ahead, ahead > 0 ? 0 : other.now.length - 1];
  }

  /* The places of all controls after a click there, or nothing. */
  pick(g, i) {
    const { grid, columns, picks } = this.groups[g];
    if (!picks) return null;
    const places = this.places, at = grid ? [Math.floor(i / columns.length), i % columns.length] : [i];
    picks.forEach((pick, axis) => {
      if (pick && pick[1][at[axis]] >= 0) places[pick[0]] = pick[1][at[axis]];
    });
    return places.some((place, k) => place !== this.places[k]) && places;
  }

  name(g, i) {
    const group = this.groups[g], { grid, rows, columns, now } = group;
    if (!group || i >= now.length) return this.hide();
    this.pointed = [g, i];
    const names = [], per = 100 / this.scale; // of the width of the stage, in units of the drawing
    if (group.title && this.groups.length > 1) names.push(group.title);
    let value, box;
    if (grid) {
      const row = Math.floor(i / columns.length), column = i % columns.length;
      const [left, top, right, bottom] = grid, wide = (right - left) / columns.length, high = (bottom - top) / rows.length;
      names.push(rows[row], ...(columns.length > 1 ? [columns[column]] : []));
      value = typeof now[i] === "number" ? (now[i] / 10 ** group.decimals).toFixed(group.decimals).replace("-", "−") : now[i];
      box = [left + column * wide, top + row * high, wide, high];
      const bands = [[left, box[1], right - left, high, "row"], [box[0], top, wide, bottom - top, "row"]];
      this.ring([...(columns.length > 1 ? bands : []), box]);
    } else {
      const [x, y] = now[i];
      names.push(group.names[i]);
      value = now[i][2];
      box = [x - 6, y - 6, 12, 12];
      this.ring([[...box, "round"]]);
    }
    const words = withSubscripts(names.filter(Boolean).join(" · "));
    this.tip.innerHTML = value === "" ? words : `${words}: <b>${withSubscripts(value)}</b>`;
    if (!this.tip.isConnected) {
      this.over.append(this.tip);
      this.stage.setAttribute("aria-describedby", this.tip.id);
    }
    // Above what it names, or below where there is no room; never beyond the edge of the window.
    const scale = this.scale, stage = this.stage.getBoundingClientRect();
    const tip = this.tip.getBoundingClientRect(), [x, y, wide, high] = box.map((one) => one / scale);
    const inner = document.documentElement.clientWidth;
    const at = Math.max(4, Math.min(stage.left + x + wide / 2 - tip.width / 2, inner - tip.width - 4)) - stage.left;
    const above = y - tip.height - 8;
    this.tip.style.left = `${at}px`;
    this.tip.style.top = `${stage.top + above > 0 ? above : y + high + 8}px`;
  }

  ring(boxes) {
    const { width, height } = this.drawing.firstElementChild.viewBox.baseVal;
    this.over.querySelectorAll(".explore-ring").forEach((ring) => ring.remove());
    for (const [x, y, wide, high, kind = ""] of boxes) {
      const ring = this.over.appendChild(make("div", `explore-ring ${kind}`));
      const sides = { left: x / width, top: y / height, width: wide / width, height: high / height };
      for (const [side, share] of Object.entries(sides)) ring.style[side] = `${100 * share}%`;
    }
  }

  hide() {
    if (!this.pointed) return;
    this.pointed = null;
    this.ring([]);
    this.tip.remove();
    this.stage.removeAttribute("aria-describedby");
  }
}

function make(tag, className) {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

const LOWERED = /(^|[^A-Za-z])([A-Za-z])_([A-Za-z])(?![A-Za-z])/g; // no lookbehind: older Safaris stop at it

function withSubscripts(words) {
  const safe = String(words).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return safe.replace(LOWERED, "$1$2<sub>$3</sub>");
}

// -------------------------------------------------------------- where frames come from

function storedFrames({ lines, frames, parts = [], marks = [] }, element) {
  const stored = element.querySelector(":scope > template");
  const sentences = stored ? [...stored.content.children].map((p) => p.textContent) : null;
  element.sentences = sentences;
  return (places, show) => {
    const at = places.reduce((sum, place, i) => sum * element.controls[i].size + place, 0);
    show({
      svg: frames[at].map((line) => lines[line]).join("\n"),
      sentence: sentences ? sentences[at] : "",
      marks: (marks[at] ?? []).map((mark) => mark.map((part) => parts[part])),
    });
  };
}

/* With a kernel: one frame is asked for at a time, and when it has come, the one that is wanted then. */
function renderLive(model, el) {
  el.innerHTML = model.get("element");
  const element = el.querySelector("explore-figure");
  const shown = () => model.get("shown");
  let wanted, busy, show;
  const ask = () => {
    if (busy || !wanted) return;
    busy = String(wanted) !== String(shown().at); // a hand that came back would never be answered
    if (busy) model.set("wanted", wanted), model.save_changes();
    wanted = null;
  };
  model.on("change:shown", () => {
    busy = false;
    show?.(shown());
    ask();
  });
  element.begin((places, then) => {
    show = then;
    if (!busy && String(places) === String(shown().at)) return then(shown());
    wanted = places;
    ask();
  });
  element.isBusy = () => busy;
}

// -------------------------------------------------------------- controls

/* A control of any kind: the place of its value in the list, how many there are, and the place said in words. */
function control(element, changed) {
  const radios = [...element.querySelectorAll("[type=radio]")];
  const select = element.querySelector("select");
  const slider = element.querySelector("[type=range]");
  const values = slider && JSON.parse(slider.dataset.values);
  for (const input of [...radios, select, slider].filter(Boolean)) input.addEventListener("input", changed);
  return {
    element,
    size: values?.length ?? (select ? select.options.length : radios.length),
    get place() {
      return select ? select.selectedIndex : slider ? Number(slider.value) : radios.findIndex((radio) => radio.checked);
    },
    set place(place) {
      if (select) select.selectedIndex = place;
      else if (slider) slider.value = place;
      else radios[place].checked = true;
    },
    say() {
      if (!slider) return;
      const words = values[this.place];
      slider.setAttribute("aria-valuetext", words.replace(LOWERED, "$1$2$3"));
      slider.parentElement.querySelector("output").innerHTML = withSubscripts(words);
    },
  };
}

/* Time: forwards at a readable pace, to the end, and again from the start. */
function play(figure, button) {
  const mine = figure.controls.find(({ element }) => element.contains(button));
  const pace = Math.max(120, Math.min(700, 6000 / mine.size));
  let timer = null;
  const end = () => mine.place === mine.size - 1;
  const say = () => {
    const state = timer ? "pause" : end() ? "again" : "play";
    button.dataset.state = state;
    button.setAttribute("aria-label", button.dataset[state]);
    figure.caption.setAttribute("aria-live", timer ? "off" : "polite");
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    say();
  };
  const step = () => {
    if (figure.isBusy?.()) return; // the kernel is still drawing
    mine.place += 1;
    figure.move();
    if (end()) stop();
  };
  const begin = () => {
    if (end()) (mine.place = 0), figure.move();
    timer = setInterval(step, pace);
    say();
  };
  button.addEventListener("click", () => (timer ? stop() : begin()));
  for (const event of ["pointerdown", "keydown", "input"])
    figure.addEventListener(event, (at) => timer && !button.contains(at.target) && stop(), true);
  figure.addEventListener("input", say);
  say();
  if ("once" in button.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
    const seen = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      mine.place = 0;
      figure.move();
      begin();
    }, { threshold: 0.5 });
    seen.observe(figure.stage);
  }
}

// -------------------------------------------------------------- taking hold

/* A button where the mark stands. To drag it chooses, of all places where the mark can stand, the nearest. */
function takeHold(figure) {
  const button = make("button", "explore-handle");
  button.type = "button";
  let mine = [], at = [];
  const { width, height } = figure.drawing.firstElementChild.viewBox.baseVal;
  const sizes = () => mine.map((i) => figure.controls[i].size);
  const now = () => mine.reduce((sum, i, k) => sum * sizes()[k] + figure.controls[i].place, 0);
  const choose = (index) => {
    const places = figure.places;
    if (index === now()) return;
    for (let k = mine.length - 1, rest = index; k >= 0; k--) {
      places[mine[k]] = rest % sizes()[k];
      rest = Math.floor(rest / sizes()[k]);
    }
    figure.places = places;
    figure.dispatchEvent(new Event("input"));
  };
  const nearest = (distance) => {
    let best = now(), least = Infinity;
    at.forEach((place, index) => {
      const one = distance(place);
      if (one < least) (best = index), (least = one);
    });
    return best;
  };
  button.place = (choices, places) => {
    (mine = choices), (at = places);
    const [x, y] = at[now()];
    button.style.left = `${(100 * x) / width}%`;
    button.style.top = `${(100 * y) / height}%`;
    const read = (i, part) => figure.controls[i].element.querySelector(part)?.textContent;
    button.setAttribute("aria-label", mine.map((i) => `${read(i, ".explore-name")} ${read(i, "output") ?? ""}`).join(", "));
  };
  button.addEventListener("pointerdown", (event) => {
    figure.hide();
    event.preventDefault();
    button.focus({ preventScroll: true });
    button.setPointerCapture(event.pointerId);
    button.classList.add("held");
  });
  button.addEventListener("pointermove", (event) => {
    if (!button.hasPointerCapture(event.pointerId)) return;
    const box = figure.stage.getBoundingClientRect();
    const x = (event.clientX - box.left) * figure.scale, y = (event.clientY - box.top) * figure.scale;
    choose(nearest(([px, py]) => (px - x) ** 2 + (py - y) ** 2));
  });
  for (const event of ["pointerup", "pointercancel"]) button.addEventListener(event, () => button.classList.remove("held"));
  button.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!to) return;
    event.preventDefault();
    const [x, y] = at[now()];
    const ahead = ([px, py]) => (px - x) * to[0] + (py - y) * to[1];
    const aside = ([px, py]) => Math.abs((px - x) * to[1] + (py - y) * to[0]);
    choose(nearest((place) => (ahead(place) > 0.5 ? ahead(place) + 3 * aside(place) : Infinity)));
  });
  return button;
}

customElements.get("explore-figure") || customElements.define("explore-figure", ExploreFigure);
