"use strict";
(() => {
  const EVERY = 5000, PATIENCE = 9000, SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const WORD = { ok: "works", failed: "does not work", unknown: "not known" };

  // ---- words and numbers ----

  const count = new Intl.NumberFormat("en");
  const few = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const plural = (n, one, many) => count.format(n) + " " + (n === 1 ? one : many);
  const two = (n) => String(n).padStart(2, "0");
  const clock = (d) => two(d.getHours()) + ":" + two(d.getMinutes()) + ":" + two(d.getSeconds());
  const day = (d) => d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate());
  const ms = (v) => v === null || v === undefined ? "–" : few.format(v) + " ms";

  function when(text, now) { // the time alone when it was today
    const d = new Date(text);
    return day(d) === day(now) ? clock(d) : day(d) + " " + clock(d);
  }
  function span(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 90) return plural(s, "second", "seconds");
    if (s < 5400) return plural(Math.round(s / 60), "minute", "minutes");
    if (s < 129600) return plural(Math.round(s / 3600), "hour", "hours");
    return plural(Math.round(s / 86400), "day", "days");
  }
  function bytes(n) {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; n >= 1024 && i < 4; i++) n /= 1024;
    return few.format(n) + " " + units[i];
  }

  // ---- building; text is only ever text ----

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.append(...children);
    return node;
  }
  function draw(name, attributes, ...children) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.append(...children);
    return node;
  }
  const say = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
  const show = (id, yes) => { $(id).hidden = !yes; };
  const time = (text, now) => make("time", { datetime: text }, when(text, now));
  const facts = (id, rows) => $(id).replaceChildren(...rows.filter(Boolean).flatMap(
    ([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

  // A row whose cells know their column, for a screen too narrow for columns.
  const row = (labels, ...cells) => make("tr", { role: "row" }, ...cells.map((cell, i) => {
    const [content, kind] = Array.isArray(cell) ? cell : [cell, ""];
    const inner = content instanceof Node ? content : make("span", {}, content);
    return make("td", { role: "cell", "data-label": labels[i], class: kind }, inner);
  }));
  function pair(text, small) {
    const cell = make("span", {}, text);
    if (small) cell.append(make("small", {}, small));
    return cell;
  }

  // ---- the head ----

  const COLOR = { ok: "%231a7447", warning: "%23a86500", failed: "%23b3261e", unknown: "%23536063" };
  function headline(state, text) {
    $("head").dataset.state = state;
    say("headline", text);
    document.title = text.replace(/\.$/, "") + (known ? " – " + known.daemon + " on " + known.host : "");
    const icon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='" +
      (COLOR[state] || COLOR.unknown) + "'/%3E%3C/svg%3E";
    if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
  }

  // ---- the chain ----

  function sign(state) {
    const paths = { ok: "M14.5 25.5l6.5 6.5 13-15", failed: "M16.5 16.5l15 15M31.5 16.5l-15 15", unknown: "M15 24h.5M24 24h.5M33 24h.5" };
    return draw("svg", { viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false" },
      draw("circle", { class: "disc", cx: 24, cy: 24, r: 22 }),
      draw("path", { class: "sign " + state, d: paths[state] || paths.unknown }));
  }
  function chain(status, now) {
    let last = null;
    $("chain").replaceChildren(...status.links.map((link) => {
      const item = make("li", { "data-state": link.state });
      if (last && link.from !== last) item.className = "branch";
      if (link.from !== last) item.append(make("span", { class: "node" }, link.from));
      item.append(make("span", { class: "wire", "data-state": link.state }, sign(link.state),
        make("span", { class: "hidden-text" }, " " + WORD[link.state] + ": ")));
      item.append(make("span", { class: link.state === "ok" ? "node" : "node away" }, link.to));
      last = link.to;
      return item;
    }));
    $("broken").replaceChildren(...status.links.filter((l) => l.state === "failed").map((link) =>
      make("p", {}, make("strong", {}, link.from + " → " + link.to + ", since " + (link.since ? when(link.since, now) : "an unknown time")),
        link.error || "no reason was given")));
    $("links").replaceChildren(...status.links.map((link) => row(["Link", "State", "Since", "Last error"],
      link.from + " → " + link.to, [WORD[link.state], link.state === "failed" ? "bad" : link.state === "ok" ? "good" : ""],
      link.since ? [time(link.since, now), "t"] : "–",
      link.last_error ? pair(link.last_error, link.last_error_at ? when(link.last_error_at, now) : "") :
        link.connections === undefined ? "none" : plural(link.connections, "connection is", "connections are") + " open; " +
          plural(link.refused, "client was", "clients were") + " refused for a certificate")));
    const notes = status.summary.notes || [];
    show("notes", notes.length > 0);
    $("notes").replaceChildren(...notes.map((note) => make("li", {}, note)));
  }

  // ---- the tiles ----

  function bar(id, parts) { // [class, share of 1]...
    let x = 0;
    $(id).replaceChildren(...parts.map(([kind, share]) => {
      const width = share > 0 ? Math.max(share * 100, 0.6) : 0;
      const rect = draw("rect", { class: kind, x: x, y: 0, width: width, height: 1 });
      x += width;
      return rect;
    }));
  }
  function deposits(status, now) {
    const d = status.deposits;
    say("live", d ? count.format(d.live === undefined ? d.stored : d.live) : "–");
    bar("deposit-bar", d && d.live !== undefined && d.live + d.deleted > 0 ?
      [["a", d.live / (d.live + d.deleted)], ["b", d.deleted / (d.live + d.deleted)]] : []);
    facts("deposits", d ? [
      d.deleted !== undefined && ["deleted, can be undeleted", count.format(d.deleted)],
      d.versions !== undefined && ["versions", count.format(d.versions)],
      d.deleted_versions !== undefined && ["deleted versions", count.format(d.deleted_versions)],
      status.backend.read_only && ["changes", "not possible: read-only"],
    ] : []);
    const at = status.backend.at;
    say("place", status.backend.place ? "In " + status.backend.place + "." : "");
    say("counted", (at ? "Counted at " + when(at, now) + "." : "Not counted yet.") +
      (status.backend.problem ? " It cannot be counted now: " + status.backend.problem : ""));
  }
  function token(status) {
    const t = status.token;
    if (!t) {
      say("keys", status.backend.hardware ? "–" : "None");
      say("keys-unit", "");
      bar("token-bar", []);
      facts("token", status.backend.hardware ? [["state", "not known"]] : [["deposits are", "files on a disk, no HSM"]]);
      return;
    }
    const used = t.max_keys ? t.keys / t.max_keys : 0;
    say("keys", count.format(t.keys));
    say("keys-unit", t.max_keys ? "of " + count.format(t.max_keys) + " keys used" : t.keys === 1 ? "key used" : "keys used");
    bar("token-bar", t.max_keys ? [[used >= 0.9 ? "hot" : "a", Math.min(used, 1)]] : []);
    facts("token", [
      ["free", t.max_keys ? plural(Math.max(t.max_keys - t.keys, 0), "key", "keys") : "no ceiling is set (max_keys)"],
      t.memory ? ["its memory", bytes(t.memory_free) + " of " + bytes(t.memory) + " free"] : ["its memory", "the token does not say"],
      status.backend.key_scope && ["one key for", status.backend.key_scope === "epoch" ? "an epoch of deposits" : "each version"],
      status.backend.profile && ["envelopes", status.backend.profile],
    ]);
  }
  function migration(status, now) {
    const m = status.migration;
    const running = Boolean(m) && m.state === "running" && m.total > 0;
    say("migration-state", m ? m.text : "None");
    show("migration-bar", running);
    if (running) $("migration-bar").value = m.done / m.total;
    facts("migration", m ? [
      m.phase && ["phase", m.phase],
      m.done !== null && m.done !== undefined && [m.state === "running" ? "done" : "versions", m.total ? count.format(m.done) + " of " + count.format(m.total) : count.format(m.done)],
      m.from && ["from", m.from],
      m.to && ["to", m.to],
      m.at && ["at", when(m.at, now)],
      m.problem && ["problem", m.problem],
    ] : [["known here", "no migration"]]);
  }

  // ---- requests ----

  const nice = (v) => { // a round number that is not below v
    const unit = Math.pow(10, Math.floor(Math.log10(v)));
    return [1, 2, 2.5, 5, 10].map((f) => f * unit).find((r) => r >= v * 0.999);
  };
  // Runs of values that are there, as pieces of a path; 120 points on 600 by 110.
  function line(values, top) {
    let path = "", pen = "M";
    values.forEach((v, i) => {
      if (v === null) { pen = "M"; return; }
      path += pen + (i * 600 / (values.length - 1)).toFixed(1) + " " + (110 - v / top * 110).toFixed(1);
      if (pen === "M") path += "h.1";
      pen = "L";
    });
    return path;
  }
  function area(values, top) {
    const points = values.map((v, i) => (i * 600 / (values.length - 1)).toFixed(1) + " " + (110 - (v || 0) / top * 110).toFixed(1));
    return "M0 110L" + points.join("L") + "L600 110z";
  }
  function plot(id, title, highest, unit, paths) {
    const top = highest > 0 ? nice(highest) : 1;
    const svg = draw("svg", { viewBox: "0 0 600 110", preserveAspectRatio: "none", role: "img", "aria-label": title, focusable: "false" },
      draw("path", { class: "grid", d: "M0 0H600M0 55H600" }), ...paths(top));
    const label = (v) => few.format(v) + unit;
    $(id).replaceChildren(svg, make("span", { class: "top", "aria-hidden": "true" }, label(top)), make("span", { class: "mid", "aria-hidden": "true" }, label(top / 2)),
      make("span", { class: "low", "aria-hidden": "true" }, "0"),
      make("div", { class: "axis", "aria-hidden": "true" }, make("span", {}, "60 min ago"), make("span", {}, "30"), make("span", {}, "now")));
  }
  function requests(status, now) {
    const r = status.requests, last = r.count.length - 1, hour = r.hour;
    const second = (values) => values.map((v, i) => v / (i === last ? Math.max(r.last_seconds, 1) : r.step));
    const rate = second(r.count), bad = second(r.failed);
    if (r.last_seconds < r.step / 3) { rate[last] = rate[last - 1]; bad[last] = bad[last - 1]; } // too short to tell
    const most = Math.max(...rate);
    const current = rate[last] >= 1 || rate[last] === 0 ? few.format(rate[last]) + " a second" : few.format(Math.round(rate[last] * 60)) + " a minute";
    const slow = Math.max(0, ...r.p99.map((v) => v || 0));
    say("load", hour.count === 0 ? "No request of a client in the last hour." :
      current + " now; " + count.format(hour.count) + " in the hour, " +
      (hour.failed ? count.format(hour.failed) + " of them failed" : "none failed") +
      ". Half were answered within " + ms(hour.p50) + ", 99 of 100 within " + ms(hour.p99) + ".");
    plot("rate", "Requests per second over the last hour: now " + current + ", at most " + few.format(most) + ", " + hour.failed + " failed", most, "", (top) => [
      draw("path", { class: "rate-area", d: area(rate, top) }), ...(hour.failed ? [draw("path", { class: "bad-area", d: area(bad, top) })] : [])]);
    plot("latency", "Milliseconds to an answer over the last hour: half within " + ms(hour.p50) + ", 99 of 100 within " + ms(hour.p99) + ", the slowest half minute " + ms(slow), slow, "", (top) => [
      draw("path", { class: "p99-area", d: area(r.p99, top) }), draw("path", { class: "p50-line", d: line(r.p50, top) })]);
    const rows = [];
    for (let i = 0; i <= last; i += 10) {
      const sum = (values) => values.slice(i, i + 10).reduce((a, b) => a + b, 0);
      const worst = (values) => { const some = values.slice(i, i + 10).filter((v) => v !== null); return some.length ? ms(Math.max(...some)) : "–"; };
      const from = new Date(now.getTime() - (last - i) * r.step * 1000);
      rows.push(row(["From", "Requests", "Failed", "Half within", "99 of 100 within"], two(from.getHours()) + ":" + two(from.getMinutes()),
        [count.format(sum(r.count)), "n"], [count.format(sum(r.failed)), sum(r.failed) ? "n bad" : "n"], [worst(r.p50), "n"], [worst(r.p99), "n"]));
    }
    $("numbers").replaceChildren(...rows);
  }

  // ---- certificates and audit ----

  function certificates(status) {
    const labels = ["Whose", "Subject", "Ends", "Days left"];
    const list = (status.certificates && status.certificates.list) || [];
    $("certificates").replaceChildren(...list.map((c) => {
      const left = c.days_left;
      return row(labels, pair(c.role, c.file), c.problem ? pair(c.problem, "") : pair(c.subject || "(no subject)", c.sha256),
        c.not_after ? [c.not_after.slice(0, 10), "t"] : "–",
        [left === null || left === undefined ? "–" : left < 0 ? "has ended" : count.format(left),
          "n " + (c.problem || left < 7 ? "bad" : left < 30 ? "warn" : "")]);
    }));
    const more = status.certificates ? status.certificates.more : 0;
    say("certificates-more", more ? "And " + plural(more, "trusted client", "trusted clients") + " more." : "");
  }
  function audit(status, now) {
    const a = status.audit, labels = ["When", "Operation", "Deposit", "Who", "Status"];
    show("audit-section", Boolean(a));
    if (!a) return;
    say("audit-note", a.problem ? "They cannot be read: " + a.problem : a.entries.length === 0 ? "There are none yet." :
      a.hidden ? "Names of deposits that you may not list are not shown." : "");
    $("audit").replaceChildren(...a.entries.map((e) => row(labels, [time(e.time, now), "t"], e.operation,
      e.hidden ? make("span", { class: "quiet" }, "not shown") : pair(e.deposit || "–", e.version ? "version " + e.version : ""),
      e.principal || "–", [e.status ? String(e.status) : "–", e.status >= 400 ? "n bad" : "n"])));
  }

  // ---- asking ----

  let known = null, knownAt = null, wrongSince = null, timer = 0, asking = false, paused = false;

  function render(status) {
    const now = new Date(status.time);
    known = status;
    knownAt = new Date();
    const s = status.summary;
    headline(s.state, s.text);
    say("where", status.daemon + " on " + status.host + (status.started ? ", up for " + span((now - new Date(status.started)) / 1000) : ""));
    chain(status, now);
    deposits(status, now);
    token(status);
    migration(status, now);
    requests(status, now);
    certificates(status);
    audit(status, now);
    say("version", "keyhsm " + status.version);
    say("zone", "times are of this browser (" + Intl.DateTimeFormat().resolvedOptions().timeZone + ")");
    show("main", true);
  }
  function trouble(text) {
    wrongSince = wrongSince || new Date();
    say("banner", text + (known ? " What stands below is of " + clock(knownAt) + "." : ""));
    show("banner", true);
    document.body.classList.toggle("stale", Boolean(known));
    updated();
  }
  function updated() {
    say("updated", paused ? "Paused at " + (knownAt ? clock(knownAt) : "–") : knownAt ? "Updated " + clock(knownAt) : "");
  }
  async function fetchStatus() {
    const cancel = new AbortController();
    const limit = setTimeout(() => cancel.abort(), PATIENCE);
    try {
      const answer = await fetch("/v1/status", { signal: cancel.signal, cache: "no-store", credentials: "same-origin", headers: { Accept: "application/json" } });
      const body = await answer.json();
      if (answer.ok) return { status: body };
      const why = body.error && body.error.message || "status " + answer.status;
      if (answer.status === 401 || answer.status === 403) return { headline: "You may not see the state", wrong: "The server refuses to show its state to you: " + why + "." };
      return { headline: "The state is not known", wrong: "The server cannot tell its state: " + why + "." };
    } catch (error) {
      if (cancel.signal.aborted) return { headline: "The server is slow to answer", wrong: "There was no answer within " + PATIENCE / 1000 + " seconds: something behind the server may hang." };
      if (error instanceof SyntaxError) return { headline: "The state is not known", wrong: "The answer was not from this server: something stands in between." };
      return { headline: (known ? known.daemon : "The server") + " does not answer", wrong: "There is no connection" + (wrongSince ? " since " + clock(wrongSince) : "") + ": the server is stopped, or the network is." };
    } finally {
      clearTimeout(limit);
    }
  }
  async function ask() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    const result = await fetchStatus();
    asking = false;
    if (result.status) {
      wrongSince = null;
      show("banner", false);
      document.body.classList.remove("stale");
      render(result.status);
      updated();
    } else {
      headline("failed", result.headline + ".");
      trouble(result.wrong);
    }
    next();
  }
  function next() {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(ask, EVERY);
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else if (!paused) ask(); });
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    say("pause", paused ? "Go on" : "Pause");
    updated();
    if (paused) clearTimeout(timer); else ask();
  });
  ask();
})();
