"""The SQLite file: opened, made, checked, set aside where it is damaged; its errors put into words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.store.notes.place import is_local
from backend.store.notes.schema import APPLICATION, HISTORY, STAMP, TABLES, VERSION, creation
from backend.study.atomic import disk_full

WAIT_SECONDS = 10.0
Rows = dict[str, list[tuple[Any, ...]]]
"""Rows of each table: its key columns, then value, author, time and uuid; of `name_history` its columns."""


class Database:
    """One connection, for the thread that made it. Other processes may have the same file open.

    Raises ArdError if the file cannot be opened, is another program's, or was written by a later version of ARD.
    A damaged file is set aside under a new name, and an empty one takes its place; `messages` says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[str] = []
        self.damaged: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArdError("there is no place for the notes", path=path.parent, todo="Make that folder.") from error
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if not _means_damage(error):
                raise self._said(error) from error
            self.damaged = self._set_aside()
            self._connection = self._open()
        self._file = _file_at(path)

    def _open(self) -> sqlite3.Connection:
        # isolation_level None: transactions begin and end where this file says, nowhere else
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found[0] != "ok":
            damage = sqlite3.DatabaseError(str(found[0]))
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
        self._check_kind(connection)
        with _refused():
            connection.execute(f"PRAGMA journal_mode = {'WAL' if is_local(self.path.parent) else 'DELETE'}")
        # a commit is on the disk before the next change begins, also when the power fails
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            ours = self._check_kind(connection)
            for statement in creation():
                connection.execute(statement)
            if not ours:
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _check_kind(self, connection: sqlite3.Connection) -> bool:
        """False for an empty file; ArdError if it is not ours or of a later version."""
        (kind,), (version,) = (connection.execute(f"PRAGMA {n}").fetchone() for n in ("application_id", "user_version"))
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not kind:
            return False
        if kind != APPLICATION:
            raise ArdError("this file does not hold notes of ARD", path=self.path, todo="Move it away or rename it.")
        if version > VERSION:
            raise ArdError(
                f"these notes were written by a later version of ARD (format {version}, this one knows {VERSION})",
                path=self.path, todo="Update ARD; nothing was changed.",
            )  # fmt: skip
        return True

    def _set_aside(self) -> Path:
        """Move the file, and the log that belongs to it, to a name that is free."""
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        names = (f"{self.path.stem}.damaged-{stamp}{n or ''}{self.path.suffix}" for n in range(1000))
        away = next(path for path in map(self.path.with_name, names) if not path.exists())
        try:
            for ending in ("", "-wal", "-shm", "-journal"):
                part = Path(f"{self.path}{ending}")
                if part.exists():
                    part.rename(f"{away}{ending}")
        except OSError as error:
            raise ArdError(
                "the notes are damaged and cannot be set aside",
                path=self.path,
                todo="Close other windows and try again.",
            ) from error
        self.messages.append(
            f"The notes in {self.path} are damaged. The file was kept as {away.name}; "
            "what could be read of it is in the new file."
        )
        return away

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._said(error) from error

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        """One writing statement, inside `transaction`."""
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._said(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written together, or, after an error, nothing of it.

        Raises ArdError where the file was deleted or replaced since: what is written to it would be lost.
        """
        if _file_at(self.path) != self._file:
            raise ArdError(
                "the notes were deleted or replaced while they were open", path=self.path, todo="Open the study again."
            )
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise self._said(error) from error
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._said(error) from error
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is read as of one moment."""
        try:
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise self._said(error) from error
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def all_rows(self) -> Rows:
        """Everything, in the order of the keys."""
        with self.snapshot():
            return {
                table: self.rows(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(key)}")
                for table, columns, key in _contents()
            }

    def _said(self, error: sqlite3.Error) -> ArdError:
        text = str(error)
        if "full" in text:
            return disk_full(self.path)
        if "locked" in text or "busy" in text:
            return ArdError(
                "another program is writing the notes and does not end", path=self.path,
                todo="Close it, then try again.",
            )  # fmt: skip
        if "readonly" in text or "unable to open" in text:
            return ReadOnly("the notes cannot be written there", path=self.path, todo="Make that place writable.")
        return ArdError(f"the notes cannot be read or written: {text}", path=self.path, todo="Open the study again.")


class ReadOnly(ArdError):
    """The place cannot be written to."""


def read_loosely(path: Path) -> Rows:
    """Whatever rows can be read of a file that is damaged or that lies where nothing can be written; none if none."""
    found: Rows = {}
    for way in ("mode=ro", "mode=ro&immutable=1"):
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{way}", uri=True, timeout=WAIT_SECONDS)) as one:
                (version,) = one.execute("PRAGMA user_version").fetchone()
                if version > VERSION:
                    return {}
                for table, columns, _ in _contents():
                    found[table] = _until_damage(one, f"SELECT {', '.join(columns)} FROM {table}")
        except sqlite3.Error:
            continue
        if any(found.values()):
            break
    return found


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _until_damage(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    try:
        for row in connection.execute(statement):
            rows.append(row)
    except sqlite3.DatabaseError:
        pass
    return rows


def _contents() -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Table, columns to read, columns to order by."""
    found = [(name, (*key, *STAMP[:-1]), key) for name, key in TABLES.items()]
    return [*found, ("name_history", HISTORY, ("uuid",))]


def _means_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def _refused() -> Iterator[None]:
    """The journal stays what it is where another window is busy with the file or the disk cannot have the asked one."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _means_damage(error):
            raise
