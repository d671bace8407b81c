"""Captions of an audio language model: a batch says what each clip gets alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.audio.load import load_wave
from backend.describe.captioners.audiollm import AudioLLMCaptioner
from backend.describe.captioners.base import CAPTIONERS
from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.resources import resource
from backend.store.clips import Clip
from backend.targets.qwen2_audio import Qwen2Audio
from backend.targets.tap import tap
from builders.describe_settings import describe_settings
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio, tiny_whisper

RATE = 16_000
PROMPT = "Generate a detailed caption for the audio clip"


def load(settings_model: Path, *, prompt: str = PROMPT, **captions: object) -> AudioLLMCaptioner:
    settings = describe_settings(model={"path": str(settings_model)}, captions={"max_new_tokens": 16, **captions})
    found = CAPTIONERS.get("audiollm").load(settings, prompt)
    assert isinstance(found, AudioLLMCaptioner)
    return found


def noise(seconds: float, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def clips(count: int) -> list[Clip]:
    return [Clip(str(i), f"{i}.wav") for i in range(count)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_qwen2_audio(tmp_path_factory.mktemp("model"), window_seconds=10)


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_batch_of_the_tiny_model_says_what_each_clip_gets_alone(model: Path, batch: int) -> None:
    """Clips of one audio token, of many, of more than the window, and one too short for any."""
    waves = [noise(seconds, number) for number, seconds in enumerate((0.025, 3.3, 0.1, 1.0, 11.0, 0.001, 0.03))]
    captioner = load(model, batch_clips=batch)
    said = captioner.caption(clips(len(waves)), waves)
    alone = [captioner.target.generate(wave, PROMPT, 16) if len(wave) > 320 else "" for wave in waves]
    assert said == alone
    assert len(set(said)) > 5


def test_clips_of_one_token_only_can_be_a_batch(model: Path) -> None:
    waves = [noise(0.025, number) for number in range(3)]
    captioner = load(model)
    assert captioner.caption(clips(3), waves) == [captioner.target.generate(wave, PROMPT, 16) for wave in waves]


def test_padding_is_not_taken_for_words_that_were_said(model: Path) -> None:
    """A repetition penalty goes by all tokens before the answer, and in some models padding ends an answer: here the
    shortest clip's answer ends at once, and would not if padding in front of it were penalised."""
    captioner = load(model, batch_clips=4)
    network = captioner.target.model
    waves = [noise(seconds, number) for number, seconds in enumerate((0.2, 5.0, 1.0, 2.0))]
    first = tap({"head": network.lm_head}, lambda: captioner.target.generate(waves[0], PROMPT, 1))["head"][0, -1]
    pad, own = network.generation_config.pad_token_id, network.generation_config
    own.repetition_penalty, own.eos_token_id = 100.0, [pad, own.eos_token_id]
    network.lm_head.weight[pad] = 2 * network.lm_head.weight[first.argmax()]
    said = captioner.caption(clips(4), waves)
    assert said == [captioner.target.generate(wave, PROMPT, 16) for wave in waves]
    assert said[0] == ""
    assert any(said)


def test_a_batch_of_different_prompts_answers_each(model: Path) -> None:
    target = load(model).target
    waves = [noise(1.0, 0)] * 3
    prompts = ["What?", "Is it a man or a woman that can be heard?", "Why?"]
    assert target.generate_batch(waves, prompts, 8) == [target.generate(waves[0], prompt, 8) for prompt in prompts]
    assert target.generate_batch([], []) == []


def test_the_shipped_model_captions_shipped_clips_in_batches_as_alone() -> None:
    folder = resource("demo/clips")
    rows = [json.loads(line) for line in (folder / "clips.jsonl").read_text(encoding="utf-8").splitlines()][::25]
    waves = [load_wave(Clip(row["path"], row["path"], root=str(folder)), RATE) for row in rows]
    captioner = load(resource("demo/model"), max_new_tokens=48, batch_clips=5)
    said = captioner.caption(clips(len(waves)), waves)
    assert said == [captioner.target.generate(wave, PROMPT, 48) for wave in waves]
    assert all(said)
    assert len(set(said)) > 1


def test_captions_model_takes_the_place_of_the_studys_model(model: Path, tmp_path: Path) -> None:
    other = tiny_qwen2_audio(tmp_path / "other", window_seconds=6, seed=1)
    captioner = load(model, model=str(other))
    assert captioner.window_seconds == 6
    assert captioner.sample_rate == RATE
    assert captioner.identity()["model"] == "other"
    assert captioner.identity()["fingerprint"] != load(model).identity()["fingerprint"]


def test_the_study_may_read_the_model_bare_and_still_caption_in_chat(model: Path) -> None:
    settings = describe_settings(
        model={"path": str(model), "prefix": "bare", "layers": ["encoder.0"]}, captions={"max_new_tokens": 8}
    )
    captioner = CAPTIONERS.get("audiollm").load(settings, PROMPT)
    assert captioner.caption(clips(1), [noise(1, 0)]) == load(model, max_new_tokens=8).caption(clips(1), [noise(1, 0)])


def test_identity_changes_with_what_captions_depend_on_and_not_with_the_batch(model: Path) -> None:
    first = load(model).identity()
    assert json.loads(json.dumps(first)) == first
    assert first == load(model, batch_clips=2).identity()
    assert first != load(model, max_new_tokens=17).identity()
    assert set(first) == {
        "captioner", "model", "class", "fingerprint", "revision", "dtype", "window_seconds", "max_new_tokens",
        "transformers",
    }  # fmt: skip


def test_a_model_that_answers_no_prompt_is_refused(tmp_path: Path) -> None:
    for folder in (tiny_whisper(tmp_path / "whisper"), tiny_hubert(tmp_path / "hubert")):
        with pytest.raises(ArdError, match=r"cannot be told to write captions.*captions\.model"):
            load(folder)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no such model folder"):
        load(tmp_path, model=str(tmp_path / "none"))


def test_out_of_memory_halves_the_batch_and_says_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner, sizes = load(model, batch_clips=4), []
    whole = Qwen2Audio.generate_batch

    def small(self: Qwen2Audio, waves: list, prompts: list, max_new_tokens: int = 256) -> list[str]:
        sizes.append(len(waves))
        if len(waves) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, waves, prompts, max_new_tokens)

    told = []
    job = quiet_job()
    monkeypatch.setattr(job, "message", lambda text, level="info": told.append(text))
    captioner.attach(job)
    waves = [noise(1, number) for number in range(4)]
    expected = captioner.caption(clips(4), waves)
    monkeypatch.setattr(Qwen2Audio, "generate_batch", small)
    assert captioner.caption(clips(4), waves) == expected
    assert sizes == [4, 2, 1, 1, 1, 1]
    assert [text.split(";")[1] for text in told] == [
        f" going on with {n} (set captions.batch_clips lower to avoid this)" for n in (2, 1)
    ]


def test_a_device_without_room_for_one_clip_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> list[str]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Qwen2Audio, "generate_batch", never)
    with pytest.raises(ArdError, match="too little memory to caption one clip"):
        load(model).caption(clips(2), [noise(1, 0)] * 2)
