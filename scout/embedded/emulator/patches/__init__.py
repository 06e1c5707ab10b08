"""Changes to the emulator, each for one AWS behaviour that it lacks. `docs/embedded-aws.md` lists them.

A patch is a module with a docstring that names the behaviour and where AWS documents it, and `apply()`, which first
checks that the emulator's code is what it expects. `tests/integration/conformance` holds a test of each.
"""

from __future__ import annotations

import importlib
from typing import Final

# In this order: later patches may wrap what earlier ones put in place.
PATCHES: Final = (
    "secure_transport",
    "missing_objects",
    "batch_actions",
    "batch_system_attributes",
    "queue_safety",
    "message_moves",
    "python_runtime",
    "glue_jobs",
    "execution_end",
    "retry",
    "strict_paths",
    "choice_rules",
    "glue_tasks",
    "s3_tasks",
    "service_roles",
    "data_limits",
    "redrive",
    "workflow_api",
    "tracing_settings",
    "definition_check",
)


def apply_all() -> None:
    """Apply every patch.

    Raises:
        PatchError: A patch does not find what it changes.
    """
    for name in PATCHES:
        importlib.import_module(f"{__name__}.{name}").apply()
