// Small additions to pages that work without them: copy buttons, ages that tick, live lists.
(() => {
  "use strict";
  const page = document.documentElement;
  page.classList.add("js");

  const say = (words) => {
    const region = document.getElementById("said");
    if (region) region.textContent = words;
  };

  // <button data-copy="#id"> copies the text of #id, <a data-copy-from href="..."> what is there; its
  // first text says so for a moment. Where nothing can be copied, the text is selected or gone to.
  const tell = (button, words, spoken) => {
    const label = button.querySelector("[data-label]") ?? button;
    label.dataset.before ??= label.textContent;
    label.textContent = words;
    say(spoken);
    setTimeout(() => { label.textContent = label.dataset.before; }, 1500);
  };
  const copy = async (button) => {
    const source = document.querySelector(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      tell(button, "Copied", "Copied to the clipboard");
    } catch {
      getSelection().selectAllChildren(source);
      tell(button, "Selected", "Selected; copy it with the keyboard");
    }
  };
  const copyFrom = async (link) => {
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error("nothing to copy");
      await navigator.clipboard.writeText(await answer.text());
      tell(link, "Copied", "Copied to the clipboard");
    } catch {
      location.href = link.href;
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (button) copy(button);
    const link = event.target.closest?.("a[data-copy-from]");
    if (link) { event.preventDefault(); copyFrom(link); }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  const kept = (work) => { try { return work(sessionStorage); } catch { return null; } };

  // <input type="checkbox" data-renews>: unchecked, what renews itself stays as it is, on this page
  // and on the next ones.
  const renews = document.querySelector("[data-renews]");
  const paused = () => renews !== null && !renews.checked;
  if (renews) {
    renews.checked = kept((store) => store.getItem("hookseal-paused")) !== "yes";
    renews.addEventListener("change", () => {
      kept((store) => store.setItem("hookseal-paused", paused() ? "yes" : ""));
      say(paused() ? "Live updates are paused" : "Live updates go on");
    });
  }
  document.addEventListener("htmx:before:request", (event) => {
    if (paused()) event.preventDefault();
  });

  // <time data-age="NOW" datetime="..."> shows how long ago, as the server's words do, and by the
  // server's clock: NOW is what it showed when the page was made.
  const told = document.querySelector("time[data-age]")?.dataset.age;
  const ahead = told ? Date.now() - Number(told) : 0;
  const steps = [[60, 1, " s"], [3600, 60, " min"], [86400, 3600, " h"], [Infinity, 86400, " d"]];
  const age = (seconds) => {
    if (seconds < 2) return "just now";
    const [, unit, name] = steps.find(([limit]) => seconds < limit);
    return `${Math.floor(seconds / unit)}${name} ago`;
  };
  setInterval(() => {
    if (paused()) return;
    for (const time of document.querySelectorAll("time[data-age]")) {
      const words = age((Date.now() - ahead - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== words) time.textContent = words;
    }
  }, 5000);

  // A part that shows the newest must not change under the hands of somebody who works in it.
  const changed = (field) =>
    field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const inUse = (part) =>
    part.querySelector("details[open], form :focus") !== null ||
    [...part.querySelectorAll("form input")].some(changed);

  // <div data-live="URL"> listens to server-sent events; each asks htmx to "refresh" the elements
  // that have hx-trigger="refresh", once no <section data-follows> is in use. The data of "arrived"
  // is read out politely, "changed" is quiet.
  for (const live of document.querySelectorAll("[data-live]")) {
    const events = new EventSource(live.dataset.live);
    const state = live.querySelector("[data-live-state]");
    const show = (words, kind) => {
      if (state) { state.textContent = words; state.className = `badge ${kind}`; }
    };
    let waiting = false;
    events.addEventListener("open", () => { if (!waiting) show("Live", "ok"); });
    events.addEventListener("error", () => {
      const ended = events.readyState === EventSource.CLOSED;
      if (ended) show("Not live: reload to see more", "warn");
    });
    const renew = () => {
      waiting = [...document.querySelectorAll("[data-follows]")].some(inUse);
      if (waiting) { show("Newer ones wait", "warn"); return; }
      show("Live", "ok");
      for (const part of document.querySelectorAll('[hx-trigger~="refresh"]')) {
        window.htmx?.trigger(part, "refresh");
      }
    };
    events.addEventListener("arrived", (event) => { renew(); say(event.data); });
    events.addEventListener("changed", renew);
    const released = () => { if (waiting) setTimeout(() => { if (waiting) renew(); }); };
    for (const kind of ["focusout", "toggle", "input"]) {
      document.addEventListener(kind, released, true);
    }
  }

  // <form data-once> is sent once: of a double click the second answer would be shown.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.once === undefined) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });

  // <form data-auto> is submitted when a field of it changes; its button is for those without.
  // The keyboard then goes on where it was: a select is changed by each arrow key.
  // A time is changed by each digit, so it counts once it is left.
  const submitSoon = (form) => setTimeout(() => { // after the key that changed it moved the focus
    kept((store) => store.setItem("hookseal-focus", document.activeElement?.id ?? ""));
    form.requestSubmit();
  });
  const isTime = (field) => field.type === "datetime-local";
  document.addEventListener("change", (event) => {
    const { form } = event.target;
    if (form?.matches("[data-auto]") && !isTime(event.target)) submitSoon(form);
  });
  document.addEventListener("focusout", (event) => {
    const { form } = event.target;
    const left = isTime(event.target) && event.target.value !== event.target.defaultValue;
    if (form?.matches("[data-auto]") && left) submitSoon(form);
  });
  const before = kept((store) => store.getItem("hookseal-focus"));
  if (before) document.getElementById(before)?.focus({ preventScroll: true });
  kept((store) => store.removeItem("hookseal-focus"));

  // <input type="search" data-filter="#list"> shows the [data-item]s of #list that hold its words;
  // a [data-group] without any is hidden, and [data-none] is shown when there is none at all.
  const filter = (input) => {
    const list = document.querySelector(input.dataset.filter);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const item of list.querySelectorAll("[data-item]")) {
      const text = item.dataset.item.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
      if (!item.hidden) found += 1;
    }
    for (const group of list.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-item]:not([hidden])");
    }
    list.querySelector("[data-none]").hidden = found > 0;
    say(found === 1 ? "1 found" : `${found} found`);
  };
  document.addEventListener("input", (event) => {
    if (event.target.dataset?.filter) filter(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.dataset?.filter) event.preventDefault();
  });

  // <a data-dialog href="..."> shows #dialog-content of that page in a dialog; without script, or
  // where the page cannot be had, it is a link.
  const openDialog = async (link) => {
    const answer = await fetch(link.href);
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const content = found.getElementById("dialog-content");
    if (!answer.ok || !content) throw new Error("no dialog");
    if (document.querySelector("dialog")) return; // of a double click
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-labelledby", content.getAttribute("aria-labelledby"));
    dialog.append(document.importNode(content, true));
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    dialog.addEventListener("click", (event) => {
      const closes = event.target === dialog || event.target.closest("[data-close]");
      if (closes) { event.preventDefault(); dialog.close(); }
    });
    document.body.append(dialog);
    dialog.showModal();
    // What is asked is read first: the first button, which the browser would choose, may delete.
    const title = dialog.querySelector("h1");
    title.tabIndex = -1;
    title.focus();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openDialog(link).catch(() => { location.href = link.href; });
  });
})();
