/* The tap at the start of a shift: somebody sees this screen, and hears it. Whether the loudspeaker is on only a person
   can tell; whether the browser lets the page be heard is known to sound.js. */
"use strict";

(() => {
  const REPORT_MS = 30_000; // between two reports that this screen is looked at; the centre forgets them after 120 s
  const FRESH_MS = 5_000; // after a page was loaded, in which it may play by itself

  const body = document.body;
  const words = JSON.parse(body.dataset.words);
  const byId = (id) => document.getElementById(id);
  const screen = sessionStorage.screen; // made by desk.js
  const began = performance.now();
  const face = new Intl.DateTimeFormat("nl-NL", {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: body.dataset.zone,
  });

  let provenAt = null; // by the clock, when this reader has seen and heard this screen in the shift that runs

  /* Play once; when the last pulse has sounded, whoever sits here may say so. */
  async function play() {
    sessionStorage.played = "";
    const last = await loudspeaker.test();
    if (last === null) return;
    last.onended = () => {
      byId("prove").disabled = false;
    };
  }

  function playAtOnce() {
    if (loudspeaker.runs && !byId("shift").hidden && sessionStorage.played === undefined) play();
  }

  // The shift. The centre knows whether it runs, and whether this screen was proven in it.

  async function report() {
    const said = {
      screen,
      in_view: document.visibilityState === "visible" && !body.classList.contains("dead"),
      sound: loudspeaker.runs,
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
    loudspeaker.heardAt = provenAt;
    playAtOnce();
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
  document.addEventListener("sound", () => {
    report();
    playAtOnce();
  });
  report();
  setInterval(report, REPORT_MS);
})();
