"""Addresses of pages are parsed once, have one form, and name nothing but a host of the public DNS."""

from __future__ import annotations

import ipaddress
import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.fetching.reasons import Reason, Unfetched
from lambdas.fetching.urls import MAX_LENGTH, PageUrl, parse

REFUSED = {
    "": Reason.URL_INVALID,
    "example.com": Reason.URL_INVALID,
    "http://": Reason.URL_INVALID,
    "http://exa mple.com/": Reason.URL_INVALID,
    "http://localhost/": Reason.URL_INVALID,
    "http://intranet": Reason.URL_INVALID,
    "http://a..example/": Reason.URL_INVALID,
    "http://example.com../": Reason.URL_INVALID,
    "http://-a.example/": Reason.URL_INVALID,
    f"http://{'a' * 64}.example/": Reason.URL_INVALID,
    f"http://{'a.' * 130}example/": Reason.URL_INVALID,
    f"http://site.example/{'x' * MAX_LENGTH}": Reason.URL_INVALID,
    f"http://site.example/{'ä' * 1000}": Reason.URL_INVALID,
    "ftp://site.example/": Reason.SCHEME_DENIED,
    "file:///proc/self/environ": Reason.SCHEME_DENIED,
    "javascript:alert(1)": Reason.SCHEME_DENIED,
    "data:text/html,x": Reason.SCHEME_DENIED,
    "gopher://site.example:70/": Reason.SCHEME_DENIED,
    "ws://site.example/": Reason.SCHEME_DENIED,
    "http://user@site.example/": Reason.CREDENTIALS_IN_URL,
    "http://user:secret@site.example/": Reason.CREDENTIALS_IN_URL,
    "http://site.example@10.0.0.1/": Reason.CREDENTIALS_IN_URL,
    "http://site.example:6379/": Reason.PORT_DENIED,
    "http://site.example:443/": Reason.PORT_DENIED,
    "https://site.example:80/": Reason.PORT_DENIED,
    "https://site.example:8443/": Reason.PORT_DENIED,
    "http://127.0.0.1/": Reason.HOST_IS_ADDRESS,
    "http://8.8.8.8/": Reason.HOST_IS_ADDRESS,
    "http://[::1]/": Reason.HOST_IS_ADDRESS,
    "http://[::ffff:8.8.8.8]/": Reason.HOST_IS_ADDRESS,
    "http://2130706433/": Reason.HOST_IS_ADDRESS,
    "http://0x7f000001/": Reason.HOST_IS_ADDRESS,
    "http://0x7f.1/": Reason.HOST_IS_ADDRESS,
    "http://0177.0.0.1/": Reason.HOST_IS_ADDRESS,
    "http://127.1/": Reason.HOST_IS_ADDRESS,
    "http://0/": Reason.HOST_IS_ADDRESS,
    "http://127.0.0.1./": Reason.HOST_IS_ADDRESS,
    "http://%31%32%37.0.0.1/": Reason.HOST_IS_ADDRESS,
    "http://１２７.0.0.1/": Reason.HOST_IS_ADDRESS,  # noqa: RUF001 - digits of full width
    "http://127。0。0。1/": Reason.HOST_IS_ADDRESS,
    "http://1.2.3.4.5/": Reason.URL_INVALID,
    "http://site.0x4/": Reason.URL_INVALID,
    "http://\ud800.example/": Reason.URL_INVALID,
}
FORMS = {
    "HTTP://Site.Example": "http://site.example/",
    "https://site.example:443/a": "https://site.example/a",
    "http://site.example:80/a": "http://site.example/a",
    "http://site.example./a": "http://site.example/a",
    "https://site.example/a/../b/./c": "https://site.example/b/c",
    "https://site.example/a#part": "https://site.example/a",
    "https://site.example/?utm_source=x&id=3&UTM_Medium=y&gclid=z": "https://site.example/?id=3",
    "https://site.example/a?fbclid=1": "https://site.example/a",
    "https://site.example/a?b=1&b=2&&c": "https://site.example/a?b=1&b=2&c",
    "https://site.example/caf\u00e9 bar": "https://site.example/caf%C3%A9%20bar",
    "https://m\u00fcnchen.example/": "https://xn--mnchen-3ya.example/",
    "https://\u6771\u4eac.example/\u99c5": "https://xn--1lqs71d.example/%E9%A7%85",
    "https://site\u3002example/": "https://site.example/",
    "https:\\\\site.example\\a": "https://site.example/a",
    " https://site.example/a\n": "https://site.example/a",
    "https://a_b.example/": "https://a_b.example/",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_no_page_of_the_open_web_is_refused(text: str, reason: Reason) -> None:
    with pytest.raises(Unfetched) as caught:
        parse(text)
    assert caught.value.reason is reason
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(("text", "form"), FORMS.items())
def test_a_page_has_one_form(text: str, form: str) -> None:
    assert parse(text).text == form


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("b", "https://site.example/dir/b"),
        ("/b", "https://site.example/b"),
        ("?q=1", "https://site.example/dir/a?q=1"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example", "http://other.example/"),
        ("../../..", "https://site.example/"),
    ],
)
def test_links_are_read_from_their_page(link: str, target: str) -> None:
    assert parse(link, parse("https://site.example/dir/a?x=1")).text == target


LABELS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PARTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.sampled_from(["http", "https", "HTTP", "ftp"]), HOSTS | st.text(max_size=20), PARTS, PARTS)
def test_parsing_is_idempotent_and_its_parts_are_what_is_asked_for(
    scheme: str, host: str, path: str, query: str
) -> None:
    try:
        url = parse(f"{scheme}://{host}/{path}?{query}")
    except Unfetched:
        return
    assert parse(url.text) == url
    assert url.scheme in ("http", "https")
    assert url.text == f"{url.scheme}://{url.host}{url.target}"
    assert url.text.isascii()
    assert "#" not in url.text
    assert re.fullmatch(r"[a-z0-9_.-]+", url.host)
    assert "." in url.host
    assert not url.host.endswith(".")
    assert url.target.startswith("/")
    assert not re.search(r"[\s\x00-\x1f]", url.target)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "{:#o}"]), st.booleans())
def test_no_number_is_a_name(number: int, form: str, dotted: bool) -> None:
    text = form.format(number).replace("0o", "0")
    if dotted:
        text = ".".join(form.format(part).replace("0o", "0") for part in number.to_bytes(4))
    with pytest.raises(Unfetched):
        parse(f"http://{text}/")


@given(st.text(max_size=60))
def test_whatever_is_asked_for_is_never_an_address(text: str) -> None:
    try:
        url = parse(f"http://{text}")
    except Unfetched:
        return
    with pytest.raises(ValueError, match="does not appear"):
        ipaddress.ip_address(url.host)


@given(st.lists(st.tuples(st.sampled_from(["utm_x", "gclid", "a", "b"]), LABELS), max_size=6))
def test_tracking_parameters_go_and_all_others_stay_in_order(parameters: list[tuple[str, str]]) -> None:
    assume(parameters)
    query = "&".join(f"{name}={value}" for name, value in parameters)
    kept = "&".join(f"{name}={value}" for name, value in parameters if name in "ab")
    assert parse(f"https://site.example/?{query}").target == (f"/?{kept}" if kept else "/")


def test_the_port_follows_from_the_scheme() -> None:
    assert [PageUrl(scheme, "site.example", "/").port for scheme in ("http", "https")] == [80, 443]
