"""DNS over HTTPS in its JSON form: which names exist, and where each leads.

The form is that of Google and Cloudflare (https://developers.google.com/speed/public-dns/docs/doh/json).
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any, Final

from scout.standin import hostile
from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.fault_rules import Answer
from scout.standin.faults import find
from scout.standin.sites import Sites

A, CNAME, AAAA = 1, 5, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
_TYPES: Final = {"A": A, "CNAME": CNAME, "AAAA": AAAA, "1": A, "5": CNAME, "28": AAAA}
_CONTENT_TYPE: Final = "application/dns-json"
_TTL: Final = 300


def address_of(host: str, kind: int = A) -> str:
    """The public address of a site of this world. The world's proxy answers for it; nothing is ever sent there."""
    digest = hashlib.sha256(host.encode()).digest()
    if kind == AAAA:
        return str(ipaddress.IPv6Address(bytes.fromhex("26062800022000000000") + digest[:6]))
    # 93.184.0.0/16 is public by any rule, and the range of example.com; .0 and .255 look odd in logs.
    return f"93.184.{digest[0]}.{1 + digest[1] % 254}"


class Resolver:
    """Answers for the names of the world's sites, and for hostile ones."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._hostile = hostile.Names()

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to ``?name=&type=``.

        Raises:
            Refused: There is no name, or a type that is none of A, AAAA and CNAME.
        """
        name = request.query.get("name", "").rstrip(".").casefold()
        kind = _TYPES.get(request.query.get("type", "A").upper())
        if not name or kind is None:
            raise Refused(json_reply({"error": "Invalid query"}, 400))
        fault = find(faults, Answer)
        if fault is not None:
            return _reply(name, kind, fault.rcode, _records(name, kind, fault.answers[0], fault.cname, fault.ttl))
        known = self._hostile.answer(name, kind)
        if known is not None:
            return _reply(name, kind, known.rcode, _records(name, kind, known.addresses, known.cname, known.ttl))
        if not self._sites.knows(name) and not hostile.serves(name):
            return _reply(name, kind, NXDOMAIN, [])
        return _reply(
            name, kind, NOERROR, _records(name, kind, [address_of(name, A), address_of(name, AAAA)], None, _TTL)
        )


def _records(name: str, kind: int, addresses: list[str], cname: str | None, ttl: int) -> list[dict[str, Any]]:
    """The records of one type, behind the alias if the name is one."""
    records: list[dict[str, Any]] = []
    owner = name
    if cname:
        records.append({"name": f"{name}.", "type": CNAME, "TTL": ttl, "data": f"{cname}."})
        owner = cname
    for text in addresses:
        if (AAAA if ":" in text else A) == kind:
            records.append({"name": f"{owner}.", "type": kind, "TTL": ttl, "data": text})
    return records


def _reply(name: str, kind: int, rcode: int, records: list[dict[str, Any]]) -> Reply:
    document: dict[str, Any] = {
        "Status": rcode,
        "TC": False,
        "RD": True,
        "RA": True,
        "AD": False,
        "CD": False,
        "Question": [{"name": f"{name}.", "type": kind}],
    }
    if records:
        document["Answer"] = records
    return json_reply(document, content_type=_CONTENT_TYPE)
