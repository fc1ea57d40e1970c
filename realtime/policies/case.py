"""One message before the policies of its session: what each of them finds in it, and what that makes of the message."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from realtime.frame import Frame
from realtime.jsonedit import Edit
from realtime.jsonpath import Keys
from realtime.policies.changes import Changes
from realtime.policies.hit import Hit
from realtime.policies.hit import hit
from realtime.policies.match import Match
from realtime.policies.match import shown
from realtime.policies.match import traced
from realtime.policies.passage import Passage
from realtime.policies.policy import Applicable
from realtime.policies.policy import Policy
from realtime.policies.policy import PolicySet
from realtime.policies.refusal import CODE
from realtime.policies.refusal import FAILED
from realtime.policies.refusal import answer_of
from realtime.policies.refusal import blocked
from realtime.policies.refusal import closed
from realtime.policies.refusal import reason
from realtime.policies.release import release
from realtime.policies.release import settled
from realtime.policies.streams import Streams
from realtime.policies.streams import watches
from realtime.policies.trace import Trace
from realtime.policies.view import View
from realtime.texts import Text
from realtime.texts import ended
from realtime.verdict import Verdict


class Case:
    """Asks the policies about one message and puts the verdict together."""

    def __init__(
        self,
        known: PolicySet,
        policies: Applicable,
        streams: Streams,
        dialect: str,
        frame: Frame,
        now: float,
        fed: list[Passage] | None = None,
    ) -> None:
        """`fed` are the texts to which the pieces in the message were added already; None where they were not."""
        self.hits: list[Hit] = []
        self.traces: list[Trace] = []
        self.blocked = False
        """Whether the message was stopped, by a policy or because one failed."""
        self._policies = policies
        self._streams = streams
        self._dialect = dialect
        self._over = False
        """Whether nothing more is to be asked, though the message is not stopped."""
        self._frame = frame
        self._now = now
        self._view = View(dialect, frame, known.sieve)
        self._answer = ended(dialect, frame)
        self._fed = streams.feed(self._view.texts, frame, now, policies) if fed is None else fed
        self._closed = streams.closed_by(self._view.texts, self._answer, frame)
        self._pieces = {text.keys for text in self._view.texts if text.part in ("delta", "draft")} if self._fed else set()
        """Where the message has pieces of a text, which are looked at as a part of it."""
        self._recalled: dict[str, list[Text]] = {}
        self._asked: tuple[Policy, ...] = policies
        if self._closed or streams.has_spoken:
            self._recalled = {policy.id: texts for policy in known.policies if policy.redacts and (texts := self._recall(policy))}
            self._asked = (*policies, *(policy for policy in known.policies if policy.id in self._recalled))
        self._changes = Changes()
        self._told: list[tuple[int, Match]] = []
        """Hits by their numbers, and what is to be shown of them."""
        self._seen: list[Match] = []

    def verdict(self, clock: Callable[[], float], budget: float, doubt: str | None) -> Verdict | None:
        """What becomes of the message; `doubt` is why it cannot be read with certainty."""
        made = self._judged(clock, budget, doubt)
        for number, match in self._told:
            self.hits[number] = replace(self.hits[number], excerpt=shown(match, self._seen))
        if typed := [match for match in self._seen if match.keys == ("type",)]:
            self.hits = [replace(hit, event_type=shown(typed[0], typed)) for hit in self.hits]
        return made

    def _judged(self, clock: Callable[[], float], budget: float, doubt: str | None) -> Verdict | None:
        started = clock() if self._asked else 0.0
        asked = self._asked
        if doubt is None and self._is_clean() and clock() - started <= budget:
            asked = (*self._policies.others, *self._asked[len(self._policies) :])
        for number, policy in enumerate(asked):
            late = number and clock() - started > budget
            stopped = self._late(asked[number:], budget) if late else self._ask(policy, doubt)
            if stopped is not None:
                self._streams.drop([*self._fed, *self._closed])
                return stopped
            if self._over:
                break
        return self._outcome()

    def _is_clean(self) -> bool:
        """Whether no policy that looks for words finds any, so that these need not be asked one by one."""
        view, scan = self._view, self._view.scan
        if len(self._policies.others) == len(self._policies) or any(passage.allowed for passage in self._fed):
            return False
        wholes = (text.value for text in view.texts if text.part in ("whole", "final"))
        passages = (passage.text for passage in self._fed)
        return all(scan.is_clean(text) for text in (*passages, *wholes)) and view.is_clean_beside(self._pieces)

    def _ask(self, policy: Policy, doubt: str | None) -> Verdict | None:
        """Ask one policy; a Verdict only where the message is stopped."""
        if doubt is not None and policy.condition.looks_at_values and (stopped := self._failed(policy, doubt)) is not None:
            return stopped
        try:
            found = self._found(policy)
            return self._act(policy, found) if found else None
        except Exception as error:
            for passage in self._fed:
                passage.redactors = tuple(other for other in passage.redactors if other is not policy)
            return self._failed(policy, f"{type(error).__name__} in this policy")

    # -- finding --------------------------------------------------------------------------------------------------------

    def _found(self, policy: Policy) -> list[Match]:
        condition = policy.condition
        if policy.id in self._recalled:
            return self._in_values(policy, [(text.keys, text.value) for text in self._recalled[policy.id]])
        if not condition.weighs(len(self._frame.payload)):
            return []
        if not condition.looks_at_values:
            return [Match()]
        found = self._in_values(policy, self._values(policy))
        return [*self._in_passages(policy), *found] if self._fed else found

    def _values(self, policy: Policy) -> Iterable[tuple[Keys, Any]]:
        condition, view = policy.condition, self._view
        if condition.at is not None:
            return view.at(condition.at)
        if condition.texts is not None:
            return view.of_kinds(condition.texts)
        strings = view.suspects if condition.seekers else view.strings
        return strings if not self._pieces else [found for found in strings if found[0] not in self._pieces]

    def _in_values(self, policy: Policy, values: Iterable[tuple[Keys, Any]]) -> list[Match]:
        spans, scan = policy.condition.spans, self._view.scan
        seen = [(keys, value, spans(value, scan.search, scan.detect)) for keys, value in values]
        return [Match(keys, value, found) for keys, value, found in seen if found is not None]

    def _in_passages(self, policy: Policy) -> Iterator[Match]:
        condition, scan = policy.condition, self._view.scan
        for passage in self._fed:
            if passage.allowed is policy:
                self._leave_to(passage, policy)
            elif watches(policy, passage.stream) and policy not in passage.silenced:
                spans = condition.spans(passage.text, scan.search, scan.detect)
                if spans is not None and (new := passage.first_new(policy, spans)) is not None:
                    yield Match(passage.keys, passage.text, new, passage)

    def _recall(self, policy: Policy) -> list[Text]:
        """The whole texts of which a policy that does not concern this message redacts, or redacted, the pieces."""
        if policy in self._policies:
            return []
        here = {passage.stream.words for passage in self._closed if policy in passage.redactors}
        finals = [(text, text.stream) for text in self._view.texts if text.part == "final" and text.stream is not None]
        return [text for text, stream in finals if stream.words in here or policy.id in self._streams.spoken(stream)]

    # -- acting ---------------------------------------------------------------------------------------------------------

    def _act(self, policy: Policy, found: list[Match]) -> Verdict | None:
        self._seen += found
        self.traces += [self._trace(policy, match) for match in found]
        if policy.redacts:
            found = [match for match in found if match.passage is None]
            for keys, value, spans, _ in found:
                if keys is not None:
                    self._changes.redact(policy, keys, value, spans)
        if found:
            self._note(policy, found[0])
        if found and policy.ends:
            return self._end(policy, found)
        return None

    def _end(self, policy: Policy, found: list[Match]) -> Verdict | None:
        if policy.action == "allow":
            self._over = True
            for match in found:
                if match.passage is not None:
                    match.passage.allowed = policy
                    self._leave_to(match.passage, policy)
            return None
        self.blocked = True
        return closed(reason(policy)) if policy.action == "close" else self._block(reason(policy))

    def _leave_to(self, passage: Passage, policy: Policy) -> None:
        """This policy allowed the text: those after it have no say in the rest of it."""
        later = self._asked[self._asked.index(policy) + 1 :]
        passage.silenced = later
        passage.redactors = tuple(other for other in passage.redactors if other not in later)

    def _block(self, message: str, code: str = CODE) -> Verdict:
        finals = self._view.texts if self._answer is not None else None
        return blocked(self._dialect, self._frame, message, finals, code=code)

    def _failed(self, policy: Policy, why: str) -> Verdict | None:
        """A policy could not judge the message."""
        stops = policy.enforced and policy.on_error == "block"
        self.hits.append(hit(policy, self._frame, detail=why, applied=stops))
        if not stops:
            return None
        self.blocked = True
        return self._block(reason(policy, f"could not be checked: {why}"), FAILED)

    def _late(self, rest: tuple[Policy, ...], budget: float) -> Verdict | None:
        """The time is up before all policies were asked."""
        self._over = True
        why = f"{len(rest)} policies were not asked within {budget * 1000:.1f} ms"
        self.traces += [traced(policy, Match(), None, self._frame) for policy in rest]
        stopping = [policy for policy in rest if policy.enforced and policy.on_error == "block"]
        return self._failed((stopping or rest)[0], why)

    def _note(self, policy: Policy, match: Match) -> None:
        """Tell of a match, once for each text."""
        text = self._text_at(match.keys)
        if self._streams.is_news(text.stream if text is not None else None, policy):
            if match.keys is not None and (match.spans or policy.action != "redact"):
                self._told.append((len(self.hits), match))
            answer = answer_of(self._frame)
            self.hits.append(hit(policy, self._frame, keys=match.keys, kind=text.kind if text else None, response_id=answer))

    def _trace(self, policy: Policy, match: Match) -> Trace:
        of = match.passage.stream if match.passage is not None else self._text_at(match.keys)
        return traced(policy, match, of.kind if of is not None else None, self._frame)

    def _text_at(self, keys: Keys | None) -> Text | None:
        return next((text for text in self._view.texts if text.keys == keys), None)

    # -- the outcome ----------------------------------------------------------------------------------------------------

    def _outcome(self) -> Verdict | None:
        before = tuple(self._ahead()) if self._closed or self._streams.is_crowded else ()
        for passage in self._fed:
            self._changes.put(self._of_passage(passage))
        if self._changes:
            return Verdict("replace", payload=self._changes.made_in(self._frame), before=before)
        return Verdict("pass", before=before) if before else None

    def _ahead(self) -> Iterator[bytes]:
        """What was held of texts that end here, or have been open for too long."""
        for passage in [*self._closed, *self._streams.overflow()]:
            if passage not in self._fed:
                payload, hits = release(passage, self._streams, self._dialect, self._now, "whole")
                self.hits += hits
                if payload is not None:
                    yield payload

    def _of_passage(self, passage: Passage) -> Iterator[Edit]:
        pieces = [text for text in self._view.texts if text.stream == passage.stream and text.part in ("delta", "draft")]
        over = passage in self._closed or not passage.redactors
        value, hits = settled(passage, self._streams, self._view.scan, self._now, "whole" if over else "open")
        self.hits += hits
        if value != "".join(text.value for text in pieces):
            yield from (Edit(text.keys, "" if number else value) for number, text in enumerate(pieces))
