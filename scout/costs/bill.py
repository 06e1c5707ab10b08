"""A bill: its lines, each with units, the price of one, and how the amount is known; as a table and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from workflow import prices
from workflow.prices import Basis, Item

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORDS = {
    Basis.COUNTED: "Counted: the number that AWS counts",
    Basis.MEASURED: "Measured: read from a log or a list, and near to what AWS counts",
    Basis.ESTIMATED: "Estimated: worked out from other amounts",
}


@dataclass(frozen=True)
class Bill:
    """What something costs.

    Attributes:
        title: What it is about.
        items: The lines.
        notes: What has to be said of it.
    """

    title: str
    items: Sequence[Item]
    notes: Sequence[str] = ()

    @property
    def usd(self) -> float:
        """The sum."""
        return prices.total(self.items)

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "title": self.title,
            "usd": self.usd,
            "items": [
                {
                    "what": item.what,
                    "units": item.units,
                    "unit": item.price.unit,
                    "unit_usd": item.unit_usd,
                    "usd": item.usd,
                    "basis": item.basis.value,
                    "note": item.note,
                    "source": item.price.source,
                }
                for item in self.items
            ],
            "notes": list(self.notes),
            "prices": {"region": prices.REGION, "as_of": prices.AS_OF.isoformat()},
        }


def table(bill: Bill) -> RenderableType:
    """For a person."""
    lines = Table("What", "Units", "Unit", "USD a million", "USD", "Basis", box=box.SIMPLE_HEAD, pad_edge=False)
    for place in (1, 3, 4):
        lines.columns[place].justify = "right"
    for item in bill.items:
        lines.add_row(
            item.what + (f"\n  [dim]{item.note}[/dim]" if item.note else ""),
            amount(item.units),
            item.price.unit,
            f"{item.unit_usd * 1_000_000:,.4g}" if item.unit_usd < 0.01 else f"({item.unit_usd:,.3g} each)",
            f"{item.usd:,.6f}",
            item.basis.value,
        )
    lines.add_section()
    lines.add_row("Sum", "", "", "", f"{bill.usd:,.6f}", "", style="bold")
    bases = [_WORDS[basis] for basis in Basis if any(item.basis is basis for item in bill.items)]
    sources = list(dict.fromkeys(item.price.source for item in bill.items))
    return Group(
        Text(bill.title, "bold"),
        lines,
        *(Text(note) for note in bill.notes),
        Text(f"{'. '.join(bases)}."),
        Text(f"List prices of {prices.REGION}, {prices.AS_OF}, without free tiers; this is not a bill of AWS."),
        Text("Sources: " + " ".join(sources), "dim"),
    )


def amount(units: float) -> str:
    """Whole numbers as such, small ones with what matters of them."""
    return f"{units:,.0f}" if units == int(units) or units >= 1000 else f"{units:,.4g}"
