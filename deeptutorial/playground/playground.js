"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const TEXTS = JSON.parse($("texts").textContent);
const [HEIGHT, WIDTH] = data.shape;
const SIZE = HEIGHT * WIDTH;
const STEP_MS = 200;

// ---- the models

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

// Numbers of so many bits each lie end to end, the lowest bit first.
function weights(layer) {
  const packed = bytes(layer.W), scale = floats(layer.scale), W = new Float32Array(layer.n_in * layer.n_out);
  const middle = 2 ** (data.bits - 1), mask = 2 ** data.bits - 1;
  let held = 0, nHeld = 0, next = 0;
  for (let i = 0; i < W.length; i++) {
    while (nHeld < data.bits) { held |= packed[next++] << nHeld; nHeld += 8; }
    W[i] = ((held & mask) - middle) * scale[i % layer.n_out];
    held >>>= data.bits;
    nHeld -= data.bits;
  }
  return W;
}

const models = data.models.map((model) => ({
  ...model,
  b_prime: floats(model.b_prime),
  layers: model.layers.map((layer) => ({ ...layer, W: weights(layer), b: floats(layer.b) })),
}));
const isStack = data.kind === "SdA";

function linear(x, { W, b, n_in, n_out }) {
  const a = Float64Array.from(b);
  for (let i = 0; i < n_in; i++) {
    const value = x[i];
    if (value === 0) continue;
    for (let j = 0, w = i * n_out; j < n_out; j++) a[j] += value * W[w + j];
  }
  return a;
}

// What is held stands for what a unit would have said.
const encode = (x, layer, held) => {
  const y = linear(x, layer).map(sigmoid);
  for (const [unit, value] of held) y[unit] = value;
  return y;
};

function decode(y, { layers: [{ W, n_in, n_out }], b_prime, squared }) {
  const a = Float64Array.from(b_prime);
  for (let i = 0; i < n_in; i++) {
    let sum = 0;
    for (let j = 0, w = i * n_out; j < n_out; j++) sum += y[j] * W[w + j];
    a[i] += sum;
  }
  return { a, z: squared ? a : a.map(sigmoid) };
}

const costs = (x, { a, z }, squared) =>
  a.map((value, i) => (squared ? (x[i] - z[i]) ** 2 : softplus(value) - x[i] * value));

function softmax(a) {
  const highest = Math.max(...a), exp = a.map((value) => Math.exp(value - highest));
  const sum = exp.reduce((total, value) => total + value, 0);
  return exp.map((value) => value / sum);
}

// ---- noise: the same until other noise is asked for, so that one sees what drawing changes

let seed = 1;
function* random(from) {
  let state = from | 0;
  for (;;) { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    yield ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

function corrupt(x, kind, level) {
  const draws = random(seed), draw = () => draws.next().value;
  return x.map((value) => {
    const first = draw(), second = draw();
    if (kind === "gaussian") return value + level * Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second);
    if (first >= level) return value;
    return kind === "masking" ? 0 : Math.round(second);
  });
}

// ---- what is shown

const state = {
  x: new Float32Array(SIZE), cursor: [HEIGHT >> 1, WIDTH >> 1], erasing: false,
  model: 0, layer: 0, unit: 0, held: models.map((model) => model.layers.map(() => new Map())),
  walking: null, steps: 0,
};
let language = navigator.language.startsWith("zh") ? "zh" : "en";
const text = (key, values = {}) =>
  TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

const colour = (name) => {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(1);
  return [0, 2, 4].map((i) => parseInt(value.slice(i, i + 2), 16));
};

function paint(canvas, values, pixel, height = HEIGHT, width = WIDTH) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) image.data.set(pixel(values[i]), 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const grey = (value) => { const v = 255 * Math.min(1, Math.max(0, value)); return [v, v, v, 255]; };

const blended = (ground, ink) => (share) => {
  const s = Math.min(1, Math.max(0, share));
  return [...ground.map((g, k) => g + s * (ink[k] - g)), 255];
};

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made) made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// The grid of hidden units, as near to 4 : 3 as may be.
const layerShown = () => models[state.model].layers[state.layer];
const columnsOf = (n) => Math.ceil(Math.sqrt((n * 4) / 3));
const CELL = 12;

