"""The headline as a table of two columns."""

from __future__ import annotations

import pandas as pd

from sos_eval.bundle.bundle import ResultBundle
from sos_eval.results.method import register

__all__ = ["headline"]


@register("headline", kind="table")
def headline(bundle: ResultBundle) -> pd.DataFrame:
    """Headline as two columns: sentence, verdict, numbers in natural units, and what must not be said."""
    rows = list(_flat("", bundle.headline))
    return pd.DataFrame(rows, columns=["item", "value"], dtype=object)


def _flat(prefix: str, value: object) -> list[tuple[str, object]]:
    """Return nested values as lines of ``a.b`` and value."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _flat(f"{prefix}.{key}" if prefix else key, item)]
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [line for k, item in enumerate(value) for line in _flat(f"{prefix}.{item.get('what', k + 1)}", item)]
    if isinstance(value, list):
        return [(prefix, "; ".join(map(str, value)))]
    return [(prefix, value)]
