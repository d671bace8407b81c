"""What counts as heard: enough seconds of every clip that can be played."""

from __future__ import annotations

import pytest

from ard_gui.state.listening import Listening


def test_clip_is_heard_after_the_wanted_seconds_or_at_its_end() -> None:
    heard = Listening(2, 10.0)
    heard.lengths = [30.0, 4.0]
    for clip in (0, 1):
        heard.began(clip)
        heard.sounded(clip, 3.9)
    assert (heard.is_heard(0), heard.is_heard(1)) == (False, True)
    heard.sounded(0, 6.1)
    assert heard.missing == []
    assert heard.complete


@pytest.mark.parametrize("length", [0.01, 0.2, 10.0])
def test_clip_that_was_started_and_not_played_is_not_heard(length: float) -> None:
    heard = Listening(1, 10.0)
    heard.lengths = [length]
    heard.began(0)
    assert heard.missing == [0]
    heard.sounded(0, length)
    assert heard.missing == []


def test_clip_that_was_never_started_is_not_heard_though_no_seconds_are_wanted() -> None:
    heard = Listening(1, 0.0)
    assert heard.missing == [0]
    heard.began(0)
    assert heard.complete


def test_unplayable_clips_are_left_out_but_not_all_of_them() -> None:
    heard = Listening(2, 1.0)
    heard.unplayable = {0}
    heard.began(1)
    heard.sounded(1, 1.0)
    assert heard.complete
    heard.unplayable = {0, 1}
    assert (heard.missing, heard.complete) == ([], False)


def test_listening_goes_on_from_an_earlier_sitting_if_the_clips_are_as_many() -> None:
    assert Listening(2, 1.0, (1, 0), (1.0, 0.0)).missing == [1]
    assert Listening(3, 1.0, (1, 0), (1.0, 0.0)).missing == [0, 1, 2]
