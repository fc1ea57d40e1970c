"""Who may call, and where a call goes: the keys and the routes of rules.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal
from typing import Self

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import StrictBool
from pydantic import StrictStr
from pydantic import WithJsonSchema
from pydantic import model_validator

from rules.section import Name
from rules.section import Section
from rules.section import as_text
from rules.section import fault
from rules.units import Duration
from rules.units import Limit
from rules.watch import Changes
from rules.watch import Tools

LOCAL: Final = "local"
"""The principal of the intercept door; no key may take this name."""

FOREIGN: Final = "foreign"
"""The principal of ephemeral keys that were not minted here, where the rules let them pass; no key may take this name."""

_TAKEN: Final = {LOCAL: "the intercept door's caller", FOREIGN: "callers with ephemeral keys from elsewhere"}

_HASH: Final = "^sha256:[0-9a-f]{64}$"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _key_hash(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(_HASH, value):
        return value
    raise fault("VT020", "should be sha256: and 64 hexadecimal digits, never the key itself", "`./run.sh keys new <id>` prints the line")


def parse_expiry(value: Any) -> datetime:
    """The first instant at which a key no longer works: after the whole day (UTC) of a date, or a time with its zone."""
    text = as_text(value, "a date such as 2027-01-31")
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) + timedelta(days=1)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise fault("VT011", "should be a date such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z") from None
    if moment.tzinfo is None:
        raise fault("VT011", "a time needs its zone", "2027-01-31T18:00:00Z")
    return moment


def _not_taken(name: str) -> str:
    if name in _TAKEN:
        raise fault("VT011", f"{name!r} is the name of {_TAKEN[name]}", "choose another id")
    return name


KeyHash = Annotated[str, BeforeValidator(_key_hash), WithJsonSchema({"type": "string", "pattern": _HASH})]
Expiry = Annotated[
    datetime,
    BeforeValidator(parse_expiry),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+(Z|[+-][0-9]{2}:[0-9]{2}))?$"}),
]
KeyId = Annotated[Name, AfterValidator(_not_taken)]
Amount = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, gt=0)]


class Budget(Section):
    """What a key or a route may use up, in all its sessions together; the first amount spent ends them."""

    usd: Amount | None = None
    """US dollars, at the prices in force."""
    tokens: Count | None = None
    """Tokens as the provider counts them, in and out."""
    audio: Duration | None = None
    """Seconds of audio that clients sent."""
    wall: Duration | None = None
    """Seconds of open sessions."""
    per: Duration | None = None
    """The period after which the budget starts anew; absent means once and for all."""

    @model_validator(mode="after")
    def _names_an_amount(self) -> Self:
        if not self.model_fields_set - {"per"}:
            raise fault("VT012", "a budget needs at least one of usd, tokens, audio, wall")
        return self


class RateLimit(Section):
    """How fast sessions may come."""

    sessions: Limit
    """New sessions in any time of that length."""


class Key(Section):
    """A virtual key; the key itself is never stored, only its hash."""

    id: KeyId
    """The name in records, routes and metrics."""
    hash: KeyHash
    """The SHA-256 of the key, as `./run.sh keys new` prints it."""
    models: tuple[StrictStr, ...] | None = None
    """Globs of models this key may use, bare or as provider/model; absent means any, [] none."""
    tools: Tools | None = None
    """Globs of tools that its sessions may have, MCP servers as mcp:<label>@<URL>; absent means any, [] none."""
    budget: Budget | None = None
    """What the key may use up."""
    rate: RateLimit | None = None
    """How fast the key may come."""
    sessions: Count | None = None
    """Open sessions of this key, instead of limits.per_key."""
    expires: Expiry | None = None
    """The last day (UTC) on which the key works, or an exact time with its zone."""
    revoked: StrictBool = False
    """True turns the key off, also for sessions that are open."""


class Match(Section):
    """What a request must be like; every condition given must hold, {} fits every request."""

    door: Literal["gateway", "intercept"] | None = None
    """Through which listener the request came."""
    path: StrictStr | None = None
    """Glob of the request path, without its query."""
    model: StrictStr | None = None
    """Glob of the model asked for, as written or without its provider prefix."""
    key: StrictStr | None = None
    """Glob of the key's id; the intercept door's caller is `local`."""
    header: Mapping[StrictStr, StrictStr] = {}
    """Header name -> glob of its value; names in any case."""
    host: StrictStr | None = None
    """Glob of the host the app wanted, in any case; on the intercept door it says what is decrypted."""


class Route(Section):
    """What happens to the requests that fit."""

    name: Name
    """The name in records and in `explain`."""
    match: Match = Field(default_factory=Match)
    """Which requests this route is for."""
    provider: Name | None = None
    """The provider that takes them; without one the route only sets what stands below."""
    model: Annotated[StrictStr, Field(min_length=1)] | None = None
    """The model or deployment used instead of the one asked for."""
    credential: Literal["client", "inject"] | None = None
    """Whose credential goes upstream: the app's own (default on the intercept door) or the provider's (on the gateway)."""
    webrtc: Literal["relay", "sideband", "signal"] = "relay"
    """How much of a WebRTC call comes through here: media and events, events only, or the offer and answer only."""
    budget: Budget | None = None
    """What the sessions of this route may use up, whoever opens them."""
    rate: RateLimit | None = None
    """How fast sessions of this route may come."""
    sessions: Count | None = None
    """Open sessions of this route."""
    hold: Literal["transcript"] | None = None
    """Sound of answers goes to the app once the words that belong to it were checked by the policies."""
    gate: Literal["transcript"] | None = None
    """The provider answers what the user said once its transcript was checked by the policies."""
    tools: Tools | None = None
    """Globs of tools that sessions of this route may have, as for a key; where both have a list, both hold."""
    changes: Changes = Field(default_factory=Changes)
    """What becomes of changed instructions and tools of a running session, where not as for the whole file."""
    tunnel: StrictBool = False
    """True leaves the host of this intercept route undecrypted."""

    @model_validator(mode="after")
    def _tunnels_a_host(self) -> Self:
        if self.tunnel and (self.match.door != "intercept" or self.match.host is None or self.provider is not None):
            raise fault("VT011", "a tunnel needs match: {door: intercept, host: …} and no provider", at="tunnel")
        limited = next((name for name in ("budget", "rate", "sessions", "tools", "changes") if name in self.model_fields_set), "")
        if self.tunnel and limited:
            raise fault("VT011", "limits nothing: what goes through a tunnel is not looked at", "leave it out", at=limited)
        return self
