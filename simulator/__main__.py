"""`python -m simulator`: serves until it is interrupted, and says on standard output where."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from simulator.cassette import load_cassette
from simulator.script import load_script
from simulator.server import Simulator


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A realtime voice provider that needs no network and no key.")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to bind; 0 takes a free one (default: %(default)s)")
    parser.add_argument("--script", type=Path, metavar="FILE", help="what is said, answered and broken, YAML or JSON")
    parser.add_argument("--pace", type=float, default=1.0, help="1 speaks in real time, 0 as fast as can be (default: %(default)s)")
    parser.add_argument("--require-key", metavar="KEY", help="refuse every other credential")
    parser.add_argument("--dialect", choices=("ga", "beta"), default="ga", help="for clients that do not ask (default: %(default)s)")
    parser.add_argument("--cassette", type=Path, metavar="FILE", help="play this conversation to every client instead")
    parser.add_argument(
        "--location", choices=("path", "query"), default="path", help="how Location names a new call (default: %(default)s)"
    )
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    simulator = Simulator(
        host=arguments.host,
        port=arguments.port,
        script=load_script(arguments.script) if arguments.script else None,
        pace=arguments.pace,
        require_key=arguments.require_key,
        dialect=arguments.dialect,
        cassette=load_cassette(arguments.cassette) if arguments.cassette else None,
        record=False,
        location=arguments.location,
    )
    async with simulator:
        sys.stdout.write(f"simulator ready {simulator.address}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> int:
    """The exit code: 2 for a file that cannot be used or an address that cannot be bound."""
    try:
        asyncio.run(_serve(_arguments()))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
