"""A world of children drawn: who is referred, what is decided, who comes into care, and what the programme changed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sos_eval.numerics.random import stream
from sos_eval.numerics.working_days import add_working_days
from sos_eval.worlds.children import EVENTS, ChildWorld

__all__ = ["PHASES", "DrawnChildren", "draw_children"]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Days = NDArray[np.datetime64]

ETHNICITY = ("White", "Mixed", "Asian", "Black", "Chinese", "Other")
_SHARES = np.array([0.74, 0.09, 0.08, 0.06, 0.01, 0.02])
_PHASES = ("none", "primary", "secondary")
_PLACES = ("U4", "U5", "K2", "H5", "P1", "S1")
_PLACED = (0.55, 0.2, 0.12, 0.06, 0.05, 0.02)
_KINSHIP = ("U1", "U2", "U3")
_OTHER_ENDS = ("E11", "E13", "E45", "E48", "E17")
#: What a pilot's event lies in: no effect, half of it, all of it.
PHASES = ("before", "window", "embedded")
#: Follow-up of a conference, and of a re-referral and an escalation, in days.
CONFERENCE, HALF_YEAR = 90, 183
_DAY = np.timedelta64(1, "D")
#: Referrals of a child, at most.
_GENERATIONS = 5


@dataclass
class DrawnChildren:
    """A drawn world of children.

    Attributes
    ----------
    events
        A row per referral or placement in care, in the columns of the CIN census and SSDA903 joined by child.
    authorities
        A row per authority and year: covariates of authorities.
    effects
        Event -> rows of the pilots, generation by generation: ``place, year``, the programme's ``effect`` on what is
        expected of each, and ``phase``: before (the start), window (up to embedding) or embedded.
    """

    events: pd.DataFrame
    authorities: pd.DataFrame
    effects: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {name: [] for name in EVENTS})


def draw_children(world: ChildWorld, seed: int) -> DrawnChildren:
    """Draw one set of tables; the same seed gives the same tables."""
    return _Draw(world, seed).drawn()


class _Draw:
    """One draw: shocks of authorities first, then events, generation by generation."""

    def __init__(self, world: ChildWorld, seed: int) -> None:
        self.world, self.seed = world, seed
        self.names = np.array(world.children.authorities, object)
        self.years = np.arange(world.times.first, world.times.last + 1)
        self.last_day = np.datetime64(f"{world.times.last + 1}-03-31")
        pilots = world.children.pilots
        nobody = np.datetime64("9999-12-31")
        self.start = np.array([pilots[n].start if n in pilots else nobody for n in self.names], "datetime64[D]")
        self.embedded = np.array([pilots[n].embedded if n in pilots else nobody for n in self.names], "datetime64[D]")
        self.rng = stream(seed, "children", "events")
        self._shocks()
        self.out = DrawnChildren(pd.DataFrame(), self._authorities())

    def _shocks(self) -> None:
        """Draw how authorities and their years differ, by event: (n, t) each."""
        self.shock: dict[str, Array] = {}
        for name in EVENTS:
            event, rng = self.world.children.events[name], stream(self.seed, "children", "shocks", name)
            level = event.authority_sd * rng.standard_normal((len(self.names), 1))
            noise = event.shock_sd * rng.standard_normal((len(self.names), len(self.years)))
            self.shock[name] = level + noise + event.trend * (self.years - self.years[0])
        rng = stream(self.seed, "children", "places")
        self.poverty = np.clip(0.22 + 0.08 * rng.standard_normal(len(self.names)), 0.05, 0.5)
        self.mix = np.array([rng.dirichlet(40 * _SHARES) for _ in self.names])
        self.size = np.exp(0.35 * rng.standard_normal(len(self.names)))

    def _authorities(self) -> pd.DataFrame:
        """Lay out the covariates of authorities by year; an inspection leaves a judgement only now and then."""
        rng, (n, t) = stream(self.seed, "children", "authorities"), (len(self.names), len(self.years))
        walk = np.cumsum(rng.standard_normal((6, n, t)) * np.where(np.arange(t) == 0, 1.0, 0.25), axis=2)
        self.pressure = walk[0]
        inspected = rng.random((n, t)) < 0.3
        inspected[:, 0] |= ~inspected.any(axis=1)
        judged = np.clip(np.round(2.5 + 0.7 * walk[1]), 1, 4)
        columns = {
            "la_code": np.repeat(self.names, t), "year": np.tile(self.years, n),
            "assessments": np.round(400 * self.size[:, None] * np.exp(0.1 * walk[0])).ravel(),
            "ofsted": np.where(inspected, judged, np.nan).ravel(),
            "population_density": np.round(np.exp(6.5 + 0.8 * walk[2, :, :1] + 0.01 * np.arange(t)), 1).ravel(),
            "primary_fsm": np.round(100 * self.poverty[:, None] + walk[3], 2).ravel(),
            "secondary_fsm": np.round(85 * self.poverty[:, None] + walk[3] + 0.5 * walk[4], 2).ravel(),
            "innovation_projects": np.repeat(rng.integers(0, 3, n), t),
            "white_british": np.round(100 * self.mix[:, :1] + walk[4], 2).ravel(),
            "reviews_on_time": np.round(92 + 2 * walk[5], 2).ravel(),
        }  # fmt: skip
        table = pd.DataFrame(columns)
        holes = rng.random(len(table)) < 0.05
        return table.assign(reviews_on_time=table["reviews_on_time"].mask(holes))

    def drawn(self) -> DrawnChildren:
        """Draw referrals, what follows from them, and care; put both in one table by day and child."""
        referrals = self._first_referrals()
        parts = []
        for generation in range(_GENERATIONS):
            referrals, again = self._followed(referrals, last=generation == _GENERATIONS - 1)
            parts.append(referrals)
            referrals = again
        whole = pd.concat([*parts, self._care(pd.concat(parts, ignore_index=True))], ignore_index=True)
        whole = whole.sort_values(["event_date", "child_id", "event"], kind="stable", ignore_index=True)
        self.out.events = self._recorded(whole)
        return self.out

    def _first_referrals(self) -> pd.DataFrame:
        """Draw children on the day of their first referral."""
        rng, children = self.rng, self.world.children
        counts = rng.poisson(children.referrals * np.repeat(self.size[:, None], len(self.years), 1))
        place, year = (np.repeat(code.ravel(), counts.ravel()) for code in np.indices(counts.shape))
        opens = np.array([f"{y}-04-01" for y in self.years], "datetime64[D]")[year]
        ages = 18.0 * rng.beta(0.95, 1.15, len(place))
        frame = pd.DataFrame({"place": place, "year": year})
        frame["event_date"] = (opens + rng.integers(0, 365, len(place)) * _DAY).astype("datetime64[D]")
        frame["birth_date"] = _days(frame, "event_date") - np.floor(ages * 365.25).astype(int) * _DAY
        frame["female"] = (rng.random(len(place)) < 0.48).astype(float)
        frame["group"] = (rng.random(len(place))[:, None] > np.cumsum(self.mix, 1)[place]).sum(1)
        frame["disabled"] = (rng.random(len(place)) < 0.11).astype(float)
        drift = self.poverty[place] + 0.006 * (year - 4.0)
        frame["poor"] = (rng.random(len(place)) < np.clip(drift, 0.02, 0.9)).astype(float)
        frame["plans"] = rng.poisson(0.15 + 0.15 * frame["poor"].to_numpy())
        frame["uasc"] = 0.0
        frame["child_id"] = np.arange(1, len(place) + 1)
        return frame

    def _expected(self, frame: pd.DataFrame, name: str) -> tuple[Array, Array]:
        """Return the linear predictor of rows without and with the programme, (n,) each, and note its effect."""
        event = self.world.children.events[name]
        place, year = frame["place"].to_numpy(int), frame["year"].to_numpy(int)
        age = self._age(frame)
        unit = 1.0 if name != "assessment_days" else 5.0
        x = 0.25 * frame["poor"] + 0.2 * frame["disabled"] + 0.15 * (frame["plans"] > 0) - 0.02 * (age - 8.0)
        x = x + 0.1 * (frame["group"] > 0) - 0.1 * frame["female"] + 0.05 * self.pressure[place, year]
        base = event.level if name == "assessment_days" else np.log(event.level / (1 - event.level))
        without = base + unit * (x.to_numpy(float) - 0.1) + self.shock[name][place, year]
        day = _days(frame, "event_date")
        share = 0.5 * (day >= self.start[place]) + 0.5 * (day >= self.embedded[place])
        with_it = without + event.effect * share
        changed = with_it - without if name == "assessment_days" else _expit(with_it) - _expit(without)
        phase = np.array(PHASES, object)[(2 * share).astype(int)]
        rows = pd.DataFrame({"place": place, "year": year, "phase": phase, "effect": np.asarray(changed)})
        self.out.effects[name].append(rows[self.start[place] <= self.last_day])
        return without, with_it

    def _age(self, frame: pd.DataFrame) -> Array:
        """Return ages in years on the day of the event."""
        days = _days(frame, "event_date") - _days(frame, "birth_date")
        return np.asarray(days.astype(float) / 365.25)

    def _happens(self, frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
        return np.asarray(self.rng.random(len(frame)) < _expit(self._expected(frame, name)[1]))

    def _followed(self, frame: pd.DataFrame, *, last: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Say what becomes of referrals; return them, and the referrals that follow."""
        rng, day = self.rng, _days(frame, "event_date")
        frame = frame.assign(event="referral", referral_date=day)
        frame["referral_nfa"] = (rng.random(len(frame)) < self.world.children.no_further_action).astype(int)
        frame["escalated"] = False
        if "after_nfa" in frame:
            after = frame["after_nfa"].to_numpy(bool)
            frame.loc[after, "escalated"] = self._happens(frame[after], "escalation")
        nfa = frame["referral_nfa"].to_numpy() == 1
        self._assessed(frame, ~nfa & ~frame["escalated"].to_numpy(bool))
        frame["cpp_start"] = _none(len(frame))
        frame["care_start"] = _none(len(frame))
        self._planned(frame, nfa)
        if last:
            return frame, frame[:0]
        again = np.zeros(len(frame), bool)
        again[nfa] = self._happens(frame[nfa], "re_referral")
        late = ~again & (rng.random(len(frame)) < 0.12)
        gap = np.where(again, rng.integers(10, HALF_YEAR, len(frame)), rng.integers(HALF_YEAR + 30, 900, len(frame)))
        following = frame[again | late].copy()
        following["event_date"] = _days(following, "referral_date") + gap[again | late] * _DAY
        following["after_nfa"] = again[again | late]
        following = following[_days(following, "event_date") <= self.last_day]
        return frame, self._dated(following)

    def _dated(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Place events in their year, and leave out those from a child's eighteenth birthday on."""
        day = _days(frame, "event_date")
        month = day.astype("datetime64[M]").astype(int)
        frame = frame.assign(year=(month - 3) // 12 + 1970 - self.years[0])
        return frame[self._age(frame) < 18].reset_index(drop=True)

    def _assessed(self, frame: pd.DataFrame, open_: NDArray[np.bool_]) -> None:
        """Draw assessments of open referrals, from a working day on."""
        rng, children = self.rng, self.world.children
        n = int(open_.sum())
        mean = self._expected(frame[open_], "assessment_days")[1]
        days = np.maximum(np.round(mean + children.days_sd * rng.standard_normal(n)), 1).astype(int)
        days = days + np.where(rng.random(n) < children.outliers, 150, 0)
        begins = add_working_days(_days(frame, "referral_date")[open_], rng.integers(0, 4, n))
        ends = add_working_days(begins, days)
        for name, values in (("assessment_start", begins), ("assessment_end", ends)):
            column = _none(len(frame))
            column[open_] = np.where(ends <= self.last_day, values, np.datetime64("NaT"))
            frame[name] = column

    def _planned(self, frame: pd.DataFrame, nfa: NDArray[np.bool_]) -> None:
        """Draw conferences, plans and starts of care of open referrals."""
        rng, day = self.rng, _days(frame, "referral_date")
        held = np.zeros(len(frame), bool)
        held[~nfa] = self._happens(frame[~nfa], "conference")
        later = ~nfa & ~held & (rng.random(len(frame)) < 0.03)
        gap = np.where(held, rng.integers(15, CONFERENCE, len(frame)), rng.integers(CONFERENCE + 1, 300, len(frame)))
        frame["conference_date"] = _when(held | later, _later(day, gap), self.last_day)
        plan = (held | later) & (rng.random(len(frame)) < 0.85) & ~_flag(frame, "after_nfa")
        frame["cpp_start"] = _when(plan, _later(day, gap + 1), self.last_day)
        care = ~nfa & (rng.random(len(frame)) < self.world.children.care) & ~_flag(frame, "after_nfa")
        frame["care_start"] = _when(care, _later(day, rng.integers(5, 250, len(frame))), self.last_day)
        escalated = frame["escalated"].to_numpy(bool)
        how = rng.random(len(frame)) < 0.7
        soon = _later(day, rng.integers(5, HALF_YEAR, len(frame)))
        for name, mask in (("cpp_start", escalated & how), ("care_start", escalated & ~how)):
            frame[name] = np.where(mask, _when(mask, soon, self.last_day), frame[name].to_numpy("datetime64[D]"))

    def _care(self, referrals: pd.DataFrame) -> pd.DataFrame:
        """Draw periods of care with their placements, endings and re-entries."""
        starts = referrals[referrals["care_start"].notna()].copy()
        starts["event_date"] = _days(starts, "care_start")
        starts = self._dated(starts.drop_duplicates("child_id"))
        alone = self._alone(starts)
        first = self._placed(pd.concat([starts, alone], ignore_index=True))
        home = first["reason_ceased"].isin(["E4A", "E4B"]) & (
            self.rng.random(len(first)) < self.world.children.re_entry
        )
        back = first[home & (first["rne"] == "S")].copy()
        gap = self.rng.integers(14, 365, len(back)) * _DAY
        back["event_date"] = _days(back, "care_end") + gap
        back = back[_days(back, "event_date") <= self.last_day]
        return pd.concat([first, self._placed(self._dated(back))], ignore_index=True)

    def _alone(self, starts: pd.DataFrame) -> pd.DataFrame:
        """Draw unaccompanied children: about one entry in twelve, older, without a referral before."""
        chosen = starts.sample(frac=0.08, random_state=self.rng.bit_generator)
        day = _days(chosen, "event_date")
        age = np.floor(365.25 * self.rng.uniform(14, 17.5, len(chosen))).astype(int)
        ids = 10_000_000 + np.arange(len(chosen))
        return chosen.assign(uasc=1.0, birth_date=day - age * _DAY, child_id=ids, poor=0.0, plans=0)

    def _placed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Draw placements: where, until when, why ended; some periods have a second placement."""
        rng, children, n = self.rng, self.world.children, len(frame)
        kinship = self._happens(frame, "kinship")
        codes = np.where(
            kinship, rng.choice(_KINSHIP, n), rng.choice(_PLACES, n, p=[0.55, 0.2, 0.12, 0.06, 0.05, 0.02])
        )
        begins = _days(frame, "event_date")
        ends = begins + np.maximum(rng.exponential(500, n), 1).astype(int) * _DAY
        grown = _days(frame, "birth_date") + np.timedelta64(6574, "D")
        home = rng.random(n) < children.reunified
        why = np.where(home, rng.choice(["E4A", "E4B"], n, p=[0.8, 0.2]), rng.choice(_OTHER_ENDS, n))
        why, ends = np.where(ends > grown, "E17", why), np.minimum(ends, grown)
        moved = (rng.random(n) < children.moved) & (ends > begins + 60 * _DAY)
        middle = begins + ((ends - begins) / 2).astype("timedelta64[D]")
        frame = frame.assign(event="care", rne="S", placement=codes, legal_status=rng.choice(["C1", "C2", "V2"], n))
        frame["care_start"], frame["care_end"] = begins, np.where(moved, middle, ends)
        frame["reason_ceased"] = np.where(moved, "X1", why)
        second = frame[moved].assign(event_date=middle[moved], care_start=middle[moved], care_end=ends[moved], rne="P")
        second["reason_ceased"], second["placement"] = why[moved], rng.choice(_PLACES, int(moved.sum()))
        whole = pd.concat([frame, second], ignore_index=True)
        open_ = _days(whole, "care_end") > self.last_day
        whole["care_end"] = whole["care_end"].mask(open_)
        whole["reason_ceased"] = whole["reason_ceased"].mask(open_, "")
        whole = whole[_days(whole, "event_date") <= self.last_day]
        for name in ("referral_date", "assessment_start", "assessment_end", "conference_date", "cpp_start"):
            whole[name] = _none(len(whole))
        return whole.drop(columns="referral_nfa", errors="ignore")

    def _recorded(self, whole: pd.DataFrame) -> pd.DataFrame:
        """Lay out what is recorded, under the names of the returns, with what is missing."""
        rng, gaps, n = stream(self.seed, "children", "gaps"), self.world.children.missing, len(whole)
        age = self._age(whole)
        phase = np.array(_PHASES, object)[(age >= 4.5).astype(int) + (age >= 11.5)]
        young = np.where(age < 5, 2.0, 1.0)
        low = whole["poor"].to_numpy(float)
        chance = {"gender": 1.0, "ethnicity": 0.6 + 0.8 * (self.poverty[whole["place"]] > 0.22), "low_income": young,
                  "school_phase": 1.0, "housing": 1.0}  # fmt: skip
        hidden = {name: rng.random(n) < np.minimum(getattr(gaps, name) * by, 0.95) for name, by in chance.items()}
        out = pd.DataFrame({"child_id": whole["child_id"], "la_code": self.names[whole["place"]]})
        for name in ("event", "event_date", "referral_date"):
            out[name] = whole[name]
        out["referral_nfa"] = whole["referral_nfa"].astype("Int64")
        for name in ("assessment_start", "assessment_end", "conference_date", "cpp_start", "care_start", "care_end"):
            out[name] = whole[name]
        for name in ("rne", "legal_status", "placement", "reason_ceased"):
            out[name] = whole[name].fillna("")
        out["birth_date"] = whole["birth_date"]
        out["gender"] = np.where(hidden["gender"], "", np.where(whole["female"] == 1, "2", "1"))
        out["ethnicity"] = np.where(hidden["ethnicity"], "", np.array(ETHNICITY, object)[whole["group"].to_numpy(int)])
        out["low_income"] = np.where(hidden["low_income"], np.nan, low)
        out["school_phase"] = np.where(hidden["school_phase"], "", phase)
        out["housing"] = np.where(hidden["housing"], "", np.where(low + rng.random(n) > 1.2, "rented", "owned"))
        out["disabled"], out["uasc"] = whole["disabled"].astype(int), whole["uasc"].astype(int)
        out["previous_plans"] = whole["plans"].astype(int)
        return out


def _expit(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _days(frame: pd.DataFrame, name: str) -> Days:
    return np.asarray(frame[name].to_numpy("datetime64[D]"))


def _later(day: Days, days: Codes) -> Days:
    """Return the day so many days later, (n,)."""
    return np.asarray(day + days.astype("timedelta64[D]"), "datetime64[D]")


def _none(n: int) -> Days:
    return np.full(n, np.datetime64("NaT"), "datetime64[D]")


def _flag(frame: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    return frame[name].to_numpy(bool) if name in frame else np.zeros(len(frame), bool)


def _when(mask: NDArray[np.bool_], day: Days, last: np.datetime64) -> Days:
    """Return days where something happens by the last day on record, else none."""
    return np.asarray(np.where(mask & (day <= last), day, np.datetime64("NaT")))
