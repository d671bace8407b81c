"""What a steerability profile says about where to train an SAE and on which tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LEAST = 0.5
"""Share of clips from which on a layer counts as steered, unless the user says otherwise."""
PARTLY = 0.1
TOKENS_WORDS = {
    "audio": "train SAEs on audio tokens and steer at the audio positions",
    "all": "audio positions carry only part of it: train SAEs on all tokens and steer at all positions",
    "prompt": "it is no longer read from the audio: train SAEs on the prompt's tokens and steer at all positions",
}


def recommend(layers: Sequence[str], cells: Sequence[dict[str, Any]], least: float = LEAST) -> dict[str, Any]:
    """Words and settings from the cells of a profile.

    A place steers a layer where at some strength the share is at least `least` and its interval lies above that of
    the random control at the same strength. The best strength is a choice made on these very clips, so its share is a
    little too good.

    Returns
    -------
    dict
        `least`; `layers`: for each `places` (its best cell by place, and whether it `steers`), `tokens`, the value of
        model.tokens to train with ("audio", "all", "prompt", or "" where nothing steers), and `decode`, what to do
        while the answer is written ("off" or "steer"); `deepest_audio`, `deepest` (the last layers at which audio
        positions, and any place, steer; "" for none); `not_worth` (layers at which nothing steers); `words`.
    """
    rows = [_layer(layer, cells, least) for layer in layers]
    audio = [row["layer"] for row in rows if row["tokens"] == "audio"]
    some = [row["layer"] for row in rows if row["tokens"]]
    return {
        "least": least, "layers": rows, "deepest_audio": audio[-1] if audio else "",
        "deepest": some[-1] if some else "", "not_worth": [row["layer"] for row in rows if not row["tokens"]],
        "words": _words(rows, least),
    }  # fmt: skip


def _layer(layer: str, cells: Sequence[dict[str, Any]], least: float) -> dict[str, Any]:
    own = [one for one in cells if one["layer"] == layer]
    places = {
        place: _best([one for one in own if one["place"] == place], least)
        for place in dict.fromkeys(one["place"] for one in own)
    }  # fmt: skip
    steering = [place for place, best in places.items() if best["steers"]]
    tokens = "audio" if "audio" in steering else ""
    if steering and not tokens:
        tokens = "all" if (places["audio"]["share"] or 0) >= PARTLY else "prompt"
    return {"layer": layer, "places": places, "tokens": tokens, "decode": "steer" if steering == ["answer"] else "off"}


def _best(cells: Sequence[dict[str, Any]], least: float) -> dict[str, Any]:
    """The strength of largest share, one that steers first, of equal ones the smallest."""
    rated = [
        {
            "strength": one["strength"], "share": one["steered"]["value"], "n": one["steered"]["n"],
            "interval": [one["steered"]["low"], one["steered"]["high"]],
            "steers": (one["steered"]["value"] or 0) >= least and one["steered"]["low"] > one["control"]["high"],
        }
        for one in cells
    ]  # fmt: skip
    return max(rated, key=lambda one: (one["steers"], one["share"] or 0, -one["strength"]))


def _words(rows: Sequence[dict[str, Any]], least: float) -> list[str]:
    said = []
    audio = [row for row in rows if row["tokens"] == "audio"]
    if audio:
        best = audio[-1]["places"]["audio"]
        low, high = best["interval"]
        said.append(
            f"Audio positions still steer at {audio[-1]['layer']}: {best['share']:.0%} of {best['n']} clips at "
            f"{best['strength']:g}x (95 %: {low:.0%} … {high:.0%})."
        )
    else:
        said.append(f"At none of these layers do audio positions steer {least:.0%} of the clips.")
    for tokens, advice in TOKENS_WORDS.items():
        for decode, more in (("off", ""), ("steer", ", the tokens of the answer too (decode = steer)")):
            own = [row["layer"] for row in rows if (row["tokens"], row["decode"]) == (tokens, decode)]
            if own:
                said.append(f'{_listed(own)}: {advice}{more}. Setting: model.tokens = "{tokens}".')
    none = [row["layer"] for row in rows if not row["tokens"]]
    if none:
        said.append(f"Do not bother with {_listed(none)}: nothing that was tried steers there.")
    return said


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
