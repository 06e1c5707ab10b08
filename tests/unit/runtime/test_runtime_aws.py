"""The clients keep to the time that an invocation has left, in their own retries too."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lambdas.runtime.aws import Aws
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import LedgerUnavailable, ServiceUnavailable
from lambdas.runtime.items import Items


class Failing(BaseHTTPRequestHandler):
    """A service that answers every call with 500."""

    calls = 0

    def do_POST(self) -> None:
        type(self).calls += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def aws(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Failing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(Failing, "calls", 0)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    yield Aws()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_is_made_once(aws):
    assert aws.dynamodb is aws.dynamodb
    assert aws.s3.meta.config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (aws.sqs.meta.config.connect_timeout, aws.sqs.meta.config.read_timeout) == (2, 5)


def test_attempts_are_few(aws):
    with pytest.raises(LedgerUnavailable, match="500"):
        Items("ledger", "run-1", aws.dynamodb).read("META")
    assert Failing.calls == 3


def test_no_call_begins_after_the_deadline(aws):
    aws.deadline = Deadline(-1)
    with pytest.raises(ServiceUnavailable):
        Items("ledger", "run-1", aws.dynamodb).read("META")
    assert Failing.calls == 0


def test_no_retry_begins_after_the_deadline(aws):
    time_left = iter([1.0, 0.0, 0.0])
    aws.deadline.remaining = lambda: next(time_left)
    with pytest.raises(ServiceUnavailable):
        Items("ledger", "run-1", aws.dynamodb).read("META")
    assert Failing.calls == 1
