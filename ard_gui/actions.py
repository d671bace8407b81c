"""Every action of the window in one table: menus, shortcuts, command palette and shortcut sheet are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from ard_gui.state.event import Event

Place = Literal["window", "browse"]


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Attributes
    ----------
    id : str
        "group.verb", by which views bind a handler.
    text : str
        As in the menu, with & before the letter to press.
    menu : str
        Title of its menu.
    keys : tuple of str
        Shortcuts; the first one is shown.
    place : "window" or "browse"
        Keys of "browse" (plain ones) work only where `Actions.attach` was called: in the table and the clip cards.
    checkable : bool
    tip : str
        One sentence for the palette and the status bar.
    """

    id: str
    text: str
    menu: str
    keys: tuple[str, ...] = ()
    place: Place = "window"
    checkable: bool = False
    tip: str = ""


FILE, EDIT, GO, LISTEN, JUDGE, STEER, RUN, VIEW, HELP = (
    "&File", "&Edit", "&Go", "&Listen", "&Judge", "&Steer", "&Run", "&View", "&Help",
)  # fmt: skip
TABLE: tuple[Entry, ...] = (
    Entry("file.open", "&Open study …", FILE, ("Ctrl+O",), tip="Choose the folder of a study."),
    Entry("file.new", "&New study …", FILE, ("Ctrl+N",), tip="Make a study from a model and folders of sound."),
    Entry("file.demo", "Open the &demo", FILE, tip="Make (once) and open the study of the built-in model."),
    Entry("file.relink", "&Find moved sounds …", FILE, tip="Say where the study's folders of sound lie now."),
    Entry("file.export", "&Export features …", FILE, ("Ctrl+E",),
          tip="Write features as CSV, JSON, Markdown, HTML with sound, or WAV files."),
    Entry("file.export_notes", "Export your no&tes …", FILE, tip="Write stars, tags, names and ratings to one file."),
    Entry("file.import_notes", "&Import notes …", FILE, tip="Merge the notes of a colleague into yours."),
    Entry("file.close", "&Close study", FILE, ("Ctrl+W",), tip="Back to the start page."),
    Entry("file.quit", "&Quit", FILE, ("Ctrl+Q",)),
    Entry("edit.undo", "&Undo", EDIT, ("Ctrl+Z",)),
    Entry("edit.redo", "&Redo", EDIT, ("Ctrl+Shift+Z", "Ctrl+Y")),
    Entry("edit.copy_image", "&Copy view as image", EDIT, ("Ctrl+Shift+C",),
          tip="Put a picture of the view in use on the clipboard."),
    Entry("edit.save_image", "&Save view as image …", EDIT, tip="Write a picture of the view in use as PNG."),
    Entry("edit.copy_rows", "Copy &rows", EDIT, ("Ctrl+C",), "browse",
          tip="Put the marked rows of the table on the clipboard, as they are shown."),
    Entry("edit.copy_csv", "Copy rows as CS&V", EDIT,
          tip="Put the marked rows of the table on the clipboard, with full precision."),
    Entry("edit.preferences", "&Preferences …", EDIT, ("Ctrl+,",)),
    Entry("go.search", "&Search features", GO, ("Ctrl+F",), tip="Put the cursor into the search field."),
    Entry("go.filter", "&Filter expression", GO, ("Ctrl+Shift+F",), tip="Put the cursor into the expression filter."),
    Entry("go.feature", "&Go to feature …", GO, ("Ctrl+G",), tip="Show a feature by its number."),
    Entry("go.next", "&Next feature", GO, ("Down", "J"), "browse", tip="The feature below in the table."),
    Entry("go.previous", "&Previous feature", GO, ("Up", "K"), "browse", tip="The feature above in the table."),
    Entry("go.next_clip", "Next &clip", GO, ("Right",), "browse"),
    Entry("go.previous_clip", "Previous c&lip", GO, ("Left",), "browse"),
    Entry("go.next_group", "Next gr&oup of clips", GO, ("]",), "browse"),
    Entry("go.previous_group", "Previous group of clips", GO, ("[",), "browse"),
    Entry("go.fold", "Fold or open &groups", GO, ("G",), "browse",
          tip="Fold the group of the current clip; open all if any is folded."),
    Entry("go.more_clips", "All clips of the group", GO, ("Shift+G",), "browse"),
    Entry("go.clip_features", "Features of this clip …", GO, ("F",), "browse",
          tip="The strongest features of the current clip, to go to one."),
    Entry("go.back", "&Back", GO, ("Alt+Left",), tip="The feature you looked at before."),
    Entry("go.forward", "For&ward", GO, ("Alt+Right",)),
    Entry("go.random", "&Random feature", GO, ("Ctrl+R",), tip="A feature drawn from those the table shows."),
    Entry("go.table", "To the &table", GO, ("Ctrl+1",)),
    Entry("go.clips", "To the cli&ps", GO, ("Ctrl+2",)),
    Entry("listen.toggle", "&Play or pause", LISTEN, ("Space",), "browse"),
    Entry("listen.stop", "&Stop", LISTEN, ("Ctrl+.",)),
    Entry("listen.back", "A second &back", LISTEN, ("Shift+Left",), "browse"),
    Entry("listen.ahead", "A second o&n", LISTEN, ("Shift+Right",), "browse"),
    Entry("listen.loop", "&Loop", LISTEN, ("L",), "browse", True,
          "Play the clip, or its marked part, again and again."),
    Entry("listen.active", "Only where &active", LISTEN, ("A",), "browse", True,
          "Leave out the parts in which the feature is inactive."),
    Entry("listen.compare", "Switch to the &other clip", LISTEN, ("B",), "browse",
          tip="Back and forth between the last two clips, at the same place and without a gap."),
    Entry("listen.autoplay", "Play on &move", LISTEN, ("P",), "browse", True,
          "Play each clip as soon as it is chosen."),
    Entry("listen.slower", "Slo&wer", LISTEN, ("Shift+,", "<"), "browse"),
    Entry("listen.faster", "&Faster", LISTEN, ("Shift+.", ">"), "browse"),
    Entry("listen.mute", "&Mute", LISTEN, ("M",), "browse", True),
    Entry("listen.match", "Match lou&dness", LISTEN, ("E",), "browse", True, "Bring every clip to the same loudness."),
    Entry("listen.rescan", "Look for sound devices a&gain", LISTEN,
          tip="Find devices that were plugged in, and open the chosen one."),
    Entry("judge.star", "&Star", JUDGE, ("S",), "browse", True, "Star the feature, or take the star away."),
    Entry("judge.name", "Own &name …", JUDGE, ("F2", "N"), "browse", tip="Give the feature a name of your own."),
    Entry("judge.tags", "&Tags …", JUDGE, ("T",), "browse"),
    Entry("judge.note", "N&ote …", JUDGE, ("O",), "browse"),
    Entry("judge.not_monosemantic", "Not &monosemantic", JUDGE, ("X",), "browse", True,
          "Mark the feature as answering to more than one thing."),
    Entry("judge.list", "Add to &list …", JUDGE, ("Shift+L",), "browse",
          tip="Put the marked features into a named list."),
    Entry("judge.rate1", "Rate clip &1", JUDGE, ("1",), "browse"),
    Entry("judge.rate2", "Rate clip &2", JUDGE, ("2",), "browse"),
    Entry("judge.rate3", "Rate clip &3", JUDGE, ("3",), "browse"),
    Entry("judge.rate4", "Rate clip &4", JUDGE, ("4",), "browse"),
    Entry("judge.rate5", "Rate clip &5", JUDGE, ("5",), "browse"),
    Entry("judge.unrate", "Take the &rating away", JUDGE, ("0",), "browse"),
    Entry("judge.up", "Thumb &up", JUDGE, ("U",), "browse", tip="The clip fits the feature."),
    Entry("judge.down", "Thumb &down", JUDGE, ("D",), "browse", tip="The clip does not fit the feature."),
    Entry("steering.with_feature", "&Steer with this feature", STEER, ("W",), "browse",
          tip="Give the marked features sliders in the steering panel."),
    Entry("steering.add_feature", "&Add features …", STEER, ("Ctrl+Shift+A",),
          tip="Add features to steer by number or name, from the selection, near others, or in the sound."),
    Entry("steering.tested_sound", "Steer on the tested &sound", STEER,
          tip="Take the sound of the panel Test a sound to the steering panel."),
    Entry("steering.run", "Ask the &model", STEER, ("Ctrl+Return",), tip="Ask for the answers to what is steered now."),
    Entry("steering.stop", "S&top", STEER, ("Ctrl+Shift+Return",), tip="Stop what the model is doing for the panel."),
    Entry("steering.bypass", "&Bypass all features", STEER, ("Ctrl+Shift+B",), checkable=True,
          tip="Leave every override out for now, to hear the model without them."),
    Entry("steering.reset", "&Reset values", STEER, tip="Put every slider to 1×, as when it was added."),
    Entry("steering.clear", "Remove all &features", STEER, tip="Take every slider away; sound and prompt stay."),
    Entry("steering.save", "Sa&ve result", STEER, ("Ctrl+Shift+R",),
          tip="Keep what was asked and the answers among the saved results."),
    Entry("steering.copy_command", "&Copy as command line", STEER,
          tip="Put the command line that asks the same on the clipboard."),
    Entry("steering.restart", "Start the model again", STEER,
          tip="Start the model server again and repeat the last request."),
    Entry("run.everything", "&Bring everything up to date", RUN, ("Ctrl+Shift+U",),
          tip="Run every stage of the study that is missing or stale."),
    Entry("run.new_sae", "Train another &SAE …", RUN, tip="More expansions, K, seeds or architectures on its layers."),
    Entry("run.add_layer", "Add a &layer …", RUN, tip="Read another layer of the model, and train SAEs on it."),
    Entry("run.name_features", "&Name these features …", RUN,
          tip="Caption and name the marked features, more of the best, or all by other means."),
    Entry("run.pause", "&Pause the run", RUN,
          tip="Write a checkpoint and stop; of a request that waits: hold it back."),
    Entry("run.resume", "&Resume the run", RUN, tip="Go on from the last checkpoint."),
    Entry("run.cancel", "&Cancel the run", RUN,
          tip="Stop it and take it off the queue; everything finished so far is kept."),
    Entry("run.show", "&Show queue and runs", RUN, tip="Progress, curves, log and settings of every run."),
    Entry("run.import_sae", "&Import SAE …", RUN, tip="Bring a published SAE into the study, checked on its sounds."),
    Entry("run.compare", "&Compare SAEs", RUN, tip="Set two SAEs of the study side by side."),
    Entry("view.palette", "&Commands …", VIEW, ("Ctrl+K", "F1"), tip="Find any command by typing."),
    Entry("view.bigger", "&Bigger text", VIEW, ("Ctrl++", "Ctrl+=")),
    Entry("view.smaller", "S&maller text", VIEW, ("Ctrl+-",)),
    Entry("view.usual", "&Usual text size", VIEW, ("Ctrl+0",)),
    Entry("view.zoom_in", "Zoom &in on the clip", VIEW, ("+", "="), "browse", tip="Less time on the spectrogram."),
    Entry("view.zoom_out", "Zoom &out", VIEW, ("-",), "browse", tip="More time on the spectrogram."),
    Entry("view.zoom_all", "The &whole clip", VIEW, ("Z",), "browse"),
    Entry("view.theme", "Next &theme", VIEW, ("Ctrl+Shift+T",), tip="Light, dark, high contrast, as the system."),
    Entry("view.sort", "&Sort the table by …", VIEW, ("Ctrl+Shift+S",), tip="Order the features by a column."),
    Entry("view.columns", "Co&lumns of the table …", VIEW, tip="Show, hide and order the columns of the table."),
    Entry("steering.profile", "Where it can be ste&ered", VIEW,
          tip="At which layers and positions the model's answers can be steered, measured without an SAE."),
    Entry("view.full", "&Full screen", VIEW, ("F11",), checkable=True),
    Entry("view.reset", "&Reset layout", VIEW, tip="Put every panel back where it was at first."),
    Entry("help.shortcuts", "&Shortcuts", HELP, ("Ctrl+/", "F12")),
    Entry("help.tour", "&Tour", HELP, tip="A short walk through the window."),
    Entry("help.notices", "&Messages", HELP, ("Ctrl+Shift+M",),
          tip="Everything the window has reported, with details to copy."),
    Entry("help.about", "&About ARD", HELP),
)  # fmt: skip
"""In the order of the menus. Docks add an entry each under View (`Actions.add`)."""


