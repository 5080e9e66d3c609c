// A field for a sentence of one's own (code/live/): what stands in the page before anything of it is loaded.
"use strict";

{
  const HERE = new URL(".", document.currentScript.src).href;

  class LiveField extends HTMLElement {
    connectedCallback() {
      const data = this.querySelector(":scope > script");
      if (this.data || !data) return;
      this.data = { ...JSON.parse(data.textContent), ...this.dataset };
      this.replaceChildren(data);
      const { kind, words, sentences, megabytes } = this.data;
      const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);

      if (kind === "text") {
        const label = this.make("label", { textContent: words.label, className: "live-text" });
        this.input = this.make("input", { type: "text", maxLength: 400, value: sentences[0], autocomplete: "off" }, label);
        const samples = this.make("p", { className: "live-samples" });
        for (const sentence of sentences)
          this.make("button", { type: "button", textContent: sentence, onclick: () => this.say(sentence) }, samples);
      }
      const line = this.make("p", { className: "live-line" });
      this.button = this.make("button", { type: "button", className: "live-load" }, line);
      this.button.textContent = fill(words.load, { megabytes });
      this.progress = this.make("progress", { hidden: true, ariaLabel: words.progress }, line);
      this.status = this.make("span", { role: "status" }, line);
      this.status.setAttribute("role", "status");
      this.make("p", { className: "live-note", textContent: fill(words.note, this.data) });
      this.button.onclick = () => this.load();
      this.follow();
      addEventListener("hashchange", () => this.follow());
    }

    make(tag, properties = {}, parent = this) {
      return parent.appendChild(Object.assign(document.createElement(tag), properties));
    }

    say(sentence) {
      this.input.value = sentence;
      this.input.dispatchEvent(new Event("input"));
    }

    follow() { // a link that somebody sent: the sentence is filled in, and nothing is loaded by itself
      const link = new URLSearchParams(location.hash.slice(1));
      if (this.data.kind !== "text" || !link.has("say")) return;
      this.link = link;
      this.say(link.get("say"));
      const there = () => this.scrollIntoView({ behavior: "instant" });
      there();
      addEventListener("load", there, { once: true }); // what stands above may have grown
    }

    async load() {
      this.button.disabled = true;
      if (!window.liveBegin)
        await new Promise((done, failed) => {
          const script = Object.assign(document.createElement("script"), { src: `${HERE}field.js`, onload: done });
          script.onerror = () => (script.remove(), failed());
          document.head.append(script);
        }).catch(() => (this.status.textContent = this.data.words.broken));
      if (window.liveBegin) await window.liveBegin(this);
      else this.button.disabled = false;
    }
  }

  const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${HERE}field.css` });
  document.head.append(style);
  customElements.define("live-field", LiveField);
}
