/* The slice viewer, the worklist's keys, and the recomputed answer of a correction. No library, nothing from elsewhere.
   Without it every page still works, except that slices are shown one by one. */
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);
const typing = (event) => event.target.closest("input, select, textarea, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey;

/* ---- the worklist: j, k ---- */
function listKeys(list) {
  const links = all("a.open", list);
  document.addEventListener("keydown", (event) => {
    if (typing(event) || !["j", "k"].includes(event.key) || !links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = event.key === "j" ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0);
    links[next].focus();
    event.preventDefault();
  });
}

/* ---- a correction: what it changes, as soon as something was changed ---- */
function livePreview(form) {
  const place = one("[data-changes]", form);
  let wait = 0, latest = 0;
  async function ask() {
    const mine = ++latest;
    const fields = new URLSearchParams(new FormData(form));
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: fields, headers: { Accept: "text/html" } });
      const text = await answer.text();
      if (mine !== latest) return;
      if (answer.ok) { place.innerHTML = text; return; } // our own template, every value escaped there
      place.textContent = "The answer cannot be recomputed just now: recompute, and see why.";
    } catch { if (mine === latest) place.textContent = "The service does not answer. What you entered is still here."; }
  }
  form.addEventListener("input", (event) => {
    if (!event.target.name) return;
    clearTimeout(wait);
    wait = setTimeout(ask, event.target.matches("select, [type=checkbox]") ? 0 : 350);
  });
}

/* ---- the viewer ---- */
const MOST_KEPT = 500; // slices held in memory
class Viewer {
  constructor(root) {
    this.root = root; this.base = root.dataset.viewer;
    this.canvas = one("canvas", root); this.ink = this.canvas.getContext("2d");
    this.kept = new Map(); this.asked = new Map(); this.layers = { marks: true, outline: true, saliency: -1 };
    this.drag = "window"; this.cross = null; this.evidence = new Map();
  }

  async start() {
    const answer = await fetch(`${this.base}/viewer.json`, { headers: { Accept: "application/json" } });
    if (!answer.ok) { this.fail((await answer.json()).error); return; }
    this.of = await answer.json();
    [this.count, this.rows, this.columns] = this.of.shape;
    this.plane = document.createElement("canvas"); this.plane.width = this.columns; this.plane.height = this.rows;
    this.greys = this.plane.getContext("2d"); this.pixels = this.greys.createImageData(this.columns, this.rows);
    this.at = Math.floor((this.count - 1) / 2);
    this.root.hidden = false;
    for (const place of all("[data-letter]", this.root)) place.textContent = this.of.letters[place.dataset.letter];
    this.reset(); this.window(this.of.window); this.listen(); this.marks();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    const first = this.of.marks[0];
    await (first ? this.go(first) : this.show(this.at));
    for (const mark of this.of.marks) if (mark.evidence) this.fetchEvidence(mark);
  }

  fail(words) { this.root.hidden = false; this.note(`The slices cannot be shown. ${words}`); }
  note(words) { one("[data-note]", this.root).textContent = words; }

  /* slices */
  async slice(number) {
    if (this.kept.has(number)) return this.kept.get(number);
    if (!this.asked.has(number)) this.asked.set(number, this.fetchSlice(number).finally(() => this.asked.delete(number)));
    return this.asked.get(number);
  }
  async fetchSlice(number) {
    const answer = await fetch(`${this.base}/slices/${number}`);
    if (!answer.ok) throw new Error(`slice ${number + 1} was refused (${answer.status})`);
    const hu = new Int16Array(await answer.arrayBuffer());
    this.kept.set(number, hu);
    if (this.kept.size > MOST_KEPT) this.kept.delete([...this.kept.keys()].sort((a, b) => Math.abs(b - this.at) - Math.abs(a - this.at))[0]);
    return hu;
  }
  async show(number) {
    this.at = Math.max(0, Math.min(this.count - 1, number));
    one("[data-slice]", this.root).value = this.at + 1;
    const mine = this.at;
    try {
      const hu = await this.slice(mine);
      if (mine !== this.at) return;
      this.hu = hu; this.paint(); this.draw();
      for (const step of [1, -1, 2, -2, 3]) { const n = mine + step * this.of.down; if (n >= 0 && n < this.count) this.slice(n).catch(() => {}); }
    } catch (error) { this.note(`${error.message}. What is drawn may be another slice.`); }
  }
  scroll(steps) { this.show(this.at + steps * this.of.down); }

