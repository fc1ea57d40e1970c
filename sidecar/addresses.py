"""Which remote addresses a leg may ever send to or listen to.

The same test stands before candidates of a description, peer-reflexive sources and relayed peers, so that no call reaches a host that its
scope leaves out.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address
from ipaddress import IPv6Address
from typing import Final
from typing import Literal

import ifaddr

Address = IPv4Address | IPv6Address
Scope = Literal["local", "private", "any", "global"]
"""local = addresses of this machine; private = local and private networks; any = private and global unicast;
global = global unicast alone."""

LOOPBACK: Final = "127.0.0.1"
PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128")
)
"""RFC 1918, RFC 6598, RFC 4193, and the loopback of either family."""

TRANSLATED: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 behind NAT64 (RFC 6052): such an address is judged as the IPv4 address inside."""


class Admission:
    """The addresses that one leg admits. Verdicts are kept, since each datagram asks."""

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope
        self._own = own_addresses()
        self._verdicts: dict[str, bool] = {}

    def __call__(self, host: str) -> bool:
        """Whether `host`, an address in text, is admitted. False for what is no address."""
        verdict = self._verdicts.get(host)
        if verdict is None:
            verdict = self._judge(host)
            if len(self._verdicts) < MAX_VERDICTS:
                self._verdicts[host] = verdict
        return verdict

    def _judge(self, host: str) -> bool:
        try:
            address = plain(ipaddress.ip_address(host))
        except ValueError:
            return False
        if address.is_multicast or address.is_unspecified or address == BROADCAST:
            return False
        if address.is_loopback or address in self._own:
            return self.scope != "global"
        return _in_scope(address, self.scope)


MAX_VERDICTS: Final = 256
BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


def _in_scope(address: Address, scope: Scope) -> bool:
    if address.is_link_local:
        return False
    private = any(address in network for network in PRIVATE if network.version == address.version)
    match scope:
        case "local":
            return False
        case "private":
            return private
        case "any":
            return private or address.is_global
        case "global":
            return address.is_global and not private


def plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it (mapped, 6to4, NAT64), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def own_addresses() -> frozenset[Address]:
    """The addresses of this machine's interfaces, link-local ones included."""
    found = (ip.ip if isinstance(ip.ip, str) else ip.ip[0] for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    return frozenset(ipaddress.ip_address(text.partition("%")[0]) for text in found)
