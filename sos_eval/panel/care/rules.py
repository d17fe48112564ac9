"""`ReturnRule`: what can be wrong with an episode, one small file each in `rulebook/`, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeVar

from annotated_types import MinLen

from sos_eval.declare import Declared, build, read_yaml
from sos_eval.errors import Faults, OurFault, nearest

__all__ = ["Policy", "ReturnRule", "return_rules", "rulebook", "with_policies"]

Policy = Literal["keep", "exclude"]


class _Judging(Protocol):
    """What every rule of a validation report has."""

    @property
    def name(self) -> str: ...
    @property
    def policy(self) -> Policy: ...


R = TypeVar("R", bound=_Judging)


@dataclass(frozen=True)
class ReturnRule(Declared):
    """One rule of the validation report."""

    name: Annotated[str, MinLen(1)]
    """Short name, as in the report and in `--policy`."""
    says: str
    """What an episode that breaks it is like."""
    at: Literal["row", "order"]
    """row: judged by the episode alone; order: beside the child's other episodes, after `row` rules have excluded."""
    policy: Policy
    """keep: the episode counts, and is reported; exclude: it is left out, and is reported."""
    why: str
    """Why that is the policy, and what a kept episode counts as."""
    finds: str
    """The condition, in SQL, over `by_row` (episodes.sql) or `by_order` (order.sql); no file of a user holds one."""
    breaks: tuple[str, ...]
    """Episodes that break it and those around them, for its test: CHILD DECOM RNE LS CIN PLACE DEC REC."""
    holds: tuple[str, ...]
    """Episodes that do not."""
    found: int | None = None
    """How many of `breaks` it finds, where the others only stand before or after; without it all."""
    dob: str = "01/01/2010"
    """Date of birth of the children of its test."""


@cache
def return_rules() -> tuple[ReturnRule, ...]:
    """Return the rules, those of rows first, by name."""
    return tuple(sorted(rulebook(ReturnRule, "sos_eval.panel.care"), key=lambda rule: rule.at != "row"))


def rulebook(kind: type[R], package: str) -> tuple[R, ...]:
    """Return the rules of a package's folder `rulebook`, by name."""
    made = []
    for file in sorted(Path(str(files(package).joinpath("rulebook"))).glob("*.yaml")):
        document = read_yaml(file)
        rule = build(kind, document.data, document)
        if rule is None or rule.name != file.stem:
            raise OurFault(f"{file.name} does not declare the rule that it is called after")
        made.append(rule)
    return tuple(made)


def with_policies(rules: Sequence[R], policies: Mapping[str, str], faults: Faults) -> tuple[R, ...]:
    """Return rules with the policies that were declared; note unknown names and policies."""
    names = [rule.name for rule in rules]
    for name, policy in policies.items():
        if name not in names:
            faults.add("--policy", f'no rule is called "{name}"', nearest(name, names))
        elif policy not in {"keep", "exclude"}:
            faults.add("--policy", f'{name}: "{policy}" is no policy', "write keep or exclude")
    return tuple(replace(rule, policy=policies.get(rule.name, rule.policy)) for rule in rules)  # type: ignore[type-var]
