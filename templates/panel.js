// Live refresh, countdowns, live preview and more time fields. All else works without it.
(() => {
  "use strict";
  const parse = (text) => new DOMParser().parseFromString(text, "text/html").body;

  // Whether the server answers: said when it does not, and when it does again. Until then the page asks by itself.
  const connection = document.getElementById("connection");
  let isAway = false;
  let asking = 0;
  const reached = (isThere) => {
    if (isThere !== isAway) return isThere;
    isAway = !isThere;
    clearTimeout(asking);
    const said = document.createElement("p");
    said.className = isAway ? "warning" : "notice";
    said.textContent = isAway ? document.body.dataset.away : document.body.dataset.back;
    connection.replaceChildren(said);
    asking = isAway ? setTimeout(ask, 5000) : setTimeout(() => connection.replaceChildren(), 10_000);
    if (!isAway) document.querySelectorAll("[data-live]").forEach((part) => refresh(part));
    return isThere;
  };
  // A proxy answers for a server that is gone.
  const PROXY_SAYS_GONE = [502, 503, 504];
  const fetchFrom = async (url, options) => {
    try {
      const reply = await fetch(url, options);
      reached(!PROXY_SAYS_GONE.includes(reply.status));
      return reply;
    } catch (error) {
      if (!options?.signal?.aborted || error.name === "TimeoutError") reached(false);
      throw error;
    }
  };
  const ask = async () => {
    const icon = document.querySelector("link[rel=icon]").href;
    await fetchFrom(icon, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(15_000) }).catch(() => {});
    if (isAway) asking = setTimeout(ask, 5000);
  };
  addEventListener("offline", () => reached(false));
  addEventListener("online", () => isAway && (clearTimeout(asking), ask()));

  // A part of the page that refreshes itself. What is open stays open, and the focus stays where it is.
  const refresh = async (part) => {
    if (document.hidden || part.contains(document.querySelector("details.menu[open]"))) return;
    let reply;
    try {
      reply = await fetchFrom(part.dataset.live + location.search, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(30_000) });
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
    // What is being counted is asked for until it is there.
    const isDone = () => "once" in part.dataset && !part.querySelector("[data-counting]");
    setInterval(() => isDone() || refresh(part), 1000 * Number(part.dataset.seconds || 10));
    if ("atOnce" in part.dataset) refresh(part);
    document.addEventListener("visibilitychange", () => document.hidden || refresh(part));
  }

  // What is open closes with Esc and with a click elsewhere; the focus goes back to its button.
  const close = (menu) => {
    const focus = document.activeElement;
    menu.open = false;
    // A click on mere text gives the focus to the page.
    if (menu.contains(focus) || focus === document.body || focus.id === "main") menu.querySelector("summary").focus({ preventScroll: true });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach(close);
  });
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) close(menu);
  });

  // A form that was refused begins at its error, also in browsers that know autofocus for fields only.
  addEventListener("load", () => setTimeout(() => document.activeElement === document.body && document.querySelector("[role=alert][autofocus]")?.focus(), 100));

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

  // The session has ended, which a form is told as a token that fits no more: what is typed stays, and the form's
  // own button leads to the login.
  const ENDED = [401, 403];
  const ended = (target) => {
    const said = document.createElement("p");
    said.className = "problem";
    said.textContent = target.closest("form").dataset.ended;
    target.replaceChildren(said);
  };

  // What is typed is kept in this browser until it is stored: a closed tab loses nothing. It is offered, not put in.
  const storage = (() => {
    try {
      localStorage.getItem("draft");
      return localStorage;
    } catch {
      return null; // a browser that keeps nothing
    }
  })();
  const DRAFT = "draft:";
  const query = new URLSearchParams(location.search);
  // Of this tab, and for its next page only: what another form did, or did later, stored nothing of a form that
  // found no server.
  const sent = storage && sessionStorage.getItem("sent");
  if (storage) sessionStorage.removeItem("sent");
  if (storage && query.get("done")) {
    if (query.get("done") === "left") Object.keys(storage).filter((key) => key.startsWith(DRAFT)).forEach((key) => storage.removeItem(key));
    else if (sent) storage.removeItem(sent);
  }
  for (const form of storage ? document.querySelectorAll("form[data-draft]") : []) {
    const key = DRAFT + form.getAttribute("action");
    const NOT = ["csrf", "mark", "was", "sure", "again", "kept", "do", "own", "like", "content", "upload"];
    const fields = () => [...new FormData(form)].filter(([name, value]) => typeof value === "string" && value && !NOT.includes(name) && !name.startsWith("was_"));
    // From what the form was made, so that what others change meanwhile is found with a draft, too.
    const was = () => [...form.elements].filter((field) => /^was(_|$)/.test(field.name));
    const first = JSON.stringify(fields());
    let timer = 0;
    const keep = () => {
      const now = JSON.stringify(fields());
      if (now !== first) storage.setItem(key, JSON.stringify({ at: Date.now(), fields: fields(), was: was().map((field) => field.value) }));
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(keep, 400);
    });
    addEventListener("pagehide", keep);
    form.addEventListener("submit", (event) => {
      clearTimeout(timer);
      keep();
      if (event.submitter?.value !== "preview" && event.submitter?.value !== "test") sessionStorage.setItem("sent", key);
    });
    const kept = JSON.parse(storage.getItem(key) || "null");
    const isAnswer = form.querySelector("[role=alert], [role=status]") || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
    if (!kept || isAnswer || JSON.stringify(kept.fields) === first) continue;
    if (Date.now() - kept.at > 7 * 864e5) {
      storage.removeItem(key);
      continue;
    }
    const offer = document.createElement("p");
    offer.className = "notice offer";
    offer.setAttribute("role", "status");
    const words = document.createElement("span");
    words.textContent = form.dataset.draft.replace("{}", new Date(kept.at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }));
    offer.append(words);
    const button = (text, press) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.addEventListener("click", () => {
        press();
        offer.remove();
        form.querySelector("input:not([type=hidden]), textarea")?.focus();
      });
      offer.append(made);
    };
    button(form.dataset.restore, () => {
      const values = new Map();
      for (const [name, value] of kept.fields) values.set(name, [...(values.get(name) ?? []), value]);
      for (let more = (values.get("at")?.length ?? 0) - form.querySelectorAll("[name=at]").length; more > 0; more -= 1) form.querySelector("[data-more]")?.click();
      const seen = new Map();
      for (const field of form.elements) {
        if (!field.name || NOT.includes(field.name) || ["hidden", "file", "submit"].includes(field.type)) continue;
        const some = values.get(field.name) ?? [];
        if (field.type === "checkbox" || field.type === "radio") field.checked = some.includes(field.value);
        else {
          const at = seen.get(field.name) ?? 0;
          field.value = some[at] ?? "";
          seen.set(field.name, at + 1);
        }
      }
      was().forEach((field, index) => (field.value = kept.was?.[index] ?? field.value));
      form.dispatchEvent(new Event("input", { bubbles: true }));
    });
    button(form.dataset.discard, () => storage.removeItem(key));
    (form.matches(".card") ? form : form.querySelector(".card")).prepend(offer);
  }

  // The other language shows the same form, with what is typed.
  const switching = document.querySelector("form button[formaction]");
  document.querySelector(".account a[hreflang]")?.addEventListener("click", (event) => {
    if (!switching) return;
    event.preventDefault();
    switching.click();
  });

  // A preview that follows what is typed.
  for (const form of document.querySelectorAll("form[data-preview]")) {
    const target = document.getElementById("preview");
    const buttons = form.querySelectorAll("button[data-plain]");
    let timer = 0;
    let round = 0;
    const preview = async () => {
      const mine = ++round;
      try {
        const reply = await fetchFrom(form.dataset.preview, { method: "POST", body: new URLSearchParams([...new FormData(form)].filter((field) => typeof field[1] === "string")) });
        if (ENDED.includes(reply.status)) return ended(target);
        const text = await reply.text();
        if (!reply.ok || mine !== round) return;
        target.replaceChildren(...parse(text).childNodes);
        for (const button of buttons) button.textContent = target.querySelector("[data-does]").dataset.does;
        showPicked(target);
        if (target.querySelector("[data-counting]")) timer = setTimeout(preview, 500);
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
          const reply = await fetchFrom(`${field.dataset.find}?q=${encodeURIComponent(asked)}`);
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
          const reply = await fetchFrom(field.dataset.tags, { method: "POST", body: new URLSearchParams([...new FormData(field.form)].filter((one) => typeof one[1] === "string")) });
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
        if (ENDED.includes(reply.status)) return say(form.dataset.ended, "problem");
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

  // A date or a day that is filled in is meant: it selects its choice. "Now" and times that stay have
  // neither; what was filled in comes back with another choice.
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
      if (["now", "keep"].includes(event.target.value)) {
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
    for (const button of [...form.elements].filter((one) => one.matches("button[data-busy]"))) {
      button.disabled = false;
      if (button.dataset.busy) button.textContent = button.dataset.busy;
      button.removeAttribute("data-busy");
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.submitter?.matches("[data-stays]")) return; // a file leaves the page as it is
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    const pressed = event.submitter;
    // After this event: a button that is disabled now would not be sent along.
    setTimeout(() => {
      for (const button of [...form.elements].filter((one) => one.matches("button:not([type=button])"))) {
        button.disabled = true;
        button.dataset.busy = button === pressed ? button.textContent : "";
      }
      if (pressed) pressed.textContent = document.body.dataset.busy;
    });
    setTimeout(() => wake(form), 20_000);
  });
  addEventListener("pageshow", (event) => event.persisted && document.querySelectorAll("form[data-sent]").forEach(wake));

  // All that a page shows.
  for (const all of document.querySelectorAll("[data-all]")) {
    const each = () => [...all.form.querySelectorAll(`input[name=${all.dataset.all}]`)];
    all.parentElement.hidden = false;
    all.addEventListener("change", () => each().forEach((one) => (one.checked = all.checked)));
    all.form.addEventListener("change", (event) => {
      if (event.target.name === "all" && event.target.checked) each().forEach((one) => (one.checked = true));
      all.checked = each().every((one) => one.checked);
    });
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
