"""`CensusRule`: what can be wrong with an event of a CIN census, one small file each in `rulebook/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from annotated_types import MinLen

from sos_eval.declare import Declared
from sos_eval.panel.care.rules import Policy, rulebook

__all__ = ["CensusRule", "census_rules"]


@dataclass(frozen=True)
class CensusRule(Declared):
    """One rule of the validation report."""

    name: Annotated[str, MinLen(1)]
    """Short name, as in the report and in `--policy`."""
    says: str
    """What an event that breaks it is like."""
    policy: Policy
    """keep: the event counts, and is reported; exclude: it is left out, and is reported."""
    why: str
    """Why that is the policy."""
    finds: str
    """The condition, in SQL, over `judged` (events.sql); no file of a user holds one."""
    breaks: tuple[str, ...]
    """Events that break it, for its test: KIND CHILD BIRTH REFERRAL BEGINNING END; `-` is empty."""
    holds: tuple[str, ...]
    """Events that do not."""


@cache
def census_rules() -> tuple[CensusRule, ...]:
    """Return the rules by name."""
    return rulebook(CensusRule, "sos_eval.panel.census")
