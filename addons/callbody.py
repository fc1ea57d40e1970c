"""The body of a call's offer, in each form that clients send: what it says, and the same body with another offer in it.

Raises NotAdmitted 400 with what was seen and what is allowed. Sources of the forms: OpenAI's guide to WebRTC (raw SDP, and
multipart with `sdp` and `session`) and its Live API (JSON with `transport.sdp`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from email.message import Message
from typing import Any
from typing import Final
from typing import Literal

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data
from werkzeug.sansio.multipart import Epilogue
from werkzeug.sansio.multipart import Field
from werkzeug.sansio.multipart import File
from werkzeug.sansio.multipart import MultipartDecoder
from werkzeug.sansio.multipart import NeedData

from addons.admission import NotAdmitted

SDP: Final = "application/sdp"
MULTIPART: Final = "multipart/form-data"
JSON: Final = "application/json"
MAX_PARTS: Final = 16

Form = Literal["raw", "multipart", "json"]
_ALLOWED: Final = f"{SDP}, or {MULTIPART} with the parts sdp and session"


_TYPES: Final[Mapping[str, str]] = {"sdp": SDP, "session": JSON}
"""The parts that make an offer, and what each is."""
_ESCAPED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""In the names of parts and files, as browsers write them."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body: what goes on of it."""

    name: str
    data: bytes
    file: str | None = None
    type: str | None = None

    def written(self) -> bytes:
        """Its head and its data. Nothing else of a head goes on, lest the provider reads other data than was looked at here."""
        file = f'; filename="{self.file.translate(_ESCAPED)}"' if self.file is not None else ""
        lines = [f'Content-Disposition: form-data; name="{self.name.translate(_ESCAPED)}"{file}']
        lines += [f"Content-Type: {self.type}"] if self.type is not None else []
        return "\r\n".join([*lines, "", ""]).encode() + self.data


@dataclass(frozen=True, slots=True)
class CallBody:
    """An offer, and the session configuration that came with it."""

    form: Form
    sdp: str = field(repr=False)
    session: dict[str, Any] | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    changed: bool = False
    """True when `session` is not the client's own any more."""

    @property
    def model(self) -> str | None:
        """The model that the configuration names."""
        named = (self.session or {}).get("model")
        return named.strip() or None if isinstance(named, str) else None

    @property
    def session_text(self) -> bytes:
        """The configuration as the provider will read it."""
        said = next((part.data for part in self.parts if part.name == "session"), None)
        return json.dumps(self.session).encode() if said is None or self.changed else said

    def configured(self, session: dict[str, Any]) -> CallBody:
        """The same offer with this configuration; a raw one becomes multipart, the only form that has room for it."""
        return replace(self, session=session, changed=True, form="multipart" if self.form == "raw" else self.form)

    def written(self, sdp: str, boundary: str) -> tuple[str, bytes]:
        """Content type and body with `sdp` in the place of the client's offer; `boundary` must not occur in it."""
        if self.form == "raw":
            return SDP, sdp.encode()
        if self.form == "json":
            transport = {**self.document["transport"], "sdp": sdp}
            return JSON, json.dumps({**self.document, "session": self.session, "transport": transport}).encode()
        changed = {"sdp": sdp.encode(), **({"session": self.session_text} if self.session is not None else {})}
        return f"{MULTIPART}; boundary={boundary}", _multipart(self.parts, changed, boundary)

    def answer(self, content_type: str, body: bytes) -> str:
        """The provider's SDP in its answer to this offer. Raises NotAdmitted for an answer without one."""
        if self.form == "json":
            transport = _session(body).get("transport")
            body = str(transport.get("sdp") or "").encode() if isinstance(transport, dict) else b""
        elif "html" in content_type or "json" in content_type:
            raise NotAdmitted(502, "bad_answer", f"it is {content_type[:80]}, not {SDP}")
        return _text(body, "the provider's answer")

    def answered(self, sdp: str, body: bytes) -> tuple[str, bytes]:
        """Content type and body for the client: the provider's answer with `sdp` in the place of its own."""
        if self.form != "json":
            return SDP, sdp.encode()
        document = _session(body)
        return JSON, json.dumps({**document, "transport": {**document["transport"], "sdp": sdp}}).encode()

    def answered_id(self, body: bytes) -> str | None:
        """The id of the session that OpenAI Live names in its answer."""
        session = _session(body).get("session") if self.form == "json" else None
        named = session.get("id") if isinstance(session, dict) else None
        return named if isinstance(named, str) else None


