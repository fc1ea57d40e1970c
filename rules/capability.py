"""What a provider cannot do although its configuration reads well; found when rules are checked, not by an opaque answer later."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable

from providers import KINDS
from providers.base import Account
from providers.base import ProviderError
from realtime.gates.settings import HOLD_DIALECTS
from rules.access import Route
from rules.upstream import Provider

Cannot = Callable[[str, Provider], Iterable[tuple[str, str, str]]]
"""For a provider and its name: the key that asks for what it cannot do, why, and a hint."""


def gates_cannot(route: Route, provider: Provider | None) -> Iterable[tuple[str, str, str]]:
    """Which gate of a route cannot be: its key, why, and a hint. `provider` is the route's own, where it names one."""
    for key in ("hold", "gate"):
        if getattr(route, key) is None:
            continue
        if route.webrtc != "relay":
            yield key, f"{key} needs all of a call to come through here, and this route has webrtc: {route.webrtc}", "write webrtc: relay"
        elif route.tunnel:
            yield key, f"{key} does nothing: what goes through a tunnel is not looked at", "leave it out"
        elif provider is not None and not _gates(key, provider):
            yield key, f"{key}: a provider of kind {provider.kind} {_WHY[key]}", "see docs/gates.md for those that can"


def _gates(key: str, provider: Provider) -> bool:
    can = KINDS[provider.kind].capabilities
    dialects = {provider.dialect} if provider.dialect is not None else set(can.dialects)
    return bool(dialects & HOLD_DIALECTS) if key == "hold" else can.gates and "openai" in dialects


_WHY = {"hold": "sends no sound with the words of an answer", "gate": "cannot be kept from answering by itself"}


def cannot(name: str, provider: Provider) -> Iterable[tuple[str, str, str]]:
    """What follows from the configuration alone, as the provider itself judges it."""
    known = KINDS[provider.kind]
    if provider.api_version is not None and known.capabilities.oldest_api_version is None:
        yield "api_version", f"a provider of kind {provider.kind} has no api_version", "leave it out"
        return
    try:
        known.check(Account(name, provider.kind, provider.url, None, provider.api_version))
    except ProviderError as error:
        yield "api_version" if error.code == "bad_api_version" else "url", error.message, ""
        return
    for key, account in (
        ("auth", Account(name, provider.kind, provider.url, auth=provider.auth)),
        ("dialect", Account(name, provider.kind, provider.url, dialect=provider.dialect)),
    ):
        try:
            known.check(account)
        except ProviderError as error:
            yield key, error.message, ""
