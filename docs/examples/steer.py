"""A user script for `./run.sh start --script docs/examples/steer.py`: reads, edits, drops, injects and ends.

It speaks OpenAI's GA event names and works the same under `mitmdump -s` and `mitmweb -s`.
"""

import json
import logging
from typing import Any

from mitmproxy import ctx
from mitmproxy import http

HOUSE_RULE = "Never give medical advice."
GREETING = {"type": "response.create", "response": {"instructions": "Greet the caller by the name of the shop."}}


def websocket_message(flow: http.HTTPFlow) -> None:
    """Called for every message of every session, both ways, before voicetap judges it."""
    assert flow.websocket is not None
    message = flow.websocket.messages[-1]
    if message.injected:  # our own, on its way through
        return
    event = json.loads(message.content)
    match message.from_client, event.get("type"):
        case True, "session.update":
            add_house_rule(event)
            message.content = json.dumps(event).encode()
        case True, "input_audio_buffer.clear":
            message.drop()
        case False, "session.updated":
            say(flow, GREETING, to_client=False)
        case False, "response.done":
            logging.warning("an answer used %s tokens", event["response"]["usage"]["total_tokens"])
        case True, "conversation.item.create" if "goodbye" in json.dumps(event).lower():
            flow.kill()


def add_house_rule(event: dict[str, Any]) -> None:
    session = event["session"]
    session["instructions"] = f"{session.get('instructions', '')} {HOUSE_RULE}".strip()


def say(flow: http.HTTPFlow, event: dict[str, Any], *, to_client: bool) -> None:
    """Put a message of our own behind the one that is being handled."""
    ctx.master.commands.call("inject.websocket", flow, to_client, json.dumps(event).encode(), True)
