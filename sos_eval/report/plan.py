"""Whether the plan was fixed beforehand: the sentence on page one, and the runs since the lock."""

from __future__ import annotations

import pandas as pd

from sos_eval.report.content import Block, Bullets, Code, Heading, Table
from sos_eval.report.wording import count
from sos_eval.results.facts import LockFacts

__all__ = ["lock_sentence", "plan_badge", "since_the_lock"]

_SHOWN = 3
_STATES = {"as_locked": "As locked"}


def plan_badge(lock: LockFacts) -> str:
    """Return what the badge adds where a run differs from its lock."""
    return "not as locked" if lock.state == "changed" else ""


def lock_sentence(lock: LockFacts) -> str:
    """Return how the run stands to its lock, what it does otherwise, and how many runs there were."""
    said = [lock.text or "This plan was never locked.", _differs(lock), _runs(lock), *lock.notes]
    return " ".join(text for text in said if text)


def _differs(lock: LockFacts) -> str:
    told = lock.differs
    more = f"; and {len(told) - _SHOWN} more, listed under provenance" if len(told) > _SHOWN else ""
    return f"What differs: {'; '.join(told[:_SHOWN])}{more}." if told else ""


def _runs(lock: LockFacts) -> str:
    """Count the runs that the log holds."""
    if not lock.locked_at or not (lock.runs or lock.runs_before):
        return ""
    as_locked = sum(run.state == "as_locked" for run in lock.runs)
    parts = [(as_locked, "as locked"), (len(lock.runs) - as_locked, "not as locked")]
    split = ", ".join(f"{many} {how}" for many, how in parts if many)
    before = f" Under earlier locks of this plan: {count(lock.runs_before, 'run')}." if lock.runs_before else ""
    since = f"{count(len(lock.runs), 'run')} since the lock"
    return f"{since}: {split} (listed under provenance).{before}" if lock.runs else before.strip()


def since_the_lock(lock: LockFacts) -> list[Block]:
    """Return every difference from the lock, in words and by key, and every run since."""
    blocks: list[Block] = []
    if lock.differs:
        blocks += [Heading("Changed since the plan was locked", 3), Bullets(lock.differs)]
    if lock.words and lock.differences:
        blocks.append(Code("\n".join(lock.differences), "The same by key"))
    if lock.runs:
        blocks += [Heading("Runs since the plan was locked", 3), Table(_table(lock), "Every run that the log holds")]
    return blocks


def _table(lock: LockFacts) -> pd.DataFrame:
    return pd.DataFrame({
        "When": [run.when for run in lock.runs],
        "Stands to the lock": [_STATES.get(run.state) or "; ".join(run.differences) for run in lock.runs],
        "Folder": [run.out for run in lock.runs], "Data": [", ".join(run.data) for run in lock.runs],
        "Version": [run.sos_eval for run in lock.runs],
    }, dtype=object)  # fmt: skip
