"""Read what a free answer states, by rules on words; no model is asked.

Words come from two places: the vocabulary of the corpus (labels, their phrases, languages, families) and the fixed
word lists of `wording`. A word that stands behind a negation in its clause states nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from backend.builtin.examples import Facts, Sound
from backend.builtin.statements import ARTICLES, NONE, SPEECH, key_of, name
from backend.builtin.wording import wording
from backend.errors import ArdError

NEGATION = re.compile(
    r"\b(?:no|not(?! only)|nobody|none|never|without|neither|nor|other than|rather than|instead of|\w+n't)\b"
)
CLAUSE_END = re.compile(r"[.,;:!?]|\bbut\b")
ABSENT = re.compile(r"\b(?:no|nobody|none)\b")
WORD = re.compile(r"[\w'-]+")
YES_OR_NO = re.compile(r"\W*(yes|no)\b")
LATER_FIRST = re.compile(r"\b(?:after|preceded by)\b")
NOT_FIRST = re.compile(r"\b(?:second|last)\b")
SEVERAL_ALLOWED = ("caption", "what", "category")
"""Kinds whose answer may name several things."""
SOUND_WORDS = ("label", "category", "sex", "language", "family")
"""Dimensions whose words claim that a sound is there."""


@dataclass(frozen=True)
class Mention:
    """A word of an answer, what it states, and where it stands."""

    value: str
    start: int
    end: int
    negated: bool


class Lexicon:
    """Words and word groups of one dimension, each with the value it states; the longest match counts.

    Parameters
    ----------
    entries : mapping of words to value
        Lower case; a plural ending is understood.
    hints : mapping of word to value
        Single words that state a value unless they stand directly before another mention: "church" alone may mean an
        organ, in "church bell" it does not.
    """

    def __init__(self, entries: Mapping[str, str], hints: Mapping[str, str] | None = None) -> None:
        self.values = {**(hints or {}), **entries}
        self.hints = frozenset(hints or ()) - entries.keys()
        longest_first = sorted(self.values, key=lambda words: (-len(words), words))
        # an empty alternation would match everywhere
        choice = "|".join(re.escape(words) for words in longest_first) or r"(?!)"
        self.pattern = re.compile(rf"\b({choice})(?:e?s)?\b")

    def mentions(self, text: str) -> list[Mention]:
        """All mentions in `text` (as `plain` gives it), negated ones marked."""
        matches = list(self.pattern.finditer(text))
        return [
            Mention(self.values[match[1]], match.start(), match.end(), _negated(text, match.start()))
            for match, following in zip(matches, [*matches[1:], None], strict=False)
            if match[1] not in self.hints or following is None or following.start() > match.end() + 1
        ]

    def stated(self, text: str) -> list[Mention]:
        """Mentions that are not negated."""
        return [mention for mention in self.mentions(text) if not mention.negated]


class Vocabulary:
    """What the answers about a corpus can state.

    Attributes
    ----------
    lexicons : mapping of dimension to Lexicon
        "label", "category", "language", and those of `wording().words`.

    Raises
    ------
    ArdError
        A label belongs to two categories, or two labels are described by the same words, so that an answer could not
        be read.
    """

    def __init__(self, sounds: Iterable[Sound]) -> None:
        sounds = list(sounds)
        fixed = {
            dimension: {word: value for value, words in table.items() for word in words}
            for dimension, table in wording().words.items()
        }
        languages = {value.lower(): value for value in _values(sounds, "language")}
        families = {value.lower(): value for value in _values(sounds, "family")}
        reserved = {word for table in (*fixed.values(), languages) for terms in table for word in terms.split()}
        categories = _categories(sounds)
        labels, hints = _label_words(sounds, reserved)
        speech = {word: SPEECH for word, value in fixed["category"].items() if value == SPEECH}
        self.lexicons: Mapping[str, Lexicon] = {
            **{dimension: Lexicon(table) for dimension, table in fixed.items()},
            "language": Lexicon(languages),
            "family": Lexicon({**families, **fixed["family"]}),
            "label": Lexicon({**speech, **labels}, hints),
            "category": Lexicon({**fixed["category"], **_through(labels, categories)}, _through(hints, categories)),
        }


def read_answer(kind: str, text: str, vocabulary: Vocabulary) -> str | None:
    """The key that an answer to a question of `kind` states, as in `Dialogue.key`.

    None if it states none or contradicts itself: "It is a dog. It is a cat." about a label, "Yes, nobody is speaking."
    Captions and answers about what is heard or its category may name several things.
    """
    said = plain(text)
    if kind in ("speech", "music"):
        return _yes_or_no(kind, said, vocabulary)
    dimension = "label" if kind in ("caption", "what", "order") else kind
    stated = vocabulary.lexicons[dimension].stated(said)
    nothing = {mention.value for mention in vocabulary.lexicons["nothing"].stated(said)}
    if not stated:
        return _without_a_value(kind, said, nothing, vocabulary)
    if "silence" in nothing:
        return None
    if kind == "order":
        return _first(stated, said)
    values = {mention.value for mention in stated}
    return key_of(list(values)) if kind in SEVERAL_ALLOWED or len(values) == 1 else None


def outside_vocabulary(text: str, facts: Facts, vocabulary: Vocabulary) -> list[str]:
    """Words of an answer that claim a sound (or a voice, a language, a family) that the facts do not hold.

    Of silence and noise that is every such word.
    """
    said = plain(text)
    held = {
        "label": {name(sound) for sound in facts.sounds},
        "category": {sound.category for sound in facts.sounds},
        **{attribute: _values(facts.sounds, attribute) for attribute in ("sex", "language", "family")},
    }
    if held["category"] & {SPEECH, "human"}:
        held["family"].add("voice")
    named = {(mention.start, mention.end) for mention in vocabulary.lexicons["label"].stated(said)}
    found = [
        (mention, mention.value in held[dimension])
        for dimension in SOUND_WORDS
        for mention in vocabulary.lexicons[dimension].stated(said)
        # that a cat is an animal does not make it true beside a dog
        if dimension != "category" or (mention.start, mention.end) not in named
    ]
    # a word may state one thing as a label and another as a family: one true reading is enough
    true = [(mention.start, mention.end) for mention, holds in found if holds]
    true += [span for sound in facts.sounds for span in _occurrences(sound, said)]
    outside = {
        (mention.start, mention.end)
        for mention, holds in found
        if not holds and not any(start < mention.end and mention.start < end for start, end in true)
    }
    return [said[start:end] for start, end in sorted(outside)]


def plain(text: str) -> str:
    """Lower case, with straight apostrophes and single spaces."""
    return " ".join(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


def _yes_or_no(kind: str, said: str, vocabulary: Vocabulary) -> str | None:
    mentions = [m for m in vocabulary.lexicons["category"].mentions(said) if m.value == kind]
    spoken = {("no" if mention.negated else "yes") for mention in mentions}
    if not mentions and vocabulary.lexicons["nothing"].stated(said):
        spoken.add("no")
    if match := YES_OR_NO.match(said):
        spoken.add(match[1])
    return spoken.pop() if len(spoken) == 1 else None


def _without_a_value(kind: str, said: str, nothing: Collection[str], vocabulary: Vocabulary) -> str | None:
    """What an answer states that names no value of its kind."""
    if nothing:
        return "noise" if "noise" in nothing else "silence"
    if kind == "order":
        counts = {mention.value for mention in vocabulary.lexicons["count"].stated(said)}
        return "one" if counts == {"one"} else None
    return NONE if kind in ("label", "sex", "language", "family") and ABSENT.search(said) else None


def _first(stated: list[Mention], said: str) -> str:
    """The sound that is said to come first."""
    first = stated[0]
    others = [mention for mention in stated if mention.value != first.value]
    if not others:
        return first.value
    head, between = said[: first.start], said[first.end : others[0].start]
    reversed_order = LATER_FIRST.search(between) or (NOT_FIRST.search(head) and "first" not in head)
    return others[0].value if reversed_order else first.value


def _negated(text: str, at: int) -> bool:
    """Whether a negation stands before position `at` in its clause."""
    ends = [match.end() for match in CLAUSE_END.finditer(text, 0, at)]
    return NEGATION.search(text, ends[-1] if ends else 0, at) is not None


def _values(sounds: Iterable[Sound], attribute: str) -> set[str]:
    return {sound.attributes[attribute] for sound in sounds if attribute in sound.attributes}


def _categories(sounds: Iterable[Sound]) -> dict[str, str]:
    """Category of every name."""
    found: dict[str, str] = {}
    for sound in sounds:
        if found.setdefault(name(sound), sound.category) != sound.category:
            raise ArdError(
                f"the label '{sound.label}' is used in two categories, '{found[name(sound)]}' and '{sound.category}'",
                todo="Rename one of them in resources/demo/taxonomy.toml.",
            )
    return found


def _through(labels: Mapping[str, str], categories: Mapping[str, str]) -> dict[str, str]:
    """Words with the category of the label they state."""
    return {words: categories[label] for words, label in labels.items()}


def _label_words(sounds: Iterable[Sound], reserved: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Words that state each label but speech: its name and its phrases; and single words that only it uses."""
    whole: dict[str, str] = {}
    users: dict[str, set[str]] = defaultdict(set)
    for sound in sounds:
        terms = {_without_article(sound.phrase.lower()), name(sound).lower()}
        for word in {word for term in terms for word in WORD.findall(term)}:
            users[word].add(name(sound))
        for term in terms if sound.category != SPEECH else ():
            if whole.setdefault(term, sound.label) != sound.label:
                raise ArdError(
                    f"the labels '{whole[term]}' and '{sound.label}' are described by the same words, '{term}'",
                    todo="Tell them apart in resources/demo/taxonomy.toml, or make them one.",
                )
    known = {*reserved, *wording().ignored, *whole}
    alone = {word: min(names) for word, names in users.items() if len(names) == 1 and word not in known}
    return whole, {word: label for word, label in alone.items() if label != SPEECH}


def _without_article(phrase: str) -> str:
    first, _, rest = phrase.partition(" ")
    return rest if first in ARTICLES and rest else phrase


def _occurrences(sound: Sound, said: str) -> list[tuple[int, int]]:
    """Where the sound's own phrase and name stand in the answer."""
    terms = {_without_article(sound.phrase.lower()), name(sound).lower()}
    return [m.span() for term in terms for m in re.finditer(rf"\b{re.escape(term)}\b", said)]
