"""A client of OpenAI-compatible chat endpoints (vLLM, Ollama, llama.cpp, hosted ones), shared by captioner and namer.

The key comes from the environment or the system's keyring. It goes into one request header and nowhere else: no
message, log, manifest or study holds it, and a redirect is not followed, so that it reaches no other host.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from backend.describe.sources import without_query
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.study.settings import CaptionsSection, NamesSection

PATH = "/chat/completions"
KEYRING_SERVICE = "ard"
RETRIED = frozenset({408, 425, 429})
"""Beside every 5xx: what may succeed when asked again."""
LONGEST_PAUSE = 60.0
LONGEST_ASKED_PAUSE = 600.0
"""Seconds. A server that asks for more is not waited for: what is done is kept, and the user may come back."""
SLICE = 0.25
LARGEST_ANSWER = 16 * 2**20
Message = Mapping[str, Any]


class _Passing(Exception):
    """A failure that may pass; `after` is how many seconds the server asks to wait, if it does."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None makes the redirect an error."""


class ChatEndpoint:
    """One model behind an endpoint. Several threads may ask at once.

    Parameters
    ----------
    section : CaptionsSection or NamesSection
        `url`, `model`, `key_env`, `retries`, `timeout` and `max_new_tokens`.
    name : str
        The section's name, for messages.
    pause : callable
        Waits a number of seconds; another in tests.

    Raises
    ------
    ArdError
        For a URL that is none or holds a password, a missing model, a key that cannot be one.
    """

    def __init__(
        self, section: CaptionsSection | NamesSection, name: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.url = _checked_url(section.url, f"{name}.url")
        if not section.model:
            raise ArdError(f"{name}.model is empty", todo="Write the name under which the endpoint knows its model.")
        self.model = section.model
        self.name = name
        self.retries, self.timeout, self.max_tokens = section.retries, section.timeout, section.max_new_tokens
        self.key_env = section.key_env
        self._key = find_key(section.key_env)
        self._pause = pause
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._job: Job | None = None

    def attach(self, job: Job) -> None:
        """The job that is asked whether to stop while this waits, and told of failed requests."""
        self._job = job

    @property
    def address(self) -> str:
        """The URL without its query, for messages and manifests."""
        return without_query(self.url)

    def identity(self) -> dict[str, Any]:
        """Where the answers come from; JSON-ready, without the key."""
        return {"url": self.address, "model": self.model, "max_tokens": self.max_tokens, "temperature": 0}

    def ask(self, messages: Sequence[Message]) -> str:
        """The model's greedy answer to a conversation, "" if it says nothing.

        A connection that fails, a timeout, the statuses 408, 425, 429 and 5xx and an answer that is not in the
        format are tried `retries` times again after 1, 2, 4 … 60 s, or after what Retry-After says.

        Raises
        ------
        ArdError
            For any other status at once, with the server's message; for what has not passed after all tries; for a
            server that asks for more than ten minutes of patience.
        Stopped
            If the job is asked to stop while this waits.
        """
        body = {"model": self.model, "messages": list(messages), "temperature": 0, "max_tokens": self.max_tokens}
        for attempt in range(self.retries + 1):
            try:
                return _answer(self._post(body))
            except _Passing as failure:
                why = self._without_key(str(failure))
                if attempt == self.retries:
                    tried = "once" if attempt == 0 else f"{attempt + 1} times"
                    raise ArdError(
                        f"the endpoint could not be used, tried {tried}: {why}",
                        path=self.address,
                        todo=f"See whether it runs and whether {self.name}.url is right, then run the command again.",
                    ) from None
                self._wait(min(2.0**attempt, LONGEST_PAUSE) if failure.after is None else failure.after, why)
        raise AssertionError("the loop returns or raises")

    def _post(self, body: Mapping[str, Any]) -> bytes:
        request = urllib.request.Request(self.url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        if self._key:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                data: bytes = response.read(LARGEST_ANSWER)
                return data
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except TimeoutError:
            raise _Passing(f"no answer within {self.timeout:g} s") from None
        except urllib.error.URLError as error:
            late = isinstance(error.reason, TimeoutError)
            raise _Passing(f"no answer within {self.timeout:g} s" if late else f"{error.reason}") from None
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise _Passing(f"the connection broke off ({type(error).__name__})") from None

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        """What a status other than 2xx means."""
        what = f"status {error.code}"
        if said := self._without_key(_server_message(error)):
            what += f", {said}"
        if error.code in RETRIED or error.code >= 500:
            after = _retry_after(error.headers.get("Retry-After"))
            if after is None or after <= LONGEST_ASKED_PAUSE:
                return _Passing(what, after)
            what += f"; it asks to wait {after:.0f} s"
            return ArdError(f"the endpoint has no time: {what}", path=self.address, todo="Run the command again later.")
        todo = {
            401: f"Put a valid key into the environment variable {self.key_env}.",
            403: f"Put a valid key into the environment variable {self.key_env}.",
            404: f"Correct {self.name}.url and {self.name}.model; the URL usually ends in /v1.",
        }.get(error.code, f"Correct the [{self.name}] section of study.toml.")
        if error.code < 400:
            what += f" to {self._without_key(str(error.headers.get('Location', '')))[:200]}"
        return ArdError(f"the endpoint refuses the request: {what}", path=self.address, todo=todo)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text

    def _wait(self, seconds: float, why: str) -> None:
        if self._job is not None:
            self._job.message(f"{self.name}: {why}; trying again in {seconds:.0f} s", level="warning")
        left = seconds
        while left > 0:
            self._check_stop()
            self._pause(min(left, SLICE))
            left -= SLICE
        self._check_stop()

    def _check_stop(self) -> None:
        if self._job is not None:
            self._job.check_stop()


def find_key(variable: str) -> str:
    """The key in the environment variable, else the keyring's entry of that name for the service "ard", else "".

    Raises ArdError, without quoting it, for a key that cannot stand in a request header.
    """
    key = (os.environ.get(variable, "") if variable else "").strip() or _from_keyring(variable)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ArdError(
            f"the key in {variable} holds spaces or characters that no key has", todo="Set the variable to the key."
        )
    return key


def _from_keyring(variable: str) -> str:
    if not variable or find_spec("keyring") is None:
        return ""
    try:
        return str(import_module("keyring").get_password(KEYRING_SERVICE, variable) or "").strip()
    except Exception:  # a keyring without a back-end, locked or broken: as if it held no key
        return ""


def _checked_url(url: str, setting: str) -> str:
    """`url` with the path of chat completions."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        usable = usable and not any(letter <= " " for letter in url)
    except ValueError:
        usable = False
    if not usable:
        raise ArdError(
            f"{setting} is not the URL of an endpoint: '{url.rsplit('@', 1)[-1]}'",
            todo='Write its base URL, e.g. "http://localhost:8000/v1".',
        )
    if "@" in parts.netloc:
        raise ArdError(
            f"{setting} holds a user name or password", todo="Take it out; keys belong into the environment."
        )
    path = parts.path.rstrip("/").removesuffix(PATH) + PATH
    return urlunsplit(parts._replace(path=path, fragment=""))


def _answer(data: bytes) -> str:
    """The text of a chat completion; a refusal counts as text."""
    try:
        message = json.loads(data)["choices"][0]["message"]
        content = message.get("content") or message.get("refusal") or ""
        if isinstance(content, list):
            content = "".join(part.get("text") or "" for part in content)
        if not isinstance(content, str):
            raise TypeError("content is no text")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise _Passing(f"the answer is not a chat completion: {_cut(data.decode(errors='replace'))}") from None
    return content.strip()


def _server_message(error: urllib.error.HTTPError) -> str:
    """What the server says is wrong, short."""
    try:
        text = error.read(LARGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    try:
        found = json.loads(text)
        found = found.get("error", found.get("detail", found.get("message", text)))
        text = str(found.get("message", found)) if isinstance(found, dict) else str(found)
    except (ValueError, AttributeError):
        pass
    return _cut(text)


def _cut(text: str, longest: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[:longest] + " …"


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, from a header that gives a number or a date; None if it gives neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
