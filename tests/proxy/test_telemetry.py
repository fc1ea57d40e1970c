"""Spans of the running program: turns reach a collector without a session waiting for it, and what does not arrive is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from otelreceiver import Receiver
from otelreceiver import attributes
from otelreceiver import metrics_of
from otelreceiver import receiver
from prometheus_client.parser import text_string_to_metric_families
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import ended
from recorded import named
from reloading import reload
from talking import Talk
from waiting import eventually

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
POLICIES = """policies:
  - {id: answers, mode: monitor, when: {from: server, event: response.done}, action: block}
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def rules(simulator: Simulator, otel: str = "") -> str:
    return f'{RULES}providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n{POLICIES}{otel}'


def to(collector: Receiver, more: str = "") -> str:
    return f'otel: {{endpoint: "{collector.url}", headers: {{authorization: env:OTEL_TOKEN}}{more}}}\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator, collector: Receiver) -> AsyncIterator[Proxy]:
    folder = tmp_path_factory.mktemp("telemetry")
    async with started_proxy(folder, rules(simulator, to(collector)), env={"OTEL_TOKEN": "Bearer canary-77"}) as running:
        yield running


@asynccontextmanager
async def talking(proxy: Proxy, name: str) -> AsyncIterator[Talk]:
    async with proxy.connect(SIM, headers=named(name)) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        yield talk


async def converse(proxy: Proxy, name: str, *words: str) -> str:
    """A session with a turn for each of these words; its id."""
    async with talking(proxy, name) as talk:
        for text in words:
            await talk.text(text)
            await talk.ask()
    return str((await ended(proxy.data, name))["id"])


async def figures(proxy: Proxy) -> dict[str, float]:
    """Spans by what became of them, and how many wait."""
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(f"http://{proxy.control}/metrics", headers={"authorization": f"Bearer {proxy.token}"})
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }
    return {name: found["voicetap_otel_spans_total", name] for name in ("sent", "dropped", "failed")} | {
        "waiting": found["voicetap_otel_queue_depth",]
    }


def turns_of(collector: Receiver, session: str) -> list[int]:
    found = (attributes(span) for span in collector.spans)
    return [span["voicetap.turn"] for span in found if span.get("voicetap.session") == session]


async def test_turns_arrive_with_what_was_found(proxy: Proxy, collector: Receiver) -> None:
    session = await converse(proxy, "arrives", "hello", "I want a refund")
    await eventually(lambda: turns_of(collector, session) == [1, 2])
    mine = [span for span in collector.spans if attributes(span).get("voicetap.session") == session]
    assert [[attributes(event)["voicetap.policy.rule"] for event in span.events] for span in mine] == [["answers"], ["answers"]]
    told = attributes(mine[0])
    assert (told["voicetap.principal"], told["gen_ai.request.model"], told["voicetap.turn.status"]) == (
        "tester",
        "gpt-realtime",
        "completed",
    )
    assert told["gen_ai.usage.output_tokens"] > 0
    assert told["gen_ai.conversation.id"] == "arrives"
    assert collector.headers[-1]["authorization"] == "Bearer canary-77"
    assert 'refund"' not in str(collector.requests)
    assert not any("gen_ai.input.messages" in attributes(span) for span in collector.spans)


async def test_spans_belong_to_the_apps_own(proxy: Proxy, collector: Receiver, simulator: Simulator) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    async with proxy.connect(SIM, headers={**named("traced"), "traceparent": f"00-{trace}-{parent}-01", "tracestate": "a=b"}) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        assert {"traceparent", "tracestate"} & {name.lower() for name in simulator.connections[-1].headers} == set(), "it stays here"
        await talk.text("hello")
        await talk.ask()
    record = await ended(proxy.data, "traced")
    assert record["traceparent"] == f"00-{trace}-{parent}-01"
    await eventually(lambda: turns_of(collector, record["id"]) == [1])
    [span] = [span for span in collector.spans if attributes(span).get("voicetap.session") == record["id"]]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, parent)


