"""How the proxy is: the rules that are active with what their policies hit, and the numbers of the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from addons.figures import Snapshot
from realtime.jsonpath import spelled
from realtime.regex import Regex
from rules.explaining import BLANK
from rules.explaining import DOORS
from rules.model import Rules
from rules.policy import Policy
from store.hits import hits_of_policies
from web.query import known
from web.reading import Work
from web.rendering import page

Record = dict[str, Any]
Numbers = Callable[[], Snapshot]
Active = Callable[[], Rules]

DAYS: Final = 7
"""Hits of policies are counted over so many days, today among them."""


class State:
    """`numbers` and `active` are called on the event loop."""

    def __init__(self, numbers: Numbers, active: Active, work: Work) -> None:
        self._work = work
        self._numbers = numbers
        self._active = active
        self.routes = [
            Route("/rules", self.rules),
            Route("/rules.json", self.rules_json),
            Route("/health", self.health),
            Route("/health.json", self.health_json),
        ]

    async def rules(self, request: Request) -> Response:
        made = await self._rules(request)
        return await asyncio.to_thread(page, "rules.html", form=BLANK, doors=DOORS, **made)

    async def rules_json(self, request: Request) -> Response:
        """`{generation, policies, routes, keys, log}`; no hash of a key, and no credential."""
        return JSONResponse(await self._rules(request))

    async def health(self, request: Request) -> Response:
        return await asyncio.to_thread(page, "health.html", **self._health(request))

    async def health_json(self, request: Request) -> Response:
        """As the page: `{sessions, opening, ended, rules, log, workers}`."""
        return JSONResponse(self._health(request))

    async def _rules(self, request: Request) -> Record:
        known(request.query_params, ())
        rules, generation = self._active(), self._numbers().generation
        hits = await self._work(hits_of_policies, datetime.now(UTC), DAYS)
        return {
            "generation": generation,
            "days": DAYS,
            "policies": [_policy(policy, hits.get(policy.id, {})) for policy in rules.policies],
            "routes": [_shown(route) for route in rules.routes],
            "keys": [_shown(key, "hash") for key in rules.keys],
            "log": _shown(rules.log),
        }

    def _health(self, request: Request) -> Record:
        known(request.query_params, ())
        now = self._numbers()
        return {
            "sessions": dict(now.active),
            "opening": now.opening,
            "ended": [{**end._asdict(), "count": count} for end, count in sorted(now.ended_total.items(), key=lambda one: -one[1])],
            "rules": now.generation,
            "log": {
                "failing": now.log_failing,
                "waiting": now.log_waiting,
                "errors": now.log_errors_total,
                "dropped": now.log_dropped_total,
            },
            "workers": [dict(worker) for worker in now.workers],
        }


def _policy(policy: Policy, hits: Record) -> Record:
    made = _shown(policy, "tests")
    return {"mode": policy.mode, **made, "hits": {"count": 0, "sessions": 0, "last": None, "days": [0] * DAYS, **hits}}


def _shown(section: BaseModel, *without: str) -> Record:
    """A part of the rules about as it is written in their file, without what is not."""
    fields = type(section).model_fields
    named = {
        fields[name].alias or name: getattr(section, name) for name in fields if name in section.model_fields_set and name not in without
    }
    return {name: spelled(value) if name == "at" else _written(value) for name, value in named.items() if value is not None}


def _written(value: Any) -> Any:
    match value:
        case BaseModel():
            return _shown(value)
        case Mapping():
            return {str(name): _written(inner) for name, inner in value.items()}
        case tuple() | list() | set() | frozenset():
            return [_written(inner) for inner in value]
        case Regex():
            return value.pattern
        case str() | int() | float() | None:
            return value
    return str(getattr(value, "name", value))
