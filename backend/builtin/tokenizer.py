"""The built-in model's own tokenizer: a small byte-level BPE in the class that Qwen2-Audio uses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

from backend.errors import ArdError

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
AUDIO, AUDIO_BEGIN, AUDIO_END = "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"
SPECIAL = (PAD, START, END, AUDIO, AUDIO_BEGIN, AUDIO_END)
"""Qwen2-Audio's special tokens, those of its dialogue and those of its audio; their ids follow all others."""

BYTES = 256

TEMPLATE = ("system\nYou are a helpful assistant.", "user\nAudio 1: ", "assistant\n")
"""What the chat template writes around every question, so it should be few tokens."""

TEMPLATE_WEIGHT = 1000

COMMON = """
a about above after again all also am an and another any are as at back be because been before began behind being below
best better between big both but by call came can change children city come could country day did different do does down
each early earth eat end even every far father feet few find first five follow food for form found four from gave get
girl give go good got great group had hand hard has have he head hear heard help her here high him his home house how
however i if important in into is it its just keep kind know land large last later learn leave left letter life light
like line list little live long look low made make man many may me mean men might more most mother move much must my
name near need never new next night no not nothing now number of off often old on once one only open or other our out
over own page part people place plant play point put question quickly quiet read right round run said same saw say
school second see seem sentence set she short should show side sing slowly small so some something sometimes soon sound
speak start state still stop story such sure take talk tell than that the their them then there these they thing think
this those three through time to together too took tree true try turn two under until up us use very voice walk want was
watch water way we well went were what when where which while white who whole why will with without word work world
would write year yes you young your
"""
"""Frequent English words, so that a question in a person's own words is not spelled out byte by byte."""


def train_tokenizer(texts: Iterable[str], size: int = 2000) -> Any:
    """A `Qwen2Tokenizer` whose merges are learnt from `texts`.

    Every text can be encoded, because all bytes are tokens; decoding gives the text back, up to Unicode's
    canonical composition (NFC). Equal texts in equal order give an equal tokenizer.

    Parameters
    ----------
    texts : iterable of str
        Questions, answers and whatever else the model should write or read in few tokens.
    size : int
        Tokens at most, bytes and special tokens among them; fewer where the texts hold no more repeated pairs.

    Raises
    ------
    ArdError
        If `size` leaves no room for bytes and special tokens.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    if size < BYTES + len(SPECIAL):
        raise ArdError(f"a tokenizer of {size} tokens cannot hold {BYTES} bytes and {len(SPECIAL)} special tokens")
    # from_pretrained rebuilds the class's own text splitting, whatever the file says: learn under the same
    splitting = Qwen2Tokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE())
    learner.normalizer, learner.pre_tokenizer = splitting.normalizer, splitting.pre_tokenizer
    learner.train_from_iterator(
        chain(TEMPLATE * TEMPLATE_WEIGHT, texts, _common()),
        trainers.BpeTrainer(
            vocab_size=size - len(SPECIAL),
            min_frequency=2,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    learnt = json.loads(learner.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(merge) for merge in learnt["merges"]],
        unk_token=PAD,
        pad_token=PAD,
        eos_token=END,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [START, AUDIO, AUDIO_BEGIN, AUDIO_END]})
    return tokenizer


def _common() -> Iterable[str]:
    """The frequent words as they stand within a sentence, and as they begin one, each often enough to count."""
    words = COMMON.split()
    return [" ".join(["", *words]), " ".join(["", *words]), *(word.capitalize() for word in words)]
