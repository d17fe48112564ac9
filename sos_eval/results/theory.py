"""What a run knows of its programme theory: what identifies the effect, what may move trends, what was tested."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TheoryFacts", "cited_words"]


@dataclass(frozen=True, slots=True)
class TheoryFacts:
    """The answers to a declared theory; all empty where a design declares none.

    Attributes
    ----------
    identification, trends, implications
        A sentence each, for the report.
    adjustment
        Back-door sets from which nothing can be left out.
    every
        Whether these are all.
    front_door, instruments, missing
        Nodes; `missing` would complete a back-door set if they were measured.
    statements
        Statements of context, mechanism and outcome, as sentences.
    """

    identification: str = ""
    trends: str = ""
    implications: str = ""
    adjustment: tuple[tuple[str, ...], ...] = ()
    every: bool = True
    front_door: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()


def cited_words(title: str, source: str) -> str:
    """Say which theory it is and after whom; empty where neither is declared.

    Examples
    --------
    >>> cited_words("A theory", "Somebody (2018)"), cited_words("", "")
    ('The theory is: A theory. It is after: Somebody (2018).', '')
    """
    said = [f"The theory is: {title.rstrip('.')}." if title else ""]
    said += [f"{'It' if title else 'The theory'} is after: {source.rstrip('.')}." if source else ""]
    return " ".join(filter(None, said))
