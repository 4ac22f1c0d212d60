// Live refresh, countdowns, live preview and more time fields. All else works without it.
(() => {
  "use strict";
  const parse = (text) => new DOMParser().parseFromString(text, "text/html").body;

  // A part of the page that refreshes itself. What is open stays open, and the focus stays where it is.
  const refresh = async (part) => {
    if (document.hidden || part.contains(document.querySelector("details.menu[open]"))) return;
    let reply;
    try {
      reply = await fetch(part.dataset.live + location.search, { headers: { Accept: "text/html" } });
    } catch {
      return; // the next round tries again
    }
    if (reply.status === 401) return location.reload();
    if (!reply.ok) return;
    const fresh = parse(await reply.text());
    const focus = document.activeElement;
    const inside = part.contains(focus) ? focus : null;
    const name = inside && (inside.id ? "#" + CSS.escape(inside.id) : inside.getAttribute("href") ? `a[href="${CSS.escape(inside.getAttribute("href"))}"]` : inside.matches("summary") && inside.parentElement.id ? "#" + CSS.escape(inside.parentElement.id) + ">summary" : null);
    if (inside && !name) return; // rather stale than a lost place
    const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollTop);
    part.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    part.querySelectorAll(".scroll").forEach((one, index) => (one.scrollTop = scrolled[index] ?? 0));
    if (name) part.querySelector(name)?.focus({ preventScroll: true });
  };
  for (const part of document.querySelectorAll("[data-live]")) {
    setInterval(() => refresh(part), 1000 * Number(part.dataset.seconds || 10));
    document.addEventListener("visibilitychange", () => document.hidden || refresh(part));
  }

  // Seconds that run down.
  setInterval(() => {
    for (const one of document.querySelectorAll("[data-countdown]")) {
      const left = Number(one.dataset.countdown) - 1;
      one.dataset.countdown = left;
      if (left <= 0) {
        one.textContent = one.dataset.then;
        one.removeAttribute("data-countdown");
      } else if (left < 60) {
        one.textContent = one.textContent.replace(/\d+/, left);
      }
    }
  }, 1000);

  // A preview that follows what is typed.
  for (const form of document.querySelectorAll("form[data-preview]")) {
    const target = document.getElementById("preview");
    let timer = 0;
    let round = 0;
    const preview = async () => {
      const mine = ++round;
      try {
        const reply = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (reply.status === 401) return location.reload();
        if (reply.ok && mine === round) target.replaceChildren(...parse(await reply.text()).childNodes);
      } catch {
        // the next change tries again
      }
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(preview, 500);
    });
    preview();
  }

  // One more time.
  for (const button of document.querySelectorAll("[data-more]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const rows = document.getElementById(button.dataset.more);
      const row = rows.lastElementChild.cloneNode(true);
      const field = row.querySelector("input");
      const number = rows.children.length + 1;
      field.value = "";
      field.id = "at-" + number;
      const label = row.querySelector("label");
      label.htmlFor = field.id;
      label.textContent = label.textContent.replace(/\d+/, number);
      rows.append(row);
      field.focus();
    });
  }

  // Signs that are put into the text at a click.
  for (const button of document.querySelectorAll("[data-insert]")) {
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.into);
      field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
})();
