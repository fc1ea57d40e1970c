"""When the instructions or tools of a session change: who changed them, from what to what, and when it is no change."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from realtime.frame import Frame
from realtime.watch import Change
from realtime.watch import InForce
from realtime.watch import Refused
from realtime.watch import Watch


class Talk:
    """A session: `client` and `server` take events and return what changed, in words."""

    def __init__(self, dialect: str = "openai", in_force: InForce | None = None, **responses: Any) -> None:
        self.dialect = dialect
        self.watch = Watch(in_force=in_force or InForce(), **responses)
        self.changes: tuple[Change, ...] = ()

    def client(self, event: Any) -> list[str]:
        found = self.watch.settle(self.dialect, said(event, client=True))
        if isinstance(found, Refused):
            return [found.code]
        return self._told(found)

    def server(self, event: Any) -> list[str]:
        return self._told(self.watch.reported(self.dialect, said(event, client=False)))

    def update(self, **session: Any) -> list[str]:
        return self.client({"type": "session.update", "session": session})

    def updated(self, **session: Any) -> list[str]:
        return self.server({"type": "session.updated", "session": session})

    def created(self, **session: Any) -> list[str]:
        return self.server({"type": "session.created", "session": session})

    def _told(self, found: tuple[Change, ...]) -> list[str]:
        self.changes += found
        return [f"{change.aspect} {change.how}" for change in found]


def said(event: Any, *, client: bool) -> Frame:
    return Frame(client, event if isinstance(event, bytes) else json.dumps(event).encode(errors="surrogatepass"))


def tool(name: str = "lookup", description: str = "Looks up.", **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    return {"type": "function", "name": name, "description": description, "parameters": schema, **more}


def server(label: str = "crm", url: str = "https://crm.example/mcp", **more: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": label, "server_url": url, **more}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def test_the_first_setting_is_none_and_the_same_again_neither() -> None:
    talk = Talk()
    for _ in range(2):
        assert talk.update(instructions="Be kind.", tools=[tool(), server()]) == []
    assert talk.update(voice="marin") == []
    assert talk.update(tools=[dict(reversed(tool().items())), server()]) == []


def test_changed_instructions_are_told_by_their_digests() -> None:
    talk = Talk()
    talk.update(instructions="Be kind.")
    assert talk.update(instructions="Be rude.") == ["instructions changed"]
    [change] = talk.changes
    assert (change.before, change.after) == (digest("Be kind."), digest("Be rude."))
    assert change.place.keys == ("session", "instructions")
    assert talk.update(instructions="Be rude.") == []
    assert talk.update(instructions="") == ["instructions changed"]


def test_null_is_nothing_until_something_was_set() -> None:
    talk = Talk()
    assert talk.update(instructions=None, tools=None) == []
    assert talk.update(instructions="Be kind.", tools=[tool()]) == []
    assert talk.update(instructions=None, tools=None) == ["instructions changed", "tools changed"]


def test_no_tools_are_a_setting_too() -> None:
    talk = Talk()
    assert talk.update(tools=[]) == []
    assert talk.update(tools=[tool()]) == ["tools changed"]
    assert talk.changes[0].added == ("lookup",)


@pytest.mark.parametrize(
    ("tools", "added", "removed", "changed"),
    [
        ([tool()], (), ("mcp:crm",), ()),
        ([tool(), server(), tool("other")], ("other",), (), ()),
        ([tool(description="Deletes."), server()], (), (), ("lookup",)),
        ([{**tool(), "parameters": {"type": "object"}}, server()], (), (), ("lookup",)),
        ([tool(), server(url="https://evil.example/mcp")], (), (), ("mcp:crm",)),
        ([tool(), server(require_approval="never")], (), (), ("mcp:crm",)),
        ([tool(), server(allowed_tools=["a"])], (), (), ("mcp:crm",)),
        ([tool(), server(label="crm2")], ("mcp:crm2",), ("mcp:crm",), ()),
        ([tool(), tool(description="Twice."), server()], (), (), ("lookup",)),
        ([], (), ("lookup", "mcp:crm"), ()),
    ],
)
def test_changed_tools_are_told_by_name(tools: list[Any], added: Any, removed: Any, changed: Any) -> None:
    talk = Talk()
    talk.update(tools=[tool(), server()])
    assert talk.update(tools=tools) == ["tools changed"]
    [change] = talk.changes
    assert (change.added, change.removed, change.changed) == (added, removed, changed)


def test_a_new_token_for_the_same_server_is_no_change() -> None:
    talk = Talk()
    talk.update(tools=[server(authorization="one", headers={"X": "1"})])
    assert talk.update(tools=[server(authorization="two", headers={"X": "2"})]) == []
    assert "one" not in repr(talk.watch.in_force.record())


def test_a_stored_prompt_is_instructions() -> None:
    talk = Talk()
    talk.update(prompt={"id": "pmpt_1", "version": "1", "variables": {"city": "Bern"}})
    assert talk.update(prompt={"version": "1", "variables": {"city": "Bern"}, "id": "pmpt_1"}) == []
    assert talk.update(prompt={"id": "pmpt_1", "version": "2"}) == ["instructions changed"]


def test_what_live_delegates_to_and_adds() -> None:
    talk = Talk("openai-live")
    start = {
        "type": "session.start",
        "session": {"instructions": "A", "delegation": {"responses": {"instructions": "B", "tools": [tool()]}}},
    }
    assert talk.client(start) == []
    assert talk.server({"type": "session.started", "session": start["session"]}) == []
    assert talk.update(delegation={"responses": {"instructions": "C"}}) == ["instructions changed"]
    assert talk.changes[0].place.slot == "delegation.responses.instructions"
    append = {"type": "session.instructions.append", "content": "D"}
    assert [talk.client(append), talk.client(append)] == [["instructions appended"]] * 2
    assert talk.updated(instructions="A D D") == []
    assert talk.updated(instructions="something else") == ["instructions changed"]


@pytest.mark.parametrize("spelled", ["contextUpdate", "context_update"])
def test_gemini_in_both_spellings(spelled: str) -> None:
    talk = Talk("gemini")
    declared = [{"functionDeclarations": [{"name": "lookup", "description": "Looks up."}]}]
    assert talk.client({"setup": {"systemInstruction": {"parts": [{"text": "Be kind."}]}, "tools": declared}}) == []
    again = {"system_instruction": {"role": "user", "parts": [{"text": "Be kind."}]}, "tools": {"tools": declared}}
    assert talk.client({spelled: again}) == []
    assert talk.client({spelled: {"systemInstruction": {"parts": [{"text": "Be rude."}]}}}) == ["instructions changed"]
    assert talk.client({spelled: {"tools": {"tools": []}}}) == ["tools changed"]
    assert [change.place.keys for change in talk.changes] == [(spelled, "systemInstruction"), (spelled, "tools")]


def test_an_agent_that_is_configured_twice() -> None:
    talk = Talk("elevenlabs")

    def initiation(prompt: str, *ids: str) -> dict[str, Any]:
        agent = {"first_message": "Hello", "prompt": {"prompt": prompt, "tool_ids": list(ids)}}
        return {"type": "conversation_initiation_client_data", "conversation_config_override": {"agent": agent}}

    assert talk.client(initiation("Be kind.", "a")) == []
    assert talk.client(initiation("Be rude.", "b")) == ["instructions changed", "tools changed"]
    assert talk.changes[1].added == ("b",)


def test_flat_and_beta_shapes() -> None:
    talk = Talk("vllm")
    assert talk.client({"type": "session.update", "instructions": "A"}) == []
    assert talk.client({"type": "session.update", "instructions": "B"}) == ["instructions changed"]
    beta = Talk()
    beta.client({"type": "transcription_session.update", "session": {"input_audio_transcription": {"prompt": "Names: Ann"}}})
    other = {"type": "transcription_session.update", "session": {"input_audio_transcription": {"prompt": "Names: Bob"}}}
    assert beta.client(other) == ["instructions changed"]


class TestOneAnswer:
    def test_an_override_is_told_once_for_each_that_is_new(self) -> None:
        talk = Talk()
        talk.update(instructions="Be kind.", tools=[tool()])
        asked = {"type": "response.create", "response": {"instructions": "Say hello.", "tools": []}}
        assert talk.client(asked) == ["instructions overridden", "tools overridden"]
        assert talk.client(asked) == []
        assert talk.changes[0].after == digest("Say hello.")
        assert talk.changes[1].removed == ("lookup",)
        assert talk.client({"type": "response.create", "response": {"instructions": "Say bye."}}) == ["instructions overridden"]

    def test_the_same_as_is_in_force_is_none(self) -> None:
        talk = Talk()
        talk.update(instructions="Be kind.", tools=[tool()])
        assert talk.client({"type": "response.create", "response": {"instructions": "Be kind.", "tools": [tool()]}}) == []
        assert talk.client({"type": "response.create"}) == []

    def test_nothing_in_force_is_not_overridden(self) -> None:
        talk = Talk()
        assert talk.client({"type": "response.create", "response": {"instructions": "Say hello."}}) == []
        assert talk.update(instructions="Be kind.") == []


class TestProvider:
    def test_an_echo_is_none_however_it_is_written(self) -> None:
        talk = Talk()
        assert talk.created(instructions="Default.", tools=[]) == []
        talk.update(instructions="Be  kind.\n", tools=[tool(), server(require_approval="never", authorization="x")])
        echoed = tool(strict=False, description="Looks up.")
        echoed["parameters"] = {**echoed["parameters"], "required": [], "additionalProperties": False, "description": None}
        seen = server(url="https://crm.example/<redacted>", allowed_tools=None, server_description="", headers=None)
        for _ in range(2):
            assert talk.updated(instructions="Be kind.", tools=[echoed, seen], prompt=None) == []

    def test_what_nobody_asked_for_is_told_once(self) -> None:
        talk = Talk()
        talk.update(instructions="Be kind.", tools=[tool()])
        talk.updated(instructions="Be kind.", tools=[tool()])
        assert talk.updated(instructions="Buy now.", tools=[tool("other")]) == ["instructions changed", "tools changed"]
        assert talk.changes[0].before == digest("Be kind.")
        assert (talk.changes[1].added, talk.changes[1].removed) == (("other",), ("lookup",))
        assert talk.updated(instructions="Buy now.", tools=[tool("other")]) == []
        assert talk.updated(instructions="Be kind.", tools=[tool()]) == []

    def test_a_first_report_that_differs_from_what_was_asked(self) -> None:
        talk = Talk()
        talk.update(instructions="Be kind.")
        assert talk.updated(instructions="Be rude.") == ["instructions changed"]

    def test_reports_that_are_late_are_not_held_against_it(self) -> None:
        talk = Talk()
        talk.update(instructions="One.")
        assert talk.created(instructions="Default.") == []
        talk.update(voice="marin")
        for instructions in ("Two.", "Three."):
            talk.update(instructions=instructions)
        for instructions in ("One.", "One.", "Two.", "Three."):
            assert talk.updated(instructions=instructions) == []
        assert talk.updated(instructions="Two.") == ["instructions changed"]

    def test_more_than_is_waited_for_is_no_fault_of_its(self) -> None:
        talk = Talk()
        talk.created(instructions="Default.")
        for number in range(60):
            talk.update(instructions=str(number))
        assert [talk.updated(instructions=str(number)) for number in range(60)] == [[]] * 60
        assert talk.updated(instructions="59") == []
        assert talk.updated(instructions="Be rude.") == ["instructions changed"]

    def test_one_that_says_nothing_or_only_defaults(self) -> None:
        talk = Talk()
        talk.created(instructions="Default.", tools=[])
        talk.update(instructions="Be kind.", tools=[tool()])
        assert talk.updated(instructions="Default.", tools=[]) == []
        assert talk.updated(model="m") == []

    def test_both_ends_of_a_call_share_what_was_asked(self) -> None:
        shared = InForce()
        page, app = Talk(in_force=shared), Talk(in_force=shared)
        page.created(instructions="Default.")
        app.update(instructions="Be kind.")
        assert page.updated(instructions="Be kind.") == []
        assert app.updated(instructions="Be kind.") == []
        assert page.update(instructions="Be rude.") == ["instructions changed"]


class TestBlock:
    def test_a_blocked_change_leaves_things_as_they_were(self) -> None:
        talk = Talk(instructions="block")
        assert talk.update(instructions="Be kind.", tools=[tool()]) == []
        assert talk.update(instructions="Be rude.") == ["change_not_allowed"]
        assert talk.update(instructions="Be kind.") == []
        assert talk.update(tools=[]) == ["tools changed"]
        assert talk.client({"type": "response.create", "response": {"instructions": "Say hello."}}) == ["change_not_allowed"]
        assert talk.client({"type": "response.create", "response": {"instructions": "Say hello."}}) == ["change_not_allowed"]

    @pytest.mark.parametrize(
        "event",
        [
            b'{"type":"session.update","session":{"instructions":"a"},"session":{}}',
            b'{"type":"session.update","session":{"tools":[{"name":"a","name":"b"}]}}',
        ],
    )
    def test_a_message_with_two_readings_is_refused(self, event: bytes) -> None:
        assert Talk(tools="block").client(event) == ["ambiguous_event"]
        assert Talk().client(event) == []

    def test_the_same_setting_in_another_spelling_is_blocked_too(self) -> None:
        talk = Talk(instructions="block", tools="block")
        talk.update(instructions="Be kind.", tools=[tool()])
        assert talk.client(b'{"type":"session\\u002eupdate","session":{"instruct\\u0069ons":"Be rude."}}') == ["change_not_allowed"]
        assert talk.client({"type": "session.update", "session": {"Instructions": "Be rude."}}) == ["change_not_allowed"]
        assert talk.client({"type": "session.instructions.append", "content": "Be rude."}) == ["change_not_allowed"]

    def test_gemini_cannot_hide_behind_a_type(self) -> None:
        talk = Talk("gemini", instructions="block")
        talk.client({"setup": {"systemInstruction": {"parts": [{"text": "Be kind."}]}}})
        other = {"type": "hello", "contextUpdate": {"systemInstruction": {"parts": [{"text": "Be rude."}]}}}
        assert talk.client(other) == ["change_not_allowed"]


def test_what_a_key_was_minted_with_is_known_later() -> None:
    minted = Talk()
    minted.update(instructions="Be kind.", tools=[tool(), server(authorization="secret")])
    kept = json.loads(json.dumps(minted.watch.in_force.record()))
    assert "kind" not in str(kept)
    assert "secret" not in str(kept)
    page = Talk(in_force=InForce(kept))
    assert page.created(instructions="Be kind.", tools=[tool(), server()]) == []
    assert page.update(instructions="Be kind.") == []
    assert page.update(tools=[tool("wire_money")]) == ["tools changed"]


def test_memory_is_bounded() -> None:
    talk = Talk()
    for number in range(200):
        talk.client({"type": "session.update", "session": {f"x{number}": {"instructions": f"{number}"}, "instructions": str(number)}})
        talk.client({"type": "response.create", "response": {"instructions": f"answer {number}"}})
        talk.updated(**{f"y{number}": {"instructions": "a"}})
    talk.update(tools=[tool(f"t{number}") for number in range(2000)])
    in_force = talk.watch.in_force
    assert len(in_force.asked) <= 32
    assert len(in_force._told) <= 32
    assert all(len(asked) <= 16 for asked in in_force._waiting.values())
    assert len(in_force._overrides) <= 64
    assert max(len(mark.parts) for mark in in_force.asked.values()) <= 257


def test_beyond_the_bound_a_setting_counts_as_a_change() -> None:
    talk = Talk(instructions="block")
    for number in range(32):
        assert talk.client({"type": "session.update", "session": {f"x{number}": {"instructions": "a"}}}) == []
    assert talk.update(instructions="Be rude.") == ["change_not_allowed"]
