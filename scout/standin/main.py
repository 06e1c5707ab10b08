"""The process of the stand-in world. Run by :mod:`scout.standin.process`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from scout.embedded.emulator.process import is_alive
from scout.standin.server import StandIn
from scout.standin.towns import golden_towns
from scout.standin.world import World

_LOOK_SECONDS: Final = 1.0
# More than one: an embedded AWS that was started in place of another makes itself known in between.
_MISSES: Final = 3
_EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"


def main() -> None:
    """Serve until SIGTERM, or until the process that it stands beside has ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instance", required=True, help="name that marks this process in the list of processes")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--tell", type=int, help="file descriptor to write the port to, once it listens")
    given = parser.parse_args()
    try:
        standin = StandIn(World(golden_towns(_EXAMPLES), given.seed), port=given.port).start()
    except OSError as error:
        sys.exit(f"port {given.port} on 127.0.0.1 cannot be used: {error.strerror}")
    if given.tell is not None:
        os.write(given.tell, f"{standin.url.rpartition(':')[2]}\n".encode())
        os.close(given.tell)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    missed = 0
    while missed < _MISSES and not stop.wait(_LOOK_SECONDS):
        companion = standin.app.companion
        missed = 0 if companion is None or is_alive(*companion) else missed + 1
    standin.stop()


if __name__ == "__main__":
    main()
