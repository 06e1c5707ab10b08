"""How this stack reaches the web, and by which name: ``CONNECTORS`` in the environment of the function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpcore2
from httpcore2 import NetworkBackend

from lambdas.fetching.names import HttpsResolver, SystemResolver
from lambdas.fetching.network import Proxy, Resolver, dialer
from lambdas.runtime.errors import InvalidInput

PRODUCT = "data-scout"
# RFC 9309, section 2.2.1: of what a product token is made.
_PRODUCT_TOKEN = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True)
class WebConfig:
    """How pages are fetched.

    Attributes:
        user_agent: The whole ``User-Agent`` field.
        resolver: Finds the addresses of names.
        proxy: The egress proxy, if there is one.
        dialer: Makes the connections.
        ca: Certificate authorities beside those of the operating system, as PEM text: of a proxy that looks into TLS.
    """

    user_agent: str
    resolver: Resolver
    proxy: Proxy | None
    dialer: NetworkBackend
    ca: str | None = None

    @property
    def agent(self) -> str:
        """The product token by which a robots.txt names this application."""
        found = _PRODUCT_TOKEN.match(self.user_agent)
        return found[0] if found else PRODUCT


def web_config(environment: Mapping[str, str], version: str) -> WebConfig:
    """Read the configuration.

    Args:
        environment: The environment variables.
        version: Of the program, for the default ``User-Agent``.

    Raises:
        InvalidInput: A proxy or a name server that cannot be used.
    """
    connectors = json.loads(environment.get("CONNECTORS", "{}"))
    web = connectors.get("web") or {}
    dial = dialer()
    dns = web.get("dns")
    return WebConfig(
        user_agent=user_agent(connectors, version),
        resolver=HttpsResolver(_url("web.dns", dns, ("http", "https")), dial) if dns else SystemResolver(),
        proxy=_proxy(web.get("proxy")),
        dialer=dial,
        ca=web.get("ca"),
    )


def user_agent(connectors: Mapping[str, Any], version: str) -> str:
    """How requests name this application.

    Args:
        connectors: What the stack says of the outside services: ``user_agent`` and ``contact``.
        version: Of the program, for the default.
    """
    name, contact = str(connectors.get("user_agent") or f"{PRODUCT}/{version}"), connectors.get("contact")
    return f"{name} (+{contact})" if contact and contact not in name else name


def _proxy(text: str | None) -> Proxy | None:
    if not text:
        return None
    url = _url("web.proxy", text, ("http",))
    return Proxy(url.host.decode("ascii"), url.port or 80)


def _url(name: str, text: str, schemes: tuple[str, ...]) -> httpcore2.URL:
    url = httpcore2.URL(text)
    if url.scheme.decode("ascii") not in schemes or not url.host or b"@" in url.host:
        raise InvalidInput(f"connectors: {name}: an address with {' or '.join(schemes)} is expected, not {text!r}")
    return url
