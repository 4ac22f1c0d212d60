// The panel in a real browser: the whole way of a shop owner, on a phone and on a desktop, in both languages,
// in light and dark; nothing in the console, nothing that the policy refuses, nothing serious that axe finds.
// `node browser.mjs PROGRAM CHROMIUM [SCREENSHOTS]`, with playwright-core and axe-core beside it.

import assert from "node:assert/strict";
import { spawn, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [program, chromiumPath, screenshots] = process.argv.slice(2);
const tools = createRequire(join(process.cwd(), "x.js"));
const { chromium } = tools("playwright-core");
const axeSource = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");
const here = dirname(fileURLToPath(import.meta.url));
const password = "rahasia toko";
const directory = mkdtempSync(join(tmpdir(), "panel-"));
const started = [];
process.on("exit", () => {
  for (const one of started) one.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

async function until(what, look, seconds = 20) {
  for (let left = seconds * 20; left > 0; left -= 1) {
    const found = await look();
    if (found) return found;
    await sleep(50);
  }
  assert.fail(`never: ${what}`);
}

/** Starts the program in a directory; returns the first match of `pattern` in what it says. */
async function start(directory, name, args, pattern) {
  const log = join(directory, `${name}.log`);
  const out = openSync(log, "w", 0o600);
  started.push(spawn(program, args, { cwd: directory, env: {}, stdio: ["ignore", out, out] }));
  return until(`${name} says where it is`, () => readFileSync(log, "utf8").match(pattern)?.[1]);
}

/** A directory with a database and settings, a simulated WAHA and a server; returns the server's address. */
async function site(directory, delay = 1, fill = () => {}) {
  mkdirSync(directory);
  const waha = await start(directory, "fake-waha", ["fake-waha", "--listen", "127.0.0.1:0"], /(http:\/\/127\.0\.0\.1:\d+)/);
  writeFileSync(
    join(directory, "auto-message-scheduler.env"),
    `WAHA_BASE_URL=${waha}\nDATABASE_PATH=shop.db\nLISTEN_ADDR=127.0.0.1:0\nSEND_DELAY_SECONDS=${delay}\nSEND_JITTER_SECONDS=0\n` +
      `CRON_SECRET=a-secret-for-tests-0123456789\nTICK_SECONDS=0\nADMIN_PASSWORD=${password}\n`,
    { mode: 0o600 },
  );
  fill();
  return start(directory, "serve", ["serve"], /ready on (http:\/\/[\d.:]+)\n/);
}

const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page whose console must stay empty. `expected` are the statuses of pages that a test asks for on purpose. */
async function open(base, options) {
  const context = await browser.newContext({ baseURL: base, locale: "id-ID", timezoneId: "Asia/Jakarta", ...options });
  const page = await context.newPage();
  const heard = [];
  page.on("console", (message) => heard.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => heard.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  page.quiet = (but = () => false) => {
    assert.deepEqual(heard.filter((line) => !but(line)), [], `the console of ${page.url()}`);
    heard.length = 0;
  };
  return page;
}

async function logIn(page) {
  await page.goto("/panel");
  await page.fill("#password", password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/panel");
}

/** What axe finds serious, and what does not fit on the screen. */
async function examine(page) {
  const found = await page.evaluate(`${axeSource}; axe.run(document, { resultTypes: ["violations"] })`).catch(async () => {
    // The policy refuses inline scripts, which evaluate is not; should a later browser see it otherwise:
    throw new Error("axe could not run");
  });
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const told = serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`);
  assert.deepEqual(told, [], `axe at ${page.url()}`);
  await fits(page);
}

async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(over <= 0, `${page.url()} is ${over} px too wide`);
}

const shapes = {
  desktop: { viewport: { width: 1280, height: 860 }, colorScheme: "light" },
  small: { viewport: { width: 320, height: 640 }, colorScheme: "dark", hasTouch: true, isMobile: true },
  phone: { viewport: { width: 360, height: 740 }, colorScheme: "dark", hasTouch: true, isMobile: true },
};

/** The way of a shop owner, from the login to a message that was sent and one that was not. */
async function ownersWay(base, shape, round) {
  const page = await open(base, shapes[shape]);
  await page.goto("/panel/contacts");
  assert.match(page.url(), /\/panel\/login\?next=/);
  assert.equal(await page.getAttribute("html", "lang"), "id");
  await page.fill("#password", "salah sama sekali");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#problem");
  await examine(page);
  page.quiet((line) => line.includes("401"));
  await page.fill("#password", password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/panel/contacts");

  // A list of contacts: seen, then stored.
  await page.click("text=Impor kontak");
  const csv = `nama;no hp;label\nAni ${round};0812 0000 1${round}01;uji${round}\nBudi ${round};0812-0000-1${round}02;uji${round}\n"<script>alert(1)</script>";62 812 0000 1${round}03;lain\nSalah;12;lain\n`;
  await page.setInputFiles("#file", { name: "kontak.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
  await page.click("button.main");
  await page.waitForSelector(".figures");
  assert.deepEqual(await page.locator(".figures dd").allTextContents(), ["3", "0", "0", "1"]);
  assert.ok(await page.getByText("<script>alert(1)</script>").isVisible());
  await examine(page);
  await page.click("text=Simpan ke kontak");
  await page.waitForURL("**/panel/contacts?done=imported");
  await page.fill("#q", `0812-0000-1${round}`);
  await page.keyboard.press("Enter");
  await page.waitForURL("**q=*");
  assert.equal(await page.locator(".people > li").count(), 3);
  await examine(page);

  // A message for everybody with a label, now; the preview follows what is typed.
  await page.click("nav >> text=Pesan");
  await page.click("text=Pesan baru");
  await page.fill("#title", `Uji ${round}`);
  await page.fill("#text", "Halo ");
  await page.click("[data-insert]");
  await page.check(`input[name=tag][value=uji${round}]`);
  await page.waitForSelector(`#preview >> text=Halo Ani ${round}`);
  await page.waitForSelector("#preview >> text=2 penerima");
  assert.ok(await page.isChecked("input[name=when][value=at]"), "nothing goes out at once by default");
  await page.check("input[name=when][value=now]");
  await page.waitForSelector("button[value=save]:has-text('Kirim sekarang ke 2 penerima')");
  await examine(page);
  await page.click("button[value=save]");
  await page.waitForURL("**/panel/messages/*?done=scheduled");
  // It becomes sent before the owner's eyes, without a reload, and the focus stays where it is.
  const csvLink = page.locator("text=Unduh CSV");
  await csvLink.waitFor({ timeout: 20_000 });
  await csvLink.focus();
  await page.waitForSelector("#message-status:has-text('Terkirim')", { timeout: 30_000 });
  await until("both recipients are sent", async () => (await page.locator(".people .pill").allTextContents()).every((text) => /Terkirim|Sampai|Dibaca/.test(text)));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Unduh CSV");
  await examine(page);
  const [download] = await Promise.all([page.waitForEvent("download"), csvLink.click()]);
  const text = readFileSync(await download.path(), "utf8");
  assert.match(text, new RegExp(`"Ani ${round}","\\+6281200001${round}01","(Terkirim|Sampai|Dibaca)"`));

  // Another one, for every Monday; then it is cancelled.
  await page.goto("/panel/messages/new");
  await page.fill("#text", "Selamat hari Senin");
  await page.fill("#to", `081200001${round}01\n12`);
  await page.check("input[value=weekly]");
  await page.check("input[value=mon]");
  await page.fill("#time", "08:00");
  await page.click("button[value=save]");
  await page.waitForSelector("[role=alert] >> text=1 penerima tidak bisa dikirimi");
  await examine(page);
  page.quiet((line) => line.includes("422"));
  await page.check("input[name=skip_bad]");
  await page.click("button[value=save]");
  await page.waitForURL("**/panel/messages/*?done=scheduled");
  await page.click("summary.button");
  await page.click("text=Ya, batalkan pesan ini");
  await page.waitForURL("**?done=cancelled");
  assert.ok(await page.locator("#message-status:has-text('Dibatalkan')").isVisible());

  // Every page, in both languages.
  for (const language of ["id", "en"]) {
    for (const path of ["", "/messages", "/messages/new", "/contacts", "/contacts/new", "/contacts/1", "/contacts/import", "/channels", "/runs"]) {
      await page.goto(`/panel${path}?lang=${language}`);
      assert.equal(await page.getAttribute("html", "lang"), language);
      await examine(page);
    }
  }
  page.quiet();

  // By keyboard alone: the first stop leads to the content.
  await page.goto("/panel");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "#main");
  await page.click("details.menu > summary");
  await page.click("text=Log out on all devices");
  await page.waitForURL("**/panel/login?done=left");
  await page.goto("/panel/messages");
  assert.match(page.url(), /\/panel\/login/);
  page.quiet();
  await page.context().close();
}

const save = "button[value=save]";

/** How many messages the list finds. */
async function count(page, search) {
  await page.goto(`/panel/messages?q=${encodeURIComponent(search)}`);
  return page.locator(".list > li").count();
}

/** Answers of forms come late from now on. Returns how many forms the server has got. */
async function slowDown(page) {
  const sent = { count: 0 };
  await page.route("**/panel/messages/new", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    sent.count += 1;
    const answer = await route.fetch({ maxRedirects: 0 });
    await sleep(1500);
    await route.fulfill({ response: answer }).catch(() => {}); // a second press gave the first up
  });
  return sent;
}

/** A second press while the answer is slow, the form sent anew, and the way back: one message. */
async function slowAnswers(base) {
  for (const javaScriptEnabled of [true, false]) {
    const text = `Sekali saja ${javaScriptEnabled}`;
    const page = await open(base, { ...shapes.desktop, javaScriptEnabled });
    await logIn(page);
    const sent = await slowDown(page);
    await page.goto("/panel/messages/new");
    await page.fill("#text", text);
    await page.fill("#to", "081200005001");
    await page.check("input[name=when][value=now]");
    if (javaScriptEnabled) {
      // In the page: the driver waits for the answer before it looks again.
      const said = await page.evaluate((save) => new Promise((resolve) => {
        const button = document.querySelector(save);
        button.click();
        setTimeout(() => {
          resolve([button.disabled, button.textContent]);
          button.click();
          document.querySelector("form.compose").requestSubmit();
        }, 300);
      }), save);
      assert.deepEqual(said, [true, "Mengirim…"]);
    } else {
      await page.locator(save).scrollIntoViewIfNeeded();
      const box = await page.locator(save).boundingBox();
      const press = () => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
      await press();
      await until("the first press is with the server", () => sent.count === 1);
      await sleep(300);
      await press();
      await until("the second press is, too", () => sent.count === 2);
    }
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    const first = page.url();
    assert.equal(sent.count, javaScriptEnabled ? 1 : 2);
    assert.equal(await count(page, text), 1);
    // The browser's way back, and the form once more: led to the first, or asked.
    await page.goto("/panel/messages/new");
    await page.fill("#text", text);
    await page.fill("#to", "081200005001");
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForSelector("[role=alert] >> text=baru saja dibuat");
    assert.equal(await page.getAttribute("[role=alert] a", "href"), new URL(first).pathname);
    if (javaScriptEnabled) await examine(page);
    await page.reload();
    await page.waitForSelector("[role=alert] >> text=baru saja dibuat");
    assert.equal(await count(page, text), 1);
    await page.context().close();
  }
  const page = await open(base, shapes.desktop);
  await logIn(page);
  await page.goto("/panel/messages/new");
  await page.fill("#text", "Mundur sekali");
  await page.fill("#to", "081200005002");
  await page.check("input[name=when][value=now]");
  await page.click(save);
  await page.waitForURL("**/panel/messages/*?done=scheduled");
  await page.goBack();
  await page.waitForSelector("#text");
  await page.fill("#text", "Mundur sekali");
  await page.fill("#to", "081200005002");
  await page.check("input[name=when][value=now]");
  await page.click(save);
  await page.waitForFunction(() => location.search.includes("done=scheduled") || document.querySelector("[role=alert]"));
  assert.equal(await count(page, "Mundur sekali"), 1);
  page.quiet();
  await page.context().close();
}

/** What is filled in is meant, and many at once are asked about. */
async function dates(base) {
  for (const shape of ["desktop", "phone"]) {
    const page = await open(base, shapes[shape]);
    await logIn(page);
    await page.goto("/panel/messages/new");
    const chosen = () => page.getAttribute("input[name=when]:checked", "value");
    await page.fill("#text", "Kapan");
    await page.fill("#to", "081200005003");
    await page.check("input[name=when][value=now]");
    await page.fill("#at-1", "2035-01-02T08:00");
    assert.equal(await chosen(), "at");
    await page.waitForSelector(`${save}:has-text('Jadwalkan Sel, 2 Jan 2035, 08.00 untuk 1 penerima')`);
    await page.check("input[name=when][value=now]");
    assert.equal(await page.inputValue("#at-1"), "", "now has no date");
    await page.waitForSelector(`${save}:has-text('Kirim sekarang')`);
    await page.check("input[name=when][value=at]");
    assert.equal(await page.inputValue("#at-1"), "2035-01-02T08:00", "it comes back");
    await page.check("input[value=mon]");
    assert.equal(await chosen(), "weekly");
    await page.fill("#time", "08:00");
    await page.waitForSelector(`${save}:has-text('Jadwalkan tiap minggu mulai Sen,')`);
    await examine(page);
    // Twenty-one at once.
    await page.check("input[name=when][value=now]");
    assert.ok(!(await page.isChecked("input[value=mon]")));
    await page.fill("#to", Array.from({ length: 21 }, (_, i) => `0812000060${10 + i}`).join("\n"));
    await page.fill("#text", `Banyak ${shape}`);
    await page.waitForSelector(`${save}:has-text('Kirim sekarang ke 21 penerima')`);
    await page.click(save);
    await page.waitForSelector("[role=alert] >> text=langsung dikirim ke 21 penerima");
    await examine(page);
    assert.equal(await page.textContent(save), "Ya. Kirim sekarang ke 21 penerima");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    await page.click("summary.button.danger");
    await page.click("text=Ya, batalkan pesan ini");
    await page.waitForURL("**?done=cancelled");
    page.quiet();
    await page.context().close();
  }
}

/** Two tabs with the same form: other fields are merged, the same one is shown twice and saved by nobody. */
/** What does not fit is said before it is made, and one press makes several messages of it. */
async function doesNotFit(base, directory) {
  execFileSync(program, ["channel", "edit", "1", "--daily-limit", "3"], { cwd: directory, env: {} });
  const to = [...Array(10).keys()].map((n) => `08120000600${n}`).join("\n");
  const ways = [
    ["desktop", "id", "6 sempat, 4 tidak (batas 24 jam)", "Bagi 4 hari", true],
    ["phone", "en", "6 get it in time, 4 do not (limit 24 h)", "Split over 4 days", false],
  ];
  for (const [shape, language, fits, split, javaScriptEnabled] of ways) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto(`/panel/messages/new?lang=${language}`);
    await page.fill("#title", `Bagi ${shape}`);
    await page.fill("#text", `Halo ${shape}`);
    await page.fill("#to", to);
    // Each way on days of its own: one must not fill the other's.
    await page.fill("#at-1", shape === "desktop" ? "2035-03-05T08:00" : "2035-05-07T08:00");
    if (!javaScriptEnabled) await page.click("button[value=preview]");
    await page.waitForSelector(`#preview >> text=${fits}`);
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `does-not-fit-${shape}.png`), fullPage: true });
    await page.click(`#preview >> text=${split}`);
    await page.waitForURL("**/panel/messages/*?done=split");
    assert.equal(await page.locator(".ahead .warning").count(), 0);
    assert.equal(await count(page, `Bagi ${shape}`), 4);
    page.quiet();
    await page.context().close();
  }
  execFileSync(program, ["channel", "edit", "1", "--daily-limit", "default"], { cwd: directory, env: {} });
}

