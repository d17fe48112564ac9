"""Multiple imputation by chained equations: predictive mean matching for numbers, logit for categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gapped", "impute"]

Array = NDArray[np.float64]

#: Rows with the nearest predicted values, one of whom lends its value.
DONORS = 5


@dataclass(frozen=True, slots=True)
class Gapped:
    """A column with gaps.

    Attributes
    ----------
    values : (n,)
        Numbers, or codes of categories from 0; anything where `missing`.
    missing : (n,)
        Where there is no value.
    categories
        How many categories; 0 for a number.
    """

    values: Array
    missing: NDArray[np.bool_]
    categories: int = 0


def impute(columns: list[Gapped], complete: Array, rng: np.random.Generator, *, iterations: int) -> list[Array]:
    """Fill gaps once, each column foretold by all others, in turn (van Buuren and Groothuis-Oudshoorn 2011).

    A column's model is fitted to a bootstrap sample of the rows that have it, so that its parameters vary as they
    should (Rubin and Schenker 1986). A number is that of a donor, one of the five with the nearest predictions; a
    category is drawn from the probabilities of a (multinomial) logit.

    Parameters
    ----------
    columns
        Columns with gaps.
    complete : (n, p)
        Columns without any.
    iterations
        Rounds over all columns.

    Returns
    -------
    list of (n,)
        The columns, filled.
    """
    filled = [_started(column, rng) for column in columns]
    order = sorted(range(len(columns)), key=lambda j: int(columns[j].missing.sum()))
    for _ in range(iterations):
        for j in order:
            others = [_laid_out(filled[i], columns[i].categories) for i in range(len(columns)) if i != j]
            x = _scaled(np.column_stack([complete, *others]))
            draw = _category if columns[j].categories else _number
            missing = columns[j].missing
            filled[j][missing] = draw(x[~missing], columns[j].values[~missing], x[missing], rng)
    return filled


def _started(column: Gapped, rng: np.random.Generator) -> Array:
    """Fill gaps with values of other rows, at random."""
    values = np.array(column.values, float)
    values[column.missing] = rng.choice(values[~column.missing], int(column.missing.sum()))
    return values


def _laid_out(values: Array, categories: int) -> Array:
    """Return a column as regressors: a number as it is, a category as indicators of all but the first, (n, c)."""
    return values[:, None] if not categories else (values[:, None] == np.arange(1, categories)).astype(float)


def _scaled(x: Array) -> Array:
    """Return regressors less their mean, over their standard deviation."""
    spread = x.std(0)
    return np.asarray((x - x.mean(0)) / np.where(spread > 0, spread, 1.0))


def _number(x: Array, y: Array, wanted: Array, rng: np.random.Generator) -> Array:
    """Draw numbers by predictive mean matching (Little 1988): coefficients of a bootstrap sample foretell all rows."""
    from sklearn.linear_model import LinearRegression

    sample = rng.integers(0, len(y), len(y))
    model = LinearRegression().fit(x[sample], y[sample])
    have, want = model.predict(x), model.predict(wanted)
    order = np.argsort(have, kind="stable")
    donor = _near(have[order], want, rng)
    return np.asarray(y[order[donor]])


def _near(ranked: Array, want: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return for each prediction the place of a donor, one of the nearest; ties are searched from a place at random."""
    donors, width = min(DONORS, len(ranked)), min(2 * DONORS, len(ranked))
    below, above = (np.searchsorted(ranked, want, side) for side in ("left", "right"))
    first = np.clip(rng.integers(below, above + 1) - donors, 0, len(ranked) - width)
    window = first[:, None] + np.arange(width)
    nearest = np.argsort(np.abs(ranked[window] - want[:, None]), axis=1, kind="stable")[:, :donors]
    rows = np.arange(len(want))
    return np.asarray(window[rows, nearest[rows, rng.integers(0, donors, len(want))]])


def _category(x: Array, y: Array, wanted: Array, rng: np.random.Generator) -> Array:
    """Draw categories from the probabilities of a logit fitted to a bootstrap sample."""
    from sklearn.linear_model import LogisticRegression

    sample = rng.integers(0, len(y), len(y))
    if len(np.unique(y[sample])) < 2:
        return rng.choice(y, len(wanted))
    model = LogisticRegression(C=1e4, max_iter=200).fit(x[sample], y[sample])
    reached = np.cumsum(model.predict_proba(wanted), axis=1)
    place = (rng.random(len(wanted))[:, None] > reached).sum(axis=1)
    return np.asarray(model.classes_[np.minimum(place, len(model.classes_) - 1)], float)