  /* greys */
  window(name) {
    [this.centre, this.width] = this.of.windows[name]; this.named = name;
    for (const button of all("[data-window]", this.root)) button.setAttribute("aria-pressed", String(button.dataset.window === name));
    this.paint(); this.draw();
  }
  paint() {
    if (!this.hu) return;
    const low = this.centre - this.width / 2, data = this.pixels.data, scale = 255 / this.width;
    for (let i = 0, p = 0; i < this.hu.length; i++, p += 4) {
      const grey = (this.hu[i] - low) * scale;
      data[p] = data[p + 1] = data[p + 2] = grey; data[p + 3] = 255; // clamped by the array itself
    }
    this.greys.putImageData(this.pixels, 0, 0);
  }

  /* the view: canvas pixels from image pixels */
  reset() { this.zoom = 1; this.panX = 0; this.panY = 0; if (this.of) this.window(this.of.window); }
  view() {
    const { width, height } = this.canvas, [, row, column] = this.of.spacing;
    const fit = Math.min(width / (this.columns * column), height / (this.rows * row)) * this.zoom;
    const sx = fit * column * (this.of.turn_columns ? -1 : 1), sy = fit * row * (this.of.turn_rows ? -1 : 1);
    return [sx, 0, 0, sy, width / 2 + this.panX - (sx * this.columns) / 2, height / 2 + this.panY - (sy * this.rows) / 2];
  }
  draw() {
    const ratio = window.devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    const wide = Math.round(box.width * ratio), high = Math.round(box.height * ratio);
    if (!wide || !high) return;
    if (this.canvas.width !== wide || this.canvas.height !== high) { this.canvas.width = wide; this.canvas.height = high; }
    const ink = this.ink;
    ink.setTransform(1, 0, 0, 1, 0, 0); ink.fillStyle = "#000"; ink.fillRect(0, 0, wide, high);
    if (!this.hu) return;
    const view = this.view();
    ink.setTransform(...view); ink.imageSmoothingEnabled = true; ink.imageSmoothingQuality = "high";
    ink.drawImage(this.plane, 0, 0);
    this.drawEvidence(view, ratio);
    ink.setTransform(1, 0, 0, 1, 0, 0);
    if (this.layers.marks) for (const mark of this.of.marks) this.drawMark(mark, view, ratio);
    if (this.cross && this.cross[0] === this.at) this.drawCross(view, ratio);
    this.say();
  }
  toCanvas(view, row, column) { return [view[0] * (column + 0.5) + view[4], view[3] * (row + 0.5) + view[5]]; }
  drawMark(mark, view, ratio) {
    const [slice, row, column] = mark.at, [depth, , across] = this.of.spacing;
    if (Math.abs(slice - this.at) * depth > Math.max(mark.mm / 2, depth / 2)) return;
    const [x, y] = this.toCanvas(view, row, column), r = Math.max((mark.mm / 2 + 4) / across, 8) * Math.abs(view[0]);
    const ink = this.ink; ink.strokeStyle = "#ffd600"; ink.lineWidth = 1.5 * ratio; ink.setLineDash([6 * ratio, 4 * ratio]);
    ink.beginPath(); ink.arc(x, y, r, 0, 2 * Math.PI); ink.stroke(); ink.setLineDash([]);
    ink.font = `${13 * ratio}px system-ui, sans-serif`; ink.lineWidth = 3 * ratio; ink.strokeStyle = "#000"; ink.fillStyle = "#ffd600";
    ink.strokeText(mark.name, x + r * 0.75, y - r * 0.75); ink.fillText(mark.name, x + r * 0.75, y - r * 0.75);
  }
  drawCross(view, ratio) {
    const [x, y] = this.toCanvas(view, this.cross[1], this.cross[2]), ink = this.ink, far = 14 * ratio, near = 4 * ratio;
    ink.strokeStyle = "#7fe3ff"; ink.lineWidth = 1.5 * ratio; ink.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { ink.moveTo(x + dx * near, y + dy * near); ink.lineTo(x + dx * far, y + dy * far); }
    ink.stroke();
  }

