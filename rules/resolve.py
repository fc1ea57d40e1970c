"""Where a request goes: provider, model and credential, or a refusal that says what to write. No network, no clock.

Order: routes, provider prefix of the model, the provider whose models name it, the provider of a native path, the
path's default provider. On the intercept door only a route lets anything in, and the model does not choose the
provider: the app's own credential would follow it there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final
from typing import Literal

from rules.access import Route
from rules.match import Door
from rules.match import RequestFacts
from rules.match import route
from rules.match import split_model
from rules.model import Rules
from rules.upstream import Provider


@dataclass(frozen=True, slots=True)
class Target:
    """What was decided. `model` is the catalogue's name (records, prices, allow-lists), `upstream_model` the one to send.

    Both are None where the request names its model later or not at all (`call_id`, `intent`, a message).
    """

    provider: str
    model: str | None
    upstream_model: str | None
    route: str | None
    credential: Literal["client", "inject"]
    webrtc: Literal["relay", "sideband", "signal"]
    why: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of an upgrade: HTTP status, stable code, a message for the person who made the request."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request with what its route and its spelling say."""

    rules: Rules
    facts: RequestFacts
    route: Route | None
    prefix: str | None
    model: str | None


_Finder = tuple[str, Callable[[_Asked], str | None]]

_NO_HOST_ROUTE: Final = Refusal(403, "host_not_allowed", "no route of rules.yaml opens this host on the intercept door")
_SHOWN: Final = 80


def resolve(rules: Rules, facts: RequestFacts) -> Target | Refusal:
    """Where the request goes. Never raises."""
    taken = route(rules, facts).route
    if facts.door == "intercept" and (taken is None or taken.tunnel):
        return _NO_HOST_ROUTE
    written = facts.asked
    prefix, bare = split_model(rules, written) if written else (None, None)
    asked = _Asked(rules, facts, taken, prefix, (taken.model if taken and taken.model else bare) or None)
    found = next(((name, why) for why, find in _ORDER[facts.door] if (name := find(asked)) is not None), None)
    if asked.model is None and not _may_lack_model(facts) and not (found and _named_in_message(rules.providers[found[0]])):
        return _no_model(rules)
    return _target(asked, *found) if found else _no_provider(rules, written)


def alias(provider: Provider, model: str) -> tuple[str, str]:
    """The catalogue's name of `model` and the one `provider` knows it by; either may be given."""
    if model in provider.models:
        return provider.models[model], model
    deployments = (deployment for deployment, catalogue in provider.models.items() if catalogue == model)
    return model, next(deployments, model)


def names_model(provider: Provider, model: str) -> bool:
    """Whether the provider's configured models name `model`, by deployment, catalogue name or glob."""
    return any(fnmatchcase(model, name) for pair in provider.models.items() for name in pair)


def provider_for(rules: Rules, kind: str | None) -> str | None:
    """The provider named `kind`, else the first of that kind."""
    if kind in rules.providers:
        return kind
    return next((name for name, provider in rules.providers.items() if provider.kind == kind), None)


def _may_lack_model(facts: RequestFacts) -> bool:
    transcription = (facts.intent or "").strip().lower() == "transcription"
    return bool((facts.call_id or "").strip()) or transcription or facts.model_in_message


def _named_in_message(provider: Provider) -> bool:
    """Whether clients of this server name their model in the first message only; its path does not tell."""
    return provider.dialect == "vllm"


def _by_route(asked: _Asked) -> str | None:
    return asked.route.provider if asked.route else None


def _by_prefix(asked: _Asked) -> str | None:
    return asked.prefix


def _by_models(asked: _Asked) -> str | None:
    if asked.model is None:
        return None
    model = asked.model
    return next((name for name, provider in asked.rules.providers.items() if names_model(provider, model)), None)


def _by_native_path(asked: _Asked) -> str | None:
    kind = asked.facts.native_kind
    return next((name for name, provider in asked.rules.providers.items() if provider.kind == kind), None)


def _by_default_of_path(asked: _Asked) -> str | None:
    return provider_for(asked.rules, asked.facts.default_kind)


_BY_REQUEST: Final[tuple[_Finder, ...]] = (("native path", _by_native_path), ("default of the path", _by_default_of_path))
_BY_MODEL: Final[tuple[_Finder, ...]] = (("prefix of the model", _by_prefix), ("models of the provider", _by_models))
_ORDER: Final[dict[Door, tuple[_Finder, ...]]] = {
    "gateway": (("route", _by_route), *_BY_MODEL, *_BY_REQUEST),
    "intercept": (("route", _by_route), *_BY_REQUEST),
}


def _target(asked: _Asked, name: str, why: str) -> Target:
    taken = asked.route
    model, upstream = alias(asked.rules.providers[name], asked.model) if asked.model else (None, None)
    return Target(
        provider=name,
        model=model,
        upstream_model=upstream,
        route=taken.name if taken else None,
        credential=(taken.credential if taken else None) or ("client" if asked.facts.door == "intercept" else "inject"),
        webrtc=taken.webrtc if taken else "relay",
        why=f"{why} {taken.name}" if taken and why == "route" else why,
    )


def _no_model(rules: Rules) -> Refusal:
    example = f"{next(iter(rules.providers), 'openai')}/<model>"
    return Refusal(400, "missing_model", f"the request names no model: add ?model=<model>, or ?model={example}")


def _no_provider(rules: Rules, written: str | None) -> Refusal:
    known = ", ".join(rules.providers) or "none"
    if not written:
        return Refusal(400, "unknown_provider", f"no provider takes this path; configured in rules.yaml: {known}")
    prefix, slash, bare = written.partition("/")
    if slash:
        return Refusal(400, "unknown_provider", f"no provider is called {prefix[:_SHOWN]!r}; configured in rules.yaml: {known}")
    advice = f"write ?model=<provider>/{bare or written[:_SHOWN]} (configured: {known}), or list it under a provider's models in rules.yaml"
    return Refusal(400, "unknown_model", f"no provider is known for the model {written[:_SHOWN]!r}: {advice}")
