"""What to think of a name: cleaning and status (A-36). Text is kept whatever the status says."""

from __future__ import annotations

import re

from backend.describe.namers.base import Naming

LONGEST_NAME = 5
"""Words of a short name (A-34)."""

THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
EXPLANATION = re.compile(r"\[EXPLANATION\]:\s*(.*)", re.DOTALL)
"""The form of sae-for-vlm's explainer (P-4)."""
LINE_MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|>\s+|[-*+•]\s+|```\w*\s*$|\d{1,2}[.)]\s+(?=\S))", re.MULTILINE)
EMPHASIS = re.compile(r"(?<!\w)(\*\*\*|\*\*|\*|___|__|_|`)(?=\S)(.+?)(?<=\S)\1(?!\w)")
LABEL = re.compile(
    r"^(?:(?:the |a |final |short |common |suggested )*"
    r"(?:answer|short name|name|noun phrase|concept|common concept|label|description|explanation)\s*:\s*)+",
    re.IGNORECASE,
)
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "`": "`"}
QUOTED = re.compile(r"[\"“«„]([^\"“”«»„]+)[\"”»“]")
LEAD_IN = re.compile(
    r"^[^:]{0,80}?\b(?:phrase|name|concept|theme|element|thread|label|description|answer|sound)\b[^:]{0,40}?"
    r"(?:\s*:|\b(?:is|are|would be|could be|might be|described as|called|named)\b\s*:?)\s*(?=\S)",
    re.IGNORECASE,
)
BREAK = re.compile(r"\s+[–—-]\s+|\s*[;(\[]|[.!?](?=\s|$)|,?\s+(?:which|because|since|as it|as they)\b", re.IGNORECASE)
ARTICLE = re.compile(r"^(?:a|an|the)\s+", re.IGNORECASE)

REFUSED = re.compile(
    r"^(?:(?:my )?apologies\b|i apologi[sz]e\b|i\s*(?:['’]m| am)\s+(?:very |so |really )?sorry\b|sorry\b)|"
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b|"
    r"^(?:[^.!?]{0,60},\s*)?i\s*(?:['’]m| am)\s+(?:unable|not able)\b|"
    r"^(?:[^.!?]{0,60},\s*)?i\s+(?:cannot|can['’]?t|can not|won['’]?t|will not|do not have|don['’]t have)\b",
    re.IGNORECASE,
)
NONE_COMMON = re.compile(
    r"\bno\s+(?:(?:single|clear|obvious|apparent|specific|particular|evident|one|real)[\s,]+(?:or\s+)?)*"
    r"(?:common|shared|unifying|consistent|recurring)\b|"
    r"\bunable to (?:produce|provide|give)\s+(?:any |a )?descriptions?\b|"
    r"\b(?:cannot|can['’]?t|could not|couldn['’]t|unable to|not able to)\s+(?:\w+\s+){1,2}?"
    r"(?:a|any|one)\s+(?:\w+\s+){0,2}?(?:common|shared)\b|"
    r"\b(?:do not|don['’]t|does not|doesn['’]t)\s+(?:seem to\s+|appear to\s+)?(?:share|have)\s+(?:a|any)\s+"
    r"(?:\w+\s+){0,2}?(?:common|concept|theme)\b|\bnothing in common\b",
    re.IGNORECASE,
)


def judge_naming(naming: Naming) -> tuple[str, str, str]:
    """Status, short name and description of what a namer said.

    Status is one of `backend.store.concepts.STATUS`:

    * empty: it said nothing;
    * no common concept: it says that the captions have none;
    * refused: it says that it will or can not answer;
    * too long: no name of at most five words could be read from the answer; the short name is "";
    * ok: else. A namer that gives no short name is ok if its description is short enough to be one.

    The description is freed from markup and never cut; where there is none, the whole of the short answer stands for
    it. A short name is taken from a longer answer only where the answer itself marks it: by quotes, by what leads up
    to it ("The common concept is …"), or as what stands before a bracket, a dash or the end of the first sentence.
    """
    told, short = clean(naming.short_name), short_form(naming.short_name)
    description = clean(naming.description) or told
    if not description:
        return "empty", "", ""
    if NONE_COMMON.search(description) or NONE_COMMON.search(told):
        return "no common concept", short, description
    if REFUSED.search(told):
        short = ""
    if REFUSED.search(description):
        return "refused", short, description
    if short or (not told and len(description.split()) <= LONGEST_NAME):
        return "ok", short, description
    return "too long", "", description


def clean(text: str) -> str:
    """`text` on one line without markup, enclosing quotes, labels in front ("Answer:") and a model's loud thinking.

    "" if neither a letter nor a digit is left.
    """
    text = THOUGHTS.sub(" ", text)
    if found := EXPLANATION.search(text):
        text = found.group(1)
    text = LINE_MARKUP.sub("", text)
    text = " ".join(EMPHASIS.sub(r"\2", text).split())
    before = None
    while before != text:
        before = text
        text = _unquoted(LABEL.sub("", text)).strip()
    return text if any(letter.isalnum() for letter in text) else ""


def short_form(text: str) -> str:
    """A name of one to five words from an answer, without the full stop behind it; "" if the answer holds none."""
    lines = [clean(line) for line in THOUGHTS.sub(" ", text).splitlines()]
    first = next((line for line in lines if line), "")
    led = LEAD_IN.sub("", first, count=1)
    quoted = QUOTED.findall(first)
    tries = [first, *(quoted if len(quoted) == 1 else ()), *_before_break(first), led, *_before_break(led)]
    for one in [*tries, *(ARTICLE.sub("", one) for one in tries)]:
        name = _unquoted(clean(one).rstrip(".,;:! "))
        if 1 <= len(name.split()) <= LONGEST_NAME:
            return name
    return ""


def _before_break(text: str) -> list[str]:
    found = BREAK.search(text)
    return [text[: found.start()]] if found and found.start() else []


def _unquoted(text: str) -> str:
    """`text` without one pair of quotes around all of it, and a full stop behind them."""
    bare = text.rstrip(".")
    if len(bare) > 1 and QUOTES.get(bare[0]) == bare[-1] and not {bare[0], bare[-1]} & set(bare[1:-1]):
        return bare[1:-1].strip()
    return text
