"""A sentence of one's own, in the page: in a real browser, over http and as a file, and with things missing."""

import base64
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import torch
from live_texts import ODD_TEXTS
from server import Folder, serving
from test_accessibility import AXE
from test_live_steps import PUBLISHED, value

from live.composed import Page, sentence_of
from live.says import TEXT
from live.steps import EXACT
from live.text import said_of
from nano_e5 import JUDGED_ON, PICKED_ON, load_e5
from training import OneHead
from words import ARTICLE_TOKENS, GLOSS, NUM_TOKENS, TOKEN_ID, VOCABULARY, WHOLE_WORDS

CHAPTER, TOY = "chapters/real-model.html", "chapters/3-3-1-three-stages.html"
SENTENCES = [text for *_, text in (*PICKED_ON, *JUDGED_ON)]
LISTEN = "field => { field.done = new Promise(done => field.addEventListener('answered', done, {once: true})) }"
pytestmark = pytest.mark.depends(
    "code", "weights", "assets/live", f"_build/html/{CHAPTER}", f"_build/html/{TOY}", "_build/html/live/*/program.js"
)


def load(page, timeout=60_000):
    """Press the button of the page's field, and wait for its first answer."""
    field = page.locator("live-field")
    field.locator(".live-load").click()
    field.locator(".live-said:not(:empty)").wait_for(timeout=timeout)
    return field


def answer(field, act):
    """Do something that the field answers, and wait until it has."""
    field.evaluate(LISTEN)
    act()
    field.evaluate("field => field.done")


def say(field, text):
    """Type it, and wait for the answer; what the field then says."""
    answer(field, lambda: field.locator("input[type=text]").fill(text))
    return field.locator(".live-said").inner_text()


