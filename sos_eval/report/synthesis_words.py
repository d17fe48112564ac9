"""Tables of a synthesis in words: methods, roles and scales, heads, and bundles by their titles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["study_titles", "synthesis_in_words"]

_CODES = {
    "heterogeneity": {"reml": "REML", "paule_mandel": "Paule-Mandel", "dersimonian_laird": "DerSimonian-Laird"},
    "interval": {
        "modified_hartung_knapp": "Hartung-Knapp, modified", "hartung_knapp": "Hartung-Knapp",
        "normal, from std_error": "normal, from its standard error",
    },
    "role": {"headline": "headline", "sensitivity": "beside it"},
    "test": {"egger": "Egger's regression"},
}  # fmt: skip
_HEADS = {
    "conf_level": "level", "q": "Cochran's Q", "q_p": "p of Q", "i2": "I², %", "tau2": "variance between (tau²)",
    "tau2_low": "tau², low end", "tau2_high": "tau², high end", "df": "degrees of freedom",
    "predicted_low": "new setting, low end", "predicted_high": "new setting, high end", "left_out": "without",
}  # fmt: skip
#: Columns that name studies.
_NAMING = ("study", "left_out")


def study_titles(studies: pd.DataFrame) -> dict[str, str]:
    """Return what each study is called: a bundle by its title, its folder beside it."""
    names = studies["study"].astype(str)
    if "title" not in studies:
        return dict(zip(names, names, strict=True))
    titles = studies["title"].fillna("").astype(str)
    return {name: f"{title} ({name})" if title else name for name, title in zip(names, titles, strict=True)}


def synthesis_in_words(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of a synthesis with codes, names and heads in words; numbers stay."""
    words = {name: table[name].replace(codes) for name, codes in _CODES.items() if name in table}
    words |= {name: table[name].astype(str).replace(dict(titles)) for name in _NAMING if name in table}
    told = table.drop(columns="title", errors="ignore") if "study" in table else table
    return told.assign(**words).rename(columns=_HEADS)
