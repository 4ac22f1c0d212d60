// A client whose types openapi-typescript made of docs/openapi.json makes a message and follows it.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { env: Record<string, string> };
const { API_URL, API_KEY } = process.env;
const client = createClient<paths>({ baseUrl: API_URL, headers: { Authorization: `Bearer ${API_KEY}` } });

const made = await client.POST("/api/v1/messages", {
  body: { text: "Halo", to: ["081200007003"], at: "now", metadata: { order: 18 } },
  params: { header: { "Idempotency-Key": "typescript-1" } },
});
if (!made.data) throw new Error(JSON.stringify(made.error));
const path = { id: made.data.id };
let status = "";
for (let left = 200; left > 0 && status !== "sent"; left -= 1) {
  const { data } = await client.GET("/api/v1/messages/{id}", { params: { path } });
  status = data?.status ?? "";
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const { data } = await client.GET("/api/v1/messages/{id}/deliveries", { params: { path } });
if (status !== "sent" || data?.data[0]?.to !== "6281200007003@c.us") throw new Error(`${status} ${JSON.stringify(data)}`);
const refused = await client.POST("/api/v1/messages", { body: { text: "", to: [] } });
if (refused.error?.code !== "invalid") throw new Error(JSON.stringify(refused));
console.log("typescript: message", path.id, "is", status);
