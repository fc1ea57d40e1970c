"""The paths of the gateway door: every form a client may use, and None for all others, so that the door is no open relay."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from providers import KINDS
from providers.address import folded
from providers.base import Endpoint
from providers.base import Native
from providers.base import Pairs
from providers.tails import Tail
from providers.tails import tail_endpoint

_ROOTS: Final[dict[str, str | None]] = {"/v1": None, "/openai/v1": "openai", "/openai": "openai"}
"""Roots of the OpenAI-style endpoints, and the kind each defaults to."""

_BARE: Final = ""
"""A base URL without `/v1` leads to `/realtime`: served as an alias, but not below a provider's name."""

_PREFIXED: Final = re.compile(r"/([^/]+)(/.+)")


def gateway_path(path: str, query: Pairs = ()) -> Endpoint | None:
    """What a path (without query string) asks of the gateway door. `query` tells Azure's preview path from OpenAI's."""
    clean = folded(path)
    found = _endpoint(clean, query) or _openai_style(_BARE, None, clean)
    return found or _below_prefix(clean, query)


def native_path(path: str, query: Pairs = ()) -> Native | None:
    """The provider's own path that this is, with the kind it defaults to; None for OpenAI-style paths and unknown ones."""
    return next((native for known in KINDS.values() if (native := known.native(path, query))), None)


def asked(query: Pairs) -> tuple[str | None, str | None, str | None]:
    """The model, call id and intent that a query names: trimmed, blank is absent, `model` wins over `deployment`."""
    named: dict[str, str] = {}
    for name, value in query:
        if value.strip():
            named.setdefault(name, value.strip())
    return named.get("model") or named.get("deployment"), named.get("call_id"), named.get("intent")


def as_call(endpoint: Endpoint) -> Endpoint | None:
    """What a POST means on the path of a WebSocket: the offer of a call, the beta's way or that of OpenAI Live; None where nothing.

    The path and the native shape stay those of the socket.
    """
    offers = (endpoint.endpoint, endpoint.native.shape if endpoint.native else None) in (("realtime", None), ("live", "live"))
    return replace(endpoint, endpoint="calls") if offers else None


def names_agent(query: Pairs) -> bool:
    """Whether a query names an agent (xAI's and ElevenLabs' `agent_id`, Azure's `agent-name`), which brings its own model."""
    return any(name.lower().startswith(("agent_", "agent-")) and value.strip() for name, value in query)


def _below_prefix(path: str, query: Pairs) -> Endpoint | None:
    """`/{provider}/…`. The name `openai` is the exception: it is a default, not a choice."""
    split = _PREFIXED.fullmatch(path)
    found = _endpoint(split[2], query) if split else None
    if split is None or found is None:
        return None
    if split[1] == "openai":
        return replace(found, default_kind=found.default_kind or "openai")
    return replace(found, provider_prefix=split[1])


def _endpoint(path: str, query: Pairs) -> Endpoint | None:
    if native := native_path(path, query):
        return Endpoint(native.endpoint, path, default_kind=native.kind, native=native, family=native.family)
    return next((found for root, kind in _ROOTS.items() if (found := _openai_style(root, kind, path))), None)


def _openai_style(root: str, kind: str | None, path: str) -> Endpoint | None:
    tail = Tail("models") if path == f"{root}/models" else tail_endpoint(root, path)
    return Endpoint(tail.endpoint, path, default_kind=kind, call_id=tail.call_id, family=tail.family) if tail else None
