"""Questions and true answers: drawn by weight, honest, and never of a phrasing that is kept for the test."""

from __future__ import annotations

from collections import Counter

import pytest
from question_builders import example, examples, plain_sounds, some_facts

from backend.builtin.answers import Vocabulary, outside_vocabulary
from backend.builtin.examples import Facts, Sound
from backend.builtin.questions import PAPER_PROMPT, Dialogue, all_questions, dialogues
from backend.builtin.statements import NONE, RULES, noun, phrases, statements
from backend.builtin.wording import wording
from backend.errors import ArdError

DOG = Sound("animal", "dog", "a dog barking")
PIANO = Sound("music", "piano", "a piano", {"family": "keyboard"})
SPANISH = Sound("speech", "Spanish v1", "a woman speaking Spanish", {"language": "Spanish", "sex": "woman"})


def asked(*sounds: Sound, **facts: object) -> dict[str, str]:
    """Form to key of everything that can be asked."""
    return {one.form: one.key for one in statements(Facts(sounds, **facts))}  # type: ignore[arg-type]


def answer_to(kind: str, facts: Facts, key: str | None = None) -> str:
    (found,) = [one for one in all_questions(example(facts)) if one.kind == kind and key in (None, one.key)]
    return found.answer


def test_a_dog_is_asked_for_by_label_and_nobody_speaks() -> None:
    assert asked(DOG) == {
        "caption": "dog", "what": "dog", "category": "animal", "animal": "dog", "instrument": NONE, "family": NONE,
        "sex": NONE, "language": NONE, "count": "one", "order": "one", "speech": "no", "music": "no",
    }  # fmt: skip


def test_a_beat_is_no_instrument_but_has_a_family() -> None:
    keys = asked(Sound("music", "beat", "a drum beat", {"family": "percussion"}))
    assert "instrument" not in keys
    assert (keys["event"], keys["family"]) == ("beat", "percussion")


def test_a_voice_is_asked_for_sex_and_language_but_never_by_its_label() -> None:
    keys = asked(SPANISH)
    assert (keys["what"], keys["category"], keys["sex"], keys["language"]) == ("speech", "speech", "woman", "Spanish")
    assert "event" not in keys


def test_what_is_not_known_is_not_asked() -> None:
    unknown = asked(Sound("speech", "Italian it1", "a person speaking", {}))
    assert not {"sex", "language", "pitch", "rate", "loudness"} & set(unknown)


def test_no_is_not_said_of_a_sound_that_may_hold_the_thing() -> None:
    crowd = asked(Sound("human", "crowd", "a crowd cheering"))
    assert not {"speech", "language", "music", "instrument", "count", "order"} & set(crowd)


def test_of_two_voices_neither_is_asked_for() -> None:
    keys = asked(
        SPANISH, Sound("speech", "English v2", "a man speaking English", {"language": "English", "sex": "man"})
    )
    assert not {"sex", "language", "order", "count"} & set(keys)
    assert keys["what"] == "speech"


def test_order_is_asked_only_of_sounds_that_follow_each_other() -> None:
    assert asked(DOG, PIANO)["order"] == "dog"
    assert "order" not in asked(DOG, PIANO, together=True)
    assert asked(DOG, PIANO, together=True)["what"] == asked(PIANO, DOG)["what"] == "dog + piano"


def test_the_question_of_order_does_not_betray_the_answer() -> None:
    one_way, other_way = (
        next(s for s in statements(Facts(pair)) if s.form == "order") for pair in ((DOG, PIANO), (PIANO, DOG))
    )
    assert [one_way.fill[name] for name in ("one", "other")] == [other_way.fill[name] for name in ("one", "other")]


def test_sequence_and_simultaneity_are_worded_differently() -> None:
    assert phrases(Facts((DOG, PIANO))) == "a dog barking, then a piano"
    assert phrases(Facts((DOG, PIANO, SPANISH), together=True)) == "a dog barking, a piano and a woman speaking Spanish"


@pytest.mark.parametrize(
    ("label", "phrase", "expected"),
    [
        ("dog", "a dog barking", "a dog"),
        ("snare drum", "a snare drum", "a snare drum"),
        ("owl", "a bird hooting", "an owl"),
        ("footsteps", "footsteps on gravel", "footsteps"),
        ("laughter", "a person laughing", "laughter"),
        ("sheep", "sheep bleating", "sheep"),
        ("French horn", "a French horn playing", "a French horn"),
        ("tom drum", "tom drums playing", "a tom drum"),
    ],
)
def test_a_label_takes_the_article_of_its_phrase(label: str, phrase: str, expected: str) -> None:
    assert noun(Sound("animal", label, phrase)) == expected


def test_a_caption_tells_loudness_pitch_and_rate_where_known() -> None:
    piano = Sound("music", "piano", "a piano", {"family": "keyboard", "pitch": "rising", "rate": "fast"})
    assert answer_to("caption", Facts((piano,), loudness="quiet")) == (
        "A piano. The pitch is rising. The pace is fast. The sound is quiet."
    )


