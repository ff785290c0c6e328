// What this browser does for Nachtwacht while no page of it is open: it shows messages and opens the page behind one.
"use strict";

const OURS = "Nachtwacht: ";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const said = read(event.data);
  event.waitUntil(show(said).then(() => arrived(said.path)));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.path));
});

// A push that cannot be read is shown all the same: a browser that gets pushes and shows nothing loses the right to them.
function read(data) {
  let said = {};
  try {
    said = data.json() || {};
  } catch {
    said = {};
  }
  const path = typeof said.path === "string" && /^\/[A-Za-z0-9/_-]*$/.test(said.path) && !said.path.startsWith("//") ? said.path : "/";
  const text = typeof said.text === "string" ? said.text : "";
  return { text: text.startsWith(OURS) ? text.slice(OURS.length) : text, path, tag: typeof said.tag === "string" ? said.tag : "" };
}

// The same tag again takes the place of what is there, and is not heard twice.
function show(said) {
  return self.registration.showNotification("Nachtwacht", {
    body: said.text,
    tag: said.tag,
    data: { path: said.path },
    lang: "nl",
    icon: "/static/favicon.svg",
    requireInteraction: true,
  });
}

// The centre is told that it is on the screen; that it was seen only a tap can say. If this fails, nothing is lost.
function arrived(path) {
  return path.startsWith("/answer/") ? fetch(`${path}/arrived`, { method: "POST" }).catch(() => {}) : undefined;
}

async function open(path) {
  const windows = await self.clients.matchAll({ type: "window" });
  const there = windows.find((one) => new URL(one.url).pathname === path);
  return there ? there.focus() : self.clients.openWindow(path);
}