async def test_a_turn_arrives_while_its_session_goes_on_and_once(proxy: Proxy, collector: Receiver) -> None:
    async with talking(proxy, "goes-on") as talk:
        await talk.text("hello")
        await talk.ask()
        before = len(collector.spans)
        await eventually(lambda: len(collector.spans) > before)
        await talk.text("again")
        await talk.ask()
    session = str((await ended(proxy.data, "goes-on"))["id"])
    await eventually(lambda: turns_of(collector, session) == [1, 2])


async def test_a_collector_that_does_not_answer_holds_nobody_up(proxy: Proxy, collector: Receiver) -> None:
    collector.hold.clear()
    try:
        for number in range(3):
            await converse(proxy, f"held-{number}", "one", "two")
        await eventually(lambda: len(collector.bodies) > len(collector.requests))
    finally:
        collector.hold.set()

    async def arrived() -> bool:
        now = await figures(proxy)
        return now["waiting"] == 0 and now["sent"] == len(collector.spans) >= 10

    await eventually(arrived)


async def test_what_is_not_taken_is_counted(proxy: Proxy, collector: Receiver) -> None:
    collector.answers = [(400, {}, b"no")]
    before = (await figures(proxy))["failed"]
    await converse(proxy, "refused", "hello")

    async def counted() -> bool:
        return (await figures(proxy))["failed"] == before + 1

    await eventually(counted)
    await eventually(lambda: any("span(s) are lost" in line and "it answered 400" in line for line in proxy.output))
    assert "canary" not in "".join(proxy.output)


async def test_rules_turn_it_on_and_off_while_it_runs(proxy: Proxy, collector: Receiver, simulator: Simulator) -> None:
    before = len(collector.bodies)
    await reload(proxy, rules(simulator))
    await converse(proxy, "off", "hello")
    await reload(proxy, rules(simulator, to(collector, ", content: true, semconv: '1.36'")))
    session = await converse(proxy, "on", "good morning")
    await eventually(lambda: turns_of(collector, session) == [1])
    assert len(collector.bodies) == before + 1
    span = collector.spans[-1]
    assert (span.name, attributes(span)["gen_ai.system"]) == ("chat gpt-realtime", "simulator")
    assert "good morning" in attributes(span)["gen_ai.input.messages"]


async def test_figures_arrive_where_they_are_asked_for(tmp_path: Path, simulator: Simulator) -> None:
    with receiver() as there:
        async with started_proxy(tmp_path, rules(simulator, to(there, ", metrics: true")), env={"OTEL_TOKEN": "x"}) as proxy:
            await converse(proxy, "measured", "hello", "and again")
            assert await proxy.stop() == 0
    found = metrics_of(there.measured[-1])
    [duration] = found["gen_ai.client.operation.duration"].histogram.data_points
    assert duration.count == 2
    assert attributes(duration)["gen_ai.response.model"].startswith("gpt-realtime")
    [hits] = found["voicetap.policy.actions"].sum.data_points
    assert (hits.as_int, attributes(hits)["voicetap.policy.rule"]) == (2, "answers")
    assert "measured" not in str(there.measured) and "tester" not in str(there.measured)


async def test_it_stops_whether_the_collector_is_there_or_not(tmp_path: Path, simulator: Simulator) -> None:
    with receiver() as there:
        async with started_proxy(tmp_path, rules(simulator, to(there)), env={"OTEL_TOKEN": "x"}) as proxy:
            session = await converse(proxy, "last", "hello")
            there.answers = [(503, {}, b"")]
            assert await proxy.stop() == 0
            assert turns_of(there, session) in ([1], []), "the one try at the end may be the one that is refused"
    async with started_proxy(tmp_path, rules(simulator, to(there)), env={"OTEL_TOKEN": "x"}) as proxy:
        await converse(proxy, "nobody", "hello")
        assert await proxy.stop() == 0
