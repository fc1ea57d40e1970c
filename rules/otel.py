"""Where turns are sent to as OpenTelemetry spans and metrics, for whoever wants that: endpoint, credentials, and how much is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import StrictBool
from pydantic import StrictStr
from pydantic import WithJsonSchema

from rules.address import Address
from rules.section import Section
from rules.section import as_text
from rules.section import fault
from rules.upstream import Reference

_EXAMPLE: Final = "http://127.0.0.1:4318 or https://otel.example.org"
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_OWN: Final = frozenset({"content-type", "content-length", "content-encoding", "host", "connection", "transfer-encoding"})


def parse_endpoint(value: Any) -> str:
    """The base URL of a collector, without a trailing slash. Raises a fault for one that is neither https nor on this computer."""
    text = as_text(value, f"a URL such as {_EXAMPLE}").strip()
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\\<>]", text):
        raise fault("VT011", f"should be a URL such as {_EXAMPLE}")
    if "@" in parts.netloc:
        raise fault("VT020", "a URL here has no user and no password", "write headers: {authorization: env:NAME}")
    if parts.query or parts.fragment:
        raise fault("VT011", "should be the base URL only, without ? and #", "/v1/traces and /v1/metrics are added to it")
    if parts.scheme == "http" and not Address(str(parts.hostname), parts.port or 80).loopback:
        raise fault("VT011", "only a collector on this computer is reached without https", f"write {_EXAMPLE}")
    return text.rstrip("/").removesuffix("/v1/traces")


def _header(name: str) -> str:
    if not re.fullmatch(_NAME, name) or name.lower() in _OWN:
        raise fault("VT011", "should be the name of a header that carries a credential, such as authorization")
    return name.lower()


Endpoint = Annotated[str, BeforeValidator(parse_endpoint), WithJsonSchema({"type": "string", "pattern": "^https?://[^@?#]+$"})]
HeaderName = Annotated[StrictStr, AfterValidator(_header)]


class Otel(Section):
    """A collector of OpenTelemetry that gets a span for each turn."""

    endpoint: Endpoint
    """Base URL of its OTLP/HTTP receiver: https, or http on this computer."""
    headers: Mapping[HeaderName, Reference] = {}
    """Request headers for it; their values are env:NAME or file:path."""
    content: StrictBool = False
    """Whether what was said is sent too, as far as log.content keeps it."""
    semconv: Literal["latest", "1.36"] | None = None
    """Which version of the conventions names the attributes; absent means what OTEL_SEMCONV_STABILITY_OPT_IN asks for, else latest."""
    metrics: StrictBool = False
    """Whether figures of turns are sent too, every minute."""
