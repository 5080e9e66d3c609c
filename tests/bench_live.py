"""A sentence of one's own in the page: bytes, seconds and memory, on this machine and on a phone."""

import re
import statistics
from pathlib import Path

from bench_onnx import runtime_version, theirs
from bench_report import ROOT, at_most, quotient, table
from browser import browser
from server import folder_files, weighing

CHAPTER = "/chapters/real-model.html"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True, "has_touch": True}
NETWORK = {"offline": False, "latency": 50, "downloadThroughput": 10e6 / 8, "uploadThroughput": 2e6 / 8}
SLOWER = 6  # times
TWENTY = "We talked about the weather, and then about nothing at all."
OTHERS = (
    "Моя сестра живёт в маленьком доме у моря.",
    "Il gatto dorme sul tetto della vecchia casa.",
    "明日は朝から雨が降るそうです。",
)
# How long the worker is at work: the emulation slows down the page, and not its workers.
WATCH = """{
  window.worked = 0;
  const Own = Worker;
  window.Worker = class extends Own {
    waiting = new Set();
    postMessage(message, ...rest) {
      if (!this.waiting.size) this.begin = performance.now();
      this.waiting.add(message.id);
      if (!this.listens) this.addEventListener('message', ({data}) => {
        if (this.waiting.delete(data.id) && !this.waiting.size) window.worked += performance.now() - this.begin;
      });
      this.listens = true;
      super.postMessage(message, ...rest);
    }
  };
}"""
LISTEN = "field => { field.done = new Promise(done => field.addEventListener('answered', done, {once: true})) }"


def live():
    """First picture, a sentence, bytes and memory."""
    files = folder_files(ROOT / "_build/html")
    with browser() as chromium, weighing(files) as (address, answered):
        here = [visit(chromium, address, answered) for _ in range(3)]
        phone = visit(chromium, address, answered, phone=True)
        runtime = theirs(chromium, *example())
    first, sentence, memory = (statistics.median(each[key] for each in here) for key in ("first", "sentence", "memory"))
    text = (
        f"The field of {CHAPTER[1:]}: from the press of its button to the first map (22 tokens), then sentences of "
        f"{phone['tokens']} tokens (median of 10), and what three sentences in other languages load. The phone is "
        f"emulated: {NETWORK['downloadThroughput'] * 8 / 1e6:g} Mbit/s, {NETWORK['latency']} ms before each answer, a "
        f"processor {SLOWER} times slower; its worker, which the emulation leaves at full speed, is counted {SLOWER} "
        "times. Memory is what the tab's process takes more than before the button.\n\n"
    )
    text += table(
        ["", "measured", "goal"],
        ["loaded for the first map (bytes)", f"{sum(here[0]['loaded'].values()):,}", ""],
        ["loaded for a sentence more (bytes)", f"{statistics.mean(phone['chunks']):,.0f}", ""],
        ["**first map, here (s)**", f"{first:.1f}", at_most(first, 1.5, " s")],
        ["**first map, phone (s)**", f"{phone['first']:.1f}", at_most(phone["first"], 12, " s")],
        ["a sentence, here (ms)", f"{sentence:.0f}", at_most(sentence, 250, " ms")],
        ["a sentence, phone (ms)", f"{phone['sentence'] * SLOWER:.0f}", ""],
        ["memory (MB)", f"{memory:.0f}", at_most(memory, 150, " MB")],
    )
    script = {name: size for name, size in here[0]["loaded"].items() if re.search(r"walk|program|begin|layers", name)}
    size = {"ours": sum(script.values()), "stock": runtime[0]}
    pace = {"ours": sentence, "stock": runtime[2]}
    text += (
        f"\n\nBeside ONNX Runtime Web {runtime_version()}, with the same steps and the same four bits, without the "
        f"tokenizer and the table, on one thread; its weights differ from torch's by {runtime[3]:.0e} at most. It "
        "needs wasm, which `default-src 'self'` forbids and a page opened as a file cannot load.\n\n"
    )
    text += table(
        ["", "ours", "ONNX Runtime Web", "ours / theirs"],
        ["what runs the model, and the model (bytes)", f"{size['ours']:,}", f"{size['stock']:,}", quotient(size)],
        [f"a sentence of {phone['tokens']} tokens (ms)", f"{sentence:.0f}", f"{runtime[2]:.0f}", quotient(pace)],
    )
    return "A sentence of one's own, in the page", ["torch", "playwright", "onnx", "onnxruntime-web"], text


def example():
    """(rows of the table, torch's weights) of the sentence that is timed."""
    import torch

    from nano_e5 import load_e5

    torch.set_num_threads(1)
    e5 = load_e5()
    return e5.embed(e5.split(f"query: {TWENTY}")[1]).numpy(), e5(f"query: {TWENTY}").attn_weights.numpy()


def visit(chromium, address, answered, phone=False):
    context = chromium.new_context(**(PHONE if phone else {}))
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address + CHAPTER, wait_until="networkidle")
    field = page.locator("live-field")
    tools = context.new_cdp_session(page)
    if phone:
        tools.send("Network.enable")
        tools.send("Network.emulateNetworkConditions", NETWORK)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    answered.clear()
    before = memory(chromium)
    begin = page.evaluate("performance.now()")
    field.locator(".live-load").click()
    field.locator(".live-said:not(:empty)").wait_for(timeout=120_000)
    first = (
        page.evaluate("performance.now()") - begin + page.evaluate("window.worked") * (phone and SLOWER - 1)
    ) / 1000
    loaded = dict(answered)
    times, chunks = [], []
    for text in [*OTHERS, *[TWENTY, f"{TWENTY} "] * 5]:
        answered.clear()
        worked = page.evaluate("window.worked")
        field.evaluate(LISTEN)
        field.locator("input[type=text]").fill(text)
        field.evaluate("field => field.done")
        times.append(page.evaluate("window.worked") - worked)
        chunks.append(sum(size for name, size in answered if "/table/" in name))
    tokens = int(re.match(r"\d+", field.locator("[role=status]").inner_text())[0])
    result = {"first": first, "loaded": loaded, "sentence": statistics.median(times[3:]), "chunks": chunks[:3]}
    result |= {"memory": memory(chromium) - before, "tokens": tokens}
    context.close()
    return result


def memory(chromium):
    """MB that the largest process of a tab keeps for itself."""
    tools = chromium.new_browser_cdp_session()
    processes = tools.send("SystemInfo.getProcessInfo")["processInfo"]
    tools.detach()
    private = [
        re.findall(r"Private_\w+: +(\d+)", Path(f"/proc/{p['id']}/smaps_rollup").read_text())
        for p in processes
        if p["type"] == "renderer"
    ]
    return max(sum(map(int, each)) for each in private) / 1000


if __name__ == "__main__":
    print(*live(), sep="\n")
