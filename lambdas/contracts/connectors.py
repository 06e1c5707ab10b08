"""The outside services by name: the budget and kill switch of each, and what one unit of each budget is.

This is the one place where units are defined:

=========== ==================================================================================
Budget      One unit is
=========== ==================================================================================
google      one request to a Google API (the run input calls it a token)
web         one byte received from a web page or a search API
llm         1,000 model tokens, input and output together, begun thousands counted whole. Model
            tokens themselves would make the golden inputs' 10,000 two or three pages.
open_data   one call to an open-data service (Overpass, Wikidata, OpenTripMap, Nominatim), to Overture
            Maps or to Amazon Location, one read of a cell of a map extract, or one request to a portal with
            open data: for its first page, its catalogue or a data set
=========== ==================================================================================
"""

from __future__ import annotations

from enum import StrEnum

MODEL_TOKENS_PER_LLM_UNIT = 1000


class BudgetGroup(StrEnum):
    """A budget of the run input; the kill switches have the same four names."""

    GOOGLE = "google"
    WEB = "web"
    LLM = "llm"
    OPEN_DATA = "open_data"


class Split(StrEnum):
    """For whom a budget is spent: for what the city is known for, for all else, or by the frontier.

    A part is kept for primaries and one for secondaries until ExpandNeighbors has ended; then what is left is for all.
    The frontier keeps to the cap alone: a page that is refused for want of a quota would not be taken up again.
    """

    PRIMARIES = "primaries"
    SECONDARIES = "secondaries"
    FRONTIER = "frontier"


class Connector(StrEnum):
    """An outside service: the key of its token bucket and of ``budget_token`` in frontier messages."""

    GOOGLE_TEXT = "google.text"
    GOOGLE_NEARBY = "google.nearby"
    GOOGLE_DETAILS = "google.details"
    OVERPASS = "overpass"
    OTM = "otm"
    WIKI = "wiki"
    TAVILY_API = "tavily.api"
    WEB_FETCH = "web.fetch"
    DATA_FETCH = "data.fetch"
    LLM_TOKENS = "llm.tokens"
    NOMINATIM = "nominatim"
    OVERTURE = "overture"
    LOCATION = "location"

    @property
    def group(self) -> BudgetGroup:
        """The budget and the kill switch that this connector falls under."""
        return _GROUPS[self]

    @property
    def raw_prefix(self) -> str:
        """Where raw answers go, below ``raw/``: the source first, so that the bucket's lifecycle prefixes match."""
        return _RAW_PREFIXES[self.group]


_GROUPS = {
    Connector.GOOGLE_TEXT: BudgetGroup.GOOGLE,
    Connector.GOOGLE_NEARBY: BudgetGroup.GOOGLE,
    Connector.GOOGLE_DETAILS: BudgetGroup.GOOGLE,
    Connector.OVERPASS: BudgetGroup.OPEN_DATA,
    Connector.OTM: BudgetGroup.OPEN_DATA,
    Connector.WIKI: BudgetGroup.OPEN_DATA,
    Connector.NOMINATIM: BudgetGroup.OPEN_DATA,
    Connector.OVERTURE: BudgetGroup.OPEN_DATA,
    Connector.LOCATION: BudgetGroup.OPEN_DATA,
    Connector.DATA_FETCH: BudgetGroup.OPEN_DATA,
    Connector.TAVILY_API: BudgetGroup.WEB,
    Connector.WEB_FETCH: BudgetGroup.WEB,
    Connector.LLM_TOKENS: BudgetGroup.LLM,
}
_RAW_PREFIXES = {
    BudgetGroup.GOOGLE: "json/google",
    BudgetGroup.OPEN_DATA: "json/open-data",
    BudgetGroup.WEB: "html",
    BudgetGroup.LLM: "json/llm",
}


def llm_units(model_tokens: int) -> int:
    """Model tokens as units of the ``llm`` budget, begun thousands counted whole."""
    return -(-model_tokens // MODEL_TOKENS_PER_LLM_UNIT)
