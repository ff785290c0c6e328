// Pages of one's own. All of it works without this; with it a page reads itself aloud, stays fresh, and says when it is not.
"use strict";

const FRESH_MS = 15_000;

// Read aloud, where the device can.
if ("speechSynthesis" in window) {
  for (const button of document.querySelectorAll("[data-read]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      if (speechSynthesis.speaking) {
        speechSynthesis.cancel();
        return;
      }
      const parts = button.dataset.read.split(" ").map((id) => document.getElementById(id)?.innerText ?? "");
      const said = new SpeechSynthesisUtterance(parts.join("\n"));
      said.lang = document.documentElement.lang === "nl" ? "nl-NL" : "en-GB";
      said.rate = 0.9;
      speechSynthesis.speak(said);
    });
  }
}

// What has changed meanwhile: each part that carries `data-part` takes its new look, but not under somebody's finger.
const fresh = document.body.dataset.fresh;
const stale = document.getElementById("stale");

const taken = (html) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (page.body.dataset.fresh !== fresh) {
    location.reload(); // let in no more
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = page.getElementById(part.id);
    if (next && !part.contains(document.activeElement) && next.outerHTML !== part.outerHTML) {
      part.replaceWith(next);
    }
  }
};

const refresh = async () => {
  try {
    const answer = await fetch(fresh, { headers: { "X-Requested-With": "own" } });
    if (!answer.ok) throw new Error(answer.status);
    taken(await answer.text());
    if (stale) stale.hidden = true;
  } catch {
    if (stale) stale.hidden = false;
  }
};

if (fresh) {
  setInterval(refresh, FRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

// A call for help that does not arrive must not end on a browser's own page of errors.
const help = document.querySelector("form[data-help]");
if (help) {
  const lost = document.getElementById("lost");
  help.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = help.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(help.action, { method: "POST", body: new URLSearchParams(), signal: AbortSignal.timeout(10_000) });
      if (!answer.ok) throw new Error(answer.status);
      lost.hidden = true;
      taken(await answer.text());
    } catch {
      lost.hidden = false;
      lost.scrollIntoView({ block: "center" });
    } finally {
      button.disabled = false;
    }
  });
}

// Messages on this device: asked for by a tap, and never before one. An iPhone allows them to a page on its home screen.
const device = document.querySelector("[data-push]");
if (device && "standalone" in navigator && !navigator.standalone && !("PushManager" in window)) {
  document.querySelector("[data-install]").hidden = false;
}
if (device && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  const [on, off, refused, failed] = ["on", "off", "refused", "failed"].map((what) => device.querySelector(`[data-${what}]`));
  const post = async (path, form) => {
    const answer = await fetch(path, { method: "POST", body: new URLSearchParams(form), redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
  };
  const show = (subscribed) => {
    device.hidden = false;
    on.hidden = subscribed;
    off.hidden = !subscribed;
    refused.hidden = subscribed || Notification.permission !== "denied";
    const none = document.getElementById("not-reached");
    if (none) none.hidden = subscribed;
  };
  const known = async () => (await navigator.serviceWorker.getRegistration("/"))?.pushManager.getSubscription();
  // A browser believes for ever that it is told. The centre knows: it lets go of a device that it let in no more.
  const told = async (made) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(made.endpoint));
    const print = Array.from(new Uint8Array(digest), (one) => one.toString(16).padStart(2, "0")).join("");
    return device.dataset.known.split(" ").includes(print);
  };
  const tapped = (button, what) =>
    button.addEventListener("click", async () => {
      button.disabled = true;
      failed.hidden = true;
      try {
        show(await what());
      } catch {
        failed.hidden = false;
      } finally {
        button.disabled = false;
      }
    });

  tapped(on, async () => {
    if ((await Notification.requestPermission()) !== "granted") return false;
    await navigator.serviceWorker.register("/worker.js");
    const worker = await navigator.serviceWorker.ready;
    const key = Uint8Array.from(atob(device.dataset.push.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    await post(device.dataset.to, { subscription: JSON.stringify(made) });
    return true;
  });
  tapped(off, async () => {
    const made = await known();
    if (made) {
      await post(`${device.dataset.to}/end`, { endpoint: made.endpoint });
      await made.unsubscribe();
    }
    return false;
  });
  known()
    .then(async (made) => show(Boolean(made) && Notification.permission === "granted" && (await told(made))))
    .catch(() => show(false));
}
