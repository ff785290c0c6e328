/* The sound of this screen, and the tap at the start of a shift: somebody sees it, and hears it.
   Whether the browser lets a page make itself heard only shows when it tries, so it tries at once and goes on looking.
   Whether the loudspeaker is on only a person can tell. */
"use strict";

(() => {
  const REPORT_MS = 30_000; // between two reports that this screen is looked at; the centre forgets them after 120 s
  const LOOK_MS = 1_000; // between two looks at the sound
  const PATIENCE_MS = 1_500; // that a browser has to start the sound, before the page says that it does not

  const FRESH_MS = 5_000; // after a page was loaded, in which it may play by itself

  // The five pulses of an urgent alert, once: 3 and 2, each with many harmonics so that no ear and no box misses all.
  const PULSES_S = [0, 0.22, 0.44, 0.9, 1.12];
  const PULSE_S = 0.15;
  const HERTZ = 659;
  const LOUD = 0.35;

  const body = document.body;
  const words = JSON.parse(body.dataset.words);
  const byId = (id) => document.getElementById(id);
  const screen = sessionStorage.screen; // made by desk.js
  const began = performance.now();
  const face = new Intl.DateTimeFormat("nl-NL", {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: body.dataset.zone,
  });

  // Sound.

  let context = null;
  let heardUntil = 0; // of the context's own time, when it was last looked at
  let provenAt = null; // by the clock, when this reader has seen and heard this screen in the shift that runs
  let runs = false; // the sound's own time goes on: what is played now is played

  function look() {
    if (context === null) open();
    const goesOn = context?.state === "running" && context.currentTime > heardUntil;
    heardUntil = context?.currentTime ?? 0;
    if (goesOn !== runs) {
      runs = goesOn;
      report();
    }
    show();
    if (runs && !byId("shift").hidden && sessionStorage.played === undefined) play();
  }

  /* The field in the bar. While the browser refuses, that is trouble, and the field is what mends it. */
  function show() {
    const blocked = !runs && performance.now() - began >= PATIENCE_MS;
    const field = byId("sound");
    if (blocked && !field.classList.contains("blocked")) byId("say-now").textContent = words.soundOff;
    field.classList.toggle("blocked", blocked);
    field.querySelector("use").setAttribute("href", blocked ? "#i-soundless" : "#i-sound");
    byId("unblock").hidden = !blocked;
    byId("sounds").hidden = blocked;
    if (runs) byId("sounds").textContent = provenAt ? words.soundHeard.replace("{time}", provenAt) : words.soundOn;
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

  /* Play once; when the last pulse has sounded, whoever sits here may say so. */
  async function play() {
    sessionStorage.played = "";
    await context?.resume().catch(() => {});
    if (context?.state !== "running") return;
    const start = context.currentTime + 0.05;
    let last = null;
    for (const at of PULSES_S) last = pulse(start + at);
    last.onended = () => {
      byId("prove").disabled = false;
    };
  }

  function pulse(at) {
    const tone = new OscillatorNode(context, { type: "sawtooth", frequency: HERTZ });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUD, at + 0.015);
    volume.gain.setValueAtTime(LOUD, at + PULSE_S - 0.03);
    volume.gain.linearRampToValueAtTime(0, at + PULSE_S);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + PULSE_S);
    return tone;
  }

  // The shift. The centre knows whether it runs, and whether this screen was proven in it.

  async function report() {
    const said = {
      screen,
      in_view: document.visibilityState === "visible" && !body.classList.contains("dead"),
      sound: runs,
    };
    try {
      const answer = await fetch("/watching", { method: "POST", body: new URLSearchParams(said) });
      if (answer.ok && !answer.redirected) proved((await answer.json()).proven);
    } catch {
      // The centre notices that nothing came; this page notices it by the beats that stop.
    }
  }

  function proved(at) {
    provenAt = at && face.format(Date.parse(at));
    if (provenAt) delete sessionStorage.asked;
    else if (sessionStorage.asked === undefined) {
      sessionStorage.asked = "";
      byId("prove").disabled = true; // what was played in an earlier shift proves nothing now
      // Who has just come expects a sound; in the middle of an evening it would be taken for an alert.
      if (performance.now() - began < FRESH_MS) delete sessionStorage.played;
      else sessionStorage.played = "";
    }
    byId("shift").hidden = Boolean(provenAt);
    show();
  }

  async function prove() {
    byId("prove").disabled = true;
    try {
      const answer = await fetch("/seen-and-heard", { method: "POST", body: new URLSearchParams({ screen }) });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      await report();
    } catch {
      byId("prove").disabled = false;
      byId("notice").textContent = words.failed;
      byId("notice").classList.add("shown");
    }
  }

  byId("unblock").addEventListener("click", play);
  byId("play").addEventListener("click", play);
  byId("prove").addEventListener("click", prove);
  document.addEventListener("visibilitychange", report);
  look();
  report();
  setInterval(look, LOOK_MS);
  setInterval(report, REPORT_MS);
})();
