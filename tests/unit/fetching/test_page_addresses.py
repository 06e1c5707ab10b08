"""No connection goes to an address that is not of the public internet, in whatever form it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.fetching.addresses import denial, judged
from lambdas.fetching.reasons import Reason, Unfetched
from tests.unit.fetching.registries import IPV4_SPECIAL, IPV6_SPECIAL, OTHERS

BLOCKS = [ip_network(block) for block in (*IPV4_SPECIAL, *IPV6_SPECIAL, *OTHERS)]
IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
IPV6 = st.integers(0, 2**128 - 1).map(IPv6Address)
PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "193.0.0.1", "223.255.255.254", "2606:4700::1111", "2a00:1450::1"]


@st.composite
def special(draw: st.DrawFn) -> IPv4Address | IPv6Address:
    block = draw(st.sampled_from(BLOCKS))
    offset = draw(st.sampled_from([0, block.num_addresses - 1]) | st.integers(0, block.num_addresses - 1))
    return block[offset]


@given(special())
def test_every_address_of_the_registries_is_denied(address: IPv4Address | IPv6Address) -> None:
    assert denial(address)


@given(IPV4 | IPV6)
def test_an_address_is_public_only_if_no_registry_has_it(address: IPv4Address | IPv6Address) -> None:
    listed = any(address in block for block in BLOCKS if block.version == address.version)
    isatap = address.version == 6 and (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE
    outside = address.version == 6 and address not in IPv6Network("2000::/3")
    assert (denial(address) is None) == (not listed and not isatap and not outside)


@given(IPV4)
def test_no_ipv4_address_gets_through_inside_of_another(address: IPv4Address) -> None:
    inner = int(address)
    wrapped = [
        inner,  # IPv4-compatible
        0xFFFF << 32 | inner,  # IPv4-mapped
        0xFFFF << 48 | inner,  # IPv4-translated
        0x64FF9B << 96 | inner,  # NAT64
        0x64FF9B0001 << 80 | inner,  # local-use NAT64
        0x2002 << 112 | inner << 80 | 1,  # 6to4
        0x20010000 << 96 | 1 << 64 | (inner ^ 0xFFFFFFFF),  # Teredo
        0x2606_4700 << 96 | 0x5EFE << 32 | inner,  # ISATAP
        0x2606_4700 << 96 | 0x0200_5EFE << 32 | inner,  # ISATAP, universal
    ]
    assert all(denial(IPv6Address(number)) for number in wrapped)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "169.254.170.2",
        "169.254.79.129",
        "127.0.0.1",
        "::1",
        "0.0.0.0",  # noqa: S104 - an answer, not an address to bind
        "fe80::1%eth0",
    ],
)
def test_what_a_function_has_within_its_reach_is_denied(address: str) -> None:
    with pytest.raises(Unfetched) as caught:
        judged("name.example", [address])
    assert caught.value.reason is Reason.ADDRESS_DENIED


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert judged("name.example", [address]) == [ip_address(address)]


def test_neighbours_of_denied_blocks_are_allowed() -> None:
    for text in ("9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"):
        assert denial(ip_address(text)) is None
    assert denial(IPv4Network("198.18.0.0/15").broadcast_address + 1) is None


@given(st.lists(st.sampled_from(PUBLIC), min_size=1), special(), st.randoms())
def test_one_denied_address_among_public_ones_denies_the_name(
    public: list[str], denied: IPv4Address | IPv6Address, random: object
) -> None:
    answers = [*public, str(denied)]
    random.shuffle(answers)  # type: ignore[attr-defined]
    with pytest.raises(Unfetched) as caught:
        judged("name.example", answers)
    assert caught.value.reason is Reason.ADDRESS_DENIED


@given(st.text(max_size=40))
def test_what_is_no_address_is_denied(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        with pytest.raises(Unfetched) as caught:
            judged("name.example", [text])
        assert caught.value.reason is Reason.ADDRESS_DENIED


def test_ipv4_comes_first_and_each_address_once() -> None:
    answers = ["2606:4700::1111", "8.8.8.8", "2606:4700::1111", "1.1.1.1"]
    assert [str(address) for address in judged("name.example", answers)] == ["8.8.8.8", "1.1.1.1", "2606:4700::1111"]


def test_a_name_without_addresses_is_not_found() -> None:
    with pytest.raises(Unfetched) as caught:
        judged("name.example", [])
    assert caught.value.reason is Reason.NAME_NOT_FOUND
