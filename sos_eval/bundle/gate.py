"""The one gate of the bundle's writer: under a disclosure profile nothing is written that has not passed it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.bundle.checker import for_the_checker
from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.digits import rounded, rounded_table, significant
from sos_eval.bundle.errors_told import ERROR_COLUMNS, ERRORS, ToldErrors
from sos_eval.bundle.held import HeldBack
from sos_eval.bundle.lists import ENDS, FROM_LIST, SINGLE, ListedTests
from sos_eval.bundle.nested import alike_outcomes, nested_outcomes
from sos_eval.bundle.passed_balance import COVARIATE, PassedBalance
from sos_eval.bundle.passed_words import PEOPLE, PassedWords
from sos_eval.bundle.people import level_of
from sos_eval.bundle.searched import SearchedCounts, answering, different
from sos_eval.bundle.told import APART, GAPS, LONE, NEAR, NESTED, SEARCHED, UNKNOWN, WEIGHED, ToldEstimates
from sos_eval.bundle.withheld import BACK, beside_others, path_rows, result_rows
from sos_eval.results.check import ENTRY
from sos_eval.results.facts import CheckFacts, DetectableFacts, DisagreementFacts, ResolutionFacts, RunFacts
from sos_eval.results.members import Members
from sos_eval.terms import BALANCE_COLUMNS, EFFECT_COLUMNS, FLOW_COLUMNS, PERIOD_COLUMNS

__all__ = ["gated"]

#: Tables by unit that say who starts when, and who is who.
_PUBLIC = ("adoption", "programmes", "unit_names")
_SIZES = ("n_units", "n_treated_units")
#: Results of a row of effects.
_RESULTS = (
    "estimate", "std_error", "conf_low", "conf_high", "band_low", "band_high", "statistic", "df", "p_value",
)  # fmt: skip
_TESTED = ("observed", "mean", "sd", "mean_estimate", "p", "p_centred", "mcse", "low", "high", "low_mcse", "high_mcse",
    "p_adjusted",
)  # fmt: skip
#: What a test tells of an outcome whose counts could be searched for.
_RANKS = ("p", "p_adjusted")
_RANKS_OF_FAMILY = ("p_value", "p_adjusted")
_IN_FAMILY = ("estimate", *_RANKS_OF_FAMILY)
_ONE_UNIT = "withheld: each row is about a single unit"
_DRAWS = "withheld: with the seed, every draw is one more equation on the counts of single units"
_MEANS = "withheld: with the seed, a mean of drawn estimates is one more equation on the counts of single units"
_LEVEL = "withheld: beside the estimate it would give back the mean before the start"
_PERCENT = ("percent", "percent_low", "percent_high")
#: What the curve's sentence says in per cent of that mean.
_IN_PERCENT = re.compile(r", from \S+% to \S+% of the treated's level before the start")
#: What a table of alternatives tells of the difference to the headline alone.
_BETWEEN = ("shift", "shift_error", "shift_p", "change")
_FINER = "withheld: a difference by itself tells finer than the estimates that are shown"
_POOLED = "withheld: beside the mean of rates it would give back counts of single units"
_SETS = "withheld: counts of people are told of nested sets only"
#: Checks that estimate without a few units: set against the estimate they tell of those.
_WITHOUT_SOME = ("leave_one_out", "contamination", "spillover")
#: Checks whose sentence tells of every alternative.
_OF_ALTERNATIVES = ("robustness", "specification_curve", "specification_curve.found")
#: Checks that make further estimates of the same units, which nothing holds against those that are told.
_FURTHER = (
    "unmatched", "without_strata_effects", "placebo_outcome", "panel_tests", "sensitivity", "refuters", "mechanisms",
)  # fmt: skip
_HASHES = "withheld: of a file whose few counts are not known ways to fill them could be tried"
_THIN = "withheld: not all alternatives may be told"
_AS_BALANCE = "withheld: what balance.csv holds back would stand here"
#: What estimators that weigh donors tell of their weights.
_WEIGHINGS = ("equally_good", "donors", "periods", "fit")
#: Tables on how alike the groups are in all covariates together.
_OF_COVARIATES = ("balance_measures", "overlap", "calibration", "calibration_line")


def gated(content: BundleContent, about: Confidential) -> BundleContent:
    """Return what may be written of a content, with the list of what is held back.

    Without a profile the content is returned as it is.
    """
    return _Gate(content, about).passed() if about.disclosure.guards else content


class _Gate:
    """One passage: the content as it came, what was held back so far, and what is known of each estimate."""

    def __init__(self, content: BundleContent, about: Confidential) -> None:
        self.content, self.about = content, about
        self.told = ToldEstimates(about.disclosure.fewest, about.disclosure.smallest)
        self.few = self.told.few
        self.held = HeldBack(about)
        self.words = PassedWords(content, about, self.held)
        self.balance = PassedBalance(content, about, self.held, self.few)
        self.silent: dict[tuple[str, str], str] = {}
        self.thin: set[tuple[str, str]] = set()
        self.finer: set[tuple[str, str]] = set()
        self.partial: set[tuple[str, str]] = set()
        self.hidden: set[str] = set()
        self.held_balance = True
        self.searched = SearchedCounts(about.disclosure)
        self.listed = ListedTests(content.facts.procedures)
        headline = content.facts.headline
        self.errors = ToldErrors(
            about.members, about.disclosure.smallest, content.estimates,
            (headline.estimator, headline.outcome, headline.inference), content.design, about.disclosure.fewest,
        )  # fmt: skip

    def passed(self) -> BundleContent:
        """Hold back what must be, round the rest."""
        content = self.content
        self._choose()
        estimates = self._estimates(content.estimates)
        paths = {name: self._table(name, table) for name, table in content.tables.items() if name == "outcome_paths"}
        balance = self.balance.passed(content.balance, "balance.csv", self.hidden, self.searched.outcomes)
        self.held_balance = any(file == "balance.csv" for file, *_ in self.held.rows)
        passed = {
            name: paths[name] if name in paths else self._table(name, table) for name, table in content.tables.items()
        }
        tables = {name: table for name, table in passed.items() if table is not None}
        diagnostics = self._diagnostics(content.diagnostics)
        facts = self._facts(content.facts)
        facts = replace(facts, checks=tuple(CheckFacts(*row) for row in diagnostics.itertuples(index=False)))
        headline = content.headline if isinstance(content.headline, Mapping) else content.headline(estimates, facts)
        self._weights(content.weights)
        out = replace(
            content, estimates=estimates, tables=tables, balance=balance,
            weights=None, flow=self._flow(content.flow),
            diagnostics=diagnostics, tests=self._tests(content.tests), headline=rounded(headline), facts=facts,
            economics=self._economics(content.economics),
            log="\n".join(self.words.said("log.txt", self.words.without_numbers("log.txt", content.log.split("\n")))),
        )  # fmt: skip
        return replace(out, provenance=self._provenance(facts), withheld=self._checked(out))

    def _provenance(self, facts: RunFacts) -> dict[str, Any]:
        """Return `provenance.json` without what tells of the data: hashes and sizes of files, facts as they were.

        Of a published table whose suppressed counts are not known a hash is tried for millions of ways to fill them.
        """
        out = dict(self.content.provenance)
        if "inference" in out:
            out["inference"] = asdict(facts.inference)
        if files := out.get("data"):
            self.held.note("provenance.json", "hashes and sizes of files that were read", 2 * len(files), _HASHES)
            out["data"] = [{"file": one["file"]} for one in files]
        return out

    @cached_property
    def _clusters_are_people(self) -> bool:
        """Whether clusters are parts of units, children or homes, and their number one of people."""
        panel = self.content.facts.panel
        return self.about.people and panel.n_clusters > panel.n_units

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
            for file, what, digits, cells in self.searched.coarse
        ]
        fewer += [
            (file, what, f"{places} decimal places: {covariate}", cells)
            for file, what, places, cells in self.balance.rounded
        ]
        return for_the_checker(out, self.about.disclosure, fewer, self.held.rows)

    def _choose(self) -> None:
        """Choose the estimates that are told: the headline, then each that differs from those by enough units or none.

        The silent ones keep their reason, and so do their tests, checks and tables.
        """
        headline = self.content.facts.headline
        first = (headline.estimator, headline.outcome)
        table = self.content.estimates
        keys = list(dict.fromkeys(zip(table["estimator"], table["outcome"], strict=True)))
        for key in sorted(keys, key=lambda key: key != first):
            reason = NESTED if key[1] in self.nested else self._why_silent(key)
            if reason and key != first:
                self.silent[key] = reason
            else:
                self._budget(key)

    def _why_silent(self, key: tuple[str, str]) -> str:
        """Say why an estimate is not told beside those that are."""
        return self.told.why_silent(key[1], [self.about.members[key]] if key in self.about.members else [])

    @cached_property
    def nested(self) -> frozenset[str]:
        """Return the outcomes that are part of one that is told, or hold one, and are not told themselves."""
        paths, first = self.content.tables.get("outcome_paths"), self.content.facts.headline.outcome
        about, found = self.about.disclosure, frozenset[str]()
        if paths is not None:
            found = nested_outcomes(paths, self.about.behind, first, about)
        return found | alike_outcomes(self.about.members, first, about.fewest, found)

    def _budget(self, key: tuple[str, str]) -> None:
        """Find to how many digits an estimate may be told whose counts could be searched for."""
        estimates, tests = (_of(key, table) for table in (self.content.estimates, self.content.tests))
        family = self.content.tables.get("families")
        told = [estimates.loc[answering(estimates), list(_RESULTS)], tests[list(_RANKS)]]
        told += [] if family is None else [_of(key, family)[list(_RANKS_OF_FAMILY)]]
        if key[1] in self.about.flat:
            self.searched.digits[key] = 0
        else:
            self.searched.take(key, self._members(key), different(*told))
        if key in self.searched.digits:
            self.partial.add(key)
            self.silent |= {} if self.searched.digits[key] else {key: SEARCHED}

    def _estimates(self, table: pd.DataFrame, file: str = "estimates.csv") -> pd.DataFrame:
        """Hold back rows of effects on few units, and those that would give them back."""
        keys = ["estimator", "outcome", "inference", "scale", "subgroup"]
        table = self.words.worded(file, table)
        few, back, whole = (np.zeros(len(table), bool) for _ in range(3))
        apart = {reason: np.zeros(len(table), bool) for reason in APART}
        answers = self.searched.answers(table) & (file == "estimates.csv")
        for _, at in table.groupby(keys, dropna=False, sort=False).indices.items():
            rows = table.iloc[at]
            few[at], back[at] = result_rows(rows, self.about.disclosure.fewest)
            whole[at] = answering(rows)
            key = (str(rows["estimator"].iloc[0]), str(rows["outcome"].iloc[0]))
            if (reason := self.silent.get(key)) in apart:
                apart[reason][at] = True
            if file != "estimates.csv" and key in self.partial:
                back[at] = ~few[at]  # sums over the same cells as those of estimates.csv, judged without them
            few[at] |= self._members(key).thin(self.about.disclosure.fewest)
            apart[GAPS][at] |= self._gaps(key, rows) & ~few[at]
            apart[LONE][at] |= self._lone(key, rows) & ~(few[at] | apart[GAPS][at])
            if key in self.searched.digits and key not in self.silent:
                apart[SEARCHED][at] = ~(few | answers)[at]
            self._remember(key, rows, few[at], back[at] | apart[LONE][at] | apart[GAPS][at])
        out = self.held.people(self._one_count(table, file), "n_obs", file)
        if self._clusters_are_people:
            out = self.held.people(out, "n_clusters", file)
        near = np.logical_or.reduce(list(apart.values()))
        why = {self.few: few & ~near, BACK: back & ~near, **apart}
        gone = np.logical_or.reduce(list(why.values()))
        out = self.held.emptied(file, out, _RESULTS, why, "reason")
        errors, ranks = self.errors.hidden(table, whole & (file == "estimates.csv"))
        plain = [name for name in ERROR_COLUMNS if name != "p_value"]
        out = self.held.emptied(file, out, plain, {ERRORS: errors & ~gone}, "reason")
        out = self.held.emptied(file, out, ("p_value",), {ERRORS: ranks & ~gone}, "")  # a permutation's is a rank
        ends = self.listed.rows(table) & table["conf_low"].notna().to_numpy(bool) & ~(gone | errors)
        out = self.held.emptied(file, out, ENDS, {SINGLE: ends}, "reason")
        return self.searched.coarser(file, out, _RESULTS)

    def _lone(self, key: tuple[str, str], rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows weigh few units of one start in a way of their own, beside those of the headline.

        By event time each row weighs starts otherwise; of a second estimate, only the overall row is told.
        """
        headline = self.content.facts.headline
        first = key == (headline.estimator, headline.outcome)
        apart = not first and self._members(key).uneven(self.about.disclosure.fewest)
        return apart & (rows["aggregation"] != "overall").to_numpy(bool)

    def _gaps(self, key: tuple[str, str], rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows are not the overall one, where few units lack periods or are treated in others."""
        part = (rows["aggregation"] != "overall") | (rows["subgroup"].astype(str) != "")
        return self._members(key).apart(self.about.disclosure.fewest) & part.to_numpy(bool)

    def _members(self, key: tuple[str, str]) -> Members:
        """Return the units behind an estimate."""
        return self.about.members.get(key, Members())

    def _out_of_reach(self, *behind: Members) -> bool:
        """Whether no small count is left to protect behind numbers: what only guards these is then told."""
        return bool(behind) and all(one.out_of_reach(self.about.disclosure.smallest) for one in behind)

    def _tells_levels(self, *behind: Members) -> bool:
        """Whether means of the treated before the start may follow: no count is in reach, no path is held back."""
        return not self.hidden and self._out_of_reach(*behind)

    def _one_count(self, table: pd.DataFrame, file: str) -> pd.DataFrame:
        """Leave the number of people, where rows are people, to the headline's overall row.

        Rounded sums over many sets that overlap give back what is in them; sums of nested sets do not.
        """
        if not self.about.people:
            return table
        headline = self.content.facts.headline
        own = headline.rows(table)
        told = table.index.isin(own.index[own["aggregation"] == "overall"]) & (table["subgroup"] == "").to_numpy()
        self.held.note(file, "n_obs", int((~told).sum()), _SETS)
        return table.assign(n_obs=table["n_obs"].astype(float).where(told))

    def _remember(self, key: tuple[str, str], rows: pd.DataFrame, few: Any, back: Any) -> None:
        """Keep of which estimates nothing may be said, and of which not all."""
        total = rows["aggregation"].isin(["overall", "simple"]).to_numpy()
        if (few & total).any():
            self.silent.setdefault(key, self.few)
        if (few | back).any():
            self.partial.add(key)

    def _table(self, name: str, table: pd.DataFrame) -> pd.DataFrame | None:
        """Return a file of ``tables/``; None where the whole is held back."""
        file = f"tables/{name}.csv"
        if name == "outcome_paths":
            return self._paths(file, table)
        if reason := self._why_no_group(name):
            self.held.note_whole(file, table, reason)
            return None
        if set(EFFECT_COLUMNS) <= set(table.columns):
            return self._estimates(table, file)
        if tuple(table.columns) == BALANCE_COLUMNS:
            return self.balance.passed(table, file, self.hidden, self.searched.outcomes)
        if tuple(table.columns) == FLOW_COLUMNS:
            return self._flow(table, file)
        if reason := self._whole_table(name, table):
            self.held.note_whole(file, table, reason)
            return None
        table = self.words.worded(file, table)
        if self.about.people and name in _OF_COVARIATES:
            return self.balance.measures_of_people(file, table)
        if name == "families":
            out = self._without_few(file, table, _IN_FAMILY, "reason")
            out = self.held.emptied(file, out, ("estimate",), {SEARCHED: self._searched_rows(out)}, "")
            return self.searched.coarser(file, out, _RANKS_OF_FAMILY)
        return (
            self._alternatives(name, table) if name in self.about.rows and "variant" in table else rounded_table(table)
        )

    def _why_no_group(self, name: str) -> str:
        """Say why a table of a group of units that is not the headline's is held back; nothing of others.

        It is told where its estimate is, which is held against those that are told already by units and weights, and
        where no covariate of it or of the headline's is to be told to few places: more numbers on one leave fewer.
        """
        stem, _, what = name.rpartition(".")
        estimates = self.content.estimates
        keys = {f"{key[0]}.{key[1]}": key for key in zip(estimates["estimator"], estimates["outcome"], strict=True)}
        if what not in ("balance", *_OF_COVARIATES, *(("flow",) if self.about.people else ())) or stem not in keys:
            return ""
        if self.about.people:  # a few rows more or less than the headline's would be told by the difference
            return _SETS
        key = keys[stem]
        if key in self.silent:
            return self.silent[key]
        if key in self.searched.digits:
            return SEARCHED
        return BACK if key in self.partial else COVARIATE if self._is_coarse(stem) else ""

    def _is_coarse(self, stem: str) -> bool:
        """Whether the headline's balance, or another group's, has a covariate whose counts could be searched for."""
        balance = self.content.tables.get(f"{stem}.balance")
        return bool(self.balance.covariates.names) or balance is None or bool(self.balance.coarse_of(balance).names)

    def _alternatives(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back alternatives on few units, and on nearly the units of an estimate that is told."""
        file, key, behind = f"tables/{name}.csv", self._estimate_of(name), self.about.rows[name]
        whole = [*behind, *[()] * (len(table) - len(behind))]
        declared = (table["variant"] == "as declared").to_numpy()  # the headline's own, judged with it
        done = table["estimate"].notna().to_numpy() & ~declared
        why = [self.told.why_silent(key[1], one) if there else "" for one, there in zip(whole, done, strict=True)]
        if any(why):
            self.thin.add(key)
        numbers = [str(column) for column in table if table[column].dtype.kind == "f" and column not in _SIZES]
        reasons = {reason: np.array([one == reason for one in why]) for reason in dict.fromkeys(why) if reason}
        out = self.held.emptied(file, table, numbers, reasons, "reason")
        squares = np.full(len(table), key[1] in self.errors.few)
        out = self.held.emptied(file, out, ERROR_COLUMNS, {ERRORS: squares}, "")
        listed = np.full(len(table), self.listed.of(*key)) & ~squares
        out = self.held.emptied(file, out, ENDS, {SINGLE: listed}, "")
        own = self._members(key)
        of_level = ~table["scale"].isin(["ratio", "log"]).to_numpy(bool)
        of_level &= np.array([not self._tells_levels(own, *one) for one in whole], bool)
        out = self.held.emptied(file, out, _PERCENT, {_LEVEL: of_level}, "")
        apart = np.array([not self._out_of_reach(own, *one) or any(map(own.beyond, one)) for one in whole], bool)
        apart &= ~declared
        if (apart & done).any() or (_PERCENT[0] in table and of_level.any()):
            self.finer.add(key)
        out = self.held.emptied(file, out, _BETWEEN, {_FINER: apart}, "")
        return self.held.emptied(file, out, ("mean_of_draws",), {_MEANS: np.ones(len(out), bool)}, "")

    def _whole_table(self, name: str, table: pd.DataFrame) -> str:
        """Say why a whole file of ``tables/`` is held back; nothing where it is not."""
        name = name.partition(ENTRY)[0]
        if "draw" in table.columns or ".randomization" in name or name.startswith(("draws.", "confidence.")):
            return _DRAWS
        what = name.rpartition(".")[2]
        if self.about.people and what == "calibration":
            return PEOPLE
        about_units = {"unit", "label", "cluster"} & set(table.columns)
        if about_units and (self.about.people or (name not in _PUBLIC and _by_unit(table))):
            return PEOPLE if self.about.people else _ONE_UNIT
        if name.endswith(_WITHOUT_SOME):
            return _ONE_UNIT
        parts, key = name.split("."), self._estimate_of(name)
        if what in _WEIGHINGS or ("path" in parts and not self._out_of_reach(self._members(key))):
            return WEIGHED  # each end, each synthetic path and each contrast is one more weighing of the units
        if self.balance.covariates.names and what in _OF_COVARIATES:
            return COVARIATE
        if "balance" in name.split(".") and self._silent_on_balance:
            return _AS_BALANCE
        if name == "implementation.as_treated":
            return UNKNOWN
        if key in self.silent and name not in _PUBLIC:
            return self.silent[key]
        if self.listed.of(*key) and not {*FROM_LIST}.isdisjoint(parts):
            return SINGLE
        if (
            key in self.searched.digits
            and name not in ("families", *_PUBLIC)
            and any(table[one].dtype.kind == "f" for one in table)
        ):
            return SEARCHED
        if name.endswith("without_strata_effects") or not {*_FURTHER[2:]}.isdisjoint(name.split(".")):
            return UNKNOWN
        told = "variant" in table or not (_by_period(table) or self._is_of_a_check(name) or name == "detectable")
        if not told and key[1] in self.errors.few and any(table[one].dtype.kind == "f" for one in table):
            return ERRORS
        return "" if told or key not in self.partial else BACK

    def _is_of_a_check(self, name: str) -> bool:
        """Whether a file of ``tables/`` holds what a check found: its numbers are made of what the estimate is of."""
        checks = {str(one).split(".")[0] for one in self.content.diagnostics["name"]}
        return not checks.isdisjoint(name.split("."))

    def _estimate_of(self, name: str) -> tuple[str, str]:
        """Return whose table it is by its name; the headline's own carry none."""
        headline = self.content.facts.headline
        keys = zip(*(self.content.estimates[one] for one in ("estimator", "outcome")), strict=True)
        named = [key for key in dict.fromkeys(keys) if name.startswith(f"{key[0]}.{key[1]}.")]
        return max(named, key=lambda key: len(".".join(key)), default=(headline.estimator, headline.outcome))

    def _paths(self, file: str, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back mean outcomes on few units, those that would give them back, and pooled means of counts."""
        about = self.about.disclosure
        few, back = path_rows(table, self.about.behind, about.fewest, about.smallest)
        first = self.content.facts.headline.estimator
        numbered = table.assign(time=table["time"].map(self.content.facts.panel.place))
        back |= beside_others(numbered, self.about.members, first, about.fewest, self.silent) & ~few
        self.hidden = {str(group) for group in table["group"][few | back]}  # a cohort that is held back counts
        digits = self.searched.path_digits(table, self.about.behind, few | back)
        nested = table["outcome"].isin(self.nested).to_numpy(bool) & ~(few | back)
        unknown = ~table["outcome"].isin(self.content.estimates["outcome"]).to_numpy(bool) & ~(few | back | nested)
        gone = (digits == 0) & ~(few | back | nested | unknown)
        why = {self.few: few, BACK: back, NESTED: nested, UNKNOWN: unknown, SEARCHED: gone}
        out = self.held.emptied(file, table, ("mean", "mean_pooled"), why, "")
        out = self.searched.coarser_means(file, out, digits)
        pooled = int(out["mean_pooled"].notna().sum())
        self.held.note(file, "mean_pooled", pooled, _POOLED)
        return out.assign(mean_pooled=np.nan) if pooled else out

    def _weights(self, table: pd.DataFrame | None) -> None:
        """Hold weights by unit back: matched on outcomes, they and balance.csv give counts of single units back."""
        whole = pd.DataFrame() if table is None else table
        self.held.note_whole("weights.csv", whole, PEOPLE if self.about.people else _ONE_UNIT)

    def _flow(self, table: pd.DataFrame, file: str = "flow.csv") -> pd.DataFrame:
        """Mask counts of people in the flow, and what would name or count them in words."""
        for name in ("what", "reason"):
            texts = ["" if pd.isna(text) else str(text) for text in table[name]]
            table = table.assign(**{name: self.words.without_numbers("flow.csv", texts)})
        table = self.held.episodes(table, file)
        if not self.words.counted:
            return table
        ends = table["step"].isin(["start", "end"])
        self.held.note(file, "rows", int((~ends).sum()), _SETS)
        out = self.held.people(table.assign(rows=table["rows"].astype(float).where(ends)), "rows", file)
        for name in ("what", "reason"):
            out[name] = self.words.said(file, [str(text) for text in table[name]])
        if not self.about.people:
            return out
        self.held.note(file, "names", int((table["names"] != "").sum()), PEOPLE)
        return out.assign(names="")

    def _diagnostics(self, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back checks of estimates on few units, of single units, and of estimates some of which is held back."""
        keys = list(zip(table["estimator"], table["outcome"], strict=True))
        name = table["name"].astype(str).str.split(ENTRY).str[0]
        few = np.array([key in self.silent for key in keys], bool)
        alone = name.str.startswith(_WITHOUT_SOME).to_numpy(bool) & ~few
        undone = table["text"].astype(str).str.startswith("Not done").to_numpy(bool)
        varied = name.isin(_OF_ALTERNATIVES).to_numpy(bool)  # their rows are judged one by one
        between = name.eq("robustness").to_numpy(bool) & ~few
        searched = np.array([key[1] in self.searched.outcomes for key in keys], bool) & ~(few | alone | undone)
        squares = self.errors.of(table["outcome"]) & ~(few | alone | undone | searched)
        back = np.array([key in self.partial for key in keys], bool) & ~(few | alone | undone | varied | searched)
        plain = [self.about.told(str(text)) if gone else text for text, gone in zip(table["text"], undone, strict=True)]
        table = table.assign(text=plain)
        thin = np.array([key in self.thin for key in keys], bool) & name.isin(_OF_ALTERNATIVES).to_numpy(bool) & ~few
        unknown = name.str.startswith(_FURTHER).to_numpy(bool) & ~few
        worst = name.str.startswith("balance.").to_numpy(bool) & self._silent_on_balance & ~few
        reached = np.array([not self._out_of_reach(self._members(key)) for key in keys], bool)
        weighed = name.str.endswith("gone_on_as_answered").to_numpy(bool) & reached & ~(few | back)
        finer = reached | np.array([key in self.finer for key in keys], bool)
        why = {_ONE_UNIT: alone, BACK: back, _THIN: thin, UNKNOWN: unknown, _AS_BALANCE: worst}
        listed = np.array([self.listed.of(*key) for key in keys], bool) & name.str.startswith(FROM_LIST).to_numpy(bool)
        listed &= ~(few | alone | undone | searched | squares | back) & table["statistic"].ne("p_value").to_numpy(bool)
        why |= {SINGLE: listed}
        why |= {WEIGHED: weighed, SEARCHED: searched, _FINER: between & finer & ~(searched | thin), ERRORS: squares}
        words = zip(table["text"], finer, strict=True)
        table = table.assign(text=[_IN_PERCENT.sub("", str(text)) if gone else str(text) for text, gone in words])
        out = self._without_few("diagnostics.csv", table, ("value",), "text")
        out = self.held.emptied("diagnostics.csv", out, ("value",), why, "text")
        return out.assign(text=self.words.said("diagnostics.csv", [str(text) for text in out["text"]]))

    def _tests(self, table: pd.DataFrame) -> pd.DataFrame:
        linear = table["statistic"].eq("coefficient").to_numpy(bool)
        out = self._without_few("tests.csv", table, _TESTED, "")
        searched = self._searched_rows(table)
        beside = [name for name in _TESTED if name not in _RANKS]
        out = self.searched.coarser(
            "tests.csv", self.held.emptied("tests.csv", out, beside, {SEARCHED: searched}, ""), _RANKS
        )
        squares = self.errors.of(table["outcome"])
        out = self.held.emptied("tests.csv", out, beside, {ERRORS: squares & ~searched}, "")
        ends = self.listed.rows(table) & ~(squares | searched)
        out = self.held.emptied("tests.csv", out, ENDS, {SINGLE: ends}, "")
        out = self.held.emptied("tests.csv", out, ("mean_estimate",), {_MEANS: np.ones(len(out), bool)}, "")
        return self.held.emptied("tests.csv", out, ("mean",), {_MEANS: linear}, "")

    def _searched_rows(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows are of estimates that are told to few digits, since their counts could be searched for."""
        keys = zip(table["estimator"], table["outcome"], strict=True)
        return np.array([key in self.searched.digits and key not in self.silent for key in keys], bool)

    def _without_few(self, file: str, table: pd.DataFrame, columns: Sequence[str], said: str) -> pd.DataFrame:
        """Empty rows of estimates of which nothing is told."""
        return self.held.emptied(file, table, columns, self._silent_rows(table), said)

    def _silent_rows(self, table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Return the rows of estimates of which nothing is told, by why."""
        why = [self.silent.get(key, "") for key in zip(table["estimator"], table["outcome"], strict=True)]
        return {reason: np.array([one == reason for one in why]) for reason in dict.fromkeys(why) if reason}

    def _facts(self, facts: RunFacts) -> RunFacts:
        """Round the facts, empty those on few units, and hold back sentences that count or name people."""
        out: RunFacts = rounded(facts)
        plain = {name: self.words.without_computed("results.json", said) for name, said in facts.notes.items()}
        notes = {name: tuple(self.words.said("results.json", said)) for name, said in plain.items()}
        out = replace(out, notes=notes, caveats=tuple(self.words.said("results.json", facts.caveats)))
        gone = {*self.silent, *self.searched.digits}
        kept = [
            one
            for one in out.procedures
            if (one.estimator, one.outcome) not in gone and self.errors.tells(*astuple(one.key))
        ]
        out = replace(out, procedures=tuple(kept), panel=self._panel_facts(out))
        if any(reason in APART for reason in self.silent.values()) or self.errors.few:
            self.held.note("results.json", "disagreement", 1, ERRORS if self.errors.few else NEAR)
            out = replace(out, disagreement=DisagreementFacts())
        elif self.errors.protected:
            out = replace(out, disagreement=self._told_disagreement(out))
        if self.listed.of(facts.headline.estimator, facts.headline.outcome):  # of the hardest adoption of the list
            self.held.note("results.json", "detectable", 1, SINGLE)
            test, level = facts.detectable.test, facts.detectable.level
            out = replace(out, detectable=DetectableFacts(test=test, level=level, reason=SINGLE))
        reason = self._why_alone()
        if self.about.people:
            out = replace(out, inference=self._without_effective(out.inference))
        if self.errors.few:  # how squares spread over clusters
            known = replace(out.inference, variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan)
            out = replace(out, inference=known)
        if facts.headline.outcome in self.errors.few:
            sizes = replace(out.detectable, fall_error=math.nan, rise_error=math.nan, error_panel=math.nan)
            out = replace(out, detectable=sizes)
        if self.balance.covariates.names:  # effective numbers of matched units are made of covariates
            known = replace(
                out.inference, effective_comparison_clusters=math.nan, variance_comparison_clusters=math.nan
            )
            out = replace(out, inference=known)
        if not reason:
            return out
        self.held.note("results.json", "detectable, disagreement", 2, reason)
        detectable = DetectableFacts(test=facts.detectable.test, level=facts.detectable.level, reason=reason)
        out = replace(out, detectable=detectable, disagreement=DisagreementFacts())
        if reason == SEARCHED:
            known = replace(out.inference, variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan)
            out = replace(out, inference=known)
        return out

    def _told_disagreement(self, facts: RunFacts) -> DisagreementFacts:
        """Return how tests and estimates part, by the procedures that are told and without each side's spread."""
        headline, parts = facts.headline, facts.disagreement
        tests = tuple(one for one in parts.tests if self.errors.tells(headline.estimator, headline.outcome, one.id))
        self.held.note("results.json", "disagreement: spread, procedures", 2 + len(parts.tests) - len(tests), ERRORS)
        several = len(tests) > 1
        told = replace(parts, sd_treated=math.nan, sd_comparison=math.nan)
        return replace(told, tests=tests if several else (), fires=parts.fires and several)

    def _without_effective(self, inference: ResolutionFacts) -> ResolutionFacts:
        """Return what the rule made of the inference, without what clusters of people are worth: that counts them."""
        said = [inference.choice, inference.caution, inference.reason]
        choice, caution, reason = self.words.without_numbers("results.json", said)
        self.held.note("results.json", "effective numbers of clusters", 4, PEOPLE)
        return replace(
            inference, choice=choice, caution=caution, reason=reason,
            n_treated_clusters=self._clusters(inference.n_treated_clusters),
            n_comparison_clusters=self._clusters(inference.n_comparison_clusters),
            effective_treated_clusters=math.nan, effective_comparison_clusters=math.nan,
            variance_treated_clusters=math.nan, variance_comparison_clusters=math.nan,
        )  # fmt: skip

    def _why_alone(self) -> str:
        """Say why nothing is told that is made of the headline's estimate; nothing where it may be."""
        headline = self.content.facts.headline
        key = (headline.estimator, headline.outcome)
        return SEARCHED if key in self.searched.digits else self.silent.get(key, "")

    def _panel_facts(self, facts: RunFacts) -> Any:
        """Empty means of outcomes on few units or beside paths that are held back; mask counts of people.

        Means before and after the start weigh cohorts otherwise than paths do: together they tell cohorts apart.
        """
        panel, fewest = facts.panel, self.about.disclosure.fewest
        treated = panel.n_treated_units < fewest or "treated" in self.hidden
        others = panel.n_comparison_units < fewest or "comparison" in self.hidden
        empty: dict[str, Any] = {name: math.nan for name in ("mean_treated", "mean_treated_before") if treated}
        empty |= {"mean_comparison": math.nan} if others else {}
        few = min(panel.n_treated_units, panel.n_comparison_units) < fewest
        empty |= {"mean_exposure_treated": math.nan} if few else {}
        self.held.note("results.json", ", ".join(empty), len(empty) * len(panel.outcomes), BACK)
        empty |= {"n_missing": math.nan, "n_missing_exposure": math.nan} if self.about.people else {}
        means = ("mean_treated", "mean_treated_before", "mean_comparison")
        alone = dict.fromkeys(means, math.nan)
        estimated = set(self.content.estimates["outcome"])
        held = self.searched.outcomes | self.nested
        found = [name for name in panel.outcomes if name in held or name not in estimated]
        self.held.note("results.json", ", ".join(means), len(means) * len(found), SEARCHED)
        outcomes = {
            name: replace(one, **(alone if name in found else self._levels(name)) | empty)
            for name, one in facts.panel.outcomes.items()
        }
        return replace(
            panel,
            outcomes=outcomes,
            n_rows=self.held.count(panel.n_rows),
            n_gaps=self.held.count(panel.n_gaps),
            n_clusters=self._clusters(panel.n_clusters),
            n_treated_clusters=self._clusters(panel.n_treated_clusters),
            strata=(),
        )

    def _clusters(self, n: float) -> float:
        """Return a number of clusters as it may be told."""
        return self.held.count(n) if self._clusters_are_people else n

    def _levels(self, outcome: str) -> dict[str, float]:
        """Return mean outcomes of people as they may be told; nothing where rows are no people.

        Where one is held back all are: the others and the estimate would give it back.
        """
        if not self.about.people:
            return {}
        told, behind = self.content.facts.panel.outcomes[outcome], self.about.levels.get(outcome, {})
        means = ("mean_treated", "mean_treated_before", "mean_comparison")
        out = {name: level_of(getattr(told, name), behind.get(name), self.about.disclosure) for name in means}
        if any(math.isnan(out[name]) and not math.isnan(getattr(told, name)) for name in means):
            self.held.note("results.json", f"mean outcomes of {outcome}", len(means), PEOPLE)
            return dict.fromkeys(means, math.nan)
        return {name: significant(value) for name, value in out.items()}

    @property
    def _silent_on_balance(self) -> bool:
        """Whether what tables and checks would say of balance is held back: some of it is, or rows are people."""
        return self.held_balance or self.about.people

    @property
    def _of_people(self) -> bool:
        """Whether there is balance of rows of people, which an economic evaluation's gate reads exact."""
        return self.about.people and len(self.content.balance) > 0

    def _economics(self, economics: Mapping[str, Any]) -> dict[str, Any]:
        """Hold an economic evaluation back where its effect is, or balance that its gate reads; round it elsewhere."""
        reason = self._why_alone() or (_AS_BALANCE if self.balance.covariates.names or self._of_people else "")
        if economics and reason:
            self.held.note("economics/", "the whole folder", len(economics), reason)
            return {}
        headline = self.content.facts.headline
        drawn = not self._out_of_reach(self._members((headline.estimator, headline.outcome)))
        if "psa" in economics and drawn:
            self.held.note_whole("economics/psa.csv", economics["psa"], _DRAWS)
        return {
            name: rounded_table(value) if isinstance(value, pd.DataFrame) else rounded(value)
            for name, value in economics.items()
            if not (drawn and name == "psa")
        }


def _of(key: tuple[str, str], table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an estimate."""
    return table[(table["estimator"] == key[0]) & (table["outcome"] == key[1])]


def _by_unit(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table by unit that were computed from data, weights with them."""
    plain = {*PERIOD_COLUMNS, "treated"}
    return [str(name) for name in table.columns if table[name].dtype.kind == "f" and name not in plain]


def _by_period(table: pd.DataFrame) -> bool:
    """Whether a table tells results by period."""
    return bool({"event_time", "cohort", "period", "time"} & set(table.columns))
