// Sends a message for an order by the API, and shows what became of it. Node 18 or newer, nothing to install.
// AMS_URL is where `serve` is, such as https://wa.example.com; AMS_KEY is from `api-key add website`.
//   node send.mjs 0812-3456-7890 "Pesanan Anda siap diambil" 1234

/** One request. Returns the decoded answer; throws with the words of the error. */
async function ams(method, path, body, headers = {}) {
    const answer = await fetch(`${process.env.AMS_URL.replace(/\/$/, "")}/api/v1${path}`, {
        method,
        headers: {
            authorization: `Bearer ${process.env.AMS_KEY}`,
            ...(body && { "content-type": "application/json" }),
            ...headers,
        },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
    });
    const decoded = await answer.json();
    if (!answer.ok) throw new Error(`${answer.status} ${decoded.code}: ${decoded.message}`);
    return decoded;
}

const [to, text, order] = process.argv.slice(2);
// The same key again gives the first answer again: a customer who clicks twice gets one message.
const made = await ams(
    "POST",
    "/messages",
    { text, to: [to], metadata: { order: Number(order) } },
    { "idempotency-key": `order-${order}-ready` },
);
for (const skipped of made.skipped) console.log(`${skipped.to} will not get it: ${skipped.message}`);
const message = await ams("GET", `/messages/${made.id}`);
console.log(`message ${message.id} is ${message.status}, order ${message.metadata.order}`);
