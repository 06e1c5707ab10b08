"""What tests of the resource handlers share: an account, and the handlers to put something into it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scout.embedded.aws import AccountContext
from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from scout.embedded.emulator.instance import Emulator
    from scout.embedded.resources import JsonObject


@dataclass
class World:
    """An empty account, and a folder for archives."""

    ctx: AccountContext
    folder: Path

    @property
    def account(self) -> str:
        return self.ctx.account

    def client(self, service: str) -> Any:
        return self.ctx.client(service)

    def make(self, resource_type: str, **inputs: Any) -> JsonObject:
        """Create a resource; return its outputs and its id."""
        identifier, outputs = HANDLERS[resource_type].create(inputs, self.ctx)
        return outputs | {"id": identifier}

    def role(self, service: str, *actions: str) -> str:
        """Make a role that a service assumes; return its ARN."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        role = self.make("aws:iam/role:Role", name=f"role-{service}", assumeRolePolicy=policy(statement))
        if actions:
            allowed = policy({"Effect": "Allow", "Action": list(actions), "Resource": "*"})
            self.make("aws:iam/rolePolicy:RolePolicy", name="allowed", role=role["id"], policy=allowed)
        return str(role["arn"])

    def archive(self, **files: str) -> JsonObject:
        """Write a zip of text files; return it as handlers get archives. `a="..."` is the file `a.py`."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(f"{name}.py"), text)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = self.folder / f"{digest}.zip"
        path.write_bytes(buffer.getvalue())
        return {"path": str(path), "sha256": digest}

    def file(self, name: str, text: str) -> JsonObject:
        """Write a file; return it as handlers get assets."""
        path = self.folder / name
        path.write_text(text)
        return {"path": str(path), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def policy(*statements: JsonObject) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def world(emulator: Emulator, account_id: str, tmp_path: Path) -> World:
    return World(AccountContext(emulator, account_id, emulator.region), tmp_path)
