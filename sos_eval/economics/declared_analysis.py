"""What an economic evaluation declares of its analysis: draws, sensitivity, scenarios, information, groups, gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen

from sos_eval.declare import Declared
from sos_eval.economics.declared import Positive, Share

__all__ = [
    "FEWEST_DRAWS",
    "Correlation",
    "Distribution",
    "Dsa",
    "GateBlock",
    "NextStudy",
    "ProposedStudy",
    "Psa",
    "Scenario",
    "Subgroup",
    "Voi",
]

#: Fewest draws that make a 95% interval: a tail of 2.5% holds one of them.
FEWEST_DRAWS = 40


@dataclass(frozen=True)
class Correlation(Declared):
    """Two parameters that vary together."""

    between: tuple[str, str]
    """Names of parameters, as in params.csv."""
    rho: Annotated[float, Ge(-1), Le(1)]
    """Correlation of their normal scores (Gaussian copula)."""


@dataclass(frozen=True)
class Psa(Declared):
    """Probabilistic analysis: draws from files, or drawn from the declared distributions."""

    effects: str | None = None
    """File with a row per draw and a column per strategy."""
    costs: str | None = None
    """The same for costs."""
    params: str | None = None
    """The same with a column per parameter; for EVPPI."""
    draws: Annotated[int, Ge(FEWEST_DRAWS), Le(1_000_000)] = 10_000
    """Draws where no files are given; files have at least 40 too: of fewer, less than one lies in a tail of 2.5%."""
    seed: Annotated[int, Ge(0)] | None = None
    """Seed of the draws and of simulated errors."""
    correlation: tuple[Correlation, ...] = ()
    """Dependence between parameters."""


@dataclass(frozen=True)
class Dsa(Declared):
    """Deterministic sensitivity analysis."""

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Range of a parameter, lower end first; without one its 95% interval. A share of the mix is a share, 0 to 1."""
    two_way: tuple[tuple[str, str], ...] = ()
    """Pairs of parameters for a grid."""
    points: Annotated[int, Ge(2)] = 11
    """Points along a range."""


@dataclass(frozen=True)
class Scenario(Declared):
    """The same evaluation under other choices."""

    name: str
    """Its name in the table."""
    change: dict[str, Any]
    """Keys of this block, written with dots (`frame.horizon`), and their other values."""
    structural: bool = False
    """Whether it changes the structure of the model, not only a value."""
    why: str = ""
    """Why it was chosen."""


@dataclass(frozen=True)
class ProposedStudy(Declared):
    """A proposed study: what it measures, how precisely, how large it may be and what it costs."""

    name: str
    """What it is called in the tables."""
    parameter: str
    """The parameter it informs: a column of the PSA parameters."""
    sizes: Annotated[tuple[Annotated[int, Gt(0)], ...], MinLen(1)]
    """Sizes to value: observations (authority-years, children …) that the study would bring."""
    measure: Literal["mean", "proportion", "rate"] = "mean"
    """How an observation varies around the parameter: normally with `sd`, as a yes or no, or as a count."""
    sd: Annotated[float, Gt(0)] | None = None
    """Standard deviation of one observation around the parameter; needed for `mean`."""
    fixed_cost: Annotated[float, Ge(0)] = 0.0
    """Cost of the study whatever its size."""
    cost_per_observation: Annotated[float, Ge(0)] = 0.0
    """Cost of each observation."""

    def __post_init__(self) -> None:
        if self.measure == "mean" and self.sd is None:
            raise ValueError("measure mean needs sd, the standard deviation of one observation around the parameter")


@dataclass(frozen=True)
class NextStudy(Declared):
    """The next evaluation of the effect: how many authorities, over how many years, by a power study of it."""

    power: str
    """Folder that `sos-eval power --out` wrote: the errors of the estimate are those of its `power.csv`."""
    authorities: str | Positive
    """Swept key that is the number of authorities (such as `world.authorities.n`), or that number."""
    years: str | Positive
    """Swept key that is the number of years (or the last one, see `before`), or that number."""
    cost_per_authority_year: Positive
    """Money a year for each authority that takes part."""
    cost_source: str
    """Where that cost comes from."""
    fixed_cost: Annotated[float, Ge(0)] = 0.0
    """Cost of the study whatever its size."""
    before: float = 0.0
    """Taken off the swept key of years, where that is a calendar year: the year before the first."""
    estimator: str = ""
    """Estimator in the power study; may be left out where there is one."""
    outcome: str = ""
    """Outcome in the power study; may be left out where one alone is called by words of entries into care."""
    per: Positive = 10000
    """What a difference in rates is per in the power study."""


@dataclass(frozen=True)
class Voi(Declared):
    """Value of information."""

    evpi: bool = True
    """Expected value of perfect information."""
    evppi: tuple[tuple[str, ...], ...] = ()
    """Groups of parameters."""
    studies: tuple[ProposedStudy, ...] = ()
    """Proposed studies, for EVSI and ENBS."""
    next_study: NextStudy | None = None
    """The best size of the next evaluation, at the decision threshold."""
    decisions_per_year: Positive = 1.0
    """Decisions that better information would inform, each year, in units of the evaluation."""
    years: Annotated[int, Ge(1), Le(100)] = 1
    """Years over which it would inform them; later ones are discounted."""


@dataclass(frozen=True)
class Subgroup(Declared):
    """A group of children in its own right, for results by group."""

    name: str
    """Its name."""
    dimension: str
    """deprivation_fifth, ethnicity, disability …"""
    share: Share
    """Share of the children."""
    baseline: Positive
    """Entries per `per` children a year in the group. Where groups make up all children, shares times rates are the
    baseline of the effect, within 1%."""
    source: str
    """Where share and baseline come from."""
    weeks: Positive | None = None
    """Weeks in care in the group; empty: as for all. Where groups make up all children, weeks weighed by entries are
    the mean stay within 1%."""
    effect: float | None = None
    """The group's own effect on the declared scale; empty: as for all. Where groups make up all children, those without
    one take up what is left of the effect; where all have one, they add up to it within 1%."""


@dataclass(frozen=True)
class Distribution(Declared):
    """How much inequality between groups of children counts, for one dimension of `equity`."""

    dimension: str
    """The dimension whose groups are compared; they make up all children."""
    aversion: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)]
    """Aversion to inequality; 0 counts means alone, and the larger, the more the group with the most entries counts."""
    why: str
    """Where aversion and weights come from: both are judgements."""
    weights: dict[str, Positive] = field(default_factory=dict)
    """Weight of each group's net benefit, brought to a mean of 1 over children. Empty: all alike, and no such table."""


@dataclass(frozen=True)
class GateBlock(Declared):
    """What the gate cannot measure, declared with its evidence."""

    override: Literal["E1", "E2", "E3"] | None = None
    """Print as this tier, watermarked; the headline stays empty."""
    why: str = ""
    """Why it is overridden; needed with `override`."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Fields of a dossier that are declared; what the bundle measures goes before them."""
    evidence: dict[str, str] = field(default_factory=dict)
    """For a declared field, where its evidence stands; without it the field counts as not measured."""
