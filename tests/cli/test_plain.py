"""Nothing that came over the wire can drive a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.plain import plain


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        ("hello", "hello"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq secret \x1b\\after", "after"),
        ("\x1bcreset", "reset"),
        ("one\ntwo\r\nthree\ttab", "one two  three tab"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066x\u2069\u200b\ufeff", "x"),
        ("line\u2028para\u2029end", "line para end"),
        ("\ud800", ""),
        ("größe 你好 😀", "größe 你好 😀"),
        (17, "17"),
    ],
)
def test_what_is_shown(wire: object, shown: str) -> None:
    assert plain(wire) == shown


def test_a_long_text_is_cut() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "…"
    assert plain("x" * 10, 10) == "x" * 10


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60))
def test_no_text_keeps_a_control_character(text: str) -> None:
    shown = plain(text)
    assert all(sign.isprintable() for sign in shown)
    assert plain(shown) == shown
