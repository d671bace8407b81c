"""Prompts and answers as token ids, exactly as the processor's chat template writes them when the model is used."""

from __future__ import annotations

from typing import Any

from backend.builtin.tokenizer import AUDIO, AUDIO_END, END
from backend.study.fingerprint import fingerprint

Ids = tuple[int, ...]


class Prompts:
    """Token ids of one clip's dialogue in three pieces: what stands before the question, the question, the answer.

    The pieces meet at special tokens, where the tokenizer always divides, so joined they are what the tokenizer makes
    of the whole prompt.

    Parameters
    ----------
    processor : Qwen2AudioProcessor
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        token = processor.tokenizer.convert_tokens_to_ids
        self.audio_id, self.end_id = int(token(AUDIO)), int(token(END))
        self._audio_end = int(token(AUDIO_END))
        self._before = self._ids(self._chat("").partition(AUDIO)[0])
        self._questions: dict[str, Ids] = {}
        self._answers: dict[str, Ids] = {}

    @property
    def fingerprint(self) -> str:
        """Changes with the vocabulary and the chat template."""
        return fingerprint([self._processor.tokenizer.backend_tokenizer.to_str(), self._processor.chat_template])

    def prefix(self, audio_tokens: int) -> Ids:
        """Everything up to the end of the audio: the same for every question about it."""
        return (*self._before, *[self.audio_id] * audio_tokens, self._audio_end)

    def question(self, text: str) -> Ids:
        """From the end of the audio to where the answer begins."""
        if text not in self._questions:
            self._questions[text] = self._ids(self._chat(text).partition(AUDIO_END)[2])
        return self._questions[text]

    def answer(self, text: str) -> Ids:
        """The answer and the token that ends it."""
        if text not in self._answers:
            self._answers[text] = (*self._ids(text), self.end_id)
        return self._answers[text]

    def _chat(self, question: str) -> str:
        content = [{"type": "audio", "audio_url": ""}, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        return str(self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    def _ids(self, text: str) -> Ids:
        return tuple(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])
