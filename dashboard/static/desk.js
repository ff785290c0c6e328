/* What the page does by itself: the clock, the age of the data, keys, and telling that an alert was seen.
   htmx swaps what the centre sends; nothing here decides what an alert is. */
"use strict";

(() => {
  const LATE_MS = 5_000; // without a beat: the age of the data asks for attention
  const DEAD_MS = 10_000; // without a beat: nothing on this screen may be relied on any more
  const PROBE_MS = 3_000; // between two tries to get a beat once the page is dead
  const HOLD_MS = 2_000; // the queue stands still this long after the hand that was in it
  const HOLD_MAX_MS = 4_000; // and never longer than this in all
  const PRESS_MAX_MS = 2_000; // a hand that presses holds up the news for no longer
  const NOTICE_MS = 15_000;
  const MINUTE_MS = 60_000;
  const THERE_IN_MIN = 10; // who is called to go there is expected so soon, until somebody says otherwise

  const body = document.body;
  const words = JSON.parse(body.dataset.words);
  const me = body.dataset.staff;
  const byId = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const face = new Intl.DateTimeFormat("nl-NL", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: body.dataset.zone,
  });

  // Time. The centre's clock is the only one; between two beats it goes on for less than a second.

  let beatAt = performance.now();
  let beatNow = Date.parse(byId("clock").getAttribute("datetime"));
  let dead = false;
  let probe = null;
  let probedAt = 0;

  const unheardMs = () => performance.now() - beatAt;
  const now = () => beatNow + Math.min(unheardMs(), 999);
  const counted = (form, n) => form.replace("{n}", n).replaceAll(" ", "\u00a0");
  const plural = (forms, n) => counted(forms[n === 1 ? 0 : 1], n);

  function long(ms) {
    const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
    const hours = Math.floor(minutes / 60);
    const rest = minutes % 60;
    if (minutes < 1) return words.under;
    if (hours >= 48) return plural(words.day, Math.floor(hours / 24));
    if (hours < 1) return plural(words.minute, rest);
    if (rest === 0 || hours >= 10) return plural(words.hour, hours);
    return words.and.replace("{hours}", plural(words.hour, hours)).replace("{minutes}", plural(words.minute, rest));
  }

  function short(ms) {
    const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
    const hours = Math.floor(minutes / 60);
    if (hours < 1) return counted(words.min, minutes);
    if (hours >= 48) return counted(words.d, Math.floor(hours / 24));
    if (hours >= 10) return counted(words.h, hours);
    const rest = String(minutes % 60).padStart(2, "0");
    return words.hm.replace("{hours}", hours).replace("{minutes}", rest).replaceAll(" ", "\u00a0");
  }

  const left = (ms) => (ms < MINUTE_MS ? words.under : short(ms));

  // An age is rounded up: what is shown is never older than it says.
  const ago = (ms) => {
    const seconds = Math.ceil(ms / 1000);
    return seconds < 60 ? counted(words.seconds, seconds) : words.ago.replace("{span}", short(ms));
  };

  const put = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  function tick() {
    const moment = now();
    const [hour, minute, second] = face.format(moment).split(":");
    const clock = byId("clock");
    put(clock.firstChild, `${hour}:${minute}`);
    put(clock.lastChild, `:${second}`);
    put(byId("age"), ago(unheardMs()));
    byId("data").classList.toggle("warn", unheardMs() > LATE_MS);
    for (const one of all(".grows[data-since]")) {
      put(one, (one.dataset.form === "long" ? long : short)(moment - Date.parse(one.dataset.since)));
    }
    for (const one of all(".shrinks[data-until]")) put(one, left(Date.parse(one.dataset.until) - moment));
    for (const picture of all("svg.moving")) move(picture, moment);
    if (unheardMs() > DEAD_MS) die();
  }

  function move(picture, moment) {
    const { start, end, left, right } = picture.dataset;
    const share = (moment - Date.parse(start)) / (Date.parse(end) - Date.parse(start));
    const x = Number(left) + (right - left) * Math.min(1, Math.max(0, share));
    picture.querySelector(".now").setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
    for (const one of all("rect.grows", picture)) {
      one.setAttribute("width", Math.max(0, x - one.getAttribute("x")).toFixed(1));
    }
  }

  function heard(sites) {
    const after = Number(body.dataset.silentAfter);
    const known = Object.entries(sites);
    const lively = known.filter(([, seconds]) => seconds !== null && seconds <= after).length;
    put(byId("heard"), words.of.replace("{n}", lively).replace("{all}", known.length));
    byId("buildings").classList.toggle("warn", lively < known.length);
    for (const building of all(".building")) {
      const seconds = sites[building.dataset.site] ?? null;
      building.classList.toggle("silent", seconds === null || seconds > after);
      put(building.querySelector(".heard"), seconds === null ? words.never : ago(seconds * 1000));
    }
  }

  function proved(sites) {
    const after = Number(body.dataset.unprovenAfter);
    for (const building of all(".building")) {
      const seconds = sites[building.dataset.site] ?? null;
      const place = building.querySelector(".proven");
      const late = seconds !== null && seconds > after;
      place.classList.toggle("unproven", late);
      put(place, seconds === null ? words.notYet : late
        ? words.unproven.replace("{span}", short(seconds * 1000)) : counted(words.proven, Math.ceil(seconds)));
    }
  }

  // A page that hears nothing says so, by itself and loudly, and comes back as a fresh page.

  function die() {
    const seconds = Math.ceil(unheardMs() / 1000);
    put(byId("dead-age"), seconds < 60 ? counted("{n} s", seconds) : short(unheardMs()));
    if (performance.now() - probedAt > PROBE_MS) {
      probedAt = performance.now();
      probe?.close();
      probe = new EventSource("/live");
      probe.addEventListener("beat", () => location.reload());
    }
    for (const button of all("main button, header button, #shift button")) button.disabled = true;
    if (dead) return;
    dead = true;
    const at = face.format(beatNow);
    body.classList.add("dead");
    byId("dead").hidden = false;
    put(byId("dead-at"), at);
    put(byId("say-now"), words.stale.replace("{time}", at));
    document.title = `${words.dead} · Nachtwacht`;
    scrollTo(0, 0);
  }

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const message = event.detail;
    event.preventDefault(); // what comes in is put in its places here, see `apply`
    if (dead || message.type === "again") location.reload(); // again: what this reader may see has changed
    else if (message.type === "beat") beat(JSON.parse(message.data));
    else if (pressing()) waiting.push(message.data);
    else catchUp(message.data);
  });

  // A button that is swapped between the press of a hand and its lifting is never clicked: until then news waits.
  let pressedAt = -Infinity;
  const waiting = [];
  const pressing = () => performance.now() - pressedAt < PRESS_MAX_MS;

  function catchUp(...news) {
    for (const text of [...waiting.splice(0), ...news]) apply(text, false);
  }

  document.addEventListener("pointerdown", () => {
    pressedAt = performance.now();
  }, { capture: true, passive: true });
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, () => setTimeout(() => {
      pressedAt = -Infinity;
      catchUp();
    }), { capture: true, passive: true });
  }

  function beat(said) {
    beatAt = performance.now();
    beatNow = Date.parse(said.now);
    body.dataset.number = said.number; // up to where in the journal this page is: for whoever is asked about it
    heard(said.sites);
    proved(said.proven ?? {});
    byId("unwatched").hidden = !said.unwatched;
    byId("stuck").hidden = !said.stuck;
    tick();
    if (untold.size) watch(true);
  }

  // Fragments. Every screen of a language gets the same ones; here they become this page's.

  const drawn = new Map(); // id: the last fragment that was swapped in
  let touchedAt = -Infinity;
  let held = null; // the newest queue, while a hand is in the old one
  let heldSince = 0;
  let leftCard = null; // the alert that had the focus before a swap

  // The form that asked may have been swapped away before its answer came, and htmx loses the answer with it. So both
  // the fragments and the notice are taken from here; `hx-target` names an element that is always there.
  document.addEventListener("htmx:beforeSwap", (event) => {
    event.preventDefault();
    const { serverResponse, xhr } = event.detail;
    apply(serverResponse, true);
    const said = xhr.getResponseHeader("HX-Trigger");
    if (said) notice(JSON.parse(said).notice ?? "");
    else if (xhr.status >= 400) notice(words.failed);
  });

  function apply(text, atOnce) {
    const live = byId("live");
    const swap = { swapStyle: "none", swapDelay: 0, settleDelay: 0 };
    htmx.swap(live, adopt(text, atOnce), swap, { contextElement: live });
    settle();
  }

  /* Keep of the fragments what this page has a place for and does not show already. */
  function adopt(text, atOnce) {
    const template = document.createElement("template");
    template.innerHTML = text;
    leftCard = document.activeElement?.closest("[data-alert]")?.id ?? null;
    const kept = [];
    for (const part of template.content.children) {
      if (!part.hasAttribute("hx-swap-oob") || !byId(part.id)) continue;
      const html = part.outerHTML;
      if (part.id === "queue" && !atOnce && hold(html)) continue;
      if (part.id === "queue") held = null;
      if (drawn.get(part.id) === html) continue;
      drawn.set(part.id, html);
      kept.push(own(part).outerHTML);
    }
    return kept.join("\n");
  }

  function own(part) {
    for (const one of [part, ...all("[data-holder]", part)]) {
      if (one.dataset.holder !== undefined) one.classList.toggle("mine", one.dataset.holder === me && me !== "");
    }
    for (const radio of all("input[type=radio]", part)) radio.toggleAttribute("checked", byId(radio.id)?.checked ?? radio.hasAttribute("checked"));
    for (const folded of all("details", part)) folded.open = byId(folded.id)?.open ?? false;
    return part;
  }

  // Nothing moves under a hand: a card that slips away under a click is the wrong alert taken.
  const touching = () => {
    const moment = performance.now();
    return moment - touchedAt < HOLD_MS && moment - heldSince < HOLD_MAX_MS;
  };

  function hold(html) {
    if (held === null) heldSince = performance.now();
    if (!touching()) return false;
    if (held === null) setTimeout(release, HOLD_MS / 4);
    held = html;
    return true;
  }

  function release() {
    if (held === null || dead) return;
    if (touching()) {
      setTimeout(release, HOLD_MS / 4);
      return;
    }
    apply(held, true);
  }

  for (const kind of ["pointermove", "pointerdown", "focusin", "keydown"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest?.("#queue")) touchedAt = performance.now();
    }, { passive: true });
  }

  function settle() {
    if (leftCard && document.activeElement === body) byId(leftCard)?.focus({ preventScroll: true });
    announce();
    watch(false);
    rove();
    tick();
    document.dispatchEvent(new CustomEvent("settled"));
  }

  // The voice and the title of the page.

  const ids = () => new Set(all("#open-alerts [data-open]").map((one) => one.dataset.open));
  let known = ids();

  function announce() {
    const fresh = all("#open-alerts [data-open]").filter((one) => !known.has(one.dataset.open));
    known = ids();
    for (const [id, acute] of [["say-now", true], ["say", false]]) {
      const said = fresh.filter((one) => (one.dataset.tier === "acute") === acute).map((one) => one.textContent);
      if (said.length) put(byId(id), said.join(" "));
    }
    title();
  }

  function title() {
    if (dead) return;
    const acute = Number(byId("open-alerts").dataset.acute);
    const unseen = document.visibilityState === "visible" ? "" : `${words.hidden} · `; // all that is seen of it then
    document.title = `${unseen}${acute ? `${words.now.replace("{n}", acute)} · ` : ""}${body.dataset.name}Nachtwacht`;
  }

  let noticeTimer = 0;

  function notice(text) {
    const place = byId("notice");
    put(place, text);
    place.classList.toggle("shown", text !== "");
    clearTimeout(noticeTimer);
    if (text) noticeTimer = setTimeout(notice, NOTICE_MS, "");
  }

  // Asked of the request itself: htmx tells of its failure on the form that asked, and nothing of that comes through
  // here if the form was swapped away in the meantime.
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "get") return; // nobody's hand: a page that waits for something
    notice("");
    event.detail.xhr.addEventListener("error", () => notice(words.failed));
  });

  // Delivered is what a screen has shown: the title in view, in a tab that is in view.

  const screen = sessionStorage.screen ??= [...crypto.getRandomValues(new Uint8Array(8))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const told = new Set();
  const untold = new Set(); // what the centre could not be told yet
  const watched = new WeakSet();
  const eye = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) shown(entry.target.dataset.shown, entry.target.dataset.turn);
  }, { threshold: 0.9 });

  function watch(again) {
    for (const title of all("[data-shown]")) {
      if (watched.has(title) && !again) continue;
      watched.add(title);
      eye.unobserve(title);
      eye.observe(title);
    }
  }

  async function shown(alert, turn) {
    const once = `${alert} ${turn}`; // an alert that opened again is shown again
    if (document.visibilityState !== "visible" || dead || told.has(once)) return;
    told.add(once);
    try {
      const answer = await fetch(`/alerts/${alert}/shown`, { method: "POST", body: new URLSearchParams({ screen }) });
      if (answer.status >= 500) throw new Error(answer.statusText);
      untold.delete(once);
    } catch {
      told.delete(once);
      untold.add(once);
    }
  }

  let hiddenAt = null; // since when nobody can have seen this page

  document.addEventListener("visibilitychange", () => {
    const visible = document.visibilityState === "visible";
    if (visible && hiddenAt !== null && performance.now() - hiddenAt >= MINUTE_MS) {
      notice(words.wasHidden.replace("{span}", long(performance.now() - hiddenAt)));
    }
    hiddenAt = visible ? null : hiddenAt ?? performance.now();
    title();
    tick();
    watch(true);
  });

  // Calling somebody is a link; what the click itself says is written down with it, and what it does not is asked for.

  document.addEventListener("click", (event) => {
    const call = event.target.closest?.("a.call");
    if (!call || dead) return;
    const { post, step, means } = call.dataset;
    if (step) htmx.ajax("POST", post, { target: "#live", swap: "none", values: { step, means, there_in: THERE_IN_MIN } });
    else call.closest("aside").querySelector(".follow [value=coming]")?.click();
  });

  // The board is one stop of the tab key; arrows walk it.

  let stop = null; // id of the tile that the tab key comes to

  function rove() {
    const tiles = all("#board .tile");
    const here = tiles.find((tile) => tile.id === stop) ?? tiles[0];
    for (const tile of tiles) tile.tabIndex = tile === here ? 0 : -1;
  }

  function step(from, key) {
    const tiles = all("#board .tile");
    const place = tiles.indexOf(from);
    if (key === "ArrowRight") return tiles[place + 1];
    if (key === "ArrowLeft") return tiles[place - 1];
    if (key === "Home") return tiles[0];
    if (key === "End") return tiles.at(-1);
    const box = from.getBoundingClientRect();
    const down = key === "ArrowDown";
    const boxes = tiles.map((tile) => [tile, tile.getBoundingClientRect()])
      .filter(([, one]) => (down ? one.top >= box.bottom - 1 : one.bottom <= box.top + 1));
    const row = down ? Math.min(...boxes.map(([, one]) => one.top)) : Math.max(...boxes.map(([, one]) => one.top));
    const away = ([, one]) => Math.abs(one.left + one.width / 2 - box.left - box.width / 2);
    return boxes.filter(([, one]) => Math.abs(one.top - row) < 1).sort((a, b) => away(a) - away(b))[0]?.[0];
  }

  document.addEventListener("focusin", (event) => {
    const tile = event.target.closest?.("#board .tile");
    if (!tile || tile.id === stop) return;
    stop = tile.id;
    rove();
  });

  // Keys.

  const cards = () => all("#queue [data-alert]");
  const current = () => document.activeElement?.closest("[data-alert]");
  const pageAlert = () => document.querySelector("aside[data-alert]");

  const keys = {
    j: () => go(1),
    k: () => go(-1),
    n: () => press(current() ?? pageAlert() ?? cards().find((card) => card.matches(".free:not(.returned, .review, .technical)")), "free", "claim"),
    N: () => press(current() ?? pageAlert() ?? cards().find((card) => card.matches(".mine")), "mine", "release"),
    o: () => (current() ?? cards()[0])?.querySelector("a.open")?.click(),
    "?": () => byId("keys").togglePopover(),
    Escape: () => {
      const shown = document.querySelector(":popover-open");
      if (shown) shown.hidePopover();
      else byId("to-desk")?.click();
    },
  };

  for (let n = 1; n <= 9; n += 1) keys[n] = () => document.querySelectorAll("aside[data-alert] a.call")[n - 1]?.click();

  function go(by) {
    const list = cards();
    const place = list.indexOf(current());
    list[place < 0 ? (by > 0 ? 0 : list.length - 1) : place + by]?.focus();
  }

  function press(alert, look, act) {
    if (alert?.classList.contains(look)) alert.querySelector(`[data-act="${act}"]`)?.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches?.("input:not([type=radio]), textarea, select")) return;
    const tile = event.target.closest?.("#board .tile");
    if (tile && (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End")) {
      event.preventDefault();
      step(tile, event.key)?.focus();
      return;
    }
    // A held key says its thing once; capitals stand for themselves only with N.
    const key = event.key === "N" && event.shiftKey ? "N" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.repeat || !Object.hasOwn(keys, key) || (dead && key !== "?")) return;
    event.preventDefault();
    keys[key]();
  });

  settle();
  setInterval(tick, 1_000);
})();
