"""Runs of Glue jobs: from STARTING to their end, each a process of its own.

AWS: https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html. What a run prints goes to CloudWatch Logs, into
`/aws-glue/jobs/output` and `/aws-glue/jobs/error`, or below `--custom-logGroup-prefix`, in a stream named like the run
(https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html).
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.emulator.glue_script import LaunchError, Script, prepared
from scout.embedded.emulator.patches.support import Untyped, service
from scout.embedded.emulator.python_packages import PackageInstallError

if TYPE_CHECKING:
    from collections.abc import Callable

_logs: Final = service("services.cloudwatch_logs")
_log: Final = logging.getLogger(__name__)

ACTIVE_STATES: Final = frozenset({"STARTING", "RUNNING", "STOPPING"})
LOG_GROUP: Final = "/aws-glue/jobs"

# A Java process of Spark takes about 600 MB and, while it starts, two processors.
_AT_A_TIME: Final = 2
_LAUNCHER: Final = Path(__file__).with_name("glue_launch.py")
_SHOWN_CHARACTERS: Final = 500
_END_SECONDS: Final = 5
_OF_JAVA: Final = "Py4JJavaError: "

_slots: Final = threading.BoundedSemaphore(_AT_A_TIME)
_active: Final[dict[str, JobRun]] = {}


def stop(run_id: str) -> bool:
    """Stop a run, and return whether there was something to stop."""
    run = _active.get(run_id)
    return run is not None and run.stop()


def stop_all(*, wait: bool) -> None:
    """Stop all runs.

    Args:
        wait: Until their processes are gone. The runs may need the server's event loop for that.
    """
    runs = list(_active.values())
    for run in runs:
        run.stop()
    for run in runs if wait else ():
        run.join(_END_SECONDS)


class JobRun:
    """One run of a job.

    Args:
        record: What GetJobRun answers; the run keeps it up to date.
        job: The job's definition when the run was started, with the ARN of its role.
        arguments: The arguments of job and run, merged.
    """

    def __init__(self, record: dict[str, Any], job: dict[str, Any], arguments: dict[str, str]) -> None:
        self._record = record
        self._job = job
        self._arguments = arguments
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._thread = _thread(self._run, name="glue-run")
        _active[record["Id"]] = self

    def start(self) -> None:
        """Begin; the run goes on in a thread."""
        self._thread.start()

    def stop(self) -> bool:
        """End the run as soon as possible, and return whether it was to go on until now."""
        with self._lock:
            if self._record["JobRunState"] not in ("STARTING", "RUNNING"):
                return False
            self._set("STOPPING")
            self._stopped.set()
            if self._process is None:
                self._end("STOPPED")
            else:
                _kill(self._process)
        return True

    def join(self, timeout: float) -> None:
        """Wait until nothing of the run is left."""
        self._thread.join(timeout)

    def _run(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="glue-run-"))
        try:
            script = prepared(self._job, self._record["Id"], self._arguments, folder)
            if self._await_slot():
                try:
                    self._execute(script)
                finally:
                    _slots.release()
        except LaunchError as error:
            self._fail(str(error))
        except PackageInstallError as error:
            self._fail(f"LAUNCH ERROR | Spark or a module cannot be installed: {error}")
        except Exception as error:  # noqa: BLE001 - told as the run's failure
            _log.exception("run %s of the Glue job %s", self._record["Id"], self._job["Name"])
            self._fail(f"LAUNCH ERROR | {error!r}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            del _active[self._record["Id"]]

    def _await_slot(self) -> bool:
        """Wait for a place among the processes; False if the run is stopped meanwhile."""
        while not self._stopped.is_set():
            if _slots.acquire(timeout=0.1):
                return True
        return False

    def _execute(self, script: Script) -> None:
        with self._lock:
            if self._stopped.is_set():
                return
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), *script.command],
                cwd=script.folder,
                env=script.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A group of its own, which a stop kills as a whole.
                start_new_session=True,
            )
            self._process = process
            self._began = time.monotonic()
            self._set("RUNNING")
        failure = _Failure()
        groups = self._arguments.get("--custom-logGroup-prefix", LOG_GROUP)
        pumps = [
            _thread(_pump, process.stdout, _LogStream(f"{groups}/output", self._record["Id"]).write),
            _thread(_pump, process.stderr, _LogStream(f"{groups}/error", self._record["Id"]).write, failure.read),
        ]
        for pump in pumps:
            pump.start()
        try:
            code = process.wait(self._record["Timeout"] * 60)
        except subprocess.TimeoutExpired:
            code = None
        # What the script started, such as Java, may outlive it.
        _kill(process)
        process.wait()
        for pump in pumps:
            pump.join(_END_SECONDS)
        with self._lock:
            if self._stopped.is_set():
                self._end("STOPPED")
            elif code is None:
                self._end("TIMEOUT")
            elif code == 0:
                self._end("SUCCEEDED")
            else:
                self._end("FAILED", failure.message or f"Command failed with exit code {code}")

    def _fail(self, message: str) -> None:
        with self._lock:
            self._end("FAILED", message)

    def _end(self, state: str, message: str = "") -> None:
        if self._record["JobRunState"] not in ACTIVE_STATES:
            return
        self._record["CompletedOn"] = time.time()
        self._record["ExecutionTime"] = int(time.monotonic() - self._began) if self._began else 0
        if message:
            self._record["ErrorMessage"] = message
        self._set(state)

    def _set(self, state: str) -> None:
        self._record["LastModifiedOn"] = time.time()
        self._record["JobRunState"] = state


class _LogStream:
    """A stream in CloudWatch Logs, made with its group if they are not there."""

    def __init__(self, group: str, stream: str) -> None:
        self._names = {"logGroupName": group, "logStreamName": stream}
        _logs._create_log_group({"logGroupName": group})
        _logs._create_log_stream(self._names)

    def write(self, line: str) -> None:
        _logs._put_log_events(self._names | {"logEvents": [{"timestamp": int(time.time() * 1000), "message": line}]})


class _Failure:
    """Finds in what a script prints the exception that ended it, worded as Glue words it: `ValueError: no column`."""

    def __init__(self) -> None:
        self.message = ""
        self._in_traceback = False

    def read(self, line: str) -> None:
        if line.startswith(("Traceback (most recent call last):", '  File "')):
            self._in_traceback = True
        elif self._in_traceback and line.strip() and not line.startswith(" "):
            self._in_traceback = False
            # The class without its module.
            self.message = re.sub(r"^(?:\w+\.)+(?=\w+(?::|$))", "", line)[:_SHOWN_CHARACTERS]
        elif line.startswith(": ") and self.message.startswith(_OF_JAVA):
            # What Java threw stands in the next line, behind its class.
            cause = line.removeprefix(": ").partition(": ")[2] or line.removeprefix(": ")
            self.message = f"{self.message.removeprefix(_OF_JAVA)} {cause}"[:_SHOWN_CHARACTERS]


def _pump(stream: Untyped, *readers: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            text = line.decode(errors="replace").rstrip("\r\n")
            for read in readers:
                read(text)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _thread(function: Callable[..., None], *args: Untyped, name: str = "glue-output") -> threading.Thread:
    """Return a thread that works for the account and region of this one."""
    context = contextvars.copy_context()
    return threading.Thread(target=context.run, args=(function, *args), name=name, daemon=True)
