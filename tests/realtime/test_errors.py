"""Errors of providers as records keep them, and error events as clients read them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import MAX_MESSAGE
from realtime.errors import close_reason
from realtime.errors import disconnect_error
from realtime.errors import provider_error_event
from realtime.errors import turn_error
from realtime.errors import unrecoverable_quota
from realtime.signals import ProviderError


@pytest.mark.parametrize(
    ("type_", "code", "message", "status", "kind"),
    [
        ("invalid_request_error", "invalid_value", "m", 400, "invalid_request_error"),
        ("Invalid_Request_Error", "rate_limit_exceeded", "too many requests", 400, "invalid_request_error"),
        ("server_error", "budget_exceeded", "", 429, "insufficient_quota"),
        ("insufficient_quota", "", "", 429, "insufficient_quota"),
        ("", "", "You have reached your Billing Hard Limit", 429, "insufficient_quota"),
        ("insufficient_quota", "rate_limit_exceeded", "", 429, "insufficient_quota"),
        ("", "rate_limit_exceeded", "", 429, "rate_limit_exceeded"),
        ("", "", "Too Many Requests", 429, "rate_limit_exceeded"),
        ("ThrottlingException", "", "", 429, "rate_limit_exceeded"),
        ("", "", "limit of 20 requests per minute reached; authentication is fine", 429, "rate_limit_exceeded"),
        ("authentication_error", "", "", 401, "authentication_error"),
        ("", "", "Incorrect API key provided", 401, "authentication_error"),
        ("server_error", "", "the model stumbled", 500, "server_error"),
        ("", "", "", 500, "server_error"),
    ],
)
def test_first_matching_row_decides(type_: str, code: str, message: str, status: int, kind: str) -> None:
    error = turn_error(ProviderError(type_, code, message))
    assert (error.status, error.kind) == (status, kind)


def test_missing_type_and_code_are_filled_in_that_order() -> None:
    assert turn_error(ProviderError("", "", "")).record() == {
        "status": 500,
        "kind": "server_error",
        "type": "server_error",
        "code": "server_error",
        "message": "",
    }
    assert turn_error(ProviderError("overloaded", "", "")).code == "overloaded"
    assert turn_error(ProviderError("", "oops", "")).type == "server_error"
    assert turn_error(None).status == 500


def test_a_providers_text_is_bounded() -> None:
    error = turn_error(ProviderError("t" * 10_000, "c" * 10_000, "m" * 1_000_000))
    assert (len(error.type), len(error.code), len(error.message)) == (128, 128, MAX_MESSAGE)


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (ProviderError("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), True),
        (ProviderError("invalid_request_error", "insufficient_quota", ""), True),
        (ProviderError("server_error", "billing_hard_limit_reached", ""), True),
        (ProviderError("rate_limit_error", "rate_limit_exceeded", "Rate limit reached"), False),
        (ProviderError("invalid_request_error", "invalid_value", "budget exceeded is not a voice"), False),
        (ProviderError("server_error", "", ""), False),
    ],
)
def test_only_a_spent_quota_ends_a_session(error: ProviderError, ends: bool) -> None:
    assert unrecoverable_quota(error) is ends


def test_disconnects_have_a_status_of_their_own() -> None:
    assert [disconnect_error(reason).status for reason in ("client_closed", "upstream_closed", "proxy_closed")] == [499, 502, 503]


def test_error_event_in_the_shape_of_each_dialect() -> None:
    def event(dialect: str) -> object:
        made = provider_error_event("no", type="invalid_request_error", code="blocked", event_id="c1", dialect=dialect, own_id="e1")
        return made and json.loads(made)

    error = {"type": "invalid_request_error", "code": "blocked", "message": "no", "param": None}
    assert event("openai") == {"type": "error", "event_id": "e1", "error": {**error, "event_id": "c1"}}
    assert event("xai") == event("openai")
    assert event("openai-live") == {"type": "error", "event_id": "e1", "error": {**error, "client_event_id": "c1"}}
    assert event("vllm") == {"type": "error", "error": "no", "code": "blocked"}
    assert event("gemini") is None
    assert event("elevenlabs") is None


def test_own_event_id_follows_from_the_content() -> None:
    def own_id(message: str) -> str:
        made = provider_error_event(message, type="t", code="c")
        assert made is not None
        return str(json.loads(made)["event_id"])

    assert own_id("a") == own_id("a") != own_id("b")


@given(st.text(max_size=300))
def test_close_reason_fits_and_keeps_whole_characters(text: str) -> None:
    reason = close_reason(text)
    assert len(reason.encode()) <= 123
    assert text.startswith(reason) or any("\ud800" <= c <= "\udfff" for c in text)


def test_close_reason_is_cut_between_characters() -> None:
    assert close_reason("é" * 100) == "é" * 61
    assert close_reason("fits") == "fits"
