"""What `docs/security.md` says of each function is what its role allows."""

from __future__ import annotations

from pathlib import Path

from components.candidate_functions import FUNCTIONS
from components.city_functions import CONTROL, MOCK, REAL
from components.context import StackContext
from components.function_spec import FunctionSpec
from settings import Settings
from tests.unit.test_settings import config

PAGE = Path(__file__).resolve().parents[3] / "docs" / "security.md"
PROJECT, STACK = "data-scout", "mock"
# Every secret that the settings can name, by its key there, and what is on only by choice.
NAMED = {
    "connectors": {
        "tavily": {"secret": "connectors.tavily.secret"},
        "google": {"secret": "connectors.google.secret", "enabled": True},
        "location": {"enabled": True},
    },
    "finalization": {"persist": {"postgres": {"secret": "finalization.persist.postgres.secret"}}},
}
# A statement, and how the page says it of the resources that it names.
SAID = {
    "UseLedger": "ledger",
    "SendMessages": "send to {}",
    "ChangeVisibility": "return to {}",
    "ConverseWithModel": "the model",
    "SearchPlaces": "Amazon Location",
    "ReadSecrets": "the secret {}",
    "PutItems": "put into {}",
    "Publish": "publish to {}",
}


def context() -> StackContext:
    return StackContext(Settings.load(PROJECT, STACK, config(**NAMED)), account="123456789012")


def row(spec: FunctionSpec, stack: StackContext) -> str:
    """A function's row in the table, made of the statements of its role."""
    reads = writes = ""
    more = []
    for statement in spec.statements(stack):
        names = [_name(resource, stack) for resource in statement.resources]
        if statement.sid == "ReadObjects":
            reads = " ".join(names)
        elif statement.sid == "WriteObjects":
            writes = " ".join(names)
        elif statement.sid != "ListObjects":
            more.append(SAID[statement.sid].format(" ".join(names)))
    return f"| `{spec.name}` | {reads or '-'} | {writes or '-'} | {', '.join(more) or '-'} |"


def _name(arn: str, stack: StackContext) -> str:
    """A prefix of the bucket's keys, or a resource without the stack's name and what AWS puts around it."""
    if arn.startswith(f"{stack.bucket_arn}/"):
        return f"`{arn.removeprefix(f'{stack.bucket_arn}/').removesuffix('*')}`"
    name = arn.rpartition(":")[2].rpartition("/")[2].removesuffix("-??????")
    return f"`{name.removeprefix(f'{PROJECT}-{STACK}-')}`"


def test_the_table_of_functions_is_what_their_roles_allow() -> None:
    stack = context()
    specs = dict.fromkeys([CONTROL, MOCK, *REAL.values(), *FUNCTIONS.values()])
    wanted = [row(spec, stack) for spec in specs]
    found = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `") and " | " in line]
    table = [line for line in found if line.split("`")[1] in {spec.name for spec in specs}]
    assert table == wanted, "put these rows into docs/security.md:\n" + "\n".join(wanted)
