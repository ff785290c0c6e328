/* A passkey: what the centre asks goes to the browser's authenticator, and what that says goes back in the form.
   A form says by `data-passkey` whether one is made ("create") or shown ("get"), and by `data-asked` where to ask. */
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

  async function made(asked) {
    const publicKey = { ...asked, challenge: bytes(asked.challenge) };
    publicKey.user = { ...asked.user, id: bytes(asked.user.id) };
    publicKey.excludeCredentials = known(asked.excludeCredentials);
    const key = await navigator.credentials.create({ publicKey });
    return answer(key, {
      attestationObject: text(key.response.attestationObject),
      transports: key.response.getTransports?.() ?? [],
    });
  }

  async function shown(asked) {
    const publicKey = { ...asked, challenge: bytes(asked.challenge) };
    publicKey.allowCredentials = known(asked.allowCredentials);
    const key = await navigator.credentials.get({ publicKey });
    return answer(key, {
      authenticatorData: text(key.response.authenticatorData),
      signature: text(key.response.signature),
      userHandle: key.response.userHandle ? text(key.response.userHandle) : null,
    });
  }

  function answer(key, more) {
    const response = { clientDataJSON: text(key.response.clientDataJSON), ...more };
    return JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, clientExtensionResults: {}, response });
  }

  async function work(form) {
    const said = form.querySelector("[data-said]");
    said.hidden = true;
    try {
      const asked = await fetch(form.dataset.asked, { method: "POST" });
      if (!asked.ok || asked.redirected) throw new Error(asked.statusText);
      const options = await asked.json();
      form.elements.answer.value = await (form.dataset.passkey === "create" ? made(options) : shown(options));
      form.submit();
    } catch {
      said.hidden = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      work(form);
    });
  }
})();
