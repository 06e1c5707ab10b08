"""The emulator process: how it starts, is found, and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scout.embedded.emulator.instance import Emulator, EmulatorError
from tests.integration.account import Account, wait_until

needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks into /proc")


@pytest.fixture
def own(tmp_path: Path):
    """An emulator of this test alone."""
    emulator = Emulator.start(tmp_path / "state", region="eu-west-2")
    yield emulator
    emulator.stop()


def children(pid: int) -> set[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return {int(line) for line in listed.stdout.split()}


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_found_by_its_folder_and_leaves_nothing_when_stopped(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    assert Emulator.attach(state_dir) is None
    emulator = Emulator.start(state_dir, region="eu-west-2")
    found = Emulator.attach(state_dir)
    assert found == emulator
    assert found.running

    account = Account(found, "123456789012")
    account.function("f", "def handler(e, c):\n    return 1\n", role=account.role("lambda"))
    # The runtime is installed into the cache of this folder on the way.
    assert account.invoke("f") == (None, 1)
    workers = children(emulator.pid)
    assert workers

    found.stop()
    assert not emulator.running
    assert Emulator.attach(state_dir) is None
    assert sorted(path.name for path in state_dir.iterdir()) == ["cache", "emulator.lock", "emulator.log"]
    wait_until(lambda: not [pid for pid in workers if is_running(pid)])
    emulator.stop()  # once more does nothing


def test_it_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from scout.embedded.emulator.instance import Emulator; "
        "Emulator.start(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[3])
    emulator = Emulator.attach(tmp_path)
    assert emulator is not None
    assert emulator.running
    emulator.stop()


def test_only_one_runs_in_a_folder(tmp_path: Path) -> None:
    def start(_: int) -> Emulator | EmulatorError:
        try:
            return Emulator.start(tmp_path)
        except EmulatorError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(start, range(2)))
    (emulator,) = [result for result in results if isinstance(result, Emulator)]
    (error,) = [result for result in results if isinstance(result, EmulatorError)]
    emulator.stop()
    assert f"pid {emulator.pid}" in str(error)


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EmulatorError, match=f"port {port} .* is taken"):
            Emulator.start(tmp_path, port)


def test_a_process_that_only_has_its_id_is_neither_found_nor_killed(own: Emulator) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        path = own.state_dir / "emulator.json"
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "pid": other.pid}))
        assert Emulator.attach(own.state_dir) is None
        impostor = Emulator(own.state_dir, other.pid, own.port, own.region, own.instance)
        impostor.stop()
        assert other.poll() is None
        other.kill()


def test_after_a_crash_it_is_not_found_and_can_be_started_again(own: Emulator) -> None:
    os.kill(own.pid, signal.SIGKILL)
    wait_until(lambda: Emulator.attach(own.state_dir) is None)
    again = Emulator.start(own.state_dir)
    assert again.running
    again.stop()


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCOUT_EMULATOR_LOG_LEVEL", "NO-SUCH-LEVEL")
    with pytest.raises(EmulatorError, match="NO-SUCH-LEVEL"):
        Emulator.start(tmp_path)
    assert Emulator.attach(tmp_path) is None


@needs_proc
def test_the_settings_of_the_user_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "SFN_WAIT_SCALE", "AUTH", "GATEWAY_PORT", "PYTHONPATH"):
        monkeypatch.setenv(name, "from-the-user")
    emulator = Emulator.start(tmp_path)
    try:
        environment = Path(f"/proc/{emulator.pid}/environ").read_bytes().decode()
    finally:
        emulator.stop()
    assert "from-the-user" not in environment
    assert "BIND_HOST=127.0.0.1" in environment


@needs_proc
def test_it_answers_on_the_loopback_interface_only(own: Emulator) -> None:
    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    port = f"{own.port:04X}"
    assert [
        address for address in listening if address.endswith(f":{port}") and not address.startswith("0100007F")
    ] == []
    assert f"0100007F:{port}" in listening


def test_accounts_are_kept_apart_and_sessions_have_the_region(own: Emulator) -> None:
    first, second = own.session("111111111111"), own.session("222222222222")
    first.client("sqs").create_queue(QueueName="q")
    assert first.region_name == "eu-west-2"
    assert second.client("sqs").list_queues().get("QueueUrls", []) == []
    assert first.client("sqs").list_queues()["QueueUrls"]
    assert own.client("sts", "111111111111").get_caller_identity()["Account"] == "111111111111"
    with pytest.raises(ValueError, match="twelve digits"):
        own.session("12")


def test_the_settings_of_the_user_do_not_reach_its_clients(own: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert own.client("sts", "111111111111").get_caller_identity()["Account"] == "111111111111"


def test_a_state_file_of_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "emulator.json").write_text('{"pid": "x"}')
    with pytest.raises(EmulatorError, match=r"emulator\.json"):
        Emulator.attach(tmp_path)
