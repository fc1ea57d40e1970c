"""What is asked of a provider and what it answers: plain immutable values.

Values that may hold a secret are kept out of every `repr`, so that a log line or a traceback never shows one.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Literal

Dialect = Literal["openai", "openai-live", "openai-translation", "gemini", "elevenlabs", "vllm"]
Family = Literal["realtime", "transcription", "translation", "live"]
Auth = Literal["bearer", "token", "api-key", "xi-api-key", "x-goog-api-key"]
Scheme = Literal["ws", "wss", "http", "https"]
EndpointName = Literal[
    "realtime",
    "translations",
    "live",
    "calls",
    "accept",
    "reject",
    "refer",
    "hangup",
    "client_secrets",
    "sessions",
    "transcription_sessions",
    "models",
]
Pairs = tuple[tuple[str, str], ...]
"""Ordered name and value pairs: decoded query parameters, or headers."""


class ProviderError(Exception):
    """The provider cannot be dialled for this: `status` (HTTP), a stable `code`, a `message` for the client without secrets."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Account:
    """One entry under `providers` in the rules, its credential resolved ("" and None both mean that there is none).

    `auth` overrides how the credential is presented; `dialect` is for servers whose path does not tell what they speak.
    """

    name: str
    kind: str
    url: str | None = field(default=None, repr=False)
    credential: str | None = field(default=None, repr=False)
    api_version: str | None = None
    auth: Auth | None = None
    dialect: Dialect | None = None


@dataclass(frozen=True, slots=True)
class Native:
    """A path of one provider's own: whose it is, what is spoken on it, and which of that provider's shapes it is.

    `model_in_url` is False where a session may open on it without a model in the URL.
    """

    kind: str
    shape: str
    dialect: Dialect = "openai"
    endpoint: EndpointName = "realtime"
    family: Family = "realtime"
    model_in_url: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a client's path means. `path` has no provider prefix, no query and no doubled slash.

    `provider_prefix` names the account and is binding; `default_kind` only says where to go when nothing else decides.
    """

    endpoint: EndpointName
    path: str
    provider_prefix: str | None = None
    default_kind: str | None = None
    native: Native | None = None
    call_id: str | None = None
    family: Family = "realtime"

    @property
    def native_kind(self) -> str | None:
        """The kind whose own path this is, unless a provider's name before it decides."""
        return self.native.kind if self.native is not None and self.provider_prefix is None else None

    @property
    def dialect(self) -> Dialect:
        """What a client on this path speaks."""
        if self.native is not None:
            return self.native.dialect
        return "openai-translation" if self.family == "translation" else "openai"

    @property
    def model_in_url(self) -> bool:
        """Whether a client on this path has to name its model there; else it names it in a message, or names an agent instead."""
        return self.native is None or self.native.model_in_url


@dataclass(frozen=True, slots=True)
class Ask:
    """One session that a client wants: `model` is the upstream's name for it (alias applied), `query` is what the client sent."""

    endpoint: Endpoint
    query: Pairs = field(default=(), repr=False)
    model: str | None = None
    call_id: str | None = None
    intent: str | None = None
    subprotocols: tuple[str, ...] = field(default=(), repr=False)
    beta: bool = False

    @property
    def transcribes(self) -> bool:
        """`intent=transcription`, trimmed and in any case, on the path that has intents."""
        return self.endpoint.endpoint == "realtime" and (self.intent or "").strip().lower() == "transcription"

    @property
    def family(self) -> Family:
        return "transcription" if self.transcribes else self.endpoint.family


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where to dial and what to send: `path` carries the escaped query, `headers` the provider's credential."""

    scheme: Scheme
    host: str
    port: int
    path: str
    dialect: Dialect
    family: Family = "realtime"
    headers: Pairs = field(default=(), repr=False)
    subprotocols: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.scheme in ("wss", "https")

    @property
    def authority(self) -> str:
        """The `Host` header: brackets round an IPv6 address, no port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL. It never carries a credential."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider is known to offer. `model_in_url` is False where it may be dialled without knowing the model.

    `requests` are the endpoints that take an HTTP request instead of a socket: calls, their control, client secrets.
    """

    dialects: tuple[Dialect, ...] = ("openai",)
    requests: tuple[EndpointName, ...] = ()
    transcription: bool = False
    translation: bool = False
    live: bool = False
    sideband: bool = False
    binary_audio: bool = False
    beta: bool = False
    model_in_url: bool = True
    oldest_api_version: str | None = None
    gates: bool = False
    """Whether its sessions can be kept from answering by themselves (`create_response`)."""
    transcriber: str | None = None
    """Its usual model for writing down what the user said, where one is known."""

    @property
    def webrtc(self) -> bool:
        """Whether it takes offers of WebRTC calls."""
        return "calls" in self.requests

    @property
    def client_secrets(self) -> bool:
        """Whether it makes ephemeral keys."""
        return "client_secrets" in self.requests
