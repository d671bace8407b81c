"""Which figures the model card reports: what is asked, of which examples, and what counts as right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backend.builtin.examples import Example, Facts, Split
from backend.builtin.questions import Dialogue
from backend.builtin.statements import NONE

BOTH: tuple[Split, ...] = ("held_out", "unseen_source")
NOTHING_CLEAR = ("silence", "noise", "none", "no")
"""What an answer about silence or noise may state."""
ALL_KINDS = (
    "caption", "what", "category", "label", "sex", "language", "family", "loudness", "pitch", "rate", "count", "order",
    "speech", "music",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where the sounds of an example come from.

    Attributes
    ----------
    group : str
        What it must not be resampled apart from.
    rendered : bool
        True if every sound was made by a program.
    speaker : str
        Of its only speech; "" if there is none or several.
    known_speaker : bool
        Whether training heard the speaker.
    """

    group: str
    rendered: bool
    speaker: str
    known_speaker: bool


@dataclass(frozen=True)
class Asked:
    """A question about an example, before it is answered.

    Attributes
    ----------
    unseen : bool
        Whether the phrasing is one that training never uses.
    figures : frozenset of str
        Names of the figures that count the answer.
    """

    example: Example
    origin: Origin
    dialogue: Dialogue
    unseen: bool = False
    figures: frozenset[str] = frozenset()

    @property
    def absent(self) -> bool:
        """Whether the question is about something that is not there."""
        key, kind = self.dialogue.key, self.dialogue.kind
        return key == NONE or (kind == "order" and key == "one")


@dataclass(frozen=True)
class Reply:
    """What the model answered.

    Attributes
    ----------
    read : str or None
        The key that the answer states.
    outside : tuple of str
        Its words that claim a sound which is not there.
    """

    asked: Asked
    text: str
    read: str | None
    outside: tuple[str, ...]


def one_sound(facts: Facts) -> bool:
    return len(facts.sounds) == 1


def several_sounds(facts: Facts) -> bool:
    return len(facts.sounds) > 1


def any_sound(facts: Facts) -> bool:
    return bool(facts.sounds)


def no_sound(facts: Facts) -> bool:
    return bool(facts.nothing)


def anyone(asked: Asked) -> bool:
    return True


def synthetic_and_unseen(asked: Asked) -> bool:
    return asked.origin.rendered and not asked.origin.known_speaker


def recorded_and_known(asked: Asked) -> bool:
    return not asked.origin.rendered and asked.origin.known_speaker


def recorded_and_unseen(asked: Asked) -> bool:
    return not asked.origin.rendered and not asked.origin.known_speaker


def known_speaker(asked: Asked) -> bool:
    return asked.origin.known_speaker


def unseen_speaker(asked: Asked) -> bool:
    return not asked.origin.known_speaker


def rendered(asked: Asked) -> bool:
    return asked.origin.rendered


def recorded(asked: Asked) -> bool:
    return not asked.origin.rendered


def its_key(asked: Asked) -> str:
    return asked.dialogue.key


def its_kind(asked: Asked) -> str:
    return asked.dialogue.kind


def its_nothing(asked: Asked) -> str:
    return asked.example.facts.nothing


def its_arrangement(asked: Asked) -> str:
    return "at once" if asked.example.facts.together else "in sequence"


def its_number(asked: Asked) -> str:
    return "one sound" if len(asked.example.facts.sounds) == 1 else "several sounds"


def says_its_key(reply: Reply) -> bool:
    return reply.read == reply.asked.dialogue.key


def claims_nothing_else(reply: Reply) -> bool:
    return not reply.outside


def says_nothing_is_clear(reply: Reply) -> bool:
    return not reply.outside and (reply.read in NOTHING_CLEAR or says_its_key(reply))