class Actions(QObject):
    """The QActions of one window, by id; an action without a handler is disabled.

    Attributes
    ----------
    entries : dict
        Rows by id, in the order of the menus.
    used : Event[str]
        Emitted with the id of each action before its handler is called.
    """

    def __init__(self, window: QWidget, table: Iterable[Entry] = TABLE) -> None:
        super().__init__(window)
        self._window = window
        self.entries: dict[str, Entry] = {}
        self._actions: dict[str, QAction] = {}
        self._bound: set[str] = set()
        self._menus: dict[str, QMenu] = {}
        self.used: Event[str] = Event()
        for entry in table:
            self.add(entry)

    def __getitem__(self, id_: str) -> QAction:
        return self._actions[id_]

    def add(self, entry: Entry) -> QAction:
        """One more row; its keys work at once where they belong."""
        action = QAction(entry.text, self._window)
        action.setObjectName(entry.id)
        action.setCheckable(entry.checkable)
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        action.setStatusTip(entry.tip)
        action.setEnabled(False)
        action.setVisible(False)
        if entry.place == "window":
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            self._window.addAction(action)
        else:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.entries[entry.id] = entry
        self._actions[entry.id] = action
        return action

    def bind(self, id_: str, handler: Callable[[], object]) -> None:
        """Let `handler` answer the action, which is enabled by that."""
        action = self._actions[id_]
        if id_ not in self._bound:
            action.triggered.connect(lambda _checked=False: self.used.emit(id_))
        action.triggered.connect(lambda _checked=False: handler())
        action.setEnabled(True)
        action.setVisible(True)
        self._bound.add(id_)
        if self.entries[id_].menu in self._menus:
            self._menus[self.entries[id_].menu].menuAction().setVisible(True)

    def is_bound(self, id_: str) -> bool:
        """Whether the action has a handler; without one it is left out of menus, palette and sheet."""
        return id_ in self._bound

    def attach(self, widget: QWidget) -> None:
        """Let the plain keys work in `widget` and its children; only for the table and the clip cards."""
        for id_, entry in self.entries.items():
            if entry.place == "browse":
                widget.addAction(self._actions[id_])

    def fill(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Make the menus, in the table's order; they show the actions that have, or get, a handler."""
        for id_, entry in self.entries.items():
            if entry.menu not in self._menus:
                self._menus[entry.menu] = bar.addMenu(entry.menu)
                self._menus[entry.menu].menuAction().setVisible(False)
            self._menus[entry.menu].addAction(self._actions[id_])
        for id_ in self._bound:
            self._menus[self.entries[id_].menu].menuAction().setVisible(True)
        return self._menus

    def shortcut_text(self, id_: str) -> str:
        """The first shortcut as the system writes it; "" without one."""
        return self._actions[id_].shortcut().toString(QKeySequence.SequenceFormat.NativeText)

    def all_shortcuts(self, id_: str) -> str:
        """Every shortcut, joined by "or"."""
        native = QKeySequence.SequenceFormat.NativeText
        return " or ".join(one.toString(native) for one in self._actions[id_].shortcuts())

    def usable(self) -> list[str]:
        """Ids of the actions that can be used now, in the order of the menus."""
        return [id_ for id_ in self.entries if self.is_bound(id_) and self._actions[id_].isEnabled()]
