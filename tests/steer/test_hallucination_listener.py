"""Whisper from one layer upwards equals Whisper as a whole (S-43)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.steer.hallucination.listener import Listener
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from backend.targets.mel import log_mel
from backend.targets.whisper import Whisper
from backend.targets.whisper_prefix import no_speech_token
from builders.tiny_models import tiny_hubert, tiny_whisper

WAVE = np.random.default_rng(0).normal(0, 0.1, 128000).astype(np.float32)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    target = load_target(ModelSection(path=str(tiny_whisper(tmp_path_factory.mktemp("whisper"))), device="cpu"))
    assert isinstance(target, Whisper)
    return target


@pytest.mark.parametrize("layer", ["encoder.0", "encoder.2"])
def test_p_is_the_softmax_of_the_whole_model_after_the_start_token(whisper: Whisper, layer: str) -> None:
    listener = Listener(whisper, layer)
    found = listener.no_speech(listener.encoded(listener.hear(WAVE).x[None]))
    start, token = whisper.model.config.decoder_start_token_id, listener.token
    with torch.no_grad():
        logits = whisper.model(log_mel(whisper.extractor, [WAVE]), decoder_input_ids=torch.tensor([[start]])).logits
    assert found.item() == pytest.approx(torch.softmax(logits[0, 0].double(), -1)[token].item(), rel=1e-4)
    assert whisper.processor.tokenizer.convert_ids_to_tokens(token) == "<|nospeech|>"


def elsewhere(x: torch.Tensor) -> torch.Tensor:
    return x + 30 * torch.linspace(-1, 1, x.shape[1]) ** 3


@pytest.mark.parametrize("layer", ["encoder.0", "encoder.2"])
def test_changed_stream_gives_the_transcript_of_the_whole_model_with_a_hook(whisper: Whisper, layer: str) -> None:
    listener = Listener(whisper, layer)
    heard = listener.hear(WAVE)
    assert (heard.valid, len(heard.x)) == (400, 500)
    changed = heard.x.clone()
    changed[: heard.valid] = elsewhere(changed[: heard.valid])
    texts = listener.transcripts(listener.encoded(torch.stack([heard.x, changed])), 8)
    with whisper.spliced(layer, len(WAVE), elsewhere):
        hooked = whisper.generate(WAVE, "", 8)
    assert texts == [whisper.generate(WAVE, "", 8), hooked]
    assert texts[0] != texts[1]


def test_one_sample_and_silence_have_a_p_and_no_samples_an_error(whisper: Whisper) -> None:
    listener = Listener(whisper, "encoder.1")
    for wave in (np.zeros(1, np.float32), np.zeros(16000, np.float32)):
        heard = listener.hear(wave)
        assert heard.valid == max(1, len(wave) // 320)
        assert 0 <= listener.no_speech(listener.encoded(heard.x[None])).item() <= 1
    with pytest.raises(ArdError, match="no samples"):
        listener.hear(np.zeros(0, np.float32))


def test_sound_longer_than_the_window_is_heard_as_its_first_window(whisper: Whisper) -> None:
    listener = Listener(whisper, "encoder.1")
    long = np.random.default_rng(1).normal(0, 0.1, 16000 * 12).astype(np.float32)
    assert torch.equal(listener.hear(long).x, listener.hear(long[: 16000 * 10]).x)


def test_decoder_layers_and_other_models_are_refused(whisper: Whisper, tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="no layer of the encoder"):
        Listener(whisper, "decoder.0")
    hubert = load_target(ModelSection(path=str(tiny_hubert(tmp_path)), device="cpu"))
    with pytest.raises(ArdError, match="only Whisper"):
        Listener(hubert, "encoder.0")


class _Vocabulary:
    def __init__(self, *names: str) -> None:
        self._known = {name: i for i, name in enumerate(names)}

    def get_vocab(self) -> dict[str, int]:
        return self._known


def test_token_is_found_under_both_of_its_names_or_missed() -> None:
    assert no_speech_token(_Vocabulary("a", "<|nocaptions|>")) == 1
    assert no_speech_token(_Vocabulary("<|nocaptions|>", "b", "<|nospeech|>")) == 2
    with pytest.raises(ArdError, match="no token"):
        no_speech_token(_Vocabulary("a"))