def violations_in_the_field(page):
    page.evaluate("document.querySelectorAll('live-field details').forEach(details => details.open = true)")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("async () => (await axe.run('live-field', {resultTypes: ['violations']})).violations")
    return [f"{rule['id']}: {node['html'][:150]}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.fixture(scope="module")
def base(site):
    if not PUBLISHED.is_dir():
        pytest.fail("The site has no folder live/: was it built without the weights?")
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def loaded(base, chromium):
    """The chapter over http, its field loaded; and what the page asked for before its button was pressed."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.wrong, asked = [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/{CHAPTER}", wait_until="networkidle")
    page.before = list(asked)
    load(page)
    yield page
    context.close()


@pytest.fixture(scope="module")
def e5():
    return load_e5()


# ---------------------------------------------------------------- the same numbers


def test_nothing_is_loaded_before_the_button(loaded):
    live = [url for url in loaded.before if "/live" in url]
    names = {Path(url.partition("?")[0]).name for url in live}
    assert "start.js" in names and names <= {"field.css", "start.js"}, live


RUN = """async (field, text) => {
  const {tokens, ids} = await field.ask('split', field.program.before + text);
  if (tokens.length > field.program.longest) return {tokens, ids};
  await field.view.chunks(ids);
  const [{data}] = await field.ask('run', ids);
  let text_ = '';
  const bytes = new Uint8Array(data.buffer);
  for (let i = 0; i < bytes.length; i += 30000) text_ += String.fromCharCode(...bytes.subarray(i, i + 30000));
  return {tokens, ids, weights: btoa(text_)};
}"""


def test_every_text_has_the_tokens_of_the_book(loaded, e5):
    texts = [*ODD_TEXTS, *SENTENCES]
    split = "(field, texts) => Promise.all(texts.map(text => field.ask('split', text)))"
    found = loaded.locator("live-field").evaluate(split, ["query: " + text for text in texts])
    assert len(texts) >= 240
    for text, ours in zip(texts, found, strict=True):
        tokens, ids = e5.split("query: " + text)
        assert (ours["tokens"], ours["ids"]) == (tokens, ids.tolist()), text


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(SENTENCES[::4], id="some of the chapter's"),
        pytest.param(ODD_TEXTS[::14], id="some odd ones"),
        pytest.param([*SENTENCES, *ODD_TEXTS], id="all", marks=pytest.mark.weekly),
    ],
)
def test_the_weights_are_torchs(texts, loaded, e5):
    field = loaded.locator("live-field")
    for text in texts:
        ours = field.evaluate(RUN, text)
        expected = e5("query: " + text).attn_weights
        weights = torch.frombuffer(bytearray(base64.b64decode(ours["weights"])), dtype=torch.float32)
        assert float((weights.view_as(expected) - expected).abs().max()) <= EXACT, text


def test_sixty_four_tokens_are_the_most(loaded, e5):
    field = loaded.locator("live-field")
    most = " ".join(["a"] * 59)  # and five of the model's own
    assert len(e5.split("query: " + most)[0]) == 64
    expected = e5("query: " + most).attn_weights
    weights = torch.frombuffer(bytearray(base64.b64decode(field.evaluate(RUN, most)["weights"])), dtype=torch.float32)
    assert float((weights.view_as(expected) - expected).abs().max()) <= EXACT
    say(field, "The dog sleeps.")
    before = field.locator(".live-said").inner_text()
    assert say(field, most + " a") == before, "what was said last stays"
    assert "65 tokens" in field.locator("[role=status]").inner_text()


# ---------------------------------------------------------------- the same words


@pytest.mark.parametrize("text", ["My sister says that she is a programmer.", "我姐姐是会计师，在上海工作", "x", ""])
def test_the_page_says_what_jupyter_says(text, loaded, e5):
    field = loaded.locator("live-field")
    data = json.loads(field.locator(":scope > script").text_content())
    say(field, text)
    said = said_of(e5, "query: ", text, data["glosses"])
    for alone in (False, True)[: 1 + bool(text)]:
        field.locator(".live-which input").nth(int(alone)).check()
        state = field.evaluate("field => field.view.state")
        assert state["alone"] == alone
        words = said.sentence(state["layer"], state["head"], state["asks"], alone)
        assert field.locator(".live-said").inner_text() == words
    shown = [
        item.partition(" layer ")[0].strip()
        for item in field.locator(":scope .live-result > ul > li").all_inner_texts()
    ]
    assert shown == said.questions({why: tuple(head) for why, head in data["heads"].items()})


def test_a_head_is_chosen_by_pointer_and_by_keyboard(loaded):
    field = loaded.locator("live-field")
    say(field, "The dog sleeps.")
    box = field.locator(".live-heads").bounding_box()
    field.locator(".live-heads").click(position={"x": box["width"] * 5.5 / 12, "y": box["height"] * 2.5 / 12})
    sliders = field.locator(".explore-controls input")
    assert [slider.get_attribute("aria-valuetext") for slider in sliders.all()] == ["2", "5"]
    assert "Layer 2, head 5" in field.locator(".live-said").inner_text()
    sliders.nth(0).press("ArrowRight")
    sliders.nth(1).press("Home")
    assert "Layer 3, head 0" in field.locator(".live-said").inner_text()


def test_a_token_is_chosen_by_pointer_and_by_keyboard(loaded):
    field = loaded.locator("live-field")
    say(field, "The dog sleeps.")
    field.locator(".live-which input").nth(1).check()
    field.locator(".live-tokens label").nth(1).click()
    assert "“dog” looks at" in field.locator(".live-said").inner_text()
    field.locator(".live-tokens input").nth(1).press("ArrowRight")
    assert "“sleep” looks at" in field.locator(".live-said").inner_text()
    assert field.evaluate("f => f.querySelector('.live-tokens').contains(document.activeElement)")


def test_a_cell_is_read_by_pointer_and_by_keyboard(loaded):
    field = loaded.locator("live-field")
    say(field, "The dog sleeps.")
    field.locator(".live-which input").nth(1).check()
    names = field.locator(".live-tokens span").all_inner_texts()
    geometry = field.evaluate("f => [f.view.geometry, f.querySelector('.live-map svg').viewBox.baseVal.width]")
    (at, width), box = geometry, field.locator(".live-map svg").bounding_box()
    scale = box["width"] / width

    def point(r, c):
        return {"x": (at["left"] + (c + 0.5) * at["S"]) * scale, "y": (at["top"] + (r + 0.5) * at["S"]) * scale}

    weights = field.evaluate("f => [f.view.shownMap.weights(1, 2), f.view.shownMap.weights(2, 2)]")
    field.locator(".live-map svg").hover(position=point(1, 2))
    says = field.locator(".live-cell-says").last
    assert says.inner_text() == TEXT["cell"].format(asks=names[1], asked=names[2], weight=f"{weights[0]:.2f}")
    field.locator(".live-map").press("ArrowDown")
    assert says.inner_text() == TEXT["cell"].format(asks=names[2], asked=names[2], weight=f"{weights[1]:.2f}")
    field.locator(".live-map").press("Enter")
    assert f"“{names[2]}” looks at" in field.locator(".live-said").inner_text()


def test_the_steps_light_up_and_each_leads_to_its_line(loaded):
    field = loaded.locator("live-field")
    say(field, "Hello")
    field.locator(".live-steps summary").click()
    program = value(PUBLISHED / "e5/program.js")
    links = field.locator(".live-steps a")
    found = dict(zip(links.all_inner_texts(), links.evaluate_all("all => all.map(a => a.href)"), strict=True))
    line = next(program["lines"][step[1]] for step in program["steps"] if step[2] == "softmax")
    assert found["softmax"].endswith(f"/blob/main/{line[0]}#L{line[1]}")
    answer(field, lambda: (field.locator(".live-steps button").click(), field.locator("a.live-lit").first.wait_for()))
    assert field.locator(".live-lit").count() == 0 and not loaded.wrong


def test_axe_finds_nothing_wrong(loaded):
    say(loaded.locator("live-field"), "The dog sleeps.")
    wrong = violations_in_the_field(loaded)
    loaded.evaluate("document.documentElement.dataset.theme = 'dark'")
    wrong += violations_in_the_field(loaded)
    loaded.evaluate("document.documentElement.dataset.theme = 'light'")
    assert not wrong, "\n".join(wrong)


def test_a_link_carries_the_sentence_and_loads_nothing_by_itself(base, loaded, chromium):
    field = loaded.locator("live-field")
    say(field, "Ça va & toi? 100%")
    field.locator(".explore-controls input").first.press("End")
    said, address = (
        field.locator(".live-said").inner_text(),
        field.get_by_text("Link to this sentence").get_attribute("href"),
    )
    page = chromium.new_context().new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/{CHAPTER}{address}", wait_until="networkidle")
    assert page.locator("live-field input").first.input_value() == "Ça va & toi? 100%"
    assert page.locator("live-field").evaluate("f => Math.abs(f.getBoundingClientRect().top) < innerHeight")
    assert not [url for url in asked if "/live/e5" in url]
    assert load(page).locator(".live-said").inner_text() == said
    page.context.close()


# ---------------------------------------------------------------- a second visit, and things missing


def test_a_second_visit_needs_no_network(loaded, base):
    field = loaded.locator("live-field")
    said = say(field, "My dog sleeps.")
    loaded.wait_for_function("navigator.serviceWorker.controller !== null")
    link = field.get_by_text("Link to this sentence").get_attribute("href")
    page = loaded.context.new_page()
    loaded.context.set_offline(True)
    try:
        page.goto(f"{base}/{CHAPTER}{link}")
        assert load(page).locator(".live-said").inner_text() == said
        page.locator("live-field input").first.fill("Ein völlig anderer Wortschatz: Fahrradkette, Pfannkuchen")
        page.get_by_text("The download broke off").wait_for()
    finally:
        loaded.context.set_offline(False)
        page.close()


def test_from_a_file_it_works_as_well(site, chromium, e5):
    page = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True).new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"file://{site}/{CHAPTER}")
    field = load(page)
    said = say(field, "من برنامه‌نویس هستم")
    state = field.evaluate("field => field.view.state")
    assert said == said_of(e5, "query: ", "من برنامه‌نویس هستم").sentence(
        *(state[k] for k in ("layer", "head", "asks", "alone"))
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    field.locator(".live-tokens label").first.tap()
    field.locator(".live-heads").tap(position={"x": 5, "y": 5})
    assert "Layer 0, head 0" in field.locator(".live-said").inner_text() and not wrong
    page.context.close()


DRIVER = """<!doctype html><meta charset="utf-8">
<iframe width="1000" height="800" src="/chapters/real-model.html"></iframe>
<script>
const frame = document.querySelector('iframe'), text = 'My dog sleeps. 我的狗在睡觉。';
const until = async (find) => {
  while (!find()) await new Promise(done => setTimeout(done, 100));
  return find();
};
frame.onload = async () => {
  const field = await until(() => frame.contentDocument.querySelector('live-field'));
  (await until(() => field.querySelector('.live-load'))).click();
  await until(() => field.querySelector('.live-said')?.textContent);
  const done = new Promise(done => field.addEventListener('answered', done, {once: true}));
  field.say(text);
  await done;
  const {layer, head, asks, alone} = field.view.state;
  const told = {text, state: [layer, head, asks, alone], said: field.querySelector('.live-said').textContent};
  await fetch('/told', {method: 'POST', body: JSON.stringify({...told, result: await (%s)(field, text)})});
};
</script>"""


@pytest.mark.skipif(not shutil.which("firefox"), reason="there is no Firefox on the PATH")
def test_another_engine_gives_the_same(site, e5, tmp_path):
    """Firefox, which opens a page that presses the button and tells this server what it saw."""
    told, heard = [], threading.Event()

    class Told(Folder):
        def do_GET(self):
            if self.path != "/":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((DRIVER % RUN).encode())

        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            heard.set()

    with serving(site, Told) as address:
        command = ["firefox", "--headless", "--no-remote", "--profile", str(tmp_path), address + "/"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert heard.wait(90), "Firefox told nothing"
        finally:
            browser.terminate()
            browser.wait()
    (answer_,) = told
    expected = e5("query: " + answer_["text"]).attn_weights
    weights = torch.frombuffer(bytearray(base64.b64decode(answer_["result"]["weights"])), dtype=torch.float32)
    assert float((weights.view_as(expected) - expected).abs().max()) <= EXACT
    assert answer_["said"] == said_of(e5, "query: ", answer_["text"]).sentence(*answer_["state"])


class Strict(Folder):
    """Allows scripts and all else from its own files alone."""

    def end_headers(self):
        self.send_header("Content-Security-Policy", "default-src 'self'")
        super().end_headers()


def test_under_the_strictest_policy_it_works_as_well(site, chromium):
    with serving(site, Strict) as address:
        page = chromium.new_context().new_page()
        refused = []
        page.on("console", lambda message: refused.append(message.text) if "live/" in message.text else None)
        page.goto(f"{address}/{CHAPTER}")
        field = load(page)
        assert "looks at" in say(field, "The dog sleeps.")
        assert field.locator(".live-weight").count() > 3 and not refused
        page.context.close()


def test_a_download_that_breaks_off_says_so_and_goes_on_from_there(site, chromium):
    asked, cut = [], {"layers/5.js"}

    class Broken(Folder):
        def do_GET(self):
            name = self.path.partition("/live/e5/")[2].partition("?")[0]
            asked.append(name)
            if name not in cut:
                return super().do_GET()
            body = Path(self.directory, "live/e5", name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:1000])
            self.close_connection = True

    with serving(site, Broken) as address:
        page = chromium.new_context().new_page()
        page.goto(f"{address}/{CHAPTER}")
        page.locator(".live-load").click()
        page.get_by_text("The download broke off").wait_for()
        cut.clear()
        page.wait_for_timeout(300)
        asked.clear()
        load(page)
        assert "layers/5.js" in asked and asked.count("layers/0.js") == 0, "what has come is not asked for again"
        page.context.close()


def test_a_copy_without_weights_says_so(site, chromium):
    class Without(Folder):
        def do_GET(self):
            if "/live/e5" in self.path:
                return self.send_error(404)
            super().do_GET()

    with serving(site, Without) as address:
        page = chromium.new_context().new_page()
        page.goto(f"{address}/{CHAPTER}")
        page.locator(".live-load").click()
        page.get_by_text("This copy of the book has no weights in it").wait_for()
        page.context.close()


def test_without_scripts_a_sentence_stands_there(site, tab):
    page = tab(java_script_enabled=False)
    page.goto(f"file://{site}/{CHAPTER}")
    assert page.locator("live-field").inner_text().startswith("Here stands a field")


# ---------------------------------------------------------------- the toy


def toy(step):
    """The trained toy after so many steps, from the numbers that are in the site."""
    program = value(PUBLISHED / "whole-words/program.js")
    data = base64.b64decode(value(PUBLISHED / f"whole-words/step/{step}.js"))
    page = Page(OneHead(len(VOCABULARY), len(WHOLE_WORDS), NUM_TOKENS))
    state = {}
    for name, (_, at, shape) in program["files"][f"step/{step}"].items():
        count = torch.Size(shape).numel()
        state[name] = torch.frombuffer(bytearray(data[at : at + 2 * count]), dtype=torch.float16).float().view(shape)
    page.load_state_dict(state)
    return page


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_sentence_of_the_toys_words_is_answered_by_the_toy(scheme, base, site, chromium):
    page = chromium.new_context(viewport={"width": 360, "height": 740}).new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{base if scheme == 'http' else f'file://{site}'}/{TOY}")
    field = load(page)
    steps = json.loads(field.locator(":scope > script").text_content())["steps"]

    def check(sentence, step, asks):
        with torch.no_grad():
            weights, chances = toy(step)(torch.tensor([TOKEN_ID[word] for word in sentence]))
        names = [f"{GLOSS[word]} {word}" for word in sentence]
        words = sentence_of(step, asks, names, weights[0, asks], chances[asks], WHOLE_WORDS)
        assert field.locator(".live-said").inner_text() == words

    check(ARTICLE_TOKENS, steps[-1], 14)
    moved = ["程序", "员", *ARTICLE_TOKENS[2:-2], "。", "牛马"]
    for place, word in [(i, word) for i, word in enumerate(moved) if word != ARTICLE_TOKENS[i]]:
        select = field.locator("select").nth(place)
        answer(field, lambda select=select, word=word: select.select_option(str(TOKEN_ID[word])))
    field.locator(".live-tokens label").first.click()
    check(moved, steps[-1], 0)
    answer(field, lambda: field.locator(".explore-controls input").press("Home"))
    check(moved, steps[0], 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and not violations_in_the_field(page)
    assert not wrong
    page.context.close()


def test_the_pages_stay_small(site):
    """What a field adds to a page, before its button: words and lists, no numbers."""
    for name in (CHAPTER, TOY):
        page = (site / name).read_text("utf-8")
        for field in re.findall(r"<live-field.*?</live-field>", page, re.S):
            assert len(field) < 16_000
        assert "live-files" not in page
