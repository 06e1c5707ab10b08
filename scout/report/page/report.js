
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("places").textContent);
  const canvas = document.getElementById("map");
  const tip = document.getElementById("tip");
  const pen = canvas.getContext("2d");
  const KM_PER_DEGREE = 111.195;
  const [centerLng, centerLat] = data.center;
  const kmPerLng = KM_PER_DEGREE * Math.cos((centerLat * Math.PI) / 180);
  // Kilometres from the centre of the run, east and north: a flat map is true enough for a city.
  const places = data.places.map((place) => ({
    x: (place[0] - centerLng) * kmPerLng,
    y: (place[1] - centerLat) * KM_PER_DEGREE,
    rank: place[2],
    primary: place[3] === 1,
    name: place[4],
    category: place[5],
    sources: place[6],
  }));
  const view = { x: 0, y: 0, zoom: 1 };
  let width = 0;
  let height = 0;
  let drawn = [];

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const scale = () => (Math.min(width, height) / (2.15 * data.radiusKm)) * view.zoom;
  const toScreen = (x, y) => [width / 2 + (x - view.x) * scale(), height / 2 - (y - view.y) * scale()];
  const toMap = (px, py) => [view.x + (px - width / 2) / scale(), view.y - (py - height / 2) / scale()];

  function size() {
    const ratio = window.devicePixelRatio || 1;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
  }

  function step(span) {
    const sizes = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
    return sizes.find((one) => one >= span / 7) || 1;
  }

  function graticule() {
    const [west, north] = toMap(0, 0);
    const [east, south] = toMap(width, height);
    pen.strokeStyle = color("--line");
    pen.fillStyle = color("--soft");
    pen.font = "11px system-ui, sans-serif";
    pen.lineWidth = 1;
    const lines = (from, to, each) => {
      for (let at = Math.ceil(from / each) * each; at <= to; at += each) each_line(at, each);
    };
    let each_line;
    const digits = (each) => Math.max(0, -Math.floor(Math.log10(each)));
    each_line = (lng, each) => {
      const [px] = toScreen((lng - centerLng) * kmPerLng, 0);
      pen.beginPath(); pen.moveTo(px, 0); pen.lineTo(px, height); pen.stroke();
      pen.fillText(`${lng.toFixed(digits(each))}°`, px + 3, height - 5);
    };
    lines(centerLng + west / kmPerLng, centerLng + east / kmPerLng, step((east - west) / kmPerLng));
    each_line = (lat, each) => {
      const [, py] = toScreen(0, (lat - centerLat) * KM_PER_DEGREE);
      pen.beginPath(); pen.moveTo(0, py); pen.lineTo(width, py); pen.stroke();
      pen.fillText(`${lat.toFixed(digits(each))}°`, 4, py - 4);
    };
    lines(centerLat + south / KM_PER_DEGREE, centerLat + north / KM_PER_DEGREE, step((north - south) / KM_PER_DEGREE));
  }

  function disc() {
    const [px, py] = toScreen(0, 0);
    pen.strokeStyle = color("--soft");
    pen.setLineDash([6, 5]);
    pen.beginPath(); pen.arc(px, py, data.radiusKm * scale(), 0, 2 * Math.PI); pen.stroke();
    pen.setLineDash([]);
  }

  // From 9 pixels for the first to 2 for all beyond the thousandth.
  const radius = (place) => {
    const rank = place.rank || 1000;
    return (9 - 7 * Math.min(1, Math.log10(rank) / 3)) * Math.min(2, Math.sqrt(Math.sqrt(view.zoom)));
  };

  function draw() {
    pen.clearRect(0, 0, width, height);
    graticule();
    disc();
    drawn = [];
    const fill = { true: color("--primary"), false: color("--secondary") };
    // The first ranks last, so that they lie on top.
    for (let index = places.length - 1; index >= 0; index -= 1) {
      const place = places[index];
      const [px, py] = toScreen(place.x, place.y);
      const r = radius(place);
      if (px < -r || py < -r || px > width + r || py > height + r) continue;
      pen.globalAlpha = place.primary ? 0.9 : 0.5;
      pen.fillStyle = fill[place.primary];
      pen.beginPath(); pen.arc(px, py, r, 0, 2 * Math.PI); pen.fill();
      drawn.push({ place, px, py, r });
    }
    pen.globalAlpha = 1;
    labels();
    document.getElementById("drawn").textContent =
      `${drawn.length.toLocaleString("en")} of ${places.length.toLocaleString("en")} places are in view.`;
    document.body.dataset.drawn = drawn.length;
  }

  function labels() {
    pen.font = "600 12px system-ui, sans-serif";
    pen.fillStyle = color("--ink");
    pen.strokeStyle = color("--paper");
    pen.lineWidth = 3;
    const taken = [];
    for (let index = drawn.length - 1; index >= 0 && taken.length < 40; index -= 1) {
      const { place, px, py, r } = drawn[index];
      const box = [px + r + 2, py - 8, px + r + 4 + pen.measureText(place.name).width, py + 8];
      if (box[2] > width || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      if (taken.length >= 12 * Math.sqrt(view.zoom)) break;
      taken.push(box);
      pen.strokeText(place.name, box[0], py + 4);
      pen.fillText(place.name, box[0], py + 4);
    }
  }

  function zoom(factor, px = width / 2, py = height / 2) {
    const [x, y] = toMap(px, py);
    view.zoom = Math.min(400, Math.max(0.5, view.zoom * factor));
    const [nx, ny] = toMap(px, py);
    view.x += x - nx;
    view.y += y - ny;
    draw();
  }

  function all() {
    Object.assign(view, { x: 0, y: 0, zoom: 1 });
    draw();
  }

  function show(px, py) {
    let best = null;
    for (let index = drawn.length - 1; index >= 0; index -= 1) {
      const one = drawn[index];
      const away = Math.hypot(one.px - px, one.py - py) - one.r;
      if (away < 4 && (best === null || away < best.away)) best = { away, place: one.place };
    }
    tip.hidden = best === null;
    if (best === null) return;
    const { place } = best;
    const seen = place.sources.map((index) => data.sources[index]).join(", ");
    tip.textContent = `${place.rank || "–"}. ${place.name}${place.category ? ` (${place.category})` : ""}; ${seen}`;
    tip.style.left = `${Math.min(px + 12, width - 200)}px`;
    tip.style.top = `${py + 14}px`;
  }

  const held = new Map();
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    if (!held.has(event.pointerId)) { show(...now); return; }
    const before = held.get(event.pointerId);
    const other = [...held].find(([id]) => id !== event.pointerId);
    held.set(event.pointerId, now);
    if (other) {
      const apart = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]) || 1;
      zoom(apart(now) / apart(before), (now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2);
    } else {
      view.x -= (now[0] - before[0]) / scale();
      view.y += (now[1] - before[1]) / scale();
      draw();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => held.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...at(event));
  }, { passive: false });
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") all();
    else if (moves[event.key]) {
      view.x += (moves[event.key][0] * 60) / scale();
      view.y += (moves[event.key][1] * 60) / scale();
      draw();
    } else return;
    event.preventDefault();
  });
  document.getElementById("in").addEventListener("click", () => zoom(1.5));
  document.getElementById("out").addEventListener("click", () => zoom(1 / 1.5));
  document.getElementById("all").addEventListener("click", all);

  // A link to a part of the map: #zoom=8&lat=55.95&lng=-3.19
  function fromAddress() {
    const asked = new URLSearchParams(window.location.hash.slice(1));
    const number = (name, otherwise) => (Number.isFinite(parseFloat(asked.get(name))) ? parseFloat(asked.get(name)) : otherwise);
    view.zoom = Math.min(400, Math.max(0.5, number("zoom", 1)));
    view.x = (number("lng", centerLng) - centerLng) * kmPerLng;
    view.y = (number("lat", centerLat) - centerLat) * KM_PER_DEGREE;
    draw();
  }
  window.addEventListener("hashchange", fromAddress);
  window.addEventListener("resize", size);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  size();
  if (window.location.hash) fromAddress();
  document.body.dataset.places = places.length;
})();