function drawCode(y) {
  const canvas = $("code"), n = y.length, columns = columnsOf(n), rows = Math.ceil(n / columns);
  [canvas.width, canvas.height] = [columns * CELL, rows * CELL];
  const context = canvas.getContext("2d"), shade = blended(colour("--shade"), colour("--s0"));
  const held = state.held[state.model][state.layer], mark = `rgb(${colour("--s1")})`;
  for (let j = 0; j < n; j++) {
    const [left, top] = [(j % columns) * CELL, Math.floor(j / columns) * CELL];
    context.fillStyle = `rgb(${shade(y[j]).slice(0, 3).map(Math.round)})`;
    context.fillRect(left, top, CELL - 1, CELL - 1);
    if (held.has(j)) {
      context.fillStyle = mark;
      context.fillRect(left, top + CELL - 4, CELL - 1, 3);
    }
    if (j === state.unit && document.activeElement === canvas) {
      context.strokeStyle = `rgb(${colour("--ink")})`;
      context.lineWidth = 2;
      context.strokeRect(left + 1, top + 1, CELL - 3, CELL - 3);
    }
  }
}

// What a unit looks for: its weights, stretched to black and white. Above the first layer there
// is no picture of it.
function filter(canvas, unit) {
  const { W, n_out } = models[state.model].layers[0];
  const column = Float32Array.from({ length: SIZE }, (_, i) => W[i * n_out + unit]);
  const low = Math.min(...column), width = Math.max(...column) - low || 1;
  paint(canvas, column, (value) => grey((value - low) / width));
}

const MOST_ACTIVE = 10;
function drawActive(y) {
  const order = [...y.keys()].sort((i, j) => y[j] - y[i]).slice(0, MOST_ACTIVE);
  $("active").replaceChildren(...order.map((unit) => {
    const button = element("button", { type: "button", onclick: () => hold(unit) });
    if (state.layer === 0) filter(button.appendChild(element("canvas", { role: "img" })), unit);
    button.append(`${unit}: ${y[unit].toFixed(2)}`);
    button.setAttribute("aria-label", text("unit", { unit, value: y[unit].toFixed(2) }));
    return button;
  }));
}

function tellUnit(y) {
  const held = state.held[state.model][state.layer].get(state.unit);
  const how = held === undefined ? "" : text(held ? "held-on" : "held-off");
  $("unit").textContent = text("unit", { unit: state.unit, value: y[state.unit].toFixed(3) }) + how;
}

// All layers' codes of an input, and what comes out.
function through(x, m) {
  const model = models[m], codes = [];
  const hidden = isStack ? model.layers.slice(0, -1) : model.layers;
  hidden.forEach((layer, i) => codes.push(encode(codes[i - 1] ?? x, layer, state.held[m][i])));
  const top = codes.at(-1);
  return { codes, out: isStack ? softmax(linear(top, model.layers.at(-1))) : decode(top, model) };
}

const noise = () => [$("noise").value, Number($("level").value)];

function refresh() {
  const x = state.x, tilde = isStack ? x : corrupt(x, ...noise());
  paint($("input"), x, grey);
  if (document.activeElement === $("input")) drawCursor();
  paint($("corrupted"), tilde, grey);
  $("level-shown").textContent = Number($("level").value).toFixed(2);
  const outcomes = models.map((_, m) => through(tilde, m));
  outcomes.forEach(({ out }, m) => (isStack ? drawClasses(out) : drawReconstruction(out, m)));
  const y = outcomes[state.model].codes[state.layer];
  drawCode(y);
  drawActive(y);
  tellUnit(y);
}

let waiting = false;
function change() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; refresh(); });
}

function drawCursor() {
  const context = $("input").getContext("2d");
  context.fillStyle = `rgba(${colour("--s1")}, 0.8)`;
  context.fillRect(state.cursor[1], state.cursor[0], 1, 1);
}

function drawReconstruction(out, m) {
  const each = costs(state.x, out, models[m].squared), box = $("outcomes").children[m];
  paint(box.querySelector(".made"), out.z, grey);
  const colours = blended(colour("--shade"), colour("--s1"));
  paint(box.querySelector(".map"), each, (cost) => colours(cost / 3));
  const total = each.reduce((sum, value) => sum + value, 0);
  box.querySelector(".cost").textContent = text("cost", { cost: total.toFixed(2) });
  const walking = state.walking === m;
  const button = box.querySelector("button");
  button.textContent = text(walking ? "stop" : "walk");
  button.setAttribute("aria-pressed", walking);
  box.querySelector(".steps").textContent = walking ? text("walked", { steps: state.steps }) : "";
}

