"""Persist as a deployed function: from a secret of Secrets Manager to rows in a real PostgreSQL server."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from lambdas.contracts.manifest import RunStatus
from scout.deployment import Deployment
from scout.embedded.deploy.commands import deploy
from scout.embedded.emulator.instance import Emulator
from scout.errors import ScoutError
from tests.e2e.support import changed, example, places_of, run
from tests.integration.finalization.conftest import Server
from workflow.city_states import PHASES, CityState, Phase

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

PROJECT = Path(__file__).resolve().parents[3]
SECRET = "places/database"


@pytest.fixture
def stack(emulator: Emulator, tmp_path: Path) -> Deployment:
    account = f"{secrets.randbelow(9 * 10**11) + 10**11}"
    real = PHASES[Phase.FINALIZATION]
    over = {
        "data-scout:states": json.dumps({state: "real" if state in real else "mock" for state in CityState}),
        "data-scout:finalization": json.dumps({"persist": {"postgres": {"secret": SECRET}}}),
    }
    result = deploy(PROJECT, "mock", emulator, tmp_path, account=account, over=over)
    return Deployment.of("mock", emulator.session(account, result.outputs["region"]), result.outputs)


def test_places_reach_the_database_and_a_run_without_a_secret_says_what_is_wrong(
    stack: Deployment, postgres: Server
) -> None:
    small = example("budget-test-small")
    # To a role that may read one secret, Secrets Manager does not say that it is missing.
    with pytest.raises(ScoutError, match=rf"Persist.*AccessDenied.*{SECRET}"):
        run(stack, changed(small, job_id="no-secret"))

    database = postgres.database()
    access = {"host": "localhost", "port": postgres.port, "dbname": database, "username": "tester"}
    secret = json.dumps({**access, "password": postgres.password, "ca": postgres.ca})
    stack.session.client("secretsmanager").create_secret(Name=SECRET, SecretString=secret)
    result, _ = run(stack, changed(small, job_id="with-secret"))
    assert result.manifest.status is RunStatus.SUCCEEDED
    with postgres.connect(database) as connection:
        found = connection.run("SELECT place_id, name, run_id FROM t_locations_prd ORDER BY place_id")
    places = sorted(places_of(stack, result.manifest), key=lambda place: place.place_id)
    assert found == [[place.place_id, place.name, result.manifest.run_id] for place in places]
    assert found
