"""The MediaWiki API (https://www.mediawiki.org/wiki/API:Main_page) of Wikipedia and Wikivoyage.

Requests are made one after the other, with ``maxlag``, and with the application's name, as
https://www.mediawiki.org/wiki/API:Etiquette asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.connectors.service import Service
from lambdas.contracts.connectors import Connector, Split
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, Throttled

# Seconds by which the wiki's databases may lag behind; with more it wants to be asked later.
_MAX_LAG = "5"
_MISSING = "missingtitle"
# https://www.mediawiki.org/wiki/API:Etiquette#Request_limit
_TOO_OFTEN = "ratelimited"
# Of an exception inside of MediaWiki; its class follows (https://www.mediawiki.org/wiki/API:Errors_and_warnings).
_FAILED = "internal_api_error"
_MAX_PARTS = 20


class MediaWiki:
    """The API of one wiki.

    Args:
        service: The wiki.
    """

    def __init__(self, service: Service) -> None:
        self.service = service

    def ask(self, *queries: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """Ask some questions.

        Args:
            *queries: The parameters of each.

        Returns:
            The answers to those that the run may ask, in their order. A page that does not exist is answered by ``{}``.

        Raises:
            Throttled: The wiki was asked too often.
            ServiceUnavailable: The wiki's databases lag, or it failed inside.
            StageError: As ``Service.ask``.
        """
        fixed = {"service": self.service.base_url, "format": "json", "formatversion": "2"}
        requests = [Request({**fixed, **query}) for query in queries]
        replies = self.service.run.call(Connector.WIKI, requests, self._fetch, Split.PRIMARIES)
        return [reply.body for reply in replies]

    def ask_on(self, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """Ask a question, and again for as long as the answer says that there is more of it.

        Args:
            query: The parameters.

        Raises:
            StageError: As ``ask``.
        """
        more: Mapping[str, str] = {}
        for _ in range(_MAX_PARTS):
            for answer in self.ask({**query, **more}):
                yield answer
                more = {str(name): str(value) for name, value in (answer.get("continue") or {}).items()}
                break
            else:
                return
            if not more:
                return

    def _fetch(self, request: Request) -> Reply:
        query = {name: value for name, value in request.params.items() if name != "service"}
        body: Any = self.service.ask("/w/api.php", {**query, "maxlag": _MAX_LAG})
        if not isinstance(body, dict):
            raise ServiceRefused(f"{self.service.info.name} answered with a {type(body).__name__}")
        if error := body.get("error"):
            code = str(error.get("code")) if isinstance(error, dict) else ""
            if code == "maxlag" or code.startswith(_FAILED):
                raise ServiceUnavailable(f"{self.service.info.name}: {code}: {str(error.get('info'))[:200]}")
            if code == _TOO_OFTEN:
                raise Throttled(f"{self.service.info.name}: {str(error.get('info'))[:200]}")
            if code == _MISSING:
                return Reply(request, {}, units=1)
            raise ServiceRefused(f"{self.service.info.name} refuses {dict(query)}: {str(error)[:300]}")
        return Reply(request, body, units=1, items=1)


def external_links(document: Mapping[str, Any]) -> list[str]:
    """The addresses in the ``externallinks`` of a parsed page; those without a scheme are on https."""
    links = document.get("parse", {}).get("externallinks", [])
    return [f"https:{link}" if link.startswith("//") else link for link in links if isinstance(link, str)]
