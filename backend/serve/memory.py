"""Things that were costly to make, kept while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Memory:
    """The values used last, by keys that name everything they depend on.

    Parameters
    ----------
    count : int
        Values that are kept at most.
    room : int
        Bytes that they may take together; the one used last is kept whatever its size.
    """

    def __init__(self, count: int, room: int) -> None:
        self._count, self._room = count, room
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._taken = 0

    def get(self, key: Hashable) -> Any | None:
        """The value of `key`, None if it is not kept."""
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key][0]

    def put(self, key: Hashable, value: Any, size: int = 0) -> None:
        """Keep a value of `size` bytes; those used longest ago give way."""
        self._taken += size - self._values.pop(key, (None, 0))[1]
        self._values[key] = (value, size)
        while len(self._values) > 1 and (len(self._values) > self._count or self._taken > self._room):
            self._taken -= self._values.popitem(last=False)[1][1]

    def kept(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int] = lambda value: 0) -> T:
        """What is kept for `key`, made if it is not."""
        if key not in self._values:
            made = make()
            self.put(key, made, size(made))
        found: Any = self.get(key)
        return found  # type: ignore[no-any-return]

    def clear(self, *, but: Hashable = None) -> None:
        """Forget everything but the value of one key."""
        for key in [key for key in self._values if key != but]:
            self._taken -= self._values.pop(key)[1]
