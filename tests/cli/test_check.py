"""`check` as people and programs see it."""

from __future__ import annotations

from pathlib import Path

from commandline import Cli


def test_valid_rules(cli: Cli, rules: Path) -> None:
    found = cli("check", str(rules), OPENAI_API_KEY="sk-x")
    assert (found.code, found.err) == (0, "")
    assert found.out == f"{rules}: no errors\n"


def test_all_errors_at_once_with_line_column_and_caret(cli: Cli, rules: Path) -> None:
    rules.write_text("version: 1\nprovders: {}\nlimits: {sessions: many}\n")
    found = cli("check", str(rules))
    assert found.code == 2
    assert "rules.yaml:2:1: VT010 " in found.out
    assert "rules.yaml:3:20: VT011 " in found.out
    assert "did you mean 'providers'?" in found.out
    assert "\n    provders: {}\n    ^\n" in found.out
    assert found.out.endswith(f"{rules}: 2 errors\n")
    assert "\x1b" not in found.out


def test_json(cli: Cli, rules: Path) -> None:
    rules.write_text("version: 1\nprovders: {}\n")
    found = cli("check", str(rules), "--json")
    assert found.code == 2
    assert found.json["valid"] is False
    [diagnostic] = found.json["diagnostics"]
    assert (diagnostic["code"], diagnostic["line"], diagnostic["column"], diagnostic["severity"]) == ("VT010", 2, 1, "error")


def test_a_missing_variable_is_a_warning(cli: Cli) -> None:
    found = cli("check", "--json")
    assert found.code == 0
    assert found.json["valid"] is True
    assert [diagnostic["code"] for diagnostic in found.json["diagnostics"]] == ["VT021"]


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    found = cli("check", str(tmp_path / "none.yaml"))
    assert found.code == 2
    assert "No such file or directory" in found.out


def test_a_literal_secret_is_not_repeated(cli: Cli, rules: Path) -> None:
    rules.write_text("version: 1\nproviders: {openai: {kind: openai, credential: sk-live-0123456789abcdef}}\n")
    for arguments in (("check",), ("check", "--json")):
        found = cli(*arguments)
        assert found.code == 2
        assert "VT020" in found.out
        assert "0123456789abcdef" not in found.out + found.err
