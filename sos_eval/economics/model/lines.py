"""What is paid and what is saved: every declared cost as a line of the ledger, in prices of one year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sos_eval.economics.declared import CostLine, Placement
from sos_eval.economics.model.deflator import Deflator
from sos_eval.economics.section import EconomicsSection

__all__ = ["LedgerLine", "ledger_lines"]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the ledger.

    Attributes
    ----------
    name, key
        As shown; as a parameter (``cost[training]``, ``weekly[residential]``).
    kind
        ``programme`` (paid because of the programme) or ``saving`` (falls with every averted entry).
    timing
        first_year, each_year, repeated (each year from the second), case, child_week, placement.
    amount, se
        Money a unit in the frame's prices.
    quantity
        Units each; for repeated training the turnover, for a placement unused.
    spread
        Years of the annuity; 0: paid when it falls due.
    """

    name: str
    key: str
    kind: str
    timing: str
    amount: float
    se: float
    quantity: float
    law: str
    bearer: str
    cashable: float
    grade: str
    price_year: str
    source: str
    spread: int = 0

    @property
    def released(self) -> float:
        """Share of a saving that becomes money; what an averted entry costs more is paid in full."""
        return self.cashable if self.amount >= 0 else 1.0


_TIMING = {"fixed": "first_year", "authority_year": "each_year", "case": "case", "child_week": "child_week"}


def ledger_lines(section: EconomicsSection, deflator: Deflator) -> list[LedgerLine]:
    """Lay all declared costs out as lines, amounts brought to the frame's price year."""
    assert section.frame is not None
    wanted = str(section.frame.price_year)
    lines = list(_programme(section))
    for declared in section.costs:
        timing = _TIMING[declared.unit or "fixed"]
        kind = "programme" if timing in ("first_year", "each_year") else "saving"
        lines.append(_line(declared, kind, timing))
    if section.care_pathway is not None:
        lines += [_placement(place, section.care_pathway.cashable) for place in section.care_pathway.placements]
    uplift = 1 + (section.implementation.optimism_bias if section.implementation is not None else 0.0)
    return [_raised(_deflated(line, deflator, wanted), uplift) for line in lines]


def _programme(section: EconomicsSection) -> Iterator[LedgerLine]:
    """Yield the lines of the programme."""
    declared = section.implementation
    if declared is None:
        return
    spread = declared.amortisation or 0
    for label, line in (("training", declared.training), ("set_up", declared.set_up)):
        if line is not None:
            yield _line(line, "programme", "first_year", spread=spread, name=line.name or label)
    if declared.training is not None and declared.turnover > 0:
        yield _line(
            declared.training, "programme", "repeated", name=f"{declared.training.name} of new staff",
            quantity=declared.turnover * declared.training.quantity,
        )  # fmt: skip
    for line in (declared.licence, declared.running):
        if line is not None:
            yield _line(line, "programme", "each_year")


def _line(
    declared: CostLine, kind: str, timing: str, *, spread: int = 0, name: str = "", quantity: float | None = None
) -> LedgerLine:
    return LedgerLine(
        name=name or declared.name, key=f"cost[{declared.name}]", kind=kind, timing=timing, amount=declared.amount,
        se=declared.se, quantity=declared.quantity if quantity is None else quantity, law=declared.distribution,
        bearer=declared.bearer, cashable=declared.cashable, grade=declared.grade,
        price_year=str(declared.price_year), source=declared.source, spread=spread,
    )  # fmt: skip


def _placement(place: Placement, cashable: float) -> LedgerLine:
    return LedgerLine(
        name=f"{place.name} care", key=f"weekly[{place.name}]", kind="saving", timing="placement",
        amount=place.weekly_cost, se=place.se, quantity=1.0, law="gamma", bearer=place.bearer, cashable=cashable,
        grade=place.grade, price_year=str(place.price_year), source=place.source,
    )  # fmt: skip


def _deflated(line: LedgerLine, deflator: Deflator, wanted: str) -> LedgerLine:
    factor = deflator.factor(line.price_year, wanted)
    return replace(line, amount=line.amount * factor, se=line.se * factor)


def _raised(line: LedgerLine, uplift: float) -> LedgerLine:
    """Raise what the programme costs by the declared optimism bias."""
    return replace(line, quantity=line.quantity * uplift) if line.kind == "programme" else line
