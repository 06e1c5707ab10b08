"""Tell whether a process is the one that was started, since process ids are used again."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path


def is_alive(pid: int, mark: str) -> bool:
    """Tell whether the process with that id runs and has `mark` in its command line."""
    with contextlib.suppress(ChildProcessError):
        # Collects it if it is a child of this process that has ended; otherwise it would count as running.
        os.waitpid(pid, os.WNOHANG)
    return mark in _command_line(pid)


def _command_line(pid: int) -> str:
    proc = Path("/proc") / str(pid) / "cmdline"
    if Path("/proc/self/cmdline").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
