"""Further outcomes of the same authorities: their own levels, noise and effect, and what they share with the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Interval

from sos_eval.worlds.authorities import Authorities
from sos_eval.worlds.effects import Size
from sos_eval.worlds.outcomes import WorldOutcome
from sos_eval.worlds.problems import Problem, under

__all__ = ["Further", "further_problems"]


@dataclass(frozen=True)
class Further(WorldOutcome):
    """A further outcome, declared as the first; `correlation` and `effect` are its own."""

    correlation: Annotated[float, Interval(ge=-1, le=1)] = 0.0
    """Correlation of its levels, its trends and the innovations of its fading shocks with the first outcome's."""
    effect: Size = field(default_factory=Size)
    """What adopting does to it; who has how much of it, and when, is as for the first."""

    def problems(self, authorities: Authorities, times: tuple[int, int]) -> Iterator[Problem]:
        """Say what contradicts what."""
        yield from super().problems(authorities, times)
        if self.distribution == "residuals":
            yield Problem(("distribution",), "residuals are drawn for the first outcome only", "write poisson")


def further_problems(
    further: Sequence[Further], first: WorldOutcome, authorities: Authorities, times: tuple[int, int], *, nobody: bool
) -> Iterator[Problem]:
    """Say what contradicts what.

    Parameters
    ----------
    times
        First and last period.
    nobody
        Whether nobody adopts in this world.
    """
    covariates = authorities.covariates.values()
    sloped = authorities.population.level or any(one.level or one.trend for one in covariates)
    for i, one in enumerate(further):
        found = [*one.problems(authorities, times), *under("effect", one.effect.size_problems(nobody=nobody))]
        if sloped and one.link != first.link:
            what = f"population and covariates add to levels and trends with link: {first.link}"
            found.append(Problem(("link",), what, f"write {first.link}, or take their level and trend out"))
        yield from under(i, iter(found))
