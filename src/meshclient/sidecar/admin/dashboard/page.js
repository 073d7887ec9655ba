"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const UNKNOWN = "–";
  const KEPT = 100;
  const MANY = 8; // services, from which on those that are well begin folded
  const MAP_SERVICES = 12, MAP_ENDPOINTS = 8, MAP_ROWS = 24;
  const WORDS = { in_rotation: "in rotation", avoided: "avoided", standby: "standby", ejected: "ejected", probing: "probing", excluded: "excluded" };
  const TONES = { in_rotation: "good", avoided: "warn", standby: "", ejected: "bad", probing: "warn", excluded: "bad" };

  let state = null;
  let reader = null;
  let retry = 1000;
  let token = remembered(sessionStorage, "meshclient.token");
  const folded = new Set();

  // Everything that comes from elsewhere goes through here, as text.
  function make(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function say(element, text) { if (element.textContent !== text) element.textContent = text; }
  function dress(element, name) { if (element.className !== name) element.className = name; }
  function remembered(store, key) { try { return store.getItem(key); } catch { return null; } }
  function remember(store, key, value) { try { store.setItem(key, value); } catch { /* it holds for this page then */ } }

  const number = (value) => value === null ? UNKNOWN : value >= 100 ? Math.round(value).toLocaleString("en") : value >= 10 ? value.toFixed(1) : value > 0 ? value.toFixed(2) : "0";
  const percent = (value) => value === null ? UNKNOWN : value > 0 && value < 0.1 ? (value * 100).toFixed(1) + "%" : Math.round(value * 100) + "%";
  function latency(seconds) {
    if (seconds === null) return UNKNOWN;
    const ms = seconds * 1000;
    return ms < 1 ? ms.toFixed(2) + " ms" : ms < 10 ? ms.toFixed(1) + " ms" : ms < 1000 ? Math.round(ms) + " ms" : seconds.toFixed(2) + " s";
  }
  function span(seconds) {
    if (seconds === null || seconds === undefined) return UNKNOWN;
    if (seconds < 60) return Math.round(seconds) + " s";
    if (seconds < 3600) return Math.round(seconds / 60) + " min";
    return seconds < 172800 ? Math.round(seconds / 3600) + " h" : Math.round(seconds / 86400) + " d";
  }
  function stateOf(part) {
    const left = part.returns_in_seconds;
    const word = WORDS[part.state] || part.state;
    if (part.health === "draining") return "draining";
    return part.state === "ejected" && left !== null ? `${word}, probe in ${Math.ceil(left)} s` : word;
  }
  const addressOf = (part) => part.url.startsWith("http://") ? part.url.slice(7) : part.url;
  const toneOf = (part) => part.health === "draining" ? "warn" : TONES[part.state] || "";
  const idOf = (part) => `${part.url} ${part.id || ""}`;
  const circuitTone = (circuit) => ["closed", "off"].includes(circuit.state) ? "good" : circuit.state === "half-open" ? "warn" : "bad";

  // The stream: fetched and not an EventSource, which cannot send a token.
  async function connect() {
    if (reader) reader.abort();
    const leave = new AbortController();
    reader = leave;
    link("waiting", "connecting");
    try {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const response = await fetch("events", { headers, signal: leave.signal, cache: "no-store" });
      if (response.status === 401) { askForToken(); return; }
      if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
      retry = 1000;
      await read(response.body.pipeThrough(new TextDecoderStream()).getReader());
      throw new Error("the process ended the stream");
    } catch (error) {
      if (leave.signal.aborted) return;
      link("lost", `not connected, again in ${retry / 1000} s`);
      setTimeout(() => { if (reader === leave) connect(); }, retry);
      retry = Math.min(retry * 2, 16000);
    }
  }
  async function read(body) {
    let text = "";
    for (;;) {
      const { value, done } = await body.read();
      if (done) return;
      text += value;
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const field = (name) => lines.filter((line) => line.startsWith(name + ": ")).map((line) => line.slice(name.length + 2)).join("\n");
        if (field("data")) heard(field("event"), JSON.parse(field("data")));
      }
    }
  }
  function heard(kind, data) {
    if (kind === "state") { state = data; link("live", "live"); draw(); }
    else if (kind === "decision") decided(data, true);
    else if (kind === "decisions") { $("decisions").replaceChildren(); data.decisions.forEach((each) => decided(each, false)); }
    else if (kind === "left_out") decided({ time: new Date().toISOString(), service: "", level: "neutral", words: `${data.decisions} decisions were left out here: this page could not keep up` }, true);
  }
  function link(kind, words) { $("link").dataset.link = kind; say($("link"), words); }
  function askForToken() { link("lost", "a token is needed"); if (!$("ask").open) $("ask").showModal(); $("token").focus(); }

  function decided(each, fresh) {
    const line = make("li", each.level + (fresh ? " new" : ""));
    const mark = make("span", "mark", each.level === "good" ? "✓" : each.level === "bad" ? "▲" : "·");
    mark.setAttribute("aria-hidden", "true");
    const words = make("span");
    const when = make("time", "when", new Date(each.time).toLocaleTimeString([], { hour12: false }) + (each.service ? `  ${each.service}` : ""));
    when.dateTime = each.time;
    words.append(when, make("span", "", each.words));
    line.append(mark, words);
    $("decisions").prepend(line);
    while ($("decisions").children.length > KEPT) $("decisions").lastChild.remove();
    $("silent").hidden = true;
  }

  // What is shown.
  function wanted() {
    const word = $("filter").value.trim().toLowerCase();
    const holds = (text) => (text || "").toLowerCase().includes(word);
    return state.services.map((service) => {
      if (!word || holds(service.service)) return { service, parts: service.listed };
      return { service, parts: service.listed.filter((part) => holds(part.url) || holds(part.zone) || holds(part.id) || holds(stateOf(part))) };
    }).filter(({ service, parts }) => !word || parts.length || holds(service.service));
  }
  function draw() {
    if (!state) return;
    const process = state.process;
    dress($("ready"), `chip ${state.ready ? "good" : "bad"}`);
    say($("ready"), process.draining ? "draining" : state.ready ? "ready" : "not ready");
    // A sidecar that was told to read a configuration which is wrong goes on with the one before.
    const refused = process.reload ? process.reload.last_error : null;
    $("trouble").hidden = !refused;
    say($("trouble"), refused ? `The new configuration was refused, the one before is in use: ${refused}` : "");
    say($("process"), [process.version && `version ${process.version}`, process.pid && `pid ${process.pid}`, typeof process.worker === "number" && `worker ${process.worker}`, process.uptime_seconds !== undefined && `up ${span(process.uptime_seconds)}`].filter(Boolean).join(" · "));
    const all = state.services, whole = all.filter((service) => !service.service.includes("/"));
    const sum = (list, value) => list.reduce((total, each) => total + (value(each) || 0), 0);
    const rps = sum(whole, (each) => each.rps);
    say($("sum-services"), String(whole.length));
    say($("sum-endpoints"), `${sum(whole, (each) => each.available)} of ${sum(whole, (each) => each.endpoints)}`);
    say($("sum-rps"), whole.some((each) => each.rps !== null) ? number(rps) : UNKNOWN);
    say($("sum-errors"), rps ? percent(sum(whole, (each) => each.rps * each.error_ratio) / rps) : UNKNOWN);
    say($("sum-ejected"), String(sum(all, (each) => each.listed.filter((part) => ["ejected", "probing"].includes(part.state)).length)));
    say($("sum-circuits"), String(all.filter((each) => circuitTone(each.circuit) !== "good").length));
    const shown = wanted();
    $("nothing").hidden = shown.length > 0;
    say($("nothing"), all.length ? "Nothing fits the filter." : "Nothing has been called yet.");
    keyed($("list"), shown, ({ service }) => service.service, newService, drawService);
    drawMap(shown);
  }
  // The children of `parent` are those of `items`, in order; what stays keeps its element, its focus and its place.
  function keyed(parent, items, keyOf, create, update) {
    const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    items.forEach((item, at) => {
      const key = keyOf(item);
      let child = known.get(key);
      if (!child) { child = create(item); child.dataset.key = key; }
      known.delete(key);
      if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] || null);
      update(child, item);
    });
    known.forEach((child) => child.remove());
  }

  const FACTS = ["state", "circuit", "rps", "p50", "p99", "failed", "endpoints", "list"];
  const COLUMNS = [["address", "Endpoint"], ["zone", "Zone"], ["state", "State"], ["share", "Share"], ["rps number", "rps"], ["p50 number", "p50"], ["p99 number", "p99"], ["flight number", "Active"], ["circuit", "Circuit"], ["age number", "Age"]];

  function newService({ service }) {
    const made = make("article", "service"), title = make("h3"), head = make("button", "head");
    head.type = "button";
    head.append(make("span", "name", service.service));
    if (state.services.length > MANY && service.available === service.endpoints && circuitTone(service.circuit) === "good") folded.add(service.service);
    for (const fact of FACTS) head.append(make("span", `fact ${fact}`));
    head.setAttribute("aria-expanded", String(!folded.has(service.service)));
    head.addEventListener("click", () => fold(made, service.service));
    title.append(head);
    const body = make("div", "body"), table = make("table"), row = make("tr");
    const caption = `Endpoints of ${service.service}`;
    table.setAttribute("role", "table");
    table.setAttribute("aria-label", caption);
    for (const [name, words] of COLUMNS) { const cell = make("th", name, words); cell.scope = "col"; row.append(cell); }
    const thead = make("thead"), tbody = make("tbody");
    thead.append(row);
    // Where rows are drawn as cards their tags mean no table any more.
    for (const each of [thead, tbody]) each.setAttribute("role", "rowgroup");
    row.setAttribute("role", "row");
    for (const each of row.children) each.setAttribute("role", "columnheader");
    table.append(thead, tbody);
    body.append(make("p", "about"), table, make("p", "more"));
    body.hidden = folded.has(service.service);
    made.append(title, body);
    return made;
  }
  function fold(made, name) {
    const hide = !folded.has(name);
    if (hide) folded.add(name); else folded.delete(name);
    made.querySelector(".head").setAttribute("aria-expanded", String(!hide));
    made.querySelector(".body").hidden = hide;
    draw();
  }
  function drawService(made, { service, parts }) {
    const fact = (name, words, value) => {
      const place = made.querySelector(`.fact.${name}`);
      if (!place.firstChild) place.append(document.createTextNode(words + " "), make("b"));
      say(place.lastChild, value);
    };
    const chip = (name, tone, words) => {
      const place = made.querySelector(`.fact.${name}`);
      if (!place.firstChild) place.append(make("span"));
      dress(place.firstChild, `chip ${tone}`);
      say(place.firstChild, words);
    };
    const known = { ready: "good", empty: "bad", failed: "warn", pending: "warn" };
    chip("state", service.panic ? "bad" : known[service.state] || "", service.panic ? "panic: all are used" : service.state);
    chip("circuit", circuitTone(service.circuit), `${service.circuit.kind === "throttle" ? "throttle" : "circuit"} ${service.circuit.state}`);
    fact("rps", "rps", number(service.rps));
    fact("p50", "p50", latency(service.p50_seconds));
    fact("p99", "p99", latency(service.p99_seconds));
    fact("failed", "failed", percent(service.error_ratio));
    fact("endpoints", "available", `${service.available} of ${service.endpoints}`);
    fact("list", "list", service.age_seconds === null ? "none yet" : `${span(service.age_seconds)} old`);
    const about = made.querySelector(".about");
    if (!about.firstChild) about.append(make("span"), make("span", "trouble"));
    say(about.firstChild, [service.source, service.balancer, service.limit !== null && `${service.in_flight} of ${service.limit} under way`].filter(Boolean).join(" · "));
    say(about.lastChild, [service.cause, service.circuit.reason].filter(Boolean).map((words) => ` · ${words}`).join(""));
    const more = made.querySelector(".more"), left = service.endpoints - service.listed.length;
    more.hidden = left <= 0;
    say(more, `${left} more, which are well and get fewer calls`);
    if (!folded.has(service.service)) keyed(made.querySelector("tbody"), parts, idOf, newPart, drawPart);
  }
  function newPart() {
    const row = make("tr");
    row.setAttribute("role", "row");
    for (const [name, words] of COLUMNS) { const cell = make("td", name); cell.dataset.label = words; cell.setAttribute("role", "cell"); row.append(cell); }
    row.children[0].append(make("span"), make("small"));
    row.children[2].append(make("span"));
    row.children[3].append(make("span"));
    row.children[3].firstChild.append(make("b"));
    row.children[8].append(make("span"));
    return row;
  }
  function drawPart(row, part) {
    const [address, zone, standing, share, rps, p50, p99, flight, circuit, age] = row.children;
    say(address.firstChild, addressOf(part));
    say(address.lastChild, [part.id, ...part.tags].filter(Boolean).join(" · "));
    say(zone, part.zone || UNKNOWN);
    dress(standing.firstChild, `chip ${toneOf(part)}`);
    say(standing.firstChild, stateOf(part));
    share.firstChild.style.setProperty("--part", `${Math.round((part.share || 0) * 100)}%`);
    say(share.firstChild.firstChild, percent(part.share));
    say(rps, number(part.rps));
    say(p50, latency(part.p50_seconds));
    say(p99, latency(part.p99_seconds));
    say(flight, String(part.in_flight));
    dress(circuit.firstChild, `chip ${circuitTone({ state: part.circuit })}`);
    say(circuit.firstChild, part.circuit);
    say(age, span(part.age_seconds));
  }

  // The map: this process, services, endpoints; drawn for the width that there is, so that its text is always legible.
  function shape(tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function cut(text, width) {
    const most = Math.max(4, Math.floor(width / 6.4));
    return text.length > most ? text.slice(0, most - 1) + "…" : text;
  }
  function drawMap(shown) {
    const width = Math.max(280, $("map").clientWidth), rowHeight = 19, groups = [];
    const drawn = shown.slice(0, MAP_SERVICES), room = Math.max(1, Math.min(MAP_ENDPOINTS, Math.floor(MAP_ROWS / Math.max(1, drawn.length))));
    let rows = 0;
    for (const { service, parts } of drawn) {
      const ranked = [...parts].sort((a, b) => (toneOf(a) === "good") - (toneOf(b) === "good") || (b.rps || 0) - (a.rps || 0)).slice(0, room);
      const listed = parts.filter((part) => ranked.includes(part));
      groups.push({ service, listed, more: service.endpoints - listed.length, top: rows });
      rows += Math.max(1, listed.length + (service.endpoints > listed.length ? 1 : 0)) + 0.6;
    }
    const height = Math.max(1, rows) * rowHeight + 8;
    const narrow = width < 560;
    const x = narrow ? [10, width * 0.16, width * 0.58] : [70, width * 0.34, width * 0.7];
    const gap = 9, busiest = Math.max(1, ...groups.map(({ service }) => service.rps || 0));
    const thickness = (rps) => (rps ? 1 + 4 * Math.sqrt(rps / busiest) : 1).toFixed(2);
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": describe(groups) });
    const curve = (x1, y1, x2, y2) => `M${x1},${y1}C${(x1 + x2) / 2},${y1} ${(x1 + x2) / 2},${y2} ${x2},${y2}`;
    const middle = height / 2;
    for (const { service, listed, more, top } of groups) {
      const count = Math.max(1, listed.length + (more > 0 ? 1 : 0));
      const y = (top + count / 2) * rowHeight + 4, label = cut(service.service, x[2] - x[1] - 34);
      const out = circuitTone(service.circuit) === "bad";
      svg.append(shape("path", { d: curve(x[0], middle, x[1], y), class: out ? "out" : service.rps ? "" : "idle", "stroke-width": thickness(service.rps) }));
      const from = x[1] + gap + label.length * 6.9 + 6;
      listed.forEach((part, at) => {
        const py = (top + at + 0.5) * rowHeight + 4, tone = toneOf(part);
        const edge = shape("path", { d: curve(Math.min(from, x[2] - 24), y, x[2] - 6, py), class: tone === "bad" ? "out" : part.rps ? "" : "idle", "stroke-width": thickness(part.rps) });
        edge.append(shape("title", {}, `${service.service} to ${part.url}: ${stateOf(part)}, ${percent(part.share)} of its calls, ${number(part.rps)} rps`));
        const text = shape("text", { x: x[2] + gap, y: py + 4 }, cut(addressOf(part), width - x[2] - gap - (narrow ? 4 : 50)));
        if (!narrow && part.share !== null) text.append(shape("tspan", { class: "faint", dx: 8 }, percent(part.share)));
        svg.append(edge, shape("circle", { cx: x[2], cy: py, r: 4, class: tone }), text);
      });
      if (more > 0) svg.append(shape("text", { x: x[2] + gap, y: (top + listed.length + 0.5) * rowHeight + 8, class: "faint" }, `${more} more`));
      svg.append(shape("circle", { cx: x[1], cy: y, r: 5, class: out || service.panic ? "bad" : service.available ? "good" : "bad" }));
      svg.append(shape("text", { x: x[1] + gap, y: y + 4 }, label));
    }
    svg.append(shape("circle", { cx: x[0], cy: middle, r: 6, class: "self" }));
    if (!narrow) svg.append(shape("text", { x: x[0] - 10, y: middle - 12, "text-anchor": "middle" }, "this process"));
    if (shown.length > groups.length) svg.append(shape("text", { x: x[1] + gap, y: height - 2, class: "faint" }, `${shown.length - groups.length} more services`));
    $("map").replaceChildren(svg);
  }
  function describe(groups) {
    return "This process calls " + (groups.map(({ service }) => `${service.service} with ${service.available} of ${service.endpoints} endpoints available`).join(", ") || "nothing yet");
  }

  // Hands: theme, filter, keys.
  const THEMES = ["auto", "light", "dark"];
  function theme(name) {
    if (name === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
    say($("theme"), `Theme: ${name}`);
    remember(localStorage, "meshclient.theme", name);
  }
  function nextTheme() { theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme || "auto") + 1) % THEMES.length]); }
  function step(by) {
    const heads = [...document.querySelectorAll(".head")], at = heads.indexOf(document.activeElement);
    const next = heads[at < 0 ? (by > 0 ? 0 : heads.length - 1) : Math.min(heads.length - 1, Math.max(0, at + by))];
    if (next) { next.focus(); next.scrollIntoView({ block: "nearest" }); }
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && typing) { $("filter").value = ""; $("filter").blur(); draw(); return; }
    const act = typing ? undefined : { "/": () => $("filter").focus(), j: () => step(1), k: () => step(-1), t: nextTheme, "?": () => $("keys").showModal() }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  $("filter").addEventListener("input", draw);
  $("theme").addEventListener("click", nextTheme);
  $("help").addEventListener("click", () => $("keys").showModal());
  $("token-form").addEventListener("submit", () => { token = $("token").value.trim(); $("token").value = ""; remember(sessionStorage, "meshclient.token", token); connect(); });
  document.addEventListener("visibilitychange", () => {
    // Nobody looks: the process need not look either.
    if (document.hidden) { if (reader) reader.abort(); reader = null; link("waiting", "paused"); } else connect();
  });
  new ResizeObserver(() => draw()).observe($("map"));
  theme(THEMES.includes(remembered(localStorage, "meshclient.theme")) ? remembered(localStorage, "meshclient.theme") : "auto");
  connect();
})();
