"""`sos-eval match`: the comparison groups of a design before any later outcome's value is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sos_eval.cli.screen import Screen, as_json, pass_screen, quiet
from sos_eval.results.comparison import OF_UNITS

if TYPE_CHECKING:
    import pandas as pd

    from sos_eval.jobs.match import MatchedGroup

__all__ = ["match"]

LIMIT_FAILED = 3


@click.command()
@click.argument("design", type=click.Path(path_type=Path))
@click.option("--panel", type=click.Path(path_type=Path), help="Data file, in place of panel.path.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for balance, flow, weights and sets as CSV.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier call wrote there.")
@quiet
@as_json
@pass_screen
def match(screen: Screen, design: Path, panel: Path | None, out: Path | None, force: bool) -> int:
    """Show who is compared with whom, how alike they are, and who was left out and why.

    Of outcomes later than the first start of anyone nothing is seen, where rows are people whether there is one; each
    group says which. Exit 3 where a declared limit on imbalance is not kept.
    """
    from sos_eval.jobs.match import match_design, write_groups
    from sos_eval.jobs.runs import files_read

    groups = match_design(design, panel=panel)
    read = [] if out is None else files_read(design, panel)
    written = [] if out is None else write_groups(groups, out, force=force, read=read)
    lines = [*(_told(group) for group in groups), *(f"written: {file}" for file in written)]
    unmet = [name for group in groups for name in group.unmet]
    screen.answer("\n\n".join(lines), {"groups": [_facts(group) for group in groups], "unmet": unmet})
    return LIMIT_FAILED if unmet else 0


def _told(group: MatchedGroup) -> str:
    """Say one group in words and tables."""
    parts = [f"{group.name}: {group.method}"]
    balance = group.tables["balance"]
    if len(balance):
        names = ["covariate", "stage", "mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks"]
        numbers = balance[names].round(3).replace({0.0: 0.0})  # no minus before a zero
        parts.append(numbers.to_string(index=False, na_rep=""))
        parts.append(_sizes(balance, rows="set_weights" in group.tables))
    parts += [_measured(group.tables["balance_measures"]), *_calibrated(group.tables)]
    flow = group.tables["flow"]
    for step, what, units, rows, names, reason in flow.itertuples(index=False):
        parts.append(_step(step, what, _size(units, rows), _called(str(names), group.names), reason))
    pairs = ["who is compared with whom:", *group.pairs] if group.pairs else []
    return "\n".join([part for part in parts if part] + [*group.notes, *(one.text for one in group.limits), *pairs])


def _sizes(balance: pd.DataFrame, *, rows: bool) -> str:
    """Say how many are compared; of rows of people those, though units that were paired stand below them."""
    own = balance[~balance["covariate"].str.endswith(OF_UNITS)] if rows else balance
    last = own.iloc[-1]
    return (
        f"{last['n_treated']:.0f} treated and {last['n_comparison']:.0f} comparison {'rows' if rows else 'units'}, "
        f"worth {last['ess_comparison']:.1f} equally weighted"
    )


def _called(codes: str, names: Mapping[str, str]) -> str:
    """Return units of the flow by their names: ``825 (2011, 2012), 304`` too, whose brackets hold periods."""
    outside = re.split(r"( ?\([^()]*\))", codes)
    for place in range(0, len(outside), 2):
        outside[place] = ", ".join(names.get(code, code) for code in outside[place].split(", "))
    return "".join(outside)


def _measured(table: pd.DataFrame) -> str:
    """Set the measures of `balance_measures` side by side, before and after; why one is empty below."""
    if table.empty:
        return ""
    measure = table["measure"].str.cat(table["covariate"], sep=" ").str.strip()
    wide = table.assign(measure=measure).pivot_table(index="measure", columns="stage", values="value")
    wide = wide.reindex(index=measure.unique(), columns=["before", "after"]).round(3).replace({0.0: 0.0})
    why = [f"{name}: {reason}" for name, reason in dict(zip(measure, table["reason"], strict=True)).items() if reason]
    shown = wide.rename_axis(None, axis=1).rename_axis(None).to_string(na_rep="")
    return "\n".join([f"also measured:\n{shown}", *why])


def _calibrated(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Show the propensity beside the share that is treated, by tenths, and the line through them."""
    if "calibration" not in tables:
        return []
    shown = [
        tables[name].round(3).to_string(index=False, na_rep="") for name in ("calibration", "calibration_line")
    ]  # fmt: skip
    return [
        f"the propensity by tenths, as estimated and as observed:\n{shown[0]}",
        f"its line (held_out: said by a model of other folds):\n{shown[1]}",
    ]


def _size(units: int, rows: int) -> str:
    """Return how many units a line of the flow is about, or how many rows where it is about no whole unit."""
    return f"{rows:,} row{'' if rows == 1 else 's'}" if rows and not units else f"{units}"


def _step(step: str, what: str, size: str, names: str, reason: str) -> str:
    """Say one line of the flow."""
    return (
        f"{step if step == what else f'{step}: {what}'} {size}"
        + (f" ({names})" if names else "")
        + (f": {reason}" if reason else "")
    )


def _facts(group: MatchedGroup) -> dict[str, object]:
    """Return one group for `--json`."""
    tables = {name: _records(table) for name, table in group.tables.items()}
    limits = [
        {
            "name": one.name, "value": one.value if isfinite(one.value) else None,
            "threshold": one.threshold if isfinite(one.threshold) else None, "passed": one.passed, "text": one.text,
        }
        for one in group.limits
    ]  # fmt: skip
    return {"estimators": group.name, "method": group.method, "notes": list(group.notes), "limits": limits, **tables}


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return a table's rows, None for what is missing."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
