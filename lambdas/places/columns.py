"""Sightings as columns of numbers: what deduplication compares, some 400 bytes for each, without the sightings.

Texts that are only compared for equality are hashed to 64 bits, with 0 for "not known". The hashes are the same in
every process, so that the same sightings give the same places everywhere.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from lambdas.contracts.candidate import Address, Candidate, Source
from lambdas.places.categories import AMENITIES, SIGHTS
from lambdas.places.cells import cell_number
from lambdas.places.geo import earth_fixed
from lambdas.places.names import Names, normalise
from lambdas.places.sources import REGISTERS

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A cell of this resolution and its neighbours hold everything within 114 m of any point of the cell.
BLOCK_RESOLUTION = 10
SOURCES = tuple(Source)
REFS = ("google", "osm", "otm", "wikidata", "wikipedia")
WIKIDATA = REFS.index("wikidata")

# Words that say what kind of place a name is of, those of one kind together: two names of two kinds are of two places.
_KINDS = """
museum/musee/museo/美術館/博物館/bijutsukan/hakubutsukan gallery/galerie/画廊/garo church/kirk/eglise/iglesia/教会
cathedral abbey temple/寺/dera/ji shrine/神社/jinja/稲荷/inari mosque park/parc/parque/公園/koen
gardens/jardin/庭園/teien library/図書館/toshokan theatre/theatre/teatro/劇場/gekijo cinema/映画館 hotel/ホテル/hoteru
inn/旅館/ryokan bar/バー pub/tavern/居酒屋/izakaya/sakaba cafe/coffee/喫茶店/kissaten bakery/パン
restaurant/bistro/食堂/shokudo grill/焼肉/yakiniku pizzeria/pizza ramen/ラーメン sushi/寿司 soba/蕎麦
market/mercado/市場/ichiba mall school/学校 college university/大学 hospital/病院 pharmacy/薬局/yakkyoku bank/銀行
station/駅/eki airport/空港 bridge/pont/puente/橋 tower/タワー castle/城 palace monument/memorial/記念碑/kinenhi
statue/銅像/dozo fountain square/plaza/piazza/platz beach lake hill shop/store/店 books/書店/shoten
florist/花店/hanaten post/郵便局/yubinkyoku
""".split()  # noqa: SIM905 - a list would take a line for each
# Words that one name has beyond another where it is of a part of the other's place.
_PARTS = """
gift/売店/baiten tearoom/茶室/chashitsu walled yard/courtyard entrance/入口/iriguchi exit/出口/deguchi gate/門
parking/carpark/駐車場/chushajo toilets annex/annexe/別館/bekkan kiosk terminal platform/noriba/乗り場 lounge atm lobby
reception playground pond pavilion wing dining room visitor/visitors branch/支店 north/北口 south/南口
""".split()  # noqa: SIM905
_DIGITS = re.compile(r"\d+")
_BITS = 64


@dataclass(frozen=True)
class Columns:
    """Records in a fixed order, and the normal forms of their names.

    Attributes:
        ids: The record ids.
        source: The sources, by their positions in :data:`SOURCES`.
        register: Whether the source lists a place once.
        at: Metres from the centre of the earth, NaN where the position is not known.
        cell: H3 cells of :data:`BLOCK_RESOLUTION`, 0 where the position is not known.
        category: The categories.
        sight: 1 for what a visitor comes for, 2 for what a visitor uses on the way, 0 for neither.
        phone: The last nine digits, and one.
        page: The website's address. ``host``: its host alone.
        street: The street's name. ``house``: the number in it.
        refs: One column for each of :data:`REFS`.
        first_form: Where each record's names begin in the lists of forms; one more than there are records.
        forms: Normal forms of the names, words in alphabetical order.
        form: Their hashes.
        form_latin: Whether they are in Latin letters.
        form_digits: The numbers in them, hashed.
        form_kinds: Of which kinds of places they speak, a bit for each; ``form_parts``: of which parts of places.
        letters: Pairs of letters of all Latin names, and of all others, a bit for each of 64 classes.
    """

    ids: Sequence[str]
    source: NDArray[np.uint8]
    register: Flags
    at: Floats
    cell: Hashes
    category: Hashes
    sight: NDArray[np.uint8]
    phone: Hashes
    page: Hashes
    host: Hashes
    street: Hashes
    house: Hashes
    refs: Hashes
    first_form: Numbers
    forms: Sequence[str]
    form: Hashes
    form_latin: Flags
    form_digits: Hashes
    form_kinds: Hashes
    form_parts: Hashes
    letters: Hashes

    @classmethod
    def of(cls, candidates: Iterable[Candidate], city: str) -> Columns:
        """The columns of some candidates, in their order; ``city`` is left out of their names."""
        builder = ColumnsBuilder(city)
        for candidate in candidates:
            builder.add(candidate)
        return builder.build()

    @classmethod
    def joined(cls, parts: Sequence[Columns]) -> Columns:
        """The records of several columns, one after the other."""
        sizes = np.concatenate([np.diff(part.first_form) for part in parts])
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*_OF_RECORDS, *_OF_FORMS)}
        return cls(
            ids=[record for part in parts for record in part.ids],
            forms=[form for part in parts for form in part.forms],
            first_form=np.r_[0, np.cumsum(sizes)],
            **arrays,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Numbers) -> Columns:
        """Some of the records, in the order in which they are named."""
        sizes = np.diff(self.first_form)[rows]
        ends = np.r_[0, np.cumsum(sizes)]
        chosen = np.repeat(self.first_form[:-1][rows] - ends[:-1], sizes) + np.arange(ends[-1])
        columns = {name: getattr(self, name)[rows] for name in _OF_RECORDS}
        columns |= {name: getattr(self, name)[chosen] for name in _OF_FORMS}
        ids = [self.ids[row] for row in rows.tolist()]
        return Columns(ids=ids, forms=[self.forms[form] for form in chosen.tolist()], first_form=ends, **columns)

    @cached_property
    def owner(self) -> Numbers:
        """For each form, the record that it is a name of."""
        return np.repeat(np.arange(len(self)), np.diff(self.first_form))


_OF_FORMS = tuple(name for name in Columns.__dataclass_fields__ if name.startswith("form_") or name == "form")
_OF_RECORDS = tuple(
    name for name in Columns.__dataclass_fields__ if name not in {"ids", "first_form", "forms", *_OF_FORMS}
)


_SOURCE_CODES = {source: code for code, source in enumerate(SOURCES)}


class ColumnsBuilder:
    """Takes candidates one by one, and keeps of each what is compared.

    Args:
        city: The city's name, which tells nothing in a place's name.
    """

    def __init__(self, city: str) -> None:
        self._city = city
        self._ids: list[str] = []
        self._bytes = {name: array("B") for name in ("source", "register", "sight")}
        self._hashes = {name: array("Q") for name in ("cell", "category", "phone", "page", "host", "street", "house")}
        self._at = array("d")
        self._refs = array("Q")
        self._letters = array("Q")
        self._ends = array("q", [0])
        self._forms: list[str] = []
        self._form_columns = {name: array("Q") for name in ("form", "form_digits", "form_kinds", "form_parts")}
        self._form_latin = array("B")

    def add(self, candidate: Candidate) -> None:
        """Take the next candidate."""
        self._ids.append(candidate.record_id)
        category = candidate.category
        self._bytes["source"].append(_SOURCE_CODES[candidate.source])
        self._bytes["register"].append(candidate.source in REGISTERS)
        self._bytes["sight"].append(1 if category in SIGHTS else 2 if category in AMENITIES else 0)
        self._add_position(candidate)
        content, street = candidate.additional_content, _street(candidate.address)
        host, page = _website(content.website)
        for name, value in (
            ("category", hashed(category) if category else 0),
            ("phone", phone_number(content.phone)),
            ("page", page),
            ("host", host),
            ("street", street[0]),
            ("house", street[1]),
        ):
            self._hashes[name].append(value)
        self._refs.extend(_refs(candidate))
        self._add_names(Names.of((candidate.name, *candidate.names.values()), self._city))

    def _add_position(self, candidate: Candidate) -> None:
        if candidate.lat is None or candidate.lng is None:
            self._hashes["cell"].append(0)
            self._at.extend((float("nan"),) * 3)
        else:
            here = (candidate.lat, candidate.lng)
            self._hashes["cell"].append(cell_number(here, BLOCK_RESOLUTION))
            self._at.extend(earth_fixed(here))

    def _add_names(self, names: Names) -> None:
        for latin, forms in ((1, names.latin), (0, names.other)):
            letters = 0
            for form in forms:
                facts = _form_facts(form)
                letters |= facts[0]
                self._forms.append(form)
                self._form_latin.append(latin)
                for column, value in zip(self._form_columns.values(), facts[1:], strict=True):
                    column.append(value)
            self._letters.append(letters)
        self._ends.append(len(self._forms))

    def build(self) -> Columns:
        """The columns of all candidates that were taken."""
        count = len(self._ids)
        return Columns(
            ids=self._ids,
            source=np.array(self._bytes["source"], np.uint8),
            register=np.array(self._bytes["register"], np.bool_),
            at=np.array(self._at, np.float64).reshape(count, 3),
            sight=np.array(self._bytes["sight"], np.uint8),
            refs=np.array(self._refs, np.uint64).reshape(count, len(REFS)),
            first_form=np.array(self._ends, np.int64),
            forms=self._forms,
            form_latin=np.array(self._form_latin, np.bool_),
            letters=np.array(self._letters, np.uint64).reshape(count, 2),
            **{name: np.array(column, np.uint64) for name, column in (self._hashes | self._form_columns).items()},
        )


def hashed(text: str) -> int:
    """A text as 64 bits, the same in every process and never 0, which means "not known"."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def phone_number(phone: str | None) -> int:
    """The last nine digits of a phone number, which no country code or leading zero changes, and one; 0 for none."""
    digits = "".join(filter(str.isdecimal, phone)) if phone else ""
    return int(digits[-9:]) + 1 if len(digits) >= 5 else 0


