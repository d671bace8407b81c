"""An OpenAI-compatible server on loopback that answers what a test tells it to, failures included."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer of the server; `hang` holds it back until the test ends, `drop` closes the connection unanswered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False


def said(content: Any, **message: Any) -> Reply:
    """A chat completion."""
    return Reply(
        body=json.dumps({"choices": [{"message": {"role": "assistant", "content": content, **message}}]}).encode()
    )


def failed(status: int, message: str = "", **headers: str) -> Reply:
    """An error in OpenAI's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": {"message": message, "code": "some_code"}}).encode(), named)


@dataclass
class ChatServer:
    """What was asked: the path, headers and JSON body of each request.

    Attributes
    ----------
    url : str
        Base URL, with /v1.
    """

    url: str
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.requests]


@contextmanager
def chat_server(replies: Sequence[Reply] | Callable[[dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    """Serve `replies` one after another, or what a function answers to each request's body."""
    release, left = threading.Event(), list(replies) if not callable(replies) else []
    answer = replies if callable(replies) else lambda body: left.pop(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.requests.append((self.path, dict(self.headers), body))
            reply = answer(body)
            if reply.hang:
                release.wait()
            if reply.hang or reply.drop:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Nothing into the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = ChatServer(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        release.set()
        server.shutdown()
        thread.join()
        server.server_close()
