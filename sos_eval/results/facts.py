"""`RunFacts`: what a run knows beside its tables, in one form; written once by the run, read by everybody after it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pandas as pd

from sos_eval.results.theory import TheoryFacts
from sos_eval.terms import Direction, Estimand

__all__ = [
    "SAYS",
    "CheckFacts",
    "DetectableFacts",
    "DisagreementFacts",
    "HeadlineKey",
    "LockFacts",
    "LoggedRun",
    "MethodFacts",
    "OutcomeFacts",
    "PanelFacts",
    "ProcedureFacts",
    "QuestionFacts",
    "ResolutionFacts",
    "RunFacts",
    "StandingTest",
]

#: How a procedure states its p unless it says otherwise.
SAYS = "the {label} says {p}"


@dataclass(frozen=True, slots=True)
class HeadlineKey:
    """An estimate under an inference; the headline's is fixed by rule before outcomes are read."""

    estimator: str = ""
    outcome: str = ""
    inference: str = ""

    def rows(self, estimates: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the estimate, under every inference."""
        return estimates[(estimates["estimator"] == self.estimator) & (estimates["outcome"] == self.outcome)]

    def overall(self, estimates: pd.DataFrame) -> Mapping[str, Any] | None:
        """Return the headline's row, ``overall`` before ``simple``; None where there is none."""
        rows = self.rows(estimates)
        rows = rows[(rows["inference"] == self.inference) & (rows["subgroup"] == "")]
        rows = rows[rows["aggregation"].isin(["overall", "simple"])]
        rows = rows.sort_values("aggregation", key=lambda column: column != "overall", kind="stable")
        return None if rows.empty else {str(name): value for name, value in rows.iloc[0].items()}


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """The question as declared; see `Question` of a design."""

    intervention: str = ""
    population: str = ""
    comparator: str = ""
    outcome: str = ""
    expected_direction: Direction = "none"
    caveats: tuple[str, ...] = ()
    smallest_worthwhile: float | None = None
    meaningful_change: float | None = None

    @property
    def worthwhile(self) -> float | None:
        """The smallest change worth having, under either name."""
        return self.meaningful_change if self.smallest_worthwhile is None else self.smallest_worthwhile


@dataclass(frozen=True, slots=True)
class OutcomeFacts:
    """An outcome's words, its scale, and the levels that effects are compared with.

    Attributes
    ----------
    label, scale, per, counted, transform, role, margin, stock
        As in the panel's `Outcome`.
    mean_exposure, mean_exposure_treated
        Mean population at risk of a unit and period, of all and of ever treated units; NaN where there is none.
    mean_treated, mean_treated_before, mean_comparison
        Mean outcome of treated units after and before their start, and of the others, by the weights of the estimate.
    n_missing, n_missing_exposure
        Rows without an outcome, and those of them that lack the population at risk; NaN where a profile masks it.
    """

    label: str = ""
    scale: str = ""
    per: float = 1.0
    counted: bool = False
    transform: str = "none"
    role: str = ""
    margin: float | None = None
    mean_exposure: float = math.nan
    mean_exposure_treated: float = math.nan
    mean_treated: float = math.nan
    mean_treated_before: float = math.nan
    mean_comparison: float = math.nan
    n_missing: float = 0
    n_missing_exposure: float = 0
    stock: bool = False


@dataclass(frozen=True, slots=True)
class PanelFacts:
    """The panel that the headline's estimate rests on.

    Attributes
    ----------
    unit, time
        The user's columns.
    first_time, last_time, cohorts
        Numbers of periods; `periods` says how these are written.
    period, periods
        year, quarter, month or, of plain numbers that can be no years, period; empty where these are years as numbers.
        Each period as it is written to its number; empty where periods are plain numbers.
    omitted_times, flagged_times
        Time (as text) to the declared reason.
    outcomes
        Outcome name to its facts; empty where a bundle does not say.
    n_read
        Units that were read, before any was left out; zero where a bundle does not say.
    left_out
        Reason to the number of adopters that the estimate leaves out for it.
    n_adopters
        Units with a recorded start that take part, also those that the number is not of (ineligible ones of a triple
        difference); zero where a bundle does not say.
    gaps
        Period (as text) to the number of treated units without the headline's outcome in it.
    n_early, n_early_seen
        Periods before the first start, and those in which some treated unit has the outcome.
    strata
        Names of the strata within which units are compared; empty without them.
    support
        Clauses on the comparison group for the sentence on what the estimate rests on.
    n_gaps, gap_names, gaps_filled
        Rows before the comparison group was built that lack a covariate, which ones, and how these are filled: of those
        that the headline reads, or fills together with such; NaN where a profile masks the count.
    estimand
        Whom the headline is an average over: the treated (att), all units compared (ate), or those where the groups
        overlap (ato).
    n_window
        Treated units whose periods between start and full embedding count as treated in full.
    matched_by, matched_on, matched_apart
        What the comparison group was built by, in words, and on which covariates; empty where nothing chose or weighed
        units. Whether each cohort was compared by itself.
    rows_matched
        How rows of people were matched within sets of units, in words; empty where none were.
    absorbed
        Covariates declared for the headline that its unit and time effects absorb, so that nothing is adjusted for.
    """

    unit: str = ""
    time: str = ""
    year_convention: str = "none"
    first_time: float = math.nan
    last_time: float = math.nan
    n_times: int = 0
    n_read: int = 0
    n_units: int = 0
    n_treated_units: int = 0
    n_comparison_units: int = 0
    n_clusters: float = 0
    n_treated_clusters: float = 0
    n_rows: float = 0
    untreated_means: str = ""
    layout: str = ""
    weighted: bool = False
    omitted_times: Mapping[str, str] = field(default_factory=dict)
    flagged_times: Mapping[str, str] = field(default_factory=dict)
    cohorts: tuple[float, ...] = ()
    period: str = ""
    periods: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, OutcomeFacts] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    n_adopters: int = 0
    gaps: Mapping[str, int] = field(default_factory=dict)
    n_early: int = 0
    n_early_seen: int = 0
    strata: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    matched_by: str = ""
    matched_on: tuple[str, ...] = ()
    matched_apart: bool = False
    rows_matched: str = ""
    estimand: Estimand = "att"
    n_gaps: float = 0
    gap_names: tuple[str, ...] = ()
    gaps_filled: str = ""
    absorbed: tuple[str, ...] = ()
    n_window: int = 0

    def place(self, time: Any) -> float:
        """Return the number of a period as it is written; NaN where there is none."""
        word = f"{time:.0f}" if isinstance(time, float) and math.isfinite(time) else str(time)
        return self.periods.get(word, math.nan) if self.periods else float(time)

    def written(self, number: float) -> str:
        """Return how the period of a number is written; nothing between periods that are codes."""
        names = {value: word for word, value in self.periods.items()}
        return names.get(round(number), "") if names else f"{number:.0f}"


