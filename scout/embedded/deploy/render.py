"""What a stack would be, as files for linters and reviews, with no AWS of any kind."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.aws import NowhereContext
from scout.embedded.deploy.deployment import checked_handler_of, resource_of
from scout.embedded.deploy.program import run_program
from scout.embedded.deploy.stack_config import load_stack_config
from scout.embedded.resources import HANDLERS, invoke
from scout.embedded.resources.differences import is_file

if TYPE_CHECKING:
    from scout.embedded.deploy.graph import Resource
    from scout.embedded.deploy.program import Registration
    from scout.embedded.resources import JsonObject

GRAPH_FILE: Final = "resources.json"
DEFINITION_SUFFIX: Final = ".asl.json"
_STATE_MACHINE: Final = "aws:sfn/stateMachine:StateMachine"
_DEFAULT_REGION: Final = "us-east-1"


def render(project_dir: Path, stack: str, out_dir: Path) -> list[Path]:
    """Write the resource graph of a stack and the definition of each of its state machines.

    ARNs and ids are those that AWS would give in the account 123456789012; what AWS invents has a fixed value, so that
    two renderings of the same program are equal byte for byte.

    Args:
        project_dir: The folder of `Pulumi.yaml` and `__main__.py`.
        stack: Name of the stack.
        out_dir: Where the files go; made if missing.

    Returns:
        The files: `resources.json`, and `<name>.asl.json` for each state machine.

    Raises:
        ConfigError: The stack's configuration is not what `Pulumi.yaml` declares.
        ProgramError: The program asks for what has no support here, or registers a URN twice.
        ResourceError: No handler knows the type of a resource, or its inputs cannot be right.
        Exception: Whatever the program raised.
    """
    config = load_stack_config(project_dir, stack)
    rendering = _Rendering(config.values.get("aws:region", _DEFAULT_REGION))
    outputs = run_program(config, rendering)
    resources = sorted(rendering.resources.values(), key=lambda resource: resource.urn)
    graph = {
        "project": config.project,
        "stack": config.stack,
        "resources": [_described(resource, config.directory) for resource in resources],
        "outputs": outputs,
    }
    files = {GRAPH_FILE: graph} | {
        f"{resource.inputs['name']}{DEFINITION_SUFFIX}": json.loads(resource.inputs["definition"])
        for resource in resources
        if resource.type == _STATE_MACHINE
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (out_dir / name).write_text(text, encoding="utf-8")
    return [out_dir / name for name in files]


class _Rendering:
    """An engine that makes nothing and answers as AWS would."""

    def __init__(self, region: str) -> None:
        self.resources: dict[str, Resource] = {}
        self._ctx = NowhereContext(region)
        self._lock = threading.Lock()

    def register(self, registration: Registration) -> tuple[str, JsonObject]:
        resource = resource_of(registration)
        if resource.custom:
            handler = checked_handler_of(resource, HANDLERS)
            resource.id, resource.outputs = handler.expected(resource.inputs, self._ctx)
        with self._lock:
            self.resources[resource.urn] = resource
        return resource.id, resource.outputs

    def register_outputs(self, urn: str, outputs: JsonObject) -> None:
        with self._lock:
            self.resources[urn].outputs = outputs

    def invoke(self, token: str, arguments: JsonObject) -> JsonObject:
        return invoke(token, arguments, self._ctx)


def _described(resource: Resource, directory: Path) -> JsonObject:
    """Return what is worth reading of a resource: no value twice, and no path of this machine."""
    outputs = {key: value for key, value in resource.outputs.items() if resource.inputs.get(key) != value}
    described = {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "parent": resource.parent,
        "id": resource.id,
        "protect": resource.protect,
        "inputs": _portable(resource.inputs, directory),
        "outputs": outputs,
        "dependencies": resource.dependencies,
    }
    return {key: value for key, value in described.items() if value or key in ("inputs", "outputs")}


def _portable(value: Any, directory: Path) -> Any:  # noqa: ANN401 - any JSON value
    if is_file(value):
        path = Path(value["path"])
        return value | {"path": str(path.relative_to(directory)) if path.is_relative_to(directory) else path.name}
    if isinstance(value, dict):
        return {key: _portable(item, directory) for key, item in value.items()}
    return [_portable(item, directory) for item in value] if isinstance(value, list) else value