async function twoTabs(base) {
  const one = await open(base, shapes.phone);
  await logIn(one);
  await one.goto("/panel/messages/new");
  await one.fill("#title", "Dua tab");
  await one.fill("#text", "Toko buka jam 8");
  await one.fill("#to", "081200005004");
  await one.fill("#at-1", "2035-01-02T08:00");
  await one.click(save);
  await one.waitForURL("**/panel/messages/*?done=scheduled");
  const edit = `${new URL(one.url()).pathname}/edit`;
  const tabs = [one, await one.context().newPage(), await one.context().newPage()];
  for (const tab of tabs) await tab.goto(edit);
  await tabs[0].fill("#text", "Toko buka jam 9");
  await tabs[0].click(save);
  await tabs[0].waitForURL("**?done=saved");
  await tabs[1].fill("#title", "Dua tab, judul lain");
  await tabs[1].click(save);
  await tabs[1].waitForURL("**?done=saved");
  assert.equal(await tabs[1].textContent("h1"), "Dua tab, judul lain");
  assert.equal(await tabs[1].textContent(".split .bubble"), "Toko buka jam 9");
  await tabs[2].fill("#text", "Toko buka jam 10");
  await tabs[2].click(save);
  await tabs[2].waitForSelector("[role=alert] >> text=diubah di tempat lain");
  assert.equal(await tabs[2].textContent(".conflict .bubble"), "Toko buka jam 9");
  assert.equal(await tabs[2].inputValue("#text"), "Toko buka jam 10");
  assert.equal(await tabs[2].inputValue("#title"), "Dua tab, judul lain");
  await examine(tabs[2]);
  await tabs[2].click(save);
  await tabs[2].waitForURL("**?done=saved");
  assert.equal(await tabs[2].textContent(".split .bubble"), "Toko buka jam 10");
  // What is taken back from a closed tab undoes nothing that somebody else changed since.
  await one.goto(edit);
  await one.fill("#text", "Toko buka jam 11");
  await until("the draft is kept", () => one.evaluate(() => Object.values(localStorage).join().includes("jam 11")));
  await one.goto("/panel");
  const other = await open(base, shapes.desktop);
  await logIn(other);
  await other.goto(edit);
  await other.fill("#title", "Judul orang lain");
  await other.click(save);
  await other.waitForURL("**?done=saved");
  await other.context().close();
  await one.goto(edit);
  await one.click(".offer button >> nth=0");
  await one.click(save);
  await one.waitForURL("**?done=saved");
  assert.equal(await one.textContent("h1"), "Judul orang lain");
  assert.equal(await one.textContent(".split .bubble"), "Toko buka jam 11");
  // A contact: other tags and other data are merged.
  await one.goto("/panel/contacts/new");
  await one.fill("#name", "Dua Tab");
  await one.fill("#number", "081200005005");
  await one.fill("#attributes", "kota=Solo");
  await one.click("button.main");
  await one.waitForURL("**?done=contact_added");
  const contact = new URL(one.url()).pathname;
  for (const tab of tabs) await tab.goto(contact);
  await tabs[0].fill("#tags", "vip");
  await tabs[0].click("button.main");
  await tabs[0].waitForURL("**?done=saved");
  await tabs[1].fill("#attributes", "kota=Solo\nsuka=kopi");
  await tabs[1].click("button.main");
  await tabs[1].waitForURL("**?done=saved");
  assert.equal(await tabs[1].inputValue("#tags"), "vip");
  await tabs[0].goto(contact);
  await tabs[0].fill("#name", "Dua Tab Baru");
  await tabs[0].click("button.main");
  await tabs[0].waitForURL("**?done=saved");
  await tabs[2].fill("#name", "Dua Tab Lain");
  await tabs[2].click("button.main");
  await tabs[2].waitForSelector("[role=alert] >> text=diubah di tempat lain");
  assert.equal(await tabs[2].textContent(".conflict .bubble"), "Dua Tab Baru");
  await examine(tabs[2]);
  await one.context().close();
}

