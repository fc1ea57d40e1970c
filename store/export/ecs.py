"""Findings in the Elastic Common Schema. What it has no field for stands under `voicetap`.

Source: ECS 9.4.0, https://www.elastic.co/docs/reference/ecs. Version 8 reads it too, without `gen_ai`.
"""

from __future__ import annotations

from typing import Final

from store.export.mapping import Field
from store.export.mapping import always
from store.export.mapping import is_alert
from store.export.mapping import looked_up
from store.export.mapping import made
from store.export.mapping import mapped
from store.export.mapping import message
from store.export.mapping import same
from store.lines import Row

VERSION: Final = "9.4.0"

_SEVERITIES: Final = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_DIRECTIONS: Final = {"client": "outbound", "server": "inbound"}
_TYPES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("allow", "release", "inject"), ("allowed",)),
    **dict.fromkeys(("block", "cancel", "refuse", "drop"), ("denied",)),
    **dict.fromkeys(("close", "kill"), ("denied", "end")),
    **dict.fromkeys(("redact", "tag", "alert", "hold", "warn", "blank", "count", "edit"), ("info",)),
}
"""Action -> `event.type` where it was carried out; where it was only watched it is info."""


def _types(finding: Row) -> list[str]:
    return ["info"] if finding.get("mode") == "monitor" else list(_TYPES.get(finding["action"], ("info",)))


def _outcome(finding: Row) -> str:
    return "failure" if "denied" in _types(finding) else "success"


def _code(finding: Row) -> str | None:
    """As a keyword: those of closes are numbers."""
    code = (finding.get("detail") or {}).get("code")
    return None if code is None else str(code)


FIELDS: Final[tuple[Field, ...]] = (
    same("@timestamp", "at"),
    always("ecs.version", VERSION),
    made("message", "kind, policy or code, action and reason", message),
    made(
        "event.kind", "`alert` for severity high or critical or action alert, else `event`", lambda f: "alert" if is_alert(f) else "event"
    ),
    made("event.category", "always `network` and `api`", lambda _: ["network", "api"]),
    made("event.type", "`action`: denied, allowed or info, and end where the session ended", _types),
    made("event.action", "`kind`-`action`", lambda finding: f"{finding['kind']}-{finding['action']}"),
    made("event.outcome", "`failure` where denied, else `success`", _outcome),
    same("event.id", "id"),
    always("event.module", "voicetap"),
    always("event.dataset", "voicetap.findings"),
    looked_up("event.severity", "severity", _SEVERITIES),
    made("event.code", "`detail.code`", _code),
    same("event.reason", "detail.reason"),
    always("data_stream.type", "logs"),
    always("data_stream.dataset", "voicetap.findings"),
    always("data_stream.namespace", "default"),
    same("rule.id", "policy"),
    made("rule.category", "`kind` where there is a policy", lambda finding: finding["kind"] if finding.get("policy") else None),
    made("rule.ruleset", "`rules.yaml` where there is a policy", lambda finding: "rules.yaml" if finding.get("policy") else None),
    looked_up("network.direction", "direction", _DIRECTIONS),
    made("network.protocol", "`websocket` where there is a session, else `http`", lambda f: "websocket" if f.get("session") else "http"),
    same("http.response.status_code", "detail.status"),
    same("url.path", "detail.path"),
    same("user.id", "principal"),
    same("related.user[]", "principal"),
    same("source.ip", "detail.address"),
    same("user_agent.original", "detail.agent"),
    same("gen_ai.system", "provider"),
    same("gen_ai.request.model", "model"),
    *(
        same(f"voicetap.{name}", name)
        for name in ("kind", "action", "mode", "session", "turn", "route", "event_type", "path", "excerpt", "detail")
    ),
)


def ecs(finding: Row) -> Row:
    """The finding as one document."""
    return mapped(finding, FIELDS)