function drawClasses(probabilities) {
  const first = probabilities.indexOf(Math.max(...probabilities));
  [...$("outcomes").querySelectorAll(".bars div")].forEach((row, c) => {
    row.className = c === first ? "first" : "";
    row.children[1].firstChild.style.width = `${100 * probabilities[c]}%`;
    row.children[2].textContent = `${(100 * probabilities[c]).toFixed(1)} %`;
  });
}

function build() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = text("title");
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  $("language").textContent = text("language");
  $("lead").textContent = text(`lead-${data.kind}`, { units: models[0].layers[0].n_out });
  $("precision").textContent = text("precision", { bits: data.bits, difference: data.difference });
  $("input").setAttribute("aria-label", text("input-help"));
  $("corrupted").setAttribute("aria-label", text("corrupted"));
  $("code").setAttribute("aria-label", text("code-grid"));
  $("noisy").hidden = isStack;
  $("outcomes").replaceChildren(...(isStack ? [classBars()] : models.map(reconstructionBox)));
  $("which").replaceChildren(...whichButtons());
  $("examples").replaceChildren(...data.labels.map(exampleButton));
  refresh();
}

function reconstructionBox(model, m) {
  const canvas = (name, label) =>
    element("canvas", { className: name, role: "img", "aria-label": `${model.name}: ${label}` });
  const [made, map] = ["reconstruction", "costs"].map((key) => text(key));
  return element("figure", {},
    element("figcaption", {}, model.name),
    element("div", { className: "pair" },
      element("div", {}, canvas("made", made), element("span", {}, made)),
      element("div", {}, canvas("map", map), element("span", {}, map))),
    element("div", { className: "cost" }),
    element("div", { className: "row" },
      element("button", { type: "button", title: text("walk-help"), onclick: () => walk(m) }),
      element("span", { className: "steps", "aria-live": "polite" })));
}

function classBars() {
  const rows = data.classes.map((name) =>
    element("div", {}, element("span", {}, name), element("span", {}, element("i")), element("span")));
  return element("figure", { "aria-live": "polite" },
    element("figcaption", {}, text("prediction")), element("div", { className: "bars" }, ...rows));
}

// Whose code is shown: a dA's of several, or a layer's of a stack.
function whichButtons() {
  const names = isStack
    ? models[0].layers.slice(0, -1).map((_, i) => text("layer", { layer: i + 1 }))
    : models.map((model) => model.name);
  const chosen = isStack ? state.layer : state.model;
  return names.map((name, k) => element("button", {
    type: "button", "aria-pressed": k === chosen,
    onclick: () => {
      state[isStack ? "layer" : "model"] = k;
      state.unit = 0;
      $("which").replaceChildren(...whichButtons());
      refresh();
    },
  }, name));
}

const allExamples = floats(data.examples);
const example = (k) => allExamples.slice(k * SIZE, (k + 1) * SIZE);

function exampleButton(label, k) {
  const canvas = element("canvas", { role: "img" });
  paint(canvas, example(k), grey);
  const button = element("button", { type: "button", onclick: () => take(example(k)) }, canvas);
  button.setAttribute("aria-label", text("example", { label }));
  return button;
}

function take(x) {
  stopWalking();
  state.x = Float32Array.from(x);
  change();
}

function hold(unit) {
  const held = state.held[state.model][state.layer];
  if (!held.has(unit)) held.set(unit, 1);
  else if (held.get(unit) === 1) held.set(unit, 0);
  else held.delete(unit);
  state.unit = unit;
  change();
}

function stopWalking() {
  clearInterval(stopWalking.timer);
  state.walking = null;
}

// Corrupt, reconstruct, take the reconstruction for the next input.
function walk(m) {
  const begins = state.walking !== m;
  stopWalking();
  if (begins) {
    [state.walking, state.steps] = [m, 0];
    stopWalking.timer = setInterval(() => {
      state.steps += 1;
      seed += 1;
      state.x = Float32Array.from(through(corrupt(state.x, ...noise()), m).out.z);
      change();
    }, STEP_MS);
  }
  change();
}

// ---- drawing

