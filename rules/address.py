"""Where the proxy listens: host and port, IPv6 in brackets, port 0 for any free one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from typing import Any
from typing import Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic import WithJsonSchema

from rules.section import ENV_REFERENCE
from rules.section import as_text
from rules.section import fault

_ADDRESS: Final = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):[0-9]{1,5}$"
_ORIGIN: Final = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$"
_EXAMPLE: Final = "an address such as 127.0.0.1:8787"


@dataclass(frozen=True, slots=True)
class Address:
    """A host without brackets and a port, 0 meaning any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs on this computer can connect; a name other than localhost counts as reachable."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: Any) -> Address:
    """`host:port` or `[v6]:port`. Raises a fault for anything else."""
    if not isinstance(value, str) or not re.fullmatch(_ADDRESS, value):
        raise fault("VT011", f"should be {_EXAMPLE}", "host and port; an IPv6 host stands in brackets, and all in quotes: '[::1]:8787'")
    host, _, port = value.rpartition(":")
    host = host.strip("[]")
    if int(port) > 65535 or not _is_host(host):
        raise fault("VT011", f"should be {_EXAMPLE}", "a port is at most 65535, and 0 takes any free one")
    return Address(host, int(port))


def _is_host(host: str) -> bool:
    if not re.fullmatch(r"[0-9.]+|.*:.*", host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse_origin(value: Any) -> str:
    """A web origin in the form browsers send it. Raises a fault for `*`, `null`, paths and other schemes."""
    text = as_text(value, "an origin").rstrip("/").lower()
    if not re.fullmatch(_ORIGIN, text):
        raise fault("VT011", "should be an origin such as http://localhost:3000", "each origin is named; * and null are not taken")
    return text


def parse_store(value: Any) -> str:
    """`tinydb`, `env:NAME`, or a postgresql URL without a password."""
    text = as_text(value, "tinydb or a postgresql URL")
    if re.fullmatch(f"tinydb|{ENV_REFERENCE}", text):
        return text
    try:
        parts = urlsplit(text)
        postgres = parts.scheme in ("postgres", "postgresql")
    except ValueError:
        postgres = False
    if not postgres:
        raise fault("VT011", "should be tinydb, env:NAME, or postgresql://host/database")
    if parts.password or "password" in parts.query:
        raise fault("VT020", "a password does not belong in this file", "write env:DATABASE_URL, and keep the URL there")
    return text


Listener = Annotated[Address, BeforeValidator(parse_address), WithJsonSchema({"type": "string", "pattern": _ADDRESS})]
Origin = Annotated[str, BeforeValidator(parse_origin), WithJsonSchema({"type": "string", "pattern": _ORIGIN})]
Store = Annotated[
    str,
    BeforeValidator(parse_store),
    WithJsonSchema({"type": "string", "pattern": f"^(tinydb|{ENV_REFERENCE}|postgres(ql)?://.+)$"}),
]


def shared_port(addresses: Mapping[str, Address | None]) -> tuple[str, str] | None:
    """The names of two listeners that want the same port of the same host, or None."""
    seen: dict[Address, str] = {}
    for name, address in addresses.items():
        if address is not None and address.port:
            if address in seen:
                return seen[address], name
            seen[address] = name
    return None
