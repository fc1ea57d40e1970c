"""The whole of rules.yaml as typed, frozen values: sizes in bytes, durations in seconds, every default in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal
from typing import Self

from pydantic import BeforeValidator
from pydantic import Field
from pydantic import StrictStr
from pydantic import WithJsonSchema
from pydantic import model_validator

from rules.access import Key
from rules.access import Route
from rules.address import Listener
from rules.address import Origin
from rules.address import Store
from rules.address import shared_port
from rules.media import ClientSecrets
from rules.media import ForeignSecrets
from rules.media import WebRTC
from rules.otel import Otel
from rules.policy import Policy
from rules.section import Name
from rules.section import Section
from rules.section import fault
from rules.units import Duration
from rules.units import Size
from rules.upstream import Provider
from rules.watch import Changes
from rules.words import WordList


class Listen(Section):
    """The doors. All on this computer alone unless an address says otherwise."""

    gateway: Listener = Field("127.0.0.1:8787", validate_default=True)
    """Clients set their base URL to this."""
    intercept: Listener | None = None
    """Explicit proxy (HTTPS_PROXY) for unmodified apps; off where absent."""
    control: Listener = Field("127.0.0.1:8789", validate_default=True)
    """Dashboard, API and metrics, behind a token."""
    origins: tuple[Origin, ...] = ()
    """Web pages that may connect, by their origin."""

    @model_validator(mode="after")
    def _own_ports(self) -> Self:
        shared = shared_port({"gateway": self.gateway, "intercept": self.intercept, "control": self.control})
        if shared:
            raise fault("VT011", f"has the address of {shared[0]}", "each listener has a port of its own", at=shared[1])
        return self


class Limits(Section):
    """How much and how long, so that no client can use up the machine."""

    message: Size = Field("16MiB", validate_default=True)
    """Largest message; a larger one closes the session with 1009."""
    sessions: Annotated[int, Field(strict=True, gt=0)] = 200
    """Open sessions in all."""
    per_key: Annotated[int, Field(strict=True, gt=0)] = 20
    """Open sessions of one key."""
    handshake: Duration = Field("10s", validate_default=True)
    """From the first byte of a request to the answer."""
    idle: Duration = Field("15m", validate_default=True)
    """Without a message of either side."""
    session: Duration = Field("60m", validate_default=True)
    """The longest session."""
    write: Duration = Field("30s", validate_default=True)
    """How long a side may take to accept what it is sent."""


class Retention(Section):
    """How long things are kept."""

    metadata: Duration = Field("90d", validate_default=True)
    """Sessions, turns and findings without their content."""
    content: Duration = Field("14d", validate_default=True)
    """Texts, transcripts and raw events."""
    audio: Duration = Field("1d", validate_default=True)
    """Sound files."""


class Seal(Section):
    """How the log is sealed against changes; a change here counts from the next start on."""

    every: Duration = Field("30s", validate_default=True)
    """How often what is new in the log is sealed."""
    file: StrictStr | None = None
    """A file somewhere else that gets every seal too; a relative path begins where the rules are."""


class Log(Section):
    """What is kept of a session."""

    content: Literal["none", "metadata", "redacted", "full"] = "metadata"
    """none: no records; metadata: no texts; redacted: texts after the policies; full: texts as sent."""
    frames: Literal["off", "events", "all"] = "off"
    """A raw file per session: off, events without their audio, or all."""
    audio: Literal["off", "wav"] = "off"
    """Whether the sound of both sides is kept."""
    consent: Literal["off", "required"] = "off"
    """Whether sound is kept only of sessions whose client says that the people who speak agreed."""
    text_limit: Size = Field("16KiB", validate_default=True)
    """Most text kept of one turn; what is cut is marked."""
    retention: Retention = Field(default_factory=Retention)
    """How long things are kept."""
    seal: Seal = Field(default_factory=Seal)
    """How the log is sealed against changes."""
    store: Store = "tinydb"
    """tinydb, a postgresql URL without a password, or env:NAME of a variable that holds the URL."""


Dollars = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]

_TIME = ("second", "minute", "hour")
_TOKENS = ("1M", "1K")


class Price(Section):
    """What a model costs in US dollars for each `per`; goes before the packaged table."""

    text_in: Dollars | None = None
    """Text towards the provider."""
    text_out: Dollars | None = None
    """Text from the provider, reasoning included."""
    audio_in: Dollars | None = None
    """Audio towards the provider."""
    audio_out: Dollars | None = None
    """Audio from the provider."""
    image_in: Dollars | None = None
    """Images and video towards the provider."""
    cached_text: Dollars | None = None
    """Text towards the provider that it had in its cache."""
    cached_audio: Dollars | None = None
    """Audio towards the provider that it had in its cache."""
    cached_image: Dollars | None = None
    """Images towards the provider that it had in its cache."""
    session: Dollars | None = None
    """The open session by the clock; only per second, minute or hour."""
    per: Literal["1M", "1K", "second", "minute", "hour", "message"] = "1M"
    """The unit: a million or a thousand tokens, a time, or a message."""
    source: StrictStr = ""
    """Where the price is from and when; stands beside each cost."""

    @model_validator(mode="after")
    def _fits_unit(self) -> Self:
        rates = self.model_fields_set - {"per", "source"}
        if not rates:
            raise fault("VT012", "a price needs at least one amount, such as audio_in")
        if self.session is not None and self.per not in _TIME:
            raise fault("VT011", "a session is priced per second, minute or hour", at="session")
        cached = min((rate for rate in rates if rate.startswith("cached_")), default="")
        if cached and self.per not in _TOKENS:
            raise fault("VT011", "only tokens are cached: per 1M or 1K", at=cached)
        return self


def _version(value: Any) -> int:
    if value is True or value != 1:
        raise fault("VT011", "should be 1, the version this program reads")
    return 1


class Rules(Section):
    """Everything that configures the proxy."""

    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})]
    """The version of this format: 1."""
    on_error: Literal["block", "pass"] = "block"
    """What happens to a message when a policy, a detector or the log fails."""
    listen: Listen = Field(default_factory=Listen)
    """Where the proxy listens."""
    limits: Limits = Field(default_factory=Limits)
    """How much and how long."""
    providers: Mapping[Name, Provider] = {}
    """The upstreams, by the name that routes and clients use."""
    keys: tuple[Key, ...] = ()
    """Virtual keys."""
    routes: tuple[Route, ...] = ()
    """Which request goes where; the first that fits is taken."""
    changes: Changes = Field(default_factory=Changes)
    """What becomes of changed instructions and tools of a running session."""
    policies: tuple[Policy, ...] = ()
    """What is done with messages, in this order."""
    breakpoints: Annotated[bool, Field(strict=True)] = True
    """Whether an operator may pause, change and make messages of live sessions."""
    words: Mapping[Name, WordList] = {}
    """Lists of words that policies look for as `words.<name>`: whole words, in any case."""
    webrtc: WebRTC = Field(default_factory=WebRTC)
    """How WebRTC calls are carried."""
    client_secrets: ClientSecrets = Field(default_factory=ClientSecrets)
    """Ephemeral keys that apps mint for browsers."""
    foreign_secrets: ForeignSecrets = "refuse"
    """What happens on the gateway to an ephemeral key (ek_…) that was not minted here."""
    log: Log = Field(default_factory=Log)
    """What is kept of a session."""
    otel: Otel | None = None
    """Where turns are sent to as OpenTelemetry spans; nowhere where absent."""
    prices: Mapping[StrictStr, Price] = {}
    """Prices by model, before those of the packaged table."""

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, value: Any) -> Any:
        """A section whose every line is commented out reads as null, and counts as absent."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {key: inner for key, inner in value.items() if inner is not None or key == "version"}
