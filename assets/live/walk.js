// Walks the steps that torch.export wrote down from the book's own Python (code/live/steps.py): in a worker of the page,
// and in Node while the book is built. It knows operations, one by one, and no formula. No library, no wasm, no eval.
"use strict";

function liveWorker(scope) {
  // ---------------------------------------------------------------- numbers
  // A tensor is {shape, data}, or a parameter {shape, row(i, into)} that is unpacked a row at a time: so four-bit
  // weights stay at four bits in memory.

  const count = (shape) => shape.reduce((a, b) => a * b, 1);
  const same = (a, b) => a.length === b.length && a.every((n, i) => n === b[i]);

  const HALF = Float32Array.from({ length: 65536 }, (_, h) => {
    const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
  });

  // A file of the page, live("name","base64"), as the bytes that were fetched: no string is made of megabytes.
  const CODE = new Uint8Array(128);
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].forEach((c, i) => (CODE[c.charCodeAt(0)] = i));
  function bytesOf(file) {
    const begin = file.indexOf(44) + 2, end = file.length - 3; // from behind ," to before ")
    const padding = (file[end - 1] === 61) + (file[end - 2] === 61);
    const bytes = new Uint8Array(((end - begin) / 4) * 3 - padding);
    for (let i = begin, o = 0; i < end; i += 4, o += 3) {
      const n = (CODE[file[i]] << 18) | (CODE[file[i + 1]] << 12) | (CODE[file[i + 2]] << 6) | CODE[file[i + 3]];
      bytes[o] = n >> 16;
      bytes[o + 1] = n >> 8;
      bytes[o + 2] = n;
    }
    return bytes;
  }

  // 32 weights in 18 bytes: a step in half precision, then two numbers n to a byte, which stand for (n - 8) · step.
  const rowBytes = (width) => (width / 32) * 18;
  function unpackRow(bytes, at, into) {
    for (let i = 0; i < into.length; i += 32, at += 18) {
      const step = HALF[bytes[at] | (bytes[at + 1] << 8)];
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 2 + j];
        into[i + j] = ((pair & 15) - 8) * step;
        into[i + 16 + j] = ((pair >> 4) - 8) * step;
      }
    }
    return into;
  }

  function parameter(bytes, [kind, at, shape]) {
    const width = shape.at(-1), n = count(shape);
    if (kind === "q4") return { shape, row: (i, into) => unpackRow(bytes, at + i * rowBytes(width), into) };
    const data = kind === "f32"
      ? new Float32Array(bytes.buffer, bytes.byteOffset + at, n)
      : Float32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset + at, n), (half) => HALF[half]);
    return { shape, data };
  }

  const rowsOf = (x) => x.row ?? ((i) => x.data.subarray(i * x.shape[1], (i + 1) * x.shape[1]));

  // ---------------------------------------------------------------- operations, under torch's names for them

  function rows(table, ids) {
    const width = table.shape[1], row = rowsOf(table), data = new Float32Array(ids.data.length * width);
    ids.data.forEach((id, i) => {
      const into = data.subarray(i * width, (i + 1) * width), found = row(id, into);
      if (found !== into) into.set(found);
    });
    return { shape: [...ids.shape, width], data };
  }

  function add(a, b) { // b may lack a's leading dimensions
    if (!same(a.shape.slice(a.shape.length - b.shape.length), b.shape)) throw new Error(`add: ${a.shape} and ${b.shape}`);
    const n = b.data.length;
    return { shape: a.shape, data: a.data.map((v, i) => v + b.data[i % n]) };
  }

  // Two outputs of four tokens at a time: what is read for one serves the others. Past the edge the last is done again.
  function linear(x, weight, bias) {
    const [N, K] = weight.shape, X = x.data, R = X.length / K, data = new Float32Array(R * N);
    const row = rowsOf(weight), one = new Float32Array(K), two = new Float32Array(K);
    for (let n = 0; n < N; n += 2) {
      const m = Math.min(n + 1, N - 1), V = row(n, one), W = row(m, two);
      const v0 = bias ? bias.data[n] : 0, w0 = bias ? bias.data[m] : 0;
      for (let a = 0; a < R; a += 4) {
        const b = Math.min(a + 1, R - 1), c = Math.min(a + 2, R - 1), d = Math.min(a + 3, R - 1);
        let av = v0, aw = w0, bv = v0, bw = w0, cv = v0, cw = w0, dv = v0, dw = w0;
        for (let k = 0, i = a * K, j = b * K, p = c * K, q = d * K; k < K; k++, i++, j++, p++, q++) {
          const v = V[k], w = W[k], A = X[i], B = X[j], C = X[p], D = X[q];
          av += A * v; aw += A * w; bv += B * v; bw += B * w;
          cv += C * v; cw += C * w; dv += D * v; dw += D * w;
        }
        data[a * N + n] = av; data[a * N + m] = aw; data[b * N + n] = bv; data[b * N + m] = bw;
        data[c * N + n] = cv; data[c * N + m] = cw; data[d * N + n] = dv; data[d * N + m] = dw;
      }
    }
    return { shape: [...x.shape.slice(0, -1), N], data };
  }

  function matmul(a, b) { // (..., n, k) @ (..., k, m), the leading dimensions equal
    const [n, k] = a.shape.slice(-2), m = b.shape.at(-1), lead = a.shape.slice(0, -2);
    if (!same([...lead, k], b.shape.slice(0, -1))) throw new Error(`matmul: ${a.shape} and ${b.shape}`);
    const data = new Float32Array(count(lead) * n * m), sums = new Float64Array(m);
    for (let i = 0; i < count(lead) * n; i++) {
      const from = Math.floor(i / n) * k * m;
      sums.fill(0);
      for (let p = 0; p < k; p++) {
        const v = a.data[i * k + p], o = from + p * m;
        for (let j = 0; j < m; j++) sums[j] += v * b.data[o + j];
      }
      data.set(sums, i * m);
    }
    return { shape: [...lead, n, m], data };
  }

  function transpose(x, first, second) {
    const rank = x.shape.length, shape = [...x.shape], stride = shape.map((_, d) => count(shape.slice(d + 1)));
    first = (first + rank) % rank;
    second = (second + rank) % rank;
    for (const list of [shape, stride]) [list[first], list[second]] = [list[second], list[first]];
    const data = new Float32Array(x.data.length), at = new Array(rank).fill(0);
    for (let i = 0, o = 0; i < data.length; i++) {
      data[i] = x.data[o];
      for (let d = rank - 1; d >= 0; d--) {
        o += stride[d];
        if (++at[d] < shape[d]) break;
        o -= stride[d] * shape[d];
        at[d] = 0;
      }
    }
    return { shape, data };
  }

  function eachRow(x, width, change) { // change(from, into) for every stretch of `width` numbers
    const data = new Float32Array(x.data.length);
    for (let o = 0; o < data.length; o += width) change(x.data.subarray(o, o + width), data.subarray(o, o + width));
    return { shape: x.shape, data };
  }

  function softmax(x, dim) {
    if (dim !== -1 && dim !== x.shape.length - 1) throw new Error(`softmax over dimension ${dim}`);
    return eachRow(x, x.shape.at(-1), (from, into) => {
      const most = from.reduce((a, b) => Math.max(a, b)), powers = Float64Array.from(from, (v) => Math.exp(v - most));
      const sum = powers.reduce((a, b) => a + b);
      into.set(powers.map((power) => power / sum));
    });
  }

  function layer_norm(x, [width], weight, bias, eps) {
    return eachRow(x, width, (from, into) => {
      let mean = 0, variance = 0;
      for (const v of from) mean += v / width;
      for (const v of from) variance += (v - mean) ** 2 / width;
      for (let i = 0; i < width; i++)
        into[i] = ((from[i] - mean) / Math.sqrt(variance + eps)) * weight.data[i] + bias.data[i];
    });
  }

  // Numerical Recipes' erfcc: wrong by less than 1.2e-7, as float32 itself is.
  const ERF = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  function erf(x) {
    const t = 1 / (1 + Math.abs(x) / 2);
    const rest = t * Math.exp(-x * x + ERF.reduceRight((sum, c) => sum * t + c, 0));
    return x >= 0 ? 1 - rest : rest - 1;
  }

  function select(x, dim, i) {
    if (dim !== 0) throw new Error(`select in dimension ${dim}`);
    const n = count(x.shape.slice(1));
    return { shape: x.shape.slice(1), data: x.data.subarray(i * n, (i + 1) * n) };
  }

  function slice(x, dim, from, to) {
    if (dim !== 0 || from || to > x.shape[0]) throw new Error(`slice ${from} to ${to} of ${x.shape}`);
    return { shape: [to, ...x.shape.slice(1)], data: x.data.subarray(0, to * count(x.shape.slice(1))) };
  }

  function stack(list) {
    const n = list[0].data.length, data = new Float32Array(n * list.length);
    list.forEach((x, i) => data.set(x.data, i * n));
    return { shape: [list.length, ...list[0].shape], data };
  }

  const OPERATIONS = {
    add, embedding: rows, index: (table, [ids]) => rows(table, ids), layer_norm, linear, matmul, select, slice, softmax,
    stack, transpose,
    flatten: ({ shape, data }, from) => ({ shape: [...shape.slice(0, from), count(shape.slice(from))], data }),
    gelu: ({ shape, data }) => ({ shape, data: data.map((v) => v * 0.5 * (1 + erf(v * Math.SQRT1_2))) }),
    mul: ({ shape, data }, number) => ({ shape, data: data.map((v) => v * number) }),
    sym_size: ({ shape }, dim) => shape[dim],
    unflatten: ({ shape, data }, dim, [n]) => ({ shape: [...shape.slice(0, -1), n, shape.at(-1) / n], data }),
    unsqueeze: ({ shape, data }, dim) => ({ shape: [...shape.slice(0, dim), 1, ...shape.slice(dim)], data }),
  };

  // ---------------------------------------------------------------- a text in its most likely pieces

  // As code/nano_e5.py splits it, which the tests compare with the library's tokenizer.
  function splitter({ pieces, scores, unknown, start, end }) {
    const words = pieces.split("\n");
    let bits = 0; // of a score, told as the difference from the one before
    const score = new Float32Array(Int32Array.from(scores, (difference) => (bits += difference)).buffer);
    const ids = new Map(words.map((word, id) => [word, id]));
    const longest = words.reduce((most, word) => Math.max(most, word.length), 0);
    const lost = score.reduce((a, b) => Math.min(a, b)) - 10;

    const fold = (text) => text
      .replace(/[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g, "")
      .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ")
      .split("～").map((part) => part.normalize("NFKC")).join("～");

    function split(word) {
      const letters = [...word], best = [{ sum: 0 }];
      for (let to = 1; to <= letters.length; to++) {
        best[to] = { sum: -Infinity };
        let piece = "";
        const ways = [];
        for (let from = to - 1; from >= 0; from--) {
          piece = letters[from] + piece;
          if (piece.length > longest && from < to - 1) break;
          const id = ids.get(piece);
          if (id !== undefined || from === to - 1) ways.push({ from, piece, id, sum: best[from].sum + (score[id] ?? lost) });
        }
        for (const way of ways.reverse()) if (way.sum > best[to].sum) best[to] = way;
      }
      const found = [];
      for (let to = letters.length; to > 0; to = best[to].from) {
        const { piece, id } = best[to];
        if (id === undefined && found.length && found[0].id === undefined) found[0].piece = piece + found[0].piece;
        else found.unshift({ piece, id });
      }
      return found;
    }

    return (text) => {
      const found = fold(text).split(/[\s\x85]+/).filter(Boolean).flatMap((word) => split("▁" + word));
      return {
        tokens: [words[start], ...found.map(({ piece }) => piece), words[end]],
        ids: [start, ...found.map(({ id }) => id ?? unknown), end],
      };
    };
  }

  // ---------------------------------------------------------------- what the page asks for

  let program, split;
  let lastUse; // of each value: the step after which nobody needs it any more
  const parameters = {}, files = new Map(), chunks = new Map();

  const calls = {
    open(opened) {
      program = opened;
      const unknown = program.steps.filter(([, , operation]) => !Object.hasOwn(OPERATIONS, operation));
      if (unknown.length) throw new Error(`unknown operation ${[...new Set(unknown.map((step) => step[2]))].join(", ")}`);
      lastUse = program.steps.map(() => []);
      const seen = new Set(program.results.flat(Infinity));
      for (let i = program.steps.length - 1; i >= 0; i--)
        for (const name of program.steps[i].slice(3).flat(Infinity))
          if (typeof name === "string" && !seen.has(name)) seen.add(name), lastUse[i].push(name.slice(1));
      if (program.table) {
        const { rows, width, chunk } = program.table;
        const row = (id, into) => unpackRow(chunks.get(Math.floor(id / chunk)), (id % chunk) * rowBytes(width), into);
        parameters.table = { shape: [rows, width], row };
      }
    },
    add(name, file) { // of parameters, the vocabulary, or a chunk of the table
      const chunk = /^table\/(\d+)$/.exec(name);
      if (name === "words") split = splitter(JSON.parse(new TextDecoder().decode(file.subarray(file.indexOf(44) + 1, -2))));
      else if (chunk) chunks.set(Number(chunk[1]), bytesOf(file));
      else files.set(name, bytesOf(file)), calls.use(name);
    },
    use(name) { // of files with the same parameters, say a model after so many steps of training, the one to use
      for (const [parameter_, place] of Object.entries(program.files[name]))
        parameters[parameter_] = parameter(files.get(name), place);
    },
    split: (text) => split(text),
    missing: (ids) => [...new Set(ids.map((id) => Math.floor(id / program.table.chunk)))].filter((c) => !chunks.has(c)),
    async run(ids, pause) {
      const values = { ...parameters, ids: { shape: [ids.length], data: ids } };
      const look = (a) => {
        if (Array.isArray(a)) return a.map(look);
        if (typeof a !== "string" || a[0] !== "%") return a;
        if (!(a.slice(1) in values)) throw new Error(`nothing is called ${a}`);
        return values[a.slice(1)];
      };
      for (const [i, [name, , operation, ...args]] of program.steps.entries()) {
        scope.postMessage({ step: i });
        values[name] = OPERATIONS[operation](...args.map(look));
        for (const old of lastUse[i]) delete values[old];
        if (pause) await new Promise((done) => setTimeout(done, pause));
      }
      return program.results.map(look);
    },
  };

  scope.onmessage = async ({ data: { id, call, args } }) => {
    try {
      scope.postMessage({ id, value: await calls[call](...args) });
    } catch (error) {
      scope.postMessage({ id, error: error.message });
    }
  };
}

if (typeof WorkerGlobalScope !== "undefined") liveWorker(self);
