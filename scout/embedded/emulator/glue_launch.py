"""Run a command until it ends, or until the process that started this one is gone.

Run by its path, with no package in reach: `python glue_launch.py command argument...`. Standard input is a pipe that
the emulator never writes to. When the emulator ends, in whatever way, the pipe is closed, and the whole process group
ends with it: Spark's Java process, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def _end_with_the_emulator() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_emulator, daemon=True).start()
    sys.exit(subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode)
