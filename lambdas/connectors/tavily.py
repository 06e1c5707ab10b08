"""Tavily (https://docs.tavily.com/documentation/api-reference/endpoint/search): a search of the web, with a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lambdas.connectors.protocols import Hit
from lambdas.connectors.service import Service, ServiceInfo
from lambdas.contracts.candidate import Licence
from lambdas.contracts.connectors import Connector, Split
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused

# Addresses are facts; the texts that Tavily writes about pages are not kept in any result.
LICENCE = Licence(id="tavily-terms", attribution="Found with Tavily")
INFO = ServiceInfo("tavily", Connector.TAVILY_API, "https://api.tavily.com", LICENCE, max_bytes=262_144)

MAX_RESULTS = 15
# Plan and pay-as-you-go limits: https://docs.tavily.com/documentation/api-reference/endpoint/search
_USED_UP = frozenset({432, 433})


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    url: Annotated[str, Field(min_length=1, max_length=4096)]
    title: Annotated[str, Field(max_length=4096)] = ""
    score: float = 0.0


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    results: list[_Result]


class Tavily:
    """A search of the web for a run.

    Args:
        service: Tavily.
        key: Its key.
    """

    name = "tavily"

    def __init__(self, service: Service, key: str) -> None:
        self._service = service
        self._key = key
        self.used_up = False

    def pages(self, queries: Sequence[str]) -> Iterator[Hit]:
        """See ``Search``. Once the key's plan is used up there are no more pages, and ``used_up`` is true.

        Raises:
            StageError: As ``Service.ask``; ``ServiceRefused`` also where an answer is none of Tavily's.
        """
        for query in queries:
            params = {"query": query, "search_depth": "basic", "max_results": MAX_RESULTS}
            request = Request({"service": self._service.base_url, **params}, estimate=INFO.max_bytes)
            try:
                replies = self._service.run.call(Connector.TAVILY_API, [request], self._fetch, Split.PRIMARIES)
            except ServiceRefused as error:
                if error.status not in _USED_UP:
                    raise
                self.used_up = True
                return
            for reply in replies:
                for result in _results(reply.body).results:
                    yield Hit(result.url, result.title, min(1.0, max(0.0, result.score)), self.name)

    def _fetch(self, request: Request) -> Reply:
        before = self._service.received
        asked = {name: value for name, value in request.params.items() if name != "service"}
        body: Any = self._service.ask(
            "/search",
            {},
            document=asked,
            headers={"Authorization": f"Bearer {self._key}"},
            max_wire=request.estimate,
        )
        answer = _results(body)
        kept = {"results": [result.model_dump() for result in answer.results]}
        return Reply(request, kept, units=self._service.received - before, items=len(answer.results))


def _results(body: Any) -> _Answer:  # noqa: ANN401 - whatever came
    try:
        return _Answer.model_validate(body)
    except ValidationError as error:
        raise ServiceRefused(f"tavily answered with what is no result of a search: {error}") from error
