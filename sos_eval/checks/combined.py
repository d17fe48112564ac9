"""Combinations of alternatives: one option of every choice, the design's own among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from sos_eval.checks.alternatives import Alternative

__all__ = ["Combination", "combinations_of", "merged"]

_WHOLE = ("start", "exposure", "without_percent", "within", "leave_out")


@dataclass(frozen=True, slots=True)
class Combination:
    """A specification that differs from the design.

    Attributes
    ----------
    alternative
        What differs, all of it together.
    options
        By choice, the place of its option; choices that stay as declared are not in it.
    """

    alternative: Alternative
    options: Mapping[str, int]


def combinations_of(
    choices: Mapping[str, Sequence[Alternative]], *, cross: bool
) -> tuple[tuple[Combination, ...], int]:
    """Return every combination but the design itself, those that differ in fewest choices first.

    Parameters
    ----------
    choices
        Name to the options beside the design's own.
    cross
        Whether options of several choices are combined; otherwise one choice differs at a time.

    Returns
    -------
    combinations, int
        And how many cannot be, as two of their options change the same thing.
    """
    places = product(*(range(-1, len(options)) for options in choices.values()))
    differing = [{name: k for name, k in zip(choices, one, strict=True) if k >= 0} for one in places]
    wanted = [one for one in differing if one and (cross or len(one) == 1)]
    made: list[Combination] = []
    place = {name: k for k, name in enumerate(choices)}
    for options in sorted(wanted, key=lambda one: (len(one), [(place[name], k) for name, k in one.items()])):
        together = merged([choices[name][k] for name, k in options.items()])
        if together is not None:
            made.append(Combination(together, options))
    return tuple(made), len(wanted) - len(made)


def merged(alternatives: Sequence[Alternative]) -> Alternative | None:
    """Return alternatives as one; None where two of them change the same thing.

    Examples
    --------
    >>> merged([Alternative(start=1), Alternative(within=("region",))]).words
    'start 1 period later; within region'
    >>> merged([Alternative(start=1), Alternative(start=2)]) is None
    True
    """
    given: dict[str, object] = {}
    for name in _WHOLE:
        set_by = [value for one in alternatives if (value := getattr(one, name))]
        if len(set_by) > 1:
            return None
        given |= dict(zip((name,), set_by, strict=False))
    keys = [key for one in alternatives for key in one.changes]
    options = [key for one in alternatives for key in one.estimator or {}]
    if len(set(options)) < len(options) or any(
        _overlap(one, other) for i, one in enumerate(keys) for other in keys[:i]
    ):
        return None
    if options:
        given["estimator"] = {key: value for one in alternatives for key, value in (one.estimator or {}).items()}
    changes = {key: value for one in alternatives for key, value in one.changes.items()}
    label = "; ".join(one.words for one in alternatives)
    return Alternative(label=label, changes=changes, **given)  # type: ignore[arg-type]


def _overlap(one: str, other: str) -> bool:
    """Tell whether two dotted keys are the same, or one stands inside the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
