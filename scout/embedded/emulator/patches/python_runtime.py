"""Python functions run under AWS's own runtime client, with nothing but their own code, layers and runtime.

AWS: a Python function is run by the Lambda runtime interface client, in an environment that holds the function's zip
(`/var/task`), its layers (`/opt`) and the runtime (`/var/runtime`, with boto3), in that order on `sys.path`
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html,
https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html). An exception is reported with its class name and
stack trace (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html), which Retry and Catch match by name;
an environment survives an error of its handler.

The emulator runs Python functions by a script of its own, with its own packages in reach: each error is named
`Runtime.HandlerError`, each error ends the process, each silent invocation waits 50 ms for log lines, and a zip that
forgot a dependency still works. Its path for custom runtimes speaks the Lambda Runtime API, so this patch sends Python
functions there, with `awslambdaric` (PyPI) as the runtime. The functions keep the runtime and architecture that they
were created with, in every answer of the API; they are run by the interpreter of this process.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator import cold_starts
from scout.embedded.emulator.function_files import layer_folders
from scout.embedded.emulator.patches.support import Patch, Untyped, service
from scout.embedded.emulator.python_packages import PackageInstallError
from scout.embedded.emulator.python_worker import EXTRA, PythonWorker, environment

_PATCH: Final = Patch(__name__)
_lambda_svc: Final = service("services.lambda_svc")
_lambda_runtime: Final = service("core.lambda_runtime")
_log: Final = logging.getLogger(__name__)

_PENDING_SECONDS: Final = 0.05


def apply() -> None:
    """Send Python functions to `PythonWorker`."""
    _PATCH.expect(_lambda_svc._execute_function_dispatch, "_execute_function_warm(func, event, request_id)")
    _PATCH.expect(_lambda_svc._execute_function_provided_warm, "acquire_worker(", 'result.get("error_payload")')
    _PATCH.expect(
        _lambda_runtime.ProvidedWorker._spawn,
        "_provided_worker_env(self.config, code_dir, port)",
        "_provided_runtime_code_dir(self.code_zip)",
        "self._pump_output, args=(self._proc.stdout, log_queue)",
    )
    _PATCH.expect(_lambda_runtime.ProvidedWorker.invoke, "self._drain_stderr_bounded()", "self._spawn(")
    _PATCH.expect(_lambda_runtime.reap_idle_workers, "(i == 0 and not snapstart_version)")

    _PATCH.expect(_lambda_svc._create_function, "_LAMBDA_STATE_TRANSITION_DELAY")
    # A function is Pending for a moment, as on AWS; half a second for each would be most of a deployment.
    _lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = _PENDING_SECONDS
    _PATCH.around(_lambda_svc, "_execute_function_warm", _run_warm)
    _PATCH.around(_lambda_runtime, "_worker_class_for", _worker_class_for)
    _PATCH.around(_lambda_svc, "_provided_worker_env", _provided_worker_env)
    _PATCH.around(_lambda_svc, "acquire_worker", _acquire_worker)
    _PATCH.around(_lambda_svc, "release_worker", _release_worker)
    _PATCH.around(_lambda_svc, "reap_idle_workers", _reap_idle_workers)
    _PATCH.around(_lambda_svc, "_publish_layer_version", _publish_layer_version)


def _run_warm(original: Untyped, func: Untyped, event: Untyped, request_id: str) -> Untyped:
    run = _lambda_svc._execute_function_provided_warm if _is_python(func.get("config") or func) else original
    return run(func, event, request_id)


def _worker_class_for(original: Untyped, config: dict[str, Any]) -> Untyped:
    return PythonWorker if _is_python(config) else original(config)


def _provided_worker_env(original: Untyped, config: dict[str, Any], code_dir: str, port: int) -> Untyped:
    return environment(config, port) if EXTRA in config else original(config, code_dir, port)


def _acquire_worker(
    original: Untyped, name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST"
) -> Untyped:
    def acquire() -> Untyped:
        return original(name, config, code, qualifier=qualifier)

    if not _is_python(config):
        return acquire()
    key = _lambda_runtime._worker_key(name, config, qualifier)
    return cold_starts.leased(key, acquire)


def _release_worker(original: Untyped, worker: Untyped) -> None:
    original(worker)
    cold_starts.finished(worker)


def _publish_layer_version(original: Untyped, name: str, data: dict[str, Any]) -> Untyped:
    answer = original(name, data)
    if answer[0] == HTTPStatus.CREATED:
        # Installing takes seconds; begin before the first invocation waits for it.
        arn = json.loads(answer[2])["LayerVersionArn"]
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(_prepare_layer, arn), daemon=True).start()
    return answer


def _is_python(config: dict[str, Any]) -> bool:
    return str(config.get("Runtime", "")).startswith("python") and config.get("PackageType", "Zip") == "Zip"


def _reap_idle_workers(_original: Untyped, ttl: float | None = None) -> int:
    """End the workers that were idle for `ttl` seconds, the last one of a function, too, as AWS does."""
    limit = _lambda_runtime._LOCAL_WORKER_TTL if ttl is None else ttl
    oldest = time.time() - limit
    ended = []
    with _lambda_runtime._lock:
        for key, workers in list(_lambda_runtime._workers.items()):
            idle = [worker for worker in workers if not worker.in_use and worker.last_used < oldest]
            ended += idle
            kept = [worker for worker in workers if worker not in idle]
            if kept:
                _lambda_runtime._workers[key] = kept
            else:
                del _lambda_runtime._workers[key]
    _lambda_runtime.kill_workers(ended)
    return len(ended)


def _prepare_layer(layer_arn: str) -> None:
    try:
        layer_folders(layer_arn)
    except PackageInstallError:
        # The invocation that needs the layer tries again, and reports the failure to its caller.
        _log.warning("the lock of %s cannot be installed", layer_arn, exc_info=True)
