// Small additions to pages that work without them: copy buttons, ages that tick, live lists.
(() => {
  "use strict";
  const page = document.documentElement;
  page.classList.add("js");

  const say = (words) => {
    const region = document.getElementById("said");
    if (region) region.textContent = words;
  };

  // <button data-copy="#id"> copies the text of #id; its first text says so for a moment.
  const copy = async (button) => {
    const source = document.querySelector(button.dataset.copy);
    const label = button.querySelector("[data-label]") ?? button;
    const before = label.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent);
      label.textContent = "Copied";
      say("Copied to the clipboard");
    } catch {
      getSelection().selectAllChildren(source);
      label.textContent = "Selected";
      say("Selected; copy it with the keyboard");
    }
    setTimeout(() => { label.textContent = before; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (button && !button.dataset.busy) copy(button);
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // <time data-age datetime="..."> shows how long ago, as the server's words do.
  const steps = [[60, 1, "s"], [3600, 60, " min"], [86400, 3600, " h"], [Infinity, 86400, " d"]];
  const age = (seconds) => {
    if (seconds < 2) return "just now";
    const [, unit, name] = steps.find(([limit]) => seconds < limit);
    return `${Math.floor(seconds / unit)}${name} ago`;
  };
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-age]")) {
      const words = age((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== words) time.textContent = words;
    }
  }, 5000);

  // <div data-live="URL"> listens to server-sent events; each asks htmx to "refresh" the elements
  // that have hx-trigger="refresh", and its data is read out politely.
  for (const live of document.querySelectorAll("[data-live]")) {
    const events = new EventSource(live.dataset.live);
    const state = live.querySelector("[data-live-state]");
    const show = (words, kind) => {
      if (state) { state.textContent = words; state.className = `badge ${kind}`; }
    };
    events.addEventListener("open", () => show("Live", "ok"));
    events.addEventListener("error", () => {
      const ended = events.readyState === EventSource.CLOSED;
      if (ended) show("Not live: reload to see more", "warn");
    });
    events.addEventListener("arrived", (event) => {
      for (const part of document.querySelectorAll('[hx-trigger~="refresh"]')) {
        window.htmx?.trigger(part, "refresh");
      }
      say(event.data);
    });
  }

  // <form data-auto> is submitted when a field of it changes; its button is for those without.
  document.addEventListener("change", (event) => {
    event.target.form?.matches("[data-auto]") && event.target.form.requestSubmit();
  });
})();
