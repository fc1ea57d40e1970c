"""When sound may be kept at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from proxying import RULES

from addons.rules import keeps_sound
from addons.rules import not_yet
from rules.load import load_file
from rules.model import Rules

REDACTS = """
policies:
  - {id: cards, title: No cards, when: {from: client, event: "*", detect: [card]}, action: redact, replace: "[card]"}
"""


def loaded(tmp_path: Path, log: str, more: str = "") -> Rules:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES.replace("{content: full}", log) + more)
    found = load_file(path, {})
    assert found.rules is not None, found.render()
    return found.rules


@pytest.mark.parametrize(
    ("log", "policies", "kept"),
    [
        ("{content: metadata}", "", False),
        ("{content: metadata, audio: off}", "", False),
        ("{content: metadata, audio: wav}", "", True),
        ("{content: redacted, audio: wav}", "", True),
        ("{content: full, audio: wav, retention: {content: 1d, audio: 1d}}", "", True),
        ("{content: none, audio: wav}", "", False),
        ("{content: metadata, audio: wav}", REDACTS, True),
        ("{content: redacted, audio: wav}", REDACTS, True),
        ("{content: full, audio: wav, retention: {content: 1d, audio: 1d}}", REDACTS, True),
    ],
)
def test_sound_is_kept_where_it_was_asked_for_and_says_no_more_than_the_log_may(
    tmp_path: Path, log: str, policies: str, kept: bool
) -> None:
    rules = loaded(tmp_path, log, policies)
    assert keeps_sound(rules) is kept
    asked_in_vain = "audio: wav" in log and not kept
    assert any("log.audio keeps no sound" in text for text in not_yet(rules)) is asked_in_vain
