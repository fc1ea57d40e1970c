"""Delivering to a collector: tried again where that helps, in the collector's own time, and never for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Iterator

import pytest
import pytest_asyncio
from exportlog import TALK
from exportlog import opening
from exportlog import turn
from otelreceiver import Receiver
from otelreceiver import receiver

from store.export.collector import Collector
from store.export.otlp import request
from store.export.otlp import spans

BODY = request(spans(opening(TALK), turn(TALK, 1)))


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest_asyncio.fixture
async def collector(there: Receiver) -> AsyncIterator[Collector]:
    made = Collector(there.url, {"authorization": "Bearer canary"}, first_pause=0.001)
    yield made
    await made.close()


async def test_it_arrives_with_its_credential(there: Receiver, collector: Collector) -> None:
    assert await collector.deliver(BODY, 2) == (0, "")
    assert len(there.spans) == 2
    assert there.headers[0]["authorization"] == "Bearer canary"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_passes_is_tried_again(there: Receiver, collector: Collector, status: int) -> None:
    there.answers = [(status, {"retry-after": "0"}, b""), (status, {}, b"")]
    assert await collector.deliver(BODY, 2) == (0, "")
    assert (len(there.headers), len(there.spans)) == (3, 2)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500])
async def test_what_does_not_pass_is_not(there: Receiver, collector: Collector, status: int) -> None:
    there.answers = [(status, {"location": "/elsewhere"}, b"no")]
    assert await collector.deliver(BODY, 2) == (2, f"it answered {status}")
    assert len(there.headers) == 1


async def test_it_gives_up(there: Receiver, collector: Collector) -> None:
    there.answers = [(503, {}, b"")] * 20
    assert await collector.deliver(BODY, 2, tries=4) == (2, "it answered 503")
    assert len(there.headers) == 4


async def test_a_collector_may_take_a_part(there: Receiver, collector: Collector) -> None:
    there.answers = [(200, {}, b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'), (200, {}, b"<html>"), (200, {}, b"")]
    assert await collector.deliver(BODY, 2) == (1, "too old")
    assert await collector.deliver(BODY, 2) == (0, "")
    assert await collector.deliver(BODY, 2) == (0, "")


async def test_nobody_there() -> None:
    with receiver() as gone:
        url = gone.url
    collector = Collector(url, {}, first_pause=0.001)
    done = await collector.deliver(BODY, 2, tries=2)
    await collector.close()
    assert done.rejected == 2
    assert "ConnectError" in done.why


async def test_proxy_variables_do_not_count(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    collector = Collector(there.url, {})
    assert await collector.deliver(BODY, 2, tries=1) == (0, "")
    await collector.close()