@dataclass(frozen=True, slots=True)
class ResolutionFacts:
    """What the rule on the design made of the declared inference.

    Attributes
    ----------
    rule, choice, caution, reason
        In sentences; see `Resolution`.
    reliable
        False where the rule relies on no procedure: then there is no range and no verdict.
    headline
        The inference of the headline; None where no procedure is relied on.
    methods, declared
        Names, in order.
    effective_treated_clusters, effective_comparison_clusters
        What clusters are worth by their weight.
    variance_treated_clusters, variance_comparison_clusters
        What they are worth by their share in the variance.
    """

    rule: str = ""
    choice: str = ""
    changed: bool = False
    reliable: bool = True
    caution: str = ""
    reason: str = ""
    headline: str | None = None
    methods: tuple[str, ...] = ()
    n_treated_clusters: float = 0
    n_comparison_clusters: float = 0
    effective_treated_clusters: float = math.nan
    effective_comparison_clusters: float = math.nan
    variance_treated_clusters: float = math.nan
    variance_comparison_clusters: float = math.nan
    declared: tuple[str, ...] = ()
    declared_first: str = ""


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run since the lock: when, as locked or how it differs, its folder's name, the version that made it.

    ``data`` are the files it read, each with the first letters of its hash: ``panel.csv 9d670c66``.
    """

    time: str = ""
    state: str = ""
    differences: tuple[str, ...] = ()
    out: str = ""
    sos_eval: str = ""
    data: tuple[str, ...] = ()

    @property
    def when(self) -> str:
        """Its time as a reader meets it."""
        return self.time.replace("T", " ").removesuffix("+00:00")


@dataclass(frozen=True, slots=True)
class LockFacts:
    """How the run stands to its lock; see `LockState` of a design. ``state`` is empty where nothing says it.

    Attributes
    ----------
    runs
        Those since the lock that its log holds, this one included.
    runs_before
        How many the log holds under earlier locks of the plan.
    notes
        Sentences: where the log could not be kept or read, and what became of an earlier bundle as locked.
    """

    state: str = ""
    text: str = ""
    differences: tuple[str, ...] = ()
    outcomes_seen: str = ""
    locked_at: str = ""
    words: tuple[str, ...] = ()
    runs: tuple[LoggedRun, ...] = ()
    runs_before: int = 0
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> tuple[str, ...]:
        """How the run differs from its lock, in plain words; bundles of older versions hold the keys alone."""
        return self.words or self.differences

    @property
    def other_data(self) -> tuple[tuple[str, str], ...]:
        """Data files of this run that are not those of an earlier run since the lock: name, and when that run was."""
        if not self.runs:
            return ()
        *earlier, own = self.runs
        before = {name: (hashed, run.when) for run in earlier for name, hashed in map(_file_and_hash, run.data)}
        now = dict(map(_file_and_hash, own.data))
        return tuple((name, before[name][1]) for name in now if name in before and before[name][0] != now[name])


def _file_and_hash(text: str) -> tuple[str, str]:
    name, _, hashed = text.rpartition(" ")
    return name, hashed


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """A row of `diagnostics.csv`."""

    name: str = ""
    outcome: str = ""
    estimator: str = ""
    statistic: str = ""
    value: float = math.nan
    threshold: float = math.nan
    passed: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ProcedureFacts:
    """What an inference wrote down of itself for one estimate: draws, strata, simulation error."""

    estimator: str
    outcome: str
    inference: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> HeadlineKey:
        """Whose they are."""
        return HeadlineKey(self.estimator, self.outcome, self.inference)

    def to_json(self) -> dict[str, Any]:
        """Return the key, then the details beside it."""
        return {"estimator": self.estimator, "outcome": self.outcome, "inference": self.inference, **self.details}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ProcedureFacts:
        """Read it back."""
        key = {name: str(row[name]) for name in ("estimator", "outcome", "inference")}
        return cls(**key, details={name: value for name, value in row.items() if name not in key})


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What a method in use says of itself, so that a bundle keeps its words.

    Attributes
    ----------
    label
        Words for figures and reports.
    says
        How an inference states its p; see `InferenceMethod`.
    few_clusters
        Whether an inference holds where few clusters are treated; None for estimators, and where nothing says it.
    alone_from
        Fewest clusters with which an inference stands alone.
    weighs
        How an estimator weighs untreated units itself; empty where it does not.
    """

    label: str
    says: str = SAYS
    few_clusters: bool | None = None
    alone_from: int = 0
    weighs: str = ""


