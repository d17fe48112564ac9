"""The job `panel cin`: CIN census returns to a panel, with the report of its rules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sos_eval.bundle.whole import refuse_inputs, refuse_target, write_file
from sos_eval.errors import DataFault, Faults
from sos_eval.panel.care.emptied import BrokenRules, broken_rules
from sos_eval.panel.care.rules import with_policies
from sos_eval.panel.census.counts import COUNTED, census_counts
from sos_eval.panel.census.rules import census_rules
from sos_eval.panel.disclosure import Disclosure, masked, with_ranges, without_empty_ranges
from sos_eval.panel.read.returns.census import named_in_header
from sos_eval.panel.read.returns.files import return_files

__all__ = ["write_census"]


def write_census(
    given: Sequence[Path], out: Path, disclosure: Disclosure, *, authority: str | None = None, year: int | None = None,
    policies: Mapping[str, str] | None = None, force: bool = False,
) -> tuple[Path, Path, int, BrokenRules]:  # fmt: skip
    """Count returns and write the panel, ``P.csv``, and its validation report, ``P.validation.csv``.

    Returns
    -------
    panel, validation, n_masked, broken
        The files, how many cells the profile masked, and how much breaks each rule.

    Raises
    ------
    InputFault
        With every file that cannot be read or whose authority or year is not known, and every unknown rule.
    """
    beside = out.with_name(f"{out.stem}.validation.csv")
    refuse_target(out, [beside], "a panel", force=force)
    faults = Faults(DataFault)
    rules = with_policies(census_rules(), policies or {}, faults)
    returns = return_files(given, faults, authority, year, named_in_header)
    refuse_inputs([out, beside], [file.path for file in returns])
    counts = census_counts(returns, rules, faults)
    panel, hidden = masked(counts.panel, list(COUNTED), disclosure)
    panel = without_empty_ranges(with_ranges(panel, counts.panel, list(COUNTED), disclosure))
    validation, also = masked(counts.validation, ["events", "children"], disclosure)
    for file, table in ((out, panel), (beside, validation)):
        write_file(file, table.to_csv(index=False, lineterminator="\n"))
    return out, beside, hidden + also, broken_rules(validation, "events")
