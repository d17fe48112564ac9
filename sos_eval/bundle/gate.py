"""The one gate of the bundle's writer: under a disclosure profile nothing is written that has not passed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from sos_eval.bundle.checker import for_the_checker
from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.digits import rounded, rounded_table
from sos_eval.bundle.passage import Passage
from sos_eval.bundle.passed_balance import COVARIATE
from sos_eval.bundle.passed_checks import PassedChecks
from sos_eval.bundle.passed_estimates import PassedEstimates
from sos_eval.bundle.passed_facts import PassedFacts
from sos_eval.bundle.passed_tables import PassedTables
from sos_eval.bundle.passed_words import PEOPLE
from sos_eval.bundle.reasons import AS_BALANCE, DRAWS, ONE_UNIT
from sos_eval.results.facts import CheckFacts, RunFacts

__all__ = ["gated"]

_HASHES = "withheld: of a file whose few counts are not known ways to fill them could be tried"


def gated(content: BundleContent, about: Confidential) -> BundleContent:
    """Return what may be written of a content, with the list of what is held back.

    Without a profile the content is returned as it is.
    """
    return _Gate(content, about).passed() if about.disclosure.guards else content


class _Gate:
    """The parts of a bundle, passed one after the other."""

    def __init__(self, content: BundleContent, about: Confidential) -> None:
        self.passage = Passage(content, about)
        self.estimates = PassedEstimates(self.passage)
        self.tables = PassedTables(self.passage, self.estimates)
        self.checks, self.facts = PassedChecks(self.passage), PassedFacts(self.passage)

    def passed(self) -> BundleContent:
        """Hold back what must be, round the rest."""
        passage, content = self.passage, self.passage.content
        passage.choose()
        estimates = self.estimates.passed(content.estimates)
        paths = {
            name: self.tables.passed(name, table) for name, table in content.tables.items() if name == "outcome_paths"
        }
        balance = passage.balance.passed(content.balance, "balance.csv", passage.hidden, passage.searched.outcomes)
        passage.held_balance = any(file == "balance.csv" for file, *_ in passage.held.rows)
        passed = {
            name: paths[name] if name in paths else self.tables.passed(name, table)
            for name, table in content.tables.items()
        }
        tables = {name: table for name, table in passed.items() if table is not None}
        diagnostics = self.checks.diagnostics(content.diagnostics)
        facts = self.facts.passed(content.facts)
        facts = replace(facts, checks=tuple(CheckFacts(*row) for row in diagnostics.itertuples(index=False)))
        headline = content.headline if isinstance(content.headline, Mapping) else content.headline(estimates, facts)
        self._weights(content.weights)
        log = passage.words.without_numbers("log.txt", content.log.split("\n"))
        out = replace(
            content, estimates=estimates, tables=tables, balance=balance,
            weights=None, flow=self.tables.flow(content.flow),
            diagnostics=diagnostics, tests=self.checks.tests(content.tests), headline=rounded(headline), facts=facts,
            economics=self._economics(content.economics),
            log="\n".join(passage.words.said("log.txt", log)),
        )  # fmt: skip
        return replace(out, provenance=self._provenance(facts), withheld=self._checked(out))

    def _provenance(self, facts: RunFacts) -> dict[str, Any]:
        """Return `provenance.json` without what tells of the data: hashes and sizes of files, facts as they were.

        Of a published table whose suppressed counts are not known a hash is tried for millions of ways to fill them.
        """
        out = dict(self.passage.content.provenance)
        if "inference" in out:
            out["inference"] = asdict(facts.inference)
        if files := out.get("data"):
            self.passage.held.note(
                "provenance.json", "hashes and sizes of files that were read", 2 * len(files), _HASHES
            )
            out["data"] = [{"file": one["file"]} for one in files]
        return out

    def _checked(self, out: BundleContent) -> pd.DataFrame:
        """Return `disclosure.csv`."""
        covariate = COVARIATE.removeprefix("withheld: ")
        fewer = [
            (
                file,
                what,
                f"{digits} significant digits of the largest: with more, whole numbers could be searched for",
                cells,
            )
            for file, what, digits, cells in self.passage.searched.coarse
        ]
        fewer += [
            (file, what, f"{places} decimal places: {covariate}", cells)
            for file, what, places, cells in self.passage.balance.rounded
        ]
        return for_the_checker(out, self.passage.about.disclosure, fewer, self.passage.held.rows)

    def _weights(self, table: pd.DataFrame | None) -> None:
        """Hold weights by unit back: matched on outcomes, they and balance.csv give counts of single units back."""
        whole = pd.DataFrame() if table is None else table
        self.passage.held.note_whole("weights.csv", whole, PEOPLE if self.passage.about.people else ONE_UNIT)

    @property
    def _of_people(self) -> bool:
        """Whether there is balance of rows of people, which an economic evaluation's gate reads exact."""
        return self.passage.about.people and len(self.passage.content.balance) > 0

    def _economics(self, economics: Mapping[str, Any]) -> dict[str, Any]:
        """Hold an economic evaluation back where its effect is, or balance that its gate reads; round it elsewhere."""
        reason = self.passage.why_alone() or (
            AS_BALANCE if self.passage.balance.covariates.names or self._of_people else ""
        )
        if economics and reason:
            self.passage.held.note("economics/", "the whole folder", len(economics), reason)
            return {}
        headline = self.passage.content.facts.headline
        drawn = not self.passage.out_of_reach(self.passage.members((headline.estimator, headline.outcome)))
        if "psa" in economics and drawn:
            self.passage.held.note_whole("economics/psa.csv", economics["psa"], DRAWS)
        return {
            name: rounded_table(value) if isinstance(value, pd.DataFrame) else rounded(value)
            for name, value in economics.items()
            if not (drawn and name == "psa")
        }
