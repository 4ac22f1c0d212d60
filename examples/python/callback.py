"""Hears what became of messages. CALLBACK_SECRET is the same as in the env file.

    pip install standardwebhooks
    python3 callback.py 8088        # and CALLBACK_URL=http://127.0.0.1:8088/
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["CALLBACK_SECRET"])
done = set()  # In a real program: a table.


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            event = webhook.verify(body, headers)
        except WebhookVerificationError:
            self.answer(401)
            return
        # An event may come twice.
        if headers["webhook-id"] not in done:
            done.add(headers["webhook-id"])
            print(event["type"], event["data"].get("status"), event["data"].get("metadata"), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
