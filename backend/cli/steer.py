"""`ard steer`: override features in the running model and read what it answers (A-48 … A-61)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import ask, resident_of
from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json
from backend.cli.steer_output import print_answers, print_code, print_sweep
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.serve.resident import Resident
    from backend.study.folder import Study

PROMPT = "Generate a detailed caption for the audio clip"
VALUES = (0.0, 1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 50.0)
"""Of `--sweep default` (A-51)."""
PROFILES: dict[str, dict[str, Any]] = {
    "": {},
    "paper": {"mode": "pre_topk", "positions": "audio", "decode": "off", "add_error": False},
    "lmms": {"mode": "pre_topk", "positions": "prompt", "decode": "reconstruct", "add_error": False},
}
"""Settings by the name of who steered so: A-48 … A-50, and P-5."""


def steer(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    clip: Annotated[str, typer.Option("--clip", help="A clip of the study: its row or its record.")] = "",
    sound: Annotated[str, typer.Option("--sound", help="Any sound file.")] = "",
    start: Annotated[float, typer.Option("--start", min=0, help="Seconds in the sound at which to begin.")] = 0.0,
    end: Annotated[float | None, typer.Option("--end", help="Seconds at which to end.")] = None,
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="The question; for Whisper, text that came before the sound.")
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", metavar="K=V", help="Set feature K to V, or to 2x its maximum: 12=3.5, 99=2x."),
    ] = None,
    profile: Annotated[str, typer.Option("--profile", help="paper or lmms; options given beside it win.")] = "",
    mode: Annotated[
        str,
        typer.Option("--mode", help="pre_topk, post_topk_retop, post_topk, keep, delta, additive, orthogonal, cap."),
    ] = "",
    positions: Annotated[str, typer.Option("--positions", help="none, audio or prompt.")] = "",
    decode: Annotated[str, typer.Option("--decode", help="off, reconstruct or steer.")] = "",
    add_error: Annotated[bool, typer.Option("--add-error", help="Keep what the SAE does not reconstruct.")] = False,
    tokens: Annotated[int, typer.Option("--tokens", help="Longest answer in tokens.")] = 64,
    temperature: Annotated[float, typer.Option("--temperature", help="0 is greedy.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws, for a temperature above 0.")] = 0,
    conditions: Annotated[
        str, typer.Option("--conditions", help="Those wanted, by commas.")
    ] = "original,reconstructed,steered",
    sweep: Annotated[
        str, typer.Option("--sweep", help="Values by commas for every feature: 0,5,10 or 0x,1x,2x; or default.")
    ] = "",
    words: Annotated[
        str, typer.Option("--words", help="With --sweep: words by commas whose probability to show.")
    ] = "",
    code: Annotated[
        int | None, typer.Option("--code", help="Show the code of this audio position before and after instead.")
    ] = None,
    lmms_json: Annotated[
        Path | None, typer.Option("--lmms-json", help="Write the answers to each feature alone in lmms' layout.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Override features in the running model: original, reconstructed and steered answer side by side."""
    place = open_study(study)
    if profile not in PROFILES:
        raise typer.BadParameter(f"there is no profile '{profile}'; use one of: paper, lmms")
    if words and not sweep:
        raise typer.BadParameter("--words belongs to --sweep")
    given: dict[str, Any] = {"mode": mode, "positions": positions, "decode": decode, "add_error": add_error}
    settings = PROFILES[profile] | {name: value for name, value in given.items() if value}
    with resident_of(place) as resident:
        features = Features(resident, sae, list(feature or ()), sweeping=bool(sweep))
        where = _where(place, clip, sound, start, end)
        asked = _prompt(resident) if prompt is None else prompt
        shared = {**where, **settings, "sae": sae, "prompt": asked}
        written = {"max_new_tokens": tokens, "temperature": temperature, "seed": seed}
        wanted = [name.strip() for name in conditions.split(",") if name.strip()]
        if lmms_json is not None:
            _write_lmms(resident, lmms_json, features, {**shared, **written})
        elif code is not None:
            found = _ask(resident, "code", {**shared, "overrides": features.overrides, "position": code})
            print_json(found) if as_json else print_code(found)
        elif sweep:
            values = features.swept(sweep)
            fields = {"values": values, "words": _listed(words), "conditions": wanted, **written}
            found = _ask(resident, "sweep", {**shared, "overrides": features.overrides, **fields})
            shown = {"prompt": asked, "features": [k for k, _ in features.overrides], **found}
            print_json(shown) if as_json else print_sweep(shown)
        else:
            fields = {"conditions": wanted, **written}
            found = _ask(resident, "steer", {**shared, "overrides": features.overrides, **fields})
            shown = {"prompt": asked, "overrides": features.overrides, **found}
            print_json(shown) if as_json else print_answers(shown)


