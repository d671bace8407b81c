"""What is steered: a sound, a prompt, features with their values, and how; kept per study, undone step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ard_gui.state.event import Event
from ard_gui.state.steering_rows import (
    USUAL,
    Pair,
    Row,
    bounded,
    feature_row,
    overrides,
    rows_from_plain,
    set_row,
)  # fmt: skip
from ard_gui.state.steering_settings import KEEPS_ERROR, PROFILES, Settings, settings_from_plain
from ard_gui.state.undo import Step, UndoStack
from backend.store.notes.steering import SteeredClip, SteeringResult

VERSION = 1
MOST_PROMPTS, MOST_PRESETS, MOST_RANKINGS = 30, 50, 20
LONGEST_PROMPT = 4000


@dataclass(frozen=True)
class Setup:
    """Everything that a request is made of.

    Attributes
    ----------
    sound : SteeredClip or None
        None before one was chosen.
    prompt : str
    rows : tuple of Row
    settings : Settings
    bypass : bool
        Every row is left out for now.
    """

    sound: SteeredClip | None = None
    prompt: str = ""
    rows: tuple[Row, ...] = ()
    settings: Settings = field(default_factory=Settings)
    bypass: bool = False

    @property
    def overrides(self) -> tuple[Pair, ...]:
        """Every feature that is set, with its value."""
        return () if self.bypass else overrides(self.rows)


@dataclass(frozen=True)
class Preset:
    """Features with values, and settings, under a name; of one SAE."""

    name: str
    ranking: str
    rows: tuple[Row, ...]
    settings: Settings


class Steering:
    """The setup of one window.

    Parameters
    ----------
    undo : UndoStack
        Every change is a step on it; a run of changes of one thing (a slider that is dragged) is one step.

    Attributes
    ----------
    now : Setup
    ranking : str
        Id of the SAE whose features these are; the rows of others are kept for when they are shown again.
    raw : bool
        They are raw units.
    prompts : tuple of str
        Asked before, the newest first.
    presets : tuple of Preset
    follows : bool
        Whether the sound is that of the current clip.
    changed : Event[str]
        "sound", "prompt", "rows" (other rows), "values" (other values or bypasses), "settings", "presets", or "all".
    """

    def __init__(self, undo: UndoStack) -> None:
        self.now = Setup()
        self.ranking, self.raw = "", False
        self.prompts: tuple[str, ...] = ()
        self.presets: tuple[Preset, ...] = ()
        self.follows = True
        self.changed: Event[str] = Event()
        self._undo = undo
        self._rows: dict[str, tuple[Row, ...]] = {}
        self._run: tuple[str, _Change] | None = None
        undo.changed.connect(self._undo_changed)
        self._pushing = False

    # features

    def row(self, key: str) -> Row | None:
        return next((row for row in self.now.rows if row.key == key), None)

    def add_features(self, found: Iterable[Pair]) -> int:
        """Sliders for features with their largest values (NaN or 0 where unknown); how many are new."""
        known = {row.key for row in self.now.rows}
        rows = {row.key: row for row in (feature_row(*pair) for pair in found) if row.key not in known}
        if rows:
            label = f"steering feature {next(iter(rows))}" if len(rows) == 1 else f"{len(rows)} steering features"
            self._put(replace(self.now, rows=(*self.now.rows, *rows.values())), "rows", label)
        return len(rows)

    def add_set(self, name: str, pairs: Iterable[Pair]) -> None:
        """One slider for a set of features with stored values; a set of that name is replaced.

        Raises ValueError for a set without name or features.
        """
        row = set_row(name, pairs)
        rows = [one for one in self.now.rows if one.key != row.key]
        self._put(replace(self.now, rows=(*rows, row)), "rows", f"steering set {name}")

    def remove(self, key: str) -> None:
        rows = tuple(row for row in self.now.rows if row.key != key)
        self._put(replace(self.now, rows=rows), "rows", f"removal of steering {_called(key)}")

    def clear(self) -> None:
        """No features; sound, prompt and settings stay."""
        self._put(replace(self.now, rows=(), bypass=False), "rows", "removal of all steering features")

    def set_amount(self, key: str, amount: float) -> None:
        """Move a slider."""
        self._change_row(key, "values", f"value of {_called(key)}", amount=self._allowed(bounded(amount)))

    def set_value(self, key: str, value: float) -> None:
        """The absolute value of a feature; of a set its amount."""
        row = self.row(key)
        if row is not None:
            self.set_amount(key, row.with_value(value).amount)

    def set_bypass(self, key: str, bypass: bool) -> None:
        self._change_row(key, "values", f"bypass of {_called(key)}", bypass=bypass)

    def bypass_all(self, bypass: bool) -> None:
        self._put(replace(self.now, bypass=bypass), "values", "bypass of all steering features")

    def reset(self) -> None:
        """Every slider where it stood when it was added, none bypassed."""
        rows = tuple(replace(row, amount=USUAL, bypass=False) for row in self.now.rows)
        self._put(replace(self.now, rows=rows, bypass=False), "values", "reset of steering values")

    def settle(self) -> None:
        """The slider was let go: the next move is a step of its own."""
        self._run = None

    # everything else

    def set_sound(self, sound: SteeredClip | None) -> None:
        self._put(replace(self.now, sound=sound), "sound", "sound to steer on", undoable=not self.follows)

    def set_follows(self, follows: bool) -> None:
        if follows != self.follows:
            self.follows = follows
            self.changed.emit("sound")

    def set_prompt(self, prompt: str) -> None:
        self._put(replace(self.now, prompt=prompt), "prompt", "steering prompt")

    def begin_with(self, prompt: str) -> None:
        """The prompt where none was ever written; no change of the person's."""
        if not self.now.prompt and not self.prompts:
            self.now = replace(self.now, prompt=prompt)
            self.changed.emit("prompt")

    def asked(self) -> None:
        """The prompt was used: it becomes the newest of the history."""
        prompt = self.now.prompt
        if prompt.strip() and self.prompts[:1] != (prompt,):
            self.prompts = (prompt, *(one for one in self.prompts if one != prompt))[:MOST_PROMPTS]

    def set_settings(self, **values: Any) -> None:
        """Some settings; ValueError for a value that none can have. Values below 0 go where a mode has none."""
        self.settle()
        settings, rows = replace(self.now.settings, **values), self.now.rows
        if not settings.negative:
            rows = tuple(replace(row, amount=max(0.0, row.amount)) for row in rows)
        changed = "values" if rows != self.now.rows else ""
        self._put(replace(self.now, settings=settings, rows=rows), "settings", "steering settings")
        if changed:
            self.changed.emit(changed)

    def use_profile(self, name: str) -> None:
        self.set_settings(**PROFILES[name])

    def keep_preset(self, name: str) -> None:
        """Keep the features, their values and the settings under a name."""
        preset = Preset(name, self.ranking, self.now.rows, self.now.settings)
        others = [one for one in self.presets if (one.name, one.ranking) != (name, self.ranking)]
        self.presets = (*others, preset)[-MOST_PRESETS:]
        self.changed.emit("presets")

    def use_preset(self, preset: Preset) -> None:
        self._put(replace(self.now, rows=preset.rows, settings=preset.settings), "all", f"preset {preset.name}")

    def forget_preset(self, preset: Preset) -> None:
        self.presets = tuple(one for one in self.presets if one is not preset)
        self.changed.emit("presets")

    def take_result(self, result: SteeringResult) -> None:
        """Go on from a saved result, of the SAE that is shown."""
        rows = tuple(
            replace(feature_row(one.feature, one.maximum or 0.0).with_value(one.value)) for one in result.features
        )
        settings = Settings(
            result.mode, result.positions, result.decode, result.add_error, max(1, result.max_new_tokens),
            result.temperature, result.seed, tuple(result.conditions),
        )  # fmt: skip
        self.set_follows(False)
        self._put(Setup(result.clip, result.prompt, rows, settings), "all", "opened steering result")

    def use_ranking(self, name: str, *, raw: bool = False) -> None:
        """Another SAE is shown: its own rows come back. Raw units are not selected: for them the mode is `delta`."""
        if name == self.ranking:
            return
        self.raw = raw
        if raw and self.now.settings.mode not in KEEPS_ERROR:
            self.now = replace(self.now, settings=replace(self.now.settings, mode="delta"))
        if self.ranking:
            self._rows[self.ranking] = self.now.rows
        self.ranking, self._run = name, None
        self.now = replace(self.now, rows=self._rows.get(name, ()), bypass=False)
        self.changed.emit("all")

    # keeping

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        rows = {**self._rows, **({self.ranking: self.now.rows} if self.ranking else {})}
        return {
            "version": VERSION,
            "sound": None if self.now.sound is None else asdict(self.now.sound),
            "follows": self.follows,
            "prompt": self.now.prompt,
            "prompts": list(self.prompts),
            "settings": self.now.settings.plain(),
            "rows": {name: [row.plain() for row in found] for name, found in list(rows.items())[-MOST_RANKINGS:]},
            "presets": [
                {"name": one.name, "ranking": one.ranking, "rows": [row.plain() for row in one.rows],
                 "settings": one.settings.plain()} for one in self.presets
            ],
        }  # fmt: skip

    def restore(self, found: Any) -> None:
        """Take what `plain` gave; what is damaged or of another version is left out."""
        self._run, self.ranking = None, ""
        kept = found if isinstance(found, dict) and found.get("version") == VERSION else {}
        rows = kept.get("rows")
        self._rows = {str(name): rows_from_plain(one) for name, one in (rows.items() if isinstance(rows, dict) else ())}
        self.prompts = _texts(kept.get("prompts"))[:MOST_PROMPTS]
        self.presets = tuple(_presets(kept.get("presets")))[-MOST_PRESETS:]
        self.follows = kept.get("follows", True) is True
        prompt = kept.get("prompt")
        self.now = Setup(
            _sound(kept.get("sound")), prompt if isinstance(prompt, str) else "", (),
            settings_from_plain(kept.get("settings")),
        )  # fmt: skip
        self.changed.emit("all")

    # changes

    def _allowed(self, amount: float) -> float:
        return amount if self.now.settings.negative else max(0.0, amount)

    def _change_row(self, key: str, part: str, label: str, **values: Any) -> None:
        rows = tuple(replace(row, **values) if row.key == key else row for row in self.now.rows)
        self._put(replace(self.now, rows=rows), part, label)

    def _put(self, setup: Setup, part: str, label: str, *, undoable: bool = True) -> None:
        if setup == self.now:
            return
        before, self.now = self.now, setup
        if not undoable:
            self._run = None
        elif self._run is not None and self._run[0] == label:
            self._run[1].after = setup
        else:
            change = _Change(before, setup, self.ranking)
            self._pushing = True
            self._undo.push(Step(label, lambda: self._go(change, back=True), lambda: self._go(change, back=False)))
            self._pushing = False
            self._run = (label, change)
        self.changed.emit(part)

    def _go(self, change: _Change, *, back: bool) -> None:
        """Undo or redo what the change changed; what changed otherwise meanwhile stays."""
        before, after = vars(change.before), vars(change.after)
        values = {name: (before if back else after)[name] for name in before if before[name] != after[name]}
        if change.ranking != self.ranking and "rows" in values:
            self._rows[change.ranking] = values.pop("rows")
        self._run, self.now = None, replace(self.now, **values)
        self.changed.emit("all")

    def _undo_changed(self) -> None:
        if not self._pushing:
            self._run = None


@dataclass
class _Change:
    """Two setups; the second one moves on while a run of changes lasts."""

    before: Setup
    after: Setup
    ranking: str


def _called(key: str) -> str:
    return key if key.startswith("set ") else f"feature {key}"


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _presets(found: Any) -> Iterable[Preset]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("ranking"), str):
            settings = settings_from_plain(one.get("settings"))
            yield Preset(one["name"], one["ranking"], rows_from_plain(one.get("rows")), settings)


def _sound(found: Any) -> SteeredClip | None:
    try:
        key, record, path, member = (_text(found[name]) for name in ("key", "record", "path", "member"))
        end, duration = (None if found[name] is None else float(found[name]) for name in ("end", "duration"))
        return SteeredClip(key, record, path, member, float(found["start"]), end, duration)
    except (KeyError, TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("this is no text")
    return value