@dataclass(frozen=True, slots=True)
class DetectableFacts:
    """Which fall and which rise the headline's test would have found, had the starts been drawn as assumed.

    Attributes
    ----------
    test
        Its name in the column `inference`.
    power, level
        How often a change of these sizes is found, and one minus the size of the test.
    fall, rise
        As a change on the outcome's scale, or as a share of the rate (`unit` ``share``); NaN where none is found.
    fall_error, rise_error
        Of the draws and of the panel together.
    error_monte_carlo, error_panel
        Relative errors of the sizes.
    worthwhile
        The smallest change worth having, on the outcome's scale; NaN where none was declared, with the next three.
    worthwhile_fall, worthwhile_rise
        How often a change of that size is found, by its sign.
    equivalence
        How often "smaller than worth having" is said where nothing changes.
    reason
        Why nothing is said.
    """

    test: str = ""
    power: float = 0.8
    level: float = 0.95
    fall: float = math.nan
    rise: float = math.nan
    unit: str = ""
    fall_error: float = math.nan
    rise_error: float = math.nan
    error_monte_carlo: float = math.nan
    error_panel: float = math.nan
    declared_direction: Direction = "none"
    worthwhile: float = math.nan
    worthwhile_fall: float = math.nan
    worthwhile_rise: float = math.nan
    equivalence: float = math.nan
    reason: str = "not asked"


