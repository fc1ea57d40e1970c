"""`python -m bench`: runs the parts, writes bench/out/<part>.json, and rewrites the marked tables of docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Final

from bench import machine
from bench import tables
from bench.calls.peers import CALL_PEERS
from bench.load import Refused
from bench.load import Stuck
from bench.parts import PARTS
from bench.peers import PEERS
from bench.run import FULL
from bench.run import QUICK
from bench.run import Run
from bench.upstream import serving

OUT: Final = Path(__file__).parent / "out"
DOCS: Final = Path(__file__).parent.parent / "docs" / "performance.md"
_PARTS: Final = tuple(part for part in PARTS if part != "soak")
_ANY: Final = tuple(dict.fromkeys((*PEERS, *CALL_PEERS)))
_USUAL: Final = tuple(peer for peer in PEERS if peer != "voicetap-parsed")
_QUICK: Final = ("direct", "voicetap", "mitmdump", "websockets", "nginx")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures voicetap beside other relays.")
    parser.add_argument("--quick", action="store_true", help="about 8 minutes instead of 45: one short round, fewer peers, rough figures")
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(PARTS),
        metavar="NAME",
        help=f"a part, repeatable: {', '.join(PARTS)}; all but soak by default",
    )
    parser.add_argument("--peer", action="append", choices=_ANY, metavar="NAME", help=f"a peer, repeatable: {', '.join(_ANY)}")
    parser.add_argument("--parsed", action="store_true", help="also measure voicetap with 20 policies that look at every frame")
    parser.add_argument("--tables", action="store_true", help="measure nothing, only rewrite the tables from the last results")
    parser.add_argument("--keep-docs", action="store_true", help="leave docs/performance.md alone")
    return parser.parse_args()


def _peers(arguments: argparse.Namespace) -> tuple[str, ...]:
    usual = _QUICK if arguments.quick else _USUAL
    chosen = tuple(peer for peer in arguments.peer or usual if peer in PEERS)
    return (*chosen, "voicetap-parsed") if arguments.parsed else chosen


def _call_peers(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(peer for peer in arguments.peer or CALL_PEERS if peer in CALL_PEERS)


async def _measure(arguments: argparse.Namespace) -> bool:
    """Measures part by part; False when one failed, which then has no result."""
    scale, failed = QUICK if arguments.quick else FULL, False
    async with serving() as upstream:
        run = Run(upstream, scale, _peers(arguments), _call_peers(arguments))
        for part in arguments.only or _PARTS:
            run.say(f"{part}:")
            place, began = OUT / f"{part}.json", perf_counter()
            place.unlink(missing_ok=True)
            try:
                rows = await PARTS[part](run)
            except (Refused, Stuck, OSError, RuntimeError) as error:
                run.say(f"  failed: {error}")
                failed = True
                continue
            result = {"part": part, "machine": machine.facts(), "scale": asdict(scale), "quick": arguments.quick, "skipped": run.skipped}
            result |= {"seconds": round(perf_counter() - began, 1), "rows": rows}
            place.write_text(json.dumps(result, indent=1) + "\n")
    return not failed


def main() -> None:
    arguments = _arguments()
    OUT.mkdir(exist_ok=True)
    machine.many_files()
    complete = True
    if not arguments.tables:
        machine.pin(os.getpid(), load=True)
        complete = asyncio.run(_measure(arguments))
    if not arguments.keep_docs:
        tables.rewrite(DOCS, OUT)
    sys.exit(not complete)


if __name__ == "__main__":
    main()
