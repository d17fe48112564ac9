"""The main job: a design becomes a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sos_eval.bundle.bundle import ResultBundle, check_out
from sos_eval.bundle.whole import refuse_inputs
from sos_eval.design.design import Design, load_design
from sos_eval.design.evidence import evidence_sheet
from sos_eval.design.lock import as_locked, lock_path
from sos_eval.jobs import steps
from sos_eval.jobs.account import Account
from sos_eval.jobs.answers import primary
from sos_eval.jobs.discovery import discovered
from sos_eval.jobs.discreet import discreet
from sos_eval.jobs.emmie import refuse_packages, refuse_sections
from sos_eval.jobs.facts import run_facts
from sos_eval.jobs.families import declared_families
from sos_eval.jobs.implementation import implemented
from sos_eval.jobs.imputed import over_imputations
from sos_eval.jobs.judge import judge
from sos_eval.jobs.look import own_look
from sos_eval.jobs.mechanism_truth import true_mechanisms
from sos_eval.jobs.moderators import moderated, refuse_parts
from sos_eval.jobs.parts_truth import true_parts
from sos_eval.jobs.runs import data_files, logged
from sos_eval.jobs.theory import identification, theorised
from sos_eval.jobs.universal_base import universal_base
from sos_eval.jobs.world_truth import known_to, true_of
from sos_eval.jobs.write import write

__all__ = ["Progress", "default_out", "run"]

Progress = Callable[[str, int, int], None]


def run(
    design: Design | str | Path,
    *,
    out: str | Path | None = None,
    panel: str | Path | None = None,
    seed: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    workers: int = 1,
) -> ResultBundle:
    """Run a declared design from its data to a bundle with figures and report.

    Parameters
    ----------
    design
        A design, or its file. What a later version reads otherwise than the one that locked it stays as locked.
    out
        Folder of the bundle; ``reports/<file name of the design>`` unless given.
    panel, seed
        In place of `panel.path` and of the design's seed, where `design` is a file.
    force
        Replace an existing bundle.
    progress
        Called with (what is done, steps done, steps in all); within inference with estimates in place of steps.
    notice
        Called with a sentence where inference will take more than ten seconds.
    workers
        Processes that make the estimates of inference, where that pays; the same numbers for any.

    Returns
    -------
    ResultBundle

    Raises
    ------
    InputFault
        With every fault; nothing has been written.
    """
    plan = as_locked(design if isinstance(design, Design) else load_design(design, panel=panel, seed=seed))
    folder = Path(out) if out is not None else default_out(plan)
    check_out(folder, force=force)
    refuse_inputs([folder], [plan.path, lock_path(plan), *data_files(plan)])
    own_look(plan)  # its faults come before the work
    steps.refuse_economics(plan)
    refuse_packages(plan)
    account = Account(plan, progress, notice, workers)
    with account.crew.at_work(), discreet(plan):
        return _evaluated(plan, folder, account, force=force)


def _evaluated(plan: Design, folder: Path, account: Account, *, force: bool) -> ResultBundle:
    """Take every step from data to bundle."""
    with account.step("load_panel"):
        panels = steps.load_panels(plan)
    with account.step("identify"):
        steps.identify(plan, panels)
        identified = identification(plan)
    with account.step("compare"):
        groups = steps.compare(plan, panels)
        refuse_sections(plan, groups)
    with account.step("estimate"):
        fitted = steps.estimate(plan, groups, account.crew)
        refuse_parts(plan, groups, fitted)
    with account.step("infer"):
        inferred = over_imputations(plan, panels, steps.infer(plan, fitted, account), account)
    with account.step("check"):
        checked = steps.check(plan, fitted, groups, account)
        by_group = moderated(plan, groups, fitted, account)
        looked = discovered(plan, groups, fitted, account)
        theory = theorised(plan, identified, groups, fitted, account)
    with account.step("judge"):
        judged = judge(plan, groups, fitted, inferred, account)
        checked += judged.checked
    facts = run_facts(plan, groups, fitted, inferred, checked, judged, theory.facts)
    with account.step("cost"):
        practised = implemented(plan, groups, fitted, inferred, account)
        costed = steps.cost(plan, inferred, checked, groups, facts, practised)
    facts = logged(plan, folder, facts, account)
    further = universal_base(fitted, account) | theory.tables | by_group.tables | looked.tables | practised
    known = known_to(plan)
    further |= declared_families(plan, inferred) | true_of(plan, known, fitted, by_group.found)
    headline = fitted[primary(plan, groups)]
    further |= true_mechanisms(plan, known, headline, theory.tables)
    further |= true_parts(plan, known, headline, practised, looked.members)
    further |= evidence_sheet(plan, facts, further)
    with account.step("write"):
        return write(
            plan,
            folder,
            groups,
            fitted,
            inferred,
            checked,
            facts,
            judged,
            costed,
            further,
            account,
            rows=by_group.rows,
            force=force,
        )


def default_out(design: Design) -> Path:
    """Return where a bundle goes unless told otherwise."""
    return Path("reports") / design.path.stem
