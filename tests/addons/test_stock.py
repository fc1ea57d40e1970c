"""When the pipeline goes into a stock tool, and when it does not. What it does there is tested with the tools themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.test import taddons
from proxying import RULES

from addons.stock import Loaded
from addons.stock import Stock


@pytest.fixture
async def tool() -> AsyncIterator[taddons.context]:
    """A mitmproxy master as a tool has it before it runs."""
    with taddons.context(Proxyserver(), NextLayer(), TlsConfig(), ScriptLoader()) as context:
        yield context
        await context.master.done()


def configured(tool: taddons.context, folder: Path, rules: str) -> None:
    stock = Stock()
    tool.master.addons.register(stock)
    (folder / "rules.yaml").write_text(rules)
    tool.options.update(voicetap_rules=str(folder / "rules.yaml"), voicetap_data=str(folder / "data"))
    stock.configure(set())


async def test_the_pipeline_stands_at_the_end_of_the_chain_once(tool: taddons.context, tmp_path: Path) -> None:
    configured(tool, tmp_path, RULES)
    loaded = tool.master.addons.chain[-1]
    assert isinstance(loaded, Loaded)
    Stock().configure(set())
    assert tool.master.addons.chain[-1] is loaded


async def test_a_tool_that_runs_already_is_told_to_start_with_it(tool: taddons.context, tmp_path: Path) -> None:
    tool.master.addons.get("scriptloader").running()
    with pytest.raises(exceptions.OptionsError, match="when the tool starts"):
        Stock().configure(set())
    assert tool.master.addons.get(Loaded.name) is None


async def test_rules_with_a_mistake_are_an_error_of_options(tool: taddons.context, tmp_path: Path) -> None:
    with pytest.raises(exceptions.OptionsError, match="is not valid"):
        configured(tool, tmp_path, "version: 2\n")
