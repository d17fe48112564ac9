"""The files of `tables/` and the flow, as far as a disclosure profile lets them out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sos_eval.bundle.digits import rounded_table
from sos_eval.bundle.errors_told import ERROR_COLUMNS, ERRORS
from sos_eval.bundle.lists import ENDS, FROM_LIST, SINGLE
from sos_eval.bundle.passage import RANKS_OF_FAMILY, Passage
from sos_eval.bundle.passed_balance import COVARIATE
from sos_eval.bundle.passed_checks import FURTHER, WITHOUT_SOME
from sos_eval.bundle.passed_estimates import PassedEstimates
from sos_eval.bundle.passed_words import PEOPLE
from sos_eval.bundle.reasons import AS_BALANCE, DRAWS, FINER, MEANS, ONE_UNIT, SETS
from sos_eval.bundle.told import NESTED, SEARCHED, UNKNOWN, WEIGHED
from sos_eval.bundle.withheld import BACK, beside_others, path_rows
from sos_eval.results.check import ENTRY
from sos_eval.terms import BALANCE_COLUMNS, EFFECT_COLUMNS, FLOW_COLUMNS, PERIOD_COLUMNS

__all__ = ["PassedTables"]

#: Tables by unit that say who starts when, and who is who.
_PUBLIC = ("adoption", "programmes", "unit_names")
_SIZES = ("n_units", "n_treated_units")
_IN_FAMILY = ("estimate", *RANKS_OF_FAMILY)
_LEVEL = "withheld: beside the estimate it would give back the mean before the start"
_PERCENT = ("percent", "percent_low", "percent_high")
#: What a table of alternatives tells of the difference to the headline alone.
_BETWEEN = ("shift", "shift_error", "shift_p", "change")
_POOLED = "withheld: beside the mean of rates it would give back counts of single units"
#: What estimators that weigh donors tell of their weights.
_WEIGHINGS = ("equally_good", "donors", "periods", "fit")
#: Tables on how alike the groups are in all covariates together.
_OF_COVARIATES = ("balance_measures", "overlap", "calibration", "calibration_line")


class PassedTables:
    """Tables by name: whole, row by row, or not at all."""

    def __init__(self, passage: Passage, estimates: PassedEstimates) -> None:
        self.passage = passage
        self.estimates = estimates

    def passed(self, name: str, table: pd.DataFrame) -> pd.DataFrame | None:
        """Return a file of ``tables/``; None where the whole is held back."""
        file = f"tables/{name}.csv"
        if name == "outcome_paths":
            return self._paths(file, table)
        if reason := self._why_no_group(name):
            self.passage.held.note_whole(file, table, reason)
            return None
        if set(EFFECT_COLUMNS) <= set(table.columns):
            return self.estimates.passed(table, file)
        if tuple(table.columns) == BALANCE_COLUMNS:
            return self.passage.balance.passed(table, file, self.passage.hidden, self.passage.searched.outcomes)
        if tuple(table.columns) == FLOW_COLUMNS:
            return self.flow(table, file)
        if reason := self._whole_table(name, table):
            self.passage.held.note_whole(file, table, reason)
            return None
        table = self.passage.words.worded(file, table)
        if self.passage.about.people and name in _OF_COVARIATES:
            return self.passage.balance.measures_of_people(file, table)
        if name == "families":
            out = self.passage.without_few(file, table, _IN_FAMILY, "reason")
            out = self.passage.held.emptied(file, out, ("estimate",), {SEARCHED: self.passage.searched_rows(out)}, "")
            return self.passage.searched.coarser(file, out, RANKS_OF_FAMILY)
        return (
            self._alternatives(name, table)
            if name in self.passage.about.rows and "variant" in table
            else rounded_table(table)
        )

    def _why_no_group(self, name: str) -> str:
        """Say why a table of a group of units that is not the headline's is held back; nothing of others.

        It is told where its estimate is, which is held against those that are told already by units and weights, and
        where no covariate of it or of the headline's is to be told to few places: more numbers on one leave fewer.
        """
        stem, _, what = name.rpartition(".")
        estimates = self.passage.content.estimates
        keys = {f"{key[0]}.{key[1]}": key for key in zip(estimates["estimator"], estimates["outcome"], strict=True)}
        if (
            what not in ("balance", *_OF_COVARIATES, *(("flow",) if self.passage.about.people else ()))
            or stem not in keys
        ):
            return ""
        if self.passage.about.people:  # a few rows more or less than the headline's would be told by the difference
            return SETS
        key = keys[stem]
        if key in self.passage.silent:
            return self.passage.silent[key]
        if key in self.passage.searched.digits:
            return SEARCHED
        return BACK if key in self.passage.partial else COVARIATE if self._is_coarse(stem) else ""

    def _is_coarse(self, stem: str) -> bool:
        """Whether the headline's balance, or another group's, has a covariate whose counts could be searched for."""
        balance = self.passage.content.tables.get(f"{stem}.balance")
        return (
            bool(self.passage.balance.covariates.names)
            or balance is None
            or bool(self.passage.balance.coarse_of(balance).names)
        )

    def _alternatives(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back alternatives on few units, and on nearly the units of an estimate that is told."""
        file, key, behind = f"tables/{name}.csv", self._estimate_of(name), self.passage.about.rows[name]
        whole = [*behind, *[()] * (len(table) - len(behind))]
        declared = (table["variant"] == "as declared").to_numpy()  # the headline's own, judged with it
        done = table["estimate"].notna().to_numpy() & ~declared
        why = [
            self.passage.told.why_silent(key[1], one) if there else "" for one, there in zip(whole, done, strict=True)
        ]
        if any(why):
            self.passage.thin.add(key)
        numbers = [str(column) for column in table if table[column].dtype.kind == "f" and column not in _SIZES]
        reasons = {reason: np.array([one == reason for one in why]) for reason in dict.fromkeys(why) if reason}
        out = self.passage.held.emptied(file, table, numbers, reasons, "reason")
        squares = np.full(len(table), key[1] in self.passage.errors.few)
        out = self.passage.held.emptied(file, out, ERROR_COLUMNS, {ERRORS: squares}, "")
        listed = np.full(len(table), self.passage.listed.of(*key)) & ~squares
        out = self.passage.held.emptied(file, out, ENDS, {SINGLE: listed}, "")
        own = self.passage.members(key)
        of_level = ~table["scale"].isin(["ratio", "log"]).to_numpy(bool)
        of_level &= np.array([not self.passage.tells_levels(own, *one) for one in whole], bool)
        out = self.passage.held.emptied(file, out, _PERCENT, {_LEVEL: of_level}, "")
        apart = np.array([not self.passage.out_of_reach(own, *one) or any(map(own.beyond, one)) for one in whole], bool)
        apart &= ~declared
        if (apart & done).any() or (_PERCENT[0] in table and of_level.any()):
            self.passage.finer.add(key)
        out = self.passage.held.emptied(file, out, _BETWEEN, {FINER: apart}, "")
        return self.passage.held.emptied(file, out, ("mean_of_draws",), {MEANS: np.ones(len(out), bool)}, "")

    def _whole_table(self, name: str, table: pd.DataFrame) -> str:
        """Say why a whole file of ``tables/`` is held back; nothing where it is not."""
        name = name.partition(ENTRY)[0]
        if "draw" in table.columns or ".randomization" in name or name.startswith(("draws.", "confidence.")):
            return DRAWS
        what = name.rpartition(".")[2]
        if self.passage.about.people and what == "calibration":
            return PEOPLE
        about_units = {"unit", "label", "cluster"} & set(table.columns)
        if about_units and (self.passage.about.people or (name not in _PUBLIC and _by_unit(table))):
            return PEOPLE if self.passage.about.people else ONE_UNIT
        if name.endswith(WITHOUT_SOME):
            return ONE_UNIT
        parts, key = name.split("."), self._estimate_of(name)
        if what in _WEIGHINGS or ("path" in parts and not self.passage.out_of_reach(self.passage.members(key))):
            return WEIGHED  # each end, each synthetic path and each contrast is one more weighing of the units
        if self.passage.balance.covariates.names and what in _OF_COVARIATES:
            return COVARIATE
        if "balance" in name.split(".") and self.passage.silent_on_balance:
            return AS_BALANCE
        if name == "implementation.as_treated":
            return UNKNOWN
        if key in self.passage.silent and name not in _PUBLIC:
            return self.passage.silent[key]
        if self.passage.listed.of(*key) and not {*FROM_LIST}.isdisjoint(parts):
            return SINGLE
        if (
            key in self.passage.searched.digits
            and name not in ("families", *_PUBLIC)
            and any(table[one].dtype.kind == "f" for one in table)
        ):
            return SEARCHED
        if name.endswith("without_strata_effects") or not {*FURTHER[2:]}.isdisjoint(name.split(".")):
            return UNKNOWN
        told = "variant" in table or not (_by_period(table) or self._is_of_a_check(name) or name == "detectable")
        if not told and key[1] in self.passage.errors.few and any(table[one].dtype.kind == "f" for one in table):
            return ERRORS
        return "" if told or key not in self.passage.partial else BACK

    def _is_of_a_check(self, name: str) -> bool:
        """Whether a file of ``tables/`` holds what a check found: its numbers are made of what the estimate is of."""
        checks = {str(one).split(".")[0] for one in self.passage.content.diagnostics["name"]}
        return not checks.isdisjoint(name.split("."))

    def _estimate_of(self, name: str) -> tuple[str, str]:
        """Return whose table it is by its name; the headline's own carry none."""
        headline = self.passage.content.facts.headline
        keys = zip(*(self.passage.content.estimates[one] for one in ("estimator", "outcome")), strict=True)
        named = [key for key in dict.fromkeys(keys) if name.startswith(f"{key[0]}.{key[1]}.")]
        return max(named, key=lambda key: len(".".join(key)), default=(headline.estimator, headline.outcome))

    def _paths(self, file: str, table: pd.DataFrame) -> pd.DataFrame:
        """Hold back mean outcomes on few units, those that would give them back, and pooled means of counts."""
        about = self.passage.about.disclosure
        few, back = path_rows(table, self.passage.about.behind, about.fewest, about.smallest)
        first = self.passage.content.facts.headline.estimator
        numbered = table.assign(time=table["time"].map(self.passage.content.facts.panel.place))
        back |= beside_others(numbered, self.passage.about.members, first, about.fewest, self.passage.silent) & ~few
        self.passage.hidden = {str(group) for group in table["group"][few | back]}  # a cohort that is held back counts
        digits = self.passage.searched.path_digits(table, self.passage.about.behind, few | back)
        nested = table["outcome"].isin(self.passage.nested).to_numpy(bool) & ~(few | back)
        unknown = ~table["outcome"].isin(self.passage.content.estimates["outcome"]).to_numpy(bool) & ~(
            few | back | nested
        )
        gone = (digits == 0) & ~(few | back | nested | unknown)
        why = {self.passage.few: few, BACK: back, NESTED: nested, UNKNOWN: unknown, SEARCHED: gone}
        out = self.passage.held.emptied(file, table, ("mean", "mean_pooled"), why, "")
        out = self.passage.searched.coarser_means(file, out, digits)
        pooled = int(out["mean_pooled"].notna().sum())
        self.passage.held.note(file, "mean_pooled", pooled, _POOLED)
        return out.assign(mean_pooled=np.nan) if pooled else out

    def flow(self, table: pd.DataFrame, file: str = "flow.csv") -> pd.DataFrame:
        """Mask counts of people in the flow, and what would name or count them in words."""
        for name in ("what", "reason"):
            texts = ["" if pd.isna(text) else str(text) for text in table[name]]
            table = table.assign(**{name: self.passage.words.without_numbers("flow.csv", texts)})
        table = self.passage.held.episodes(table, file)
        if not self.passage.words.counted:
            return table
        ends = table["step"].isin(["start", "end"])
        self.passage.held.note(file, "rows", int((~ends).sum()), SETS)
        out = self.passage.held.people(table.assign(rows=table["rows"].astype(float).where(ends)), "rows", file)
        for name in ("what", "reason"):
            out[name] = self.passage.words.said(file, [str(text) for text in table[name]])
        if not self.passage.about.people:
            return out
        self.passage.held.note(file, "names", int((table["names"] != "").sum()), PEOPLE)
        return out.assign(names="")


def _by_unit(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table by unit that were computed from data, weights with them."""
    plain = {*PERIOD_COLUMNS, "treated"}
    return [str(name) for name in table.columns if table[name].dtype.kind == "f" and name not in plain]


def _by_period(table: pd.DataFrame) -> bool:
    """Whether a table tells results by period."""
    return bool({"event_time", "cohort", "period", "time"} & set(table.columns))
