"""Captions and names over HTTP, and everything that goes wrong there, against a server on loopback."""

from __future__ import annotations

import base64
import io
import socket
import sys
import types
from typing import Any

import numpy as np
import pytest
import soundfile

from backend.describe.captioners.base import CAPTIONERS, Captioner
from backend.describe.endpoint import ChatEndpoint, find_key
from backend.describe.namers.base import NAMERS, Namer, Naming
from backend.errors import ArdError, Stopped
from backend.jobs.events import EventLog
from backend.jobs.job import Job, quiet_job
from backend.store.clips import Clip
from builders.chat_server import Reply, chat_server, failed, said
from builders.describe_settings import describe_settings

KEY = "sk-secret-1234567890"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def no_proxy_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def load_namer(url: str) -> Namer:
    return NAMERS.get("endpoint").load(describe_settings(names={"url": url, "model": "m"}), "What?", "Short!")


def endpoint(url: str, waited: list[float] | None = None, **values: Any) -> ChatEndpoint:
    section = describe_settings(names={"url": url, "model": "m", **values}).names
    return ChatEndpoint(section, "names", pause=(waited if waited is not None else []).append)


class Recorded(Job):
    """A job that keeps its messages."""

    def __init__(self) -> None:
        super().__init__(EventLog(path=None, run="none"))
        self.told: list[str] = []

    def message(self, text: str, level: str = "info") -> None:
        self.told.append(text)


def test_a_clip_goes_out_as_wav_with_the_prompt_and_comes_back_as_a_caption() -> None:
    wave = np.linspace(-0.5, 0.5, 16_000, dtype=np.float32)
    with chat_server([said(" A rising tone. \n")]) as server:
        captioner = CAPTIONERS.get("endpoint").load(
            describe_settings(captions={"url": server.url, "model": "audio-model", "max_new_tokens": 77}), "Caption it"
        )
        assert captioner.caption([Clip("a", "a.wav")], [wave]) == ["A rising tone."]
    ((path, _, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("audio-model", 0, 77)
    (message,) = body["messages"]
    sound, text = message["content"]
    assert text == {"type": "text", "text": "Caption it"}
    assert sound["input_audio"]["format"] == "wav"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound["input_audio"]["data"])), dtype="float32")
    assert rate == captioner.sample_rate == 16_000
    assert np.abs(samples - wave).max() < 2 / 2**15


def test_of_a_long_clip_the_first_forty_seconds_are_sent_and_of_an_empty_one_nothing() -> None:
    with chat_server([said("long")]) as server:
        captioner = CAPTIONERS.get("endpoint").load(describe_settings(captions={"url": server.url, "model": "m"}), "x")
        waves = [np.zeros(0, np.float32), np.zeros(41 * 16_000, np.float32)]
        assert captioner.caption([Clip("a", "a"), Clip("b", "b")], waves) == ["", "long"]
    sound = server.bodies()[0]["messages"][0]["content"][0]["input_audio"]["data"]
    assert soundfile.info(io.BytesIO(base64.b64decode(sound))).duration == captioner.window_seconds == 40.0


def test_the_short_name_is_asked_for_in_the_same_conversation() -> None:
    with chat_server([said("They all have dogs."), said("dogs")]) as server:
        namer = NAMERS.get("endpoint").load(
            describe_settings(names={"url": server.url, "model": "m"}), "What?", "Short!"
        )
        assert namer.name(["a dog", "dogs"]) == Naming("They all have dogs.", "dogs")
    first, second = (body["messages"] for body in server.bodies())
    assert first == [{"role": "user", "content": "What?\n\n1. a dog\n2. dogs"}]
    assert second == [
        *first, {"role": "assistant", "content": "They all have dogs."}, {"role": "user", "content": "Short!"},
    ]  # fmt: skip


@pytest.mark.parametrize("empty", [said(""), said(None), said([]), said("  ")])
def test_an_empty_answer_is_an_empty_text_and_no_follow_up_is_asked(empty: Reply) -> None:
    with chat_server([empty]) as server:
        namer = NAMERS.get("endpoint").load(
            describe_settings(names={"url": server.url, "model": "m"}), "What?", "Short!"
        )
        assert namer.name(["a dog"]) == Naming("", "")


def test_answers_in_parts_and_refusals_are_read() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "dog"}]
    with chat_server([said(parts), said(None, refusal="I'm sorry.")]) as server:
        chat = endpoint(server.url)
        assert [chat.ask(HELLO), chat.ask(HELLO)] == ["a dog", "I'm sorry."]


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_a_failure_that_passes_is_waited_for_with_growing_pauses(status: int) -> None:
    waited: list[float] = []
    with chat_server([failed(status, "busy")] * 3 + [said("ok")]) as server:
        chat, job = endpoint(server.url, waited), Recorded()
        chat.attach(job)
        assert chat.ask(HELLO) == "ok"
    assert sum(waited) == 1 + 2 + 4
    assert job.told == [f"names: status {status}, busy; trying again in {n} s" for n in (1, 2, 4)]