/** All but live refresh and preview works without scripts. */
async function withoutScripts(base) {
  const page = await open(base, { ...shapes.desktop, javaScriptEnabled: false });
  await logIn(page);
  await page.goto("/panel/messages/new");
  await page.fill("#text", "Tanpa skrip {{name|Kak}}");
  await page.fill("#to", "081200009999");
  await page.click("button[value=preview]");
  await page.waitForSelector("#preview >> text=Tanpa skrip Kak");
  await page.check("input[name=when][value=now]");
  await page.fill("#at-1", "2035-01-02T08:00");
  await page.click("button[value=save]");
  await page.waitForSelector("[role=alert] >> text=tetapi tanggal, hari atau jam juga terisi");
  await page.check("input[name=when][value=at]");
  await page.click("button[value=save]");
  await page.waitForURL("**?done=scheduled");
  await page.click("text=Jeda");
  await page.waitForURL("**?done=paused");
  await page.click("text=Lanjutkan");
  await page.waitForURL("**?done=resumed");
  await page.context().close();
}

/** "To me first": the form's words for one contact, to one's own number, once; the form stays as it is. */
async function toMeFirst(base, site) {
  const arrived = () => readFileSync(join(site, "fake-waha.log"), "utf8");
  const jobs = [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false], ["desktop", "en", false]];
  for (const [index, [shape, language, javaScriptEnabled]] of jobs.entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto("/panel/contacts/new");
    await page.fill("#name", `Rini ${index}`);
    await page.fill("#number", `08120000720${index}`);
    await page.fill("#attributes", "kota=Solo");
    await page.click("button.main");
    await page.waitForURL("**?done=contact_added");
    await page.goto(`/panel/messages/new?lang=${language}`);
    if (javaScriptEnabled) await readable(page);
    const words = `Tes ${index}`;
    await page.fill("#text", `${words}: {{name|Kak}} di {{kota}}`);
    await page.fill("#to", "081200007001");
    await page.fill("#own", "0812-0000-7100");
    await page.fill("#like", `Rini ${index}`);
    const button = page.locator("button[value=test]");
    if (javaScriptEnabled) {
      await page.evaluate(() => {
        const press = () => document.querySelector("button[value=test]").click();
        press();
        press();
      });
    } else await button.click();
    await page.waitForSelector(".notice >> text=+62 812-0000-7100");
    if (javaScriptEnabled) await examine(page);
    await until("it arrives in the contact's words", () => arrived().includes(`${words}: Rini ${index} di Solo`));
    assert.equal(arrived().split(`${words}: Rini`).length, 2, "once");
    assert.equal(await page.inputValue("#text"), `${words}: {{name|Kak}} di {{kota}}`);
    assert.equal(await page.inputValue("#to"), "081200007001");
    await page.goto("/panel/messages/new");
    assert.equal(await page.inputValue("#own"), "+6281200007100", "it is kept");
    page.quiet();
    await page.context().close();
  }
}

/** What stands in the empty fields of a test can be read where two of them share a row, too. */
async function readable(page) {
  const before = page.viewportSize();
  for (const width of [360, 400, 1200, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const cut = await page.evaluate(() => [...document.querySelectorAll("#own, #like")].filter((field) => {
      const style = getComputedStyle(field);
      const canvas = document.createElement("canvas").getContext("2d");
      canvas.font = style.font;
      return canvas.measureText(field.placeholder).width > field.clientWidth - 2 * parseFloat(style.paddingLeft);
    }).map((field) => field.placeholder));
    assert.deepEqual(cut, [], `${width} px`);
  }
  await page.setViewportSize(before);
}

/** Recipients are chosen by name, by tags with counts, and some are excepted. */
async function choosing(base) {
  for (const [shape, language] of [["desktop", "id"], ["phone", "en"]]) {
    const page = await open(base, shapes[shape]);
    await logIn(page);
    const words = `Pilih ${shape}`;
    for (const [name, number, tags] of [["Wati", "1", `pilih${shape}`], ["Yono", "2", `pilih${shape}, staf${shape}`], ["Zaki", "3", ""]]) {
      await page.goto(`/panel/contacts/new?lang=${language}`);
      await page.fill("#name", `${name} ${shape}`);
      await page.fill("#number", `0812000081${shape.length}${number}`);
      await page.fill("#tags", tags);
      await page.click("button.main");
      await page.waitForURL("**?done=contact_added");
    }
    await page.goto("/panel/messages/new");
    await page.fill("#text", words);
    await page.fill("#find", `Zaki ${shape}`);
    await page.waitForSelector(`#found >> text=Zaki ${shape}`);
    await examine(page);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`#picked >> text=Zaki ${shape}`);
    await page.fill("#find", `Wati ${shape}`);
    await page.click(`#found >> text=Wati ${shape}`);
    await page.waitForSelector(`#picked >> text=Wati ${shape}`);
    await page.click(`#picked li:has-text("Wati") button`);
    await page.waitForFunction(() => document.querySelectorAll("#picked li").length === 1);
    const tag = page.locator(`#tag-choices label:has-text("pilih${shape}")`);
    assert.match(await tag.textContent(), / 2$/);
    await tag.click();
    await page.click("details.field > summary");
    await page.click(`#except-choices label:has-text("staf${shape}")`);
    await page.waitForFunction(() => document.querySelectorAll("#preview .sample").length === 2);
    const preview = await page.textContent("#preview");
    assert.ok(preview.includes("Zaki") && preview.includes("Wati") && !preview.includes("Yono"), preview);
    await examine(page);
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    const people = await until("both are there", async () => {
      const text = await page.locator(".people").allTextContents();
      return text.join().includes("Wati") && text.join();
    });
    assert.ok(people.includes("Zaki") && !people.includes("Yono"), people);
    page.quiet();
    await page.context().close();
  }
}

/** Contacts are ticked: tagged, removed, brought back, written to, exported; all that a search finds, too. */
async function ticking(base) {
  for (const [job, [shape, language, javaScriptEnabled]] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false]].entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    const round = `${shape}${language}`;
    await logIn(page);
    for (const [index, name] of ["Umi", "Vina", "Wawan"].entries()) {
      await page.goto(`/panel/contacts/new?lang=${language}`);
      await page.fill("#name", `${name} ${round}`);
      await page.fill("#number", `0812000091${job}${index}`);
      await page.click("button.main");
      await page.waitForURL("**?done=contact_added");
    }
    const search = `/panel/contacts?q=${round}`;
    await page.goto(search);
    assert.ok(!(await page.isVisible("button[value=tag]")), "nothing is ticked yet");
    await page.check(`input[name=id] >> nth=0`);
    await page.check(`input[name=id] >> nth=1`);
    await page.fill("#label", `baru${round}`);
    if (javaScriptEnabled) await examine(page);
    await page.click("button[value=tag]");
    await page.waitForURL("**done=tagged&n=2");
    assert.equal(await page.locator(`.tag:has-text("baru${round}")`).count(), 2);
    if (javaScriptEnabled) {
      await page.check("[data-all]");
      assert.equal(await page.locator("input[name=id]:checked").count(), 3);
    } else for (const one of await page.locator("input[name=id]").all()) await one.check();
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("button[value=export]")]);
    assert.match(readFileSync(await download.path(), "utf8"), new RegExp(`Umi ${round}`));
    await page.click(`.bulk details:has(button[value=remove]) > summary`);
    if (javaScriptEnabled) await examine(page);
    await page.click("button[value=remove]");
    await page.waitForURL("**done=removed&n=3&undo=*");
    assert.equal(await page.locator(".people > li").count(), 0);
    if (javaScriptEnabled) await examine(page);
    await page.click(".undo button");
    await page.waitForURL("**done=brought_back&n=3");
    assert.equal(await page.locator(".people > li").count(), 3);
    await page.check("input[name=id] >> nth=0");
    await page.click("button[value=write]");
    await page.waitForURL("**/panel/messages/new?to=*");
    await page.waitForSelector(`#preview >> text=1`);
    page.quiet();
    await page.context().close();
  }
}

/** What needs a person is in one list, and a press there is enough; a person is found with what they got. */
async function attention(base) {
  const seen = [["desktop", "id", true, "Kirim ulang yang gagal", "1 gagal"], ["phone", "en", false, "Retry failed", "1 failed"]];
  for (const [index, [shape, language, javaScriptEnabled, retry, failed]] of seen.entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    const title = `Perlu ${shape}`;
    await page.goto(`/panel/messages/new?lang=${language}`);
    await page.fill("#title", title);
    await page.fill("#text", "Halo");
    await page.fill("#to", `081200000400\n0812-0000-731${index}`);
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    const row = page.locator(`li.need:has-text("${title}")`);
    await until("it is in the list", async () => {
      await page.goto("/panel/messages");
      await page.click("nav.chips a[href='/panel/attention']");
      return (await row.count()) === 1 && (await row.textContent()).includes("1/2");
    });
    assert.ok((await row.textContent()).includes(failed));
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `attention-${shape}.png`), fullPage: true });
    // Still refused: it is sent again, and comes back.
    await row.locator(`button:has-text("${retry}")`).click();
    await page.waitForURL("**/panel/attention?done=retried");
    if (javaScriptEnabled) await examine(page);
    await until("it is back in the list", async () => {
      await page.goto("/panel/attention");
      return (await row.count()) === 1 && (await row.locator(`button:has-text("${retry}")`).count()) === 1;
    });
    await row.locator("a").first().click();
    assert.equal(await page.locator("nav.chips >> nth=0 >> a").count(), 2, "there was a second try");
    // By number, however it is spelled.
    await page.goto("/panel/messages");
    await page.fill("#q", `+62 812 0000 731${index}`);
    await page.keyboard.press("Enter");
    await page.waitForURL("**q=*");
    const card = page.locator("section[aria-labelledby=people-name]");
    assert.ok((await card.textContent()).includes(title));
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `people-${shape}.png`), fullPage: true });
    await card.locator(`a:has-text("${title}")`).first().click();
    assert.equal(await page.textContent("h1"), title);
    page.quiet();
    await page.context().close();
  }
}

