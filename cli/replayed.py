"""The conversations of a corpus, held one after the other through a running proxy, and what there is to see of each."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Final

from rich.text import Text
from websockets.exceptions import InvalidStatus
from websockets.exceptions import WebSocketException

from cli.errors import Failure
from cli.output import out
from cli.plain import plain
from cli.records import Record
from cli.records import readable
from cli.replaying import Elsewhere
from cli.replaying import Held
from cli.replaying import Line
from cli.replaying import Turn
from cli.replaying import hold
from cli.transcripts import Conversation
from cli.transcripts import Unusable
from cli.transcripts import read_corpus
from store.reader import LogReader

_LOG_SECONDS: Final = 10.0
_STYLES: Final = {"system": "dim", "user": "cyan", "tool": "yellow", "reached": "green", "model": "magenta", "refused": "red"}
_WHO: Final = {"text": "user", "spoken": "user", "result": "tool"}


def corpus(file: Path) -> list[Conversation]:
    """Raises Failure VT105."""
    try:
        return read_corpus(file)
    except (OSError, Unusable) as error:
        raise Failure("VT105", str(error), "docs/security.md says what a corpus looks like") from None


class Replay:
    """All conversations, one after the other; `told` is what there is to say of each."""

    def __init__(self, corpus: list[Conversation], line: Line, data: Path, *, quiet: bool) -> None:
        self.told: list[Record] = []
        self._corpus = corpus
        self._line = line
        self._data = data
        self._reader = LogReader(data)
        self._quiet = quiet
        self._logged = True
        """Whether the log has the sessions: one that keeps no records is not waited for again."""

    async def all(self) -> None:
        """Raises Failure VT109, VT102."""
        mark = f"replay-{os.urandom(4).hex()}"
        for number, conversation in enumerate(self._corpus, 1):
            self._show(Text(conversation.name, style="bold"))
            grouping = f"{mark}-{number}"
            held = await self._held(conversation, grouping)
            session, findings = await self._found(grouping)
            self._show_end(held, session, findings)
            turns = [asdict(turn) for turn in held.turns]
            self.told.append(
                {"name": conversation.name, "session": session, "turns": turns, "close": held.close, "findings": _counted(findings)}
            )

    def sum_up(self) -> None:
        turns = sum(len(told["turns"]) for told in self.told)
        spoke = {row["policy"] for told in self.told for row in told["findings"]}
        text = f"{len(self.told)} conversations, {turns} turns, {len(spoke)} policies spoke; ./run.sh findings --by policy adds them up"
        out().print(text, style="dim", highlight=False, soft_wrap=True)

    async def _held(self, conversation: Conversation, grouping: str) -> Held:
        line = replace(self._line, headers={**self._line.headers, "baggage": f"session-id={grouping}"})
        try:
            return await hold(conversation, line, self._show_turn)
        except InvalidStatus as error:
            raise _refusal(error.response.status_code, error.response.body) from None
        except Elsewhere:
            raise Failure("VT109", "the proxy sends this to another provider than the rules say", "name its rules with --rules") from None
        except TimeoutError:
            raise Failure("VT109", f"{conversation.name}: no answer in time", "./run.sh show says how far the session came") from None
        except (OSError, WebSocketException) as error:
            raise Failure("VT109", f"{conversation.name}: {error}", "./run.sh doctor; is a simulator running already?") from None

    async def _found(self, grouping: str) -> tuple[str | None, list[Record]]:
        """The session and what was found in it, once it is over in the log."""
        until = time.monotonic() + _LOG_SECONDS
        while self._logged:
            with readable(self._data):
                for record in self._reader.sessions(grouping=grouping, limit=1):
                    if record["ended_at"] is not None:
                        return record["id"], self._reader.findings(session_id=record["id"], limit=None, order="asc")
            self._logged = time.monotonic() < until
            await asyncio.sleep(0.05)
        return None, []

    def _show_turn(self, turn: Turn) -> None:
        who = _WHO.get(turn.kind, turn.kind)
        if turn.said:
            self._say(who, f"{turn.said}{' (spoken)' if turn.kind == 'spoken' else ''}")
        if turn.reached is not None and turn.reached != turn.said:
            self._say("reached", turn.reached or "nothing")
        for reason in turn.refused:
            self._say("refused", reason)
        if turn.answer:
            self._say("model", turn.answer)

    def _show_end(self, held: Held, session: str | None, findings: list[Record]) -> None:
        if held.close is not None:
            self._say("closed", held.close)
        for row in _counted(findings):
            did = row["action"] if row["mode"] == "enforce" else f"would {row['action']}"
            times = f", {row['hits']} times" if row["hits"] > 1 else ""
            self._say("policy", f"{row['policy']} {did}{times}")
        self._say("session", session or "not in the log of this folder")
        self._show(Text())

    def _say(self, who: str, text: str) -> None:
        self._show(Text.assemble((f"{who:>9}  ", _STYLES.get(who, "dim")), plain(text)))

    def _show(self, text: Text) -> None:
        if not self._quiet:
            out().print(text, soft_wrap=True)


def _counted(findings: list[Record]) -> list[dict[str, Any]]:
    """Hits by policy, mode and action, in the order in which they came."""
    hits = Counter((row["policy"], row["mode"], row["action"]) for row in findings if row["policy"])
    return [{"policy": policy, "mode": mode, "action": action, "hits": number} for (policy, mode, action), number in hits.items()]


def _refusal(status: int, body: bytes | bytearray | None) -> Failure:
    try:
        message = json.loads(body or b"")["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = "no reason given"
    return Failure("VT109", f"the proxy refused with {status}: {message}", "docs/errors.md has every refusal")
