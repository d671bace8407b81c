"""Imported first of all by `ard_gui.app`: the large modules that know nothing of Qt.

PySide6 reads the source of every module that is imported after it, to see whether it uses Qt: some 0.1 ms each, and
numpy alone has 140. Imports leave no garbage either, so that nobody looks for any until they are done: `ard_gui.app`
turns the collector on again.
"""

# ruff: noqa: E402, F401
import gc

gc.disable()

import ard_gui.services.feature_texts
import ard_gui.state.column_words
import ard_gui.state.command_search
import ard_gui.state.feature_rows
import ard_gui.state.notices
import ard_gui.state.preferences
import ard_gui.state.selection
import ard_gui.state.undo
import backend.store.notes.notes
