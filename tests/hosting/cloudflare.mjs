// The worker in the real runtime (workerd, through miniflare): its scheduled event triggers the real program. Wants the
// URL of the server, its secret, and the directory of node_modules.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [serverUrl, secret, modules] = process.argv.slice(2);
const { Miniflare } = createRequire(`${modules}/`)("miniflare");
const directory = new URL("../../dist/cloudflare/", import.meta.url).pathname;
const settings = readFileSync(`${directory}wrangler.toml`, "utf8");
const setting = (name) => settings.match(new RegExp(`^${name} = "(.*)"`, "m"))[1];
assert.equal(settings.match(/^crons = \[(.*)\]/m)[1], '"* * * * *"');
assert.ok(!settings.includes("CRON_SECRET ="), "the secret is a binding, not a variable");

async function scheduled(bindings) {
  const runtime = new Miniflare({
    modules: true,
    rootPath: directory,
    modulesRoot: directory,
    scriptPath: directory + setting("main"),
    compatibilityDate: setting("compatibility_date"),
    bindings,
  });
  const worker = await runtime.getWorker();
  const { outcome } = await worker.scheduled({ cron: "* * * * *" });
  const { status } = await worker.fetch("https://trigger.example/", { method: "POST" });
  await runtime.dispose();
  return { isTriggered: outcome === "ok", outside: status };
}

// A gate before the program: what it answers instead, and what it got.
let answers = [];
let seen = [];
const gate = createServer((incoming, outgoing) => {
  seen.push({ method: incoming.method, url: incoming.url, authorization: incoming.headers.authorization });
  const answer = answers.shift();
  if (answer) {
    outgoing.writeHead(answer.status, answer.headers ?? {}).end();
    return;
  }
  const to = request(serverUrl + incoming.url, { method: incoming.method, headers: incoming.headers }, (reply) => {
    outgoing.writeHead(reply.statusCode, reply.headers);
    reply.pipe(outgoing);
  });
  incoming.pipe(to);
});
await new Promise((resolve) => gate.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${gate.address().port}`;
const bindings = { TRIGGER_URL: `${base}/api/cron-auto-message`, CRON_SECRET: `${secret}\n` };

async function expect(what, given, wanted) {
  answers = given.answers ?? [];
  seen = [];
  const result = await scheduled({ ...bindings, ...given.bindings });
  assert.deepEqual([result.isTriggered, seen.length, result.outside], [...wanted, 404], what);
}

await expect("the secret triggers", {}, [true, 1]);
assert.deepEqual(seen[0], { method: "POST", url: "/api/cron-auto-message", authorization: `Bearer ${secret}` });
await expect("a 503 is tried again", { answers: [{ status: 503 }] }, [true, 2]);
const elsewhere = { status: 302, headers: { location: `${base}/elsewhere` } };
await expect("no redirect is followed", { answers: [elsewhere] }, [false, 1]);
await expect("a wrong secret is not tried again", { bindings: { CRON_SECRET: "wrong-wrong-wrong" } }, [false, 1]);
await expect("no secret without TLS", { bindings: { TRIGGER_URL: "http://shop.example.com/api" } }, [false, 0]);
gate.close();
process.exit(0);
