"""What a report says, as a short list of blocks: each sentence is written once, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from sos_eval.report.page_tables import head_words

__all__ = ["Block", "Bullets", "Code", "Heading", "Link", "Picture", "ReportDocument", "Table", "Text", "slug"]


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 opens a section, 3 a part of it."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph. ``tone``: answer (the large sentence), small, or empty."""

    text: str
    tone: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table as a reader sees it: cells are text, the first column heads its row."""

    frame: pd.DataFrame
    caption: str

    @property
    def heads(self) -> list[str]:
        """What stands over the columns, in words."""
        names = [str(name) for name in self.frame.columns]
        heads = [head_words(name) for name in names]
        return [head if heads.count(head) == 1 else name for head, name in zip(heads, names, strict=True)]


@dataclass(frozen=True)
class Picture:
    """A figure by name, with its words."""

    name: str
    alt: str


@dataclass(frozen=True)
class Code:
    """Text kept as it is, such as the design; ``summary`` names it, ``file`` is where it lies beside the report."""

    text: str
    summary: str
    file: str = ""


@dataclass(frozen=True)
class Link:
    """Words that lead to a heading further down."""

    text: str
    heading: str


Block = Heading | Text | Bullets | Table | Picture | Code | Link


@dataclass(frozen=True)
class ReportDocument:
    """A report.

    Attributes
    ----------
    title
        Of the evaluation.
    badge
        The verdict in a few words.
    first_page
        For a director: lock state, answer, safety, one figure, at most seven sentences.
    body
        For everybody else, under the EMMIE headings.
    """

    title: str
    badge: str
    first_page: list[Block] = field(default_factory=list)
    body: list[Block] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        """Everything in order."""
        return [*self.first_page, *self.body]

    @property
    def chapters(self) -> list[Heading]:
        """The headings that a list of contents has."""
        return [one for one in self.body if isinstance(one, Heading) and one.level == 2]


def slug(text: str) -> str:
    """Return a heading as an anchor."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