class Features:
    """The features of a command line and their values.

    Parameters
    ----------
    words : list of str
        "12=3.5", "12=2x" (times the feature's maximum on the probing set, A-51); "12" where values are swept.
    """

    def __init__(self, resident: Resident, sae: str, words: list[str], *, sweeping: bool) -> None:
        if not words:
            raise typer.BadParameter("name at least one feature: --feature 12=3.5")
        from backend.store.retrieval import RetrievalFile

        ranked = resident.ranked(sae)
        with RetrievalFile(ranked.path) as file:
            self._maxima = file.table()["max"]
        self._id = ranked.id
        self.overrides = [self._override(word, sweeping) for word in words]

    def swept(self, text: str) -> list[list[float]]:
        """A value for every feature for each of the swept ones."""
        names = [str(value) for value in VALUES] if text == "default" else _listed(text)
        return [[self._value(feature, name) for feature, _ in self.overrides] for name in names]

    def _override(self, word: str, sweeping: bool) -> tuple[int, float]:
        name, _, value = word.partition("=")
        if not name.strip().isdecimal() or not (value or sweeping):
            raise typer.BadParameter(f"'{word}' is no feature with a value; write 12=3.5 or 12=2x")
        feature = int(name)
        if feature >= len(self._maxima):
            raise ArdError(
                f"there is no feature {feature} in {self._id}", todo=f"Use a number from 0 to {len(self._maxima) - 1}."
            )
        return feature, self._value(feature, value) if value else 0.0

    def _value(self, feature: int, text: str) -> float:
        number, times = text.strip(), 1.0
        if number.endswith("x"):
            number, times = number[:-1], float(self._maxima[feature])
            if not math.isfinite(times) or times == 0:
                raise ArdError(
                    f"feature {feature} is dead: it has no maximum to take multiples of", todo="Give its value itself."
                )
        try:
            return float(number) * times
        except ValueError:
            raise typer.BadParameter(f"'{text}' is no value; write 3.5 or 2x") from None


def _where(place: Study, clip: str, sound: str, start: float, end: float | None) -> dict[str, Any]:
    """The fields that name the sound."""
    if bool(clip) == bool(sound):
        raise typer.BadParameter("name one sound: --clip or --sound")
    if sound:
        return {"path": str(Path(sound).expanduser().absolute()), "start": start, "end": end}
    from backend.store.clips import ClipTable

    table = ClipTable(place.clips())
    records = table.text["record"]
    row = records.index(clip) if clip in records else int(clip) if clip.isdecimal() else -1
    if not 0 <= row < len(table):
        raise ArdError(f"the study has no clip '{clip}'", path=place.root, todo="Give its row or its record.")
    found = table[row]
    last = None if math.isnan(found.end) else found.end
    return {"path": str(Path(found.root) / found.path), "member": found.member, "start": found.start, "end": last}


def _prompt(resident: Resident) -> str:
    """What models that follow a prompt are asked where nothing is said."""
    from backend.targets.base import TARGETS
    from backend.targets.identity import identify

    return PROMPT if TARGETS.get(identify(resident.settings.model).model_type).answers_prompts else ""


def _ask(resident: Resident, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    from backend.serve.base import REQUESTS

    try:
        request = REQUESTS.get(kind).model_validate(fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise typer.BadParameter(wrong) from error
    return ask(resident, request)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _write_lmms(resident: Resident, out: Path, features: Features, fields: dict[str, Any]) -> None:
    """One entry per feature, each overridden alone: {layer_featureK: {original_resps, clamped_resps, idx}} (P-5)."""
    from backend.study.atomic import replacing

    found: dict[str, Any] = {}
    for feature, value in features.overrides:
        one = _ask(
            resident, "steer", {**fields, "overrides": [(feature, value)], "conditions": ["original", "steered"]}
        )  # fmt: skip
        answers = one["answers"]
        found[f"{one['layer']}_feature{feature}"] = {
            "original_resps": answers["original"]["text"], "clamped_resps": answers["steered"]["text"], "idx": feature,
        }  # fmt: skip
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(found, indent=4, ensure_ascii=False), encoding="utf-8")
    typer.echo(f"{len(found)} features written to {out}", err=True)


COMMANDS = (steer,)
