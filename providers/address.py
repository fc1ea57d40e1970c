"""URLs of upstreams: a configured base is read strictly, and a path with its query is put on it without doubling a slash.

Nothing here echoes what it refuses beyond the scheme, because a pasted URL may hold a password or a key.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult
from urllib.parse import quote
from urllib.parse import urlencode
from urllib.parse import urlsplit

from providers.base import Pairs
from providers.base import ProviderError

_SECURE: Final = {"https": True, "wss": True, "http": False, "ws": False}
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")
_UNCLEAN: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")
_KEPT_IN_PATH: Final = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Base:
    """A configured base URL. `path` is "" or begins with one slash and ends without."""

    secure: bool
    host: str
    port: int
    path: str


def read_base(url: str, account: str) -> Base:
    """Reads the base URL of `account`. Raises ProviderError 500 `bad_url`, saying what is wrong and what is allowed."""
    text = url.strip()
    if not text:
        raise _bad(account, "is empty; write one like https://host")
    if _UNCLEAN.search(text):
        raise _bad(account, "has white space, a control character or a backslash in it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad(account, "has a host or port that cannot be read; ports are 1 to 65535, IPv6 goes in [brackets]") from None
    return _base(parts, port, account)


def _base(parts: SplitResult, port: int | None, account: str) -> Base:
    secure = _SECURE.get(parts.scheme.lower()) if parts.netloc else None
    if secure is None:
        raise _bad(account, "must begin with https://, wss://, http:// or ws:// and name a host")
    if "@" in parts.netloc:
        raise _bad(account, "must not hold a user or password; use `credential`")
    if parts.query or parts.fragment:
        raise _bad(account, "must not hold a query or fragment; the parameters of a session are added when it is dialled")
    if port == 0:
        raise _bad(account, "has port 0; ports are 1 to 65535")
    return Base(secure, _host(parts.hostname or "", account), port or (443 if secure else 80), _path(parts.path))


def _host(host: str, account: str) -> str:
    if ":" in host:
        return _ipv6(host, account)
    if not _NAME.fullmatch(host) or ".." in host:
        raise _bad(account, "must name a host in plain ASCII (letters, digits, dots, hyphens)")
    return host


def _ipv6(host: str, account: str) -> str:
    address, _, zone = host.partition("%")
    try:
        if not zone:
            return str(ipaddress.IPv6Address(address))
    except ValueError:
        pass
    raise _bad(account, "has an IPv6 address that cannot be read; a zone is not supported")


def _path(path: str) -> str:
    return quote(folded(path), safe=_KEPT_IN_PATH, errors="replace").rstrip("/")


def folded(path: str) -> str:
    """The path with runs of slashes made one."""
    return re.sub(r"/{2,}", "/", path)


def with_query(path: str, query: Pairs) -> str:
    """The path and its escaped query: every name and value is percent-encoded, a space as %20."""
    return f"{path}?{urlencode(query, quote_via=quote, safe='', errors='replace')}" if query else path


def _bad(account: str, what: str) -> ProviderError:
    return ProviderError(500, "bad_url", f"provider {account!r}: its url {what}")
