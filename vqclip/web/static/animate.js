// The tab Animate: curves that are edited by points, scenes and sound on a timeline, and the
// camera's path among grey cubes. Values come from the server, which computes them as a run does.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const {el, shape, setValue, box, COLOURS} = window.vqclip.tools;
  const SPANS = {"camera.zoom": 0.06, "camera.pan_x": 0.04, "camera.pan_y": 0.04, "camera.roll": 6,
    "camera.tilt": 6, "camera.swing": 6, "camera.forward": 0.3, "camera.right": 0.2, "camera.up": 0.2,
    "motion.steps": 6, "motion.hold": 3, "motion.noise": 0.2, "motion.rate": 0.2};
  const WIDE = 640, HIGH = 180, EDGE = 18;
  let found = null, key = "camera.zoom", playing = 0, moment = 0, points = null, range = [0, 1];

  function show(text) {
    const read = JSON.parse(text || "{}");
    const wrong = $("#vq-an-wrong");
    if (wrong) {
      wrong.replaceChildren(...(read.error ? [el("p", {class: "vq-wrong"}, read.error)] : []),
        ...(read.notes || []).filter((note) => !note.startsWith("the sentence is drawn as")).map((note) => el("p", {class: "vq-note"}, note)));
    }
    if (read.error || !read.curves) return;
    found = read;
    if (!(key in found.curves)) key = Object.keys(found.curves)[0];
    showTimeline();
    showEditor();
    begin();
  }

  // ---- scenes and sound --------------------------------------------------------------------------
  function showTimeline() {
    const root = $("#vq-timeline");
    if (!root) return;
    const seconds = found.frames / found.fps, drawing = shape("svg", {viewBox: `0 0 ${WIDE} 60`, preserveAspectRatio: "none"});
    const count = found.at.length, x = (n) => WIDE * n / Math.max(1, count - 1);
    found.scenes.forEach((scene, number) => {
      const top = scene.shares.map((share, n) => `${x(n).toFixed(1)},${(30 - 26 * share).toFixed(1)}`);
      drawing.append(shape("polygon", {points: `0,30 ${top.join(" ")} ${WIDE},30`, fill: COLOURS[number % COLOURS.length], "fill-opacity": 0.35}));
    });
    Object.entries(found.sound).forEach(([name, values]) => {
      const line = values.map((value, n) => `${x(n).toFixed(1)},${(58 - 24 * value).toFixed(1)}`).join(" ");
      drawing.append(name === "loud"
        ? shape("polygon", {points: `0,58 ${line} ${WIDE},58`, class: "vq-loud"})
        : shape("polyline", {points: line, class: "vq-curve", stroke: name === "pulse" ? "#b8496b" : "#8a6bbe"}));
    });
    drawing.append(shape("line", {x1: 0, x2: 0, y1: 0, y2: 60, class: "vq-now"}));
    const names = found.scenes.map((scene, number) => el("span", {dir: "auto"},
      el("i", {style: `background:${COLOURS[number % COLOURS.length]}`}), scene.text));
    const heard = Object.keys(found.sound);
    root.replaceChildren(el("div", {class: "vq-caption"},
      `${found.frames} frames, ${seconds.toFixed(seconds < 10 ? 1 : 0)} s at ${found.fps} a second`),
      ...(names.length || heard.length ? [drawing] : []), el("div", {class: "vq-legend"}, ...names,
        ...(heard.length ? [el("span", {}, `sound: ${heard.join(", ")}`)] : [])));
  }

  // ---- curves --------------------------------------------------------------------------------------
  function readPoints(text) {
    const parts = text.split(",").map((part) => /^\s*(-?[\d.]+)%:\s*(-?[\d.]+)\s*$/.exec(part));
    return parts.every(Boolean) ? parts.map((part) => [Number(part[1]) / 100, Number(part[2])]) : null;
  }
  const written = () => [...points].sort((a, b) => a[0] - b[0])
    .map(([share, value]) => `${+(share * 100).toFixed(1)}%: ${+value.toFixed(4)}`).join(", ");

  function write() {
    const lines = box("vq-an-lines");
    const kept = lines.value.split("\n").filter((line) => line.trim() && line.split("=")[0].trim() !== key);
    setValue(lines, [...kept, ...(points && points.length ? [`${key}=${written()}`] : [])].join("\n"));
  }

  function showEditor() {
    const root = $("#vq-curve");
    if (!root) return;
    const values = found.curves[key];
    points = readPoints(found.text[key]);
    const lows = [...values, ...(points || []).map((p) => p[1])], span = SPANS[key] || 1;
    range = [Math.min(...lows) - span / 2, Math.max(...lows) + span / 2];
    const select = el("select", {class: "vq-input", id: "vq-an-key", onchange: (event) => { key = event.target.value; showEditor(); }},
      ...Object.keys(found.curves).map((each) => el("option", {value: each, selected: each === key}, each)));
    const drawing = shape("svg", {viewBox: `0 0 ${WIDE} ${HIGH}`, class: "vq-editor", tabindex: 0});
    const told = points ? "Click to add a point, drag to move it, double-click to take it away."
      : Number.isNaN(Number(found.text[key])) ? `${found.text[key]} — click to replace it by points.`
      : `${found.text[key]} throughout — click to make it a curve.`;
    root.replaceChildren(el("div", {class: "vq-curve-head"}, el("label", {class: "vq-field"}, el("span", {}, "Curve"), select),
      el("button", {class: "vq-button", type: "button", onclick: () => { points = []; write(); }}, "As usual")),
      drawing, el("p", {class: "vq-note"}, told));
    paint(drawing, values);
    drawing.addEventListener("pointerdown", (event) => grab(event, drawing, values));
  }
  const toX = (share) => EDGE + (WIDE - 2 * EDGE) * share;
  const toY = (value) => HIGH - EDGE - (HIGH - 2 * EDGE) * (value - range[0]) / (range[1] - range[0]);

  function paint(drawing, values) {
    const grid = [range[0], (range[0] + range[1]) / 2, range[1]].flatMap((value) => {
      const label = shape("text", {x: EDGE + 2, y: toY(value) - 3, class: "vq-axis"});
      label.textContent = +value.toFixed(3);
      return [shape("line", {x1: EDGE, x2: WIDE - EDGE, y1: toY(value), y2: toY(value), class: "vq-zero"}), label];
    });
    const moved = points && points.length ? values.map((_, n) => at(n / Math.max(1, values.length - 1))) : values;
    const line = moved.map((value, n) => `${toX(n / Math.max(1, values.length - 1)).toFixed(1)},${toY(value).toFixed(1)}`);
    drawing.replaceChildren(...grid, shape("polyline", {points: line.join(" "), class: "vq-curve", stroke: COLOURS[0]}),
      ...(points || []).map(([share, value], number) => shape("circle", {cx: toX(share), cy: toY(value), r: 6, class: "vq-point", "data-point": number})));
  }
  function at(share) {  // between points, as long as nothing has come back from the server
    const sorted = [...points].sort((a, b) => a[0] - b[0]);
    if (share <= sorted[0][0]) return sorted[0][1];
    for (let n = 1; n < sorted.length; n += 1) {
      const [a, b] = [sorted[n - 1], sorted[n]];
      if (share <= b[0]) return a[1] + (b[1] - a[1]) * (share - a[0]) / Math.max(1e-9, b[0] - a[0]);
    }
    return sorted.at(-1)[1];
  }

  function grab(event, drawing, values) {
    const place = (now) => {
      const frame = drawing.getBoundingClientRect();
      const share = ((now.clientX - frame.left) / frame.width * WIDE - EDGE) / (WIDE - 2 * EDGE);
      const high = (HIGH - EDGE - (now.clientY - frame.top) / frame.height * HIGH) / (HIGH - 2 * EDGE);
      return [Math.min(1, Math.max(0, share)), range[0] + (range[1] - range[0]) * Math.min(1, Math.max(0, high))];
    };
    let number = event.target.dataset.point;
    if (number !== undefined && event.detail >= 2) {
      points.splice(Number(number), 1);
      write();
      return;
    }
    if (number === undefined) {
      if (!points) points = [[0, values[0]], [1, values.at(-1)]];
      points.push(place(event));
      number = points.length - 1;
    }
    const held = points[Number(number)];
    drawing.setPointerCapture(event.pointerId);
    const move = (now) => { [held[0], held[1]] = place(now); paint(drawing, values); };
    const drop = () => {
      drawing.removeEventListener("pointermove", move);
      drawing.removeEventListener("pointerup", drop);
      write();
    };
    drawing.addEventListener("pointermove", move);
    drawing.addEventListener("pointerup", drop);
    paint(drawing, values);
  }

  // ---- the camera ----------------------------------------------------------------------------------
  const multiply = (a, b) => [0, 1, 2].flatMap((r) => [0, 1, 2].map((c) => a[3 * r] * b[c] + a[3 * r + 1] * b[3 + c] + a[3 * r + 2] * b[6 + c]));
  const turnX = (t) => [1, 0, 0, 0, Math.cos(t), -Math.sin(t), 0, Math.sin(t), Math.cos(t)];
  const turnY = (t) => [Math.cos(t), 0, Math.sin(t), 0, 1, 0, -Math.sin(t), 0, Math.cos(t)];
  const turnZ = (t) => [Math.cos(t), -Math.sin(t), 0, Math.sin(t), Math.cos(t), 0, 0, 0, 1];
  const SAME = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const isFlight = () => found.camera.depth !== "";

  // Where the camera is at a sampled frame: for a flight a place and a turn, else a matrix of the plane.
  function path() {
    const per = found.camera.per === "second" ? 1 / found.fps : 1, stride = found.at.length > 1 ? found.at[1] - found.at[0] : 1;
    const value = (name, n) => found.curves[`camera.${name}`][n] * per * stride;
    const kept = [{view: SAME, place: [0, 0, 0]}];
    for (let n = 1; n < found.at.length; n += 1) {
      const {view, place} = kept[n - 1], degrees = Math.PI / 180;
      if (isFlight()) {
        const turned = multiply(view, multiply(turnY(value("swing", n) * degrees), multiply(turnX(value("tilt", n) * degrees), turnZ(-value("roll", n) * degrees))));
        const go = [value("right", n), -value("up", n), value("forward", n)];
        kept.push({view: turned, place: [0, 1, 2].map((r) => place[r] + turned[3 * r] * go[0] + turned[3 * r + 1] * go[1] + turned[3 * r + 2] * go[2])});
      } else {
        const zoom = found.curves["camera.zoom"][n] ** (per * stride), roll = value("roll", n) * degrees;
        const x = 2 * found.camera.x - 1, y = 2 * found.camera.y - 1;
        const lean = [1, 0, 0, 0, 1, 0, -Math.sin(value("swing", n) * degrees) * 0.6, Math.sin(value("tilt", n) * degrees) * 0.6, 1];
        const turn = multiply([1, 0, x, 0, 1, y, 0, 0, 1], multiply(multiply(turnZ(roll), [zoom, 0, 0, 0, zoom, 0, 0, 0, 1]), [1, 0, -x, 0, 1, -y, 0, 0, 1]));
        const pan = [1, 0, -2 * value("pan_x", n), 0, 1, -2 * value("pan_y", n), 0, 0, 1];
        kept.push({view: multiply(multiply(pan, multiply(turn, lean)), view), place: [0, 0, 0]});
      }
    }
    return kept;
  }

  // Cubes of a flight stand where its surfaces are; those of a picture lie on its plane.
  function cubes() {
    const made = [], depth = found.camera.depth;
    if (!isFlight()) {
      for (let row = -14; row <= 14; row += 1) for (let column = -14; column <= 14; column += 1) {
        made.push([column * 0.5, row * 0.5, 0]);
      }
    } else if (depth === "tunnel") {
      for (let z = 1; z < 60; z += 1.6) for (let n = 0; n < 10; n += 1) made.push([2.2 * Math.cos(n * Math.PI / 5), 2.2 * Math.sin(n * Math.PI / 5), z]);
    } else if (depth === "flat") {
      for (let row = -6; row <= 6; row += 1) for (let column = -6; column <= 6; column += 1) made.push([column, row, 6]);
    } else {
      for (let z = 1; z < 60; z += 1.5) for (let column = -10; column <= 10; column += 1) made.push([column * 1.5, 1, z]);
    }
    return made;
  }
  // Corners of each face, clockwise as seen from outside, and how light it is.
  const FACES = [[[0, 1, 3, 2], 0.78], [[4, 6, 7, 5], 0.5], [[0, 4, 5, 1], 0.95], [[2, 3, 7, 6], 0.6], [[0, 2, 6, 4], 0.7], [[1, 5, 7, 3], 0.55]];

  function begin() {
    const root = $("#vq-cubes");
    if (!root) return;
    let canvas = $("canvas", root);
    if (!canvas) {
      canvas = el("canvas", {width: 720, height: 360});
      root.replaceChildren(canvas, el("p", {class: "vq-note"}, "The camera's path among grey cubes. Nothing is drawn yet."));
    }
    const way = path(), things = cubes();
    cancelAnimationFrame(playing);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let last = 0;
    const tick = (time) => {
      if (!canvas.isConnected) return;
      playing = requestAnimationFrame(tick);
      if (!canvas.offsetParent || time - last < 33) return;
      moment = still ? way.length - 1 : (moment + (last ? (time - last) / 1000 : 0) * found.fps * way.length / found.frames) % way.length;
      last = time;
      paintCubes(canvas, way[Math.min(way.length - 1, Math.floor(moment))], things);
      const now = $("#vq-timeline .vq-now");
      if (now) { const x = WIDE * moment / way.length; now.setAttribute("x1", x); now.setAttribute("x2", x); }
    };
    playing = requestAnimationFrame(tick);
  }

  function paintCubes(canvas, {view, place}, things) {
    const pen = canvas.getContext("2d"), dark = $("body").classList.contains("dark") || $(".dark") !== null;
    const {width, height} = canvas, ground = dark ? 22 : 236;
    pen.fillStyle = `rgb(${ground},${ground - 2},${ground - 6})`;
    pen.fillRect(0, 0, width, height);
    const focal = height / 2 / Math.tan(found.camera.view * Math.PI / 360), x0 = width * found.camera.x, y0 = height * found.camera.y;
    const project = isFlight()
      ? ([x, y, z]) => {
        const [a, b, c] = [x - place[0], y - place[1], z - place[2]];
        const far = view[2] * a + view[5] * b + view[8] * c;
        return far < 0.12 ? null : [x0 + focal * (view[0] * a + view[3] * b + view[6] * c) / far, y0 + focal * (view[1] * a + view[4] * b + view[7] * c) / far, far];
      }
      : ([x, y, z]) => {
        const w = view[6] * x + view[7] * y + view[8];
        if (w < 0.05) return null;
        const lift = 1 + z * 0.25;
        return [width / 2 + height / 2 * lift * (view[0] * x + view[1] * y + view[2]) / w, height / 2 + height / 2 * lift * (view[3] * x + view[4] * y + view[5]) / w, 4 - z];
      };
    const size = isFlight() ? 0.32 : 0.13;
    const drawn = things.map((middle) => {
      const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => project([middle[0] + size * (n & 1 ? 1 : -1), middle[1] + size * (n & 2 ? 1 : -1), isFlight() ? middle[2] + size * (n & 4 ? 1 : -1) : (n & 4 ? 0 : 0.6)]));
      return corners.includes(null) ? null : {corners, far: Math.max(...corners.map((each) => each[2]))};
    }).filter(Boolean).sort((a, b) => b.far - a.far);
    for (const {corners, far} of drawn) {
      const fog = isFlight() ? Math.min(1, far / 26) : 0;
      const isSeen = (face) => face.reduce((sum, n, at) => {
        const [x, y] = corners[n], [x1, y1] = corners[face[(at + 1) % 4]];
        return sum + x * y1 - x1 * y;
      }, 0) > 0;
      for (const [face, light] of FACES) {
        if (!isSeen(face)) continue;
        const grey = dark ? 60 + 150 * light : 40 + 170 * light, tone = Math.round(grey + (ground - grey) * fog);
        pen.beginPath();
        face.forEach((n, first) => (first ? pen.lineTo : pen.moveTo).call(pen, corners[n][0], corners[n][1]));
        pen.closePath();
        pen.fillStyle = `rgb(${tone},${tone},${tone})`;
        pen.fill();
      }
    }
  }

  window.vqclip.animate = show;
})();
