// The page's own part: what changes while one looks. Everything that comes from a run is put
// into the page as text, never as HTML.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const SVG = "http://www.w3.org/2000/svg";
  const WORDS = {
    waiting: "loading the models …", queued: "waits until those before it are done",
    drawing: "drawing", paused: "paused", done: "done", withdrawn: "taken out of the queue",
    stopped: "stopped, and saved", failed: "failed", ended: "ended before it was done",
  };
  const NAMES = {
    stop: "Stop and save", resume: "Go on", again: "Again", vary: "Vary", film: "Make a film",
    trash: "Move to the bin", steer: "Steer",
  };
  const COLOURS = ["#d9682b", "#2f7f86", "#8a6bbe", "#b58a1b", "#5b8f3f", "#b8496b", "#4c72b0"];

  function el(tag, props = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(props)) {
      if (key === "class") made.className = value;
      else if (key === "data") Object.assign(made.dataset, value);
      else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (key in made && key !== "list") made[key] = value;
      else made.setAttribute(key, value);
    }
    for (const child of children.flat()) if (child != null) made.append(child);
    return made;
  }
  const shape = (tag, props) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(props)) made.setAttribute(key, value);
    return made;
  };

  async function ask(path, values = {}) {
    const answer = await fetch(`/studio/${path}?${new URLSearchParams(values)}`);
    return read(answer);
  }
  async function send(path, values) {
    const answer = await fetch(`/studio/${path}`, {
      method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(values),
    });
    return read(answer);
  }
  async function read(answer) {
    let found;
    try { found = await answer.json(); } catch { found = {error: await answer.statusText}; }
    if (!answer.ok) throw new Error(found.error || answer.statusText);
    return found;
  }
  const pictureOf = (run, file, stamp) =>
    `/studio/picture/${file.split("/").map(encodeURIComponent).join("/")}?` +
    new URLSearchParams({run, v: stamp});
  const thumbOf = (run, stamp) => "/studio/thumbnail?" + new URLSearchParams({run, v: stamp});
  const isFilm = (name) => /\.(mp4|webm|mov)$/i.test(name);

  function lasting(seconds) {
    if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  }

  function setValue(box, text) {
    if (!box || box.value === text) return;
    const kind = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(box, text);
    box.dispatchEvent(new Event("input", {bubbles: true}));
  }
  const box = (id) => $(`#${id} textarea, #${id} input`);

  // ---- what is being drawn -------------------------------------------------------------------
  let watched = sessionStorage.getItem("vqclip-watched") || "";
  let works = [], lastState = "", lost = false;

  function follow(key) {
    watched = key;
    sessionStorage.setItem("vqclip-watched", key);
    poll();
  }

  let asking = false, again = false;
  async function poll() {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const found = await ask("state", {watch: watched});
      lost = false;
      works = found.works;
      if (!watched || found.watched === null) {
        const first = works.find((work) => ["drawing", "paused"].includes(work.status)) || works[0];
        if (first && first.key !== watched) { watched = first.key; again = true; }
      }
      showLive(found.watched);
      showWorks();
    } catch (error) {
      lost = true;
      showLost();
    }
    asking = false;
    if (again) { again = false; poll(); }
  }

  function showLost() {
    const panel = live();
    if (panel) {
      panel.line.textContent = "The page's server is not answering. Runs go on without it; " +
        "start vqclip web again to see them.";
      panel.root.dataset.status = "lost";
    }
  }

  let parts = null;
  function live() {
    const root = $("#vq-live");
    if (!root) return null;
    if (parts && parts.root === root && root.firstChild) return parts;
    const picture = el("img", {class: "vq-picture", alt: "", hidden: true});
    const film = el("video", {class: "vq-picture", loop: true, muted: true, autoplay: true,
      controls: true, hidden: true});
    const empty = el("div", {class: "vq-empty"},
      el("div", {class: "vq-empty-mark"}, "✎"),
      el("p", {}, "Write what you want to see, and press Draw."));
    const title = el("div", {class: "vq-title", dir: "auto"});
    const line = el("div", {class: "vq-line", role: "status"});
    const fill = el("div", {class: "vq-fill"});
    const facts = el("div", {class: "vq-facts"});
    const actions = el("div", {class: "vq-actions"});
    const error = el("div", {class: "vq-error", role: "alert", hidden: true});
    const steering = steerPanel(), queue = el("div", {class: "vq-queue", hidden: true});
    const family = el("div", {class: "vq-family", hidden: true});
    const history = el("div", {class: "vq-history", hidden: true});
    const curves = el("div", {class: "vq-curves", hidden: true});
    const said = el("pre", {class: "vq-said"});
    const more = el("details", {class: "vq-more"}, el("summary", {}, "What the command says"), said);
    root.replaceChildren(
      el("div", {class: "vq-stage"}, picture, film, empty),
      el("div", {class: "vq-bar"}, fill),
      el("div", {class: "vq-head"}, el("div", {class: "vq-told"}, title, line, facts), actions),
      queue, error, family, steering.root, history, curves, more);
    parts = {root, picture, film, empty, title, line, fill, facts, actions, error, steering, queue, family, history, curves, said, more};
    lastState = "";
    return parts;
  }

  function showLive(found) {
    const panel = live();
    if (!panel) return;
    const text = JSON.stringify(found);
    if (text === lastState) return;
    lastState = text;
    const state = found && found.state;
    panel.root.dataset.status = found ? found.status : "none";
    panel.empty.hidden = Boolean(state && state.picture);
    panel.empty.dataset.busy = found && found.status === "waiting" ? "yes" : "no";
    panel.empty.lastChild.textContent = !found ? "Write what you want to see, and press Draw."
      : found.status === "queued" ? "It is drawn when those before it are done."
      : found.status === "waiting" || found.status === "drawing" ? WORDS.waiting
      : "There is no picture.";
    panel.title.textContent = found ? (state && state.prompt) || found.title || found.run : "";
    showPicture(panel, state);
    showLine(panel, found, state);
    panel.error.hidden = !(found && found.error);
    panel.error.textContent = found ? found.error : "";
    showActions(panel.actions, found ? found.can || (found.alive ? ["stop"] : []) : [], found);
    panel.steering.show(found && found.can && found.can.includes("steer") ? found : null);
    showFamily(panel.family, found);
    showHistory(panel.history, state);
    showCurves(panel.curves, state);
    const said = found ? [...(found.words ? ["$ " + quoted(found.words)] : []), ...(found.said || [])] : [];
    panel.said.textContent = said.join("\n");
    panel.more.hidden = said.length === 0;
  }

  const quoted = (words) => words.map((word) =>
    /^[\w@%+=:,./\-\[\]]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ");

  function showPicture(panel, state) {
    const film = state && state.status === "done" && state.animated && isFilm(state.film);
    panel.film.hidden = !film;
    panel.picture.hidden = Boolean(film) || !(state && state.picture);
    if (film) {
      const source = pictureOf(state.name, state.film, state.stamp);
      if (panel.film.getAttribute("src") !== source) panel.film.src = source;
    } else if (state && state.picture) {
      const source = pictureOf(state.name, state.picture, state.stamp);
      if (panel.picture.dataset.source !== source) {
        panel.picture.dataset.source = source;
        const next = new Image();  // shown when it is there, so that nothing flickers
        next.onload = () => {
          if (panel.picture.dataset.source === source) {
            panel.picture.src = source;
            panel.picture.dataset.small = next.naturalWidth < 160 ? "yes" : "no";
            panel.picture.alt = state.prompt;
          }
        };
        next.src = source;
      }
    } else {
      panel.picture.removeAttribute("src");
      panel.picture.dataset.source = "";
    }
  }

  function showLine(panel, found, state) {
    if (!found) { panel.line.textContent = ""; panel.facts.textContent = ""; panel.fill.style.width = 0; return; }
    const told = [];
    if (found.variant) told.push(`${found.variant[0]} of ${found.variant[1]}`);
    told.push(WORDS[found.status] || found.status);
    if (state && state.step) {
      told.push(state.steps && found.status !== "done"
        ? `step ${state.step} of ${state.steps}` : `${state.step} steps`);
    }
    if (state && state.left !== null && found.status === "drawing") told.push(`about ${lasting(state.left)} left`);
    else if (state && state.seconds && found.status !== "waiting") told.push(lasting(state.seconds));
    panel.line.textContent = told.join(" · ");
    const share = !state ? 0 : found.status === "done" ? 1 : state.steps ? state.step / state.steps : 0;
    panel.fill.style.width = `${Math.round(100 * share)}%`;
    panel.facts.textContent = state
      ? [state.name, ...Object.entries(state.settings).map(([key, value]) => `${key} ${value}`)].join(" · ") : "";
  }

  function showActions(place, can, found) {
    const wanted = can.filter((each) => each !== "steer");
    const shown = [...place.children].map((each) => each.dataset.do).join();
    const waits = String(Boolean(found && found.status === "queued"));
    place.dataset.key = found ? found.key : "";
    place.dataset.run = found ? found.run : "";
    if (shown === wanted.join() && place.dataset.waits === waits) return;
    place.dataset.waits = waits;
    place.replaceChildren(...wanted.map((what) => el("button", {
      class: `vq-button vq-${what}`, type: "button", data: {do: what},
      onclick: (event) => act(event.currentTarget, what, place),
    }, found && found.status === "queued" && what === "stop" ? "Take out of the queue" : NAMES[what])));
  }

  async function act(button, what, place) {
    const run = place.dataset.run, key = what === "stop" ? place.dataset.key : run;
    if (what === "trash" && !confirm(`Move ${run} to the system's bin?`)) return;
    button.disabled = true;
    try {
      const {started, queued} = await send("do", {do: what, key});
      if (started) { begin(started, queued); openTab("Draw"); }
      if (what === "trash") { if (watched === run) watched = ""; closeDetails(); loadGallery(); }
      poll();
    } catch (error) { say(error.message); }
    setTimeout(() => { button.disabled = false; }, 1500);
  }

  // A run that is drawn is steered by the command of that name; it is hidden where there is none.
  function steerPanel() {
    const told = el("p", {class: "vq-note", role: "status"});
    const enter = (event) => { if (event.key === "Enter") change(); };
    const prompt = el("input", {class: "vq-input vq-steer-prompt", dir: "auto", onkeydown: enter});
    const lines = el("input", {class: "vq-input vq-steer-lines", placeholder: "losses.smoothness=4 optimiser.rate=0.1", onkeydown: enter});
    const button = (name, kind, onclick) => el("button", {class: `vq-button vq-${kind}`, type: "button", onclick}, name);
    const apply = button("Change", "change", () => change());
    const pause = button("Pause", "pause", () => order(paused ? "--continue" : "--pause"));
    const keep = button("Keep this moment", "keep", () => order("--keep"));
    const state = el("span", {class: "vq-steer-state"});
    let run = "", drawn = "", paused = false;

    function show(found) {
      root.hidden = !found;
      if (!found) { run = ""; return; }
      if (found.run !== run) { run = found.run; drawn = ""; prompt.value = lines.value = ""; tell("", false); }
      const now = found.state.prompt;
      if (prompt.value === drawn) prompt.value = now;  // what somebody types there stays
      drawn = now;
      paused = found.status === "paused";
      root.dataset.paused = paused ? "yes" : "no";
      state.textContent = paused ? `paused after step ${found.state.step}` : "what you change holds from the next step on";
      pause.textContent = paused ? "Continue" : "Pause";
    }
    function tell(text, wrong) {
      told.textContent = text;
      told.className = wrong ? "vq-wrong" : "vq-note";
      told.hidden = !text;
    }
    function change() {
      const words = lines.value.split(/\s*\n\s*|\s+(?=[a-z_.]+=)/).map((word) => word.trim()).filter(Boolean);
      if (prompt.value !== drawn) words.unshift(`prompts=${prompt.value}`);
      if (!words.length) { tell("Nothing is changed yet: write another prompt, other weights, or a setting.", true); return; }
      order(...words);
    }
    async function order(...words) {
      const own = run, buttons = [apply, pause, keep];
      tell("The run answers after its step …", false);
      buttons.forEach((each) => { each.disabled = true; });
      try {
        const {started: job} = await send("do", {do: "steer", key: own, words});
        let answer = {alive: true};
        while (answer.alive) { await rest(300); answer = await ask("job", {key: job}); }
        const reply = answer.events.find((each) => each.event === "steered");
        if (own === run) tell(answer.error || sentence(reply) || answer.said.at(-1) || "done", Boolean(answer.error));
        if (reply && reply.kind === "change") { lines.value = ""; drawn = prompt.value; }
      } catch (error) { tell(error.message, true); }
      buttons.forEach((each) => { each.disabled = false; });
      poll();
    }
    const sentence = (reply) => !reply ? "" : reply.kind === "change" ? `Changed from step ${reply.step + 1} on.`
      : reply.kind === "keep" ? `The picture after step ${reply.step} is kept.`
      : reply.kind === "pause" ? "It waits, and is saved." : "It goes on.";
    const field = (name, input) => el("label", {class: "vq-field"}, el("span", {}, name), input);
    const root = el("div", {class: "vq-steer", hidden: true},
      el("div", {class: "vq-steer-head"}, el("div", {class: "vq-caption"}, "Steer"), state,
        el("div", {class: "vq-row"}, keep, pause)),
      field("Prompt and weights", prompt), el("div", {class: "vq-row"}, field("Other settings, key=value", lines), apply), told);
    return {root, show};
  }

  function showCurves(place, state) {
    const names = state ? Object.keys(state.losses).filter((name) => name !== "total") : [];
    place.hidden = !state || state.at.length < 2;
    if (place.hidden) return;
    const wide = 600, high = 120, first = state.at[0], last = state.at.at(-1);
    const drawing = shape("svg", {viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", role: "img",
      "aria-label": "losses by step"});
    const legend = el("div", {class: "vq-legend"});
    const ranked = names.map((name) => [name, Math.max(...state.losses[name].map((v) => Math.abs(v || 0)))])
      .filter(([, most]) => most > 0).sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length);
    const every = ranked.flatMap(([name]) => state.losses[name]).filter((v) => v !== null);
    const low = Math.min(0, ...every), top = Math.max(...every, low + 1e-9);
    const zero = high - 4 - (high - 8) * (0 - low) / (top - low);
    drawing.append(shape("line", {x1: 0, x2: wide, y1: zero, y2: zero, class: "vq-zero"}));
    ranked.forEach(([name], number) => {
      const points = state.losses[name].map((value, n) => value === null ? null :
        `${(wide * (state.at[n] - first) / Math.max(1, last - first)).toFixed(1)},` +
        `${(high - 4 - (high - 8) * (value - low) / (top - low)).toFixed(1)}`).filter(Boolean);
      drawing.append(shape("polyline", {points: points.join(" "), stroke: COLOURS[number], class: "vq-curve"}));
      const now = state.losses[name].at(-1);
      legend.append(el("span", {}, el("i", {style: `background:${COLOURS[number]}`}),
        `${name} ${now === null ? "–" : now.toFixed(2)}`));
    });
    place.replaceChildren(el("div", {class: "vq-caption"}, "Losses"), drawing, legend);
  }

  function showQueue() {
    const panel = live(), waiting = works.filter((work) => work.status === "queued").reverse();
    if (!panel) return;
    panel.queue.hidden = waiting.length === 0;
    const text = JSON.stringify(waiting.map((work) => [work.key, work.title]));
    if (panel.queue.dataset.text === text) return;
    panel.queue.dataset.text = text;
    panel.queue.replaceChildren(el("span", {}, "Drawn next:"), ...waiting.map((work) => el("span", {class: "vq-chip"},
      el("button", {type: "button", dir: "auto", title: work.title, onclick: () => follow(work.key)}, work.title || work.run),
      el("button", {type: "button", class: "vq-withdraw", title: "take it out of the queue", "aria-label": "take it out of the queue",
        onclick: async () => { try { await send("do", {do: "stop", key: work.key}); } catch (error) { say(error.message); } poll(); }}, "✕"))));
  }

  // The offspring of one family by their numbers: to choose one, and vary it again.
  function showFamily(place, found) {
    const rows = found && found.family ? found.family : [];
    place.hidden = !rows.length;
    place.replaceChildren(...(rows.length ? [
      el("div", {class: "vq-caption"}, "Offspring: choose one by its number, and press Vary again"),
      el("div", {class: "vq-numbers"}, rows.map((row) => el("button", {class: "vq-number", type: "button",
        disabled: !row.stamp, data: {shown: row.run === found.run ? "yes" : "no"}, onclick: () => follow(row.run)},
        row.stamp ? el("img", {src: thumbOf(row.run, row.stamp), alt: ""}) : null, el("b", {}, String(row.number)))))] : []));
  }

  // What was changed on the way, and what was kept: the run's own notes.
  function showHistory(place, state) {
    const changes = state ? state.changes : [], kept = state ? state.kept : [];
    place.hidden = !changes.length && !kept.length;
    place.replaceChildren(
      changes.length ? el("div", {class: "vq-caption"}, "Changed on the way") : "",
      changes.length ? el("ul", {class: "vq-changes"}, changes.map((each) => el("li", {}, el("b", {}, `from step ${each.step + 1} on`),
        ...Object.entries(each.settings).map(([key, value]) => el("span", {dir: "auto"}, key === "prompts" ? value : `${key} = ${value}`))))) : "",
      kept.length ? el("div", {class: "vq-caption"}, "Kept on the way") : "",
      kept.length ? el("div", {class: "vq-kept"}, kept.map((file) => el("a", {href: pictureOf(state.name, file, ""), target: "_blank", rel: "noopener"},
        el("img", {src: pictureOf(state.name, file, ""), alt: ""}), `step ${parseInt(file.split("/")[1], 10)}`))) : "");
  }

  function showWorks() {
    showQueue();
    const root = $("#vq-works");
    if (!root) return;
    const known = new Map([...root.children].map((each) => [each.dataset.key, each]));
    const wanted = works.map((work) => {
      const card = known.get(work.key) || el("button", {
        class: "vq-work", type: "button", data: {key: work.key}, onclick: () => follow(work.key),
      }, el("img", {alt: "", hidden: true}), el("span", {class: "vq-dot"}));
      card.title = work.title || work.run;
      card.dataset.status = work.status;
      card.dataset.shown = work.key === watched || (work.run && work.run === watched) ? "yes" : "no";
      const picture = card.firstChild;
      if (work.stamp && work.run) {
        const source = thumbOf(work.run, work.stamp);
        if (picture.getAttribute("src") !== source) picture.src = source;
        picture.hidden = false;
      }
      return card;
    });
    const same = wanted.length === root.children.length && wanted.every((card, n) => root.children[n] === card);
    if (!same) root.replaceChildren(...wanted);
  }

  // ---- what is typed ---------------------------------------------------------------------------
  const chosen = {presets: [], drawer: ""};
  let parsing = 0, parsed = "";

  function asTyped() {
    const words = [];
    const add = (key, id) => { const found = box(id); if (found && found.value.trim()) words.push(`${key}=${found.value.trim()}`); };
    add("negative", "vq-negative"); add("style", "vq-style"); add("seed", "vq-seed"); add("size", "vq-size"); add("steps", "vq-steps");
    if (chosen.drawer) words.push(`drawer=${chosen.drawer}`);
    const lines = box("vq-lines");
    if (lines) words.push(...lines.value.split("\n").map((line) => line.trim()).filter((line) => line.includes("=")));
    return {prompt: box("vq-prompt") ? box("vq-prompt").value : "", presets: chosen.presets, words};
  }

  async function parse() {
    const root = $("#vq-parse");
    if (!root || !box("vq-prompt")) return;
    const asked = asTyped(), text = JSON.stringify(asked);
    if (text === parsed && root.firstChild) return;
    parsed = text;
    const number = ++parsing;
    let found;
    try { found = await send("parse", asked); } catch (error) { found = {error: error.message}; }
    if (number === parsing) showParse(root, found);
  }

  function showParse(root, found) {
    root.dataset.error = found.error ? "yes" : "no";
    if (found.error) { root.replaceChildren(el("p", {class: "vq-wrong"}, found.error)); return; }
    const most = Math.max(1, ...found.parts.map((part) => Math.abs(part.weight ?? 1)));
    const list = el("ul", {class: "vq-parts"}, found.parts.map((part) => el("li",
      {data: {sign: part.weight !== null && part.weight < 0 ? "minus" : "plus"}},
      el("span", {class: "vq-weight"}, el("i", {style: `width:${100 * Math.abs(part.weight ?? 1) / most}%`})),
      el("span", {dir: "auto"}, part.text))));
    const sketches = found.layouts.map((layout) => sketch(layout, found.aspect || 1));
    const notes = found.notes.filter((note) => !note.startsWith("the sentence is drawn as"));
    const told = found.parts.length === 0 ? [] : [
      [found.size, found.frames ? `${found.frames} frames` : `${found.steps} steps`,
        found.runs > 1 ? `${found.runs} pictures` : ""].filter(Boolean).join(" · ")];
    root.replaceChildren(el("div", {class: "vq-read"}, el("div", {}, list,
      ...told.map((line) => el("p", {class: "vq-told-size"}, line)),
      ...notes.map((note) => el("p", {class: "vq-note"}, note))), ...sketches));
  }

  function sketch(layout, aspect) {
    const high = 132, wide = Math.round(Math.min(220, Math.max(66, high * aspect)));
    const drawing = shape("svg", {viewBox: `0 0 ${wide} ${high}`, class: "vq-sketch", width: wide, height: high});
    layout.things.forEach((thing, number) => {
      const [left, top, w, h] = thing.box, colour = COLOURS[(number + 1) % COLOURS.length];
      drawing.append(shape("rect", {x: left * wide, y: top * high, width: w * wide, height: h * high, rx: 3,
        fill: colour, "fill-opacity": 0.16, stroke: colour, "stroke-width": 1.5}));
      const name = shape("text", {x: left * wide + 4, y: top * high + 12, fill: colour, class: "vq-name"});
      name.textContent = thing.name;
      drawing.append(name);
    });
    const box = el("figure", {class: "vq-layout"}, drawing);
    if (layout.ground) box.append(el("figcaption", {dir: "auto"}, layout.ground));
    return box;
  }

  function choose(card) {
    const {picker, name} = card.dataset;
    if (picker === "presets") {
      const at = chosen.presets.indexOf(name);
      if (at >= 0) chosen.presets.splice(at, 1); else chosen.presets.push(name);
      setValue(box("vq-presets-value"), chosen.presets.join(","));
    } else {
      chosen.drawer = chosen.drawer === name ? "" : name;
      setValue(box("vq-drawer-value"), chosen.drawer);
    }
    markChosen();
    parse();
  }
  function markChosen() {
    for (const card of document.querySelectorAll("[data-picker]")) {
      const {picker, name} = card.dataset;
      const is = picker === "presets" ? chosen.presets.includes(name) : chosen.drawer === name;
      card.setAttribute("aria-pressed", is);
    }
  }

  // What has to wait does not take the place of the picture that is being drawn.
  function begin(key, queued) {
    const shown = live();
    const busy = shown && ["waiting", "drawing"].includes(shown.root.dataset.status);
    if (queued && busy) { say("It waits for its turn: one picture is drawn at a time.", true); poll(); } else follow(key);
  }

  function started(text, open = false) {
    const found = JSON.parse(text || "{}");
    if (found.error) { say(found.error); return; }
    if (found.key) begin(found.key, found.queued);
    if (found.key && open) openTab("Draw");
  }

  // ---- the gallery -----------------------------------------------------------------------------
  const asked = {text: "", model: "", least: "", since: "", until: "", sort: "newest"};
  let total = 0, loaded = 0, loading = 0, marked = new Set();

  function gallery() {
    const root = $("#vq-gallery");
    if (!root) return null;
    if (root.firstChild) return root;
    const field = (name, label, props) => el("label", {class: `vq-field vq-field-${name}`}, el("span", {}, label),
      el("input", {name, class: "vq-input", ...props, oninput: (event) => { asked[name] = event.target.value; soon(); }}));
    const models = el("select", {name: "model", class: "vq-input", onchange: (event) => { asked.model = event.target.value; loadGallery(); }},
      el("option", {value: ""}, "all"));
    const sorts = el("select", {name: "sort", class: "vq-input", onchange: (event) => { asked.sort = event.target.value; loadGallery(); }},
      ...["newest", "oldest", "best", "prompt"].map((each) => el("option", {value: each}, each)));
    root.append(
      el("div", {class: "vq-filters"},
        field("text", "Words", {type: "search", placeholder: "prompt or folder"}),
        el("label", {class: "vq-field"}, el("span", {}, "Drawn by"), models),
        field("least", "Score from", {type: "number", step: "0.01", placeholder: "any"}),
        field("since", "From", {type: "date"}), field("until", "To", {type: "date"}),
        el("label", {class: "vq-field"}, el("span", {}, "Order"), sorts),
        el("div", {class: "vq-count"})),
      el("div", {class: "vq-marked", hidden: true},
        el("span", {}), el("button", {class: "vq-button", type: "button", data: {do: "compare"}, onclick: compare}, "What differs"),
        el("button", {class: "vq-button", type: "button", onclick: trashMarked}, "Move to the bin"),
        el("button", {class: "vq-button", type: "button", onclick: () => { marked.clear(); showMarked(); }}, "Unmark")),
      el("div", {class: "vq-grid"}),
      el("div", {class: "vq-end"}));
    new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) loadMore(); }, {rootMargin: "600px"})
      .observe($(".vq-end", root));
    return root;
  }
  let waiting = 0;
  function soon() { clearTimeout(waiting); waiting = setTimeout(loadGallery, 250); }
  function loadGallery() { loaded = 0; loading += 1; const root = gallery(); if (root) fetchRuns(loading, true); }
  function loadMore() { if (loaded < total) { loading += 1; fetchRuns(loading, false); } }

  async function fetchRuns(number, fresh) {
    const root = gallery();
    let found;
    try { found = await ask("runs", {...asked, from: loaded}); } catch (error) {
      $(".vq-count", root).textContent = error.message; return;
    }
    if (number !== loading) return;
    total = found.total;
    loaded += found.runs.length;
    $(".vq-count", root).textContent = total === found.of ? (total === 1 ? "1 run" : `${total} runs`) : `${total} of ${found.of} runs`;
    const models = $("select[name=model]", root);
    if (models.options.length !== found.models.length + 1) {
      models.replaceChildren(el("option", {value: ""}, "all"), ...found.models.map((each) => el("option", {value: each}, each)));
      models.value = asked.model;
    }
    const grid = $(".vq-grid", root), cards = found.runs.map(cardOf);
    if (fresh) grid.replaceChildren(...cards); else grid.append(...cards);
    if (total === 0) grid.replaceChildren(el("p", {class: "vq-note"},
      found.of ? "No run fits." : "There are no runs yet. What you draw is kept here."));
  }

  function cardOf(run) {
    const mark = el("input", {type: "checkbox", class: "vq-mark", title: "mark it", checked: marked.has(run.name),
      onclick: (event) => event.stopPropagation(),
      onchange: (event) => { if (event.target.checked) marked.add(run.name); else marked.delete(run.name); showMarked(); }});
    const picture = run.stamp ? el("img", {src: thumbOf(run.name, run.stamp), loading: "lazy", alt: run.prompt})
      : el("div", {class: "vq-none"}, "no picture yet");
    return el("div", {class: "vq-card", tabIndex: 0, role: "button", data: {run: run.name},
      onclick: () => openDetails(run.name),
      onkeydown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget) openDetails(run.name); }},
      el("div", {class: "vq-thumb"}, picture, mark),
      el("div", {class: "vq-label", dir: "auto", title: run.prompt}, run.prompt || run.name),
      el("div", {class: "vq-sub"}, [run.day, run.score === null ? "" : `score ${run.score.toFixed(2)}`].filter(Boolean).join(" · ")));
  }

  function showMarked() {
    const bar = $("#vq-gallery .vq-marked");
    bar.hidden = marked.size === 0;
    bar.firstChild.textContent = marked.size === 1 ? "1 run is marked" : `${marked.size} runs are marked`;
    $("[data-do=compare]", bar).disabled = marked.size !== 2;
    for (const each of document.querySelectorAll(".vq-mark")) each.checked = marked.has(each.closest(".vq-card").dataset.run);
  }

  async function trashMarked() {
    if (!confirm(`Move ${marked.size === 1 ? "a run" : `${marked.size} runs`} to the system's bin?`)) return;
    for (const key of [...marked]) {
      try { await send("do", {do: "trash", key}); marked.delete(key); } catch (error) { say(error.message); break; }
    }
    showMarked(); loadGallery();
  }

  async function compare() {
    const [first, second] = [...marked];
    try {
      const found = await ask("compare", {first, second});
      const head = el("tr", {}, el("th", {}), el("th", {}, first), el("th", {}, second));
      const pictures = el("tr", {}, el("td", {}), ...[first, second].map((run) =>
        el("td", {}, el("img", {class: "vq-small", src: thumbOf(run, ""), alt: ""}))));
      const rows = found.rows.map((row) => el("tr", {}, el("th", {}, row.what),
        el("td", {dir: "auto"}, row.first), el("td", {dir: "auto"}, row.second)));
      const told = rows.length ? [] : [el("p", {class: "vq-note"}, "They were made in the same way.")];
      showDialog("What differs", el("table", {class: "vq-table"}, head, pictures, ...rows), ...told);
    } catch (error) { say(error.message); }
  }

  async function openDetails(run) {
    let found;
    try { found = await ask("run", {run}); } catch (error) { say(error.message); return; }
    const state = found.state;
    const film = isFilm(state.film) ? pictureOf(run, state.film, state.stamp) : "";
    const shown = film && state.animated ? el("video", {class: "vq-large", src: film, controls: true, loop: true, autoplay: true, muted: true})
      : state.picture ? el("img", {class: "vq-large", src: pictureOf(run, state.picture, state.stamp), alt: found.prompt}) : el("p", {}, "There is no picture yet.");
    const table = (values) => el("table", {class: "vq-table"}, Object.entries(values).map(([key, value]) =>
      el("tr", {}, el("th", {}, key), el("td", {dir: "auto"}, String(value)))));
    const actions = el("div", {class: "vq-actions"});
    showActions(actions, found.can, {key: run, run});
    actions.prepend(el("button", {class: "vq-button vq-show", type: "button", data: {do: "show"},
      onclick: () => { closeDetails(); follow(run); openTab("Draw"); }}, "Show on Draw"));
    const folded = (title, content, open = false) => el("details", {open}, el("summary", {}, title), content);
    showDialog(run, el("div", {class: "vq-details"}, el("div", {class: "vq-large-box"}, shown),
      el("div", {class: "vq-about"}, el("p", {class: "vq-prompt", dir: "auto"}, found.prompt),
        el("p", {class: "vq-sub"}, [`seed ${found.seed}`, found.drawn && `drawn ${found.drawn}`, state.seconds && lasting(state.seconds), WORDS[state.status]].filter(Boolean).join(" · ")),
        actions,
        film && !state.animated ? folded("The film of its making", el("video", {class: "vq-large", src: film, controls: true, loop: true, muted: true, preload: "none"})) : null,
        folded("Settings that differ from the defaults", table(found.settings), true),
        ...found.changes.map((line) => el("p", {class: "vq-note"}, `Changed during the run: ${line}`)),
        folded("Models (sha256)", table(found.models)), folded("Versions", table(found.versions)))));
  }

  function showDialog(title, ...content) {
    let dialog = $("#vq-dialog");
    if (!dialog) { dialog = el("dialog", {id: "vq-dialog", onclick: (event) => { if (event.target === dialog) dialog.close(); }}); $("body").append(dialog); }
    dialog.replaceChildren(el("div", {class: "vq-sheet"}, el("header", {}, el("h2", {dir: "auto"}, title),
      el("button", {class: "vq-button vq-close", type: "button", onclick: () => dialog.close(), title: "close"}, "✕")), ...content));
    if (!dialog.open) dialog.showModal();
  }
  function closeDetails() { const dialog = $("#vq-dialog"); if (dialog && dialog.open) dialog.close(); }

  // ---- words and looking -----------------------------------------------------------------------
  async function watchTool(place, text) {
    const root = $(`#${place}`), found = JSON.parse(text || "{}");
    if (!root) return;
    if (found.error) { root.replaceChildren(el("p", {class: "vq-wrong"}, found.error)); return; }
    if (!found.key) return;
    root.dataset.key = found.key;
    while (root.isConnected && root.dataset.key === found.key) {
      let job;
      try { job = await ask("job", {key: found.key}); } catch (error) { await rest(2000); continue; }
      showTool(root, job);
      if (!job.alive) return;
      await rest(700);
    }
  }
  const rest = (time) => new Promise((done) => { setTimeout(done, time); });

  function showTool(root, job) {
    const of = (name) => job.events.filter((each) => each.event === name);
    const steps = of("step"), start = of("start").at(-1), shown = [];
    if (job.error) shown.push(el("p", {class: "vq-wrong"}, job.error));
    if (start && steps.length) {
      shown.push(el("div", {class: "vq-bar"}, el("div", {class: "vq-fill", style: `width:${100 * steps.at(-1).step / start.steps}%`})),
        el("p", {class: "vq-line"}, `step ${steps.at(-1).step} of ${start.steps}` + (steps.at(-1).fit === undefined ? "" : ` · cosine ${steps.at(-1).fit.toFixed(2)}`)));
    }
    const pictures = of("picture"), hits = of("hit");
    if (pictures.length) {
      shown.push(el("div", {class: "vq-answers"}, pictures.map((each, number) => el("figure", {class: "vq-answer"},
        job.pictures[number] ? el("img", {src: `/gradio_api/file=${encodeURI(job.pictures[number])}`, alt: ""}) : null,
        el("figcaption", {}, el("ul", {class: "vq-parts"}, each.labels.slice(0, 6).map(([label, share]) => el("li", {},
          el("span", {class: "vq-weight"}, el("i", {style: `width:${100 * share}%`})),
          el("span", {dir: "auto"}, `${label} ${(share * 100).toFixed(0)} %`)))))))));
    }
    if (hits.length) {
      shown.push(el("div", {class: "vq-grid"}, hits.map((hit) => {
        const [run, file] = [hit.run, hit.file];
        return el("div", {class: "vq-card", onclick: () => { if (run) openDetails(run); }}, el("div", {class: "vq-thumb"},
          run ? el("img", {src: pictureOf(run, file, ""), alt: "", loading: "lazy"}) : null),
          el("div", {class: "vq-label"}, run || hit.image), el("div", {class: "vq-sub"}, `likeness ${hit.score.toFixed(3)}`));
      })));
    }
    if (job.sheet) shown.push(el("img", {class: "vq-large", alt: "your pictures, and drafts of the word", src: "/studio/sheet?" + new URLSearchParams({key: root.dataset.key, v: job.sheet})}));
    if (!job.alive && !job.error && !pictures.length && !hits.length) shown.push(el("p", {class: "vq-line"}, "done"));
    if (job.alive && !shown.length) shown.push(el("p", {class: "vq-line"}, WORDS.waiting));
    if (job.said.length) shown.push(el("details", {class: "vq-more", open: Boolean(start)}, el("summary", {}, "What the command says"), el("pre", {class: "vq-said"}, job.said.join("\n"))));
    const text = JSON.stringify(job);
    if (root.dataset.shown !== text) { root.dataset.shown = text; root.replaceChildren(...shown); }
  }

  // ---- what was typed is there again after a reload ----------------------------------------------
  const KEPT = ["vq-prompt", "vq-negative", "vq-style", "vq-lines", "vq-an-prompt", "vq-an-lines"];
  const touched = new Set();
  function restore() {
    for (const id of KEPT) {
      const field = box(id);
      if (!field || touched.has(id)) continue;
      touched.add(id);
      const text = localStorage.getItem(id);
      if (text && !field.value) setValue(field, text);
    }
  }
  function keepTyped(target) {
    const id = KEPT.find((each) => target.closest(`#${each}`));
    if (!id) return;
    touched.add(id);
    localStorage.setItem(id, target.value.slice(0, 100000));
  }

  // ---- the page as a whole ---------------------------------------------------------------------
  function say(text, good = false) {
    let place = $("#vq-say");
    if (!place) { place = el("div", {id: "vq-say", role: "alert", onclick: () => { place.hidden = true; }}); $("body").append(place); }
    place.textContent = text;
    place.dataset.good = good ? "yes" : "no";
    place.hidden = false;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { place.hidden = true; }, good ? 5000 : 12000);
  }
  function openTab(name) {
    for (const tab of document.querySelectorAll("button[role=tab]")) if (tab.textContent.trim() === name) tab.click();
  }

  document.addEventListener("input", (event) => {
    keepTyped(event.target);
    if (event.target.closest("#vq-prompt, #vq-negative, #vq-style, #vq-lines, #vq-size, #vq-seed, #vq-steps")) {
      clearTimeout(asTyped.timer);
      asTyped.timer = setTimeout(parse, 200);
    }
  });
  document.addEventListener("click", (event) => {
    const card = event.target.closest("[data-picker]");
    if (card) choose(card);
    const tab = event.target.closest("button[role=tab]");
    if (tab && tab.textContent.trim() === "Gallery") setTimeout(loadGallery, 50);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("#vq-prompt")) {
      const button = $("#vq-draw"); if (button) button.click();
    }
  });
  window.vqclip = {follow, started, watchTool, tools: {el, shape, setValue, box, COLOURS}};

  let ticks = 0;
  setInterval(() => {
    ticks += 1;
    if (document.hidden && ticks % 10) return;
    restore();
    if ($("#vq-live")) poll();
    if ($("#vq-parse")) parse();
    const root = $("#vq-gallery");
    if (root && root.offsetParent && !root.firstChild) { gallery(); loadGallery(); }
  }, 700);
})();
