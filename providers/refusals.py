"""What is said where a provider does not take the request of a call or for a client secret: what it lacks, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.base import EndpointName
from providers.base import ProviderError

_LOCAL: Final = "write `mint: local` under this provider in rules.yaml, which needs no secret of the provider's"

INSTEAD: Final[Mapping[EndpointName, tuple[str, str]]] = {
    "calls": ("WebRTC calls", "open a WebSocket instead"),
    "accept": ("calls to accept", "answer them where they come in"),
    "reject": ("calls to reject", "refuse them where they come in"),
    "refer": ("calls to pass on", "pass them on where they come in"),
    "hangup": ("calls to hang up", "close the session instead"),
    "client_secrets": ("client secrets", _LOCAL),
    "sessions": ("client secrets on this path", f"use …/realtime/client_secrets, or {_LOCAL}"),
    "transcription_sessions": ("client secrets on this path", f"use …/realtime/client_secrets, or {_LOCAL}"),
}
"""Every endpoint that takes a request: what is wanted there, and what to do where a provider does not offer it."""


def unsupported(title: str, endpoint: EndpointName, where: str = "") -> ProviderError:
    """The refusal of an endpoint that the provider of this title does not offer, or not `where` it was asked for."""
    wanted, instead = INSTEAD[endpoint]
    return ProviderError(501, "unsupported_endpoint", f"{title} is not known to offer {wanted}{where}; {instead}")
