// Triggers auto-message-scheduler from Cloudflare, every minute: see wrangler.toml beside this file.
//
// Trying again is harmless: a trigger during a run joins it, and no message is ever sent for a trigger alone, only for
// a row that is due. So whatever may pass is tried again, and what will not (a wrong secret, a wrong address) is not.

const TRIES = 3;
const WAIT_SECONDS = [2, 8];
const TIMEOUT_SECONDS = 20;

export default {
  async scheduled(_event, env, _ctx) {
    await trigger(env);
  },

  // Nobody from outside can trigger through the worker.
  async fetch() {
    return new Response("not found\n", { status: 404 });
  },
};

async function trigger(env) {
  const url = checkedUrl(env.TRIGGER_URL);
  if (!env.CRON_SECRET) {
    throw new Error("CRON_SECRET is not set: npx wrangler secret put CRON_SECRET");
  }
  for (let tried = 1; ; tried += 1) {
    const failure = await tryOnce(url, env.CRON_SECRET.trim());
    if (failure === null) {
      return;
    }
    // An error, so that Cloudflare counts this event as failed and shows why. The secret is in none.
    if (!failure.mayPass || tried === TRIES) {
      throw new Error(`not triggered after ${tried} tries: ${failure.why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_SECONDS[tried - 1] * 1000));
  }
}

async function tryOnce(url, secret) {
  let response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${secret}` },
      // A redirect would take the secret to another place.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
  } catch (error) {
    return { why: String(error), mayPass: true };
  }
  await response.body?.cancel();
  if (response.ok) {
    return null;
  }
  const mayPass = response.status >= 500 || response.status === 429 || response.status === 408;
  return { why: `the server answered ${response.status}`, mayPass };
}

// The secret must not travel unencrypted; to the own machine (a test) it may.
function checkedUrl(text) {
  const url = new URL(text);
  if (url.protocol !== "https:" && url.hostname !== "127.0.0.1") {
    throw new Error("TRIGGER_URL must begin with https://");
  }
  return url;
}
