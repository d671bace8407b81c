"""The demo opens the window only where a person could see it."""

from __future__ import annotations

import pytest

from backend.cli.environment import has_display


@pytest.mark.parametrize(
    ("environment", "platform", "seen"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({"DISPLAY": ":0", "CI": "false"}, "linux", True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "linux", False),
        ({}, "win32", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a b"}, "darwin", False),
        ({"CI": "1"}, "win32", False),
    ],
)
def test_window_opens_only_where_there_is_a_display_and_no_automatic_build(
    environment: dict[str, str], platform: str, seen: bool
) -> None:
    assert has_display(environment, platform) is seen
