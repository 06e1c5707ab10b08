"""From Wikidata's classes to categories.

An item says what it is an instance of by any of some ten thousand classes, and often by several: a museum is an
organization, too. The most frequent are listed here; of others the English label mostly ends in a word that says what
they are ("Category A listed church").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# In the order in which they count.
_BY_ID: Mapping[str, str] = {
    "Q33506": "museum", "Q207694": "museum", "Q17431399": "museum", "Q16735822": "museum", "Q588140": "museum",
    "Q1007870": "gallery",
    "Q860861": "artwork", "Q179700": "artwork", "Q219423": "artwork", "Q557141": "artwork",
    "Q194195": "attraction", "Q2416723": "attraction",
    "Q839954": "historic", "Q23413": "historic", "Q16560": "historic", "Q751876": "historic", "Q879050": "historic",
    "Q57821": "historic", "Q109607": "historic", "Q39614": "historic",
    "Q4989906": "monument", "Q5003624": "monument", "Q575759": "monument", "Q483453": "monument", "Q721747": "monument",
    "Q16970": "religious", "Q1370598": "religious", "Q2977": "religious", "Q34627": "religious", "Q32815": "religious",
    "Q44539": "religious", "Q44613": "religious", "Q845945": "religious", "Q5393308": "religious",
    "Q108325": "religious",
    "Q22698": "park", "Q1107656": "park", "Q167346": "park", "Q22746": "park",
    "Q179049": "nature", "Q8502": "nature", "Q4421": "nature", "Q23442": "nature", "Q35509": "nature",
    "Q23397": "water", "Q4022": "water", "Q12280": "bridge", "Q40080": "beach", "Q43501": "zoo", "Q2281788": "zoo",
    "Q24354": "theatre", "Q153562": "theatre", "Q1060829": "music",
    "Q6017969": "viewpoint", "Q1440300": "tower", "Q12518": "tower", "Q39715": "tower",
    "Q7075": "library", "Q330284": "market", "Q37654": "market",
    "Q27686": "hotel", "Q11707": "restaurant", "Q30022": "cafe", "Q187456": "bar", "Q212198": "bar",
    "Q213441": "shop", "Q11315": "mall", "Q41253": "cinema",
    "Q483110": "sports", "Q1076486": "sports", "Q55488": "transport", "Q928830": "transport", "Q1248784": "transport",
    "Q3918": "education", "Q9842": "education", "Q3914": "education", "Q875538": "education",
    "Q16917": "health", "Q543654": "government", "Q3917681": "government",
}  # fmt: skip
# What many an item is beside what it is known as: a work of art, a historic building, an attraction, an organization.
_GENERAL: Mapping[str, str] = {
    "Q838948": "artwork", "Q35112127": "historic", "Q570116": "attraction", "Q43229": "service",
}  # fmt: skip

# In the order in which they are looked for: what is more special first.
_WORDS: tuple[tuple[str, str], ...] = (
    ("museum", "museum"), ("gallery", "gallery"),
    ("church|cathedral|chapel|mosque|synagogue|temple|shrine|abbey|monastery|priory|convent|basilica", "religious"),
    ("castle|palace|fort|fortress|ruins|archaeological site|manor|mansion|stately home|town hall", "historic"),
    ("gatehouse|city gate|historic site", "historic"),
    ("statue|sculpture|mural|artwork|work of art|installation", "artwork"),
    ("monument|memorial|fountain|obelisk|market cross|cemetery|tomb|mausoleum", "monument"),
    ("botanical garden|park|garden|town square|square", "park"),
    ("zoo|aquarium", "zoo"), ("theatre|theater|opera house", "theatre"), ("concert hall|music venue", "music"),
    ("library", "library"), ("market|market hall", "market"),
    ("observation deck|viewpoint|observatory", "viewpoint"), ("tower|skyscraper|lighthouse", "tower"),
    ("bridge|viaduct|aqueduct", "bridge"), ("beach", "beach"),
    ("nature reserve|mountain|hill|island|forest|woodland", "nature"), ("lake|river|canal|waterfall|pond", "water"),
    ("tourist attraction|amusement park|theme park|landmark", "attraction"),
    ("hotel|hostel", "hotel"), ("restaurant", "restaurant"), ("cafe|coffeehouse", "cafe"), ("pub|bar|tavern", "bar"),
    ("shopping mall|shopping centre", "mall"), ("shop|store|department store", "shop"), ("cinema", "cinema"),
    ("stadium|sports venue|arena|golf course|swimming pool", "sports"),
    ("listed building|heritage building|historic building|historic house", "historic"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(rf"(?:^|\W)(?:{words})(?: building)?$", re.IGNORECASE), kind) for words, kind in _WORDS)

# Parks by their name alone.
_NO_PARK = re.compile(
    r"\b(?:business|car|industrial|office|research|retail|science|technology|trailer) park$", re.IGNORECASE
)


def category(classes: Mapping[str, str]) -> str | None:
    """The category of an item.

    Args:
        classes: The classes that it is an instance of: their English labels by their ids, empty where they have none.

    Returns:
        The category; ``None`` for what is no place to go to: a street, a district, an event.
    """
    for item, kind in _BY_ID.items():
        if item in classes:
            return kind
    labels = [classes[item] for item in sorted(classes) if item not in _GENERAL and not _NO_PARK.search(classes[item])]
    for pattern, kind in _PATTERNS:
        if any(pattern.search(label) for label in labels):
            return kind
    return next((kind for item, kind in _GENERAL.items() if item in classes), None)
