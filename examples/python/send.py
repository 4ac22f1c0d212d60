"""Sends a message for an order by the API, and shows what became of it. Python 3.9 or newer, nothing to install.

AMS_URL is where `serve` is, such as https://wa.example.com; AMS_KEY is from `api-key add website`.
    python3 send.py 0812-3456-7890 "Pesanan Anda siap diambil" 1234
"""

import json
import os
import sys
import urllib.error
import urllib.request


def ams(method, path, body=None, **headers):
    """One request. Returns the decoded answer; raises with the words of the error."""
    request = urllib.request.Request(os.environ["AMS_URL"].rstrip("/") + "/api/v1" + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["AMS_KEY"])
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        raise SystemExit(f"{error.code} {problem['code']}: {problem['message']}") from None


if __name__ == "__main__":
    to, text, order = sys.argv[1:]
    # The same key again gives the first answer again: a customer who clicks twice gets one message.
    made = ams(
        "POST",
        "/messages",
        {"text": text, "to": [to], "metadata": {"order": int(order)}},
        Idempotency_Key=f"order-{order}-ready",
    )
    for skipped in made["skipped"]:
        print(f"{skipped['to']} will not get it: {skipped['message']}")
    message = ams("GET", f"/messages/{made['id']}")
    print(f"message {message['id']} is {message['status']}, order {message['metadata']['order']}")
