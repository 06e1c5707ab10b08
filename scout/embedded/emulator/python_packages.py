"""Install the lock files of Lambda layers and Glue jobs for the laptop's interpreter, once, and keep them.

AWS unpacks a layer's wheels, which are built for Amazon Linux. A laptop may have another processor, system or Python
version, so the same lock, with its hashes, is installed anew for the interpreter that runs the functions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import Final

import uv

# Spark alone is 300 MB.
_INSTALL_TIMEOUT_SECONDS: Final = 1800

_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


class PackageInstallError(Exception):
    """The packages of a lock could not be installed; the message is the installer's."""


def installed_packages(lock_text: str, cache_dir: Path) -> Path:
    """Return a folder with exactly the packages of a lock file, byte-compiled; install them if it is not there yet.

    Args:
        lock_text: A requirements file in which every package has a version and hashes.
        cache_dir: Folder that holds one folder per lock and interpreter.

    Raises:
        PackageInstallError: The installer refused, for instance because a hash differs or the index has no wheel.
    """
    target = _target(lock_text, cache_dir)
    if target.is_dir():
        return target
    with _locks_guard:
        lock = _locks.setdefault(str(target), threading.Lock())
    with lock:
        if not target.is_dir():
            _install(lock_text, target)
    return target


def is_installed(lock_text: str, cache_dir: Path) -> bool:
    """Return whether `installed_packages` has its packages by now."""
    return _target(lock_text, cache_dir).is_dir()


def _target(lock_text: str, cache_dir: Path) -> Path:
    tag = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
    digest = hashlib.sha256(lock_text.encode()).hexdigest()[:24]
    return cache_dir / f"{digest}-{tag}"


def _install(lock_text: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="installing-", dir=target.parent))
    try:
        lock_file = work / "requirements.txt"
        lock_file.write_text(lock_text, encoding="utf-8")
        packages = work / "packages"
        command = [
            uv.find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--compile-bytecode",
            "--python",
            sys.executable,
            "--target",
            str(packages),
            "--requirements",
            str(lock_file),
        ]
        try:
            result = subprocess.run(
                command,
                env=_environment(),
                cwd=work,
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PackageInstallError(f"not installed within {_INSTALL_TIMEOUT_SECONDS} s") from error
        if result.returncode != 0:
            raise PackageInstallError(result.stderr.strip() or f"the installer ended with code {result.returncode}")
        packages.mkdir(exist_ok=True)
        try:
            packages.rename(target)
        except OSError:
            # Another process was faster; what it put there is equal.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # pip's setting for the index counts, too, where uv has none of its own.
    if "PIP_INDEX_URL" in environment and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys():
        environment["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    return environment
