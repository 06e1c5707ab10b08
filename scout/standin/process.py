"""The stand-in world as a process of its own: start, find, ask and stop it.

It goes on when the command that started it ends. What must be known to find it again lies in
``<state_dir>/world.json``.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from scout.embedded.emulator.process import is_alive

_HOST: Final = "127.0.0.1"
_STATE_FILE: Final = "world.json"
_LOG_FILE: Final = "world.log"
_LOCK_FILE: Final = "world.lock"
_PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
_KILLED_AFTER: Final = 5.0
# The first question to a town makes it, which takes some seconds on a busy laptop.
_ANSWER_SECONDS: Final = 120.0


class WorldError(Exception):
    """The world could not be started, found, asked or stopped; the message says what to look at."""


@dataclass(frozen=True)
class WorldProcess:
    """One process, running or not. Make one with ``start`` or ``attach``; dropping it stops nothing."""

    state_dir: Path
    pid: int
    port: int
    seed: str
    instance: str

    @classmethod
    def start(cls, state_dir: Path, *, port: int | None = None, seed: str = "1", timeout: float = 30.0) -> WorldProcess:
        """Start a world with the cities of the golden inputs, unless one runs, and wait until it answers.

        Args:
            state_dir: Folder for its state file and log; made if missing. One world per folder.
            port: On 127.0.0.1; a free one if ``None``.
            seed: Another seed makes other cities.
            timeout: Seconds to wait for the first answer.

        Returns:
            The running world; the one that ran already, as it is, if there was one.

        Raises:
            WorldError: It ended or did not answer in time; the message carries the end of its log.
        """
        state_dir = state_dir.resolve()
        state_dir.mkdir(parents=True, exist_ok=True)
        with (state_dir / _LOCK_FILE).open("w") as lock:
            # Of two commands at the same time, the second finds what the first has started.
            fcntl.flock(lock, fcntl.LOCK_EX)
            return cls.attach(state_dir) or cls._start(state_dir, port, seed, timeout)

    @classmethod
    def _start(cls, state_dir: Path, port: int | None, seed: str, timeout: float) -> WorldProcess:
        instance = secrets.token_hex(8)
        command = [sys.executable, "-m", "scout.standin.main", "--instance", instance, "--seed", seed]
        # It says on this pipe which port it has, once it listens.
        reading, writing = os.pipe()
        with (state_dir / _LOG_FILE).open("ab") as log, io.FileIO(reading) as told:
            process = subprocess.Popen(
                [*command, "--port", str(port or 0), "--tell", str(writing)],
                cwd=_PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writing],
                start_new_session=True,
            )
            os.close(writing)
            line = _read_line(told, timeout)
        if not line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            tail = (state_dir / _LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise WorldError(f"the stand-in world did not start; end of {state_dir / _LOG_FILE}:\n" + "\n".join(tail))
        world = cls(state_dir, process.pid, int(line), seed, instance)
        world._write_state()
        return world

    @classmethod
    def attach(cls, state_dir: Path) -> WorldProcess | None:
        """The world that runs for a folder, or ``None``.

        Raises:
            WorldError: The state file is not one that ``start`` writes.
        """
        path = state_dir.resolve() / _STATE_FILE
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            world = cls(
                state_dir.resolve(), int(state["pid"]), int(state["port"]), str(state["seed"]), str(state["instance"])
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise WorldError(f"{path} is not a state file of the stand-in world: {error!r}; remove it") from error
        return world if is_alive(world.pid, world.instance) else None

    @property
    def url(self) -> str:
        """Its address, also as a proxy."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where it writes what fails in it."""
        return self.state_dir / _LOG_FILE

    def connectors(self) -> dict[str, Any]:
        """The value of ``data-scout:connectors`` for a stack that is to use it."""
        found: dict[str, Any] = self._ask("GET", "config")
        return found

    def accompany(self, pid: int, mark: str) -> None:
        """Have it end some seconds after another process ends.

        Args:
            pid: Of that process.
            mark: Stands in its command line.
        """
        self._ask("POST", "beside", {"pid": pid, "mark": mark})

    def put_faults(self, rules: Sequence[Any]) -> list[dict[str, Any]]:
        """Set its faults, in place of those that it has.

        Raises:
            WorldError: They are wrong; the message names each.
        """
        found: list[dict[str, Any]] = self._ask("POST", "faults", list(rules))
        return found

    def publish(self, endpoint_url: str, cities: Sequence[str] | None = None) -> list[str]:
        """Have it write its Overture Maps to the embedded AWS, unless that is there.

        Args:
            endpoint_url: Of the embedded AWS.
            cities: Only these; all if ``None``.

        Returns:
            The keys of the objects that were written.
        """
        asked = {"endpoint_url": endpoint_url, "cities": list(cities) if cities is not None else None}
        written: list[str] = self._ask("POST", "overture", asked)["objects"]
        return written

    def stop(self) -> None:
        """End it. Does nothing if it has ended.

        Raises:
            WorldError: It is still there after it was killed.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not is_alive(self.pid, self.instance):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            deadline = time.monotonic() + _KILLED_AFTER
            while is_alive(self.pid, self.instance) and time.monotonic() < deadline:
                time.sleep(0.02)
        if is_alive(self.pid, self.instance):
            raise WorldError(f"the stand-in world (pid {self.pid}) does not end")
        (self.state_dir / _STATE_FILE).unlink(missing_ok=True)

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_standin/{path}", data, method=method)  # noqa: S310 - our own address
        try:
            with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            told = error.read().decode(errors="replace")
            raise WorldError(f"the stand-in world refuses {path}: {_told(told)}") from error
        except OSError as error:
            raise WorldError(
                f"the stand-in world at {self.url} does not answer: {error}; its log is {self.log_file}"
            ) from error

    def _write_state(self) -> None:
        state = {key: value for key, value in asdict(self).items() if key != "state_dir"}
        path = self.state_dir / _STATE_FILE
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)


def _read_line(told: io.FileIO, timeout: float) -> bytes:
    """What the process says first; nothing if it ends, or is silent for too long."""
    ready, _, _ = select.select([told], [], [], timeout)
    return told.readline().strip() if ready else b""


def _told(text: str) -> str:
    try:
        document = json.loads(text)
        return "; ".join([document["error"], *document.get("problems", [])])
    except (ValueError, KeyError, TypeError):
        return text[:500]
