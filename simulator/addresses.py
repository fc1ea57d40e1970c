"""Where the media of calls is bound: the address that the server itself is bound to, and only for all of them all of them."""

from __future__ import annotations

from typing import Final

from aioice.ice import get_host_addresses

_ALL: Final = {"0.0.0.0": ["127.0.0.1"], "::": ["127.0.0.1", "::1"]}


def media_addresses(bound: str) -> list[str]:
    """The addresses for a server bound to `bound`."""
    if bound not in _ALL:
        return [bound]
    return [*_ALL[bound], *get_host_addresses(use_ipv4=True, use_ipv6=bound == "::")]
