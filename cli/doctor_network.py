"""What `doctor` looks at on the network: the listeners, the providers' TLS and the clock.

Providers whose credential is missing are not asked.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from cli.finding import Finding
from cli.finding import fail
from cli.finding import ok
from cli.finding import warn
from cli.runfile import Running
from providers import provider as provider_of
from providers.base import Account
from providers.base import ProviderError
from rules.address import Address
from rules.model import Rules

_SECONDS: Final = 5.0
_SKEW: Final = 30.0


def listeners(rules: Rules, running: Running | None, keys: int) -> Iterator[Finding]:
    """Each door: free or served by us, and who can reach it."""
    for name in ("gateway", "intercept", "control"):
        address = getattr(rules.listen, name)
        if address is None:
            continue
        serving = running is not None and getattr(running, name) == str(address)
        yield ok(name, f"{address}, served by process {running.pid}") if serving and running else _free(name, address)
        if not address.loopback:
            yield _reachable(name, address, keys)


def _free(name: str, address: Address) -> Finding:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return fail(name, f"{address}: {error.strerror}", f"stop what uses port {address.port}, or change listen.{name} in the rules")
    return ok(name, f"{address} is free")


def _reachable(name: str, address: Address, keys: int) -> Finding:
    if keys:
        return warn(name, f"{address} can be reached from other computers", f"use 127.0.0.1:{address.port} unless that is meant")
    return fail(name, f"{address} can be reached from other computers and there is no key", "./run.sh keys new NAME")


@dataclass(frozen=True, slots=True)
class _Contact:
    finding: Finding
    skew: float | None = None


def upstreams(rules: Rules, ready: list[str]) -> Iterator[Finding]:
    """TLS to each provider named in `ready`, all at once, and the difference of the clocks."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        contacts = list(pool.map(lambda name: _contact(rules, name), ready))
    yield from (contact.finding for contact in contacts)
    skews = [contact.skew for contact in contacts if contact.skew is not None]
    if not skews:
        yield warn("clock", "not compared: no provider with a credential answered", "set a credential, or compare it with `date -u`")
    elif min(map(abs, skews)) > _SKEW:
        yield fail(
            "clock", f"{min(skews, key=abs):+.0f} s beside the providers' clocks", "set the clock, for example with systemd-timesyncd"
        )
    else:
        yield ok("clock", f"{min(skews, key=abs):+.1f} s beside the providers' clocks")


def _contact(rules: Rules, name: str) -> _Contact:
    entry = rules.providers[name]
    check = f"provider {name}"
    bad = fail if entry.credential is not None else warn  # a server of the user's own may be switched off

    try:
        base = provider_of(entry.kind).base(Account(name, entry.kind, entry.url, None, entry.api_version))
    except ProviderError as error:
        return _Contact(bad(check, error.message, "./run.sh check"))
    try:
        started = time.monotonic()
        with socket.create_connection((base.host, base.port), _SECONDS) as plain:
            if not base.secure:
                return _Contact(ok(check, f"{base.host} reached, without TLS"))
            with ssl.create_default_context().wrap_socket(plain, server_hostname=base.host) as secured:
                took = (time.monotonic() - started) * 1000
                return _Contact(ok(check, f"{base.host}: {secured.version()} in {took:.0f} ms"), _skew(secured, base.host))
    except socket.gaierror:
        return _Contact(bad(check, f"{base.host} cannot be resolved", "check the name in the rules and the DNS of this machine"))
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return _Contact(bad(check, f"{base.host}: {reason}", "check what stands between this machine and the provider"))
    except OSError as error:
        return _Contact(bad(check, f"{base.host}: {error.strerror or error}", "check the network and its firewall"))


def _skew(secured: ssl.SSLSocket, host: str) -> float | None:
    """Seconds by which this clock is ahead of the server's, by the Date of its answer; None where it sends none."""
    try:
        secured.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head = secured.recv(8192).decode("latin-1")
        dates = [line.partition(":")[2].strip() for line in head.splitlines() if line.lower().startswith("date:")]
        return (datetime.now(UTC) - parsedate_to_datetime(dates[0])).total_seconds() if dates else None
    except (OSError, ValueError):
        return None
