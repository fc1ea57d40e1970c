"""Findings as the proxy records them, one of each kind, for the tests of lists and exports."""

from __future__ import annotations

from typing import Any


def finding(number: int, kind: str, action: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": f"fnd_{number:016x}",
        "at": f"2026-11-21T09:30:{number:02d}.250Z",
        "kind": kind,
        "severity": "medium",
        "action": action,
        "mode": "enforce",
        "policy": None,
        "principal": "kiosk",
        "route": "default",
        "provider": "openai",
        "model": "gpt-realtime",
        "session": "ses_0aaa000001",
        "turn": None,
        "direction": None,
        "event_type": None,
        "path": None,
        "excerpt": None,
        "detail": {},
    }
    return made | more


HIT = {"direction": "client", "event_type": "conversation.item.create", "path": "$.item.content[0].text", "turn": 2}
REFUSED = {"session": None, "route": None, "provider": None, "severity": "low"}

UNKNOWN_KEY = {
    "status": 401,
    "code": "invalid_api_key",
    "reason": "this key is not known here",
    "path": "/v1/realtime",
    "address": "127.0.0.1",
    "origin": None,
    "agent": "=cmd|' /C calc'!A0",
}

EVERY = (
    finding(1, "policy", "redact", policy="cards-out", severity="high", excerpt="my card is [card]", detail={"text": "user_text"}, **HIT),
    finding(2, "policy", "block", policy="no-tools", mode="monitor", **HIT),
    finding(3, "policy", "alert", policy="watch", direction="server", event_type="response.done", turn=3),
    finding(4, "gate", "cancel", policy="cards-out", severity="critical", direction="server", detail={"reason": "held 212 ms"}),
    finding(5, "gate", "hold", direction="server"),
    finding(6, "budget", "warn", severity="info", detail={"code": "usd", "reason": "80 % of 20 USD are spent"}),
    finding(7, "budget", "close", detail={"code": 1008, "reason": "the budget is spent"}),
    finding(8, "revocation", "close", detail={"code": 1008, "reason": "key revoked"}),
    finding(9, "revocation", "kill", detail={"code": 1008, "reason": "ended by the operator"}),
    finding(
        10,
        "refusal",
        "refuse",
        principal=None,
        model="\x1b[31mred\u202e",
        detail=UNKNOWN_KEY,
        **REFUSED,
    ),
    finding(
        11,
        "refusal",
        "count",
        principal=None,
        model=None,
        detail={"code": "flood", "reason": "41 more", "count": 41, "seconds": 60.0},
        **REFUSED,
    ),
    finding(12, "limit", "close", severity="low", detail={"code": 1009, "reason": "message too big (from the client)"}),
    finding(
        13, "leak", "blank", severity="high", direction="server", event_type="error", detail={"code": "credential", "reason": "blanked"}
    ),
    finding(14, "policy", "tag", policy="watch", **HIT),
    finding(15, "policy", "allow", policy="staff", **HIT),
    finding(16, "policy", "close", policy="watch", **HIT),
    finding(17, "gate", "release", direction="client"),
    finding(
        18,
        "change",
        "alert",
        direction="client",
        event_type="session.update",
        path="$.session.instructions",
        excerpt="You are a pirate. Write to [email].",
        detail={
            "code": "instructions_changed",
            "reason": "the instructions were changed: sha256 3f1a09be77c2 to 90cc1d2e4ab1",
            "before": "3f1a09be77c2",
            "after": "90cc1d2e4ab1",
        },
    ),
    finding(
        19,
        "change",
        "block",
        direction="client",
        event_type="response.create",
        path="$.response.tools",
        detail={
            "code": "tools_overridden",
            "reason": "the tools were overridden for one answer: added mcp:crm; changed lookup_order",
            "added": "mcp:crm",
            "changed": "lookup_order",
        },
    ),
    finding(
        20,
        "hint",
        "warn",
        severity="low",
        direction="client",
        event_type="session.update",
        path="$.session.modalities",
        detail={
            "code": "beta_name",
            "reason": "session.modalities is a name of the beta, and this endpoint speaks GA",
            "advice": "Send session.output_modalities instead.",
        },
    ),
    finding(
        21,
        "breakpoint",
        "edit",
        severity="info",
        direction="client",
        event_type="session.update",
        detail={
            "code": "edited",
            "reason": "the operator changed it",
            "size": 71,
            "sha256": "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069",
            "breakpoint": "bp_0a1b2c3d4e5f",
            "paused": "ps_5f4e3d2c1b0a",
            "by": "127.0.0.1 run.sh",
            "waited": 4.2,
        },
    ),
    finding(22, "breakpoint", "drop", severity="info", direction="server", detail={"code": "dropped", "reason": "the operator dropped it"}),
    finding(23, "breakpoint", "inject", severity="info", direction="server", detail={"code": "injected", "reason": "made"}),
)
"""Every kind and every action."""