/** What is scheduled stands in the calendar, as long as it takes, and in a list by its time. */
async function calendar(base, site) {
  for (const [index, [shape, language, javaScriptEnabled]] of [["desktop", "id", true], ["phone", "en", false]].entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    const times = [["Minggu depan", "weekly"], ["Sekali", "at"]];
    const day = ["2035-03-05", "2035-04-02"][index]; // Mondays
    for (const [title, when] of times) {
      await page.goto(`/panel/messages/new?lang=${language}`);
      await page.fill("#title", `${title} ${shape}`);
      await page.fill("#text", "Halo");
      await page.fill("#to", `08120000821${index}\n08120000822${index}`);
      if (when === "at") await page.fill("#at-1", `${day}T08:00`);
      else {
        await page.check("input[value=weekly]");
        await page.check("input[value=mon]");
        await page.fill("#time", "09:30");
        await page.fill("#from", day);
      }
      await page.click(save);
      await page.waitForURL("**/panel/messages/*?done=scheduled");
    }
    await page.goto("/panel/messages");
    await page.click("nav.chips a[href='/panel/calendar']");
    await page.waitForSelector(".lead");
    assert.match(await page.textContent(".lead"), language === "id" ? /Besok: \d+ pesan, \d+ orang/ : /Tomorrow: \d+ messages, \d+ people/);
    await page.fill("#date", day);
    await page.click(".pick button");
    await page.waitForURL(`**date=${day}*`);
    const monday = page.locator(".calendar section").first();
    const told = await monday.textContent();
    assert.ok(told.includes(`Sekali ${shape}`) && told.includes(`Minggu depan ${shape}`), told);
    assert.ok(told.includes(language === "id" ? "berulang" : "repeats"), told);
    assert.ok((await monday.locator("svg rect").count()) >= 2);
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `calendar-${shape}.png`), fullPage: true });
    // A week later only the one that comes again.
    await page.click("a[rel=next]");
    const later = await page.locator(".calendar").textContent();
    assert.ok(later.includes(`Minggu depan ${shape}`) && !later.includes(`Sekali ${shape}`), later);
    await page.click("a[rel=prev]");
    await page.locator(".calendar h3 a").first().click();
    await page.waitForURL("**view=day**");
    assert.ok((await page.textContent(".calendar")).includes(`Sekali ${shape}`));
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `calendar-day-${shape}.png`), fullPage: true });
    await page.goto(`/panel/messages?status=scheduled&q=${shape}`);
    const rows = await page.locator(".list > li").allTextContents();
    const at = (title) => rows.findIndex((row) => row.includes(`${title} ${shape}`));
    assert.ok(at("Sekali") >= 0 && at("Sekali") < at("Minggu depan"), rows.join("|"));
    assert.ok(rows[at("Minggu depan")].includes(language === "id" ? "setiap Sen, 09.30" : "every Mon, 09:30"), rows.join("|"));
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `scheduled-${shape}.png`), fullPage: true });
    page.quiet();
    await page.context().close();
  }
}

/** What went out is counted by day, number and tag, and who did what is written down. */
async function records(base) {
  for (const [index, [shape, language, javaScriptEnabled]] of [["desktop", "id", true], ["phone", "en", false]].entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    const title = `Catat ${shape}`;
    const words = (id, en) => (language === "id" ? id : en);
    await page.goto(`/panel/contacts/new?lang=${language}`);
    await page.fill("#name", `Nia ${shape}`);
    await page.fill("#number", `08120000831${index}`);
    await page.fill("#tags", `catat${shape}`);
    await page.click("button.main");
    await page.waitForURL("**?done=contact_added");
    await page.goto("/panel/messages/new");
    await page.fill("#title", title);
    await page.fill("#text", "Halo");
    // A tag has its contacts: the second number is nobody's.
    await page.check(`input[name=tag][value=catat${shape}]`);
    await page.fill("#to", "081200000400");
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    const there = new URL(page.url()).pathname;
    await until("it is sent", async () => {
      await page.goto(there);
      return /1\/2/.test(await page.textContent("#message-status"));
    });
    await page.click("nav >> text=" + words("Riwayat", "History"));
    await page.click("nav.chips a[href='/panel/statistics']");
    await page.fill("#tag", `catat${shape}`);
    await page.click(".pick button");
    await page.waitForURL(`**tag=catat${shape}*`);
    const figures = await page.locator(".figures dd").allTextContents();
    assert.deepEqual([figures[0], figures[3], figures[5]], ["1", "0", "–"]);
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `statistics-${shape}.png`), fullPage: true });
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("a[download]")]);
    const csv = readFileSync(await download.path(), "utf8").trim().split("\r\n");
    assert.equal(csv.length, 31);
    assert.ok(csv[0].includes(words("Terkirim,Sampai", "Sent,Delivered")), csv[0]);
    assert.match(csv[30], /^\d{4}-\d\d-\d\d,1,/);
    await page.click("nav.chips a[href='/panel/acts']");
    const rows = await page.locator("tbody tr").allTextContents();
    const has = (text) => rows.some((row) => row.includes(text));
    assert.ok(has(words("Pesan dijadwalkan.", "The message is scheduled.")) && has(words("Masuk ke panel.", "Logged in.")) && has(words("Kontak ditambahkan.", "The contact is added.")), rows.join("|"));
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `acts-${shape}.png`), fullPage: true });
    page.quiet();
    await page.context().close();
  }
}

/** A session that ends under a form, a tab that is closed, the other language, a file that is far too large. */
async function nothingLost(base) {
  for (const [shape, language, javaScriptEnabled] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false]]) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto(`/panel/messages/new?lang=${language}`);
    await page.fill("#title", `Tidak hilang ${shape} ${language}`);
    await page.fill("#text", "Panjang sekali");
    await page.fill("#to", "081200005021\n081200005022");
    await page.fill("#at-1", "2035-01-02T08:00");
    // The other language, and back.
    await page.click("button[formaction]");
    await page.waitForSelector(`html[lang=${language === "id" ? "en" : "id"}]`);
    assert.equal(await page.inputValue("#text"), "Panjang sekali");
    await page.click("button[formaction]");
    await page.waitForSelector(`html[lang=${language}]`);
    // The session ends.
    await page.context().clearCookies({ name: "panel_session" });
    await page.click(save);
    await page.waitForSelector("#password");
    if (javaScriptEnabled) await examine(page);
    await page.fill("#password", password);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".compose [role=alert]");
    assert.equal(await page.inputValue("#title"), `Tidak hilang ${shape} ${language}`);
    assert.equal(await page.inputValue("#to"), "081200005021\n081200005022");
    assert.equal(await page.inputValue("#at-1"), "2035-01-02T08:00");
    if (javaScriptEnabled) await examine(page);
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    if (javaScriptEnabled) {
      // A tab that is closed, and what it held offered again; what was stored is not.
      await page.goto("/panel/messages/new");
      assert.equal(await page.locator(".offer").count(), 0, "it was stored");
      await page.fill("#text", "Belum selesai");
      await page.check("input[value=weekly]");
      await page.check("input[value=mon]");
      await until("the draft is kept", () => page.evaluate(() => Object.values(localStorage).join().includes("Belum selesai")));
      await page.goto("/panel");
      await page.goto("/panel/messages/new");
      await page.waitForSelector(".offer");
      await examine(page);
      await page.click(".offer button >> nth=0");
      assert.equal(await page.inputValue("#text"), "Belum selesai");
      assert.ok(await page.isChecked("input[value=mon]"));
      await page.reload();
      await page.click(".offer button >> nth=1");
      await page.reload();
      assert.equal(await page.locator(".offer").count(), 0, "it was thrown away");
      // What did not reach the server is offered again, also after something else was done.
      await page.fill("#text", "Tanpa jaringan");
      await page.context().setOffline(true);
      await page.click(save);
      await until("the browser says so", () => page.url().startsWith("chrome-error:"));
      await page.context().setOffline(false);
      await page.goto("/panel/channels");
      await page.goto("/panel/channels?done=all_paused");
      await page.goto("/panel/messages/new");
      await page.waitForSelector(".offer");
      await page.click(".offer button >> nth=1");
      // A log-out in another tab is said in the form.
      await page.context().clearCookies({ name: "panel_session" });
      await page.fill("#text", "Tab lama");
      await page.waitForSelector("#preview .problem");
      await logIn(page);
    }
    // The same of a contact's form, which is shorter.
    await page.goto(`/panel/contacts/new?lang=${language}`);
    await page.fill("#name", `Tidak hilang ${shape} ${language}`);
    await page.fill("#number", "12");
    await page.fill("#attributes", "kota=Solo");
    await page.click("button[formaction]");
    await page.waitForSelector(`html[lang=${language === "id" ? "en" : "id"}]`);
    assert.equal(await page.inputValue("#attributes"), "kota=Solo");
    await page.click("button.main");
    await page.waitForSelector("[role=alert]");
    await page.reload();
    assert.equal(await page.inputValue("#name"), `Tidak hilang ${shape} ${language}`, "a reload of the refusal");
    await page.context().clearCookies({ name: "panel_session" });
    await page.click("button.main");
    await page.fill("#password", password);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#attributes");
    assert.equal(await page.inputValue("#attributes"), "kota=Solo");
    assert.equal(await page.inputValue("#number"), "12");
    page.quiet((line) => /401|403|422|ERR_INTERNET_DISCONNECTED/.test(line));
    await page.context().close();
  }
}

