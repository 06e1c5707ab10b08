"""Where everything lies in the workflow bucket. The bucket's lifecycle rules rest on these prefixes."""

from __future__ import annotations

from lambdas.contracts.connectors import Connector


def stage_output(execution_id: str, stage: str) -> str:
    """The one output of a stage in an execution; kept 7 days."""
    return f"executions/{execution_id}/{stage}/output.json"


def stage_decision(execution_id: str, stage: str) -> str:
    """What a stage decided before it acted on it, so that a second attempt acts on the same; kept 7 days."""
    return f"executions/{execution_id}/{stage}/decision.json"


def raw_json(connector: Connector, slug: str, request_hash: str) -> str:
    """The answer to one request, the source before the city so that each source has its own lifetime."""
    return f"raw/{connector.raw_prefix}/{slug}/{request_hash}.json"


def raw_html(slug: str, domain: str, content_hash: str) -> str:
    """A page as it was received."""
    return f"raw/html/{slug}/{domain}/{content_hash}.html"


def page_visits(slug: str, url_hash: str) -> str:
    """The folder of what a page can be asked for again by, one object for each day on which it was fetched."""
    return f"raw/html/{slug}/visits/{url_hash}/"


def extracted_prefix(slug: str, run_id: str) -> str:
    """The folder of all candidates of a run."""
    return f"extracted/{slug}/{run_id}/"


def extracted(slug: str, run_id: str, content_hash: str) -> str:
    """A list of candidates (``lambdas.contracts.candidate``)."""
    return f"{extracted_prefix(slug, run_id)}{content_hash}.json"


def manifest(slug: str, run_id: str) -> str:
    """The manifest of a run."""
    return f"manifests/{slug}/{run_id}.json"


def targets(slug: str) -> str:
    """The city's data targets."""
    return f"manifests/{slug}/targets-v1.json"


def places(slug: str, run_id: str) -> str:
    """The result: one place per line, in the order of their ranks."""
    return f"cities/{slug}/{run_id}/places.jsonl"


def places_geojson(slug: str, run_id: str) -> str:
    """The result as a map."""
    return f"cities/{slug}/{run_id}/places.geojson"


def places_free(slug: str, run_id: str) -> str:
    """The part of the result that no share-alike licence is on, one place per line, without ranks."""
    return f"cities/{slug}/{run_id}/places-without-share-alike.jsonl"


def attribution(slug: str, run_id: str) -> str:
    """Whom to name where the result is shown, and under which terms its data came."""
    return f"cities/{slug}/{run_id}/ATTRIBUTION.json"


def google_place_ids(slug: str, run_id: str) -> str:
    """By which ids Google knows the first primaries, where a stack has that checked."""
    return f"cities/{slug}/{run_id}/google-place-ids.json"


def latest(s3_prefix: str) -> str:
    """The pointer to the last run of a job: the only object that is overwritten.

    Args:
        s3_prefix: ``RunInput.s3_prefix``, which ends in a slash.
    """
    return f"{s3_prefix}latest.json"
