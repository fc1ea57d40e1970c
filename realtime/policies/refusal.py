"""What the two sides get when a policy stops a message: an error in the provider's shape, and nothing that leaves an app waiting.

A client's message is dropped and answered. In the place of a server's message the client gets the error, and the answer it
belongs to is cancelled at the provider; the message that ends an answer still comes, without its words, since apps wait for it.
"""

from __future__ import annotations

import json
from typing import Final

from realtime.dialects.fields import text
from realtime.errors import close_reason
from realtime.errors import provider_error_event
from realtime.frame import Frame
from realtime.framing import Close
from realtime.jsonedit import Edit
from realtime.jsonedit import edited
from realtime.jsonedit import replace_value
from realtime.policies.policy import Policy
from realtime.texts import Text
from realtime.texts import owner_of
from realtime.verdict import Verdict

CODE: Final = "policy_violation"
FAILED: Final = "policy_failed"
_CANCEL: Final = "vt_cancel_"
"""What the event ids of our own cancels begin with; the answer's id follows."""


def blocked(dialect: str, frame: Frame, message: str, finals: tuple[Text, ...] | None = None, *, code: str = CODE) -> Verdict:
    """A message is stopped; `finals` are the words of one that ends an answer."""
    cause = frame.head.event_id if frame.from_client else None
    error = provider_error_event(message, type="invalid_request_error", code=code, event_id=cause, dialect=dialect)
    if frame.from_client:
        return Verdict("drop", reply=(error,) if error else ())
    if finals is not None:
        return Verdict("replace", payload=wordless(frame, finals), before=(error,) if error else ())
    cancel = _cancel(dialect, frame)
    if error is None:
        return Verdict("drop", reply=cancel)
    return Verdict("replace", payload=error, reply=cancel)


def closed(message: str) -> Verdict:
    """The session ends."""
    return Verdict("close", close=Close(1008, close_reason(message)))


def wordless(frame: Frame, finals: tuple[Text, ...]) -> bytes:
    """A message that ends an answer without what was answered."""
    emptied = replace_value(frame.payload, ("response", "output"), [])
    return emptied or edited(frame.payload, [Edit(one.keys, "") for one in finals])


def reason(policy: Policy, why: str = "") -> str:
    """What the app is told."""
    return f"{policy.message or why or 'blocked'} (policy {policy.id})"


def answer_of(frame: Frame) -> str | None:
    """The id of the answer that a server's message is part of."""
    return None if frame.from_client or frame.event is None else owner_of(frame.event)


def uncancelled(frame: Frame) -> str | None:
    """The id of the answer that was over when our cancel came, where a server's error says so: no concern of the app."""
    event = frame.event
    error = event.get("error") if event is not None and not frame.from_client else None
    cause = text(error, "event_id") if isinstance(error, dict) else None
    return cause.removeprefix(_CANCEL) if cause is not None and cause.startswith(_CANCEL) else None


def item_of(frame: Frame) -> str | None:
    """The id of the item that a server's message is about."""
    event = frame.event
    if frame.from_client or event is None:
        return None
    item = event.get("item")
    return text(event, "item_id") or (text(item, "id") if isinstance(item, dict) else None)


def _cancel(dialect: str, frame: Frame) -> tuple[bytes, ...]:
    """The request to stop an answer, in the protocols that know answers by their id."""
    answer = answer_of(frame)
    if dialect != "openai" or answer is None:
        return ()
    return (json.dumps({"type": "response.cancel", "event_id": _CANCEL + answer, "response_id": answer}).encode(),)
