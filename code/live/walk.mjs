// For the build: walks steps in Node with the script of the page, and writes down what comes out.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const { files, inputs, more, walker } = JSON.parse(readFileSync(0, "utf8"));
const value = (file) => JSON.parse(file.slice(file.indexOf(",") + 1, file.lastIndexOf(")")));
runInThisContext(`${walker};liveWorker`)({
  postMessage({ id, error, value }) {
    if (id === undefined) return;
    waiting.get(id)[error ? 1 : 0](error ? new Error(error) : value);
  },
  set onmessage(listener) {
    globalThis.ask = (call, ...args) =>
      new Promise((...both) => { waiting.set(waiting.size, both); listener({ data: { id: waiting.size - 1, call, args } }); });
  },
});
const waiting = new Map();
try {
  await ask("open", value(files.program));
  for (const name of more) await ask("add", name, new TextEncoder().encode(files[name]));
  const out = [];
  for (const ids of inputs) {
    const results = await ask("run", ids);
    out.push(results.map(({ shape, data }) => [shape, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")]));
  }
  process.stdout.write(JSON.stringify(out));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