/** What is refused is a page of its own: a reload and the way back send nothing, and what was typed stays. */
async function reloads(base) {
  for (const [shape, language, javaScriptEnabled] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false], ["desktop", "en", false]]) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    const sent = { count: 0 };
    page.on("request", (request) => (sent.count += request.method() === "POST" && request.isNavigationRequest() ? 1 : 0));
    await logIn(page);
    const words = `Muat ulang ${shape} ${language}`;
    await page.goto(`/panel/messages/new?lang=${language}`);
    await page.fill("#text", words);
    await page.fill("#to", "9999");
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForURL("**/panel/answers/*");
    await page.waitForSelector(".compose [role=alert]");
    const before = sent.count;
    if (javaScriptEnabled) await examine(page);
    await page.reload();
    assert.equal(await page.inputValue("#text"), words);
    assert.ok(await page.isVisible(".compose [role=alert]"));
    await page.click("nav >> nth=0 >> a >> nth=0");
    await page.goBack();
    await page.waitForSelector(".compose [role=alert]");
    assert.equal(await page.inputValue("#text"), words);
    assert.equal(sent.count, before, "nothing was sent again");
    // The other language is a page of its own, too.
    await page.click("button[formaction]");
    await page.waitForSelector(`html[lang=${language === "id" ? "en" : "id"}]`);
    await page.reload();
    assert.equal(await page.inputValue("#text"), words);
    await page.click("button[formaction]");
    await page.waitForSelector(`html[lang=${language}]`);
    await page.fill("#to", "081200005031");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    assert.equal(await count(page, words), 1);
    await page.goto("/panel/answers/00");
    await page.waitForSelector(language === "id" ? "text=tidak disimpan lagi" : "text=is not kept any more");
    if (javaScriptEnabled) await examine(page);
    page.quiet((line) => /422|410/.test(line));
    await page.context().close();
  }
}

/** A list whose columns mean nothing to the program: a person says what they mean, and nothing is sent twice. */
async function mapping(base) {
  const ways = [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false], ["desktop", "en", false]];
  for (const [index, [shape, language, javaScriptEnabled]] of ways.entries()) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto(`/panel/contacts/import?lang=${language}`);
    const csv = `A,B,C,D,E\nDewi ${index},kode,mitra${index},tidak,rahasia\nEka ${index},0812-0000-77${index}1,mitra${index},ya,rahasia\nFajar ${index},0812-0000-77${index}2,mitra${index},tidak,rahasia\n`;
    await page.setInputFiles("#file", { name: "daftar.csv", mimeType: "text/csv", buffer: Buffer.from(csv) });
    await page.click("button.main");
    await page.waitForURL("**/panel/contacts/import?look=1");
    for (const [column, means] of [["1", "name"], ["2", "number"], ["3", "tags"], ["4", "consent"], ["5", "ignore"]]) await page.selectOption(`#column${column}`, means);
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `import-columns-${shape}-${language}.png`), fullPage: true });
    await page.click("#columns button");
    await page.waitForURL("**column5=ignore*");
    const figures = () => page.locator(".figures dd").allTextContents();
    assert.deepEqual(await figures(), ["2", "0", "0", "1"]);
    await page.reload();
    assert.deepEqual(await figures(), ["2", "0", "0", "1"], "a reload looks again and stores nothing");
    await page.goto("/panel");
    await page.goBack();
    assert.equal(await page.inputValue("#column2"), "number", "so does the way back");
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `import-looked-${shape}-${language}.png`), fullPage: true });
    const [refused] = await Promise.all([page.waitForEvent("download"), page.click("button[formaction$='refused.csv']")]);
    const rows = readFileSync(await refused.path(), "utf8").trim().split("\r\n");
    assert.equal(rows.length, 2);
    assert.match(rows[1], new RegExp(`^Dewi ${index},kode,`));
    // The other language keeps what was chosen.
    await page.click(".account a[hreflang]");
    await page.waitForSelector(`html[lang=${language === "id" ? "en" : "id"}]`);
    assert.equal(await page.inputValue("#column4"), "consent");
    await page.click("button[formaction$='confirm']");
    await page.waitForURL("**/panel/contacts?done=imported");
    await page.goto(`/panel/contacts?tag=mitra${index}`);
    assert.equal(await page.locator(".people > li").count(), 2);
    assert.equal(await page.getByText("rahasia").count(), 0, "what is to be left out is left out");
    page.quiet();
    await page.context().close();
  }
}

/** A list that is too large is refused on a page in words, with the limit and what to do, however large it is. */
async function tooLarge(base) {
  for (const [shape, language, javaScriptEnabled, megabytes] of [["desktop", "id", true, 3], ["phone", "en", false, 3], ["desktop", "id", false, 80], ["phone", "en", true, 80]]) {
    const path = join(directory, "besar.csv");
    writeFileSync(path, "nama,hp\n" + "Ani,081200001001\n".repeat((megabytes << 20) / 17));
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto(`/panel/contacts/import?lang=${language}`);
    await page.setInputFiles("#file", path);
    await page.click("button.main");
    await page.waitForSelector("h1:has-text('" + (language === "id" ? "Terlalu besar" : "Too large") + "')", { timeout: 60_000 });
    const said = await page.textContent("main");
    assert.ok(said.includes("1 MB") && said.includes("contact import"), said);
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `too-large-${shape}-${megabytes}.png`) });
    page.quiet((line) => line.includes("413"));
    await page.context().close();
  }
}

/** Many who did not get it are a few lines with counts, and each line leads to its people. */
async function whyNot(base, directory) {
  const sql = (text) => execFileSync("sqlite3", ["-cmd", ".timeout 10000", join(directory, "shop.db"), text]);
  const ways = [
    ["desktop", "id", true, "250 orang", "tidak ada kata penggantinya", "Mengapa tidak terkirim"],
    ["phone", "en", false, "250 people", "it has no fallback", "Why it was not sent"],
  ];
  for (const [index, [shape, language, javaScriptEnabled, who, why, heading]] of ways.entries()) {
    const tag = `tanpakota${shape}`;
    sql(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
         INSERT INTO contacts (name, phone_number, tags, attributes)
             SELECT 'Orang ' || i, '+628997' || (${7 + index}00000 + i), '["${tag}"]', CASE i WHEN 0 THEN '{"kota":"Solo"}' ELSE '{}' END FROM n`);
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    await page.goto(`/panel/messages/new?lang=${language}&tag=${tag}`);
    await page.fill("#title", `Tanpa kota ${shape}`);
    await page.fill("#text", "Halo dari {{kota}}");
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForSelector(".compose [role=alert]");
    await page.waitForSelector(`#preview >> text=${who}`);
    await page.check("input[name=skip_bad]");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    const line = page.locator("section[aria-labelledby=reasons-name] li");
    await until("the reasons are there", async () => {
      if (!javaScriptEnabled) await page.reload();
      return (await line.count()) === 1 && (await line.textContent()).includes(who);
    });
    assert.equal(await page.textContent("#reasons-name"), heading);
    assert.ok((await line.textContent()).includes(why), await line.textContent());
    if (javaScriptEnabled) await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `why-not-${shape}.png`), fullPage: false });
    await line.locator("a.button").click();
    await page.waitForURL("**why=*");
    assert.equal(await page.locator(".people > li").count(), 50);
    await page.click("a[rel=next]");
    await page.waitForURL("**after=*");
    assert.match(page.url(), /why=/);
    if (javaScriptEnabled) await examine(page);
    page.quiet((heard) => heard.includes("422"));
    await page.context().close();
  }
}

/** The first day: a list to begin with, and steps that tick themselves. */
async function firstDay() {
  for (const [shape, language] of [["desktop", "id"], ["phone", "en"]]) {
    const base = await site(join(directory, `first-${shape}`));
    const page = await open(base, shapes[shape]);
    const done = async () => {
      await page.goto("/panel");
      return page.locator(".steps .done").count();
    };
    await logIn(page);
    await page.goto(`/panel?lang=${language}`);
    assert.equal(await done(), 0);
    await examine(page);
    const [sample] = await Promise.all([page.waitForEvent("download"), page.click(".steps a[href$='sample.csv']")]);
    await page.click(".steps a[href$='/contacts/import']");
    await page.setInputFiles("#file", { name: "contoh.csv", mimeType: "text/csv", buffer: readFileSync(await sample.path()) });
    await page.click("button.main");
    await page.waitForSelector(".figures");
    await page.click("button[formaction$=confirm]");
    await page.waitForURL("**?done=imported");
    assert.equal(await done(), 1);
    await page.click(".steps a[href$='#own']");
    await page.fill("#text", "Halo {{name|Kak}}");
    await page.fill("#to", "1");
    await page.fill("#own", "081200007111");
    await page.click("button[value=test]");
    await page.waitForSelector(".compose .notice");
    await until("the test and the number are ticked", async () => (await done()) === 3);
    await examine(page);
    await page.click(".steps a[href$='/messages/new']");
    await page.fill("#text", "Halo {{name|Kak}}");
    await page.fill("#to", "1");
    await page.fill("#at-1", "2035-01-02T08:00");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    assert.equal(await done(), 0);
    assert.equal(await page.locator(".steps").count(), 0, "all four are done");
    page.quiet();
    await page.context().close();
  }
}

/** A phone with this number scans the code of a session. */
const wahaOf = (site) => readFileSync(join(site, "auto-message-scheduler.env"), "utf8").match(/WAHA_BASE_URL=(.*)/)[1];

async function scan(site, session, number) {
  const waha = wahaOf(site);
  const reply = await fetch(`${waha}/fake-waha/${session}/scan`, { method: "POST", body: JSON.stringify({ number }) });
  assert.equal(reply.status, 200, await reply.text());
}

