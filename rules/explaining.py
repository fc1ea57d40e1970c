"""Which route a request takes and why: every condition of every route, what it wanted and what it saw. For commands and pages alike."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import cast
from typing import get_args
from urllib.parse import parse_qsl

from providers import recognise
from providers.base import Endpoint
from providers.base import Pairs
from providers.paths import gateway_path
from rules.access import LOCAL
from rules.asking import facts_of
from rules.match import Decision
from rules.match import Door
from rules.match import RequestFacts
from rules.match import Step
from rules.match import route as decide
from rules.model import Rules
from rules.resolve import Refusal
from rules.resolve import Target
from rules.resolve import resolve

DEFAULT_PATH: Final = "/v1/realtime"
DOORS: Final[tuple[str, ...]] = get_args(Door)
BLANK: Final[Mapping[str, str]] = {"path": DEFAULT_PATH, "door": DOORS[0]}
"""What a request is as long as nobody says otherwise."""


class BadRequest(ValueError):
    """A request that is not described as one can be; `hint` is what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Request:
    """A request as somebody describes it, or as a record does."""

    door: str
    path: str
    query: Pairs
    key: str | None
    headers: Mapping[str, str]
    host: str | None


@dataclass(frozen=True, slots=True)
class Considered:
    """A route before the request: each of its conditions, none where it was not reached or has none."""

    route: str
    taken: bool
    steps: tuple[Step, ...]

    @property
    def said(self) -> str:
        """What became of it."""
        return "taken" if self.taken else "does not fit" if self.steps else "not reached"


@dataclass(frozen=True, slots=True)
class Explained:
    """What was asked, which route took it, and where it goes."""

    request: Request
    routes: tuple[Considered, ...]
    decision: Decision
    outcome: Target | Refusal

    def report(self, only: str | None = None) -> dict[str, Any]:
        """For programs, with the conditions of one route alone or of all."""
        kind = "refused" if isinstance(self.outcome, Refusal) else "target"
        steps = [asdict(step) for step in self.decision.steps if only in (None, step.route)]
        taken = self.decision.route
        return {"request": asdict(self.request), "route": taken.name if taken else None, "steps": steps, kind: asdict(self.outcome)}

    @property
    def words(self) -> str:
        """Where it goes, or why it does not."""
        if isinstance(self.outcome, Refusal):
            return f"{self.outcome.status} {self.outcome.code}: {self.outcome.message}"
        model = self.outcome.upstream_model or "named later by the client"
        credential = "the app's own" if self.outcome.credential == "client" else "the provider's, injected"
        return f"provider {self.outcome.provider}, model {model}, credential {credential} ({self.outcome.why})"


def described(path: str, model: str | None, key: str | None, headers: Iterable[str], door: str, host: str | None) -> Request:
    """A request in a person's words: a path with or without a query, headers as `name=value`. Raises BadRequest."""
    if door not in DOORS:
        raise BadRequest(f"there is no door {door[:40]!r}", f"choose one of {', '.join(DOORS)}")
    bare, _, query = path.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True)) + ((("model", model),) if model is not None else ())
    split = [text.partition("=") for text in headers]
    if any(not equals for _, equals, _ in split):
        raise BadRequest("a header is written as name=value", "for example x-region=eu")
    return Request(door, bare, pairs, key, {name: value for name, _, value in split}, host)


def recorded(session: Mapping[str, Any]) -> Request:
    """The request that a session began with, as far as its record says; headers are not on record."""
    pairs: Pairs = (("model", session["model"]),) if session["model"] else ()
    host = session["upstream_host"] if session["door"] == "intercept" else None
    return Request(session["door"], session["client"]["path"].partition("?")[0], pairs, session["principal"], {}, host)


def explain(rules: Rules, request: Request) -> Explained:
    """What these rules make of a request."""
    facts = _facts(rules, request)
    if isinstance(facts, Refusal):
        return Explained(request, tuple(_considered(rules, Decision(None, ()))), Decision(None, ()), facts)
    decision = decide(rules, facts)
    return Explained(request, tuple(_considered(rules, decision)), decision, resolve(rules, facts))


def _considered(rules: Rules, decision: Decision) -> Iterable[Considered]:
    for candidate in rules.routes:
        steps = tuple(step for step in decision.steps if step.route == candidate.name)
        yield Considered(candidate.name, candidate is decision.route, steps)


def _facts(rules: Rules, request: Request) -> RequestFacts | Refusal:
    """The request as the router sees it, or the refusal of a path that no door serves."""
    endpoint = _endpoint(request)
    if endpoint is None and request.door == "gateway":
        return Refusal(404, "not_found", f"no such path on the gateway: {request.path[:200]}")
    return facts_of(
        rules,
        cast(Door, request.door),
        request.path,
        request.query,
        endpoint,
        key=request.key or (LOCAL if request.door == "intercept" else None),
        headers=request.headers,
        host=request.host,
    )


def _endpoint(request: Request) -> Endpoint | None:
    if request.door == "intercept":
        return recognise(request.host or "", request.path, request.query)
    return gateway_path(request.path, request.query)
