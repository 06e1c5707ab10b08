"""In which languages a country names its places."""

from __future__ import annotations

from collections.abc import Mapping

# ISO 3166-1 country -> ISO 639 languages, after the likely subtags and the official languages in Unicode's CLDR
# (https://cldr.unicode.org). Countries whose places are named in English alone are left out.
_OF_COUNTRY: Mapping[str, tuple[str, ...]] = {
    "ae": ("ar",), "al": ("sq",), "am": ("hy",), "ar": ("es",), "at": ("de",), "az": ("az",), "ba": ("bs", "sr"),
    "bd": ("bn",), "be": ("nl", "fr"), "bg": ("bg",), "br": ("pt",), "by": ("be", "ru"), "ca": ("fr",),
    "ch": ("de", "fr", "it"), "cl": ("es",), "cn": ("zh",), "co": ("es",), "cr": ("es",), "cu": ("es",),
    "cy": ("el", "tr"), "cz": ("cs",), "de": ("de",), "dk": ("da",), "dz": ("ar", "fr"), "ec": ("es",), "ee": ("et",),
    "eg": ("ar",), "es": ("es", "ca"), "fi": ("fi", "sv"), "fr": ("fr",), "ge": ("ka",), "gr": ("el",), "gt": ("es",),
    "hk": ("zh",), "hr": ("hr",), "hu": ("hu",), "id": ("id",), "ie": ("ga",), "il": ("he", "ar"), "in": ("hi",),
    "iq": ("ar",), "ir": ("fa",), "is": ("is",), "it": ("it",), "jo": ("ar",), "jp": ("ja",), "ke": ("sw",),
    "kh": ("km",), "kr": ("ko",), "kz": ("kk", "ru"), "la": ("lo",), "lb": ("ar", "fr"), "lk": ("si", "ta"),
    "lt": ("lt",), "lu": ("fr", "de"), "lv": ("lv",), "ma": ("ar", "fr"), "md": ("ro",), "me": ("sr",), "mk": ("mk",),
    "mm": ("my",), "mn": ("mn",), "mo": ("zh", "pt"), "mt": ("mt",), "mx": ("es",), "my": ("ms",), "nl": ("nl",),
    "no": ("nb", "no"), "np": ("ne",), "pa": ("es",), "pe": ("es",), "ph": ("tl",), "pk": ("ur",), "pl": ("pl",),
    "pt": ("pt",), "py": ("es",), "qa": ("ar",), "ro": ("ro",), "rs": ("sr",), "ru": ("ru",), "sa": ("ar",),
    "se": ("sv",), "sg": ("zh", "ms"), "si": ("sl",), "sk": ("sk",), "sn": ("fr",), "sy": ("ar",), "th": ("th",),
    "tn": ("ar", "fr"), "tr": ("tr",), "tw": ("zh",), "tz": ("sw",), "ua": ("uk",), "uy": ("es",), "uz": ("uz",),
    "ve": ("es",), "vn": ("vi",), "za": ("af", "zu"),
}  # fmt: skip


def languages_of(country_code: str | None) -> tuple[str, ...]:
    """The languages to ask for names in.

    Args:
        country_code: ISO 3166-1, in small letters; ``None`` if it is not known.

    Returns:
        Those of the country, the most usual first, then English.
    """
    return (*_OF_COUNTRY.get(country_code or "", ()), "en")
