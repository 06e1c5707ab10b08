"""The web behind a proxy: absolute URIs and tunnels, TLS, robots.txt, validators; and names by DNS over HTTPS.

The form of DNS answers: https://developers.google.com/speed/public-dns/docs/doh/json.
"""

from __future__ import annotations

import gzip
import ipaddress
import json
import socket
import ssl
from collections import Counter
from typing import Any

import pytest
import urllib3

from scout.standin.addresses import denied
from scout.standin.names import address_of
from scout.standin.pages import STYLES
from tests.unit.standin.client import AGENT, Client

GUIDE = "visit-edinburgh.example"


def resolve(client: Client, name: str, kind: str = "A") -> dict[str, Any]:
    found: dict[str, Any] = client.get(
        "/dns-query", headers={"Accept": "application/dns-json"}, name=name, type=kind
    ).json()
    return found


def test_a_name_leads_to_a_public_address(client: Client):
    answer = resolve(client, GUIDE)
    assert {key: answer[key] for key in ("Status", "TC", "RD", "RA", "AD", "CD")} == {
        "Status": 0,
        "TC": False,
        "RD": True,
        "RA": True,
        "AD": False,
        "CD": False,
    }
    assert answer["Question"] == [{"name": f"{GUIDE}.", "type": 1}]
    (record,) = answer["Answer"]
    assert record == {"name": f"{GUIDE}.", "type": 1, "TTL": 300, "data": address_of(GUIDE)}
    (six,) = resolve(client, GUIDE, "AAAA")["Answer"]
    for text in (record["data"], six["data"]):
        assert ipaddress.ip_address(text).is_global
        assert not denied(text)


def test_unknown_names_and_wrong_questions(client: Client):
    missing = resolve(client, "nowhere.example")
    assert missing["Status"] == 3
    assert "Answer" not in missing
    assert client.get("/dns-query", name="").status == 400
    assert client.get("/dns-query", name="a.example", type="MX").status == 400


def test_a_proxy_takes_the_address_in_the_uri_and_the_site_in_the_header(client: Client):
    address = address_of(GUIDE)
    page = client.page(f"http://{address}/", headers={"Host": GUIDE})
    assert page.status == 200
    assert GUIDE in page.data.decode()
    (target,) = client.log()["targets"]
    assert target == {"target": f"{address}:80", "method": "GET", "denied": False}


def tunnel(client: Client, target: str) -> socket.socket:
    host, _, port = client.url.removeprefix("http://").rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 200 ")
    return connection


def read_all(connection: socket.socket) -> bytes:
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {GUIDE}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n".encode())
    body = b""
    while piece := connection.recv(65_536):
        body += piece
    return body


def test_a_tunnel_to_an_address_carries_plain_http(client: Client):
    with tunnel(client, f"{address_of(GUIDE)}:80") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert client.log()["targets"] == [{"target": f"{address_of(GUIDE)}:80", "method": "CONNECT", "denied": False}]


def test_a_tunnel_carries_tls_with_a_certificate_for_the_name(client: Client):
    context = ssl.create_default_context(cadata=client.standin.authority.pem)
    raw = tunnel(client, f"{address_of(GUIDE)}:443")
    with context.wrap_socket(raw, server_hostname=GUIDE) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(tunnel(client, f"{address_of(GUIDE)}:443"), server_hostname=GUIDE)


def test_an_ordinary_client_of_proxies_gets_https_too(client: Client):
    pool = urllib3.ProxyManager(
        client.url,
        headers={"User-Agent": AGENT},
        ssl_context=ssl.create_default_context(cadata=client.standin.authority.pem),
    )
    assert pool.request("GET", f"https://{GUIDE}/").status == 200


def test_a_denied_address_answers_with_the_canary_and_is_noted(client: Client):
    page = client.page("http://169.254.169.254/latest/meta-data/")
    assert b"canary" in page.data
    with tunnel(client, "[::ffff:10.0.0.1]:80") as connection:
        assert b"canary" in read_all(connection)
    assert [target["denied"] for target in client.log()["targets"]] == [True, True]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.0.192", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1",
        "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::", "2001:0:a9fe:a9fe::",
    ],
)  # fmt: skip
def test_what_nobody_may_connect_to(address: str):
    assert denied(address)


