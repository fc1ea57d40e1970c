"""Every diagnostic code at its place, all at once, with no secret shown; and no text that makes the loader fall over."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from providers import KINDS
from rules.capability import cannot
from rules.diagnostics import CODES
from rules.diagnostics import Diagnostic
from rules.load import Loaded
from rules.load import load
from rules.load import load_file
from rules.upstream import Kind
from rules.upstream import Provider

HASH = "sha256:" + "0" * 64
ROUTE = "version: 1\nproviders: {a: {kind: openai, models: {dep: gpt}}, b: {kind: xai}}\nroutes:\n  - "
POLICY = "version: 1\npolicies:\n  - {id: p, action: block, when: "

CASES: list[tuple[str, str]] = [
    ("version: 1\nlog: {a: b§: c}", "VT001"),
    ("version: 1\n§version: 1", "VT002"),
    (f"version: 1\nkeys:\n- {{id: a, hash: '{HASH}'}}\n- {{id: §a, hash: '{HASH[:-1]}1'}}", "VT002"),
    (f"version: 1\nkeys:\n- {{id: a, hash: '{HASH}'}}\n- {{id: b, hash: §'{HASH}'}}", "VT002"),
    ("version: 1\nroutes:\n- {name: r, match: {path: /a}}\n- {name: §r}", "VT002"),
    ("version: 1\nlog: §*x", "VT003"),
    ("version: 1\nlisten: {§gatway: 1}", "VT010"),
    ("version: 1\n§whatever: 1", "VT010"),
    ("version: §2", "VT011"),
    ("version: §true", "VT011"),
    ("§- 1", "VT011"),
    ("version: 1\non_error: §blok", "VT011"),
    ("version: 1\nlisten: {gateway: §8787}", "VT011"),
    ("version: 1\nlisten: {gateway: §'[::1]'}", "VT011"),
    ("version: 1\nlisten: {gateway: §'127.0.0.1:70000'}", "VT011"),
    ("version: 1\nlisten: {gateway: §'300.0.0.1:80'}", "VT011"),
    ("version: 1\nlisten: {gateway: '127.0.0.1:1', §control: '127.0.0.1:1'}", "VT011"),
    ("version: 1\nlisten: {origins: [§'*']}", "VT011"),
    ("version: 1\nlimits: {message: §16}", "VT011"),
    ("version: 1\nlimits: {idle: §0s}", "VT011"),
    ("version: 1\nlimits: {sessions: §'3'}", "VT011"),
    ("version: 1\nlimits: {idle: §~}", "VT011"),
    ("version: 1\nproviders: {§a/b: {kind: openai}}", "VT011"),
    ("version: 1\nproviders: {a: {kind: openai, url: §ftp://x}}", "VT011"),
    ("version: 1\nproviders: {a: {kind: openai, url: §'https://'}}", "VT011"),
    ("version: 1\nproviders: {a: {kind: openai, url: §'https://h?x=1'}}", "VT011"),
    ("version: 1\nproviders: {a: {kind: openai, models: §[1]}}", "VT011"),
    ("version: 1\nproviders: {a: {kind: openai, headers: [§Authorization]}}", "VT011"),
    (f"version: 1\nkeys: [{{id: §local, hash: '{HASH}'}}]", "VT011"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', models: §~}}]", "VT011"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', revoked: §yes}}]", "VT011"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', expires: §31.1.2027}}]", "VT011"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', rate: {{sessions: §10}}}}]", "VT011"),
    ("version: 1\nroutes: [{name: r, §tunnel: true}]", "VT011"),
    ("version: 1\nroutes: [{name: r, match: {door: intercept, host: h}, tunnel: true, §budget: {usd: 1, per: 1d}}]", "VT011"),
    ("version: 1\nroutes: [{name: r, match: {door: intercept, host: h}, tunnel: true, §sessions: 1}]", "VT011"),
    ("version: 1\nroutes: [{name: r, sessions: §0}]", "VT011"),
    ("version: 1\nroutes: [{name: r, budget: {usd: §-1}}]", "VT011"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', sessions: §2.5}}]", "VT011"),
    ("version: 1\nlog: {store: §mysql://h}", "VT011"),
    ("version: 1\nprices: {m: {audio_in: §-1}}", "VT011"),
    ("version: 1\nprices: {m: {§session: 1}}", "VT011"),
    ("version: 1\nprices: {m: {§cached_text: 1, per: minute}}", "VT011"),
    ("version: 1\npolicies: [{id: p, action: block, when: {}, §replace: x}]", "VT011"),
    (POLICY + "{detect: §[]}}", "VT011"),
    ("§log: {}", "VT012"),
    ("§", "VT012"),
    ("version: 1\nproviders: {§a: {}}", "VT012"),
    ("version: 1\nproviders:\n  §a: {kind: azure}", "VT012"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', §budget: {{per: 1d}}}}]", "VT012"),
    ("version: 1\nprices: {§m: {per: 1M}}", "VT012"),
    ("version: 1\npolicies: [{id: p, §action: tag, when: {}}]", "VT012"),
    ("version: 1\npolicies: [{id: p, §action: redact, when: {}}]", "VT012"),
    (POLICY + "{§in: [1]}}", "VT012"),
    ("version: 1\nproviders: {a: {kind: openai, credential: §hunter2}}", "VT020"),
    ("version: 1\nproviders: {a: {kind: openai, credential: §env:sk-abc}}", "VT020"),
    ("version: 1\nproviders: {a: {kind: openai, url: §'https://u:hunter2@h'}}", "VT020"),
    ("version: 1\nkeys: [{id: a, hash: §hunter2}]", "VT020"),
    ("version: 1\nlog: {store: §'postgresql://u:hunter2@h/db'}", "VT020"),
    ("version: 1\nproviders: {a: {kind: openai, credential: §env:UNSET}}", "VT021"),
    ("version: 1\nlog: {store: §env:DATABASE_URL}", "VT021"),
    (POLICY + "{regex: 'a§(?=b)'}}", "VT030"),
    (POLICY + "{regex: §a(b}}", "VT030"),
    (POLICY + '{regex: "§\\\\1"}}', "VT030"),
    (POLICY + "{at: '$.a§['}}", "VT031"),
    (POLICY + "{at: §a}}", "VT031"),
    (POLICY + "{detect: [card, §crad]}}", "VT032"),
    (POLICY + "{detect: [card, §words.names]}}\nwords: {other: [apollo]}", "VT032"),
    ("version: 1\nwords: {names: §[]}", "VT011"),
    ("version: 1\nwords: {names: [apollo, §7]}", "VT011"),
    ("version: 1\nwords: {names: [apollo, §'--']}", "VT011"),
    ("version: 1\nwords: {§a b: [apollo]}", "VT011"),
    (ROUTE + "{name: r, provider: §c}", "VT040"),
    (ROUTE + "{name: r, provider: a, model: §x}", "VT040"),
    (ROUTE + "{name: r, match: {key: §k*}}", "VT040"),
    (ROUTE + "{name: r}\n  - §{name: s, match: {path: /v1}}", "VT041"),
    (ROUTE + "{name: r, match: {door: §intercept}}", "VT041"),
    (POLICY + "{at: $.a, in: §[]}}", "VT041"),
    (POLICY + "{size: §{over: 1KB, under: 1KB}}}", "VT041"),
    ("version: 1\nproviders: {a: {kind: xai}, §b: {kind: xai}}", "VT042"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', models: §[]}}]", "VT042"),
    (POLICY + "{event: a*}}\n  - §{id: q, action: alert, when: {event: ab}}", "VT043"),
    (POLICY + "{event: a}, tests: [{event: {type: b}, expect: §block}]}", "VT050"),
    ("version: 1\nproviders: {a: {kind: azure, url: 'https://h', api_version: §2024-02-01}}", "VT051"),
    ("version: 1\nproviders: {a: {kind: xai, api_version: §2025-04-01-preview}}", "VT051"),
    ("version: 1\nlisten: {gateway: §'0.0.0.0:0'}", "VT060"),
    ("version: 1\nlisten: {control: §'[::]:0'}", "VT060"),
    ("version: 1\nlog: {content: §full, audio: wav}", "VT061"),
    ("version: 1\nroutes: [{name: r, budget: §{usd: 1}}]", "VT062"),
    (f"version: 1\nkeys: [{{id: a, hash: '{HASH}', budget: §{{tokens: 1, per: 91d}}}}]", "VT062"),
]
"""A file with § where the diagnostic stands, and its code."""


def only(loaded: Loaded) -> tuple[str, int, int]:
    (found,) = loaded.diagnostics
    return found.code, found.line, found.column


@pytest.mark.parametrize(("marked", "code"), CASES)
def test_code_and_place(marked: str, code: str) -> None:
    loaded = load(marked.replace("§", ""), env={})
    before = marked[: marked.index("§")].split("\n")
    assert only(loaded) == (code, len(before), len(before[-1]) + 1), loaded.render()
    assert (loaded.rules is None) == (loaded.diagnostics[0].severity == "error")
    assert "hunter2" not in loaded.render() + repr(loaded.diagnostics)


def test_every_code_has_a_case() -> None:
    assert {code for _, code in CASES} == CODES.keys()


def test_all_at_once_in_file_order() -> None:
    text = (
        "version: 1\nlimits: {message: 16, sesions: 1}\nproviders:\n  a: {kind: opnai}\n  b: {kind: xai}\n"
        "routes:\n  - {name: r, provider: a, match: {path: /x}}\n  - {name: s, provider: c}\nroutes: []\n"
        "policies:\n  - {id: p, action: block, when: {regex: '('}}\n"
        "  - {id: q, action: block, when: {}, tests: [{event: {}, expect: none}]}\n"
        "log: *x"
    )
    codes = [(d.code, d.line) for d in load(text, env={}).diagnostics]
    assert codes == [
        ("VT011", 2),
        ("VT010", 2),
        ("VT011", 4),
        ("VT040", 8),
        ("VT002", 9),
        ("VT030", 11),
        ("VT050", 12),
        ("VT003", 13),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version: 1\nlisten: {gatway: 1}", "did you mean 'gateway'?"),
        ("version: 1\nlimits: {message: 16}", "did you mean 16MiB?"),
        ("version: 1\nproviders: {openai: {kind: opneai}}", "did you mean 'openai'?"),
        ("version: 1\nproviders: {a: {kind: xai, api_key: x}}", "secrets are written as credential: env:NAME or credential: file:path"),
        (POLICY + "{detect: [crad]}}", "did you mean 'card'?"),
        (ROUTE + "{name: r, provider: a, model: deb}", "did you mean 'dep'?"),
        ("version: 1\nroutes: [{name: r, mach: {}}]", "did you mean 'match'?"),
        ("version: 1\npolicies: [{id: p, action: tag, tag: x, when: {form: client}}]", "did you mean 'from'?"),
        ("version: 1\nproviders: {kind: {kind: xai, modles: []}}", "did you mean 'models'?"),
    ],
)
def test_hints(text: str, hint: str) -> None:
    assert hint in [found.hint for found in load(text, env={}).diagnostics]


def test_rendering() -> None:
    loaded = load("version: 1\nlimits:\n  message: 16\n", env={}, name="my.yaml")
    assert loaded.render() == (
        "my.yaml:3:12: VT011 limits.message should be a size with its unit, such as 16MiB\n"
        "      message: 16\n"
        "               ^\n"
        "  hint: did you mean 16MiB?"
    )


def test_rendering_cuts_long_lines_around_the_caret() -> None:
    rows = load("version: 1\nlog: {store: '" + "x" * 5000 + "', frames: maybe}", env={}).diagnostics[1].render().splitlines()
    assert len(rows[1]) < 130
    assert rows[1][rows[2].index("^") :].startswith("maybe")


def test_rendering_is_safe_for_a_terminal() -> None:
    for text in ("version: 1\nlog: \x1b[2J", 'version: 1\n"\\e[2J\\u202e": 1', "version: 1\nlog: {content: \u202eevil}"):
        assert all(sign.isprintable() or sign == "\n" for sign in load(text, env={}).render())


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nproviders: {a: {kind: opnai, credential: %s}}",
        "version: 1\nproviders:\n  a:\n    kind: xai\n    credential:\n      %s",
        "version: 1\nproviders: {a: {kind: xai, credential: >-\n   %s\n }}",
        "version: 1\nproviders:\n  a:\n    credential: %s: x",
        "version: 1\nproviders: {a: {kind: xai, api_key: '%s', modles: []}}",
        "version: 1\nproviders: {a: {kind: xai, url: 'https://u:%s@h'}}",
        "version: 1\nkeys: [{id: a, hsh: 1, hash: %s}]",
        "version: 1\nlog: {store: 'postgresql://u:%s@h/db', frames: x}",
        "version: 1\nlog: {store: 'postgresql://h/db?password=%s', frames: x}",
    ],
)
@pytest.mark.parametrize("secret", ["hunter2-hunter2", "sk-proj-abcdefghijklmnopqrst"])
def test_no_diagnostic_shows_a_secret(text: str, secret: str) -> None:
    loaded = load(text % secret, env={})
    assert loaded.rules is None
    assert secret not in loaded.render() + repr(loaded)


def test_a_secret_in_a_broken_line_elsewhere_is_blanked_by_its_shape() -> None:
    assert "abcdefghijklmnop" not in load("version: 1\nx: y: sk-proj-abcdefghijklmnopqrst", env={}).render()


def test_defaults() -> None:
    rules = load("version: 1", env={}).rules
    assert rules is not None
    assert (str(rules.listen.gateway), str(rules.listen.control), rules.listen.intercept) == ("127.0.0.1:8787", "127.0.0.1:8789", None)
    assert (rules.on_error, rules.log.content, rules.log.frames, rules.log.audio, rules.log.store) == (
        "block",
        "metadata",
        "off",
        "off",
        "tinydb",
    )
    limits = rules.limits
    assert (limits.message, limits.sessions, limits.per_key) == (16 << 20, 200, 20)
    assert (limits.handshake, limits.idle, limits.session, limits.write) == (10.0, 900.0, 3600.0, 30.0)
    assert rules.log.retention.content == 14 * 86400.0


def test_sections_that_are_all_comments_count_as_absent() -> None:
    assert load("version: 1\nlisten:\nkeys:\nproviders:\nlog:\n", env={}).rules is not None


def test_typed_values() -> None:
    text = (
        'version: 1\nlisten: {gateway: "[::1]:0", intercept: "localhost:8788"}\n'
        f"keys: [{{id: k, hash: '{HASH}', budget: {{usd: 20, audio: 1h30m, per: 1d}}, rate: {{sessions: 10/m}}, expires: 2027-01-31}}]\n"
        "providers: {a: {kind: azure, url: 'https://h/', models: {d: m}}, b: {kind: openai, models: [x]}}"
    )
    rules = load(text, env={}).rules
    assert rules is not None
    gateway = rules.listen.gateway
    assert (gateway.host, gateway.port, gateway.loopback, str(gateway)) == ("::1", 0, True, "[::1]:0")
    key = rules.keys[0]
    assert key.budget is not None
    assert key.rate is not None
    assert key.expires is not None
    assert (key.budget.audio, key.budget.per, key.rate.sessions.count, key.rate.sessions.seconds) == (5400.0, 86400.0, 10, 60.0)
    assert key.expires.isoformat() == "2027-02-01T00:00:00+00:00"
    assert (rules.providers["a"].url, rules.providers["a"].models, rules.providers["b"].models) == ("https://h", {"d": "m"}, {"x": "x"})


@pytest.mark.parametrize(("written", "size"), [("512B", 512), ("1KB", 1000), ("1KiB", 1024), ("2MB", 2_000_000), ("1GiB", 1 << 30)])
def test_sizes(written: str, size: int) -> None:
    rules = load(f"version: 1\nlimits: {{message: {written}}}", env={}).rules
    assert rules is not None
    assert rules.limits.message == size


@pytest.mark.parametrize(("host", "ok"), [("127.9.9.9", True), ("localhost", True), ("0.0.0.0", False), ("example.com", False)])
def test_what_counts_as_loopback(host: str, ok: bool) -> None:
    assert (load(f"version: 1\nlisten: {{gateway: '{host}:1'}}", env={}).rules is not None) == ok


def test_wider_bind_with_a_key() -> None:
    text = "version: 1\nlisten: {gateway: '0.0.0.0:0'}\n"
    assert load(text, env={}, stored_keys=["k"]).rules is not None
    assert load(text + f"keys: [{{id: a, hash: '{HASH}'}}]", env={}).rules is not None
    assert load(text + f"keys: [{{id: a, hash: '{HASH}', revoked: true}}]", env={}).rules is None


def test_a_key_kept_elsewhere_is_known_to_routes() -> None:
    assert load(ROUTE + "{name: r, match: {key: kiosk-*}}", env={}, stored_keys=["kiosk-1"]).diagnostics == ()


def test_further_capabilities_can_be_asked_for() -> None:
    def never(name: str, provider: Provider) -> Iterable[tuple[str, str, str]]:
        yield "kind", f"{provider.kind} can nothing", ""

    assert only(load("version: 1\nproviders: {a: {kind: xai}}", env={}, cannot=never)) == ("VT051", 2, 23)


def test_every_kind_of_provider_can_be_named() -> None:
    assert set(get_args(Kind)) == KINDS.keys()
    rows = "".join(f"  {kind}: {{kind: {kind}, url: 'http://127.0.0.1:1'}}\n" for kind in KINDS)
    assert load("version: 1\nproviders:\n" + rows, env={}).diagnostics == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_url_is_asked_for_exactly_where_the_provider_has_none_of_its_own(kind: str) -> None:
    codes = [found.code for found in load(f"version: 1\nproviders: {{a: {{kind: {kind}}}}}", env={}).diagnostics]
    assert codes == (["VT012"] if list(cannot(kind, Provider.model_construct(kind=kind))) else [])


def test_load_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    (tmp_path / "key").chmod(0o600)
    path = tmp_path / "r.yaml"
    path.write_text("version: 1\nproviders: {a: {kind: openai, credential: file:key}}")
    loaded = load_file(path, {})
    assert (loaded.rules is not None, loaded.diagnostics, loaded.name) == (True, (), "r.yaml")


@pytest.mark.parametrize(
    ("content", "place"),
    [(b"version: 1\nlog: \xff", ("VT001", 2, 1)), (b"#" * (1 << 20) + b"#", ("VT003", 1, 1)), (None, ("VT001", 1, 1))],
)
def test_files_that_cannot_be_loaded(tmp_path: Path, content: bytes | None, place: tuple[str, int, int]) -> None:
    path = tmp_path / "rules.yaml"
    if content is not None:
        path.write_bytes(content)
    assert only(load_file(path, {})) == place


KNOWN = (
    "version listen gateway limits message providers openai kind url credential models keys id hash routes name match policies when at"
    " regex detect in size tests event expect log content prices per 1 true null 16MiB 15m 10/m env:A file:b azure xai sk-x"
)
WORDS = st.sampled_from([*KNOWN.split(), HASH, "a/b", "(", "$..a", "", "&a", "*a", "!t", "\ud800", "\x07", "sim"])
TREES = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=25)


def as_yaml(tree: object) -> str:
    match tree:
        case dict():
            return "{" + ", ".join(f"{key}: {as_yaml(value)}" for key, value in tree.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_yaml, tree)) + "]"
    return str(tree)


def sound(loaded: Loaded) -> None:
    assert (loaded.rules is None) == any(found.severity == "error" for found in loaded.diagnostics)
    assert all(isinstance(found, Diagnostic) and found.line >= 1 and found.column >= 1 for found in loaded.diagnostics)
    assert all(sign.isprintable() or sign == "\n" for sign in loaded.render())


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    sound(load(text, env={}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_any_tree_of_known_words_is_loaded_or_refused(tree: dict[str, object]) -> None:
    sound(load(as_yaml({"version": 1} | tree), env={}))


SHIPPED = (Path(__file__).parents[2] / "rules.yaml").read_text()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SHIPPED)), st.integers(0, 40), st.text("{}[]:,#&*!|>'\"%@`- \n\tab1~\\", max_size=6))
def test_any_edit_of_the_shipped_file_is_loaded_or_refused(start: int, cut: int, put: str) -> None:
    sound(load(SHIPPED[:start] + put + SHIPPED[start + cut :], env={}))