  /* what a net drew */
  async fetchEvidence(mark) {
    try {
      const answer = await fetch(`${this.base}/evidence/${mark.number}`);
      if (!answer.ok) return;
      const found = await answer.json();
      const bits = Uint8Array.from(atob(found.mask.bits), (c) => c.charCodeAt(0));
      const maps = found.maps.map((m) => ({ ...m, steps: Int8Array.from(atob(m.steps), (c) => (c.charCodeAt(0) << 24) >> 24) }));
      this.evidence.set(mark.number, { mask: { ...found.mask, bits }, maps });
      this.layerButtons(); this.draw();
    } catch { this.note("An outline could not be loaded."); }
  }
  drawEvidence(view, ratio) {
    for (const { mask, maps } of this.evidence.values()) {
      const map = maps[this.layers.saliency];
      if (map && map.start[0] === this.at) this.drawMap(map);
      if (this.layers.outline) this.drawOutline(mask, view, ratio);
    }
  }
  drawMap({ start, shape, steps }) {
    const [, rows, columns] = shape, sheet = document.createElement("canvas"); sheet.width = columns; sheet.height = rows;
    const ink = sheet.getContext("2d"), data = ink.createImageData(columns, rows);
    steps.forEach((value, i) => data.data.set(value > 0 ? [230, 159, 0, Math.min(190, value * 1.5)] : [0, 130, 200, Math.min(190, -value * 1.5)], i * 4));
    ink.putImageData(data, 0, 0); this.ink.drawImage(sheet, start[2], start[1]);
  }
  drawOutline({ start, shape, bits }, view, ratio) {
    const k = this.at - start[0], [depth, rows, columns] = shape;
    if (k < 0 || k >= depth) return;
    const inside = (r, c) => { if (r < 0 || c < 0 || r >= rows || c >= columns) return false; const i = (k * rows + r) * columns + c; return (bits[i >> 3] >> (7 - (i & 7))) & 1; };
    const ink = this.ink; ink.strokeStyle = "#f0e442"; ink.lineWidth = (1.5 * ratio) / Math.abs(view[0]); ink.beginPath();
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
      if (!inside(r, c)) continue;
      const x = start[2] + c, y = start[1] + r;
      if (!inside(r - 1, c)) { ink.moveTo(x, y); ink.lineTo(x + 1, y); }
      if (!inside(r + 1, c)) { ink.moveTo(x, y + 1); ink.lineTo(x + 1, y + 1); }
      if (!inside(r, c - 1)) { ink.moveTo(x, y); ink.lineTo(x, y + 1); }
      if (!inside(r, c + 1)) { ink.moveTo(x + 1, y); ink.lineTo(x + 1, y + 1); }
    }
    ink.stroke();
  }
  layerButtons() {
    const place = one("[data-layers]", this.root), maps = Math.max(0, ...[...this.evidence.values()].map((e) => e.maps.length));
    const wanted = [];
    if (this.of.marks.length) wanted.push(["Marks", () => this.layers.marks, () => (this.layers.marks = !this.layers.marks)]);
    if (this.evidence.size) wanted.push(["Outline", () => this.layers.outline, () => (this.layers.outline = !this.layers.outline)]);
    for (let i = 0; i < maps; i++) {
      const of = [...this.evidence.values()].map((e) => e.maps[i]).find(Boolean).of.replaceAll("_", " ");
      wanted.push([`Saliency: ${of}`, () => this.layers.saliency === i, () => this.turnSaliency(this.layers.saliency === i ? -1 : i)]);
    }
    place.replaceChildren(...wanted.map(([words, on, turn]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
      const tell = () => button.setAttribute("aria-pressed", String(on()));
      button.addEventListener("click", () => { turn(); this.layerButtons(); this.draw(); }); tell();
      return button;
    }));
  }
  cycleSaliency() {
    const maps = Math.max(0, ...[...this.evidence.values()].map((e) => e.maps.length));
    this.turnSaliency(this.layers.saliency + 1 < maps ? this.layers.saliency + 1 : -1); this.layerButtons(); this.draw();
  }
  turnSaliency(number) { // a map lies on one slice: go there, and say how it is read
    this.layers.saliency = number;
    const current = this.evidence.get(this.of.marks[this.going]?.number)?.maps[number];
    const map = current || [...this.evidence.values()].map((e) => e.maps[number]).find(Boolean);
    if (!map) { this.note(""); return; }
    const of = map.of.replaceAll("_", " "), before = Math.round(100 * map.before), most = (100 * map.largest).toFixed(1);
    this.note(`Saliency, on slice ${map.start[0] + 1}. Orange: covered, the probability of "${of}" (${before} %) falls, so this place carries it; blue: it rises. ` +
      `No place changes it by more than ${most} points. It shows what the net attends to, not where disease is.`);
    if (map.start[0] !== this.at) this.show(map.start[0]);
  }

  /* findings */
  marks() {
    const jump = one("[data-jump]", this.root);
    for (const mark of this.of.marks) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${mark.name}: slice ${Math.round(mark.at[0]) + 1}` });
      button.addEventListener("click", () => this.go(mark)); jump.append(button);
      for (const other of all(`[data-go="${mark.number}"]`)) { other.hidden = false; other.addEventListener("click", () => { this.go(mark); this.canvas.focus(); this.root.scrollIntoView({ block: "nearest" }); }); }
    }
    this.layerButtons();
  }
  go(mark) { this.going = this.of.marks.indexOf(mark); if (this.zoom > 1) this.centre_on(mark.at.slice(1)); return this.show(Math.round(mark.at[0])); }
  goNext(step) { const { marks } = this.of; if (marks.length) this.go(marks[((this.going ?? -1) + step + marks.length) % marks.length]); }

  /* the cross */
  place(event) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / box.width, view = this.view();
    const column = ((event.clientX - box.left) * ratio - view[4]) / view[0] - 0.5, row = ((event.clientY - box.top) * ratio - view[5]) / view[3] - 0.5;
    if (row < -0.5 || column < -0.5 || row > this.rows - 0.5 || column > this.columns - 0.5) return;
    this.cross = [this.at, row, column]; this.draw();
    for (const button of all("[data-take]")) button.disabled = false;
  }
  position() {
    const { origin, axes, spacing } = this.of;
    return origin.map((o, i) => o + this.cross.reduce((sum, index, a) => sum + index * spacing[a] * axes[a][i], 0));
  }
  say() {
    const greys = this.named ? { lung: "lung", soft: "mediastinum", bone: "bone" }[this.named] : "own";
    one("[data-about]", this.root).textContent = `Slice ${this.at + 1} of ${this.count}\n${greys} ${Math.round(this.centre)} / ${Math.round(this.width)} HU\n${this.zoom.toFixed(1)}x`;
    const at = one("[data-at]", this.root);
    if (!this.cross) { at.textContent = ""; return; }
    const here = this.cross[0] === this.at && this.hu ? `${this.hu[Math.round(this.cross[1]) * this.columns + Math.round(this.cross[2])]} HU at ` : `slice ${this.cross[0] + 1}, `;
    at.textContent = `Cross: ${here}${this.position().map((p) => p.toFixed(1)).join(", ")} mm`;
  }

  /* what a person does */
  listen() {
    const { canvas, root } = this;
    one("[data-slice]", root).addEventListener("input", (event) => this.show(Number(event.target.value) - 1));
    for (const button of all("[data-window]", root)) button.addEventListener("click", () => this.window(button.dataset.window));
    for (const button of all("[data-zoom]", root)) button.addEventListener("click", () => this.magnify(Number(button.dataset.zoom)));
    one("[data-reset]", root).addEventListener("click", () => { this.reset(); this.draw(); });
    for (const button of all("[data-drag]", root)) button.addEventListener("click", () => {
      this.drag = button.dataset.drag;
      for (const other of all("[data-drag]", root)) other.setAttribute("aria-pressed", String(other === button));
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) this.magnify(event.deltaY < 0 ? 1.1 : 1 / 1.1);
      else { this.turned = (this.turned || 0) + event.deltaY; const steps = Math.trunc(this.turned / 40); if (steps) { this.turned -= steps * 40; this.scroll(Math.sign(steps)); } }
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.grab(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.takeButtons();
  }
  magnify(by) {
    const spot = this.focus(), before = spot && this.toCanvas(this.view(), ...spot);
    const zoom = Math.max(0.5, Math.min(20, this.zoom * by)), real = zoom / this.zoom;
    this.zoom = zoom; this.panX *= real; this.panY *= real;
    if (before) { const after = this.toCanvas(this.view(), ...spot); this.panX += before[0] - after[0]; this.panY += before[1] - after[1]; }
    this.draw();
  }
  focus() { // what stays in its place while the image grows: the cross, else the finding that was gone to
    if (this.cross && this.cross[0] === this.at) return this.cross.slice(1);
    const mark = this.of.marks[this.going];
    return mark && Math.round(mark.at[0]) === this.at ? mark.at.slice(1) : null;
  }
  centre_on([row, column]) {
    const [x, y] = this.toCanvas(this.view(), row, column);
    this.panX += this.canvas.width / 2 - x; this.panY += this.canvas.height / 2 - y;
  }
  grab(down) {
    const { canvas } = this, start = { x: down.clientX, y: down.clientY };
    const what = down.shiftKey || down.button === 1 ? "pan" : this.drag;
    let moved = false, last = start;
    canvas.setPointerCapture(down.pointerId); canvas.focus({ preventScroll: true }); down.preventDefault();
    const move = (event) => {
      const ratio = window.devicePixelRatio || 1, dx = event.clientX - last.x, dy = event.clientY - last.y;
      if (!moved && Math.hypot(event.clientX - start.x, event.clientY - start.y) < 4) return;
      moved = true; last = { x: event.clientX, y: event.clientY };
      if (what === "pan") { this.panX += dx * ratio; this.panY += dy * ratio; }
      else if (what === "zoom") { this.magnify(1 - dy / 200); return; }
      else { this.width = Math.max(1, this.width + dx * 4); this.centre += dy * 2; this.named = ""; for (const b of all("[data-window]", this.root)) b.setAttribute("aria-pressed", "false"); this.paint(); }
      this.draw();
    };
    const up = (event) => {
      canvas.removeEventListener("pointermove", move); canvas.removeEventListener("pointerup", up); canvas.removeEventListener("pointercancel", up);
      if (!moved && event.type === "pointerup") this.place(event);
    };
    canvas.addEventListener("pointermove", move); canvas.addEventListener("pointerup", up); canvas.addEventListener("pointercancel", up);
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowDown: () => this.scroll(1), ArrowUp: () => this.scroll(-1), PageDown: () => this.scroll(10), PageUp: () => this.scroll(-10),
      Home: () => this.show(this.of.down > 0 ? 0 : this.count - 1), End: () => this.show(this.of.down > 0 ? this.count - 1 : 0),
      1: () => this.window("lung"), 2: () => this.window("soft"), 3: () => this.window("bone"),
      "+": () => this.magnify(1.25), "-": () => this.magnify(0.8), 0: () => { this.reset(); this.draw(); },
      n: () => this.goNext(1), p: () => this.goNext(-1), s: () => this.cycleSaliency(),
      m: () => { this.layers.marks = !this.layers.marks; this.layerButtons(); this.draw(); },
      o: () => { this.layers.outline = !this.layers.outline; this.layerButtons(); this.draw(); },
    };
    const act = acts[event.key];
    if (act) { act(); event.preventDefault(); }
  }
  takeButtons() {
    for (const field of all("input[data-position]")) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "Take the cross", disabled: true });
      button.dataset.take = "";
      button.addEventListener("click", () => { field.value = this.position().map((p) => p.toFixed(1)).join(", "); field.dispatchEvent(new Event("input", { bubbles: true })); });
      field.after(button);
    }
  }
}

const list = one("[data-keys]"); if (list) listKeys(list);
for (const form of all("[data-preview]")) livePreview(form);
const place = one("[data-viewer]");
if (place) { const made = new Viewer(place); made.start().catch(() => made.fail("The service does not answer.")); }
const problem = one("#problem"); if (problem) problem.focus();
