"""What a scenario may change: keys that a result by scenario depends on, and values of a run that stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sos_eval.economics.declared_analysis import Scenario
from sos_eval.economics.section import EconomicsSection

__all__ = ["idle_changes", "without_idle"]

#: Blocks and keys on which no result by scenario depends.
_BLOCKS = (
    "schema", "name", "title", "cheers", "gate", "voi", "dsa", "scenarios", "equity", "distribution", "thresholds",
    "decision_threshold_source", "reference",
)  # fmt: skip
#: The same, of keys within a block.
_KEYS = ("frame.currency", "psa.seed", "effect.constant", "effect.outcome", "effect.prior")
#: And last parts of keys that say who takes a strategy up when, or are words: these go with a number beside them.
_UPTAKE = "uptake"
_WORDS = ("why", "source", "grade", "vintage")
_RUNS = ("effect.bundle", "psa.effects", "psa.costs", "psa.params")


def idle_changes(scenario: Scenario, section: EconomicsSection, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what a scenario changes without any result by scenario changing, and what to write instead.

    Parameters
    ----------
    scenario
        The scenario.
    section
        The base case, with the estimate of a run where one was taken.
    data
        The base case as it stands in its file.
    """
    if not scenario.change:
        yield "it changes nothing", "name the keys that it changes, or leave it out"
    taken = section.effect is not None and section.effect.estimate is not None and not _declares_estimate(data)
    for key in scenario.change:
        block, last = key.split(".")[0], key.split(".")[-1]
        if key in _RUNS:
            yield f"{key}: a scenario is the same model under other choices, not another run", "evaluate that apart"
        elif (
            block in _BLOCKS
            or any(key == one or key.startswith(f"{one}.") for one in _KEYS)
            or _idle(last, key, scenario)
        ):
            yield f"{key}: no result by scenario depends on it", "leave it out"
        elif taken and key in ("effect.std_error", "effect.scale") and "effect.estimate" not in scenario.change:
            yield f"{key}: the estimate is a run's, with its own", "change effect.estimate with it"


def without_idle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declaration without the blocks that have no result by scenario, of which a part might not fit."""
    return {key: value for key, value in data.items() if key not in ("scenarios", "schema", "name", "title", "equity",
                                                                     "distribution")}  # fmt: skip


def _declares_estimate(data: Mapping[str, Any]) -> bool:
    effect = data.get("effect")
    return isinstance(effect, Mapping) and effect.get("estimate") is not None


def _idle(last: str, key: str, scenario: Scenario) -> bool:
    """Say whether a key is one of uptake, or of words beside which nothing is changed."""
    beside = [other for other in scenario.change if other.rpartition(".")[0] == key.rpartition(".")[0]]
    return last == _UPTAKE or (_words(last) and all(_words(other.split(".")[-1]) for other in beside))


def _words(last: str) -> bool:
    return last in _WORDS or last.endswith("_source")
