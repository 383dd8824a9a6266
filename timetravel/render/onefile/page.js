"use strict";
/* The travel in one file: no server, no request. Data are little-endian blobs, gzipped, in base64. */
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };
  const count = data.samples, stops = data.epochs.length;
  const places = await Promise.all(data.positions.map(async (text) => new Uint16Array(await unpack(text))));
  const predicted = await Promise.all(data.predicted.map(async (text) => new Int16Array(await unpack(text))));
  const confidence = await Promise.all(data.confidence.map(async (text) => new Uint8Array(await unpack(text))));
  const labels = new Int16Array(await unpack(data.labels));
  const grounds = await Promise.all(data.regions.map(async (text) => (text ? new Uint8Array(await unpack(text)) : null)));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const canvas = document.getElementById("map"), pen = canvas.getContext("2d"), card = document.getElementById("card");
  const hidden = new Set(), trails = new Set();
  const state = { stop: stops - 1, from: stops - 1, share: 1, view: { x: 0.5, y: 0.5, size: 1 }, hover: -1, playing: 0 };
  const images = data.sheet ? Object.assign(new Image(), { src: data.sheet }) : null;
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const colors = () => (dark.matches ? data.palette.dark : data.palette.light);
  const tints = () => (dark.matches ? data.tints.dark : data.tints.light);
  const tile = document.createElement("canvas");
  let painted = "";

  function ground() {
    const codes = grounds[state.stop];
    if (!codes) return false;
    const key = `${state.stop}/${dark.matches}`;
    if (painted === key) return true;
    painted = key;
    const side = data.resolution, picture = new ImageData(side, side), shades = tints().map(rgb);
    tile.width = tile.height = side;
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const from = ((side - 1 - row) * side + column) * 3, to = (row * side + column) * 4;
        const shade = shades[codes[from] + 256 * codes[from + 1]] ?? [128, 128, 128];
        picture.data.set([shade[0], shade[1], shade[2], codes[from + 2]], to);
      }
    }
    tile.getContext("2d").putImageData(picture, 0, 0);
    return true;
  }

  function frame() {
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio)) { canvas.width = Math.round(width * ratio); }
    if (canvas.height !== Math.round(height * ratio)) { canvas.height = Math.round(height * ratio); }
    const scale = Math.min(width, height) * 0.94 / state.view.size;
    return { ratio, width, height, scale, x: (u) => width / 2 + (u - state.view.x) * scale, y: (v) => height / 2 - (v - state.view.y) * scale };
  }
  const at = (stop, row) => { const p = places[stop]; return p[2 * row] === 65535 ? null : [p[2 * row] / 65534, p[2 * row + 1] / 65534]; };
  function place(row) {
    const end = at(state.stop, row), start = at(state.from, row);
    if (!end || state.share >= 1 || !start) return end;
    return [start[0] + (end[0] - start[0]) * state.share, start[1] + (end[1] - start[1]) * state.share];
  }

  function draw() {
    const f = frame(), shades = colors(), ink = getComputedStyle(document.body).color;
    pen.setTransform(f.ratio, 0, 0, f.ratio, 0, 0);
    pen.clearRect(0, 0, f.width, f.height);
    if (document.getElementById("regions").checked && ground()) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(tile, f.x(0), f.y(1), f.scale, f.scale);
    }
    const size = Math.max(1.4, Math.min(4, 900 / Math.sqrt(count) / 6)) * Math.min(2.2, Math.max(1, 1 / Math.sqrt(state.view.size)));
    for (let row = 0; row < count; row++) {
      if (hidden.has(labels[row])) continue;
      const p = place(row);
      if (!p) continue;
      const x = f.x(p[0]), y = f.y(p[1]);
      if (x < -5 || y < -5 || x > f.width + 5 || y > f.height + 5) continue;
      pen.fillStyle = shades[labels[row]] ?? "#8a8f98";
      pen.beginPath();
      pen.arc(x, y, size, 0, 7);
      pen.fill();
      if (labels[row] >= 0 && predicted[state.stop][row] >= 0 && predicted[state.stop][row] !== labels[row]) {
        pen.strokeStyle = ink;
        pen.lineWidth = 1;
        pen.beginPath();
        pen.moveTo(x - size, y - size); pen.lineTo(x + size, y + size); pen.moveTo(x - size, y + size); pen.lineTo(x + size, y - size);
        pen.stroke();
      }
    }
    for (const row of trails) trail(f, row, shades);
    if (state.hover >= 0) {
      const p = place(state.hover);
      if (p) { pen.strokeStyle = ink; pen.lineWidth = 2; pen.beginPath(); pen.arc(f.x(p[0]), f.y(p[1]), size + 4, 0, 7); pen.stroke(); }
    }
  }

  function trail(f, row, shades) {
    for (const [width, color] of [[5, getComputedStyle(document.documentElement).getPropertyValue("--ground")], [2.2, shades[labels[row]] ?? "#8a8f98"]]) {
      pen.strokeStyle = color; pen.lineWidth = width; pen.lineJoin = pen.lineCap = "round";
      pen.beginPath();
      let open = false;
      for (let stop = 0; stop < stops; stop++) {
        const p = at(stop, row);
        if (!p) { open = false; continue; }
        if (open) pen.lineTo(f.x(p[0]), f.y(p[1])); else pen.moveTo(f.x(p[0]), f.y(p[1]));
        open = true;
      }
      pen.stroke();
    }
    const end = at(state.stop, row);
    if (end) { pen.fillStyle = shades[labels[row]] ?? "#8a8f98"; pen.beginPath(); pen.arc(f.x(end[0]), f.y(end[1]), 6, 0, 7); pen.fill(); }
  }

  function words() {
    document.getElementById("epoch").textContent = `epoch ${data.epochs[state.stop]} of ${data.epochs[stops - 1]}${data.accuracy[state.stop] === null ? "" : ` · accuracy ${data.accuracy[state.stop].toFixed(3)}`}`;
    document.getElementById("figures").textContent = data.figures[state.stop];
  }

  function go(stop) {
    stop = Math.max(0, Math.min(stops - 1, stop));
    state.from = state.stop; state.stop = stop;
    document.getElementById("slider").value = String(stop);
    words();
    if (calm.matches || state.from === stop) { state.share = 1; draw(); return; }
    const start = performance.now();
    const step = (now) => {
      if (state.stop !== stop) return;
      const t = Math.min(1, (now - start) / 400);
      state.share = t * t * (3 - 2 * t);
      draw();
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  function nearest(event) {
    const f = frame(), box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = 144;
    for (let row = 0; row < count; row++) {
      if (hidden.has(labels[row])) continue;
      const p = place(row);
      if (!p) continue;
      const d = (f.x(p[0]) - x) ** 2 + (f.y(p[1]) - y) ** 2;
      if (d < least) { least = d; best = row; }
    }
    return { row: best, x, y };
  }

  function show({ row, x, y }) {
    state.hover = row;
    card.hidden = row < 0;
    if (row >= 0) {
      const guess = predicted[state.stop][row];
      card.replaceChildren();
      if (images) {
        const picture = document.createElement("canvas"), side = data.thumb;
        picture.width = picture.height = side;
        picture.getContext("2d").drawImage(images, (row % data.columns) * side, Math.floor(row / data.columns) * side, side, side, 0, 0, side, side);
        card.append(Object.assign(new Image(), { src: picture.toDataURL(), alt: "" }));
      }
      const text = document.createElement("div");
      text.append(...[`#${data.ids[row]}`, `label ${data.classes[labels[row]] ?? "unknown"}`, guess < 0 ? "not recorded here" : `predicted ${data.classes[guess]} (${(confidence[state.stop][row] / 255).toFixed(2)})`].map((line) => Object.assign(document.createElement("div"), { textContent: line })));
      card.append(text);
      card.style.left = `${Math.min(x + 16, canvas.clientWidth - 240)}px`;
      card.style.top = `${Math.min(y + 16, canvas.clientHeight - 90)}px`;
    }
    draw();
  }

  function play() {
    clearInterval(state.playing);
    const button = document.getElementById("play");
    if (state.playing) { state.playing = 0; button.textContent = "▶"; button.ariaLabel = "play"; return; }
    if (state.stop === stops - 1) go(0);
    button.textContent = "❚❚"; button.ariaLabel = "pause";
    state.playing = setInterval(() => (state.stop === stops - 1 ? play() : go(state.stop + 1)), 900);
  }

  document.getElementById("name").textContent = data.name;
  const slider = document.getElementById("slider");
  slider.max = String(stops - 1);
  slider.addEventListener("input", () => go(Number(slider.value)));
  document.getElementById("play").addEventListener("click", play);
  document.getElementById("regions").addEventListener("change", draw);
  document.getElementById("legend").append(...data.classes.map((name, index) => {
    const item = document.createElement("li"), button = Object.assign(document.createElement("button"), { type: "button" });
    const dot = document.createElement("i"), number = document.createElement("span");
    dot.dataset.index = String(index);
    number.textContent = String(labels.reduce((sum, label) => sum + (label === index ? 1 : 0), 0));
    button.append(dot, name, number);
    button.ariaPressed = "true";
    button.addEventListener("click", () => { if (hidden.has(index)) hidden.delete(index); else hidden.add(index); button.ariaPressed = String(!hidden.has(index)); draw(); });
    item.append(button);
    return item;
  }));
  const recolor = () => { for (const dot of document.querySelectorAll("#legend i")) dot.style.background = colors()[Number(dot.dataset.index)]; painted = ""; draw(); };
  dark.addEventListener("change", recolor);
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, y: event.clientY, view: { ...state.view }, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) { show(nearest(event)); return; }
    const f = frame(), dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    drag.moved ||= Math.hypot(dx, dy) > 3;
    state.view.x = drag.view.x - dx / f.scale; state.view.y = drag.view.y + dy / f.scale;
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) { const { row } = nearest(event); if (row >= 0) { if (trails.has(row)) trails.delete(row); else trails.add(row); } else trails.clear(); draw(); }
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => show({ row: -1, x: 0, y: 0 }));
  canvas.addEventListener("dblclick", () => { state.view = { x: 0.5, y: 0.5, size: 1 }; draw(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const f = frame(), box = canvas.getBoundingClientRect();
    const u = state.view.x + (event.clientX - box.left - f.width / 2) / f.scale, v = state.view.y - (event.clientY - box.top - f.height / 2) / f.scale;
    const by = Math.exp(event.deltaY * 0.0015), size = Math.max(0.02, Math.min(2, state.view.size * by)), real = size / state.view.size;
    state.view = { size, x: u + (state.view.x - u) * real, y: v + (state.view.y - v) * real };
    draw();
  }, { passive: false });
  addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "range") return;
    if (event.key === "ArrowLeft") go(state.stop - 1);
    else if (event.key === "ArrowRight") go(state.stop + 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(stops - 1);
    else if (event.key === " ") play();
    else return;
    event.preventDefault();
  });
  addEventListener("resize", draw);
  words();
  slider.value = String(state.stop);
  recolor();
  window.timetravel = { stats: () => ({ ready: true, epoch: data.epochs[state.stop], epochs: data.epochs, points: count, trails: [...trails] }), go, sampleAt: (row) => { const f = frame(), p = place(row); return p && [f.x(p[0]), f.y(p[1])]; } };
})();
