"""A WebRTC relay as one writes it with aiortc's peer connections: tracks are forwarded, so each packet is decoded and encoded again.

`python relay_aiortc.py PORT UPSTREAM`: an offer is answered once the upstream has answered an offer of this relay's own.
"""

from __future__ import annotations

import asyncio
import sys

import aioice.ice
import httpx2
import uvicorn
from aiortc import RTCConfiguration
from aiortc import RTCDataChannel
from aiortc import RTCPeerConnection
from aiortc import RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_live: set[RTCPeerConnection] = set()


class _Bridge:
    """One direction of events; those that come before the other channel is there wait for it."""

    def __init__(self, source: RTCDataChannel) -> None:
        self._waiting: list[str | bytes] = []
        self._sink: RTCDataChannel | None = None
        source.on("message", self._message)

    def _message(self, data: str | bytes) -> None:
        if self._sink and self._sink.readyState == "open":
            self._sink.send(data)
        else:
            self._waiting.append(data)

    def lead(self, sink: RTCDataChannel) -> None:
        self._sink = sink
        if sink.readyState == "open":
            self._flush()
        else:
            sink.on("open", self._flush)

    def _flush(self) -> None:
        for data in self._waiting:
            self._message(data)
        self._waiting.clear()


def _paired(client: RTCPeerConnection, upstream: RTCPeerConnection) -> None:
    """When one goes, the other goes."""
    for peer in (client, upstream):
        _live.add(peer)

        @peer.on("connectionstatechange")
        async def changed(peer: RTCPeerConnection = peer) -> None:
            if peer.connectionState in ("closed", "failed") and peer in _live:
                _live.difference_update((client, upstream))
                await asyncio.gather(client.close(), upstream.close())


async def _answered(upstream: RTCPeerConnection, url: str) -> RTCSessionDescription:
    await upstream.setLocalDescription(await upstream.createOffer())
    async with httpx2.AsyncClient() as http:
        reply = await http.post(url, content=upstream.localDescription.sdp, headers={"Content-Type": "application/sdp"})
    return RTCSessionDescription(reply.text, "answer")


async def _call(offer: str, url: str) -> str:
    client, upstream = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    relay = MediaRelay()
    _paired(client, upstream)
    client.on("track", lambda track: upstream.addTrack(relay.subscribe(track)))
    upstream.on("track", lambda track: client.addTrack(relay.subscribe(track)))
    await client.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    channel = upstream.createDataChannel("oai-events")
    down = _Bridge(channel)

    @client.on("datachannel")
    def opened(own: RTCDataChannel) -> None:
        _Bridge(own).lead(channel)
        down.lead(own)

    await upstream.setRemoteDescription(await _answered(upstream, url))
    await client.setLocalDescription(await client.createAnswer())
    return str(client.localDescription.sdp)


def main(port: int, upstream: str) -> None:
    async def answer(request: Request) -> Response:
        text = await _call((await request.body()).decode(), upstream + request.url.path)
        return Response(text, 201, media_type="application/sdp")

    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
