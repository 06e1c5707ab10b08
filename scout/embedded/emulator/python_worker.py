"""An execution environment of a Python function: a process of AWS's runtime client."""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import shutil
import sys
import tempfile
import threading
import zipfile
from typing import Any, Final

from scout.embedded.emulator import cold_starts
from scout.embedded.emulator.function_files import layer_folders, runtime_folder, unpacked
from scout.embedded.emulator.patches.support import Untyped, service
from scout.embedded.emulator.python_packages import PackageInstallError

_lambda_svc: Final = service("services.lambda_svc")
_lambda_runtime: Final = service("core.lambda_runtime")
_responses: Final = service("core.responses")
_ProvidedWorker: Untyped = _lambda_runtime.ProvidedWorker

# Key under which a worker's copy of the function's configuration carries what is needed beyond it.
EXTRA: Final = "EmbeddedPython"

_BOOTSTRAP: Final = """#!/bin/sh
exec "$SCOUT_PYTHON" -I -S launch.py
"""
_LAUNCHER: Final = """import json, os, sys
sys.path[:0] = json.loads(os.environ.pop("SCOUT_PYTHON_PATH"))
del os.environ["SCOUT_PYTHON"]
os.chdir(os.environ["LAMBDA_TASK_ROOT"])
from awslambdaric.__main__ import main
main([sys.executable, os.environ["_HANDLER"]])
"""


class PythonWorker(_ProvidedWorker):  # type: ignore[misc]
    """One execution environment of a Python function: a process of the runtime client."""

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        # What the base class unpacks and starts is the same small launcher for every function.
        super().__init__(func_name, dict(config), _launcher_zip())
        self._function_zip = code_zip
        self._pipe_lock = threading.Lock()
        self._partial_line = b""
        self._temporary: str | None = None

    def invoke(self, event: Untyped, request_id: str, **metadata: Untyped) -> dict[str, Any]:
        """Run one invocation; failures of the environment are reported in the words of AWS."""
        try:
            result: dict[str, Any] = super().invoke(event, request_id, **metadata)
        except PackageInstallError as error:
            return self._failure("Embedded.PackageInstallError", f"the lock of a layer cannot be installed: {error}")
        except _lambda_runtime.ProvidedInitTimeout:
            return self._failure("Sandbox.Timedout", f"Task timed out after {self.config['Timeout']:.2f} seconds")
        except RuntimeError:
            reported = self._init_error
            if isinstance(reported, dict):
                return {**self._failure(), "error_payload": reported}
            return self._failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited during init")
        return result

    def _failure(self, error_type: str = "", message: str = "") -> dict[str, Any]:
        payload = {"errorType": error_type, "errorMessage": message}
        return {"status": "error", "error": message, "error_payload": payload, "log": self._drain_stderr()}

    def _spawn(self, init_timeout: float | None = None) -> None:
        try:
            self._start(init_timeout)
        finally:
            cold_starts.finished(self)

    def _start(self, init_timeout: float | None) -> None:
        task_root = unpacked(self._function_zip)
        layers = [path for ref in self.config.get("Layers") or [] for path in layer_folders(ref)]
        runtime = runtime_folder()
        if self._temporary is None:
            self._temporary = tempfile.mkdtemp(prefix="lambda-tmp-")
        self._partial_line = b""
        self.config[EXTRA] = {
            "path": [str(path) for path in (task_root, *layers, runtime)],
            "task_root": str(task_root),
            "runtime_dir": str(runtime),
            "tmp": self._temporary,
        }
        super()._spawn(init_timeout)

    def _build_handler_class(self, generation: int, pending: Untyped) -> Untyped:
        handler = super()._build_handler_class(generation, pending)
        # Head and body of an answer in one packet: in two, Nagle's algorithm and a delayed ACK cost 40 ms per call.
        handler.wbufsize = -1
        handler.disable_nagle_algorithm = True
        return handler

    def _discard_tmpdir(self) -> None:
        super()._discard_tmpdir()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    # The pipe with the function's output is read by a thread while the handler runs, so that it cannot fill up, and
    # once more when the answer has come: what the handler wrote is in the pipe by then, so no waiting is needed.

    def _pump_output(self, stream: Untyped, log_queue: Untyped) -> None:
        with stream, selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            open_ = True
            while open_:
                selector.select()
                with self._pipe_lock:
                    open_ = self._read_available(stream, log_queue)
            if self._partial_line:
                _put(log_queue, self._partial_line)

    def _read_available(self, stream: Untyped, log_queue: Untyped) -> bool:
        """Move what the pipe holds into the queue, line by line; False at the end of the stream."""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while selector.select(timeout=0):
                chunk = os.read(stream.fileno(), 65536)
                if not chunk:
                    return False
                *lines, self._partial_line = (self._partial_line + chunk).split(b"\n")
                for line in lines:
                    _put(log_queue, line)
        return True

    def _drain_stderr_bounded(self, **_waits: float) -> str:
        process, thread = self._proc, self._log_thread
        if process is not None and thread is not None and thread.is_alive():
            with self._pipe_lock, contextlib.suppress(ValueError):  # ValueError: the pump has closed the stream
                self._read_available(process.stdout, self._stderr_queue)
        lines: str = self._drain_stderr()
        return lines


def _put(log_queue: Untyped, line: bytes) -> None:
    if log_queue.full():
        log_queue.get_nowait()
    log_queue.put_nowait(line.decode(errors="replace").rstrip("\r"))


def environment(config: dict[str, Any], port: int) -> dict[str, str]:
    """Return the environment variables that Lambda defines, the function's own, and nothing of this process.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
    """
    extra = config[EXTRA]
    region = _responses.get_region()
    name = config["FunctionName"]
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": extra["tmp"],
        # So that the function's SDK clients come back to this emulator; a function may set another endpoint.
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        **_lambda_svc._runtime_env_vars(config),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": _responses.new_uuid(),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "LAMBDA_TASK_ROOT": extra["task_root"],
        "LAMBDA_RUNTIME_DIR": extra["runtime_dir"],
        "_HANDLER": config["Handler"],
        **_lambda_runtime.execution_credentials(config),
        "SCOUT_PYTHON": sys.executable,
        "SCOUT_PYTHON_PATH": json.dumps(extra["path"]),
    }


def _launcher_zip() -> bytes:
    """Return the zip of the launcher; equal bytes each time, so that it is unpacked once."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bootstrap"), _BOOTSTRAP)
        archive.writestr(zipfile.ZipInfo("launch.py"), _LAUNCHER)
    return buffer.getvalue()
