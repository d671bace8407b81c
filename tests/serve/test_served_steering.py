"""The real server steers: parts in their order, the last value wins, what is kept is the same, nothing blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from served import Message, Served

from backend.serve.resident import Resident
from backend.study.folder import Study
from builders.steering_requests import TOKENS, asked, fields_of, strongest

LONG = {"max_new_tokens": 250, "conditions": ["steered"]}


@pytest.fixture(scope="module")
def steering(steering_study: Study) -> Iterator[Served]:
    found = Served(steering_study.root)
    yield found
    assert found.close() == 0


def parts(server: Served, id_: int) -> list[dict[str, Any]]:
    """All parts of a request that has ended."""
    found = [json.loads(line) for line in server.lines]
    return [message["result"] for message in found if message["id"] == id_ and message["type"] == "part"]


def part_of(message: Message, id_: int, stage: str) -> bool:
    return bool(message["id"] == id_ and message["type"] == "part" and message["result"]["stage"] == stage)


def test_the_steered_first_token_comes_first_and_every_answer_is_streamed(
    steering: Served, steering_study: Study
) -> None:
    id_ = steering.ask("steer", **fields_of(steering_study, 4.0))
    result = steering.end_of(id_)["result"]
    given = parts(steering, id_)
    first = given[0]
    assert (first["stage"], first["condition"], first["cached"]) == ("first", "steered", False)
    assert len(first["top"]) == 5
    assert (first["kl"] > 0, first["survived"], first["no_speech"]) == (True, [1.0], None)
    assert given[-1]["stage"] == "ready"
    done = {one["condition"]: one["answer"] for one in given if one["stage"] == "done"}
    assert list(done) == ["steered", "original", "reconstructed"]
    assert done["steered"]["kl"]["answer"] is None
    assert done["reconstructed"]["kl"]["answer"] > 0
    assert [one["condition"] for one in given if one["stage"] == "compared"] == ["steered"]
    assert list(result["answers"]) == ["original", "reconstructed", "steered"]
    for name, answer in result["answers"].items():
        told = [one for one in given if one["stage"] == "token" and one["condition"] == name]
        assert [one["index"] for one in told] == list(range(TOKENS))
        assert [one["token"] for one in told] == answer["tokens"]
        assert not answer["ended"]
        for token in answer["tokens"]:
            assert token["top"][0] == [token["text"], pytest.approx(token["probability"])]
    assert result["answers"]["original"]["kl"] == {"first": 0.0, "answer": 0.0}
    for name in ("reconstructed", "steered"):
        assert min(result["answers"][name]["kl"].values()) > 0
        assert result["answers"][name]["displacement"] > 0
    assert result["warnings"] == []


def test_what_was_answered_before_is_given_at_once_and_is_the_same(steering: Served, steering_study: Study) -> None:
    fields = fields_of(steering_study, 3.0)
    before = steering.answer("steer", **fields)
    id_ = steering.ask("steer", **fields)
    again = steering.end_of(id_)["result"]
    assert again["answers"] == before["answers"]
    given = parts(steering, id_)
    assert [(one["stage"], one.get("cached")) for one in given] == [("first", True), ("done", True)] * 3 + [
        ("ready", None)
    ]
    # a seed means nothing to greedy answers, a value and a sampling do
    assert steering.answer("steer", **fields, seed=9)["answers"] == before["answers"]
    other = steering.ask("steer", **fields, temperature=2.0, seed=9)
    drawn = steering.end_of(other)["result"]["answers"]["steered"]
    assert [one["cached"] for one in parts(steering, other) if one["stage"] == "done"] == [False] * 3
    assert steering.answer("steer", **fields, temperature=2.0, seed=10)["answers"]["steered"]["text"] != drawn["text"]
    assert steering.answer("steer", **fields, temperature=2.0, seed=9)["answers"]["steered"] == drawn


def test_the_last_value_wins_and_those_between_are_never_begun(steering: Served, steering_study: Study) -> None:
    running = steering.ask("steer", **fields_of(steering_study, 1.5, **LONG))
    steering.until(lambda m: part_of(m, running, "token"))
    between = [steering.ask("steer", **fields_of(steering_study, value, **LONG)) for value in (1.6, 1.7)]
    last = steering.ask("steer", **fields_of(steering_study, 1.8))
    ends = dict.fromkeys((running, *between), "")
    while "" in ends.values():
        message = steering.until(lambda m: m["id"] in ends and m["type"] in ("answer", "error", "dropped"))
        ends[message["id"]] = message["type"]
    assert set(ends.values()) == {"dropped"}
    assert steering.end_of(last)["type"] == "answer"
    assert not [one for one in parts(steering, running) if one["stage"] == "done"]


def test_a_running_answer_can_be_cancelled(steering: Served, steering_study: Study) -> None:
    running = steering.ask("steer", **fields_of(steering_study, 2.5, **LONG))
    steering.until(lambda m: part_of(m, running, "token"))
    cancel = steering.ask("cancel", of=running)
    assert steering.until(lambda m: m["id"] == cancel)["result"] == {"cancelled": True}
    assert steering.end_of(running)["type"] == "dropped"
    assert not [one for one in parts(steering, running) if one["stage"] == "done"]


def test_neighbours_come_behind_the_answer_and_are_kept_for_the_next_move(
    steering: Served, steering_study: Study
) -> None:
    id_ = steering.ask("steer", **fields_of(steering_study, 5.0, neighbours=[[5.5], [-1.0], [5.0], [6.0]]))
    steering.end_of(id_)
    given = parts(steering, id_)
    ready = [one["stage"] for one in given].index("ready")
    # pre_topk selects no value below 0, so that one is left out
    assert [(one["stage"], one["values"]) for one in given[ready + 1 :]] == [
        ("neighbour", [5.5]), ("neighbour", [5.0]), ("neighbour", [6.0]),
    ]  # fmt: skip
    moved = steering.ask("steer", **fields_of(steering_study, 6.0))
    answer = steering.end_of(moved)["result"]["answers"]["steered"]
    assert all(one.get("cached", True) for one in parts(steering, moved))
    assert answer == given[-1]["answer"]
    alone = Resident.open(steering_study.root)
    fresh = asked(alone, "steer", fields_of(steering_study, 6.0))[0]["answers"]["steered"]
    alone.close()
    assert fresh["text"] == answer["text"]
    assert fresh["kl"]["answer"] == pytest.approx(answer["kl"]["answer"], rel=1e-3)


def test_work_in_the_background_gives_way_to_any_request(steering: Served, steering_study: Study) -> None:
    neighbours = [[3.0 + i / 7] for i in range(1, 40)]
    running = steering.ask("steer", **fields_of(steering_study, 3.1, neighbours=neighbours, **LONG))
    steering.until(lambda m: part_of(m, running, "ready"))
    behind = steering.ask("hello")
    assert steering.end_of(running)["type"] == "dropped"
    assert steering.end_of(behind)["type"] == "answer"
    assert not [one for one in parts(steering, running) if one["stage"] == "neighbour"]


def test_sweep_answers_every_value_and_says_how_probable_words_are(steering: Served, steering_study: Study) -> None:
    values = [[0.0, 1.0], [2.0, 1.0], [8.0, 1.0]]
    id_ = steering.ask("sweep", **fields_of(steering_study, 0.0, 0.0, values=values, words=["a", "b"]))
    found = steering.end_of(id_)["result"]
    given = [one for one in parts(steering, id_) if one["stage"] == "value"]
    assert [one["values"] for one in given] == values
    assert [{**one, "stage": "value"} for one in found["values"]] == given
    assert list(found["conditions"]) == ["original", "reconstructed"]
    alone = steering.answer("steer", **fields_of(steering_study, 8.0, 1.0))["answers"]
    assert found["values"][2]["answer"] == alone["steered"]
    assert found["conditions"]["original"]["answer"] == alone["original"]
    top = dict(alone["steered"]["tokens"][0]["top"])
    for one in (*found["values"], *found["conditions"].values()):
        assert set(one["words"]) == {"a", "b"}
        assert all(0 < share < 1 for share in one["words"].values())
    assert all(found["values"][2]["words"][word] <= max(top.values()) for word in ("a", "b"))
    progress = [json.loads(line) for line in steering.lines]
    fractions = [m["fraction"] for m in progress if m["id"] == id_ and m["type"] == "progress" and m["fraction"]]
    assert fractions == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


def test_code_shows_one_token_before_and_after(steering: Served, steering_study: Study) -> None:
    feature = strongest(steering_study)
    fields = {name: value for name, value in fields_of(steering_study, 50.0).items() if name != "max_new_tokens"}
    found = steering.answer("code", **fields, position=2)
    assert found["seconds"] == pytest.approx([0.08, 0.12])
    bars = found["bars"]
    assert bars[0] == {"feature": feature, "before": bars[0]["before"], "after": 50.0, "overridden": True}
    before = [one["before"] for one in bars if one["before"]]
    after = [one["after"] for one in bars if one["after"]]
    assert (len(before), len(after)) == (8, 8)
    assert found["line"] == pytest.approx(min(before))
    untouched = steering.answer("code", **{**fields, "positions": "none"}, position=2)
    assert all(one["before"] == one["after"] for one in untouched["bars"] if not one["overridden"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"overrides": [[128, 1.0]]}, "there is no feature 128"),
        ({"overrides": [[-1, 1.0]]}, "there is no feature -1"),
        ({"overrides": [[3, float("nan")]]}, "cannot be set to nan"),
        ({"overrides": [[3, float("inf")]]}, "cannot be set to inf"),
        ({"overrides": [[3, 1e9]]}, "Stay within"),
        ({"overrides": [[3, -1.0]]}, "selects no negative value"),
        ({"overrides": [[3, 1.0], [3, 2.0]]}, "overridden twice"),
        ({"mode": "louder"}, "there is no mode 'louder'"),
        ({"positions": "some"}, "there is no positions 'some'"),
        ({"decode": "on"}, "there is no decode 'on'"),
        ({"prompt": "why " * 1250}, "the prompt has 5,000 characters"),
        ({"prompt": 7}, "prompt: Input should be a valid string"),
        ({"path": "/nowhere.wav"}, "the sound cannot be read"),
        ({"path": ""}, "path: String should have at least 1 character"),
        ({"max_new_tokens": 0}, "cannot have at most 0 tokens"),
        ({"temperature": 99.0}, "a temperature of 99.0 makes no sense"),
        ({"neighbours": [[1.0, 2.0]]}, "2 values were given for 1 overrides"),
        ({"conditions": ["loud"]}, "conditions.0"),
        ({"sae": "raw-decoder.1", "overrides": [[3, 1.0]], "mode": "pre_topk"}, "raw units are not selected"),
        ({"sae": "nope"}, "no ranked features for 'nope'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_explained(
    steering: Served, steering_study: Study, changes: dict[str, Any], says: str
) -> None:
    found = steering.error("steer", **{**fields_of(steering_study, 1.0), **changes})
    assert says in f"{found['what']}. {found['todo']}"
    assert not found["unexpected"]