def test_retry_after_sets_the_pause() -> None:
    waited: list[float] = []
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    replies = [failed(429, Retry_After="7"), failed(503, Retry_After=past), failed(429, Retry_After="soon"), said("ok")]
    with chat_server(replies) as server:
        assert endpoint(server.url, waited).ask(HELLO) == "ok"
    assert sum(waited) == 7 + 0 + 4


@pytest.mark.parametrize("after", ["3600", "Sun, 06 Nov 2994 08:49:37 GMT", "inf"])
def test_a_server_that_asks_for_an_hour_is_not_waited_for(after: str) -> None:
    waited: list[float] = []
    told = r"no time: status 429, quota; it asks to wait .* Run the command again later"
    with chat_server([failed(429, "quota", Retry_After=after)]) as server, pytest.raises(ArdError, match=told):
        endpoint(server.url, waited).ask(HELLO)
    assert waited == []


def test_after_all_tries_the_last_failure_is_told() -> None:
    told = r"tried 2 times: status 503, last.*names.url"
    with chat_server([failed(500, "first"), failed(503, "last")]) as server, pytest.raises(ArdError, match=told):
        endpoint(server.url, retries=1).ask(HELLO)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "todo"), [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "names.model"), (400, r"\[names\]")]
)
def test_other_failures_end_it_at_once_with_the_servers_message(status: int, todo: str) -> None:
    waited: list[float] = []
    told = rf"status {status}, because of this x+ ….*{todo}"
    reply = failed(status, "because of\n this " + "x" * 500)
    with chat_server([reply]) as server, pytest.raises(ArdError, match=told) as caught:
        endpoint(server.url, waited).ask(HELLO)
    assert waited == []
    assert len(str(caught.value)) < 600


def test_a_message_that_is_no_json_is_told_as_it_is() -> None:
    for body, told in (
        (b"<html>Bad\nGateway</html>", "<html>Bad Gateway</html>"),
        (b"", "status 400"),
        (b"[1]", r"\[1\]"),
    ):
        with chat_server([Reply(400, body)]) as server, pytest.raises(ArdError, match=told):
            endpoint(server.url).ask(HELLO)
    detail = Reply(422, b'{"detail": [{"msg": "no audio"}]}')
    with chat_server([detail]) as server, pytest.raises(ArdError, match="no audio"):
        endpoint(server.url).ask(HELLO)


@pytest.mark.parametrize(
    "garbage", [b"", b"nonsense", b"{}", b'{"choices": []}', b'{"choices": [{"message": 3}]}', b"[]", b"\xff\xfe",
                b'{"choices": [{"message": {"content": 3}}]}', b'{"choices": [{"message": {"content": ["x"]}}]}',
                b"null"]
)  # fmt: skip
def test_an_answer_out_of_format_is_asked_for_again_and_then_told(garbage: bytes) -> None:
    with chat_server([Reply(200, garbage), said("ok")]) as server:
        assert endpoint(server.url).ask(HELLO) == "ok"
    with chat_server([Reply(200, garbage)]) as server, pytest.raises(ArdError, match="not a chat completion"):
        endpoint(server.url, retries=0).ask(HELLO)


def test_a_dropped_connection_and_one_refused_are_tried_again() -> None:
    with chat_server([Reply(drop=True), said("ok")]) as server:
        assert endpoint(server.url).ask(HELLO) == "ok"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        waited: list[float] = []
        with pytest.raises(ArdError, match=r"tried 3 times: .*refused") as caught:
            endpoint(url, waited, retries=2).ask(HELLO)
    assert sum(waited) == 3
    assert "/chat/completions" in str(caught.value)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with (
        chat_server([Reply(hang=True)] * 2) as server,
        pytest.raises(ArdError, match="2 times: no answer within"),
    ):
        endpoint(server.url, retries=1, timeout=0.2).ask(HELLO)


def test_a_wish_to_stop_ends_the_waiting() -> None:
    job, waited = quiet_job(), []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            job.request_stop()

    with chat_server([failed(429, Retry_After="500")]) as server:
        chat = endpoint(server.url)
        chat._pause = pause
        chat.attach(job)
        with pytest.raises(Stopped):
            chat.ask(HELLO)
    assert len(waited) == 3


