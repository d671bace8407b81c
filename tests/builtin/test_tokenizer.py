"""The built-in model's tokenizer: every text, few tokens for the recipe's own, and one result for one input."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from backend.builtin.tokenizer import BYTES, END, PAD, SPECIAL, train_tokenizer
from backend.errors import ArdError

TEXTS = ["What do you hear?", "I hear a dog barking.", "I hear a woman speaking Spanish.", "Is it loud or quiet?"] * 5
TOKENIZER = train_tokenizer(TEXTS, size=800)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_every_text_comes_back(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    if not any(token in text for token in SPECIAL):
        assert TOKENIZER.decode(ids) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["día año mañana", "犬が吠える", "\x00\n\t 🎻", "собака"])
def test_bytes_that_were_never_seen_come_back(text):
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_learnt_sentences_take_about_a_token_a_word():
    assert len(TOKENIZER("I hear a dog barking.")["input_ids"]) <= 7
    assert len(TOKENIZER("Which of these voices could not be heard?")["input_ids"]) < 20


def test_the_chat_template_takes_few_tokens():
    text = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nAudio 1: <|audio_bos|>"
    assert len(TOKENIZER(text)["input_ids"]) <= 20


def test_special_tokens_are_one_id_each_behind_all_others():
    ids = TOKENIZER("".join(SPECIAL), add_special_tokens=False)["input_ids"]
    assert sorted(ids) == list(range(len(TOKENIZER) - len(SPECIAL), len(TOKENIZER)))
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == ""
    assert (TOKENIZER.eos_token, TOKENIZER.pad_token) == (END, PAD)


def test_size_is_the_most_that_is_learnt():
    assert len(TOKENIZER) <= 800
    assert len(train_tokenizer(TEXTS, size=300)) == 300


def test_equal_texts_give_an_equal_tokenizer():
    again = train_tokenizer(TEXTS, size=800)
    assert again.backend_tokenizer.to_str() == TOKENIZER.backend_tokenizer.to_str()


def test_the_saved_tokenizer_makes_the_same_ids(tmp_path: Path):
    TOKENIZER.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS[:4], "<|im_start|>user\nAudio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n2 'tis ñ<|im_end|>\n"):
        assert loaded(text)["input_ids"] == TOKENIZER(text)["input_ids"]


def test_a_size_without_room_for_the_bytes_is_refused():
    with pytest.raises(ArdError, match="256 bytes and 6 special tokens"):
        train_tokenizer(TEXTS, size=BYTES)
