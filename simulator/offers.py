"""What comes in the body of a request: an SDP offer, with or without a session, in any of the forms that providers take."""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import msgspec

from simulator.record import Asked
from simulator.schema import Refused
from simulator.schema import missing


@dataclass(frozen=True, slots=True)
class Offer:
    """`session` is None where the body has none."""

    sdp: str
    session: Any = None


def read_json(body: bytes, param: str | None = None) -> Any:
    """Any JSON value; raises `Refused` for what is not JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused("invalid_json", f"This is not valid JSON: {error}.", param) from error


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object, {} for no body at all; raises `Refused` for anything else."""
    found = read_json(body) if body.strip() else {}
    if not isinstance(found, dict):
        raise Refused("invalid_type", "The body is not a JSON object.")
    return found


def read_offer(asked: Asked) -> Offer:
    """The offer of a request for a call: raw SDP, or multipart with `sdp` and `session`. Raises `Refused`."""
    kind = asked.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/sdp":
        return Offer(_sdp(asked.body))
    if kind == "multipart/form-data":
        return _multipart(asked)
    message = f"Unsupported content type: '{kind}'. This API takes 'application/sdp' and 'multipart/form-data'."
    raise Refused("unsupported_content_type", message)


def _multipart(asked: Asked) -> Offer:
    head = b"Content-Type: " + asked.headers["Content-Type"].encode("latin-1", "replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    if not form.is_multipart() or form.defects:
        raise Refused("invalid_multipart", "The multipart body cannot be read: no boundary, or no end.")
    parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in form.iter_parts()}
    if "sdp" not in parts:
        raise missing("sdp")
    session = parts.get("session")
    return Offer(_sdp(_bytes(parts["sdp"])), None if session is None else read_json(_bytes(session), "session"))


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else b""


def _sdp(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused("invalid_offer", "The SDP offer is not UTF-8.", "sdp") from error
    if not text.strip():
        raise missing("sdp")
    return text
