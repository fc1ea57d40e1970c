"""What a request asks, in the terms that routes are written in: the one reading of it, for the router and for `explain`."""

from __future__ import annotations

from collections.abc import Mapping

from providers.base import Endpoint
from providers.base import Pairs
from providers.paths import asked
from providers.paths import names_agent
from rules.match import Door
from rules.match import RequestFacts
from rules.model import Rules
from rules.resolve import Refusal


def facts_of(
    rules: Rules,
    door: Door,
    path: str,
    query: Pairs,
    endpoint: Endpoint | None,
    *,
    key: str | None,
    headers: Mapping[str, str],
    host: str | None,
) -> RequestFacts | Refusal:
    """The facts of a request whose path (without query) means `endpoint`, or the refusal of a provider that is not configured."""
    prefix = endpoint.provider_prefix if endpoint else None
    if prefix is not None and prefix not in rules.providers:
        known = ", ".join(rules.providers) or "none"
        return Refusal(404, "unknown_provider", f"no provider is called {prefix[:80]!r}; configured in rules.yaml: {known}")
    model, call_id, intent = asked(query)
    return RequestFacts(
        door=door,
        path=path,
        model=f"{prefix}/{model}" if prefix and model and not model.startswith(f"{prefix}/") else model,
        call_id=call_id,
        intent=intent,
        key=key,
        headers=headers,
        host=host,
        native_kind=endpoint.native_kind if endpoint else None,
        default_kind=(prefix or endpoint.default_kind) if endpoint else None,
        model_in_message=door == "intercept" or (endpoint is not None and not endpoint.model_in_url) or names_agent(query),
    )
