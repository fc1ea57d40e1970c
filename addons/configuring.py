"""What configures a session by a request (an offer, an accepted call, an ephemeral key) is judged by the policies as well.

It is judged as the `session.update` that would say the same, so a policy needs no words of its own for it.
"""

from __future__ import annotations

import json
import time
from typing import Any

from addons.answers import NotAdmitted
from addons.policing import LIMITS
from addons.policing import Policing
from addons.policing import tell
from addons.tap import Tap
from realtime.frame import Frame
from realtime.policies import Judge
from realtime.session import Session
from realtime.verdict import Verdict


def update(configuration: bytes) -> bytes:
    """The message that would configure a running session (a JSON object) so."""
    return b'{"type":"session.update","session":' + configuration + b"}"


def by_session(policing: Policing, session: Session, configuration: bytes) -> bytes | None:
    """What the policies leave of a configuration (a JSON object) that a session begins with; None for all of it. Raises NotAdmitted."""
    return _left(policing.frame(session, Frame(True, update(configuration), at=session.opened)))


def by_request(tap: Tap, configuration: bytes, *, principal: str, model: str | None) -> bytes | None:
    """The same where there is no session yet: what matched is a finding about the key alone."""
    judged = Judge(tap.generation.policies, "openai", LIMITS, time.thread_time).judge(Frame(True, update(configuration)), 0.0)
    for hit in judged.hits:
        tell(tap, None, hit, hit.excerpt, principal=principal, model=model)
    return _left(judged.verdict)


def _left(verdict: Verdict | None) -> bytes | None:
    if verdict is None or verdict.action == "pass":
        return None
    if verdict.action == "replace":
        return json.dumps(json.loads(verdict.payload)["session"]).encode()
    error: dict[str, Any] = json.loads(verdict.reply[0])["error"] if verdict.reply else {}
    raise NotAdmitted(403, "policy_violation", error.get("message") or verdict.close.reason, param="session")
