"""The contract with aiortc and aioice: the private names that the legs stand on are there, in the tested versions alone."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import aioice
import pytest
from aioice import Candidate
from aioice.ice import StunProtocol
from aioice.turn import TurnClientUdpProtocol
from aioice.turn import TurnTransport
from aiortc import RTCCertificate
from aiortc import RTCDtlsTransport
from aiortc import RTCIceGatherer
from aiortc import RTCIceTransport
from aiortc import RTCSctpTransport

from sidecar import versions
from sidecar.association import Association
from sidecar.ice import Connection
from sidecar.ice import Socket

SIDECAR = Path(__file__).parents[2] / "sidecar"

USED: dict[str, set[str]] = {
    "Connection": {"_nominated", "_remote_candidates", "_protocols", "_queue", "_query_consent_task"},
    "Candidate": {"_network_host"},
    "TurnTransport": {"_TurnTransport__close_task"},
    "RTCIceGatherer": {"_connection"},
    "RTCDtlsTransport": {"_rx_srtp", "_tx_srtp", "_ssl", "_set_role"},
    "RTCSctpTransport": {
        *("_advertised_rwnd", "_data_channels", "_data_channel_queue", "_outbound_queue", "_sent_queue", "_last_sacked_tsn"),
        *("_handle_data", "_receive_data_chunk", "_data_channel_receive", "_data_channel_open", "_send_chunk"),
    },
}
"""Class of aiortc or aioice → its private names that are read, called or overridden here."""


def owners() -> dict[str, object]:
    gatherer = RTCIceGatherer(iceServers=[])
    dtls = RTCDtlsTransport(RTCIceTransport(gatherer), [RTCCertificate.generateCertificate()])
    return {
        "Connection": aioice.Connection(ice_controlling=True),
        "Candidate": Candidate("1", 1, "udp", 1, "127.0.0.1", 1, "host"),
        "TurnTransport": TurnTransport(TurnClientUdpProtocol(("127.0.0.1", 1), None, None, 600, 500)),
        "RTCIceGatherer": gatherer,
        "RTCDtlsTransport": dtls,
        "RTCSctpTransport": RTCSctpTransport(dtls),
    }


async def test_every_private_name_is_there() -> None:
    found = owners()
    missing = [f"{owner}.{name}" for owner, names in USED.items() for name in names if not hasattr(found[owner], name)]
    assert missing == []


def private_names(tree: ast.Module) -> set[str]:
    """Private attributes that a module touches and does not make itself."""
    touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")}
    made = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    methods = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in touched if not name.startswith("__")} - (made | methods)


def test_no_private_name_is_used_that_is_not_tested_here() -> None:
    known = set().union(*USED.values())
    for path in SIDECAR.glob("*.py"):
        text = path.read_text()
        if "aiortc" in text or "aioice" in text:
            assert private_names(ast.parse(text)) - known == set(), path.name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Connection.get_component_candidates, aioice.Connection.get_component_candidates),
        (Connection.add_remote_candidate, aioice.Connection.add_remote_candidate),
        (Connection.check_incoming, aioice.Connection.check_incoming),
        (Connection.build_request, aioice.Connection.build_request),
        (Connection.query_consent, aioice.Connection.query_consent),
        (Connection.data_received, aioice.Connection.data_received),
        (Connection.close, aioice.Connection.close),
        (Socket.datagram_received, StunProtocol.datagram_received),
        (Socket.send_stun, StunProtocol.send_stun),
        (Association._handle_data, RTCSctpTransport._handle_data),
        (Association._receive_data_chunk, RTCSctpTransport._receive_data_chunk),
        (Association._data_channel_receive, RTCSctpTransport._data_channel_receive),
        (Association._data_channel_open, RTCSctpTransport._data_channel_open),
        (Association._send_chunk, RTCSctpTransport._send_chunk),
    ],
)
def test_what_is_overridden_has_the_same_parameters(ours: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


def test_the_installed_versions_are_tested() -> None:
    versions.check_versions()


@pytest.mark.parametrize(("package", "installed"), [("aiortc", "1.17.0"), ("aiortc", "1.15.9"), ("aioice", "0.14.1"), ("aioice", "0.12.0")])
def test_another_version_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, package: str, installed: str) -> None:
    real = metadata.version
    monkeypatch.setattr(versions.metadata, "version", lambda name: installed if name == package else real(name))
    with pytest.raises(versions.UnsupportedVersion, match=f"{package} {installed} is installed, voicetap is tested with"):
        versions.check_versions()
