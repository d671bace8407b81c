"""`ard steer` says what the model server's `steer`, `sweep` and `code` say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli.steer_output import marked
from backend.serve.resident import Resident
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.steering_requests import asked, dead, fields_of, sound_of, strongest

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture
def steer(ard: Ard, steering_study: Study) -> Ard:
    """`ard steer` on the first clip."""

    def command(*words: object) -> tuple[int, str, str]:
        own = ("--sae", steering_study.sae_ids()[0], "--prompt", "What is it?", "--tokens", 8)
        return ard("steer", steering_study.root, *own, *words)

    return command


def test_three_answers_are_those_of_the_model_server(steer: Ard, steering_study: Study) -> None:
    feature = strongest(steering_study)
    status, out, err = steer("--clip", 0, "--feature", f"{feature}=6.5", "--json")
    assert (status, err) == (0, "")
    resident = Resident.open(steering_study.root)
    served = asked(resident, "steer", fields_of(steering_study, 6.5))[0]
    resident.close()
    found = json.loads(out)
    assert found["overrides"] == [[feature, 6.5]]
    assert found["answers"] == json.loads(json.dumps(served["answers"]))


def test_values_in_multiples_are_those_of_the_features_maximum(steer: Ard, steering_study: Study) -> None:
    feature = strongest(steering_study)
    with RetrievalFile(steering_study.retrieval(steering_study.sae_ids()[0])) as file:
        largest = float(file.table()["max"][feature])
    record = ClipTable(steering_study.clips())[2].record
    status, out, _ = steer("--clip", record, "--feature", f"{feature}=2x", "--json", "--conditions", "steered")
    found = json.loads(out)
    assert status == 0
    assert found["overrides"] == [[feature, pytest.approx(2 * largest)]]
    assert list(found["answers"]) == ["steered"]


def test_people_read_conditions_changed_words_and_figures(steer: Ard, steering_study: Study) -> None:
    path = sound_of(steering_study, 1)
    status, out, _ = steer("--sound", path, "--end", 0.3, "--feature", f"{strongest(steering_study)}=50")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if line[:1] in ("o", "r", "s")] == [
        "original",
        "reconstructed",
        "steered",
    ]
    assert "overrides survived at 100.0% of the positions" in out
    assert "KL from the original: first token" in out
    assert "cut after 8 tokens" in out
    assert out.count("first token: “") == 3


def test_changed_words_are_marked() -> None:
    assert marked("I can hear a dog.", "I can hear a loud cat.") == "I can hear a [loud cat.]"
    assert marked("I can hear", "I can hear") == "I can hear"
    assert marked("a b c", "a c") == "a c"


def test_sweep_sets_every_feature_and_shows_words(steer: Ard, steering_study: Study) -> None:
    feature = strongest(steering_study)
    status, out, _ = steer(
        "--clip", 0, "--feature", feature, "--feature", 3, "--sweep", "0,5", "--words", "a,b", "--json"
    )
    found = json.loads(out)
    assert status == 0
    assert [one["values"] for one in found["values"]] == [[0, 0], [5, 5]]
    assert set(found["values"][0]["words"]) == {"a", "b"}
    status, out, _ = steer("--clip", 0, "--feature", feature, "--sweep", "0x,1x")
    assert status == 0
    assert "KL first" in out
    assert len(out.splitlines()) == 7
    status, out, _ = steer("--clip", 0, "--feature", feature, "--sweep", "default", "--json", "--tokens", 1)
    assert [one["values"] for one in json.loads(out)["values"]] == [[v] for v in (0, 1, 5, 10, 15, 20, 25, 50)]


def test_code_prints_the_bars_of_one_token(steer: Ard, steering_study: Study) -> None:
    feature = strongest(steering_study)
    status, out, _ = steer("--clip", 0, "--feature", f"{feature}=50", "--code", 2)
    assert status == 0
    assert "audio position 2 of" in out
    assert out.splitlines()[2].split()[::2] == [str(feature), "50"]
    assert out.splitlines()[2].split()[-1] == "yes"


def test_lmms_profile_writes_the_answers_to_each_feature_alone(
    steer: Ard, steering_study: Study, tmp_path: Path
) -> None:
    out = tmp_path / "steering.json"
    feature = strongest(steering_study)
    words = ("--clip", 0, "--profile", "lmms")
    status, printed, err = steer(
        *words, "--feature", f"{feature}=50", "--feature", "3=9", "--lmms-json", out
    )  # fmt: skip
    assert (status, printed) == (0, "")
    assert "2 features written" in err
    found = json.loads(out.read_text())
    assert list(found) == [f"decoder.1_feature{feature}", "decoder.1_feature3"]
    alone = json.loads(steer(*words, "--feature", "3=9", "--json")[1])
    entry = found["decoder.1_feature3"]
    assert entry["idx"] == 3
    assert entry["clamped_resps"] == alone["answers"]["steered"]["text"]
    assert entry["original_resps"] == alone["answers"]["original"]["text"]
    assert "has not seen text positions of the prompt and decoding steps" in alone["warnings"][0]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--clip", 0], 2, "name at least one feature"),
        (["--feature", "3=1"], 2, "name one sound: --clip or --sound"),
        (["--clip", 0, "--sound", "a.wav", "--feature", "3=1"], 2, "name one sound: --clip or --sound"),
        (["--clip", 0, "--feature", "3"], 2, "write 12=3.5 or 12=2x"),
        (["--clip", 0, "--feature", "3=loud"], 2, "'loud' is no value"),
        (["--clip", 0, "--feature", "3=1", "--profile", "x"], 2, "there is no profile 'x'"),
        (["--clip", 0, "--feature", "3=1", "--words", "a"], 2, "--words belongs to --sweep"),
        (["--clip", 0, "--feature", "3=1", "--conditions", "loud"], 2, "conditions.0"),
        (["--clip", 0, "--feature", "999=1"], 1, "there is no feature 999"),
        (["--clip", 0, "--feature", "3=nan"], 1, "cannot be set to nan"),
        (["--clip", 999, "--feature", "3=1"], 1, "the study has no clip '999'"),
        (["--sound", "missing.wav", "--feature", "3=1"], 1, "the sound cannot be read"),
        (["--clip", 0, "--feature", "3=1", "--mode", "x"], 1, "there is no mode 'x'"),
        (["--clip", 0, "--feature", "3=1", "--code", 999], 1, "the sound has no position 999"),
    ],
)  # fmt: skip
def test_wrong_use_is_explained(steer: Ard, words: list[object], status: int, says: str) -> None:
    found, out, err = steer(*words)
    assert (found, out) == (status, "")
    assert says in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_dead_feature_has_no_multiples(steer: Ard, steering_study: Study) -> None:
    status, _, err = steer("--clip", 0, "--feature", f"{dead(steering_study)}=2x")
    assert status == 1
    assert "is dead: it has no maximum" in err
