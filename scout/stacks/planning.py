"""What an `up` would do to a stack: found by a preview on the embedded AWS, on AWS by ``pulumi preview --json``."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scout import local
from scout.embedded.deploy.diff import Change, Op, PropertyChange, property_changes
from scout.errors import ScoutError
from scout.stacks import deployed

# A preview of some hundred resources takes minutes, and the first one installs the plugin.
_PREVIEW_SECONDS = 1800
# What each type of resource holds that nothing brings back.
STATEFUL: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "its objects",
    "aws:dynamodb/table:Table": "its items",
    "aws:sqs/queue:Queue": "its messages",
    "aws:kms/key:Key": "all that was encrypted with it",
    "aws:cloudwatch/logGroup:LogGroup": "its logs",
    "aws:sns/topic:Topic": "its subscriptions",
    "aws:secretsmanager/secret:Secret": "its value",
}
# The operations of the engine (``pulumi.automation.events.OpType``). A replacement may be told in several steps.
_OPS: Mapping[str, Op] = {
    "same": Op.SAME,
    "refresh": Op.SAME,
    "read": Op.SAME,
    "create": Op.CREATE,
    "import": Op.CREATE,
    "update": Op.UPDATE,
    "replace": Op.REPLACE,
    "create-replacement": Op.REPLACE,
    "delete-replaced": Op.REPLACE,
    "read-replacement": Op.REPLACE,
    "import-replacement": Op.REPLACE,
    "discard-replaced": Op.REPLACE,
    "remove-pending-replace": Op.REPLACE,
    "delete": Op.DELETE,
    "discard": Op.DELETE,
}
_WORST_LAST = (Op.SAME, Op.CREATE, Op.UPDATE, Op.REPLACE, Op.DELETE)
_GRAPH_FILE = "resources.json"
# A component is nothing by itself.
PROVIDER = "aws:"
# The stack itself and its providers: nothing in AWS.
_ENGINE = "pulumi:"
_COUNTED = ("create", "update", "replace", "delete")


def planned(stack: str) -> tuple[Change, ...]:
    """What an `up` would do to a stack. Nothing is changed.

    Args:
        stack: The stack, deployed or not.

    Returns:
        A change for each resource that would not stay the same, in the order of their URNs.

    Raises:
        ScoutError: The configuration, the program or a resource would be refused, or nobody can say what would be done.
    """
    if not deployed.on_aws():
        return tuple(change for change in local.preview(stack).changes if change.op is not Op.SAME)
    if not exists(stack):
        # `pulumi preview` refuses a stack that the backend does not know; all of it would be new.
        resources = graph(stack)["resources"]
        created = (Change(Op.CREATE, item["type"], item["name"], item["urn"]) for item in resources)
        return tuple(change for change in created if change.type.startswith(PROVIDER))
    words = ("preview", "--json", "--stack", stack)
    return of_preview(deployed.pulumi(*words, seconds=_PREVIEW_SECONDS), stack)


def graph(stack: str) -> dict[str, Any]:
    """The resources of a stack as they would be made from nothing, and its project's name.

    Raises:
        ScoutError: The configuration or the program would be refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        local.render(stack, Path(folder))
        found: dict[str, Any] = json.loads((Path(folder) / _GRAPH_FILE).read_text(encoding="utf-8"))
    return found


def exists(stack: str) -> bool:
    """Whether the Pulumi backend knows a stack of this project.

    Raises:
        ScoutError: ``pulumi`` does not say.
    """
    known = json.loads(deployed.pulumi("stack", "ls", "--json"))
    return any(held["name"].rpartition("/")[2] == stack for held in known)


def of_preview(text: str, stack: str) -> tuple[Change, ...]:
    """Read what ``pulumi preview --json`` prints
    (https://github.com/pulumi/pulumi/blob/master/sdk/go/common/display/json.go, ``PreviewDigest``).

    Args:
        text: The JSON document.
        stack: The stack, for messages.

    Raises:
        ScoutError: It is not the whole of a preview: then nobody can say what would be deleted.
    """
    try:
        digest = json.loads(text)
        steps, summary = digest.get("steps") or [], digest["changeSummary"]
        changes = [_change(step) for step in steps if not _type(step).startswith(_ENGINE)]
        ops = Counter(step["op"] for step in steps)
        missing = [op for op in _COUNTED if ops[op] < summary.get(op, 0)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ScoutError(f"`pulumi preview --json --stack {stack}` printed no preview: {error!r}") from error
    if missing:
        raise ScoutError(
            f"`pulumi preview --json --stack {stack}` counts more resources to {', '.join(missing)} than it names"
        )
    return _merged(changes)


def dangerous(changes: Iterable[Change]) -> list[str]:
    """What of a plan would lose data: stateful resources that would be replaced or deleted, with what they hold."""
    return [
        f"{change.type} '{change.name}' would be {change.op}d, and {STATEFUL[change.type]} with it"
        + (f" (for {', '.join(sorted({item.path for item in change.properties}))})" if change.properties else "")
        for change in changes
        if change.op in (Op.REPLACE, Op.DELETE) and change.type in STATEFUL
    ]


def _type(step: Mapping[str, Any]) -> str:
    """The type of a resource, without those of its parents."""
    return str(step["urn"]).split("::")[2].rpartition("$")[2]


def _change(step: Mapping[str, Any]) -> Change:
    op = _OPS.get(step["op"])
    if op is None:
        raise ValueError(f"the operation {step['op']!r} is not known here")
    urn = str(step["urn"])
    old, new = ((step.get(state) or {}).get("inputs", {}) for state in ("oldState", "newState"))
    changed = property_changes(old, new) if old and new else ()
    reasons = tuple(PropertyChange(key, "", "") for key in step.get("replaceReasons") or ())
    return Change(op, _type(step), urn.split("::")[3], urn, changed or reasons)


def _merged(changes: Iterable[Change]) -> tuple[Change, ...]:
    """One change for each resource: the worst of its steps."""
    by_urn: dict[str, Change] = {}
    for change in changes:
        held = by_urn.get(change.urn)
        if held is None or _WORST_LAST.index(change.op) > _WORST_LAST.index(held.op):
            by_urn[change.urn] = change
    return tuple(by_urn[urn] for urn in sorted(by_urn) if by_urn[urn].op is not Op.SAME)
