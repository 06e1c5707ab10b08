"""Start, find, use and stop the emulator process.

The emulator is PyPI `ministack`, run by `server` beside this module in a process of its own, so that it outlives the
command that started it. What must be known to find it again lies in `<state_dir>/emulator.json`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scout.embedded.emulator.process import is_alive
from scout.embedded.emulator.server_environment import server_environment
from scout.embedded.emulator.session import EmulatorSession, Untyped

if TYPE_CHECKING:
    import boto3

DEFAULT_REGION: Final = "us-east-1"
DEFAULT_ACCOUNT: Final = "000000000000"

_HOST: Final = "127.0.0.1"
_STATE_FILE: Final = "emulator.json"
_LOG_FILE: Final = "emulator.log"
_LOCK_FILE: Final = "emulator.lock"
_PROJECT_ROOT: Final = Path(__file__).resolve().parents[3]


class EmulatorError(Exception):
    """The emulator could not be started, found or stopped; the message says what to look at."""


@dataclass(frozen=True)
class Emulator:
    """One emulator process, running or not.

    Make one with `start` or `attach`. The object only describes the process; dropping it stops nothing.
    """

    state_dir: Path
    pid: int
    port: int
    region: str
    instance: str

    @classmethod
    def start(
        cls,
        state_dir: Path,
        port: int | None = None,
        *,
        region: str = DEFAULT_REGION,
        cache_dir: Path | None = None,
        timeout: float = 30.0,
    ) -> Emulator:
        """Start an emulator and wait until it answers.

        Args:
            state_dir: Folder for its state file, log and temporary files; made if missing. One emulator per folder.
            port: TCP port on 127.0.0.1; None takes a free one.
            region: The region of requests that name none.
            cache_dir: Where installed Python packages are kept between runs; `<state_dir>/cache` if None.
            timeout: Seconds to wait for the first healthy answer.

        Returns:
            The running emulator. It goes on when this process ends; `stop` ends it.

        Raises:
            EmulatorError: One is running in `state_dir` already, the port is taken, or it ended or did not answer
                in time; the message carries the end of its log.
        """
        state_dir = state_dir.resolve()
        state_dir.mkdir(parents=True, exist_ok=True)
        with (state_dir / _LOCK_FILE).open("w") as lock:
            # Of two commands at the same time, the second finds what the first has started.
            fcntl.flock(lock, fcntl.LOCK_EX)
            return cls._start(state_dir, port, region, cache_dir or state_dir / "cache", timeout)

    @classmethod
    def _start(cls, state_dir: Path, port: int | None, region: str, cache_dir: Path, timeout: float) -> Emulator:
        running = cls.attach(state_dir)
        if running is not None:
            raise EmulatorError(f"an emulator is running on port {running.port} for {state_dir} (pid {running.pid})")
        if port is not None and _answers(port):
            raise EmulatorError(f"port {port} on {_HOST} is taken by another program")
        port = port if port is not None else _free_port()
        instance = secrets.token_hex(8)
        temporary = state_dir / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        cache = cache_dir.resolve()
        environment = server_environment(
            os.environ, host=_HOST, port=port, region=region, temporary=temporary, cache=cache
        )
        with (state_dir / _LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "scout.embedded.emulator.server", "--instance", instance],
                cwd=_PROJECT_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        emulator = cls(state_dir=state_dir, pid=process.pid, port=port, region=region, instance=instance)
        emulator._write_state()
        try:
            emulator._await_health(process, timeout)
        except BaseException:
            emulator.stop()
            raise
        return emulator

    @classmethod
    def attach(cls, state_dir: Path) -> Emulator | None:
        """Return the emulator that runs for `state_dir`, or None if there is none.

        The state file of one that has ended is ignored; whether the process is really ours is checked, since
        process ids are used again.

        Raises:
            EmulatorError: The state file is not one that `start` writes.
        """
        path = state_dir.resolve() / _STATE_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            state = json.loads(text)
            emulator = cls(
                state_dir=state_dir.resolve(),
                pid=int(state["pid"]),
                port=int(state["port"]),
                region=str(state["region"]),
                instance=str(state["instance"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise EmulatorError(f"{path} is not a state file of the emulator: {error!r}; remove it") from error
        return emulator if is_alive(emulator.pid, emulator.instance) else None

    @property
    def endpoint_url(self) -> str:
        """The address for every service, as `AWS_ENDPOINT_URL` wants it."""
        return f"http://{_HOST}:{self.port}"

    @property
    def log_file(self) -> Path:
        """Where the emulator logs."""
        return self.state_dir / _LOG_FILE

    @property
    def running(self) -> bool:
        """Whether the process is there and answers."""
        return is_alive(self.pid, self.instance) and _healthy(self.endpoint_url)

    def session(self, account_id: str = DEFAULT_ACCOUNT, region: str | None = None) -> boto3.Session:
        """Return a session that acts as the root of an account.

        Args:
            account_id: Twelve digits. Each account has state of its own, and needs no setting up.
            region: Region of the session; the emulator's own if None.

        Raises:
            ValueError: `account_id` is not twelve digits.
        """
        return EmulatorSession(self.endpoint_url, account_id, region or self.region)

    def client(self, service: str, account_id: str = DEFAULT_ACCOUNT, region: str | None = None) -> Untyped:
        """Return a boto3 client of one service that acts as the root of an account; see `session`."""
        return self.session(account_id, region).client(service)  # type: ignore[call-overload]

    def stop(self, timeout: float = 10.0) -> None:
        """End the emulator, its Lambda workers, its job runs and its temporary files. Does nothing if it has ended.

        Args:
            timeout: Seconds that it gets to end by itself before it is killed.

        Raises:
            EmulatorError: The process is still there after it was killed.
        """
        if is_alive(self.pid, self.instance):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            if not self._await_end(timeout):
                self._kill_group()
                if not self._await_end(timeout):
                    raise EmulatorError(f"the emulator (pid {self.pid}) does not end")
            self._kill_group()
        self._forget()

    def _kill_group(self) -> None:
        # The process leads a group of its own (start_new_session), which its Lambda workers belong to.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _forget(self) -> None:
        path = self.state_dir / _STATE_FILE
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            if json.loads(path.read_text(encoding="utf-8"))["instance"] == self.instance:
                path.unlink()
                shutil.rmtree(self.state_dir / "tmp", ignore_errors=True)

    def _await_end(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while is_alive(self.pid, self.instance):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def _await_health(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not _healthy(self.endpoint_url):
            if process.poll() is not None:
                raise EmulatorError(f"the emulator ended with code {process.returncode}: {self._log_tail()}")
            if time.monotonic() >= deadline:
                raise EmulatorError(f"the emulator did not answer within {timeout:g} s: {self._log_tail()}")
            time.sleep(0.05)

    def _log_tail(self, lines: int = 15) -> str:
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        return f"end of {self.log_file}:\n" + "\n".join(text.splitlines()[-lines:])

    def _write_state(self) -> None:
        state = {key: value for key, value in asdict(self).items() if key != "state_dir"}
        path = self.state_dir / _STATE_FILE
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_HOST, port)) == 0


def _healthy(endpoint_url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint_url}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
