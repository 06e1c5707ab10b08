"""Python functions: what they can import, what their errors are called, what survives."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.account import wait_until, zip_of

if TYPE_CHECKING:
    from tests.integration.account import Account

RUNTIME_LOCK = Path(__file__).resolve().parents[3] / "lambdas" / "requirements" / "runtime.txt"

RAISING = """
class CityTooLarge(Exception):
    pass

def handler(event, context):
    raise CityTooLarge("no room")
"""

ENVIRONMENT = """
import os, sys
def handler(event, context):
    return {"pid": os.getpid(), "path": sys.path, "env": dict(os.environ), "cwd": os.getcwd(),
            "remaining": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn}
"""

PID = """
import os
def handler(event, context):
    if event == "fail":
        raise ValueError("asked to")
    return os.getpid()
"""


def lock_of(package: str) -> str:
    """The block of one package, with its hashes, out of the lock of the Lambda runtime."""
    found = re.search(rf"^{package}==(?:.*\\\n)+.*$", RUNTIME_LOCK.read_text(), re.MULTILINE)
    assert found is not None
    return found.group(0) + "\n"


def layer(account: Account, name: str, **files: str) -> str:
    published = account.lambda_.publish_layer_version(LayerName=name, Content={"ZipFile": zip_of(**files)})
    return published["LayerVersionArn"]


def test_an_exception_keeps_its_class_message_and_stack_trace(account: Account) -> None:
    account.function("f", RAISING)
    kind, error = account.invoke("f")
    assert kind == "Unhandled"
    assert error["errorType"] == "CityTooLarge"
    assert error["errorMessage"] == "no room"
    assert "code.py" in error["stackTrace"][0]


def test_retry_and_catch_match_the_class_of_the_exception(account: Account) -> None:
    task = {
        "Type": "Task",
        "Resource": account.function("f", RAISING),
        "Catch": [
            {"ErrorEquals": ["CityTooSmall"], "Next": "Wrong"},
            {"ErrorEquals": ["CityTooLarge"], "Next": "Right"},
        ],
        "End": True,
    }
    succeed = {"Type": "Succeed"}
    machine = account.machine("m", {"StartAt": "T", "States": {"T": task, "Wrong": {"Type": "Fail"}, "Right": succeed}})
    ended = account.run(machine)
    assert ended["status"] == "SUCCEEDED"
    assert ended["output"]["Error"] == "CityTooLarge"
    assert json.loads(ended["output"]["Cause"])["errorMessage"] == "no room"


def test_the_function_is_described_as_it_was_deployed(account: Account) -> None:
    account.function("f", PID)
    configuration = account.lambda_.get_function(FunctionName="f")["Configuration"]
    assert configuration["Runtime"] == "python3.13"
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["Handler"] == "code.handler"


def test_the_environment_is_that_of_lambda_and_nothing_of_the_host(account: Account) -> None:
    account.function("f", ENVIRONMENT, Environment={"Variables": {"MINE": "yes"}}, MemorySize=256)
    _, seen = account.invoke("f")
    environment = seen["env"]
    assert environment["MINE"] == "yes"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert environment["LAMBDA_TASK_ROOT"] == seen["cwd"] == seen["path"][0]
    assert not {"HOME", "GATEWAY_PORT", "SFN_WAIT_SCALE", "SSL_CERT_FILE", "VIRTUAL_ENV"} & environment.keys()
    assert not [entry for entry in seen["path"] if ".venv" in entry]
    assert seen["arn"].endswith(":function:f")
    assert 0 < seen["remaining"] <= 20_000


def test_boto3_is_there_and_calls_the_emulator_with_the_role_of_the_function(account: Account) -> None:
    account.function(
        "f", "import boto3\ndef handler(e, c):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    )
    kind, arn = account.invoke("f")
    assert kind is None
    assert arn.startswith(f"arn:aws:sts::{account.id}:assumed-role/lambda-0/")


def test_a_dependency_that_is_in_no_layer_is_missing(account: Account) -> None:
    # pydantic is installed in the environment of the emulator, and not in that of the function.
    account.function("f", "import pydantic\ndef handler(e, c):\n    return 1\n")
    kind, error = account.invoke("f")
    assert kind == "Unhandled"
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'code': No module named 'pydantic'"


def test_a_layer_with_a_lock_is_installed_from_it(account: Account) -> None:
    arn = layer(account, "deps", **{"requirements.txt": lock_of("jmespath"), "python/other.py": "X = 1\n"})
    code = "import sys, jmespath\ndef handler(e, c):\n    return [jmespath.__version__, sys.path[1]]\n"
    account.function("f", code, Layers=[arn])
    kind, (version, folder) = account.invoke("f")
    assert kind is None
    assert f"jmespath=={version}" in lock_of("jmespath")
    assert "/cache/" in folder


def test_a_lock_with_a_wrong_hash_is_refused(account: Account) -> None:
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, lock_of("jmespath"))
    account.function("f", PID, Layers=[layer(account, "deps", **{"requirements.txt": text})])
    kind, error = account.invoke("f")
    assert kind == "Unhandled"
    assert error["errorType"] == "Embedded.PackageInstallError"
    assert "jmespath" in error["errorMessage"]


def test_a_layer_without_a_lock_adds_its_python_folder(account: Account) -> None:
    code = "import ours\ndef handler(e, c):\n    return ours.X\n"
    account.function("f", code, Layers=[layer(account, "ours", **{"python/ours.py": "X = 7\n"})])
    assert account.invoke("f") == (None, 7)


def test_an_error_of_the_handler_does_not_end_the_environment(account: Account) -> None:
    account.function("f", PID)
    _, first = account.invoke("f")
    assert account.invoke("f", "fail")[0] == "Unhandled"
    assert account.invoke("f") == (None, first)


def test_new_code_is_run_after_an_update(account: Account) -> None:
    account.function("f", "def handler(e, c):\n    return 1\n")
    assert account.invoke("f") == (None, 1)
    account.lambda_.update_function_code(
        FunctionName="f", ZipFile=zip_of(**{"code.py": "def handler(e, c):\n    return 2\n"})
    )
    assert account.invoke("f") == (None, 2)


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        pytest.param(
            "def other(e, c): pass\n", "Runtime.HandlerNotFound", "Handler 'handler' missing", id="no handler"
        ),
        pytest.param("def handler(:\n", "Runtime.UserCodeSyntaxError", "Syntax error in module 'code'", id="syntax"),
        pytest.param("import os\nos._exit(3)\n", "Runtime.ExitError", "Runtime exited", id="exit during init"),
        pytest.param(
            "def handler(e, c):\n    import os; os._exit(3)\n", "Runtime.ExitError", "Runtime exited", id="exit"
        ),
        pytest.param(
            "def handler(e, c):\n    return {1, 2}\n", "Runtime.MarshalError", "Unable to marshal", id="marshal"
        ),
        pytest.param(
            "import time\ndef handler(e, c):\n    time.sleep(9)\n", "Sandbox.Timedout", "1.00 s", id="time-out"
        ),
    ],
)
def test_failures_of_the_runtime_have_the_names_of_aws(
    account: Account, code: str, error_type: str, message: str
) -> None:
    account.function("f", code, Timeout=1 if error_type == "Sandbox.Timedout" else 20)
    kind, error = account.invoke("f")
    assert (kind, error["errorType"]) == ("Unhandled", error_type)
    assert message in error["errorMessage"]


def test_an_environment_that_died_is_replaced(account: Account) -> None:
    account.function("f", "import os\ndef handler(e, c):\n    return e or os._exit(1)\n")
    assert account.invoke("f", 0)[0] == "Unhandled"
    assert account.invoke("f", 5) == (None, 5)


def test_concurrent_invocations_have_environments_of_their_own(account: Account, tmp_path: Path) -> None:
    # Each waits for the others, so that none can take over the environment of one that has answered.
    code = (
        "import os, pathlib, time\n"
        "def handler(folder, context):\n"
        "    here = pathlib.Path(folder)\n"
        "    (here / str(os.getpid())).touch()\n"
        "    while len(list(here.iterdir())) < 4:\n"
        "        time.sleep(0.02)\n"
        "    return os.getpid()\n"
    )
    account.function("f", code, Timeout=50)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: account.invoke("f", str(tmp_path)), range(4)))
    assert len({pid for kind, pid in answers if kind is None}) == 4


def test_what_is_logged_is_in_the_log_and_a_silent_call_does_not_wait_for_it(account: Account) -> None:
    code = (
        "import logging\n"
        "def handler(e, c):\n"
        "    for n in range(e or 0):\n"
        "        logging.warning('line %d', n)\n"
        "    if e: print('printed'); raise SystemError('x')\n"
    )
    account.function("f", code)
    account.invoke("f", 0)
    answer = account.lambda_.invoke(FunctionName="f", Payload=b"300", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "line 299" in tail
    assert "printed" in tail

    def logged() -> list[str]:
        logs = account.session.client("logs")
        return [e["message"] for e in logs.filter_log_events(logGroupName="/aws/lambda/f", limit=10_000)["events"]]

    messages = wait_until(logged)
    assert [m for m in messages if "line 0" in m]
    assert [m for m in messages if "[ERROR] SystemError: x" in m]

    # The emulator's own worker waits 0.05 s for lines that do not come, which is many times as long as a plain call.
    invocation = partial(account.lambda_.invoke, FunctionName="f", Payload=b"0")
    assert _best(invocation) < 10 * _best(partial(account.lambda_.get_function_configuration, FunctionName="f"))


def _best(call: Callable[[], object]) -> float:
    def seconds() -> float:
        started = time.perf_counter()
        call()
        return time.perf_counter() - started

    return min(seconds() for _ in range(20))
