"""Postal addresses: the line of a street taken apart, by the customs of countries."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lambdas.contracts.candidate import Address

_NUMBER = r"\d{1,5}(?:\s?[a-zA-Z])?(?:\s?[-\u2013/]\s?\d{1,5}[a-zA-Z]?)?"
# Before the street in English, French and others: "12 High Street", "12 bis, rue X" is left whole.
_LEADING = re.compile(rf"(?P<number>{_NUMBER}),?\s+(?P<street>\D.*)")
# Behind it in German, Finnish, Dutch, Italian and others: "Mannerheimintie 13 A".
_TRAILING = re.compile(rf"(?P<street>\D+?),?\s+(?P<number>{_NUMBER})")
# Japanese addresses go by block, not by street: "2-chome 4-1 Asakusa", "浅草2丁目4-1".
_POSTAL_CODES: Mapping[str, re.Pattern[str]] = {
    "AT": re.compile(r"\d{4}"),
    "AU": re.compile(r"\d{4}"),
    "BE": re.compile(r"\d{4}"),
    "CA": re.compile(r"[A-Z]\d[A-Z] ?\d[A-Z]\d"),
    "CH": re.compile(r"\d{4}"),
    "DE": re.compile(r"\d{5}"),
    "DK": re.compile(r"\d{4}"),
    "ES": re.compile(r"\d{5}"),
    "FI": re.compile(r"\d{5}"),
    "FR": re.compile(r"\d{5}"),
    "GB": re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"),
    "IT": re.compile(r"\d{5}"),
    "JP": re.compile(r"\d{3}-?\d{4}"),
    "NL": re.compile(r"\d{4} ?[A-Z]{2}"),
    "NO": re.compile(r"\d{4}"),
    "SE": re.compile(r"\d{3} ?\d{2}"),
    "US": re.compile(r"\d{5}(?:-\d{4})?"),
}
"""The form of postal codes by country (ISO 3166-1), after the Universal Postal Union's addressing guides
(https://www.upu.int/en/postal-solutions/programmes-services/addressing-solutions)."""

_BLOCKS = re.compile(r"chome|丁目|番地|-ku\b|区", re.IGNORECASE)


def street_parts(line: str) -> tuple[str | None, str]:
    """House number and street of a line such as ``12 High Street`` or ``Mannerheimintie 13 A``.

    Args:
        line: The line of an address that names the street.

    Returns:
        The number, ``None`` where there is none that can be told from the rest; and the street, or the whole line.
    """
    text = " ".join(line.split()).strip(" ,")
    if _BLOCKS.search(text):
        return None, text
    for form in (_LEADING, _TRAILING):
        found = form.fullmatch(text)
        if found:
            return found["number"], found["street"].strip(" ,")
    return None, text


def address_of(
    line: str | None,
    *,
    city: str | None = None,
    state: str | None = None,
    postal_code: str | None = None,
    country: str | None = None,
) -> Address | None:
    """An address from its parts.

    Args:
        line: The line that names the street, with or without the number.
        city: Or town.
        state: Or region.
        postal_code: As it is written.
        country: Its name or code.

    Returns:
        The address; ``None`` where nothing is known that tells one place from another: a city alone does not.
    """
    if not line and not postal_code:
        return None
    number, street = street_parts(line) if line else (None, None)
    town = " ".join(part for part in (postal_code, city) if part)
    whole = ", ".join(part for part in (line, town, state, country) if part)
    return Address(
        formatted_address=whole,
        street_number=number,
        street_name=street,
        city=city,
        state=state,
        country=country,
        postal_code=postal_code,
    )


def in_country(address: Address | None, city: str, country: str | None) -> Address | None:
    """An address as one in a city of a country.

    Args:
        address: As a page gives it.
        city: The city, where the address names none.
        country: Its country (ISO 3166-1, two letters), where that is known. It takes the place of a name of the country
            in whatever language, and a postal code that has not its form is left out.

    Returns:
        The same address, completed.
    """
    if address is None:
        return None
    code = country.upper() if country else None
    form = _POSTAL_CODES.get(code or "")
    postal = address.postal_code.strip().upper() if address.postal_code else None
    good = postal if postal and (form is None or form.fullmatch(postal)) else None
    return address.model_copy(
        update={"city": address.city or city, "country": code or address.country, "postal_code": good}
    )