/** A number from its name to its first look at WAHA, then another phone, a pause of all, and its end. */
async function connecting(base, site) {
  const words = {
    id: { not: "Belum ada di WAHA", code: "Menunggu dipindai", on: "Tersambung", other: "HP lain memindai", checked: "dicek barusan", pause: "Jeda semua nomor", go: "Lanjutkan semua", refused: "sudah bernama", wrong: "Jam kirim ditulis seperti", alone: "Nomor dihapus" },
    en: { not: "Not in WAHA yet", code: "Waits for a scan", on: "Connected", other: "Another phone scanned", checked: "checked just now", pause: "Pause all numbers", go: "Let all go on", refused: "is called", wrong: "Write the hours like", alone: "The number is removed" },
  };
  let round = 0;
  for (const [shape, language, javaScriptEnabled] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false], ["desktop", "en", false]]) {
    round += 1;
    const [w, session, name] = [words[language], `nosuch-${round}`, `Cabang ${round}`];
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    const look = async () => javaScriptEnabled && (await examine(page));
    const picture = async (what) => screenshots && round < 3 && (await page.screenshot({ path: join(screenshots, `connect-${what}-${shape}.png`), fullPage: true }));
    /** Scripts look again by themselves; without them the page is loaded anew, as its refresh does. */
    const until = async (text) => {
      for (let left = 40; left > 0; left -= 1) {
        if (await page.locator(`main >> text=${text}`).first().isVisible()) return;
        if (javaScriptEnabled) await sleep(500);
        else await page.reload();
      }
      assert.fail(`never: ${text}`);
    };
    await logIn(page);
    await page.goto(`/panel/channels?lang=${language}`);
    if (javaScriptEnabled) await until(w.checked);
    await look();
    await picture("list");
    await page.click("a[href='/panel/channels/new']");
    await page.fill("#name", "default");
    await page.fill("#session", session);
    await page.click("form.card button.main");
    await page.waitForSelector(`[role=alert] >> text=${w.refused}`);
    assert.equal(await page.inputValue("#session"), session, "what was typed is still there");
    await look();
    await page.fill("#name", name);
    await page.fill("#window", "siang");
    await page.click("form.card button.main");
    await page.waitForSelector(`[role=alert] >> text=${w.wrong}`);
    await page.fill("#window", "07:00-21:00");
    await page.fill("#daily_limit", "80");
    await page.check("[name=warmup]");
    await page.click("form.card button.main");
    await page.waitForURL("**?done=channel_added");
    await until(w.not);
    await look();
    await page.click("#start");
    await page.waitForURL("**?done=session_started");
    await until(w.code);
    const code = page.locator(".code img");
    assert.ok(await isSeen(code), "the code is a picture");
    assert.equal(await page.locator("meta[http-equiv=refresh]").count(), javaScriptEnabled ? 0 : 1);
    await look();
    await picture("code");
    await scan(site, session, `62812000080${round}1`);
    await until(w.on);
    await until(`+62 812-0000-80${round}1`);
    assert.equal(await code.count(), 0, "a number that is connected has no code");
    await look();
    await picture("connected");

    // Another name and limit; then another phone scans.
    await page.fill("#name", `${name} baru`);
    await page.fill("#daily_limit", "");
    await page.click("form.card button.main");
    await page.waitForURL("**?done=saved");
    assert.equal(await page.locator("h1").textContent(), `${name} baru`);
    const here = new URL(page.url()).pathname;
    const waha = wahaOf(site);
    await fetch(`${waha}/api/sessions/${session}/logout`, { method: "POST", body: "{}" });
    await page.goto(here);
    await until(w.code);
    await scan(site, session, `62812000080${round}2`);
    await until(w.other);
    await look();
    await picture("other");
    await page.click(`form[action='${here}/confirm'] button`);
    await page.waitForURL("**?done=number_confirmed");
    await until(`+62 812-0000-80${round}2`);

    // All are paused, and go on.
    await page.goto("/panel/channels");
    await page.click(`summary:has-text("${w.pause}")`);
    await look();
    await page.click("form[action$='/pause-all'] button");
    await page.waitForURL("**?done=all_paused");
    await picture("paused");
    await page.click(`button:has-text("${w.go}")`);
    await page.waitForURL("**?done=all_resumed");

    // What removal means is said before.
    await page.goto("/panel/channels/1");
    assert.equal(await page.locator("form[action$='/remove']").count(), 0, "the first number stays");
    await page.goto(here);
    await page.click("section summary.button.danger");
    await look();
    await page.click("form[action$='/remove'] button");
    await page.waitForURL("**?done=channel_removed");
    assert.ok(await page.getByText(w.alone).isVisible());
    // A code that is not there any more is a picture that is not there.
    page.quiet((line) => line.includes("422") || line.includes("404"));
    await page.context().close();
  }
}

/** What the owner does with the program itself: settings, another password, a backup, the health check. */
async function owning() {
  let round = 0;
  for (const [shape, language, javaScriptEnabled] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false]]) {
    round += 1;
    const base = await site(join(directory, `owner-${round}`));
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    const other = await open(base, shapes.desktop);
    const look = async () => javaScriptEnabled && (await examine(page));
    const picture = async (what) => screenshots && round < 3 && (await page.screenshot({ path: join(screenshots, `${what}-${shape}.png`), fullPage: true }));
    await logIn(page);
    await logIn(other);
    await page.goto(`/panel?lang=${language}`);
    // The bar at the top: nothing lies on anything else.
    const boxes = await Promise.all([".brand", ".account a", ".account summary"].map((one) => page.locator(one).first().boundingBox()));
    for (const [i, one] of boxes.entries()) for (const two of boxes.slice(i + 1)) {
      const apart = one.x + one.width <= two.x + 1 || two.x + two.width <= one.x + 1 || one.y + one.height <= two.y + 1 || two.y + two.height <= one.y + 1;
      assert.ok(apart, `${shape} ${language}: ${JSON.stringify(boxes)}`);
    }
    assert.ok(await page.locator(".brand span").evaluate((one) => one.scrollWidth <= one.clientWidth + 1), "the name is whole");
    await picture("bar");
    await page.click("details.menu > summary");
    await page.click("a[href='/panel/settings']");
    await page.waitForURL("**/panel/settings");
    assert.ok(await page.getByText("SEND_DELAY_SECONDS").isVisible());
    assert.equal(await page.getByText(password).count(), 0, "no secret is shown");
    await look();
    await picture("settings");

    // A backup, behind the password.
    const backup = page.locator("#take-backup");
    await backup.locator("[name=password]").fill("bukan itu");
    await backup.locator("button").click();
    await page.waitForSelector("#take-backup [role=alert]");
    await look();
    await backup.locator("[name=password]").fill(password);
    const [taken] = await Promise.all([page.waitForEvent("download"), backup.locator("button").click()]);
    const copy = join(directory, `taken-${round}.db`);
    await taken.saveAs(copy);
    assert.match(taken.suggestedFilename(), /^auto-message-scheduler-.*\.db$/);
    assert.equal(execFileSync("sqlite3", [copy, "PRAGMA integrity_check; SELECT count(*) FROM channels"], { encoding: "utf8" }), "ok\n1\n");

    // Another password: the other browser is logged out.
    await page.goto("/panel/settings");
    const form = page.locator("#change-password");
    const fill = async (old, one, two) => {
      await form.locator("[name=password]").fill(old);
      await form.locator("[name=new]").fill(one);
      await form.locator("[name=repeated]").fill(two);
      await form.locator("button").click();
    };
    await fill("bukan itu", "kopi tubruk manis", "kopi tubruk manis");
    await page.waitForSelector("#change-password [role=alert]");
    await look();
    await fill(password, "kopi tubruk manis", "kopi tubruk manis");
    await page.waitForURL("**?done=password_changed");
    await other.goto("/panel/messages");
    assert.match(other.url(), /\/panel\/login/);
    await other.fill("#password", password);
    await other.keyboard.press("Enter");
    await other.waitForSelector("#problem");

    await page.click("a[href='/panel/doctor']");
    await page.waitForURL("**/panel/doctor");
    assert.ok((await page.locator(".list > li").count()) > 5);
    const told = await page.textContent(".list");
    assert.ok(/only their owner may read|others may read/.test(told) === (language === "en") && /pemiliknya|orang lain boleh/.test(told) === (language === "id"), told);
    await look();
    await picture("doctor");
    page.quiet((line) => line.includes("401"));
    await page.context().close();
    await other.context().close();
  }
}

/** A picture as a phone makes it: a real JPEG, drawn by the browser. */
async function promo(page) {
  const url = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1200, height: 800 });
    const brush = canvas.getContext("2d");
    const sky = brush.createLinearGradient(0, 0, 1200, 800);
    sky.addColorStop(0, "#f7b733");
    sky.addColorStop(1, "#c0392b");
    brush.fillStyle = sky;
    brush.fillRect(0, 0, 1200, 800);
    brush.fillStyle = "#fff8e7";
    brush.beginPath();
    brush.arc(880, 430, 230, 0, 7);
    brush.fill();
    brush.font = "bold 110px sans-serif";
    brush.fillText("Diskon", 90, 330);
    brush.fillText("20%", 90, 480);
    return canvas.toDataURL("image/jpeg", 0.9);
  });
  return Buffer.from(url.split(",")[1], "base64");
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const isSeen = (image) => image.evaluate((one) => one.decode().then(() => one.naturalWidth > 0));

