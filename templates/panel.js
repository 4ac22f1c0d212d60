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
    const buttons = form.querySelectorAll("button[data-plain]");
    let timer = 0;
    let round = 0;
    const preview = async () => {
      const mine = ++round;
      try {
        const reply = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams([...new FormData(form)].filter((field) => typeof field[1] === "string")) });
        if (reply.status === 401) return location.reload();
        const text = await reply.text();
        if (!reply.ok || mine !== round) return;
        target.replaceChildren(...parse(text).childNodes);
        for (const button of buttons) button.textContent = target.querySelector("[data-does]").dataset.does;
        showPicked(target);
      } catch {
        // the next change tries again
      }
    };
    form.addEventListener("input", () => {
      // Until the preview has counted anew, the button promises nothing.
      for (const button of buttons) button.textContent = form.elements.when.value === "now" ? button.dataset.plainNow : button.dataset.plain;
      clearTimeout(timer);
      timer = setTimeout(preview, 500);
    });
    preview();
  }

  // Recipients by name, each with a button that takes it out; and a search that puts them in.
  const showPicked = (target) => {
    const list = document.getElementById("picked");
    if (!list) return;
    list.replaceChildren(...(target.querySelector("#picked-piece")?.children ?? []));
    list.hidden = list.children.length === 0;
  };
  for (const field of document.querySelectorAll("[data-find]")) {
    const to = document.getElementById("to");
    const found = document.getElementById("found");
    let timer = 0;
    field.parentElement.hidden = false;
    const lines = () => to.value.split(/[\n,;]/).map((line) => line.trim()).filter(Boolean);
    const set = (some) => {
      to.value = some.join("\n");
      to.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const close = () => found.replaceChildren();
    document.getElementById("picked").addEventListener("click", (event) => {
      const button = event.target.closest("[data-drop]");
      if (!button) return;
      button.closest("li").remove();
      set(lines().filter((line) => line !== button.dataset.drop));
      field.focus();
    });
    field.addEventListener("input", (event) => {
      event.stopPropagation(); // nothing of the message changed
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const asked = field.value.trim();
        if (!asked) return close();
        try {
          const reply = await fetch(`${field.dataset.find}?q=${encodeURIComponent(asked)}`);
          if (reply.ok && asked === field.value.trim()) found.replaceChildren(...parse(await reply.text()).childNodes);
        } catch {
          // the next letter tries again
        }
      }, 250);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "ArrowDown") found.querySelector("button")?.focus();
      if (event.key !== "Enter") return;
      event.preventDefault(); // it must not send the form
      found.querySelector("button")?.click();
    });
    found.addEventListener("keydown", (event) => {
      const other = event.key === "ArrowDown" ? "nextElementSibling" : event.key === "ArrowUp" ? "previousElementSibling" : null;
      if (event.key === "Escape") field.focus(), close();
      if (!other) return;
      event.preventDefault();
      (document.activeElement.parentElement[other]?.querySelector("button") ?? field).focus();
    });
    found.addEventListener("click", (event) => {
      const button = event.target.closest("[data-pick]");
      if (!button) return;
      if (!lines().includes(button.dataset.pick)) set([...lines(), button.dataset.pick]);
      field.value = "";
      close();
      field.focus();
    });
    document.addEventListener("click", (event) => field.parentElement.contains(event.target) || close());
  }

  // Tags that are searched for; what is ticked stays.
  for (const field of document.querySelectorAll("[data-tags]")) {
    let timer = 0;
    field.addEventListener("input", (event) => {
      event.stopPropagation();
      clearTimeout(timer);
      timer = setTimeout(async () => {
        try {
          const reply = await fetch(field.dataset.tags, { method: "POST", body: new URLSearchParams([...new FormData(field.form)].filter((one) => typeof one[1] === "string")) });
          if (!reply.ok) return;
          const fresh = parse(await reply.text());
          for (const id of ["tag-choices", "except-choices"]) document.getElementById(id).replaceWith(fresh.querySelector("#" + id));
        } catch {
          // the next letter tries again
        }
      }, 250);
    });
    field.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  // A file is taken in as soon as it is chosen; the form then has its name. Until that is done, and when it fails,
  // the form takes the file along by itself.
  for (const field of document.querySelectorAll("[data-attach]")) {
    const form = field.form;
    const attached = document.getElementById("attached");
    let coming = null;
    const say = (words, name) => {
      for (const old of attached.querySelectorAll("p")) old.remove();
      if (!words) return;
      const said = document.createElement("p");
      said.className = name;
      said.textContent = words;
      attached.append(said);
    };
    field.addEventListener("change", async () => {
      coming?.abort();
      const mine = (coming = new AbortController());
      const file = field.files[0];
      if (!file) return say("");
      if (file.size > Number(field.dataset.megabytes) * 2 ** 20) {
        field.value = "";
        return say(field.dataset.tooLarge, "problem");
      }
      const body = new FormData();
      for (const name of ["csrf", "kind", "content", "text"]) body.append(name, form.elements[name].value);
      body.append("upload", file);
      say(field.dataset.uploading, "hint");
      try {
        const reply = await fetch(field.dataset.attach, { method: "POST", body, signal: mine.signal });
        if (reply.status === 401) return location.reload();
        const text = await reply.text();
        if (mine !== coming) return;
        if (!reply.ok) return say("");
        attached.replaceChildren(...parse(text).childNodes);
        field.value = "";
        form.dispatchEvent(new Event("input"));
      } catch {
        if (mine === coming) say("");
      }
    });
    form.addEventListener("submit", () => coming?.abort());
  }

  // A date or a day that is filled in is meant: it selects its choice. "Now" has neither; what was
  // filled in comes back with another choice.
  for (const part of document.querySelectorAll("[data-when]")) {
    const form = part.closest("form");
    const kept = new Map();
    part.addEventListener("input", (event) => {
      const field = event.target;
      if (field.type === "checkbox" ? field.checked : field.value) form.querySelector(`input[name=when][value=${part.dataset.when}]`).checked = true;
    });
    form.addEventListener("change", (event) => {
      if (event.target.name !== "when") return;
      const fields = [...part.querySelectorAll("input")];
      if (event.target.value === "now") {
        for (const field of fields) {
          kept.set(field, field.type === "checkbox" ? field.checked : field.value);
          if (field.type === "checkbox") field.checked = false;
          else field.value = "";
        }
      } else {
        for (const [field, value] of kept) {
          if (field.type === "checkbox") field.checked ||= value;
          else field.value ||= value;
        }
        kept.clear();
      }
    });
  }

  // A form is sent once: its buttons wait for the answer and say so. The server would know a second one, too,
  // so they wake up again when the answer does not come, or when the page comes back as it was left.
  const wake = (form) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[data-busy]")) {
      button.disabled = false;
      if (button.dataset.busy) button.textContent = button.dataset.busy;
      button.removeAttribute("data-busy");
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    const pressed = event.submitter;
    // After this event: a button that is disabled now would not be sent along.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])")) {
        button.disabled = true;
        button.dataset.busy = button === pressed ? button.textContent : "";
      }
      if (pressed) pressed.textContent = document.body.dataset.busy;
    });
    setTimeout(() => wake(form), 20_000);
  });
  addEventListener("pageshow", (event) => event.persisted && document.querySelectorAll("form[data-sent]").forEach(wake));

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