// A brush of a pixel and a half with a soft edge, as MNIST's pens have.
function dab(row, column) {
  for (let i = Math.floor(row) - 2; i <= row + 2; i++) {
    for (let j = Math.floor(column) - 2; j <= column + 2; j++) {
      if (i < 0 || j < 0 || i >= HEIGHT || j >= WIDTH) continue;
      const ink = Math.min(1, Math.max(0, 1.7 - Math.hypot(i + 0.5 - row, j + 0.5 - column)));
      const k = i * WIDTH + j;
      state.x[k] = state.erasing ? Math.min(state.x[k], 1 - ink) : Math.max(state.x[k], ink);
    }
  }
}

function stroke([row0, column0], [row1, column1]) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(row1 - row0, column1 - column0)));
  for (let s = 1; s <= steps; s++) {
    dab(row0 + ((row1 - row0) * s) / steps, column0 + ((column1 - column0) * s) / steps);
  }
  change();
}

const place = (event) => {
  const box = $("input").getBoundingClientRect();
  return [((event.clientY - box.top) / box.height) * HEIGHT, ((event.clientX - box.left) / box.width) * WIDTH];
};

let pen = null;
$("input").addEventListener("pointerdown", (event) => {
  stopWalking();
  $("input").setPointerCapture(event.pointerId);
  pen = place(event);
  stroke(pen, pen);
});
$("input").addEventListener("pointermove", (event) => {
  if (pen === null) return;
  const next = place(event);
  stroke(pen, next);
  pen = next;
});
for (const name of ["pointerup", "pointercancel"]) $("input").addEventListener(name, () => { pen = null; });

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const within = (value, n) => Math.min(n - 1, Math.max(0, value));

$("input").addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (move) state.cursor = [within(state.cursor[0] + move[0], HEIGHT), within(state.cursor[1] + move[1], WIDTH)];
  else if (event.key !== " ") return;
  event.preventDefault();
  if (event.key === " " || event.shiftKey) {
    stopWalking();
    const middle = state.cursor.map((value) => value + 0.5);
    stroke(middle, middle);
  }
  change();
});

$("code").addEventListener("keydown", (event) => {
  const n = isStack ? layerShown().n_out : models[state.model].layers[0].n_out, move = MOVES[event.key];
  if (move) state.unit = within(state.unit + move[0] * columnsOf(n) + move[1], n);
  else if (event.key === "Enter" || event.key === " ") hold(state.unit);
  else return;
  event.preventDefault();
  change();
});
$("code").addEventListener("click", (event) => {
  const canvas = $("code"), box = canvas.getBoundingClientRect(), n = layerShown().n_out, columns = columnsOf(n);
  const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
  const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(n / columns));
  if (row * columns + column < n) hold(row * columns + column);
});
for (const id of ["code", "input"]) for (const name of ["focus", "blur"]) $(id).addEventListener(name, change);

// MNIST's digits have their centre of mass in the middle.
function centre() {
  let sum = 0, down = 0, across = 0;
  state.x.forEach((value, k) => {
    sum += value;
    down += value * Math.floor(k / WIDTH);
    across += value * (k % WIDTH);
  });
  if (sum === 0) return;
  const [di, dj] = [Math.round(down / sum - (HEIGHT - 1) / 2), Math.round(across / sum - (WIDTH - 1) / 2)];
  take(state.x.map((_, k) => {
    const i = Math.floor(k / WIDTH) + di, j = (k % WIDTH) + dj;
    return i < 0 || j < 0 || i >= HEIGHT || j >= WIDTH ? 0 : state.x[i * WIDTH + j];
  }));
}

$("clear").onclick = () => take(new Float32Array(SIZE));
$("centre").onclick = centre;
$("erase").onclick = () => {
  state.erasing = !state.erasing;
  $("erase").setAttribute("aria-pressed", state.erasing);
};
$("again").onclick = () => { seed += 1; change(); };
$("noise").onchange = change;
$("level").oninput = change;
$("release").onclick = () => { state.held[state.model][state.layer].clear(); change(); };
$("language").onclick = () => { language = language === "en" ? "zh" : "en"; build(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", change);

$("noise").value = models[0].corruption;
take(example(0));
build();

// For whoever wants to calculate with the models from the browser's console.
window.playground = {
  example,
  input: () => state.x,
  outputs: (x) => models.map((_, m) => { const { codes, out } = through(x, m); return { code: Array.from(codes.at(-1)), output: Array.from(isStack ? out : out.z) }; }),
};
})();