/** A picture, chosen and previewed, arrives with the same bytes, with and without a script; what is none is told. */
async function carries(base, site) {
  const arrived = () => readFileSync(join(site, "fake-waha.log"), "utf8");
  const drawing = await open(base, shapes.desktop);
  const picture = await promo(drawing);
  await drawing.context().close();
  const file = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });
  for (const javaScriptEnabled of [true, false]) {
    for (const shape of ["desktop", "small"]) {
      const words = `Promo ${shape} ${javaScriptEnabled}`;
      const page = await open(base, { ...shapes[shape], javaScriptEnabled });
      await logIn(page);
      await page.goto("/panel/messages/new");
      assert.ok(!(await page.isVisible("#upload")), "a text alone asks for no file");
      await page.fill("#text", words);
      await page.fill("#to", "081200005009");
      await page.selectOption("#kind", "image");
      await page.setInputFiles("#upload", file("promo.jpg", picture));
      if (javaScriptEnabled) {
        assert.ok(await isSeen(page.locator("#attached img")));
        assert.equal(await page.inputValue("#upload"), "", "it is sent once");
      } else {
        await page.click("button[value=preview]");
      }
      const shown = page.locator("#preview .bubble img");
      await shown.waitFor();
      assert.ok(await isSeen(shown));
      if (javaScriptEnabled) await examine(page);
      await page.check("input[name=when][value=now]");
      await page.click(save);
      await page.waitForURL("**/panel/messages/*?done=scheduled");
      assert.ok(await isSeen(page.locator(".split .bubble img")));
      assert.match(await page.textContent(".split .bubble"), /promo\.jpg.* kB/);
      if (javaScriptEnabled) await examine(page);
      await until("the same bytes are at the far end", () => arrived().includes(`[sendImage] image/jpeg ${sha256(picture)} ${words}`));
      page.quiet();
      await page.context().close();
    }
  }
  for (const javaScriptEnabled of [true, false]) {
    const page = await open(base, { ...shapes.desktop, javaScriptEnabled });
    await logIn(page);
    const program = Buffer.from("MZ\x90 a program");
    const svg = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>");
    for (const [name, bytes, said] of [
      ["promo.jpg", program, /tidak ditampilkan WhatsApp/],
      ["promo.png", svg, /tidak ditampilkan WhatsApp/],
      ["besar.jpg", Buffer.concat([picture, Buffer.alloc(36 << 20)]), /lebih besar dari 35 MB/],
    ]) {
      await page.goto("/panel/messages/new");
      await page.fill("#text", "Tidak pernah");
      await page.fill("#to", "081200005009");
      await page.selectOption("#kind", "image");
      await page.check("input[name=when][value=now]");
      await page.setInputFiles("#upload", file(name, bytes));
      if (javaScriptEnabled) {
        await until(`${name} is refused at once`, async () => said.test(await page.textContent("#attached")));
        await examine(page);
      }
      await page.click(save);
      await page.waitForSelector(".card > [role=alert]");
      assert.match(await page.textContent(".card > [role=alert]"), javaScriptEnabled && name === "besar.jpg" ? /Pilih filenya dulu/ : said);
      assert.equal(await page.inputValue("#text"), "Tidak pernah", "what was typed stays");
      assert.equal(await page.locator("#preview img").count(), 0, "nothing of it is shown");
    }
    // Names that are paths, and one without end.
    for (const [name, seen] of [["../../etc/promo.jpg", "promo.jpg"], [`${"n".repeat(4096)}.jpg`, `${"n".repeat(251)}.jpg`]]) {
      await page.goto("/panel/messages/new");
      await page.fill("#text", `Nama ${name.length} ${javaScriptEnabled}`);
      await page.fill("#to", "081200005009");
      await page.selectOption("#kind", "image");
      await page.setInputFiles("#upload", file(name, picture));
      await page.click("button[value=draft]");
      await page.waitForURL("**/panel/messages/*?done=drafted");
      const kept = await page.locator(".split .bubble .enclosed b").textContent();
      assert.ok(kept.endsWith(seen) && !/[/\\]/.test(kept) && kept.length <= 255, kept);
      if (javaScriptEnabled) await examine(page);
    }
    page.quiet((line) => line.includes("422"));
    await page.context().close();
  }
  // A place, a card, a poll; the last is edited, and keeps what it is.
  const page = await open(base, shapes.small);
  await logIn(page);
  for (const [kind, fields, route] of [
    ["location", { "#text": "Toko kami", "#place": "-6.2088, 106.8456" }, "sendLocation"],
    ["contact", { "#card-name": "Toko Roti", "#card-phone": "0812-3456-7890" }, "sendContactVcard"],
    ["poll", { "#text": "Jam berapa?", "#options": "Pagi\nSiang" }, "sendPoll"],
  ]) {
    await page.goto("/panel/messages/new");
    await page.selectOption("#kind", kind);
    await page.fill("#to", "081200005009");
    for (const [field, value] of Object.entries(fields)) await page.fill(field, value);
    const last = Object.values(fields).at(-1).split("\n").at(-1);
    await page.waitForSelector(`#preview .bubble >> text=${last}`);
    await examine(page);
    await page.check("input[name=when][value=now]");
    await page.click(save);
    await page.waitForURL("**/panel/messages/*?done=scheduled");
    await until(`${route} arrives`, () => arrived().includes(`[${route}]`));
  }
  await page.goto(`${new URL(page.url()).pathname.replace(/\/panel\/messages\/(\d+)/, "/panel/messages/new?copy=$1")}`);
  assert.equal(await page.inputValue("#kind"), "poll");
  assert.equal(await page.inputValue("#options"), "Pagi\nSiang");
  page.quiet();
  await page.context().close();
}

/** Every page, at four widths, in both languages, in light and dark: nothing serious, nothing wider than the screen. */
async function everyPage() {
  const base = await filled("every-page", "sample.sql");
  for (const [language, schemes] of [["id", ["light", "dark"]], ["en", ["dark", "light"]]]) {
    // Colours that are on their way to others are no finding.
    const page = await open(base, { viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" });
    for (const path of ["/login", ...PAGES]) {
      if (path === "") await logIn(page);
      await page.goto(`/panel${path}${path.includes("?") ? "&" : "?"}lang=${language}`);
      assert.equal(await page.getAttribute("html", "lang"), language);
      for (const [index, width] of [320, 768, 1280, 1920].entries()) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: schemes[index % 2] });
        await examine(page);
      }
    }
    page.quiet((line) => /404|413/.test(line));
    await page.context().close();
  }
}

/** The pages of a shop with the sample's rows. */
const PAGES = ["", "/messages", "/messages?q=Budi", "/messages?status=scheduled", "/messages/new", "/messages/new?copy=3", "/messages/11", "/messages/30",
  "/messages/31", "/messages/31/edit", "/messages/34", "/messages/11/retry-unknown", "/calendar", "/calendar?view=day", "/attention", "/contacts", "/contacts?tag=vip",
  "/contacts/1", "/contacts/new", "/contacts/import", "/channels", "/channels/new", "/channels/1", "/channels/2", "/runs", "/statistics", "/acts", "/settings", "/doctor",
  "/too-large", "/nowhere"];

