"""What `doctor` looks at for WebRTC: a media worker starts, finds addresses for media, and there are UDP ports for its calls.

The worker is one of its own, beside those of a proxy that runs. Whether other computers reach the ports is not looked at.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.finding import Finding
from cli.finding import fail
from cli.finding import ok
from cli.finding import warn
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.media import Ports
from rules.media import WebRTC

_NOWHERE: Final = "127.0.0.1:9"
"""Where a worker would open the events of a call; this one never gets so far."""

_OFFER: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
    f"a=ice-ufrag:doctor\r\na=ice-pwd:{'d' * 24}\r\na=setup:actpass\r\na=fingerprint:sha-256 {':'.join(['00'] * 32)}\r\n"
)
_CANDIDATE: Final = re.compile(r"^a=candidate:\S+ \d+ udp \d+ (\S+) \d+ typ (\w+)", re.MULTILINE | re.IGNORECASE)


def sidecar(webrtc: WebRTC, folder: Path) -> Iterator[Finding]:
    """`folder` is that of the rules, against which files of secrets are named."""
    if webrtc.workers == 0:
        yield ok("sidecar", "off: webrtc.workers is 0")
        return
    try:
        secret = read_secret(webrtc.turn.credential, os.environ, private_reader(folder)) if webrtc.turn else None
    except Unresolved as error:
        yield fail("sidecar", f"the TURN server's password: {error}", "set it, or take webrtc.turn out of the rules")
        return
    yield from asyncio.run(_tried(webrtc, secret))
    yield from _ports(webrtc)


async def _tried(webrtc: WebRTC, secret: str | None) -> list[Finding]:
    """Start a worker and have it gather for a call that is then dropped."""
    from addons.worker import OfferedCall  # slow to import, and only needed here
    from addons.worker import SidecarError
    from addons.workerprocess import WorkerProcess
    from addons.workerprocess import worker_config

    with tempfile.TemporaryDirectory(prefix="voicetap-") as name:
        config = worker_config(webrtc, gateway=_NOWHERE, data=Path(name), turn_secret=secret)
        try:
            worker = await WorkerProcess.start(Path(name) / "doctor.sock", config)
        except SidecarError as error:
            return [fail("sidecar", error.message, "./run.sh doctor shows whether packages are missing; check `webrtc` in the rules")]
        try:
            mirrored = await worker.client.offer(OfferedCall("call_doctor", _OFFER, "-", "-", "any", "any"))
        except SidecarError as error:
            return [fail("sidecar", f"it starts but cannot gather: {error.message}", "check webrtc.bind and webrtc.ports in the rules")]
        finally:
            await worker.stop()
            await worker.release()
    return _gathered(webrtc, _CANDIDATE.findall(mirrored))


def _gathered(webrtc: WebRTC, candidates: list[tuple[str, str]]) -> list[Finding]:
    """`candidates` are (address, type): host, srflx from a STUN server, relay from a TURN server."""
    kinds = {kind for _, kind in candidates}
    shown = ", ".join(dict.fromkeys(address if kind == "host" else f"{address} ({kind})" for address, kind in candidates))
    findings = [ok("sidecar", f"a worker starts and carries media on {shown}")]
    if webrtc.stun and "srflx" not in kinds:
        findings.append(warn("stun", f"no address came from {webrtc.stun}", "check its name, and that UDP gets out to it"))
    if webrtc.turn and "relay" not in kinds:
        findings.append(
            warn("turn", f"{webrtc.turn.url} relays nothing", "check its name, user and password, and that the network lets it through")
        )
    return findings


def _ports(webrtc: WebRTC) -> Iterator[Finding]:
    """How many calls the named UDP ports are enough for."""
    if webrtc.ports is None:
        yield ok("udp ports", "any free ones; a firewall before this computer has to let UDP in for clients elsewhere")
        return
    ports, address = webrtc.ports, webrtc.bind or "0.0.0.0"
    free, all_ports = _free(address, ports), ports.last - ports.first + 1
    text = f"{free} of {all_ports} in {ports.first}-{ports.last} are free, enough for {free // 2} calls"
    wanted = webrtc.calls * min(webrtc.workers, os.cpu_count() or 1)
    if free < 2:
        yield fail("udp ports", text, "choose another range in webrtc.ports")
    elif free // 2 < wanted:
        yield warn("udp ports", f"{text}; webrtc.calls and workers allow {wanted}", "name more ports in webrtc.ports, two for each call")
    else:
        yield ok("udp ports", text)


def _free(address: str, ports: Ports) -> int:
    return sum(_can_bind(address, port) for port in range(ports.first, ports.last + 1))


def _can_bind(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
