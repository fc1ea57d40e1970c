"""A provider as rules.yaml names it: which kind, where, with which credential; a credential is only ever a reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal
from typing import Self
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import StrictStr
from pydantic import WithJsonSchema
from pydantic import model_validator

from rules.section import ENV_REFERENCE
from rules.section import Section
from rules.section import as_text
from rules.section import fault

Kind = Literal["openai", "azure", "xai", "bailian", "zai", "elevenlabs", "gemini", "compatible", "simulator"]

_NEEDS_URL: Final = {
    "azure": "https://<resource>.openai.azure.com",
    "compatible": "http://localhost:8000/v1",
}
_REFERENCE: Final = f"^({ENV_REFERENCE}|file:.+)$"
_SCHEMES: Final = ("http", "https", "ws", "wss")
_CREDENTIAL_HEADERS: Final = (
    "authorization",
    "proxy-authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "xi-api-key",
    "x-voicetap-key",
)
_CONNECTION_HEADERS: Final = (
    "connection",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
)
_OWN_HEADERS: Final = frozenset({*_CREDENTIAL_HEADERS, *_CONNECTION_HEADERS, "cookie", "host"})


@dataclass(frozen=True, slots=True)
class Credential:
    """Where a secret is to be found; `name` is the variable or the path. Holds no secret."""

    source: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


def parse_credential(value: Any) -> Credential:
    """`env:NAME` or `file:path`. Anything else may be a secret itself and is refused without being repeated."""
    if not isinstance(value, str) or not re.fullmatch(_REFERENCE, value) or not value.isprintable():
        raise fault("VT020", "a secret does not belong in this file", "write env:NAME or file:path, and keep the secret there")
    source, _, name = value.partition(":")
    return Credential("env" if source == "env" else "file", name)


def parse_url(value: Any) -> str:
    """The base URL of a provider, without a trailing slash. Raises a fault for a scheme, host or part it may not have."""
    text = as_text(value, "a URL").strip()
    try:
        parts = urlsplit(text)
        valid = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\\<>]", text):
        raise fault("VT011", "should be a URL with a host, starting with https, http, wss or ws")
    if "@" in parts.netloc:
        raise fault("VT020", "a URL here has no user and no password", "write credential: env:NAME")
    if parts.query or parts.fragment:
        raise fault("VT011", "should be the base URL only, without ? and #", "an Azure api-version goes to api_version")
    return text.rstrip("/")


def parse_models(value: Any) -> dict[str, str]:
    """A list of models, or deployment name -> catalogue model; a list is read as models deployed under their own names."""
    pairs = value if isinstance(value, dict) else {name: name for name in value} if _texts(value) else None
    if pairs is None or not _texts(list(pairs.values())) or not all((*pairs.keys(), *pairs.values())):
        raise fault("VT011", "should be a list of models, or a mapping of deployment names to models")
    return pairs


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _header(name: str) -> str:
    lower = name.strip().lower()
    if lower in _OWN_HEADERS or lower.startswith("sec-websocket-"):
        raise fault("VT011", "this header is never taken over from a client", "credentials and the connection are the proxy's own")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", lower):
        raise fault("VT011", "should be the name of a header")
    return lower


Reference = Annotated[Credential, BeforeValidator(parse_credential), WithJsonSchema({"type": "string", "pattern": _REFERENCE})]
Url = Annotated[str, BeforeValidator(parse_url), WithJsonSchema({"type": "string", "pattern": "^(https?|wss?)://[^@?#]+$"})]
Header = Annotated[StrictStr, AfterValidator(_header)]
Models = Annotated[
    Mapping[str, str],
    BeforeValidator(parse_models),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string", "minLength": 1}},
                {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]


class Provider(Section):
    """One upstream; nothing else is ever dialled for the gateway door."""

    kind: Kind
    """Which provider this is; `compatible` is any server that speaks OpenAI's protocol."""
    url: Url | None = None
    """Base URL; each kind has its own default, `azure` and `compatible` need one."""
    credential: Reference | None = None
    """Where the provider's key is: env:NAME or file:path. None is sent where this is absent."""
    api_version: StrictStr | None = None
    """Azure only: use the preview protocol of this version instead of the GA one."""
    auth: Literal["bearer", "token", "api-key", "xi-api-key", "x-goog-api-key"] | None = None
    """How the credential is presented, where the kind knows several ways; each kind has its own default."""
    dialect: Literal["openai", "openai-live", "openai-translation", "gemini", "elevenlabs", "vllm"] | None = None
    """What a `compatible` server speaks where its path does not tell, such as vllm."""
    models: Models = Field(default_factory=dict)
    """Models that reach this provider by their bare name: a list (globs allowed), or deployment name -> model."""
    mint: Literal["provider", "local"] = "provider"
    """Who makes the ephemeral keys of apps: the provider, wrapped in one of ours, or voicetap alone."""
    headers: tuple[Header, ...] = ()
    """Further request headers of the client that are passed on to the provider."""

    @model_validator(mode="after")
    def _has_url(self) -> Self:
        if self.url is None and self.kind in _NEEDS_URL:
            raise fault("VT012", f"a provider of kind {self.kind} needs a url", f"for example {_NEEDS_URL[self.kind]}")
        return self
