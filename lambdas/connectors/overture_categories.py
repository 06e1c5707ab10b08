"""From Overture's categories to the categories of this project.

Overture has some two thousand, in trees that change from release to release
(https://docs.overturemaps.org/guides/places/taxonomy/), so that the table goes by the last words of a name, such as
``history_museum``, and by the trees' first branches. What no visitor goes to, such as a plumber, has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_WORDS: Mapping[str, str] = {
    "museum": "museum planetarium historical_society",
    "gallery": "art_gallery gallery",
    "artwork": "public_art sculpture sculpture_statue statue street_art mural",
    "monument": "monument memorial memorial_site fountain cemetery war_memorial",
    "historic": (
        "castle palace fort ruin ruins historic_site historical_landmark historical_place archaeological_site "
        "heritage_site landmark_and_historical_building mansion"
    ),
    "religious": (
        "church cathedral church_cathedral chapel mosque synagogue shrine temple abbey monastery convent "
        "place_of_worship religious_place religious_organization pagoda"
    ),
    "theatre": (
        "theatre theater theaters_and_performance_venues theatrical_productions performing_arts_venue "
        "opera_house opera_and_ballet comedy_club"
    ),
    "cinema": "cinema movie_theater drive_in_theater",
    "music": "concert_hall music_venue topic_concert_venue jazz_and_blues bandstand",
    "zoo": "zoo aquarium petting_zoo wildlife_sanctuary",
    "library": "library",
    "market": "market farmers_market flea_market night_market public_market holiday_market",
    "viewpoint": "lookout viewpoint scenic_point observation_deck observatory",
    "bridge": "bridge",
    "tower": "tower lighthouse",
    "beach": "beach",
    "park": "park botanical_garden garden playground plaza town_square picnic_area dog_park",
    "nature": "nature_reserve nature_preserve forest mountain hill cave valley wetland hiking_trail trail peak",
    "water": "lake river waterfall hot_springs canal pond spring",
    "attraction": (
        "amusement_park theme_park water_park attraction tourist_attraction attractions_and_activities landmark"
    ),
    "nightlife": "night_club nightclub dance_club nightlife karaoke strip_club",
    "cafe": (
        "cafe coffee_shop coffee tea_room teahouse bakery patisserie dessert_shop ice_cream_shop donuts "
        "bubble_tea desserts bagel_shop juice_bar smoothie_juice_bar internet_cafe"
    ),
    "bar": "bar pub brewery beer_garden winery wine_bar gastropub lounge distillery speakeasy izakaya taproom tap_room",
    "restaurant": (
        "restaurant diner steakhouse bistro brasserie pizzeria food_court food_truck food_stand buffet deli "
        "eatery eat_and_drink food_and_drink"
    ),
    "hotel": (
        "hotel hostel motel inn bed_and_breakfast guest_house resort campground holiday_rental_home "
        "accommodation lodging ryokan cottage lodge service_apartments"
    ),
    "mall": "shopping_center shopping_mall mall department_store outlet",
    "shop": (
        "store shop boutique bookstore supermarket grocery pharmacy_and_drug_store retail shopping florist "
        "butcher jeweler optician beauty_salon hair_salon barber nail_salon beauty_and_spa spa spas "
        "tattoo_and_piercing"
    ),
    "sports": (
        "stadium_arena stadium arena gym golf_course swimming_pool sports_club_and_league ice_skating_rink "
        "bowling_alley tennis_court skate_park sports_and_recreation_venue sports_venue active_life "
        "sports_and_recreation sports_and_fitness_instruction yoga_studio fitness_center climbing_gym"
    ),
    "entertainment": (
        "casino arcade escape_room escape_rooms event_venue venue_and_event_space community_center cultural_center "
        "social_club arts_and_entertainment festival auditorium"
    ),
    "transport": (
        "train_station bus_station metro_station subway_station airport ferry_service ferry_terminal harbor harbour "
        "marina parking taxi_rank gas_station ev_charging_station bike_rentals car_rental_agency "
        "transport_hub"
    ),
    "education": "university college_university college school preschool kindergarten education campus_building",
    "health": "hospital clinic dentist doctor pharmacy medical_center health_and_medical health_care veterinarian",
    "government": (
        "town_hall city_hall embassy courthouse police_department fire_department government_office consulate "
        "public_service_and_government community_and_government"
    ),
    "service": "bank banks bank_credit_union atms post_office visitor_center tourist_information laundromat",
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words.split()}


def category(names: Iterable[str | None]) -> str | None:
    """The category of a place.

    Args:
        names: What Overture says that it is, the most specific first.

    Returns:
        The category; ``None`` for what is no place to go to, or is nothing that the table knows.
    """
    for name in names:
        if name and (kind := _kind(name)):
            return kind
    return None


def _kind(name: str) -> str | None:
    """The category by the longest end of a name that the table has, ``beer_garden`` before ``garden``."""
    words = name.split("_")
    return next((kind for start in range(len(words)) if (kind := _KINDS.get("_".join(words[start:])))), None)