def test_captioner_and_namer_hand_their_job_on() -> None:
    job = quiet_job()
    job.request_stop()
    with chat_server(lambda body: failed(500)) as server:
        settings = describe_settings(
            captions={"url": server.url, "model": "m"}, names={"url": server.url, "model": "m"}
        )
        captioner, namer = CAPTIONERS.get("endpoint").load(settings, ""), NAMERS.get("endpoint").load(settings, "", "")
        captioner.attach(job)
        namer.attach(job)
        with pytest.raises(Stopped):
            captioner.caption([Clip("a", "a")], [np.ones(100, np.float32)])
        with pytest.raises(Stopped):
            namer.name(["a"])


def test_the_key_is_sent_and_stands_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    garbage = Reply(200, f"you sent {KEY}".encode())
    with chat_server([said("ok"), garbage, failed(500, KEY), failed(401, f"wrong key {KEY}")]) as server:
        chat, job = endpoint(server.url + "?token=t", key_env="MY_KEY"), Recorded()
        chat.attach(job)
        chat.ask(HELLO)
        with pytest.raises(ArdError, match="wrong key …") as caught:
            chat.ask(HELLO)
    assert {headers["Authorization"] for _, headers, _ in server.requests} == {f"Bearer {KEY}"}
    assert server.requests[0][0] == "/v1/chat/completions?token=t"
    assert len(job.told) == 2
    told = [str(caught.value), *job.told, str(chat.identity())]
    assert not any(KEY in one or "token=t" in one for one in told)


def test_without_a_key_no_header_is_sent() -> None:
    with chat_server([said("ok")]) as server:
        endpoint(server.url).ask(HELLO)
    assert "Authorization" not in server.requests[0][1]


def test_a_redirect_is_not_followed() -> None:
    """It would carry the key to another host."""
    with (
        chat_server([said("stolen")]) as other,
        chat_server([Reply(307, b"", {"Location": other.url})]) as server,
        pytest.raises(ArdError, match=f"status 307 to {other.url}"),
    ):
        endpoint(server.url).ask(HELLO)
    assert other.requests == []


def test_the_keyring_is_asked_where_the_environment_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = types.ModuleType("keyring")
    ring.__spec__ = types.SimpleNamespace(name="keyring")  # type: ignore[assignment]
    ring.get_password = lambda service, name: {("ard", "MY_KEY"): KEY}.get((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert find_key("MY_KEY") == KEY
    assert find_key("OTHER") == ""
    monkeypatch.setenv("MY_KEY", "from-the-environment")
    assert find_key("MY_KEY") == "from-the-environment"

    def locked(service: str, name: str) -> str:
        raise RuntimeError("no back-end")

    ring.get_password = locked  # type: ignore[attr-defined]
    assert find_key("OTHER") == ""


@pytest.mark.parametrize("key", ["two words", "naïve", "line\nbreak"])
def test_a_key_that_cannot_be_one_is_refused_unquoted(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(ArdError, match="MY_KEY") as caught:
        find_key("MY_KEY")
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "file:///etc/passwd", "http://", "http://host:port", "http://a b", "ftp://host"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ArdError, match=r"names\.url is not the URL"):
        endpoint(url)


def test_a_password_in_the_url_is_refused_unquoted() -> None:
    with pytest.raises(ArdError, match="holds a user name or password") as caught:
        endpoint("https://me:geheim@host/v1")
    assert "geheim" not in str(caught.value)


def test_a_missing_model_is_named() -> None:
    with pytest.raises(ArdError, match=r"captions\.model is empty"):
        CAPTIONERS.get("endpoint").load(describe_settings(captions={"url": "http://host/v1"}), "")


@pytest.mark.parametrize("url", ["http://host/v1", "http://host/v1/", "http://host/v1/chat/completions"])
def test_the_base_url_may_be_written_in_full(url: str) -> None:
    assert endpoint(url).address == "http://host/v1/chat/completions"


def test_identities_tell_model_and_address() -> None:
    settings = describe_settings(
        captions={"url": "http://host/v1", "model": "a"}, names={"url": "http://host/v1", "model": "b"}
    )
    captioner: Captioner = CAPTIONERS.get("endpoint").load(settings, "")
    namer: Namer = NAMERS.get("endpoint").load(settings, "", "")
    common = {"url": "http://host/v1/chat/completions", "temperature": 0}
    assert captioner.identity() == {
        **common, "captioner": "endpoint", "model": "a", "max_tokens": 256, "sample_rate": 16_000, "seconds": 40.0,
    }  # fmt: skip
    assert namer.identity() == {**common, "namer": "endpoint", "model": "b", "max_tokens": 128}
    assert captioner.one_by_one
