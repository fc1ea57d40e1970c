"""Messages of a call's data channel are on record like those of a socket."""

from __future__ import annotations

import pytest
from reloading import reloaded
from switchboard import Switchboard
from waiting import eventually

from store.framereader import Frames
from store.reader import LogReader

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

CARD = "4111 1111 1111 1111"
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
providers:
"""


async def test_what_crosses_the_data_channel_is_on_record(board: Switchboard) -> None:
    async with (
        reloaded(board.proxy, "{content: full", "{frames: events, content: full"),
        reloaded(board.proxy, "providers:\n", POLICIES),
        board.call(name="recorded call") as (phone, call),
    ):
        upstream = await board.other_side(call)
        phone.ask(f"Charge {CARD} now")
        await phone.until("response.done")
        sent, heard = list(upstream.messages), [event["type"] for event in phone.events]
    record = await board.record("recorded call")

    def found() -> Frames | None:
        frames = LogReader(board.proxy.data).frames(record.session["id"])
        return frames if frames is not None and frames.count >= record.session["events"]["count"] else None

    events = list((await eventually(found)).events())
    assert [event.payload for event in events if event.from_ == "client"][: len(sent)] == sent
    assert [event.type for event in events if event.from_ == "server"][: len(heard)] == heard
    assert next(finding.policy for event in events for finding in event.findings) == "cards"
    assert CARD not in str(events)
