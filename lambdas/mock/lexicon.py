"""The words that the names of a synthetic city are made of. All names are invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORY_WEIGHTS: Mapping[str, float] = {
    "shop": 21,
    "restaurant": 17,
    "cafe": 11,
    "bar": 8,
    "hotel": 6,
    "service": 5,
    "park": 4.5,
    "religious": 4,
    "monument": 4,
    "artwork": 3,
    "historic": 3,
    "museum": 2.5,
    "gallery": 2.5,
    "sports": 2,
    "attraction": 1.5,
    "viewpoint": 1,
    "theatre": 1,
    "library": 0.8,
    "market": 0.7,
    "nature": 0.5,
}
"""How common each category is."""

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "artwork": ("{stem} Figure", "The {adj} {thing} Sculpture", "{adj} {thing} Mural", "Three {thing}s of {stem}"),
    "attraction": ("The {stem} Experience", "{adj} {thing} Vaults", "{stem} Camera Obscura", "{stem} Tramway"),
    "bar": ("The {adj} {thing}", "{surname}'s Tavern", "The {thing} & {other}", "{stem} Arms", "The {stem} Tap"),
    "cafe": (
        "{stem} Coffee House",
        "The {adj} Cup",
        "{surname} & Daughters Bakery",
        "Café {stem}",
        "The {thing} Tearoom",
    ),
    "gallery": ("{surname} Gallery", "{stem} Contemporary", "The {adj} {thing} Print Room"),
    "historic": ("{stem} House", "{stem} Gatehouse", "Old {stem} Mill", "{surname}'s Court"),
    "hotel": ("{stem} Hotel", "The {adj} {thing} Inn", "{surname} Guest House", "{stem} Lodge"),
    "library": ("{stem} Library", "{surname} Reading Room"),
    "market": ("{stem} Market", "{surname} Street Food Market"),
    "monument": ("{surname} Memorial", "{stem} Cross", "{surname} Statue", "{stem} Fountain"),
    "museum": ("{stem} Museum", "Museum of {adj} {thing}s", "{surname} Collection", "St {saint} Heritage Centre"),
    "nature": ("{stem} Nature Reserve", "{stem} Woods"),
    "park": ("{stem} Park", "{stem} Gardens", "{surname} Green", "{stem} Meadow"),
    "religious": ("St {saint}'s Church", "{stem} Abbey", "{stem} Parish Church", "St {saint} of {stem}"),
    "restaurant": (
        "{surname}'s Kitchen",
        "{stem} Grill",
        "{thing} & {other}",
        "The {adj} Table",
        "Trattoria {surname}",
        "{stem} Noodle Bar",
        "The {stem} Larder",
    ),
    "service": ("{stem} Post Office", "{surname} Repairs", "{stem} Community Centre", "{surname} Launderette"),
    "shop": (
        "{surname} & Sons",
        "{stem} Books",
        "The {adj} {thing} Emporium",
        "{surname} Fine Foods",
        "{stem} Cycles",
        "{thing} and {other} Antiques",
        "{surname} Outfitters",
        "{stem} Records",
    ),
    "sports": ("{stem} Leisure Centre", "{stem} Bowling Club", "{surname} Baths"),
    "theatre": ("{stem} Playhouse", "The {adj} {thing} Theatre", "Theatre Royal {stem}"),
    "viewpoint": ("{stem} Viewpoint", "{stem} Hill", "{surname}'s Seat"),
}
SUB_PLACES = ("Gift Shop", "Tearoom", "Walled Garden", "Visitor Centre")
CHAINS: Mapping[str, tuple[str, ...]] = {
    "cafe": ("Bean Parade", "Copper Kettle Co", "Daily Crumb"),
    "restaurant": ("Pepper Post", "Rolling Dumpling", "Crisp & Co"),
    "shop": ("Greenbasket", "Paperlane", "Dash Mart", "Woolstead", "Sole Trader"),
    "service": ("Northgate Bank", "Parcel Point"),
    "hotel": ("Restwell Inn",),
}

ADJECTIVES = _words(
    "Amber Blue Brass Bright Broken Busy Clever Copper Crooked Dancing Drowsy Gilded Golden Green Grey Happy Hidden "
    "Hollow Humble Iron Ivory Jolly Lazy Little Lonely Lucky Mellow Merry Midnight Misty Nimble Patient Plain Proud "
    "Quiet Red Rusty Scarlet Silent Silver Sleepy Spotted Stout Tall Thirsty Velvet Wandering White Wild Winter"
)
THINGS = _words(
    "Acorn Anchor Badger Barrel Bell Boar Candle Clock Cockerel Compass Crow Curlew Drum Falcon Feather Ferret Fiddle "
    "Fox Goose Grouse Hare Harp Hedgehog Heron Horseshoe Jackdaw Kettle Key Lantern Lark Loom Magpie Mitten Moth Otter "
    "Owl Partridge Pheasant Pigeon Plough Puffin Quill Rook Saddle Salmon Seal Shuttle Sparrow Spindle Spoon Squirrel "
    "Stag Starling Stork Swallow Thimble Thistle Trout Weasel Wheel Whistle Wren"
)
FIRST_NAMES = _words(
    "Ada Agnes Alma Ben Bram Cora Dora Edwin Elsie Ewan Flora Greta Hal Ida Iris Ivo Jago Kit Lena Lorna Mabel Max "
    "Nell Nora Otto Pearl Quinn Rhona Rufus Silas Tess Una Vera Wilf Zara"
)
SAINTS = _words("Aidan Blane Bride Conan Cuthbert Drostan Fillan Giles Kessog Machar Marnock Monan Ronan Triduana")


@dataclass(frozen=True)
class Locale:
    """How names are made in one part of the world: stems are a ``head`` and a ``tail``, streets a stem and a kind."""

    country: str
    heads: tuple[str, ...]
    tails: tuple[str, ...]
    surnames: tuple[str, ...]
    street_kinds: tuple[str, ...]
    phone: str
    postcode: str


SCOTTISH = Locale(
    country="GB",
    heads=_words(
        "Alder Ard Auchen Bal Birk Blair Braid Calder Carn Cairn Corrie Craig Cramond Dal Drum Dun Eden Eller Fern "
        "Gar Glen Gowan Heather Hazel Inver Kil Kin Kirk Lang Lin Loch Logan Mel Mony Muir Nether Ochil Pit Raven "
        "Rose Rowan Sal Strath Tor Tarry Whin Whit Yester"
    ),
    tails=_words(
        "bank brae burn cairn croft dale den field ford gate haugh head hill holm hope knowe law lea loan mount mure "
        "rig shaw side stane ton well wood"
    ),
    surnames=_words(
        "Abernethy Baird Ballantyne Carmichael Cruikshank Dalgleish Drummond Elphinstone Farquhar Galbraith Geddes "
        "Gilchrist Haldane Inglis Jardine Kerr Kinnaird Laidlaw Lockhart Maitland McAllister McCorquodale McIlwraith "
        "McTaggart Melville Nairn Ogilvie Pitcairn Rankin Ruthven Sempill Tulloch Urquhart Wedderburn"
    ),
    street_kinds=("Street", "Row", "Wynd", "Close", "Terrace", "Place", "Brae", "Road", "Lane"),
    phone="+44 131 5{:06d}",
    postcode="EH{} {}XQ",
)
ENGLISH = Locale(
    country="GB",
    heads=_words(
        "Ash Ayles Barn Beck Bishop Black Brad Bram Brook Cal Chal Cherry Clap Col Dal Dray Dul East Elm Farn Finch "
        "Green Grims Hal Hamp Harle Hart Holl Horn Ink Kemp Kings Lamb Lay Mar Mill Nor Oak Pem Pick Quern Rush "
        "Sal Shep Sax Thorn Ux Wal Wan Wick Wool Yard"
    ),
    tails=_words(
        "borough bourne bridge bury combe cote den dene don field fleet ford gate ham hurst leigh ley low mere minster "
        "moor port stead stoke ton wick wood worth"
    ),
    surnames=_words(
        "Abbott Barlow Bickerstaff Cartwright Clutterbuck Cobbold Dobson Dunmore Eastwick Fairbairn Featherstone "
        "Gaskell Goodwin Hathersage Holloway Ingham Jessop Kettlewell Langford Longbottom Merriweather Nettleship "
        "Oakeshott Pemberton Pettigrew Quickenden Ramsbottom Sedgwick Tattersall Thackeray Underhill Wadsworth "
        "Winterbourne"
    ),
    street_kinds=("Street", "Road", "Lane", "Mews", "Yard", "Gardens", "Square", "Row", "Hill"),
    phone="+44 20 79{:06d}",
    postcode="XE{} {}QX",
)
AMERICAN = Locale(
    country="US",
    heads=ENGLISH.heads[:26] + _words("Bleek Delan Flush Grame Hobo Knicker Marra Nas Ocean Pela Ros Sunny Tomp Wyck"),
    tails=ENGLISH.tails[:18] + _words("kill haven view bush berg wijk dam ville"),
    surnames=_words(
        "Abramowitz Bellini Brinkerhoff Castellano Delacroix DiSalvo Eisenhart Fitzmorris Goldfarb Hendricks Iannucci "
        "Jablonski Kowalczyk Lefferts Lombardozzi Mazzarella Nakamura Okafor Pagano Quintero Rosenblatt Schuyler "
        "Stuyver Tedesco Vandermeer Van Brunt Wasserman Yablonsky Zimmerer"
    ),
    street_kinds=("Street", "Avenue", "Place", "Boulevard", "Plaza", "Court"),
    phone="+1 212 5{:06d}",
    postcode="100{}{}",
)
EUROPEAN = Locale(
    country="",
    heads=ENGLISH.heads[::2] + SCOTTISH.heads[::3] + _words("Berg Linden Nord Sand Stor Vester"),
    tails=_words("berg dal feld hof holm kamp lund mark sund vik wald stad"),
    surnames=_words(
        "Aalto Bergson Castella Dubrec Eklund Fontaneau Grimaldo Halvorsen Ivarsson Janković Kowalik Lindqvist "
        "Marchetto Novotný Ødegård Petrenko Quirós Rasmussen Sørbø Tamm Uhlmann Verhaegen Wójtas Zanetto"
    ),
    street_kinds=("Street", "Square", "Quay", "Lane", "Road"),
    phone="+99 9 55{:06d}",
    postcode="{}00{}0",
)
