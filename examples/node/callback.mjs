// Hears what became of messages. CALLBACK_SECRET is the same as in the env file.
//   npm install standardwebhooks
//   node callback.mjs 8089        # and CALLBACK_URL=http://127.0.0.1:8089/
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.CALLBACK_SECRET);
const done = new Set(); // In a real program: a table.

createServer(async (request, response) => {
    let body = "";
    for await (const part of request.setEncoding("utf8")) body += part;
    let event;
    try {
        event = webhook.verify(body, request.headers);
    } catch {
        return response.writeHead(401).end();
    }
    // An event may come twice.
    const id = request.headers["webhook-id"];
    if (!done.has(id)) {
        done.add(id);
        console.log(event.type, event.data.status, JSON.stringify(event.data.metadata));
    }
    response.writeHead(204).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
