"""Which addresses the two sides of a call may name for its sound: no offer and no answer makes this computer send anywhere else."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from mitmproxy import http

from addons.worker import Scope
from providers import KINDS
from providers.base import Account

_LOCAL: Final = ("localhost",)


def client_scope(flow: http.HTTPFlow) -> Scope:
    """Who reached us on a loopback address is on this computer, and so is its sound."""
    at = flow.client_conn.sockname[0] if flow.client_conn.sockname else ""
    return "local" if _kind(at) == "local" else "any"


def upstream_scope(account: Account) -> Scope:
    """A provider's own hosts are on the internet; one of ours may be on this computer or in this network, as its address says."""
    provider = KINDS[account.kind]
    host = provider.base(account).host
    if host in _LOCAL:
        return "local"
    return _kind(host) or ("global" if account.url is None else "any")


def _kind(host: str) -> Scope | None:
    """Where an IP address is; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.is_loopback:
        return "local"
    return "private" if address.is_private else "global"
