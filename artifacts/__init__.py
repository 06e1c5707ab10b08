"""The zips that Lambda gets, built so that the same input gives the same bytes anywhere and at any time.

Function zips hold this project's own pure-Python packages. Third-party packages come in layers, installed from a lock
with hashes for Lambda's platform. Both hold byte code, where a Python of Lambda's version is at hand. A layer zip also
holds, at its root, the lock that it was built from: AWS ignores that file; whoever cannot run wheels of Lambda's
platform can install the same versions from it.
"""

from artifacts.builders import Builder, LockOnlyBuilder, builder, override
from artifacts.bytecode import PYTHON_VERSION
from artifacts.zips import Artifact, ArtifactError

__all__ = ["PYTHON_VERSION", "Artifact", "ArtifactError", "Builder", "LockOnlyBuilder", "builder", "override"]
