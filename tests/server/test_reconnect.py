"""The websocket of a page that comes back to a server that was started again."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bokeh.protocol import Protocol
from bokeh.protocol.receiver import Receiver
from made_runs import Running
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

QUIET_S = 0.5


async def next_message(socket: Any, receiver: Receiver) -> Any:
    """The next whole message of Bokeh's protocol."""
    while True:
        message = await receiver.consume(await socket.read_message())
        if message is not None:
            return message


def test_a_change_waits_until_the_page_has_pulled_its_document(
    serving: Callable[..., Running], runs: dict[str, Path]
) -> None:
    running = serving([runs["made"]], live=False)
    page = running.fetch("").body.decode()
    token = re.search(r"\"?token\"?:\s*\"([^\"]+)\"", page)[1]
    address = f"127.0.0.1:{running.port}"

    async def talk() -> list[str]:
        request = HTTPRequest(f"ws://{address}/ws", headers={"Origin": f"http://{address}"})
        socket = await websocket_connect(request, subprotocols=["bokeh", token])
        receiver, protocol, kinds = Receiver(Protocol()), Protocol(), []
        kinds.append((await next_message(socket, receiver)).msgtype)
        running.server.pages.tell_growth({"made": "first"})
        pull = protocol.create("PULL-DOC-REQ")
        await asyncio.sleep(QUIET_S)  # long enough for the change to be on its way
        for part in (pull.header_json, pull.metadata_json, pull.content_json):
            await socket.write_message(part)
        reply = await next_message(socket, receiver)
        kinds.append(reply.msgtype)
        assert "first" in json.dumps(reply.content)
        running.server.pages.tell_growth({"made": "second"})
        change = await next_message(socket, receiver)
        kinds.append(change.msgtype)
        assert "second" in json.dumps(change.content)
        socket.close()
        return kinds

    assert running.call(talk()) == ["ACK", "PULL-DOC-REPLY", "PATCH-DOC"]
