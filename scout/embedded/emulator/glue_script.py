"""The script of a Glue job on this machine: its files, its arguments, and the environment that it runs in.

AWS: a Spark job of Glue 5 runs on Java 17 and sees its arguments in `sys.argv`, some of which Glue itself reads
(https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html). It acts with the job's role,
which must allow to read the script, too.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import subprocess
import tempfile
import threading
import venv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from scout.embedded.emulator import roles
from scout.embedded.emulator.function_files import cache_dir
from scout.embedded.emulator.patches.support import service
from scout.embedded.emulator.python_packages import installed_packages, is_installed

_responses: Final = service("core.responses")
_log: Final = logging.getLogger(__name__)

_LOCK: Final = Path(__file__).resolve().parents[3] / "glue_scripts" / "requirements" / "runtime.txt"
_JAVA_VERSION: Final = 17
_SESSION: Final = "GlueJobRunnerSession"
_IMPORTABLE: Final = (".zip", ".whl", ".egg")

_MODULES: Final = "--additional-python-modules"
_INSTALLER_OPTION: Final = "--python-modules-installer-option"
# Arguments by which Glue would change what the script finds; they would have no effect here.
_NOT_HERE: Final = (
    "--extra-jars",
    "--extra-files",
    "--datalake-formats",
    "--customer-driver-env-vars",
    "--customer-executor-env-vars",
    "--class",
)


class LaunchError(Exception):
    """A script cannot be started; the message says why."""


@dataclass(frozen=True)
class Script:
    """A script that is ready to run.

    Attributes:
        command: The command line.
        environment: The whole environment of the process.
        folder: The folder to run it in.
    """

    command: list[str]
    environment: dict[str, str]
    folder: Path


def prepared(job: dict[str, Any], run_id: str, arguments: dict[str, str], folder: Path) -> Script:
    """Put all that a run of a job needs into an empty folder.

    Args:
        job: The job's definition, as GetJob gives it.
        run_id: The run's id.
        arguments: The arguments of job and run, merged.
        folder: A folder for this run alone, for its files and for what it writes.

    Raises:
        LaunchError: There is no Java, an argument has no support, or the role may not read a file that is needed.
        PackageInstallError: Spark, or what the job asks for, cannot be installed.
    """
    _check(arguments)
    java = _java(os.environ.get("SCOUT_JAVA", ""))
    packages = [_packages()]
    credentials = roles.session_credentials(job["Role"], _SESSION, run_id)
    storage = _Storage(credentials)
    script = storage.fetched(job["Command"]["ScriptLocation"], folder / "script")
    extra = [
        storage.fetched(location.strip(), folder / "extra" / str(number))
        for number, location in enumerate(arguments.get("--extra-py-files", "").split(","))
        if location.strip()
    ]
    if _MODULES in arguments:
        lock = storage.fetched(arguments[_MODULES], folder / "modules").read_text(encoding="utf-8")
        packages.insert(0, installed_packages(lock, cache_dir()))
    for name in ("work", "conf", "temporary"):
        (folder / name).mkdir()
    (folder / "conf" / "spark-defaults.conf").write_text(_spark_settings(arguments, folder), encoding="utf-8")
    argv = ["--JOB_NAME", job["Name"], "--JOB_RUN_ID", run_id]
    argv += [part for pair in arguments.items() for part in pair]
    return Script(
        command=[str(_interpreter()), str(script), *argv],
        environment=_environment(java, [*map(_import_path, extra), *packages], folder) | credentials,
        folder=folder / "work",
    )


def _check(arguments: dict[str, str]) -> None:
    for name in _NOT_HERE:
        if name in arguments:
            raise LaunchError(f"LAUNCH ERROR | the embedded AWS does not have the job parameter {name}")
    modules, option = arguments.get(_MODULES), arguments.get(_INSTALLER_OPTION)
    if (modules, option) != (None, None) and not (option == "-r" and str(modules).endswith(".txt")):
        raise LaunchError(
            f"LAUNCH ERROR | the embedded AWS takes for {_MODULES} one s3://bucket/requirements.txt, in which every "
            f"package has a version and hashes, with -r for {_INSTALLER_OPTION}; not {modules} with {option}"
        )
    if arguments.get("--job-language", "python") != "python":
        raise LaunchError("LAUNCH ERROR | the embedded AWS runs jobs in Python only: --job-language must be python")


@functools.cache
def _java(program: str) -> Path:
    """Return the Java to run, after a look at its version."""
    advice = (
        f"Spark needs Java {_JAVA_VERSION}. Install it (apt install openjdk-17-jre-headless, brew install openjdk@17), "
        "have it on the PATH or name its folder in JAVA_HOME, then `scout down` and `scout up`"
    )
    if not program:
        raise LaunchError(f"LAUNCH ERROR | no `java` was found when the embedded AWS was started. {advice}")
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LaunchError(f"LAUNCH ERROR | {program} does not run ({error}). {advice}") from error
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version.group(1)) != _JAVA_VERSION:
        found = f"Java {version.group(1)}" if version else f"no Java {_JAVA_VERSION}"
        raise LaunchError(f"LAUNCH ERROR | {program} is {found}. {advice}")
    return Path(program)


def _packages() -> Path:
    lock = _LOCK.read_text(encoding="utf-8")
    if not is_installed(lock, cache_dir()):
        _log.warning("installing Spark for the jobs of Glue into %s, once; 300 MB are fetched", cache_dir())
    return installed_packages(lock, cache_dir())


class _Storage:
    """S3 as the job's role sees it."""

    def __init__(self, credentials: dict[str, str]) -> None:
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            region_name=_responses.get_region(),
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials["AWS_SESSION_TOKEN"],
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def fetched(self, location: str, folder: Path) -> Path:
        """Copy an object into a new folder, and return the file."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        if not location.startswith("s3://") or not PurePosixPath(key).name:
            raise LaunchError(f"LAUNCH ERROR | {location} is not the location of an object, s3://bucket/key")
        try:
            content = self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            told = error.response["Error"]
            raise LaunchError(f"LAUNCH ERROR | {location}: {told['Code']}: {told['Message']}") from error
        folder.mkdir(parents=True)
        path = folder / PurePosixPath(key).name
        path.write_bytes(content)
        return path


def _import_path(file: Path) -> Path:
    """Return what `sys.path` needs to hold for a file of `--extra-py-files`."""
    if file.suffix == ".py":
        return file.parent
    if file.suffix in _IMPORTABLE:
        return file
    raise LaunchError(f"LAUNCH ERROR | --extra-py-files: {file.name} is neither a .py file nor a zip")


_interpreter_lock: Final = threading.Lock()


def _interpreter() -> Path:
    """Return the interpreter of this process, with no package in reach: a script sees those of Glue alone."""
    folder = Path(tempfile.gettempdir()) / "glue-python"
    with _interpreter_lock:
        if not folder.is_dir():
            venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def _spark_settings(arguments: dict[str, str], folder: Path) -> str:
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.warehouse.dir": str(folder / "work" / "spark-warehouse"),
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={folder}/temporary",
    }
    # Glue's way to give several: "spark.a=1 --conf spark.b=2".
    for setting in re.split(r"\s+--conf\s+", arguments.get("--conf", "").strip()):
        name, _, value = setting.partition("=")
        if name:
            settings[name] = value
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _environment(java: Path, path: list[Path], folder: Path) -> dict[str, str]:
    """Return what Spark and the SDKs need, and nothing of this process. Spark is what stands last in the path."""
    region = _responses.get_region()
    packages, interpreter = path[-1], str(_interpreter())
    return {
        "PATH": f"{java.parent}{os.pathsep}{os.defpath}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folder),
        "TMPDIR": str(folder / "temporary"),
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONNOUSERSITE": "1",
        # So that lines are in the log when they are written.
        "PYTHONUNBUFFERED": "1",
        "PYSPARK_PYTHON": interpreter,
        "PYSPARK_DRIVER_PYTHON": interpreter,
        "SPARK_HOME": str(packages / "pyspark"),
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_DIRS": str(folder / "temporary"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
