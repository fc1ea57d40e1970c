"""Findings in the Open Cybersecurity Schema Framework: Detection Finding, and Data Security Finding where data was kept back.

Source: schema 1.8.0, classes 2004 and 2006 with the profile `security_control`, https://schema.ocsf.io.
"""

from __future__ import annotations

from typing import Any
from typing import Final

from store.export.mapping import Field
from store.export.mapping import always
from store.export.mapping import is_alert
from store.export.mapping import looked_up
from store.export.mapping import made
from store.export.mapping import mapped
from store.export.mapping import message
from store.export.mapping import milliseconds
from store.export.mapping import same
from store.export.mapping import title
from store.lines import Row

VERSION: Final = "1.8.0"

_SEVERITY_IDS: Final = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_SEVERITIES: Final = {"info": "Informational", "low": "Low", "medium": "Medium", "high": "High", "critical": "Critical"}

_CONTROLS: Final[dict[str, tuple[int, int]]] = {
    "allow": (1, 1),
    "redact": (4, 11),
    "block": (2, 2),
    "close": (2, 21),
    "tag": (4, 18),
    "alert": (3, 19),
    "hold": (4, 14),
    "release": (1, 1),
    "cancel": (2, 2),
    "warn": (3, 19),
    "refuse": (2, 2),
    "kill": (2, 24),
    "blank": (4, 11),
    "count": (3, 20),
    "edit": (4, 7),
    "drop": (2, 6),
    "inject": (1, 7),
}
"""Action -> `action_id` and `disposition_id` where it was carried out."""
_MONITORED: Final = (3, 15)
"""The same where it was only watched: Observed, Detected."""
_OTHER: Final = (99, 99)
"""The same for an action of a later version."""

_ACTIONS: Final = {1: "Allowed", 2: "Denied", 3: "Observed", 4: "Modified"}
_DISPOSITIONS: Final = {
    1: "Allowed",
    2: "Blocked",
    6: "Dropped",
    7: "Custom Action",
    11: "Corrected",
    14: "Delayed",
    15: "Detected",
    18: "Tagged",
    19: "Alert",
    20: "Count",
    21: "Reset",
    24: "Access Revoked",
}
_KEPT_BACK: Final = frozenset({"redact", "blank"})


def is_about_data(finding: Row) -> bool:
    """Whether it tells of data that was found and kept back."""
    return finding.get("action") in _KEPT_BACK


def _control(finding: Row) -> tuple[int, int]:
    if finding.get("mode") == "monitor":
        return _MONITORED
    if finding.get("kind") == "revocation":
        return _CONTROLS["kill"]
    return _CONTROLS.get(finding["action"], _OTHER)


def _analytic(finding: Row) -> dict[str, Any] | None:
    policy = finding.get("policy")
    return {"name": policy, "uid": policy, "type_id": 1, "type": "Rule"} if policy else None


def _policy(finding: Row) -> dict[str, Any] | None:
    policy = finding.get("policy")
    return {"name": policy, "uid": policy, "is_applied": finding.get("mode") == "enforce"} if policy else None


def _rest(*names: str) -> tuple[Field, ...]:
    return tuple(same(f"unmapped.voicetap.{name}", name) for name in names)


def _class(number: int, name: str) -> tuple[Field, ...]:
    return (
        always("activity_id", 1),
        always("activity_name", "Create"),
        always("category_uid", 2),
        always("category_name", "Findings"),
        always("class_uid", number),
        always("class_name", name),
        always("type_uid", number * 100 + 1),
        always("type_name", f"{name}: Create"),
    )


COMMON: Final[tuple[Field, ...]] = (
    made("time", "`at` in milliseconds since 1970", milliseconds),
    looked_up("severity_id", "severity", _SEVERITY_IDS),
    looked_up("severity", "severity", _SEVERITIES),
    always("status_id", 1),
    always("status", "New"),
    made("message", "kind, policy or code, action and reason", message),
    made("is_alert", "severity high or critical, or action alert", is_alert),
    made("action_id", "`action`, by the table below", lambda finding: _control(finding)[0]),
    made("action", "the same in words", lambda finding: _ACTIONS.get(_control(finding)[0], finding["action"])),
    made("disposition_id", "`action`, by the table below", lambda finding: _control(finding)[1]),
    made("disposition", "the same in words", lambda finding: _DISPOSITIONS.get(_control(finding)[1], finding["action"])),
    made("policy", "name and uid `policy`, is_applied from `mode`", _policy),
    always("metadata.version", VERSION),
    always("metadata.product.name", "voicetap"),
    always("metadata.product.vendor_name", "voicetap"),
    always("metadata.profiles[]", "security_control"),
    always("metadata.log_name", "findings"),
    same("metadata.uid", "id"),
    same("metadata.correlation_uid", "session"),
    same("finding_info.uid", "id"),
    made("finding_info.title", "kind, policy or code, and action", title),
    same("finding_info.desc", "detail.reason"),
    same("finding_info.types[]", "kind"),
    made("finding_info.created_time", "`at` in milliseconds since 1970", milliseconds),
    made("finding_info.analytic", "name and uid `policy`, type Rule", _analytic),
    made("resources[].type", "`AI model` where `model` is known", lambda finding: "AI model" if finding.get("model") else None),
    same("resources[].name", "model"),
    *_rest("kind", "action", "mode", "principal", "route", "provider", "turn", "direction", "event_type", "path", "detail"),
)
"""What both classes have."""

DETECTION: Final[tuple[Field, ...]] = (
    *_class(2004, "Detection Finding"),
    *COMMON,
    same("evidences[].actor.user.uid", "principal"),
    same("evidences[].src_endpoint.ip", "detail.address"),
    same("evidences[].data.event_type", "event_type"),
    same("evidences[].data.path", "path"),
    same("evidences[].data.excerpt", "excerpt"),
)

DATA_SECURITY: Final[tuple[Field, ...]] = (
    *_class(2006, "Data Security Finding"),
    *COMMON,
    same("actor.user.uid", "principal"),
    same("src_endpoint.ip", "detail.address"),
    looked_up("data_security.category_id", "kind", {"policy": 0, "gate": 0, "leak": 6}),
    always("data_security.data_lifecycle_state_id", 2),
    always("data_security.data_lifecycle_state", "Data in-Transit"),
    always("data_security.detection_system_id", 2),
    always("data_security.detection_system", "DLP Gateway"),
    same("data_security.detection_pattern", "policy"),
    same("data_security.pattern_match", "excerpt"),
)


def ocsf(finding: Row) -> Row:
    """The finding as one event of the class that fits."""
    return mapped(finding, DATA_SECURITY if is_about_data(finding) else DETECTION)


def controls() -> tuple[tuple[str, str, str], ...]:
    """The table of the documentation: action, then `action_id` and `disposition_id` with their words."""
    rows = (*_CONTROLS.items(), ("any, in mode monitor", _MONITORED), ("any, of kind revocation", _CONTROLS["kill"]))
    return tuple((name, f"{action} {_ACTIONS[action]}", f"{outcome} {_DISPOSITIONS[outcome]}") for name, (action, outcome) in rows)
