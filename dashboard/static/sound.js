/* The sound of this screen: by tier, again and again until somebody has the alert, and by itself when the link is gone.
   Whether the browser lets a page make itself heard only shows when it tries, so it tries at once and goes on looking.
   The ideas are those of IEC 60601-1-8: how many pulses tells how soon to act, before anybody has read a word. */
"use strict";

const loudspeaker = (() => {
  const LOOK_MS = 1_000; // between two looks at the sound, and at what asks for it
  const PATIENCE_MS = 1_500; // that a browser has to start the sound, before the page says that it does not
  const AGAIN_MS = { acute: 8_000, soon: 25_000, dead: 5_000 };
  const MUTE_MS = 300_000; // a tier is silent at most so long, and the urgent one never
  const MUTABLE = ["soon", "technical"];

  // Each pulse: when, how long, how high at its start and at its end. Many harmonics, so that no ear and no box misses
  // all of them; low and short for what may wait.
  const pulse = (at, s, hertz, to = hertz) => ({ at, s, hertz, to });
  const five = (from) => [0, 0.22, 0.44, 0.9, 1.12].map((at) => pulse(from + at, 0.15, 659)); // 3 and 2
  const PATTERNS = {
    test: five(0),
    acute: [...five(0), ...five(2)],
    soon: [0, 0.4, 0.8].map((at) => pulse(at, 0.24, 523)),
    technical: [pulse(0, 0.45, 220)],
    dead: [pulse(0, 0.5, 740, 370), pulse(0.7, 0.5, 740, 370)],
  };
  const LOUD = { test: 0.35, acute: 0.35, soon: 0.25, technical: 0.2, dead: 0.35 };

  const body = document.body;
  const words = JSON.parse(body.dataset.words);
  const byId = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const began = performance.now();

  let context = null;
  let heardUntil = 0; // of the context's own time, when it was last looked at
  let runs = false; // the sound's own time goes on: what is played now is played
  let busyUntil = 0; // one pattern at a time: two at once are neither
  let heardAt = null; // by the clock, when its reader has seen and heard this screen in the shift that runs
  let next = {}; // by what asks for sound: not before
  let known = new Set(); // the alerts that waited at the last look

  function look() {
    if (context === null) open();
    const goesOn = context?.state === "running" && context.currentTime > heardUntil;
    heardUntil = context?.currentTime ?? 0;
    if (goesOn !== runs) {
      runs = goesOn;
      document.dispatchEvent(new CustomEvent("sound"));
    }
    sound();
    show();
  }

  function open() {
    try {
      context = new AudioContext();
    } catch {
      return; // none left, or no sound at all here: that is said, and tried again
    }
    context.addEventListener("statechange", () => {
      if (context.state === "closed") context = null;
    });
  }

  // Only a hand on the page opens the way.
  for (const kind of ["pointerup", "keydown"]) {
    document.addEventListener(kind, () => context?.resume().catch(() => {}), { capture: true, passive: true });
  }

  /* What asks for sound now. While the link is gone nothing on this screen is known to be true, but that. */
  function sound() {
    if (body.classList.contains("dead")) {
      repeat("dead");
      return;
    }
    const waiting = all("#open-alerts [data-open]");
    const ids = new Set(waiting.map((one) => one.dataset.open));
    for (const tier of ["acute", "soon"]) {
      const mine = waiting.filter((one) => one.dataset.tier === tier);
      if (!mine.length || mine.some((one) => !known.has(one.dataset.open))) delete next[tier]; // a new one is told at once
      if (mine.length && !muted(tier)) repeat(tier);
    }
    known = ids;
    technical();
  }

  function repeat(what) {
    const now = performance.now();
    if (now < (next[what] ?? 0) || now < busyUntil) return;
    if (play(what)) next[what] = now + AGAIN_MS[what];
  }

  /* A fault of the equipment is told once, and never again for it: not by another page of this screen either. */
  function technical() {
    const now = byId("open-alerts").dataset.faults.split(" ").filter(Boolean);
    const told = sessionStorage.faults === undefined ? null : new Set(JSON.parse(sessionStorage.faults));
    const fresh = told === null ? [] : now.filter((one) => !told.has(one));
    if (fresh.length && !muted("technical") && (performance.now() < busyUntil || !play("technical"))) return;
    sessionStorage.faults = JSON.stringify(now);
  }

  function play(what) {
    if (context?.state !== "running") return null;
    const start = context.currentTime + 0.05;
    let last = null;
    for (const one of PATTERNS[what]) last = tone(start, one, LOUD[what]);
    const end = PATTERNS[what].at(-1);
    busyUntil = performance.now() + (end.at + end.s + 0.3) * 1_000;
    return last;
  }

  function tone(start, { at, s, hertz, to }, loud) {
    const from = start + at;
    const wave = new OscillatorNode(context, { type: "sawtooth", frequency: hertz });
    const volume = new GainNode(context, { gain: 0 });
    if (to !== hertz) {
      wave.frequency.setValueAtTime(hertz, from);
      wave.frequency.linearRampToValueAtTime(to, from + s);
    }
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(loud, from + 0.015);
    volume.gain.setValueAtTime(loud, from + s - 0.03);
    volume.gain.linearRampToValueAtTime(0, from + s);
    wave.connect(volume).connect(context.destination);
    wave.start(from);
    wave.stop(from + s);
    return wave;
  }

  // Muting: of this screen, by tier, for five minutes.

  const mutes = () => JSON.parse(sessionStorage.muted ?? "{}");

  function muted(tier) {
    if (!MUTABLE.includes(tier)) return false;
    const left = (mutes()[tier] ?? 0) - Date.now();
    return left > 0 && left <= MUTE_MS;
  }

  function mute(tier) {
    const until = mutes();
    if (muted(tier)) delete until[tier];
    else until[tier] = Date.now() + MUTE_MS;
    sessionStorage.muted = JSON.stringify(until);
    delete next[tier];
    look();
  }

  for (const button of all("[data-mute]")) button.addEventListener("click", () => mute(button.dataset.mute));

  /* The field in the bar. While the browser refuses, that is trouble, and the field is what mends it. */
  function show() {
    const blocked = !runs && performance.now() - began >= PATIENCE_MS;
    const field = byId("sound");
    if (blocked && !field.classList.contains("blocked")) byId("say-now").textContent = words.soundOff;
    field.classList.toggle("blocked", blocked);
    const quiet = MUTABLE.filter(muted);
    field.classList.toggle("warn", !blocked && quiet.length > 0);
    field.querySelector("use").setAttribute("href", blocked || quiet.length ? "#i-soundless" : "#i-sound");
    byId("unblock").hidden = !blocked;
    byId("sounds").hidden = blocked;
    if (runs) put(byId("sounds"), quiet.length ? quiet.map(silence).join(", ") : heard());
    for (const button of all("[data-mute]")) button.setAttribute("aria-pressed", muted(button.dataset.mute));
  }

  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const heard = () => (heardAt ? words.soundHeard.replace("{time}", heardAt) : words.soundOn);
  const silence = (tier) => words.muted.replace("{tier}", words.tiers[tier])
    .replace("{n}", Math.ceil((mutes()[tier] - Date.now()) / 60_000));

  /* Play the five pulses for whoever asks to hear them; returns what ends with the last, or null if none was heard. */
  async function test() {
    await context?.resume().catch(() => {});
    return play("test");
  }

  document.addEventListener("settled", sound);
  look();
  setInterval(look, LOOK_MS);

  return {
    test,
    get runs() {
      return runs;
    },
    set heardAt(at) {
      heardAt = at;
      show();
    },
  };
})();