def _website(address: str | None) -> tuple[int, int]:
    if not address:
        return 0, 0
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return 0, 0
    path = parts.path.rstrip("/").lower()
    return (hashed(host), hashed(host + path)) if "." in host else (0, 0)


def _street(address: Address | None) -> tuple[int, int]:
    """A street's name and the number in it; the number alone says nothing."""
    if address is None:
        return 0, 0
    line = address.street_name
    number = address.street_number
    if line is None and address.formatted_address:
        line = address.formatted_address.split(",")[0]
    if not line:
        return 0, 0
    if number is None and (found := _DIGITS.search(line)):
        number = found.group()
        line = line.replace(number, " ", 1)
    name = " ".join(sorted(normalise(line).split()))
    return (hashed(name), hashed(number.casefold()) if number else 0) if name else (0, 0)


def _refs(candidate: Candidate) -> tuple[int, ...]:
    refs = candidate.external_refs
    osm = f"{refs.osm_type}/{refs.osm_id}" if refs.osm_type and refs.osm_id else None
    values = (refs.google_place_id, osm, refs.otm_id, refs.wikidata_id, refs.wikipedia_url)
    return tuple(hashed(value) if value else 0 for value in values)


@lru_cache(maxsize=65_536)
def _form_facts(form: str) -> tuple[int, int, int, int, int]:
    """Of a normal form: pairs of letters, hash, numbers, and of which kinds and parts of places it speaks."""
    letters, text = 0, form.replace(" ", "")
    # A single character is compared by itself.
    for start in range(max(len(text) - 1, 1)):
        letters |= 1 << (hashed(text[start : start + 2]) % _BITS)
    digits = " ".join(_DIGITS.findall(form))
    return letters, hashed(form), hashed(digits) if digits else 0, _mask(form, _KINDS), _mask(form, _PARTS)


def _mask(form: str, concepts: Sequence[str]) -> int:
    """Which of the concepts a form speaks of: words in Latin letters count as a whole, others anywhere in it."""
    own = set(form.split())
    found = 0
    for place, words in enumerate(concepts[:_BITS]):
        if any(word in own or (not word.isascii() and word in form) for word in words.split("/")):
            found |= 1 << place
    return found
