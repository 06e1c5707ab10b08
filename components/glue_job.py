"""A Glue job of a workflow: its script, its role, its logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pulumi
import pulumi_aws as aws

from artifacts import Artifact
from components.context import StackContext
from components.policies import Statement, delete_objects, list_objects, read_objects, write_objects
from components.workflow_bucket import WorkflowBucket
from components.workflow_roles import WorkflowRoles, WorkflowRolesArgs, job_role
from workflow.targets import GlueJobTarget

# Spark 3.5.6, Python 3.11, Java 17 (https://docs.aws.amazon.com/glue/latest/dg/release-notes.html).
GLUE_VERSION = "5.1"
SCRIPTS, TEMPORARY, EXECUTIONS = "glue-scripts/", "glue-temp/", "executions/"

WorkerType = Literal["G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"]


@dataclass(frozen=True)
class GlueJobArgs:
    """What ``GlueJob`` is made of.

    Attributes:
        context: The stack. Its settings say how long logs are kept.
        job: The job's name in the stack, such as ``heavy-etl``.
        description: What it does.
        script: The PySpark script, relative to the program's folder.
        modules: A zip of the Python modules that the script imports.
        bucket: Through which stages hand over. The script lies there, too, and what Spark keeps for a while.
        timeout_minutes: Of one run, 1 to 10,080. Default 120.
        worker_type: The size of a worker: ``G.1X`` has 4 vCPUs and 16 GB and is billed as one DPU, ``G.2X`` twice that;
            ``R`` types have twice the memory (https://docs.aws.amazon.com/glue/latest/dg/worker-types.html). Default
            ``G.1X``.
        number_of_workers: At least 2, of which one is the driver. Default 2.
        max_concurrent_runs: The most runs at once; a stage that wants one more waits for it, up to about five hours
            (``workflow.retries.BUSY_JOB_ERRORS``). AWS's own default is 1. Default 4.
        arguments: Further arguments of each run, without ``--``.
        requirements: A lock with hashes of the packages that the script needs beyond those that Glue brings, relative
            to the program's folder. Glue installs them from PyPI at the start of each run.
        reads: Key prefixes below which it reads objects, beside ``executions/``.
        statements: What the script may do beyond reading these and writing below ``executions/``.
        security_configuration: The name of one; by default one is made where the bucket has a KMS key.
    """

    context: StackContext
    job: str
    description: str
    script: Path
    modules: Artifact
    bucket: WorkflowBucket
    timeout_minutes: int = 120
    worker_type: WorkerType = "G.1X"
    number_of_workers: int = 2
    max_concurrent_runs: int = 4
    arguments: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    requirements: Path | None = None
    reads: Sequence[str] = ()
    statements: Sequence[Statement] = ()
    security_configuration: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        if self.number_of_workers < 2:
            raise ValueError(f"job {self.job!r}: number_of_workers is {self.number_of_workers}; Glue takes at least 2")


class GlueJob(pulumi.ComponentResource):
    """A Spark job on Glue 5.1 that does one stage's work; ``glue_scripts.stage`` is its script's side of the hand-over.

    It is never retried by Glue itself: its stage's Retry does that, and counts it.

    Attributes:
        name: The job's name.
        arn: The job's ARN.
        target: The job as a state machine runs it, known before the job is there.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    target: GlueJobTarget

    def __init__(self, name: str, args: GlueJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("data-scout:components:GlueJob", name, None, opts)
        context, child = args.context, pulumi.ResourceOptions(parent=self)
        physical_name = context.names.of("job", args.job)
        self.target = GlueJobTarget(name=physical_name, timeout_minutes=args.timeout_minutes)
        role_name = f"{args.job}-job-role"
        specs = {role_name: job_role(context, args.job, *_statements(args))}
        role = WorkflowRoles(name, WorkflowRolesArgs(context, specs, args.bucket.key_arn), child).roles[role_name]
        logs = [self._log_group(name, args, output) for output in ("error", "output")]
        script = self._upload(f"{name}-script", args, "script.py", args.script)
        modules = self._upload(f"{name}-modules", args, "modules.zip", args.modules.path)
        job = aws.glue.Job(
            name,
            name=physical_name,
            description=args.description,
            role_arn=role.arn,
            glue_version=GLUE_VERSION,
            command=aws.glue.JobCommandArgs(
                name="glueetl", python_version="3", script_location=_address(args, script.key)
            ),
            worker_type=args.worker_type,
            number_of_workers=args.number_of_workers,
            timeout=args.timeout_minutes,
            max_retries=0,
            execution_property=aws.glue.JobExecutionPropertyArgs(max_concurrent_runs=args.max_concurrent_runs),
            default_arguments=self._arguments(args, modules) | self._packages(name, args),
            security_configuration=args.security_configuration or self._security_configuration(name, args),
            tags=context.tags("glue-job"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role.policy, *logs]),
        )
        self.name, self.arn = job.name, job.arn
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _log_group(self, name: str, args: GlueJobArgs, output: str) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            f"{name}-{output}",
            name=f"{args.context.log_group('job', args.job)}/{output}",
            retention_in_days=args.context.settings.functions.log_retention_days,
            tags=args.context.tags("glue-job"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _upload(self, name: str, args: GlueJobArgs, file: str, path: Path) -> aws.s3.BucketObjectv2:
        return aws.s3.BucketObjectv2(
            name,
            bucket=args.bucket.name,
            key=f"{SCRIPTS}{args.job}/{file}",
            source=pulumi.FileAsset(str(path)),
            tags=args.context.tags("glue-job"),
            # Once the bucket keeps versions, and encrypts as it is told.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.bucket]),
        )

    def _arguments(self, args: GlueJobArgs, modules: aws.s3.BucketObjectv2) -> dict[str, pulumi.Input[str]]:
        """The arguments of every run; names that begin with ``--enable`` and the like are Glue's own."""
        return {
            "--job-language": "python",
            "--TempDir": f"s3://{args.context.bucket}/{TEMPORARY}{args.job}/",
            "--extra-py-files": _address(args, modules.key),
            # Since Glue 5.0 logs are written while a run goes on; the argument is for older versions, and says it.
            "--enable-continuous-cloudwatch-log": "true",
            "--custom-logGroup-prefix": args.context.log_group("job", args.job),
            "--enable-metrics": "true",
            "--enable-job-insights": "true",
            "--enable-spark-ui": "true",
            "--spark-event-logs-path": f"s3://{args.context.bucket}/{TEMPORARY}{args.job}/spark-events/",
            **{f"--{argument}": value for argument, value in args.arguments.items()},
        }

    def _packages(self, name: str, args: GlueJobArgs) -> dict[str, pulumi.Input[str]]:
        """What tells Glue to install packages
        (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html).
        """
        if args.requirements is None:
            return {}
        lock = self._upload(f"{name}-requirements", args, "requirements.txt", args.requirements)
        return {
            "--additional-python-modules": _address(args, lock.key),
            "--python-modules-installer-option": "-r",
        }

    def _security_configuration(self, name: str, args: GlueJobArgs) -> pulumi.Output[str] | None:
        """What Spark itself writes is encrypted as the bucket is."""
        if args.bucket.key_arn is None:
            return None
        made = aws.glue.SecurityConfiguration(
            name,
            name=args.context.names.of("job", args.job),
            encryption_configuration=aws.glue.SecurityConfigurationEncryptionConfigurationArgs(
                cloudwatch_encryption=aws.glue.SecurityConfigurationEncryptionConfigurationCloudwatchEncryptionArgs(
                    cloudwatch_encryption_mode="DISABLED"
                ),
                job_bookmarks_encryption=aws.glue.SecurityConfigurationEncryptionConfigurationJobBookmarksEncryptionArgs(
                    job_bookmarks_encryption_mode="DISABLED"
                ),
                s3_encryption=aws.glue.SecurityConfigurationEncryptionConfigurationS3EncryptionArgs(
                    s3_encryption_mode="SSE-KMS", kms_key_arn=args.bucket.key_arn
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made.name


def _statements(args: GlueJobArgs) -> list[Statement]:
    """Reading its script and the outputs of stages; writing outputs, and what Spark keeps for a while."""
    bucket, own = args.context.bucket_arn, f"{TEMPORARY}{args.job}/"
    reads = [f"{SCRIPTS}{args.job}/", EXECUTIONS, own, *args.reads]
    return [
        read_objects(bucket, reads),
        write_objects(bucket, [EXECUTIONS, own]),
        delete_objects(bucket, [own]),
        list_objects(bucket, reads),
        *args.statements,
    ]


def _address(args: GlueJobArgs, key: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat("s3://", args.bucket.name, "/", key)
