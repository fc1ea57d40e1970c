"""An error of our own inside the relay never leaves a session hanging."""

from __future__ import annotations

from pathlib import Path

import pytest
import websockets
from inprocess import proxy_inside
from proxying import KEY
from proxying import RULES
from websockets.asyncio.client import connect

from realtime.tunnel import Tunnel
from simulator import Simulator


@pytest.mark.parametrize("takeover", [True, False], ids=["on the transports", "in the layer"])
async def test_an_error_in_the_tunnel_ends_both_sides_and_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takeover: bool
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of our own")

    if not takeover:
        monkeypatch.setattr("addons.takeover.attempt", lambda *_: None)
    async with Simulator(pace=0) as simulator:
        rules = (
            RULES
            + f"""
providers: {{sim: {{kind: simulator, url: "{simulator.base_url}"}}}}
"""
        )
        async with proxy_inside(tmp_path, rules) as inside:
            url = f"ws://{inside.ready.gateway}/v1/realtime?model=sim/gpt-realtime"
            async with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}, compression=None) as client:
                await client.recv()
                monkeypatch.setattr(Tunnel, "receive", broken)
                await client.send('{"type":"response.create"}')
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
            await simulator.connections[0].ended.wait()
            monkeypatch.undo()
            assert inside.pipeline.tap.live == {}
            record = inside.pipeline.tap.log.sessions()[0]
            assert record["close"]["code"] == 1006
