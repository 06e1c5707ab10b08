"""Which addresses a page may be fetched from: those of the public internet, and no others.

Whoever writes a link chooses the name in it, and so the address behind the name. Within reach of a function are its
own runtime interface (127.0.0.1), the metadata service of its host (169.254.169.254, fd00:ec2::254) and whatever its
network holds. So an address is judged by what it is, and the connection goes to that very address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from lambdas.fetching.reasons import Reason, Unfetched

Address: TypeAlias = IPv4Address | IPv6Address

_V4 = (
    # https://www.iana.org/assignments/iana-ipv4-special-registry, all of it: those entries that are globally reachable
    # (AS112, AMT, two anycast addresses in 192.0.0.0/24) serve no pages either.
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link local, with the metadata services"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "IETF protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay anycast"),
    ("192.168.0.0/16", "private use"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("240.0.0.0/4", "reserved, with the limited broadcast"),
    # https://www.iana.org/assignments/multicast-addresses
    ("224.0.0.0/4", "multicast"),
)
# https://www.iana.org/assignments/ipv6-address-space: what is assigned for unicast. Outside of it lie, among others,
# ::, ::1, IPv4-compatible and IPv4-mapped addresses, both NAT64 prefixes (64:ff9b::/96, 64:ff9b:1::/48), unique local
# (fc00::/7), link-local (fe80::/10), site-local (fec0::/10) and multicast (ff00::/8) addresses.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_V6 = (
    # https://www.iana.org/assignments/iana-ipv6-special-registry, the entries inside of 2000::/3.
    ("2001::/23", "IETF protocol assignments, with Teredo and ORCHID"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    # https://www.iana.org/assignments/ipv6-unicast-address-assignments: the former 6bone, returned.
    ("3ffe::/16", "6bone"),
)
_DENIED_V4 = tuple((IPv4Network(block), name) for block, name in _V4)
_DENIED_V6 = tuple((IPv6Network(block), name) for block, name in _V6)
# RFC 5214, section 6.1: an interface identifier that holds the IPv4 address to which the packet would be tunnelled.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def denial(address: Address) -> str | None:
    """Why no connection may go to an address; ``None`` if one may."""
    if isinstance(address, IPv4Address):
        return next((name for block, name in _DENIED_V4 if address in block), None)
    if address not in _GLOBAL_UNICAST:
        return "not global unicast"
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "ISATAP"
    return next((name for block, name in _DENIED_V6 if address in block), None)


def judged(host: str, answers: list[str]) -> list[Address]:
    """The addresses behind a name, if a connection may go to every one of them.

    One denied address among public ones is refused, too: no honest name has it.

    Args:
        host: The name, for the message.
        answers: What the resolver answered.

    Returns:
        The addresses, IPv4 first, since not every network has IPv6; each once.

    Raises:
        Unfetched: ``address_denied``, or ``name_not_found`` if there is none.
    """
    if not answers:
        raise Unfetched(Reason.NAME_NOT_FOUND, f"{host} has no address")
    addresses: list[Address] = []
    for answer in answers:
        try:
            # What follows % names an interface of this machine: such an address is link-local.
            address = ip_address(answer)
        except ValueError as error:
            raise Unfetched(Reason.ADDRESS_DENIED, f"{host} is said to be at {answer[:60]!r}, no address") from error
        why = denial(address)
        if why is not None:
            raise Unfetched(Reason.ADDRESS_DENIED, f"{host} has the address {address}: {why}")
        addresses.append(address)
    return sorted(dict.fromkeys(addresses), key=lambda address: address.version)
