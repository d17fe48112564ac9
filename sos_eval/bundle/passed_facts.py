"""Facts of a run, as far as a disclosure profile lets them out."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from typing import Any

from sos_eval.bundle.digits import rounded, significant
from sos_eval.bundle.errors_told import ERRORS
from sos_eval.bundle.lists import SINGLE
from sos_eval.bundle.passage import Passage
from sos_eval.bundle.passed_words import PEOPLE
from sos_eval.bundle.people import level_of
from sos_eval.bundle.told import APART, NEAR, SEARCHED
from sos_eval.bundle.withheld import BACK
from sos_eval.results.facts import DetectableFacts, DisagreementFacts, ResolutionFacts, RunFacts

__all__ = ["PassedFacts"]


class PassedFacts:
    """The facts that page and results are made of."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage

    def passed(self, facts: RunFacts) -> RunFacts:
        """Round the facts, empty those on few units, and hold back sentences that count or name people."""
        out: RunFacts = rounded(facts)
        plain = {name: self.passage.words.without_computed("results.json", said) for name, said in facts.notes.items()}
        notes = {name: tuple(self.passage.words.said("results.json", said)) for name, said in plain.items()}
        out = replace(out, notes=notes, caveats=tuple(self.passage.words.said("results.json", facts.caveats)))
        gone = {*self.passage.silent, *self.passage.searched.digits}
        kept = [
            one
            for one in out.procedures
            if (one.estimator, one.outcome) not in gone and self.passage.errors.tells(*astuple(one.key))
        ]
        out = replace(out, procedures=tuple(kept), panel=self._panel_facts(out))
        if any(reason in APART for reason in self.passage.silent.values()) or self.passage.errors.few:
            self.passage.held.note("results.json", "disagreement", 1, ERRORS if self.passage.errors.few else NEAR)
            out = replace(out, disagreement=DisagreementFacts())
        elif self.passage.errors.protected:
            out = replace(out, disagreement=self._told_disagreement(out))
        if self.passage.listed.of(
            facts.headline.estimator, facts.headline.outcome
        ):  # of the hardest adoption of the list
            self.passage.held.note("results.json", "detectable", 1, SINGLE)
            test, level = facts.detectable.test, facts.detectable.level
            out = replace(out, detectable=DetectableFacts(test=test, level=level, reason=SINGLE))
        reason = self.passage.why_alone()
        if self.passage.about.people:
            out = replace(out, inference=self._without_effective(out.inference))
        if self.passage.errors.few:  # how squares spread over clusters
            known = replace(out.inference, variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan)
            out = replace(out, inference=known)
        if facts.headline.outcome in self.passage.errors.few:
            sizes = replace(out.detectable, fall_error=math.nan, rise_error=math.nan, error_panel=math.nan)
            out = replace(out, detectable=sizes)
        if self.passage.balance.covariates.names:  # effective numbers of matched units are made of covariates
            known = replace(
                out.inference, effective_comparison_clusters=math.nan, variance_comparison_clusters=math.nan
            )
            out = replace(out, inference=known)
        if not reason:
            return out
        self.passage.held.note("results.json", "detectable, disagreement", 2, reason)
        detectable = DetectableFacts(test=facts.detectable.test, level=facts.detectable.level, reason=reason)
        out = replace(out, detectable=detectable, disagreement=DisagreementFacts())
        if reason == SEARCHED:
            known = replace(out.inference, variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan)
            out = replace(out, inference=known)
        return out

    def _told_disagreement(self, facts: RunFacts) -> DisagreementFacts:
        """Return how tests and estimates part, by the procedures that are told and without each side's spread."""
        headline, parts = facts.headline, facts.disagreement
        tests = tuple(
            one for one in parts.tests if self.passage.errors.tells(headline.estimator, headline.outcome, one.id)
        )
        self.passage.held.note(
            "results.json", "disagreement: spread, procedures", 2 + len(parts.tests) - len(tests), ERRORS
        )
        several = len(tests) > 1
        told = replace(parts, sd_treated=math.nan, sd_comparison=math.nan)
        return replace(told, tests=tests if several else (), fires=parts.fires and several)

    def _without_effective(self, inference: ResolutionFacts) -> ResolutionFacts:
        """Return what the rule made of the inference, without what clusters of people are worth: that counts them."""
        said = [inference.choice, inference.caution, inference.reason]
        choice, caution, reason = self.passage.words.without_numbers("results.json", said)
        self.passage.held.note("results.json", "effective numbers of clusters", 4, PEOPLE)
        return replace(
            inference, choice=choice, caution=caution, reason=reason,
            n_treated_clusters=self.passage.clusters(inference.n_treated_clusters),
            n_comparison_clusters=self.passage.clusters(inference.n_comparison_clusters),
            effective_treated_clusters=math.nan, effective_comparison_clusters=math.nan,
            variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan,
        )  # fmt: skip

    def _panel_facts(self, facts: RunFacts) -> Any:
        """Empty means of outcomes on few units or beside paths that are held back; mask counts of people.

        Means before and after the start weigh cohorts otherwise than paths do: together they tell cohorts apart.
        """
        panel, fewest = facts.panel, self.passage.about.disclosure.fewest
        treated = panel.n_treated_units < fewest or "treated" in self.passage.hidden
        others = panel.n_comparison_units < fewest or "comparison" in self.passage.hidden
        empty: dict[str, Any] = {name: math.nan for name in ("mean_treated", "mean_treated_before") if treated}
        empty |= {"mean_comparison": math.nan} if others else {}
        few = min(panel.n_treated_units, panel.n_comparison_units) < fewest
        empty |= {"mean_exposure_treated": math.nan} if few else {}
        self.passage.held.note("results.json", ", ".join(empty), len(empty) * len(panel.outcomes), BACK)
        empty |= {"n_missing": math.nan, "n_missing_exposure": math.nan} if self.passage.about.people else {}
        means = ("mean_treated", "mean_treated_before", "mean_comparison")
        alone = dict.fromkeys(means, math.nan)
        estimated = set(self.passage.content.estimates["outcome"])
        held = self.passage.searched.outcomes | self.passage.nested
        found = [name for name in panel.outcomes if name in held or name not in estimated]
        self.passage.held.note("results.json", ", ".join(means), len(means) * len(found), SEARCHED)
        outcomes = {
            name: replace(one, **(alone if name in found else self._levels(name)) | empty)
            for name, one in facts.panel.outcomes.items()
        }
        return replace(
            panel,
            outcomes=outcomes,
            n_rows=self.passage.held.count(panel.n_rows),
            n_gaps=self.passage.held.count(panel.n_gaps),
            n_clusters=self.passage.clusters(panel.n_clusters),
            n_treated_clusters=self.passage.clusters(panel.n_treated_clusters),
            strata=(),
        )

    def _levels(self, outcome: str) -> dict[str, float]:
        """Return mean outcomes of people as they may be told; nothing where rows are no people.

        Where one is held back all are: the others and the estimate would give it back.
        """
        if not self.passage.about.people:
            return {}
        told, behind = self.passage.content.facts.panel.outcomes[outcome], self.passage.about.levels.get(outcome, {})
        means = ("mean_treated", "mean_treated_before", "mean_comparison")
        out = {name: level_of(getattr(told, name), behind.get(name), self.passage.about.disclosure) for name in means}
        if any(math.isnan(out[name]) and not math.isnan(getattr(told, name)) for name in means):
            self.passage.held.note("results.json", f"mean outcomes of {outcome}", len(means), PEOPLE)
            return dict.fromkeys(means, math.nan)
        return {name: significant(value) for name, value in out.items()}
