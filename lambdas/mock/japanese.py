"""Names for a synthetic city in Japan: the local form, its romanisation and an English name, all invented."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.mock.stream import Stream

_Part = tuple[str, str, str]

_FIRST: tuple[_Part, ...] = (
    ("桜", "Sakura", "Cherry"),
    ("松", "Matsu", "Pine"),
    ("竹", "Take", "Bamboo"),
    ("梅", "Ume", "Plum"),
    ("藤", "Fuji", "Wisteria"),
    ("青", "Ao", "Blue"),
    ("赤", "Aka", "Red"),
    ("白", "Shiro", "White"),
    ("黒", "Kuro", "Black"),
    ("石", "Ishi", "Stone"),
    ("岩", "Iwa", "Rock"),
    ("星", "Hoshi", "Star"),
    ("月", "Tsuki", "Moon"),
    ("雪", "Yuki", "Snow"),
    ("鶴", "Tsuru", "Crane"),
    ("亀", "Kame", "Turtle"),
    ("鷹", "Taka", "Hawk"),
    ("鹿", "Shika", "Deer"),
    ("金", "Kana", "Gold"),
    ("銀", "Gin", "Silver"),
    ("花", "Hana", "Flower"),
    ("柳", "Yanagi", "Willow"),
    ("杉", "Sugi", "Cedar"),
    ("萩", "Hagi", "Clover"),
    ("菊", "Kiku", "Chrysanthemum"),
    ("霧", "Kiri", "Mist"),
    ("風", "Kaze", "Wind"),
    ("鈴", "Suzu", "Bell"),
)
_SECOND: tuple[_Part, ...] = (
    ("川", "gawa", "River"),
    ("山", "yama", "Hill"),
    ("橋", "bashi", "Bridge"),
    ("田", "da", "Field"),
    ("島", "shima", "Island"),
    ("原", "hara", "Plain"),
    ("沢", "zawa", "Marsh"),
    ("坂", "zaka", "Slope"),
    ("谷", "dani", "Valley"),
    ("井", "i", "Well"),
    ("森", "mori", "Forest"),
    ("崎", "saki", "Cape"),
    ("浜", "hama", "Shore"),
    ("塚", "zuka", "Mound"),
    ("門", "mon", "Gate"),
    ("池", "ike", "Pond"),
    ("野", "no", "Moor"),
    ("瀬", "se", "Rapids"),
)
_BEFORE: tuple[_Part, ...] = (
    ("", "", ""),
    ("北", "Kita", "North"),
    ("南", "Minami", "South"),
    ("新", "Shin", "New"),
    ("元", "Moto", "Old"),
    ("上", "Kami", "Upper"),
    ("中", "Naka", "Middle"),
)
_KINDS: Mapping[str, tuple[_Part, ...]] = {
    "artwork": (("彫像", "Chozo", "Sculpture"), ("壁画", "Hekiga", "Mural")),
    "attraction": (("水族館", "Suizokukan", "Aquarium"), ("観覧車", "Kanransha", "Ferris Wheel")),
    "bar": (("酒場", "Sakaba", "Tavern"), ("居酒屋", "Izakaya", "Izakaya"), ("バー", "Ba", "Bar")),
    "cafe": (("喫茶店", "Kissaten", "Coffee House"), ("茶屋", "Chaya", "Tea House"), ("パン", "Pan", "Bakery")),
    "gallery": (("画廊", "Garo", "Gallery"), ("ギャラリー", "Gyarari", "Art Space")),
    "historic": (("旧宅", "Kyutaku", "Residence"), ("屋敷", "Yashiki", "Mansion")),
    "hotel": (("旅館", "Ryokan", "Inn"), ("ホテル", "Hoteru", "Hotel")),
    "library": (("図書館", "Toshokan", "Library"),),
    "market": (("市場", "Ichiba", "Market"), ("商店街", "Shotengai", "Shopping Street")),
    "monument": (("記念碑", "Kinenhi", "Memorial"), ("銅像", "Dozo", "Statue")),
    "museum": (("美術館", "Bijutsukan", "Art Museum"), ("博物館", "Hakubutsukan", "Museum")),
    "nature": (("緑地", "Ryokuchi", "Green Space"),),
    "park": (("公園", "Koen", "Park"), ("庭園", "Teien", "Garden")),
    "religious": (("神社", "Jinja", "Shrine"), ("寺", "Dera", "Temple"), ("稲荷", "Inari", "Inari Shrine")),
    "restaurant": (
        ("食堂", "Shokudo", "Diner"),
        ("ラーメン", "Ramen", "Ramen"),
        ("寿司", "Sushi", "Sushi"),
        ("蕎麦", "Soba", "Soba"),
        ("焼肉", "Yakiniku", "Grill"),
    ),
    "service": (("郵便局", "Yubinkyoku", "Post Office"), ("銭湯", "Sento", "Bathhouse")),
    "shop": (
        ("書店", "Shoten", "Books"),
        ("花店", "Hanaten", "Florist"),
        ("薬局", "Yakkyoku", "Pharmacy"),
        ("文具店", "Bunguten", "Stationery"),
        ("青果店", "Seikaten", "Greengrocer"),
    ),
    "sports": (("体育館", "Taiikukan", "Gymnasium"), ("道場", "Dojo", "Dojo")),
    "theatre": (("劇場", "Gekijo", "Theatre"), ("寄席", "Yose", "Vaudeville")),
    "viewpoint": (("展望台", "Tenbodai", "Observatory"),),
}
_SUB_PLACES: tuple[_Part, ...] = (
    ("売店", "Baiten", "Gift Shop"),
    ("茶室", "Chashitsu", "Tearoom"),
    ("別館", "Bekkan", "Annex"),
)


def stem(stream: Stream) -> _Part:
    """A name of a quarter or a family: local, romanised, English."""
    before, first, second = stream.pick(_BEFORE), stream.pick(_FIRST), stream.pick(_SECOND)
    romaji = f"{before[1]}{first[1].lower() if before[1] else first[1]}{second[1]}"
    return before[0] + first[0] + second[0], romaji, " ".join(filter(None, (before[2], first[2], second[2])))


def names(stream: Stream, category: str) -> dict[str, str]:
    """The names of a place: ``ja``, ``ja-Latn`` and ``en``."""
    local, romaji, english = stem(stream)
    kind = stream.pick(_KINDS[category])
    return {"ja": local + kind[0], "ja-Latn": f"{romaji} {kind[1]}", "en": f"{english} {kind[2]}"}


def part_of(stream: Stream, whole: Mapping[str, str]) -> dict[str, str]:
    """The names of a place inside another."""
    kind = stream.pick(_SUB_PLACES)
    return {
        "ja": whole["ja"] + kind[0],
        "ja-Latn": f"{whole['ja-Latn']} {kind[1]}",
        "en": f"{whole['en']} {kind[2]}",
    }
