"""What page one must say about the data: sentences that name those units that are still in the panel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sos_eval.errors import listed

__all__ = ["Caveat", "sentences"]


@dataclass(frozen=True, slots=True)
class Caveat:
    """One sentence, and the units that it is about.

    Attributes
    ----------
    text
        The sentence; ``{n}`` and ``{of}`` count the units that are meant and all in their group, ``{names}`` names
        them.
    units
        Unit and, where there are any, words about it; empty for a sentence about no unit.
    among
        Which units it is about.
    place
        ``basis``: a clause of the sentence on what the estimate rests on.
    """

    text: str
    units: tuple[tuple[str, str], ...] = ()
    among: Literal["treated", "untreated", "everybody"] = "treated"
    place: Literal["caveats", "basis"] = "caveats"


def sentences(
    noted: Iterable[Caveat], groups: Mapping[str, Collection[str]], named: Mapping[str, str]
) -> tuple[str, ...]:
    """Write the caveats of the units that are in a panel now; those about nobody are left out.

    Parameters
    ----------
    noted
        Caveats in their order.
    groups
        Units that are in the panel now: ``treated``, ``untreated``, ``everybody``.
    named
        Names of units.

    Examples
    --------
    >>> Caveat("{n} of {of} treated units had a pilot: {names}.", (("304", "2 years"),)).among
    'treated'
    """
    written = []
    for caveat in noted:
        group = groups[caveat.among]
        meant = [f"{named[unit]} ({words})" if words else named[unit] for unit, words in caveat.units if unit in group]
        if meant or not caveat.units:
            written.append(caveat.text.format(n=len(meant), of=len(group), names=listed(meant, 30)))
    return tuple(dict.fromkeys(written))
