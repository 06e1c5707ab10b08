"""The outside services that real states call: where they are, and whose secrets open them.

Only what a stack says is handed to the functions, as ``CONNECTORS``; what it does not say is what
``lambdas/connectors`` takes for each service.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from settings.section import Section

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$", max_length=500)]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]


class Service(Section):
    """An open service, which takes no key."""

    enabled: bool = True
    base_url: Url | None = Field(None, description="Another instance than the public one")


class KeyedService(Service):
    """A service that takes a key. Without one it is left out, and the run goes on."""

    secret: SecretName | None = Field(None, description="Name of the secret in Secrets Manager that holds the key")


class AwsService(Section):
    """A service of AWS, used with the function's own role."""

    enabled: bool = True
    endpoint_url: Url | None = Field(None, description="Another endpoint than that of the region")


class Overture(AwsService):
    """Overture Maps: places as GeoParquet in a public bucket."""

    release: Annotated[str, StringConstraints(pattern=r"^(latest|\d{4}-\d{2}-\d{2}\.\d+)$")] | None = Field(
        None, description="A release such as 2026-11-18.0; by default the latest, which the manifest names"
    )


class Location(AwsService):
    """Amazon Location Service: the geocoder in Nominatim's place, by choice, since each answer has its price."""

    enabled: bool = False


class Bedrock(AwsService):
    """The model that extracts places from pages."""

    model_id: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="A model or inference profile that Converse takes"
    )


class OptionalService(KeyedService):
    """A service that is used only by choice."""

    enabled: bool = False


class Web(Section):
    """How web pages are reached."""

    proxy: Url | None = Field(None, description="An egress proxy that takes CONNECT; http alone")
    dns: Url | None = Field(None, description="DNS over HTTPS in its JSON form, in place of the system's resolver")
    ca: Annotated[str, StringConstraints(pattern=r"^-----BEGIN CERTIFICATE-----\s", max_length=2500)] | None = Field(
        None, description="Certificate authority, as PEM, of a proxy that looks into TLS; trusted beside the system's"
    )


class Connectors(Section):
    """The outside services of real states."""

    overpass: Service = Service()
    nominatim: Service = Service()
    wikidata: Service = Service()
    wikipedia: Service = Service()
    wikivoyage: Service = Service()
    tavily: KeyedService = KeyedService()
    google: OptionalService = Field(
        OptionalService(), description="A check that stores place ids alone; off by default"
    )
    location: Location = Field(Location(), description="Locates in Nominatim's place; off by default")
    overture: Overture = Overture()
    bedrock: Bedrock = Bedrock()
    web: Web = Web()
    user_agent: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{3,200}$")] | None = Field(
        None, description="How requests name this application; many services refuse those without a name of their own"
    )
    contact: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{3,200}$")] | None = Field(
        None, description="An address or URL where a service's operator can reach you; part of the User-Agent"
    )

    def said(self) -> dict[str, Any]:
        """What the stack says itself, for the functions."""
        return self.model_dump(exclude_unset=True)