@pytest.mark.parametrize("address", ["93.184.3.4", "1.1.1.1", "2606:2800:220:1::1", "64:ff9b::5db8:304"])
def test_what_anybody_may_connect_to(address: str):
    assert not denied(address)


def test_a_few_hundred_pages_on_many_hosts_in_every_style(client: Client):
    sites = client.standin.app.sites
    pages = [page for place in client.world for page in sites.of(place).pages.values()]
    assert len(pages) > 150
    assert len({page.host for page in pages}) > 25
    assert set(Counter(page.style for page in pages)) == set(STYLES)
    for page in pages[::7]:
        sent = client.page(page.url)
        assert sent.status == 200
        assert sent.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.title in sent.data.decode().replace("&#x27;", "'").replace("&amp;", "&")


def test_every_link_of_a_page_leads_somewhere(client: Client):
    sites = client.standin.app.sites.of(client.place("edinburgh"))
    for page in list(sites.pages.values())[:15]:
        for link in page.links:
            assert client.page(link).status == 200, link


def test_a_places_own_site_says_what_the_truth_is(client: Client):
    place = client.place("edinburgh")
    entity = next(entity for entity in place.city.entities if entity.website and entity.number % 3)
    host = str(entity.website).split("/")[2]
    assert resolve(client, host)["Status"] == 0
    page = client.page(f"http://{host}/").data.decode()
    data = json.loads(page.partition('<script type="application/ld+json">')[2].partition("</script>")[0])
    assert data["name"] == entity.name
    assert (data["geo"]["latitude"], data["geo"]["longitude"]) == entity.at
    assert data["address"]["streetAddress"] == place.town.address(entity.street, entity.house).line


def test_portals_hand_out_data(client: Client):
    host = "data.edinburgh.example"
    features = json.loads(client.page(f"http://{host}/parks.geojson").data)["features"]
    rows = client.page(f"http://{host}/parks.csv").data.decode().splitlines()
    assert len(features) == len(rows) - 1 > 3
    assert client.page(f"http://{host}/nonsense.geojson").status == 404


def test_portals_have_the_catalogue_of_their_country(client: Client):
    ckan = json.loads(client.page("http://data.edinburgh.example/api/3/action/package_search?rows=5").data)
    dcat = json.loads(client.page("http://data.tokyo.example/data.json").data)
    files = [resource["url"] for package in ckan["result"]["results"] for resource in package["resources"]]
    files += [file["downloadURL"] for entry in dcat["dataset"] for file in entry["distribution"]]
    assert len(files) == 20
    assert {client.page(file).status for file in files} == {200}
    assert client.page("http://data.edinburgh.example/data.json").status == 404
    assert client.page("http://data.helsinki.example/data.json").status == 404


def test_pages_that_speak_of_no_place_and_pages_that_are_not_there(client: Client):
    assert b"stands at" not in client.page(f"http://{GUIDE}/recipes/oat-biscuits").data
    assert client.page(f"http://{GUIDE}/nothing-here").status == 404


def test_robots_files_differ(client: Client):
    sites = client.standin.app.sites
    hosts = sorted({page.host for place in client.world for page in sites.of(place).pages.values()})
    answers = [client.page(f"http://{host}/robots.txt") for host in hosts]
    assert {answer.status for answer in answers} == {200, 404}
    texts = [answer.data.decode() for answer in answers if answer.status == 200]
    assert all(text.startswith("User-agent: *") for text in texts)
    assert any("Crawl-delay: 1" in text for text in texts)


def test_a_page_that_has_not_changed_is_not_sent_again(client: Client):
    url = f"http://{GUIDE}/"
    first = client.page(url)
    for header, text in (
        ("If-None-Match", first.headers["ETag"]),
        ("If-Modified-Since", first.headers["Last-Modified"]),
    ):
        again = client.page(url, headers={header: text})
        assert (again.status, again.data) == (304, b"")
    assert client.page(url, headers={"If-None-Match": '"other"'}).status == 200


def test_pages_are_compressed_for_who_can_read_that(client: Client):
    plain = client.page(f"http://{GUIDE}/").data
    packed = client.page(f"http://{GUIDE}/", headers={"Accept-Encoding": "gzip"}, decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain


def test_an_unknown_service_is_named(client: Client):
    answer = client.get("/yelp/places")
    assert answer.status == 400
    assert "overpass" in answer.json()["error"]