@dataclass(frozen=True)
class Figure:
    """One figure of the model card.

    Attributes
    ----------
    name : str
        Key in the evaluation.
    title : str
        What it is called in the card.
    kinds, splits : tuple of str
        Questions and examples that count.
    shape : function of Facts to bool
        Which examples; those of the training split with the same shape train the baselines.
    among : function of Asked to bool
        Which of them are evaluated.
    goal : float or None
        The balanced accuracy to reach.
    speakers : bool
        Whether the number of speakers stands beside every class.
    least_recordings : int
        Only classes with at least so many recordings in the whole corpus count.
    absent : bool
        Count the questions about things that are not there, and only these.
    truth : function of Asked to str
        The class under which an answer is counted.
    right : function of Reply to bool
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    splits: tuple[Split, ...] = ("held_out",)
    shape: Callable[[Facts], bool] = one_sound
    among: Callable[[Asked], bool] = anyone
    goal: float | None = None
    speakers: bool = False
    least_recordings: int = 0
    absent: bool = False
    truth: Callable[[Asked], str] = its_key
    right: Callable[[Reply], bool] = says_its_key

    @property
    def is_a_choice(self) -> bool:
        """Whether an answer chooses one of the classes, so that a classifier can stand beside it."""
        return self.right is says_its_key and self.truth is its_key

    def asks(self, asked: Asked) -> bool:
        """Whether this question counts, whatever the split and the class."""
        return (
            asked.dialogue.kind in self.kinds
            and self.shape(asked.example.facts)
            and asked.absent == self.absent
            and self.among(asked)
        )


FIGURES: tuple[Figure, ...] = (
    Figure("category", "Category", ("category",), goal=0.88),
    Figure("category_unseen_source", "Category, unseen source", ("category",), ("unseen_source",), goal=0.70),
    Figure("label", "Label, with at least 8 recordings", ("label",), goal=0.60, least_recordings=8),
    Figure("label_unseen_source", "Label, unseen source", ("label",), ("unseen_source",), least_recordings=8),
    Figure("what", "What is heard, one sound", ("what",)),
    Figure("what_unseen_source", "What is heard, one sound, unseen source", ("what",), ("unseen_source",)),
    Figure("what_mixtures", "What is heard, several sounds", ("what",), shape=several_sounds, truth=its_arrangement),
    Figure("caption", "Caption names the sound", ("caption",)),
    Figure(
        "caption_true", "Caption claims no other sound", ("caption",), shape=any_sound, truth=its_number,
        right=claims_nothing_else,
    ),
    Figure(
        "sex_synthetic", "Man or woman, unseen synthetic voices", ("sex",), BOTH, goal=0.90, speakers=True,
        among=synthetic_and_unseen,
    ),
    Figure("sex_recorded", "Man or woman, recorded, known voices", ("sex",), among=recorded_and_known, speakers=True),
    Figure(
        "sex_recorded_unseen", "Man or woman, recorded, unseen voices", ("sex",), BOTH, among=recorded_and_unseen,
        speakers=True,
    ),
    Figure("language", "Language", ("language",), goal=0.85, speakers=True),
    Figure("language_known", "Language, known speakers", ("language",), among=known_speaker, speakers=True),
    Figure("language_unseen", "Language, unseen speakers", ("language",), BOTH, among=unseen_speaker, speakers=True),
    Figure("family", "Instrument family, rendered and recorded", ("family",), goal=0.80),
    Figure("family_recorded", "Instrument family, recorded", ("family",), among=recorded),
    Figure("family_rendered", "Instrument family, rendered", ("family",), among=rendered),
    Figure("family_unseen_source", "Instrument family, unseen source", ("family",), ("unseen_source",)),
    Figure("loudness", "Loudness", ("loudness",), shape=any_sound),
    Figure("pitch", "Pitch rising, falling or steady", ("pitch",)),
    Figure("rate", "Fast or slow", ("rate",)),
    Figure("count", "One or several sounds", ("count",), shape=any_sound),
    Figure("order", "Which of two comes first", ("order",), shape=several_sounds),
    Figure("speech", "Is there speech", ("speech",), shape=any_sound),
    Figure("music", "Is there music", ("music",), shape=any_sound),
    Figure(
        "nothing", "Silence and noise: no sound is claimed", ALL_KINDS, BOTH, shape=no_sound, goal=1.0,
        truth=its_nothing, right=says_nothing_is_clear,
    ),
    Figure(
        "absent", "Asked about what is not there: says so", ALL_KINDS, shape=one_sound, absent=True, truth=its_kind,
    ),
)  # fmt: skip
