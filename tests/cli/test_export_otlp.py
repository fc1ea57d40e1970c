"""`export otlp`: past turns reach a collector, named by option or rules; secrets come from where they are kept, never from arguments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exportlog import CALL
from exportlog import LATER
from exportlog import TALK
from exportlog import run
from exportlog import write
from otelreceiver import Receiver
from otelreceiver import attributes
from otelreceiver import receiver

from cli.errors import Failure


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("otlp")
    write(data)
    return data


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_every_turn_that_is_over(log: Path, there: Receiver) -> None:
    result = run(log, "export", "otlp", "--endpoint", there.url)
    assert result.exit_code == 0, result.output
    turns = [attributes(span) for span in there.spans if not span.parent_span_id]
    assert [(turn["voicetap.session"], turn["voicetap.turn"]) for turn in turns] == [(TALK, 1), (TALK, 2), (CALL, 1), (LATER, 1)]
    assert "7 span(s)" in result.stdout
    assert "pwned" not in str(there.requests), "content only where it is asked for"
    first = next(span for span in there.spans if not span.parent_span_id)
    assert [attributes(event)["voicetap.policy.rule"] for event in first.events] == ["cards"]


def test_chosen_sessions_with_content_and_a_secret(log: Path, there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SECRET", "Bearer canary-7")
    words = ("--header", "authorization=env:OTEL_SECRET", "--content", "--semconv", "1.36")
    assert run(log, "export", "otlp", "key=lab", "--endpoint", there.url + "/", *words).exit_code == 0
    assert {attributes(span).get("voicetap.session") for span in there.spans} == {CALL, None}
    assert there.headers[0]["authorization"] == "Bearer canary-7"
    assert there.resource["voicetap.semconv"] == "1.36"
    assert "pwned" in str(there.requests)


def test_the_collector_of_the_rules(log: Path, there: Receiver, tmp_path: Path) -> None:
    rules, secret = tmp_path / "rules.yaml", tmp_path / "secret"
    secret.write_text("canary-8\n")
    secret.chmod(0o600)
    rules.write_text(f"version: 1\notel: {{endpoint: '{there.url}', headers: {{x-token: file:secret}}}}\n")
    assert run(log, "export", "otlp", TALK, "--rules", str(rules)).exit_code == 0
    assert there.headers[0]["x-token"] == "canary-8"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "VT105"),
        (["--endpoint", "http://otel.example.org"], "VT105"),
        (["--endpoint", "ftp://127.0.0.1"], "VT105"),
        (["--endpoint", "https://user:pass@otel.example.org"], "VT105"),
        (["--endpoint", "http://127.0.0.1:9", "--header", "authorization=Bearer canary-9"], "VT105"),
        (["--endpoint", "http://127.0.0.1:9", "--header", "authorization=env:NOT_THERE_AT_ALL"], "VT105"),
        (["--endpoint", "http://127.0.0.1:9", "--semconv", "0.1"], "VT105"),
    ],
)
def test_what_cannot_be_is_said(log: Path, tmp_path: Path, words: list[str], code: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\n")
    failure = run(log, "export", "otlp", "--rules", str(rules), *words).exception
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert "canary" not in failure.message + failure.fix


def test_a_collector_that_refuses(log: Path, there: Receiver) -> None:
    there.answers = [(401, {}, b"no")]
    failure = run(log, "export", "otlp", "--endpoint", there.url).exception
    assert isinstance(failure, Failure)
    assert (failure.code, "it answered 401" in failure.message) == ("VT113", True)
