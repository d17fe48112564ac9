"""Words and numbers in sentences under a profile: which leave, and what is said of those that do not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from sos_eval.bundle.content import BundleContent, Confidential
from sos_eval.bundle.files import json_text
from sos_eval.bundle.held import HeldBack
from sos_eval.bundle.sentences import counts_people, fractions, without_computed, without_fractions

__all__ = ["PEOPLE", "PassedWords"]

_QUOTED = "withheld: words and numbers that may be from the data"
#: Why rows that are people are held back.
PEOPLE = "withheld: rows are people"
_SENTENCE = "A sentence that counts or names people is withheld (disclosure)."


class PassedWords:
    """Sentences as they may leave.

    Parameters
    ----------
    content, about
        What is to be written, and what is known of it beside.
    held
        Where what is held back is noted.
    """

    def __init__(self, content: BundleContent, about: Confidential, held: HeldBack) -> None:
        self.content, self.about, self.held = content, about, held

    def said(self, file: str, texts: Sequence[str]) -> list[str]:
        """Return sentences, without those that count or name people where rows are people or were events."""
        if not self.counted:
            return list(texts)
        held = [counts_people(text) or self._names(text) for text in texts]
        self.held.note(file, "sentences", sum(held), PEOPLE)
        return [_SENTENCE if gone else text for gone, text in zip(held, texts, strict=True)]

    def without_numbers(self, file: str, texts: Sequence[str]) -> list[str]:
        """Return sentences without numbers that are neither whole nor declared, and without cut-points of the data."""
        return self._fewer(file, texts, [without_fractions(text, self._written) for text in texts])

    def without_computed(self, file: str, texts: Sequence[str]) -> list[str]:
        """Return what methods say of their work, without every number that may be made of outcomes, whole ones too."""
        plain = [without_computed(text, self._written, self._periods) for text in texts]
        return self._fewer(file, texts, plain)

    def worded(self, file: str, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table whose reasons quote no data, and whose words name and count no people."""
        texts = {
            str(name): ["" if pd.isna(text) else str(text) for text in table[name]]
            for name in table.columns
            if table[name].dtype.kind in "OTU" and (name == "reason" or self.about.people)
        }
        if "reason" in texts:
            plain = [self.about.told(text) for text in texts["reason"]]
            quoted = sum(one != other for one, other in zip(plain, texts["reason"], strict=True))
            self.held.note(file, "words of reasons", quoted, _QUOTED)
            texts["reason"] = plain
        return table.assign(**{name: self.said(file, said) for name, said in texts.items()})

    @property
    def counted(self) -> bool:
        """Whether what was read are people or events, so that words and the flow may count them."""
        return self.about.people or self.about.events

    def _fewer(self, file: str, texts: Sequence[str], plain: list[str]) -> list[str]:
        """Note how many sentences lost numbers; return them as they are without."""
        gone = sum(one != other for one, other in zip(plain, texts, strict=True))
        self.held.note(file, "numbers in sentences", gone, _QUOTED)
        return plain

    @cached_property
    def _periods(self) -> frozenset[str]:
        """Return the periods of the panel as they are written."""
        panel = self.content.facts.panel
        if panel.periods or not math.isfinite(panel.first_time + panel.last_time):
            return frozenset(panel.periods)
        return frozenset(map(str, range(int(panel.first_time), int(panel.last_time) + 1)))

    @cached_property
    def _written(self) -> frozenset[str]:
        """Return the numbers with a fraction that the design declares, as they are written."""
        return frozenset(fractions(json_text(self.content.design)))

    def _names(self, text: str) -> bool:
        """Whether a sentence holds the name of a unit."""
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in self.about.names if name in text)
