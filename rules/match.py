"""Which route a request takes, and why: the first whose conditions all hold, each condition noted for `explain`."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import urlsplit

from rules.access import Match
from rules.access import Route
from rules.model import Rules

Door = Literal["gateway", "intercept"]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request when it is routed; `None` and "" where it does not say.

    `model`, `deployment`, `call_id` and `intent` are the query's values as sent. `native_kind` is the provider kind whose
    own path or host this is; `default_kind` the kind, or the name of a provider, that the path stands for otherwise.
    `model_in_message` is True where the dialect of that path names the model in a message, not in the request.
    """

    door: Door
    path: str
    model: str | None = None
    deployment: str | None = None
    call_id: str | None = None
    intent: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None
    native_kind: str | None = None
    default_kind: str | None = None
    model_in_message: bool = False

    @property
    def asked(self) -> str | None:
        """The model asked for: `model` before `deployment`; blank counts as absent."""
        return (self.model or "").strip() or (self.deployment or "").strip() or None


@dataclass(frozen=True, slots=True)
class Step:
    """One condition of one route: what it wants, what the request had (None: nothing), whether it holds."""

    route: str
    condition: str
    wanted: str
    seen: str | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The route taken, if any, and every condition that was looked at, in order."""

    route: Route | None
    steps: tuple[Step, ...]


def route(rules: Rules, facts: RequestFacts) -> Decision:
    """The first route that fits `facts`. A route without conditions fits every request."""
    steps: list[Step] = []
    for candidate in rules.routes:
        made = [*_steps(rules, candidate, facts)]
        steps += made
        if all(step.passed for step in made):
            return Decision(candidate, tuple(steps))
    return Decision(None, tuple(steps))


def decrypts(rules: Rules, host: str) -> bool:
    """Whether the intercept door opens the TLS of `host`: some route names it there, and the first to do so is no tunnel."""
    bare = bare_host(host)
    for candidate in rules.routes:
        match = candidate.match
        if match.door != "gateway" and match.host is not None and fnmatchcase(bare, match.host.lower()):
            return not candidate.tunnel
    return False


def split_model(rules: Rules, model: str) -> tuple[str | None, str]:
    """`provider/model` at the first slash where the prefix is a configured provider; else (None, model)."""
    prefix, slash, bare = model.partition("/")
    return (prefix, bare.strip()) if slash and prefix in rules.providers else (None, model)


def bare_host(host: str) -> str:
    """A host in lower case, without its port, brackets and trailing dot."""
    try:
        name = urlsplit(f"//{host.strip()}").hostname
    except ValueError:
        name = None
    return (name or "").rstrip(".")


def _steps(rules: Rules, candidate: Route, facts: RequestFacts) -> Iterator[Step]:
    for condition, wanted, seen, values in _conditions(rules, candidate.match, facts):
        yield Step(candidate.name, condition, wanted, seen, any(fnmatchcase(value, wanted) for value in values))


def _conditions(rules: Rules, match: Match, facts: RequestFacts) -> Iterator[tuple[str, str, str | None, tuple[str, ...]]]:
    """Name, glob, what was seen, and the spellings of it that may match."""
    if match.door is not None:
        yield "door", match.door, facts.door, (facts.door,)
    if match.path is not None:
        yield "path", match.path, facts.path, (facts.path,)
    if match.model is not None:
        asked = facts.asked
        yield "model", match.model, asked, (asked, split_model(rules, asked)[1]) if asked else ()
    if match.key is not None:
        yield "key", match.key, facts.key, (facts.key,) if facts.key else ()
    if match.host is not None:
        host = bare_host(facts.host) if facts.host else None
        yield "host", match.host.lower(), host, (host,) if host else ()
    headers = {name.lower(): value for name, value in facts.headers.items()} if match.header else {}
    for name, glob in match.header.items():
        value = headers.get(name.lower())
        yield f"header {name}", glob, value, (value,) if value is not None else ()
