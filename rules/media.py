"""How WebRTC calls are carried: the media sidecar's addresses, ports and bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import StrictBool
from pydantic import StrictStr
from pydantic import WithJsonSchema

from rules.section import Section
from rules.section import as_text
from rules.section import fault
from rules.units import Duration
from rules.units import Limit
from rules.upstream import Reference

_PORTS: Final = "^[0-9]{1,5}-[0-9]{1,5}$"
_HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)"
_STUN: Final = rf"^stun:{_HOST}(:[0-9]{{1,5}})?$"
_TURN: Final = rf"^turns?:{_HOST}(:[0-9]{{1,5}})?(\?transport=(udp|tcp))?$"


@dataclass(frozen=True, slots=True)
class Ports:
    """A range of UDP ports, both ends included."""

    first: int
    last: int


def parse_ports(value: Any) -> Ports:
    """`40000-40999`. Raises a fault for anything else; a call takes two ports."""
    text = as_text(value, "a range of ports such as 40000-40999")
    if not re.fullmatch(_PORTS, text):
        raise fault("VT011", "should be a range of ports such as 40000-40999")
    first, last = map(int, text.split("-"))
    if not 1 <= first < last <= 65535:
        raise fault("VT011", "should be two ports from 1 to 65535, the smaller one first", "a call takes two ports")
    return Ports(first, last)


def parse_ip(value: Any) -> str:
    """An IP address of this computer, without a port. Raises a fault for a name."""
    text = as_text(value, "an IP address such as 192.0.2.7").strip("[]")
    try:
        return str(ip_address(text))
    except ValueError:
        raise fault("VT011", "should be an IP address such as 192.0.2.7, without a port") from None


def _server(pattern: str, example: str) -> BeforeValidator:
    def check(value: Any) -> str:
        text = as_text(value, f"an address such as {example}")
        if not re.fullmatch(pattern, text):
            raise fault("VT011", f"should be an address such as {example}")
        return text

    return BeforeValidator(check)


Ip = Annotated[str, BeforeValidator(parse_ip), WithJsonSchema({"type": "string", "examples": ["192.0.2.7"]})]
PortRange = Annotated[Ports, BeforeValidator(parse_ports), WithJsonSchema({"type": "string", "pattern": _PORTS})]
Stun = Annotated[str, _server(_STUN, "stun:stun.example.org:3478"), WithJsonSchema({"type": "string", "pattern": _STUN})]
TurnUrl = Annotated[str, _server(_TURN, "turn:turn.example.org:3478?transport=tcp"), WithJsonSchema({"type": "string", "pattern": _TURN})]


class Turn(Section):
    """A TURN server, for networks from which the provider's UDP cannot be reached."""

    url: TurnUrl
    """turn: or turns:, host, port, and ?transport=udp or tcp."""
    username: StrictStr
    """The user at the TURN server."""
    credential: Reference
    """Where the password is: env:NAME or file:path."""


class WebRTC(Section):
    """The media sidecar. It is started with the first call."""

    workers: Annotated[int, Field(strict=True, ge=0, le=64)] = 1
    """Processes that carry media, at most one per core of the computer; 0 turns WebRTC off."""
    calls: Annotated[int, Field(strict=True, gt=0, le=150)] = 100
    """Calls that one process carries."""
    setups: Limit = Field("20/s", validate_default=True)
    """How fast one process takes on calls."""
    events: Limit = Field("200/s", validate_default=True)
    """How fast each side of a call may send events; as many as in five seconds pass at once."""
    bind: Ip | None = None
    """The address of this computer that media uses; absent means those of all its interfaces."""
    ports: PortRange | None = None
    """UDP ports that media uses, two for each call; absent means any free ones."""
    public: Ip | None = None
    """The address under which clients reach this computer, where its router maps one to one."""
    stun: Stun | None = None
    """A STUN server that tells this computer its public address."""
    turn: Turn | None = None
    """A TURN server that relays media."""
    grace: Duration = Field("20s", validate_default=True)
    """How long a call may stay without a packet from one side before it ends."""


class ClientSecrets(Section):
    """Ephemeral keys that apps mint for browsers."""

    expires: Annotated[Duration, Field(le=7200)] = Field("2h", validate_default=True)
    """The longest life of one, whatever the app asks for."""
    single_use: StrictBool = False
    """True lets each open one session or call only."""


ForeignSecrets = Literal["refuse", "pass"]
