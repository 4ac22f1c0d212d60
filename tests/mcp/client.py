"""What an assistant does with `mcp`, by the client of PyPI's `mcp`; answers are compared with those of the API over HTTP.

Wants AMS_PROGRAM, AMS_SITE (a directory with settings and a running `serve`), AMS_URL and AMS_KEY.
"""

import asyncio
import json
import os
import subprocess
import urllib.error
import urllib.request

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import McpError

PROGRAM, SITE = os.environ["AMS_PROGRAM"], os.environ["AMS_SITE"]
READING = {"preview_message", "list_messages", "show_message", "list_deliveries", "find_contacts", "read_status"}
WRITING = {"schedule_message", "cancel_message", "pause_message"}


def api(method, path, body=None):
    request = urllib.request.Request(os.environ["AMS_URL"] + "/api/v1" + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["AMS_KEY"])
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


class Assistant:
    def __init__(self, *arguments):
        self.server = StdioServerParameters(command=PROGRAM, args=["mcp", *arguments], cwd=SITE)

    async def __aenter__(self):
        self.streams = stdio_client(self.server)
        read, write = await self.streams.__aenter__()
        self.session = ClientSession(read, write)
        await self.session.__aenter__()
        self.about = await self.session.initialize()
        return self

    async def __aexit__(self, *error):
        await self.session.__aexit__(*error)
        await self.streams.__aexit__(*error)

    async def names(self):
        return {tool.name for tool in (await self.session.list_tools()).tools}

    async def call(self, name, **arguments):
        """The answer, and whether it is an error."""
        result = await self.session.call_tool(name, arguments)
        answer = json.loads(result.content[0].text)
        assert result.structuredContent == answer, result
        return answer, result.isError

    async def done(self, name, **arguments):
        answer, is_error = await self.call(name, **arguments)
        assert not is_error, answer
        return answer

    async def refused(self, name, **arguments):
        try:
            await self.session.call_tool(name, arguments)
        except McpError as error:
            return error.error.code, error.error.message
        raise AssertionError(f"{name} is not refused")


async def reads():
    async with Assistant() as assistant:
        assert assistant.about.serverInfo.name == "auto-message-scheduler"
        assert "only read" in assistant.about.instructions
        assert await assistant.names() == READING
        await assistant.session.send_ping()
        plan = await assistant.done("preview_message", text="Halo {{name|Kak}}", to=["081200007001", "belum"])
        assert plan["recipients"] == 1 and plan["skipped_count"] == 1, plan
        assert plan["first"][0]["text"] == "Halo Kak", plan
        assert (await assistant.done("list_messages"))["data"] == [], "preview stored something"
        for name in sorted(WRITING):
            code, words = await assistant.refused(name, id=1)
            assert code == -32602 and "--can write" in words, words
        code, words = await assistant.refused("show_message", id="x")
        assert code == -32602 and "`id`" in words, words
        code, words = await assistant.refused("show_message", id=1, verbose=True)
        assert "no argument `verbose`" in words, words
        answer, is_error = await assistant.call("show_message", id=99)
        assert is_error and answer == api("GET", "/messages/99"), answer
        found = await assistant.done("find_contacts", phone="0812-0000-7002")
        assert found == api("GET", "/contacts?phone=0812-0000-7002") and len(found["data"]) == 1, found
        status = await assistant.done("read_status")
        assert status.keys() == api("GET", "/status").keys(), status


async def drafts():
    async with Assistant("--can", "write") as assistant:
        assert "draft" in assistant.about.instructions
        assert await assistant.names() == READING | WRITING
        made = await assistant.done("schedule_message", text="Promo", to=["081200007001"], title="é", metadata={"n": 1})
        assert made["status"] == "draft", made
        shown = await assistant.done("show_message", id=made["id"])
        assert shown == api("GET", f"/messages/{made['id']}") and shown["metadata"] == {"n": 1}, shown
        subprocess.run([PROGRAM, "run"], cwd=SITE, check=True)
        assert (await assistant.done("show_message", id=made["id"]))["status"] == "draft", "a draft went out"
        answer, is_error = await assistant.call("schedule_message", text="", to=["081200007001"])
        assert is_error and answer == api("POST", "/messages", {"text": "", "to": ["081200007001"], "draft": True}), answer
        answer, is_error = await assistant.call("schedule_message", text="x", to=[[]])
        assert is_error and answer["field"] == "to[0]", answer
        # Nothing of an assistant's makes a message go out: neither an argument that is not there …
        _, words = await assistant.refused("schedule_message", text="x", to=["081200007001"], draft=False)
        assert "no argument `draft`" in words, words
        assert (await assistant.done("cancel_message", id=made["id"]))["status"] == "cancelled"
        answer, is_error = await assistant.call("cancel_message", id=made["id"])
        assert is_error and answer == api("POST", f"/messages/{made['id']}/cancel"), answer


async def sends():
    async with Assistant("--can", "write", "--may-send") as assistant:
        assert "real people" in assistant.about.instructions
        later = await assistant.done("schedule_message", text="Nanti", to="tag:vip", at="+1d")
        assert later["status"] == "scheduled" and later["recipients"] == 1, later
        assert (await assistant.done("pause_message", id=later["id"]))["status"] == "draft"
        again = await assistant.done("schedule_message", text="Sekali", to=[1], at="+1d", idempotency_key="a")
        twice = await assistant.done("schedule_message", text="Sekali", to=[1], at="+1d", idempotency_key="a")
        assert again == twice, twice
        now = await assistant.done("schedule_message", text="Sekarang", to=["0812-0000-7001"])
        subprocess.run(["curl", "-fsS", "-X", "POST", "-H", "Authorization: Bearer " + os.environ["AMS_SECRET"],
                        os.environ["AMS_URL"] + "/api/auto-message-scheduler"], check=True, stdout=subprocess.DEVNULL)
        shown = await assistant.done("show_message", id=now["id"])
        assert shown["status"] == "sent", shown
        deliveries = await assistant.done("list_deliveries", id=now["id"], status="sent")
        assert deliveries == api("GET", f"/messages/{now['id']}/deliveries?status=sent"), deliveries
        page = await assistant.done("list_messages", limit=1, search="Sekarang")
        assert [one["id"] for one in page["data"]] == [now["id"]], page


async def main():
    for scenario in (reads, drafts, sends):
        await scenario()
    print("mcp: the client of PyPI's `mcp` reads, drafts and sends as it may; answers are those of the API")


asyncio.run(main())
