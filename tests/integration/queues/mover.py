"""A redrive in a process of its own, to be killed. Its arguments: state folder of the emulator, account, rate."""

from __future__ import annotations

import sys
from pathlib import Path

from scout.embedded.emulator.instance import Emulator
from scout.queues import named, redriving
from scout.queues.selecting import Selection
from tests.integration.account import Account
from tests.integration.queues.letters import THROTTLED, Silent, Stack


def main() -> None:
    state_dir, account, rate = sys.argv[1:]
    emulator = Emulator.attach(Path(state_dir))
    assert emulator is not None
    deployment = Stack(Account(emulator, account)).deployment
    queue = named.dead_letter_queue(deployment, "frontier")
    selection = Selection(type=("web",), error=(THROTTLED,))
    redriving.redrive(deployment, queue, selection, rate=int(rate), dry_run=False, view=Silent())


if __name__ == "__main__":
    main()
