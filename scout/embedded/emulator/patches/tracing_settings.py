"""Step Functions keeps the tracing configuration of a state machine, and tells it.

AWS: DescribeStateMachine answers with `tracingConfiguration`
(https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html); a machine that was made
without one has tracing disabled. It is one of the settings by which CreateStateMachine tells whether a machine is the
same (https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html).

The emulator takes it and forgets it, so that whoever compares a machine with what it should be finds a difference.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")
_KEY: Final = "tracingConfiguration"


def apply() -> None:
    """Keep what CreateStateMachine and UpdateStateMachine get."""
    _PATCH.expect(_sfn._describe_state_machine, "for k, v in sm.items() if k not in _SM_INTERNAL_KEYS")
    _PATCH.around(_sfn, "_create_state_machine", _create_state_machine)
    _PATCH.around(_sfn, "_update_state_machine", _update_state_machine)


def _create_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    wanted = data.get(_KEY, {"enabled": False})
    arn = f"arn:aws:states:{_responses.get_region()}:{_responses.get_account_id()}:stateMachine:{data.get('name')}"
    standing = _sfn._state_machines.get(arn)
    if standing is not None and standing[_KEY] != wanted:
        # The same machine may be made twice, and this is not the same.
        text = f"State machine {data['name']} already exists"
        return _responses.error_response_json("StateMachineAlreadyExists", text, HTTPStatus.BAD_REQUEST)
    answer = original(data)
    if answer[0] == HTTPStatus.OK:
        _sfn._state_machines[json.loads(answer[2])["stateMachineArn"]][_KEY] = wanted
    return answer


def _update_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    answer = original(data)
    if answer[0] == HTTPStatus.OK and _KEY in data:
        _sfn._state_machines[data["stateMachineArn"]][_KEY] = data[_KEY]
    return answer
