"""Jobs of Glue in an account, for tests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.account import wait_until

if TYPE_CHECKING:
    from tests.integration.account import Account

ACTIVE = {"STARTING", "RUNNING", "STOPPING"}

# A script that goes on until it is stopped.
ENDLESS = "import time\nprint('begun')\ntime.sleep(600)\n"


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended, and that nobody has asked about yet, is there, too.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@dataclass
class Jobs:
    """Jobs, and a bucket for their scripts and results."""

    account: Account

    @cached_property
    def glue(self) -> Any:
        return self.account.session.client("glue")

    @cached_property
    def s3(self) -> Any:
        return self.account.session.client("s3")

    @cached_property
    def bucket(self) -> str:
        name = f"jobs-{self.account.id}"
        self.s3.create_bucket(Bucket=name)
        return name

    @cached_property
    def role(self) -> str:
        """A role that may read all of the bucket and write results."""
        everything = f"arn:aws:s3:::{self.bucket}/*"
        return self.account.role("glue", ("s3:GetObject", everything), ("s3:PutObject", f"{everything}/result.json"))

    def put(self, key: str, content: str | bytes) -> str:
        """Store an object; return its location."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return f"s3://{self.bucket}/{key}"

    def define(self, name: str, script: str | None, **definition: Any) -> None:
        """Make a job; None is a script that is not there."""
        location = f"s3://{self.bucket}/nowhere/{name}.py"
        if script is not None:
            location = self.put(f"scripts/{name}.py", script)
        command = {"Name": "glueetl", "ScriptLocation": location, "PythonVersion": "3"}
        self.glue.create_job(**{"Name": name, "Role": self.role, "Command": command, **definition})

    def start(self, name: str, **arguments: Any) -> str:
        return str(self.glue.start_job_run(JobName=name, **arguments)["JobRunId"])

    def run(self, name: str, run: str) -> dict[str, Any]:
        return dict(self.glue.get_job_run(JobName=name, RunId=run)["JobRun"])

    def state(self, name: str, run: str) -> str:
        return str(self.run(name, run)["JobRunState"])

    def ended(self, name: str, run: str, timeout: float = 120) -> dict[str, Any]:
        return wait_until(lambda: {} if (found := self.run(name, run))["JobRunState"] in ACTIVE else found, timeout)

    def begun(self, name: str, run: str) -> None:
        """Wait until the script of a run has printed something."""
        wait_until(lambda: self.printed("output", run), 120)

    def printed(self, kind: str, run: str) -> list[str]:
        """The lines of a run in the log group of that kind, `output` or `error`."""
        logs = self.account.session.client("logs")
        group = f"/aws-glue/jobs/{kind}"
        streams = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        if not streams or not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=run)["logStreams"]:
            return []
        return [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=run)["events"]]

    def result(self, name: str) -> Any:
        """What a script wrote into its result."""
        body = self.s3.get_object(Bucket=self.bucket, Key=f"{name}/result.json")["Body"]
        return json.loads(body.read())

    def stop_all(self) -> None:
        for job in self.glue.get_jobs()["Jobs"]:
            runs = self.glue.get_job_runs(JobName=job["Name"])["JobRuns"]
            active = [run["Id"] for run in runs if run["JobRunState"] in ACTIVE]
            if active:
                self.glue.batch_stop_job_run(JobName=job["Name"], JobRunIds=active)