@dataclass(frozen=True, slots=True)
class StandingTest:
    """A test's p with its Monte Carlo error."""

    id: str
    p: float = math.nan
    mcse: float = math.nan


@dataclass(frozen=True, slots=True)
class DisagreementFacts:
    """Whether valid tests of the headline's number, or estimates of it on the same units, part by more than chance.

    Attributes
    ----------
    fires
        Whether valid tests of the same number part.
    tests
        Those that count, fixed by the design.
    p_joint
        Of two permutation tests taken together by the draws that they share.
    numbers_part
        Whether other estimates on the same units part.
    difference, p_difference, estimator, label
        The other estimate that lies furthest from the headline's for its error: by how much, how often the furthest of
        all lies so far by chance, whose, and its words.
    others
        How many other estimates there are.
    sd_treated, sd_comparison
        Spread of units' changes, which is what two statistics of one number part over.
    """

    fires: bool = False
    tests: tuple[StandingTest, ...] = ()
    p_joint: float = math.nan
    numbers_part: bool = False
    difference: float = math.nan
    p_difference: float = math.nan
    estimator: str = ""
    label: str = ""
    others: int = 0
    sd_treated: float = math.nan
    sd_comparison: float = math.nan


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything that a run knows beside its tables.

    Attributes
    ----------
    headline
        Which row of `estimates.csv` answers the question.
    question, panel, inference, lock
        See their types.
    caveats
        Sentences of the design, the data and the comparison group, for page one.
    notes
        What estimators and comparison groups had to say, by estimator.
    checks
        The rows of `diagnostics.csv`.
    procedures
        What each inference wrote down, by estimate; ``inference_facts`` of `results.json`.
    references, methods
        The paper behind each method in use, and its words, by the method's name.
    detectable, disagreement
        What the headline's test could have seen, and whether valid tests or other estimates part.
    theory
        What came of the declared programme theory.
    row_groups
        ``<estimator>.<outcome>`` of the estimates beside the headline that are on matched rows of people; None where a
        bundle does not say, in which all groups that have tables of their own are such.
    """

    headline: HeadlineKey = HeadlineKey()
    question: QuestionFacts = QuestionFacts()
    panel: PanelFacts = field(default_factory=PanelFacts)
    inference: ResolutionFacts = ResolutionFacts()
    lock: LockFacts = LockFacts()
    caveats: tuple[str, ...] = ()
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checks: tuple[CheckFacts, ...] = ()
    procedures: tuple[ProcedureFacts, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, MethodFacts] = field(default_factory=dict)
    detectable: DetectableFacts = field(default_factory=DetectableFacts)
    disagreement: DisagreementFacts = field(default_factory=DisagreementFacts)
    theory: TheoryFacts = field(default_factory=TheoryFacts)
    row_groups: tuple[str, ...] | None = None

    @property
    def outcome(self) -> OutcomeFacts | None:
        """The headline's outcome; None where the bundle does not describe it."""
        return self.panel.outcomes.get(self.headline.outcome)

    def method(self, name: str) -> MethodFacts:
        """Return what a method says of itself; no more than its name where the run did not leave it."""
        return self.methods[name] if name in self.methods else MethodFacts(name.replace("_", " "))

    def procedure(self, key: HeadlineKey) -> ProcedureFacts | None:
        """Return what an inference wrote down for an estimate."""
        return next((facts for facts in self.procedures if facts.key == key), None)

    def to_json(self) -> dict[str, Any]:
        """Return what `results.json` says beside the tables; ``checks`` are its ``diagnostics``."""
        return {
            "question": asdict(self.question), "panel": asdict(self.panel), "inference": asdict(self.inference),
            "caveats": list(self.caveats), "lock": asdict(self.lock), "notes": dict(self.notes),
            "inference_facts": [facts.to_json() for facts in self.procedures], "references": dict(self.references),
            "failed_checks": [check.name for check in self.checks if check.passed is False],
            "headline_key": asdict(self.headline),
            "methods": {name: asdict(method) for name, method in self.methods.items()},
            "detectable": asdict(self.detectable), "disagreement": asdict(self.disagreement),
            **({} if self.row_groups is None else {"row_groups": list(self.row_groups)}),
            **({"theory": asdict(self.theory)} if self.theory != TheoryFacts() else {}),
        }  # fmt: skip

    @classmethod
    def from_json(cls, results: Mapping[str, Any]) -> RunFacts:
        """Read the facts back from `results.json`; what an older version did not write has its default."""
        said = {name: results[name] for name in _READ if name in results}
        said |= {"headline": results.get("headline_key") or _older_key(results)}
        said |= {"checks": results.get("diagnostics"), "procedures": results.get("inference_facts")}
        made: RunFacts = _typed(cls, said)
        return made


