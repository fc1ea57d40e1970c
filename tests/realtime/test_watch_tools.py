"""Which tools a message may name: every dialect, every place, every disguise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.frame import Frame
from realtime.watch import Refused
from realtime.watch import ToolList
from realtime.watch import Watch

ALLOWED = ("lookup_order", "mcp:crm", "mcp:d*@https://docs.example/*", "web_search", "googleSearch")


def watch(*globs: str, **more: Any) -> Watch:
    return Watch(lambda: (ToolList("key kiosk", globs),), **more)


def said(event: dict[str, Any] | str | bytes, *, client: bool = True, text: bool = True) -> Frame:
    payload = event if isinstance(event, bytes) else (event if isinstance(event, str) else json.dumps(event)).encode(errors="surrogatepass")
    return Frame(client, payload, text=text)


def judged(
    event: dict[str, Any] | str | bytes, dialect: str = "openai", globs: tuple[str, ...] = ALLOWED, *, text: bool = True
) -> str | None:
    refused = watch(*globs).judge(dialect, said(event, text=text))
    return None if refused is None else refused.code


def function(name: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {"tools": {"type": "string"}}}}


def nested(name: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def server(label: Any, url: Any = "https://crm.example/mcp", **more: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": label, "server_url": url, **more}


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def response(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": fields}


def override(**prompt: Any) -> dict[str, Any]:
    return {"type": "conversation_initiation_client_data", "conversation_config_override": {"agent": {"prompt": prompt}}}


def setup(*tools: Any) -> dict[str, Any]:
    return {"setup": {"model": "models/gemini", "tools": list(tools)}}


def declared(*names: Any, key: str = "functionDeclarations") -> dict[str, Any]:
    return {key: [{"name": name} for name in names]}


UNLISTED = [
    ("openai", session(tools=[function("wire_money")])),
    ("openai", session(tools=[function("lookup_order"), function("wire_money")])),
    ("openai", session(tools=[nested("wire_money")])),
    ("openai", session(tools=[{"name": "wire_money"}])),
    ("openai", session(tools=[{"type": "custom", "name": "wire_money"}])),
    ("openai", session(tools=[{"type": "computer"}])),
    ("openai", session(tools=[server("files")])),
    ("openai", session(tools=[{"server_label": "files", "server_url": "https://x.example/"}])),
    ("openai", session(tools=[{"type": "mcp", "server_label": "gmail", "connector_id": "connector_gmail"}])),
    ("openai", session(tool_choice={"type": "function", "name": "wire_money"})),
    ("openai", session(tool_choice={"name": "wire_money"})),
    ("openai", session(tool_choice={"type": "function", "function": {"name": "wire_money"}})),
    ("openai", session(tool_choice={"type": "mcp", "server_label": "files", "name": "read"})),
    ("openai", session(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [function("wire_money")]})),
    ("openai", session(tool_choice="wire_money")),
    ("openai", session(enable_search=True)),
    ("openai", response(tools=[function("wire_money")])),
    ("openai", response(tool_choice={"type": "function", "name": "wire_money"})),
    ("openai", {"type": "transcription_session.update", "session": {"tools": [function("wire_money")]}}),
    ("openai", {"type": "session.update", "tools": [function("wire_money")]}),
    ("openai", {"type": "something.new", "config": {"agents": [{"tools": [function("wire_money")]}]}}),
    ("openai", {"type": "conversation.item.create", "item": {"type": "mcp_list_tools", "server_label": "files", "tools": []}}),
    ("openai-live", {"type": "session.start", "session": {"delegation": {"type": "responses", "responses": {"tools": [function("x")]}}}}),
    ("openai-live", session(delegation={"type": "responses", "responses": {"tool_choice": {"type": "shell"}}})),
    ("openai-live", session(delegation={"responses": {"tools": [{"type": "namespace", "tools": [function("x")]}]}})),
    ("openai-translation", session(tools=[function("wire_money")])),
    ("vllm", {"type": "session.update", "tools": [function("wire_money")]}),
    ("gemini", setup(declared("wire_money"))),
    ("gemini", setup(declared("lookup_order", "wire_money"))),
    ("gemini", setup(declared("wire_money", key="function_declarations"))),
    ("gemini", setup({"functionDeclarations": {"name": "wire_money"}})),
    ("gemini", setup({"codeExecution": {}})),
    ("gemini", setup({"url_context": {}})),
    ("gemini", {"setup": {"tools": {"codeExecution": {}}}}),
    ("gemini", setup({"mcpServers": [{"name": "files", "streamableHttpTransport": {"url": "https://x.example/"}}]})),
    ("gemini", {"contextUpdate": {"tools": {"tools": [declared("wire_money")]}}}),
    ("gemini", {"context_update": {"tools": {"tools": [declared("wire_money")]}}}),
    ("gemini", {"type": "hello", "setup": {"tools": [declared("wire_money")]}}),
    ("gemini", {"setup": {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["wire_money"]}}}}),
    ("elevenlabs", override(tool_ids=["wire_money"])),
    ("elevenlabs", override(tools=[{"type": "webhook", "name": "wire_money"}])),
    ("elevenlabs", override(native_mcp_server_ids=["files"])),
    ("elevenlabs", override(mcp_server_ids=["files"])),
    ("elevenlabs", override(built_in_tools={"transfer_to_number": {"name": "transfer_to_number"}})),
    ("elevenlabs", {"type": "conversation_initiation_client_data", "custom_llm_extra_body": {"tools": [nested("wire_money")]}}),
]


@pytest.mark.parametrize(("dialect", "event"), UNLISTED, ids=lambda value: value if isinstance(value, str) else "")
def test_an_unlisted_tool_is_refused_wherever_it_is_named(dialect: str, event: dict[str, Any]) -> None:
    assert judged(event, dialect) == "tool_not_allowed"
    assert judged(event, dialect, ("*",)) is None
    assert watch().judge(dialect, said(event)) is not None
    assert Watch().judge(dialect, said(event)) is None


LISTED = [
    ("openai", session(tools=[])),
    ("openai", session(tools=None, tool_choice=None)),
    ("openai", session(tools=[function("lookup_order"), nested("lookup_order"), {"type": "web_search"}])),
    ("openai", session(tools=[server("crm"), server("docs", "https://docs.example/mcp")])),
    ("openai", session(tool_choice="auto", enable_search=False)),
    ("openai", session(tool_choice={"type": "mcp", "server_label": "crm", "name": "anything"})),
    ("openai", session(metadata={"tools": "v2"}, instructions="Use no tools but function wire_money.")),
    ("openai", response(input=[{"type": "function_call", "name": "old", "arguments": '{"tools":[1]}'}])),
    ("openai", {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": '{"tools":["x"]}'}}),
    ("openai", {"type": "conversation.item.create", "item": {"type": "mcp_list_tools", "server_label": "crm", "tools": [{"name": "a"}]}}),
    ("openai", {"type": "input_audio_buffer.append", "audio": "AAAA"}),
    ("openai-live", {"type": "session.input_audio.append", "audio": "AAAA", "tools": 1}),
    ("gemini", setup(declared("lookup_order"), {"googleSearch": {}}, {"google_search": {}}, {"codeExecution": None})),
    ("gemini", setup({"mcpServers": [{"name": "d", "streamableHttpTransport": {"url": "https://docs.example/mcp"}}]})),
    ("gemini", {"toolResponse": {"functionResponses": [{"name": "x", "response": {"tools": ["y"]}}]}}),
    ("gemini", {"setup": {"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}}),
    ("elevenlabs", override(tool_ids=["lookup_order"], prompt="Hello", built_in_tools={"end_call": None})),
    ("elevenlabs", {"user_audio_chunk": "AAAA"}),
    ("elevenlabs", {"type": "client_tool_result", "tool_call_id": "t", "result": {"tools": ["x"]}}),
]


@pytest.mark.parametrize(("dialect", "event"), LISTED, ids=lambda value: value if isinstance(value, str) else "")
def test_listed_tools_and_talk_about_tools_pass(dialect: str, event: dict[str, Any]) -> None:
    assert judged(event, dialect) is None


@pytest.mark.parametrize(
    "wrong",
    [
        *("wire_money", 5, True, 1.5, {}, {"0": function("wire_money")}),
        *([5], [None], [[function("lookup_order")]], [{}], [{"type": "function"}]),
        *([function(5)], [function("")], [function(["lookup_order"])], [{"type": ["function"], "name": "lookup_order"}], [{"type": {}}]),
        *([server(5)], [server("")], [server("crm", ["https://crm.example"])], [{"type": "mcp"}], [nested(None)]),
        [{"type": "function", "name": "lookup_order", "function": {"name": "wire_money"}}],
        [{"type": "function", "name": "lookup_order", "Name": "wire_money"}],
        [{"type": "function", "Type": "mcp", "name": "lookup_order", "server_label": "x"}],
    ],
    ids=repr,
)
def test_tools_of_a_wrong_type_do_not_slip_by(wrong: Any) -> None:
    assert judged(session(tools=wrong)) == "tool_not_allowed"
    if not isinstance(wrong, str):
        assert judged(session(tool_choice=wrong)) in ("tool_not_allowed", None if wrong == {} else "tool_not_allowed")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ('{"type":"session\\u002eupdate","session":{"tools":[{"name":"wire_money"}]}}', "tool_not_allowed"),
        ('{"type":"session.update","session":{"to\\u006fls":[{"n\\u0061me":"wire_money"}]}}', "tool_not_allowed"),
        ('{"type":"session.update","session":{"Tools":[{"Name":"wire_money"}]}}', "tool_not_allowed"),
        ('{"Type":"session.update","SESSION":{"TOOLS":[{"name":"wire_money"}]}}', "ambiguous_event"),
        ('{"type":"input_audio_buffer.append","audio":"AA==","Type":"session.update","session":{"tools":[]}}', "ambiguous_event"),
        ('{"type":"x","session":{"tools":[]},"session":{"tools":[{"name":"wire_money"}]}}', "ambiguous_event"),
        ('{"type":"session.update","session":{"tools":[{"name":"lookup_order","name":"wire_money"}]}}', "ambiguous_event"),
        ('{"type":"session.update","session":{"tools":[{"name":"wire_money"}]}', "ambiguous_event"),
        ('[{"type":"session.update","session":{"tools":[{"name":"wire_money"}]}}]', "ambiguous_event"),
        ('{"type":"session.update","session":' + '{"a":' * 80 + '{"tools":[]}' + "}" * 81, "ambiguous_event"),
        ('\ufeff{"type":"session.update","session":{"tools":[{"name":"wire_money"}]}}', "ambiguous_event"),
        ('{"type":"session.update","session":{"tools":[{"name":"lookup_order"}],"x":NaN}}', None),
        ('{"type":"session.update","session":{"\\u0074ools":[],"\\u0074ools":[]}}', "ambiguous_event"),
        ("hello tool", "ambiguous_event"),
        ("hello", None),
        ('{"type":"input_audio_buffer.commit","a":1,"a":2}', None),
    ],
)
def test_disguises(event: str, code: str | None) -> None:
    assert judged(event) == code
    assert judged(event.encode(), text=False) == (None if event == "hello tool" else code)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
@pytest.mark.parametrize("text", [True, False])
def test_other_encodings_are_refused(encoding: str, text: bool) -> None:
    assert judged(json.dumps(session(tools=[function("wire_money")])).encode(encoding), text=text) == "ambiguous_event"


def test_sound_in_binary_is_left_alone() -> None:
    assert judged(b"\x00\x01tool\xff\xfe" * 200, text=False) is None


@pytest.mark.parametrize(
    ("glob", "label", "url", "fits"),
    [
        ("mcp:crm", "crm", "https://anywhere.example/", True),
        ("mcp:crm", "crm2", "https://crm.example/", False),
        ("mcp:crm@https://crm.example/*", "crm", "https://crm.example/mcp", True),
        ("mcp:crm@https://crm.example/*", "crm", "https://crm.example.evil.example/mcp", False),
        ("mcp:crm@https://crm.example/*", "other", "https://crm.example/mcp", False),
        ("mcp:*@https://crm.example/*", "x@https://crm.example/y", "https://evil.example/", False),
        ("mcp:*@https://crm.example/*", "x", "https://evil.example/@https://crm.example/", False),
        ("mcp:*", "x", "https://evil.example/", True),
        ("crm", "crm", "https://crm.example/", False),
        ("*", "crm", "https://crm.example/", True),
    ],
)
def test_a_server_by_its_label_and_by_where_it_is(glob: str, label: str, url: str, fits: bool) -> None:
    assert (judged(session(tools=[server(label, url)]), globs=(glob,)) is None) is fits


def test_a_server_at_two_places_has_to_be_allowed_at_both() -> None:
    both = server("crm", "https://crm.example/", connector_id="connector_gmail")
    assert judged(session(tools=[both]), globs=("mcp:crm@https://crm.example/*",)) == "tool_not_allowed"
    assert judged(session(tools=[{"type": "mcp", "server_label": "crm"}]), globs=("mcp:crm@https://crm.example/*",)) == "tool_not_allowed"


def test_two_lists_both_hold() -> None:
    both = Watch(lambda: (ToolList("key kiosk", ("a*", "b")), ToolList("route eu", ("ab", "b"))))
    codes = [both.judge("openai", said(session(tools=[function(name)]))) for name in ("ab", "b", "ax", "c")]
    assert [refused is None for refused in codes] == [True, True, False, False]
    assert [refused.message for refused in codes if refused] == [
        "tool 'ax' is not allowed for route eu; allowed: ab, b",
        "tool 'c' is not allowed for key kiosk; allowed: a*, b",
    ]


def test_what_the_sender_is_told() -> None:
    frame = said({**session(tools=[server("files", "https://files.example/")]), "event_id": "e7"})
    refused = watch("lookup_order").judge("openai", frame)
    assert isinstance(refused, Refused)
    verdict = refused.verdict("openai", frame)
    error = json.loads(verdict.reply[0])["error"]
    assert (verdict.action, error["event_id"], error["code"]) == ("drop", "e7", "tool_not_allowed")
    assert error["message"] == "tool 'mcp:files@https://files.example/' is not allowed for key kiosk; allowed: lookup_order"
    unnamed = watch().judge("openai", said(session(tools=[{}])))
    assert unnamed is not None
    assert unnamed.message.endswith(
        "$.session.tools has a tool without a name that can be read, which is not allowed for key kiosk; allowed: none"
    )


@pytest.mark.parametrize("dialect", ["gemini", "elevenlabs"])
def test_a_protocol_without_errors_is_closed(dialect: str) -> None:
    frame = said(setup(declared("é" * 200)) if dialect == "gemini" else override(tool_ids=["é" * 200]))
    refused = watch().judge(dialect, frame)
    assert refused is not None
    verdict = refused.verdict(dialect, frame)
    assert (verdict.action, verdict.close.code) == ("close", 1008)
    assert len(verdict.close.reason.encode()) <= 123


def test_a_list_counts_as_it_is_now() -> None:
    lists: list[ToolList] = []
    watched = Watch(lambda: lists)
    frame = said(session(tools=[function("x")]))
    assert watched.judge("openai", frame) is None
    lists.append(ToolList("key k", ()))
    assert watched.judge("openai", frame) is not None
