"""A session under policies in a few lines: events go in, what crosses comes out, in order."""

import json
from collections.abc import Callable
from typing import Any

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.policies import Hit
from realtime.policies import Judge
from realtime.policies import Limits
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies.policy import Action
from realtime.regex import Regex
from realtime.texts import KINDS
from realtime.verdict import Verdict

ANY = frozenset(KINDS)
CARD = "4111 1111 1111 1111"
CARDS = Condition(texts=ANY, detect=("card",))


def policy(action: Action, condition: Condition = CARDS, name: str = "", **more: Any) -> Policy:
    return Policy(name or action, action, condition, **more)


def words(pattern: str, **more: Any) -> Condition:
    return Condition(texts=ANY, regex=Regex(pattern), **more)


class Talk:
    """`client` and `server` take events and keep what each side would have got; time stands still unless told."""

    def __init__(
        self, *policies: Policy, dialect: str = "openai", monitor: bool = False, clock: Callable[[], float] = lambda: 0.0, **limits: Any
    ) -> None:
        self.judge = Judge(PolicySet(policies, monitor=monitor), dialect, Limits(**limits), clock)
        self.now = 100.0
        self.crossed: list[bytes] = []
        self.hits: list[Hit] = []
        self.verdict: Verdict | None = None

    def client(self, event: Any) -> list[bytes]:
        return self.send(True, event)

    def server(self, event: Any, *, text: bool = True) -> list[bytes]:
        return self.send(False, event, text=text)

    def send(self, from_client: bool, event: Any, *, text: bool = True) -> list[bytes]:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.relay(Frame(from_client, payload, text=text, at=self.now))

    def relay_plain(self, payload: bytes, text: bool) -> list[bytes]:
        return self.relay(Frame(True, payload, text=text))

    def relay(self, frame: Frame) -> list[bytes]:
        """What leaves in the direction of a message, because of it."""
        judged = self.judge.judge(frame, self.now)
        self.verdict = judged.verdict
        self.hits += judged.hits
        made: list[bytes] = []
        if self.verdict is None:
            made = [frame.payload]
        else:
            kept = {"pass": [frame.payload], "replace": [self.verdict.payload]}.get(self.verdict.action, [])
            made = [*self.verdict.before, *kept]
        self.crossed += made
        return made

    def later(self, seconds: float) -> list[bytes]:
        """Time passes; what was held too long is injected, as the shell does."""
        self.now += seconds
        released = self.judge.due(self.now)
        self.hits += released.hits
        return [payload for frame in released.frames for payload in self.relay(frame)]

    def flush(self) -> list[bytes]:
        released = self.judge.flush(self.now)
        self.hits += released.hits
        return [payload for frame in released.frames for payload in self.relay(frame)]

    @property
    def events(self) -> list[Any]:
        return [json.loads(payload) for payload in self.crossed]

    def said(self, field: str = "delta", **ids: Any) -> str:
        """The pieces of one text, joined as an app does that counts in UTF-16 (as JavaScript does)."""
        pieces = [event[field] for event in self.events if field in event and all(event.get(key) == value for key, value in ids.items())]
        return utf16("".join(pieces))


def utf16(text: str) -> str:
    """Two halves of a surrogate pair as the one character they are."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass" if _halved(text) else "strict")


def _halved(text: str) -> bool:
    try:
        text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return True
    return False


def delta(piece: str, kind: str = "output_audio_transcript", item: str = "i1", response: str = "r1", **more: Any) -> dict[str, Any]:
    ids = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": f"response.{kind}.delta", "event_id": "e", **ids, "delta": piece, **more}


def done(
    text: str, kind: str = "output_audio_transcript", field: str = "transcript", item: str = "i1", response: str = "r1"
) -> dict[str, Any]:
    ids = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": f"response.{kind}.done", "event_id": "e", **ids, field: text}


def response_done(text: str, item: str = "i1", response: str = "r1") -> dict[str, Any]:
    said = {"id": item, "type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": text}]}
    return {"type": "response.done", "response": {"id": response, "status": "completed", "output": [said]}}


def user_text(text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "conversation.item.create",
        **more,
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
    }