def test_a_caption_does_not_repeat_its_phrase() -> None:
    piano = Sound("music", "piano", "a piano playing a fast melody", {"family": "keyboard", "rate": "fast"})
    assert answer_to("caption", Facts((piano,))) == "A piano playing a fast melody."


def test_silence_and_noise_are_said_to_be_so() -> None:
    for nothing, answer in (("silence", "There is no clear sound."), ("noise", "Only noise can be heard.")):
        told = all_questions(example(Facts((), nothing=nothing)))
        assert {one.answer for one in told if one.kind not in ("speech", "music")} == {answer}
        assert {one.key for one in told} == {nothing, "no"}


def test_an_example_of_which_nothing_is_known_cannot_be_asked_about() -> None:
    with pytest.raises(ArdError, match="nothing is known of the example 'empty'"):
        dialogues(example(Facts(()), "empty"), 0, 0)


def test_a_value_without_a_wording_is_named() -> None:
    odd = Sound("music", "piano", "a piano", {"family": "keyboard", "pitch": "wobbling"})
    with pytest.raises(ArdError, match="says 'wobbling'"):
        all_questions(example(Facts((odd,))))


def test_dialogues_repeat_with_example_epoch_and_seed() -> None:
    one = example(Facts((DOG,)))
    assert dialogues(one, 3, 7) == dialogues(one, 3, 7)
    assert len({tuple(dialogues(one, epoch, seed)) for epoch in range(5) for seed in range(5)}) > 20


def test_questions_of_an_epoch_are_different() -> None:
    for one in examples():
        for epoch in range(3):
            forms = [(told.kind, told.question) for told in dialogues(one, epoch, 0)]
            assert len(set(forms)) == len(forms) == min(wording().questions, len(statements(one.facts)))


def test_unseen_phrasings_never_occur_in_training() -> None:
    trained = {told.question for one in examples() for epoch in range(40) for told in dialogues(one, epoch, 0)}
    held_back = {told.question for one in examples() for told in all_questions(one, unseen=True)}
    evaluated = {told.question for one in examples() for told in all_questions(one)}
    assert not (trained | evaluated) & held_back


def test_every_phrasing_of_training_is_used() -> None:
    trained = {told.question for one in examples() for epoch in range(40) for told in dialogues(one, epoch, 0)}
    assert {ask for form in wording().forms.values() for ask in form.plain} <= trained


def test_every_form_has_several_phrasings_and_keeps_one_or_two_back() -> None:
    for name, form in wording().forms.items():
        every = [*form.ask, *form.unseen]
        assert len(set(every)) == len(every), name
        assert 6 <= len(every) <= 14, name
        assert 1 <= len(form.unseen) <= 2, name


def test_every_form_has_a_rule() -> None:
    assert set(RULES) == set(wording().forms)


def test_captions_are_asked_for_in_the_words_of_the_paper() -> None:
    assert PAPER_PROMPT == wording().forms["caption"].ask[0] == "Generate a detailed caption for the audio clip"
    assert all_questions(example(Facts((DOG,))))[0].question == PAPER_PROMPT


def test_caption_what_category_and_label_dominate() -> None:
    kinds = Counter(told.kind for epoch in range(2000) for told in dialogues(example(Facts((DOG,))), epoch, 0))
    assert min(kinds[kind] for kind in ("caption", "what", "category", "label")) > 2 * max(
        n for kind, n in kinds.items() if kind not in ("caption", "what", "category", "label")
    )


def test_what_is_not_there_is_asked_now_and_then() -> None:
    told = [one for epoch in range(2000) for one in dialogues(example(Facts((DOG,))), epoch, 0)]
    absent = sum(one.key == NONE for one in told) / len(told)
    assert 0.02 < absent < 0.15


def test_answers_are_sentences() -> None:
    for told in every_dialogue():
        assert told.answer[0].isupper()
        assert told.answer.endswith(".")
        assert "  " not in told.answer
        assert "{" not in told.answer + told.question


def test_no_answer_mentions_a_sound_that_is_not_there() -> None:
    vocabulary = Vocabulary(plain_sounds())
    for facts in some_facts():
        for epoch in range(4):
            for told in dialogues(example(facts, f"{facts}"), epoch, 0):
                assert outside_vocabulary(told.answer, facts, vocabulary) == [], told


def test_no_answer_mentions_an_unknown_attribute() -> None:
    lexicons = Vocabulary(plain_sounds()).lexicons
    for facts in some_facts():
        known = {value for sound in facts.sounds for value in sound.attributes.values()} | {facts.loudness}
        for told in all_questions(example(facts)):
            for attribute in ("pitch", "rate", "loudness"):
                stated = {mention.value for mention in lexicons[attribute].stated(told.answer.lower())}
                assert stated <= known, told


def every_dialogue() -> list[Dialogue]:
    return [told for one in examples() for unseen in (False, True) for told in all_questions(one, unseen=unseen)]
