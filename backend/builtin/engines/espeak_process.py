"""Speak one sentence with eSpeak NG and end: ``python -m … DATA LIBRARY VOICE WORDS_PER_MINUTE PITCH TEXT``.

What eSpeak NG says depends on what it said before (phases of its voice, a seed from the clock), so that every sentence
has a process and a seed of its own. Standard output gets the samples as 16-bit integers, little-endian, at `RATE`.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

RATE = 22_050
SEED = 1

# speak_lib.h
SYNCHRONOUS, DO_NOT_EXIT, UTF8 = 2, 0x8000, 1
TEMPO, PITCH = 1, 3

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def spoken(data: str, library: str, voice: str, words_per_minute: int, pitch: int, text: str) -> bytes:
    """The samples; ValueError saying what eSpeak NG refused."""
    engine: Any = ctypes.CDLL(library)
    heard: list[bytes] = []

    def take(samples: Any, count: int, _events: int) -> int:
        if samples and count > 0:
            heard.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = Callback(take)
    if engine.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DO_NOT_EXIT) != RATE:
        raise ValueError(f"eSpeak NG does not start with its data in {data}")
    engine.espeak_SetSynthCallback(callback)
    engine.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
    if engine.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"eSpeak NG has no voice {voice}")
    engine.espeak_SetParameter(TEMPO, words_per_minute, 0)
    engine.espeak_SetParameter(PITCH, pitch, 0)
    sentence = text.encode() + b"\0"
    if engine.espeak_Synth(sentence, ctypes.c_size_t(len(sentence)), 0, 0, 0, UTF8, None, None):
        raise ValueError(f"eSpeak NG refused the sentence '{text}'")
    return b"".join(heard)


def main(data: str, library: str, voice: str, words_per_minute: str, pitch: str, text: str) -> None:
    """Write the samples to standard output, or end with the reason."""
    try:
        sys.stdout.buffer.write(spoken(data, library, voice, int(words_per_minute), int(pitch), text))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
