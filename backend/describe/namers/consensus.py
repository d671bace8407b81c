"""Names without a language model: the phrase that tells a feature's captions from all others.

A phrase is one to five words that follow each other in a caption, not across punctuation. With

    s = (captions of the feature that hold the phrase) / (captions of the feature)
    q = (other captions that hold it + 1) / (other captions + 2)

the name is the phrase of largest

    D(s, q) = s·ln(s / q) + (1 − s)·ln((1 − s) / (1 − q)),

the log-likelihood ratio per caption of "these captions hold it with rate s" against "with the rate of all others",
among the phrases with s ≥ ½ and s > q (with the added 1 and 2 and without) that two captions or more hold (one, if
there is but one). So a phrase must be common here *and* rare elsewhere: one that two of four
captions hold and no other does not beat one that all four hold and a few others do. Of equal ones, the one with more
words wins, then the longer one, then the first in the alphabet.

Words are compared in small letters, and a name is spelt as its words mostly are inside of sentences ("English").
Function words are those of English. Captions of any language work, with names that may begin or end with an article.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from backend.describe.namers.base import NAMERS, Namer, Naming
from backend.study.settings import Settings

VERSION = 2
LONGEST_PHRASE = 5
LEAST_SHARE = 0.5
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\s\w'’-]+")
"""A word, or a run of punctuation, at which phrases end."""

SENTENCE_ENDS = ".!?:"

FUNCTION_WORDS = """
a about above after again against all along also am an and another any are around as at away be been before behind
being below between both but by can could did do does down during each either few for from had has have he her here
him his how i if in inside into is it its itself just many may me might more most much must my near nearby neither
no nor not of off on one only onto or other our out outside over own per same several she should so some somewhere
such than that the their them then there these they this those through to together toward towards under until up
upon us very via was we were what when where which while who whom whose why will with within without would you your
"""
CAPTION_WORDS = """
appear appears audible audio background capture captured captures caption clip clips consist consisting consists
contain containing contains describe described describes feature featured features featuring followed hear heard
include includes including indicate indicates recorded recording recordings seem seems sound sounding sounds
"""
"""What captions say of themselves and not of the sound."""
NO_BOUNDS = frozenset([*FUNCTION_WORDS.split(), *CAPTION_WORDS.split()])


@NAMERS.register("consensus")
class ConsensusNamer(Namer):
    """Compares the feature's captions with all the others that `read` was given."""

    compares = True

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._number: dict[str, int] = {}
        self._holding: dict[str, list[int]] = {}
        self._known: dict[str, frozenset[int]] = {}
        self._spellings: dict[str, Counter[str]] = {}

    @classmethod
    def load(cls, settings: Settings, prompt: str, short_prompt: str) -> Namer:
        return cls()

    def read(self, captions: Sequence[str]) -> None:
        self._texts = sorted({_plain(caption) for caption in captions})
        self._number = {text: number for number, text in enumerate(self._texts)}
        holding: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self._texts):
            for word in set(text.split()):
                holding[word].append(number)
        self._holding, self._known = dict(holding), {}
        self._spellings = _spellings(captions)

    def name(self, captions: Sequence[str]) -> Naming:
        texts = [_plain(caption) for caption in captions]
        own = {self._number[text] for text in texts if text in self._number}
        others = len(self._texts) - len(own)
        counts = Counter(phrase for text in texts for phrase in set(_phrases(text)))
        best: tuple[float, int, int, list[int], str] | None = None
        for phrase, count in counts.items():
            share = count / len(texts)
            if share < LEAST_SHARE or count < min(2, len(texts)):
                continue
            elsewhere = len(self._with(phrase) - own)
            rate = (elsewhere + 1) / (others + 2)
            if share > rate and (elsewhere < share * others or not others):
                # rounded, so that which of two equal ones wins does not hang on the last bit
                score = round(_divergence(share, rate), 9)
                key = (score, len(phrase.split()), len(phrase), [-ord(letter) for letter in phrase], phrase)
                best = key if best is None else max(best, key)
        if best is None:
            return Naming(
                f"No common phrase: none is in at least half (and two) of the {len(texts)} captions and rarer in the "
                f"{others} others (compared word by word, without a language model).",
                "",
            )
        phrase = best[-1]
        name = " ".join(self._spelt(word) for word in phrase.split())
        return Naming(
            f'"{name}" is in {counts[phrase]} of the {len(texts)} captions and in {len(self._with(phrase) - own)} of '
            f"the {others} others (compared word by word, without a language model).",
            name,
        )

    def identity(self) -> dict[str, Any]:
        return {"namer": "consensus", "version": VERSION, "language_model": None}

    def _spelt(self, word: str) -> str:
        found = self._spellings.get(word)
        return max(found, key=lambda form: (found[form], form)) if found else word

    def _with(self, phrase: str) -> frozenset[int]:
        """Numbers of the texts that hold `phrase`."""
        if phrase not in self._known:
            rarest = min((self._holding.get(word, []) for word in phrase.split()), key=len)
            self._known[phrase] = frozenset(number for number in rarest if f" {phrase} " in self._texts[number])
        return self._known[phrase]


def _spellings(captions: Iterable[str]) -> dict[str, Counter[str]]:
    """How often each word is spelt how where no sentence begins, by the word in small letters."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for caption in captions:
        begins = True
        for one in WORD.findall(caption.replace("’", "'")):
            word = one[0].isalnum()
            if word and not begins:
                found[one.casefold()][one] += 1
            begins = not word and any(sign in SENTENCE_ENDS for sign in one)
    return dict(found)


def _plain(caption: str) -> str:
    """The words in small letters between single spaces, "|" where punctuation stood: " a dog barks | in rain "."""
    found = WORD.findall(caption.casefold().replace("’", "'"))
    return " ".join(["", *(one if one[0].isalnum() else "|" for one in found), ""])


def _phrases(text: str) -> Iterable[str]:
    """All phrases of a plain text that may be names."""
    for part in text.split("|"):
        words = part.split()
        for first in range(len(words)):
            for last in range(first + 1, min(first + LONGEST_PHRASE, len(words)) + 1):
                if _may_bound(words[first]) and _may_bound(words[last - 1]):
                    yield " ".join(words[first:last])


def _may_bound(word: str) -> bool:
    """Whether a name may begin and end with `word`."""
    return word not in NO_BOUNDS and any(letter.isalpha() for letter in word)


def _divergence(share: float, rate: float) -> float:
    """D(s, q) of the module's text, in nats; 0 < q < 1."""
    found = share * math.log(share / rate)
    return found + (1 - share) * math.log((1 - share) / (1 - rate)) if share < 1 else found
