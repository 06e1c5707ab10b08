"""Write the page of a run: one HTML file that asks nothing of any other host.

Everything that comes from outside is text to the page: the template escapes it, the data of the map stands in a JSON
block that cannot end early, and a link is made of an address only if it begins with ``http://`` or ``https://``. The
Content-Security-Policy lets nothing be loaded, and runs the page's own script and style alone, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scout.cities.views import UNITS
from scout.costs.bill import amount
from scout.report import charts
from scout.report.data import Report
from workflow import prices

_FILES: Final = Path(__file__).parent / "page"
_TOP_PLACES = 100


def html(report: Report) -> str:
    """The page of a run."""
    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script, style = ((_FILES / name).read_text(encoding="utf-8") for name in ("report.js", "report.css"))
    sources = {"script-src": f"'{_digest(script)}'", "style-src": f"'{_digest(style)}'"}
    # The empty icon keeps a browser from asking for one.
    policy = {"default-src": "'none'", **sources, "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    return environment.get_template(
        "report.html.j2"
    ).render(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        script=Markup(script),  # noqa: S704 - a file of this package
        style=Markup(style),  # noqa: S704
        report=report,
        manifest=report.manifest,
        standing=report.standing,
        funnel=charts.funnel(report),
        gantt=charts.gantt(report),
        curves=charts.curves(report),
        units=UNITS,
        amount=amount,
        prices=prices,
        top=[_row(feature) for feature in report.features[:_TOP_PLACES]],
        map_data=map_data(report),
    )


def map_data(report: Report) -> dict[str, Any]:
    """What the map draws: places as [longitude, latitude, rank, whether it is a primary, name, category, sources]."""
    seed = report.manifest.input.seed
    names: dict[str, int] = {}
    places = []
    for feature in report.features:
        if feature["geometry"] is None:
            continue
        told = feature["properties"]
        sources = [names.setdefault(source, len(names)) for source in told.get("sources", ())]
        place = [
            *(round(degrees, 6) for degrees in feature["geometry"]["coordinates"]),
            told.get("rank"),
            int(told.get("tier") == "primary"),
            told["name"],
            told.get("category") or "",
            sources,
        ]
        places.append(place)
    return {
        "center": [seed.center.lng, seed.center.lat],
        "radiusKm": seed.radius_km,
        "sources": list(names),
        "places": places,
    }


def link(address: object) -> str | None:
    """An address that may be a link; None for any other, such as ``javascript:``."""
    text = str(address or "").strip()
    return text if text.lower().startswith(("https://", "http://")) else None


def _row(feature: Mapping[str, Any]) -> dict[str, Any]:
    told = feature["properties"]
    return {**told, "url": told.get("url"), "link": link(told.get("url")), "sources": told.get("sources", ())}


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