/** The pages of a large chain of shops: nothing is wider than the screen. */
async function largeShop() {
  const base = await filled("large", "large.sql");
  const day = new Date(Date.now() + 5 * 864e5).toISOString().slice(0, 10);
  const pages = readFileSync(join(here, "large-pages.txt"), "utf8").split("\n").map((line) => line.replace("{day}", day));
  const page = await open(base, { viewport: { width: 1280, height: 860 }, reducedMotion: "reduce" });
  await logIn(page);
  for (const path of pages.filter((one) => one.startsWith("/") && !/live|find/.test(one))) {
    await page.goto(path);
    for (const width of [320, 768, 1280, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      await fits(page);
      const name = `large${path.replace(/[^a-z0-9]+/gi, "-")}-${width}.png`;
      if (screenshots && width % 1600 === 320) await page.screenshot({ path: join(screenshots, name) });
    }
  }
  // What is counted beside the page comes by itself, on the page of a message and in its form.
  const counted = (part) => page.waitForFunction((part) => {
    const seen = document.querySelector(part);
    return !document.querySelector("[data-counting]") && /selesai sekitar|through about/.test(seen.textContent);
  }, part, { timeout: 60_000 });
  await page.goto("/panel/messages/5002");
  await counted("main");
  await page.goto(`/panel/messages/new?tag=vip&copy=5002`);
  await page.check("input[name=when][value=at]");
  await page.fill("input[name=at]", `${day}T09:00`);
  await page.fill("textarea[name=to]", "all");
  await counted("#preview");
  assert.match(await page.textContent("#preview"), /99[.,]800/);
  page.quiet();
  await page.context().close();
  const plain = await open(base, { javaScriptEnabled: false });
  await logIn(plain);
  await until("the plan without JavaScript", async () => {
    await plain.goto("/panel/messages/5002");
    return /selesai sekitar|through about/.test(await plain.textContent("main"));
  }, 60);
  plain.quiet();
  await plain.context().close();
}

/** A shop of its own whose database has the rows of a file. */
function filled(name, file) {
  const shop = join(directory, name);
  const moment = "CREATE TEMP TABLE moment AS SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now') AS now";
  return site(shop, 1, () => {
    execFileSync(program, ["run"], { cwd: shop, env: {}, stdio: "ignore" });
    execFileSync("sqlite3", ["-cmd", moment, join(shop, "shop.db"), "BEGIN", `.read ${join(here, file)}`, "COMMIT"]);
  });
}

/** A server that is gone is said, and that it is back, by itself and in both languages. */
async function serverAway() {
  const shop = join(directory, "away");
  let base = await site(shop);
  const settings = join(shop, "auto-message-scheduler.env");
  writeFileSync(settings, readFileSync(settings, "utf8").replace("LISTEN_ADDR=127.0.0.1:0", `LISTEN_ADDR=${new URL(base).host}`));
  for (const [shape, language, away, back] of [
    ["desktop", "id", "Server tidak terjangkau.", "Server terjangkau lagi."],
    ["phone", "en", "The server cannot be reached.", "The server can be reached again."],
  ]) {
    const page = await open(base, shapes[shape]);
    await logIn(page);
    await page.goto(`/panel?lang=${language}`);
    const told = page.locator("#connection");
    const look = () => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await look();
    assert.equal(await told.textContent(), "", "nothing is said while it answers");
    started.at(-1).kill("SIGKILL");
    await until("the server is gone", () => fetch(`${base}/health`).then(() => false, () => true));
    await look();
    await page.waitForSelector(`#connection >> text=${away}`);
    await examine(page);
    if (screenshots) await page.screenshot({ path: join(screenshots, `away-${shape}.png`) });
    base = await start(shop, "serve", ["serve"], /ready on (http:\/\/[\d.:]+)\n/);
    await page.waitForSelector(`#connection >> text=${back}`, { timeout: 20_000 });
    await examine(page);
    page.quiet((line) => line.includes("ERR_CONNECTION_REFUSED"));
    // A phone without a network, on a page that has no live part.
    await page.goto("/panel/contacts/new");
    await page.context().setOffline(true);
    await page.waitForSelector(`#connection >> text=${away}`);
    await page.context().setOffline(false);
    await page.waitForSelector(`#connection >> text=${back}`);
    page.quiet();
    await page.context().close();
  }
  const page = await open(base, { ...shapes.phone, javaScriptEnabled: false });
  await logIn(page);
  assert.equal((await page.locator("#connection").boundingBox()).height, 0, "nothing of it without a script");
  await page.context().close();
}

/** Esc and a click elsewhere close what is open, and the focus goes back to its button. */
async function menus() {
  const base = await filled("menus", "sample.sql");
  for (const [shape, language] of [["desktop", "id"], ["phone", "en"]]) {
    const page = await open(base, shapes[shape]);
    await logIn(page);
    for (const path of ["", "/messages/31", "/contacts", "/contacts/1", "/channels", "/channels/2"]) {
      await page.goto(`/panel${path}?lang=${language}`);
      if (path === "/contacts") await page.check("input[name=id] >> nth=0");
      const all = page.locator("details.menu");
      for (const menu of await all.all()) {
        const button = menu.locator("summary");
        const isOpen = () => menu.evaluate((one) => one.open);
        const hasFocus = () => button.evaluate((one) => one === document.activeElement);
        await button.click();
        assert.ok(await isOpen(), `${path}: it opens`);
        await page.keyboard.press("Tab");
        assert.ok(!(await hasFocus()), `${path}: the focus is in it`);
        await page.keyboard.press("Escape");
        assert.ok(!(await isOpen()) && (await hasFocus()), `${path}: Esc closes it`);
        await page.keyboard.press("Enter");
        assert.ok(await isOpen(), `${path}: it opens again`);
        await page.locator("h1").click({ position: { x: 2, y: 2 } });
        assert.ok(!(await isOpen()) && (await hasFocus()), `${path}: a click elsewhere closes it`);
      }
      if ((await all.count()) > 1) {
        await all.nth(0).locator("summary").click();
        await all.nth(1).locator("summary").press("Enter"); // a menu may lie over it
        assert.deepEqual(await page.locator("details.menu").evaluateAll((some) => some.slice(0, 2).map((one) => one.open)), [false, true], `${path}: one at a time`);
      }
    }
    page.quiet();
    await page.context().close();
  }
}

/** A form that was refused begins at its error. */
async function atTheError(base) {
  for (const [shape, language, javaScriptEnabled] of [["desktop", "id", true], ["phone", "en", true], ["phone", "id", false]]) {
    const page = await open(base, { ...shapes[shape], javaScriptEnabled });
    await logIn(page);
    for (const [path, fields, button] of [
      ["/messages/new", { "#text": "Halo", "#to": "999999", "#at-1": "2035-01-02T08:00" }, save],
      ["/contacts/new", { "#name": "Salah", "#number": "12" }, "button.main"],
      ["/settings", { "#old": "bukan itu", "#new": "kopi tubruk manis", "#repeated": "kopi tubruk manis" }, "#change-password button"],
    ]) {
      await page.goto(`/panel${path}?lang=${language}`);
      for (const [field, value] of Object.entries(fields)) await page.fill(field, value);
      await page.click(button);
      await page.waitForSelector("[role=alert]");
      await until(`${path}: the focus is at the error`, () => page.evaluate(() => document.activeElement?.getAttribute("role") === "alert"));
      if (javaScriptEnabled) await examine(page);
    }
    await page.context().clearCookies();
    await page.goto("/panel/login");
    await page.fill("#password", "salah");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#problem");
    assert.deepEqual(await page.evaluate(() => [document.activeElement.id, document.activeElement.getAttribute("aria-describedby")]), ["password", "problem"]);
    page.quiet((line) => /40[0-9]|422/.test(line));
    await page.context().close();
  }
}

/** A shop after a month, as pictures. */
async function pictures() {
  const shop = join(directory, "shop");
  const base = await site(shop, 60); // so slow as a shop sends: the calendar's blocks have a length
  execFileSync("sqlite3", ["-cmd", ".timeout 10000", join(shop, "shop.db"), `.read ${join(here, "sample.sql")}`]);
  const waha = wahaOf(shop);
  const views = [
    ["overview-light", "desktop", "light", "/panel"],
    ["overview-dark", "desktop", "dark", "/panel"],
    ["overview-phone-light", "phone", "light", "/panel"],
    ["overview-phone-dark", "phone", "dark", "/panel"],
    ["messages-light", "desktop", "light", "/panel/messages"],
    ["messages-phone-dark", "phone", "dark", "/panel/messages"],
    ["message-light", "desktop", "light", "first message"],
    ["message-dark", "desktop", "dark", "first message"],
    ["compose-light", "desktop", "light", "compose"],
    ["compose-dark", "desktop", "dark", "compose"],
    ["compose-picture-light", "desktop", "light", "compose a picture"],
    ["compose-picture-phone-dark", "small", "dark", "compose a picture"],
    ["message-picture-dark", "desktop", "dark", "send a picture"],
    ["message-picture-phone-light", "small", "light", "send a picture"],
    ["contacts-light", "desktop", "light", "/panel/contacts"],
    ["contacts-phone-light", "phone", "light", "/panel/contacts"],
    ["channels-dark", "desktop", "dark", "/panel/channels?lang=en"],
    ["calendar-light", "desktop", "light", "/panel/calendar"],
    ["calendar-phone-dark", "phone", "dark", "/panel/calendar"],
    ["attention-light", "desktop", "light", "/panel/attention"],
    ["statistics-light", "desktop", "light", "/panel/statistics"],
    ["channel-code-light", "desktop", "light", "scan a number"],
    ["channel-code-phone-dark", "phone", "dark", "scan a number"],
    ["scheduled-light", "desktop", "light", "/panel/messages?status=scheduled"],
    ["settings-light", "desktop", "light", "/panel/settings"],
    ["login-phone-light", "phone", "light", "/panel/login"],
  ];
  for (const [name, shape, colorScheme, path] of views) {
    const page = await open(base, { ...shapes[shape], colorScheme });
    if (path === "/panel/login") {
      await page.goto(path);
    } else {
      await logIn(page);
      if (path === "first message") {
        await page.goto("/panel/messages?status=sent&q=Promo+akhir");
        await page.click(".list a >> nth=0");
      } else if (path === "scan a number") {
        await fetch(`${waha}/api/sessions/klinik/logout`, { method: "POST", body: "{}" });
        await page.goto("/panel/channels/2");
        await page.waitForSelector(".code img");
      } else if (path === "compose") {
        await page.goto("/panel/messages/new");
        await page.fill("#title", "Promo akhir pekan");
        await page.fill("#text", "Halo {{name|Kak}}, diskon 20% untuk semua roti sampai hari Minggu.\nSampai jumpa di toko!");
        await page.check("input[name=tag][value=vip]");
        await page.waitForSelector("#preview .bubble");
      } else if (path.endsWith("a picture")) {
        await page.goto("/panel/messages/new");
        await page.fill("#title", `Promo ${shape === "desktop" ? "akhir pekan" : "bergambar"}`);
        await page.fill("#text", "Halo {{name|Kak}}, diskon 20% untuk semua roti sampai hari Minggu.");
        await page.fill("#to", "0812 3456 7890");
        await page.selectOption("#kind", "image");
        await page.setInputFiles("#upload", { name: "promo.jpg", mimeType: "image/jpeg", buffer: await promo(page) });
        await page.fill("#at-1", "2035-01-02T08:00");
        assert.ok(await isSeen(page.locator("#preview .bubble img")));
        if (path === "send a picture") {
          await page.click(save);
          await page.waitForURL("**?done=scheduled");
          if (shape !== "desktop") await page.locator(".split").evaluate((one) => one.scrollIntoView());
        }
      } else {
        await page.goto(path);
      }
    }
    await page.waitForLoadState();
    const fullPage = shape === "desktop" && path === "/panel";
    if (path.startsWith("compose")) await page.locator(shape === "desktop" ? "h1" : "#kind").evaluate((one) => one.scrollIntoView());
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage });
    await examine(page);
    page.quiet();
    await page.context().close();
  }
}

const base = await site(join(directory, "new"));
const jobs = {
  ownersWayDesktop: () => ownersWay(base, "desktop", 1),
  ownersWayPhone: () => ownersWay(base, "phone", 2),
  withoutScripts,
  slowAnswers,
  dates,
  twoTabs,
  toMeFirst,
  choosing,
  ticking,
  doesNotFit,
  attention,
  calendar,
  records,
  nothingLost,
  reloads,
  mapping,
  tooLarge,
  whyNot,
  firstDay,
  connecting,
  owning,
  carries,
  menus,
  atTheError,
  serverAway,
  everyPage,
  largeShop,
};
// `ONLY=dates,twoTabs` runs these alone, `ONLY=pictures` only makes the screenshots.
const only = process.env.ONLY?.split(",");
for (const [name, job] of Object.entries(jobs)) {
  if (only && !only.includes(name)) continue;
  const began = Date.now();
  await job(base, join(directory, "new"));
  console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}
if (screenshots && (!only || only.includes("pictures"))) {
  mkdirSync(screenshots, { recursive: true });
  await pictures();
}
const log = readFileSync(join(directory, "new", "serve.log"), "utf8");
// Another phone that scans a code is an error that a person is to see.
assert.ok(!/ERROR(?!.*held until a person frees it)|rahasia|Halo/.test(log), log);
await browser.close();
console.log("the panel in a browser: ok");
process.exit(0);