_READ = (
    "question",
    "panel",
    "inference",
    "lock",
    "caveats",
    "notes",
    "references",
    "methods",
    "detectable",
    "disagreement",
    "theory",
    "row_groups",
)


def _older_key(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of a bundle that was written before it was kept: what page one said of it.

    Page one of those bundles could be about another outcome than the one declared as primary, which goes before it.
    """
    primary = [row for row in results.get("estimates") or [] if row["role"] == "primary"]
    page = {name: value for name, value in dict(results.get("headline") or {}).items() if value is not None}
    key = {**(primary[0] if primary else {}), **page}
    outcomes = dict(dict(results.get("panel") or {}).get("outcomes") or {})
    marked = [name for name, outcome in outcomes.items() if outcome.get("role") == "primary"]
    key |= {"outcome": marked[0]} if marked else {}
    return {field.name: str(key.get(field.name, "")) for field in fields(HeadlineKey)}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, value: Any) -> Any:
    """Read a plain value as a declared type: null among numbers is NaN, keys of another version are left aside."""
    if kind is ProcedureFacts:
        return ProcedureFacts.from_json(value)
    if NoneType in get_args(kind) and value is not None:
        return _typed(next(one for one in get_args(kind) if one is not NoneType), value)
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        given = dict(value)
        said = {name: given[name] for name in hints if name in given and _is_said(hints[name], given[name])}
        return kind(**{name: _typed(hints[name], item) for name, item in said.items()})  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(_typed(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is Mapping:
        return {str(name): _typed(get_args(kind)[1], item) for name, item in value.items()}
    return float(value) if kind is float and value is not None else math.nan if kind is float else value


def _is_said(kind: Any, value: Any) -> bool:
    """Whether a value stands for something: null does where it is declared to, or among numbers."""
    return value is not None or kind is float or NoneType in get_args(kind)