def read_body(content_type: str, body: bytes, *, takes_json: bool) -> CallBody:
    """The offer in a request's body. `takes_json` is for OpenAI Live."""
    declared = Message()
    declared["content-type"] = content_type
    kind = declared.get_content_type() if content_type.strip() else ""
    if takes_json and kind == JSON:
        return _json(body)
    if kind == SDP and not takes_json:
        return CallBody("raw", _text(body, "the body"))
    if kind == MULTIPART and not takes_json:
        return _parts(body, declared.get_param("boundary"))
    allowed = f"{JSON} with session and transport" if takes_json else _ALLOWED
    raise NotAdmitted(400, "unsupported_content_type", f"an offer is sent as {allowed}, not as {kind[:80] or 'a body without a type'}")


def _text(data: bytes, what: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise NotAdmitted(400, "bad_sdp", f"{what} is not text in UTF-8") from None
    if not text.strip():
        raise NotAdmitted(400, "missing_sdp", f"{what} holds no SDP offer")
    return text


def _session(data: bytes) -> dict[str, Any]:
    try:
        session = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise NotAdmitted(400, "bad_session", "the part session is not valid JSON", param="session") from None
    if not isinstance(session, dict):
        raise NotAdmitted(400, "bad_session", f"session is a JSON object, not {type(session).__name__}", param="session")
    return session


def _json(body: bytes) -> CallBody:
    document = _session(body)
    session, transport = document.get("session"), document.get("transport")
    if not isinstance(session, dict):
        raise NotAdmitted(400, "bad_session", "session is missing or no JSON object", param="session")
    if not isinstance(transport, dict) or transport.get("type") != "webrtc" or not isinstance(transport.get("sdp"), str):
        raise NotAdmitted(400, "missing_sdp", 'transport is {"type": "webrtc", "sdp": <offer>}', param="transport")
    return CallBody("json", _text(transport["sdp"].encode(errors="replace"), "transport.sdp"), session, document=document)


def _parts(body: bytes, boundary: object) -> CallBody:
    if not isinstance(boundary, str) or not boundary:
        raise NotAdmitted(400, "bad_multipart", "the content type names no boundary")
    parts = tuple(_read(body, boundary))
    named = {part.name: part.data for part in parts}
    if len(named) != len(parts):
        raise NotAdmitted(400, "bad_multipart", "a part stands more than once")
    if "sdp" not in named:
        raise NotAdmitted(
            400, "missing_sdp", f"the part sdp is missing; the parts are {', '.join(sorted(named))[:200] or 'none'}", param="sdp"
        )
    session = _session(named["session"]) if "session" in named else None
    return CallBody("multipart", _text(named["sdp"], "the part sdp"), session, parts)


def _read(body: bytes, boundary: str) -> list[Part]:
    """The parts in order. Raises NotAdmitted for a body that breaks off or is no multipart."""
    parts: list[Part] = []
    try:
        decoder = MultipartDecoder(boundary.encode(), len(body), max_parts=MAX_PARTS)
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Field | File):
                parts.append(_part(event))
            elif isinstance(event, Data):
                parts[-1] = replace(parts[-1], data=parts[-1].data + event.data)
    except RequestEntityTooLarge:
        raise NotAdmitted(400, "bad_multipart", f"the multipart body has more than {MAX_PARTS} parts") from None
    except ValueError:
        raise NotAdmitted(400, "bad_multipart", "the multipart body cannot be read; it breaks off or its parts are malformed") from None
    if isinstance(event, NeedData):
        raise NotAdmitted(400, "bad_multipart", "the multipart body breaks off before its last boundary")
    return parts


def _part(head: Field | File) -> Part:
    """A part without its data. Raises ValueError for one without a name, of which the decoder makes None."""
    if not head.name:
        raise ValueError("a part has no name")
    return Part(
        head.name, b"", head.filename if isinstance(head, File) else None, _TYPES.get(head.name) or head.headers.get("content-type")
    )


def _multipart(parts: tuple[Part, ...], changed: Mapping[str, bytes], boundary: str) -> bytes:
    """All parts in order, those named in `changed` with that data, or added where there was none."""
    known = {part.name for part in parts}
    all_parts = [replace(part, data=changed.get(part.name, part.data)) for part in parts]
    all_parts += [Part(name, data, type=_TYPES[name]) for name, data in changed.items() if name not in known]
    between = f"--{boundary}".encode()
    return b"".join(between + b"\r\n" + part.written() + b"\r\n" for part in all_parts) + between + b"--\r\n"
