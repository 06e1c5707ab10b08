"""Which addresses nobody may connect to.

This is the world's own rule, by which it judges what its proxy was asked for; it shares no code with what it judges.
The ranges are those of IANA's registries of special-purpose addresses
(https://www.iana.org/assignments/iana-ipv4-special-registry/, .../iana-ipv6-special-registry/).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from scout.standin import hostile

_SPECIAL_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_SPECIAL_6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_UNICAST_6: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")


def denied(host: str) -> bool:
    """Whether nobody may connect to an address, or to a name that leads to such a one.

    Args:
        host: An address, or the name of a site.
    """
    if host.casefold() in hostile.NAMES:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(_special(form) for form in _forms(address))


def _forms(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """What an address stands for: itself, or the address of IPv4 that a gateway makes of it."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        yield IPv4Address(address.packed[12:])
    elif isinstance(address, IPv6Address) and address in _6TO4:
        yield IPv4Address(address.packed[2:6])
    else:
        # IPv4-mapped and IPv4-compatible ones are outside of global unicast.
        yield address


def _special(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in _SPECIAL_4)
    return address not in _UNICAST_6 or any(address in network for network in _SPECIAL_6)
