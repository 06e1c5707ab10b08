"""The files of a function in the emulator: its code, its layers, and the runtime."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Final

from scout.embedded.emulator.patches.support import Untyped, service
from scout.embedded.emulator.python_packages import installed_packages

_lambda_svc: Final = service("services.lambda_svc")

_RUNTIME_LOCK: Final = Path(__file__).resolve().parents[3] / "lambdas" / "requirements" / "runtime.txt"


def runtime_folder() -> Path:
    """Return the folder with the runtime client and boto3, which AWS has in `/var/runtime`.

    Raises:
        PackageInstallError: The runtime cannot be installed.
    """
    return installed_packages(_RUNTIME_LOCK.read_text(encoding="utf-8"), cache_dir())


def layer_folders(reference: Untyped) -> list[Path]:
    """Return the folders that a layer adds to `sys.path`.

    Args:
        reference: The layer as a function's configuration names it, or its ARN.

    Raises:
        PackageInstallError: The layer brings a lock that cannot be installed.
    """
    data = _lambda_svc._resolve_layer_zip(reference)
    if data is None:
        return []
    lock = _lock_of_layer(data)
    if lock is not None:
        return [installed_packages(lock, cache_dir())]
    root = unpacked(data) / "python"
    return [path for path in (*root.glob("lib/python3.*/site-packages"), root) if path.is_dir()]


def _lock_of_layer(data: bytes) -> str | None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("requirements.txt").decode() if "requirements.txt" in archive.namelist() else None


def cache_dir() -> Path:
    """Return the folder of installed packages, which outlives this process."""
    return Path(os.environ["SCOUT_CACHE_DIR"])


_unpack_lock: Final = threading.Lock()


def unpacked(data: bytes) -> Path:
    """Unpack a zip once per content, and return the folder."""
    target = Path(tempfile.gettempdir()) / "lambda-code" / hashlib.sha256(data).hexdigest()[:32]
    with _unpack_lock:
        if not target.is_dir():
            target.parent.mkdir(exist_ok=True)
            work = Path(tempfile.mkdtemp(dir=target.parent))
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                _lambda_svc._extract_zip_preserving_mode(archive, str(work))
            work.rename(target)
    return target
