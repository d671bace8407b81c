"""A model hub with one model on this machine, as the hub's own client asks for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(home: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """The hub's cache below `home` (HF_HOME) with one model; returns the folder of its files."""
    place = home / "hub" / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs" / "main").write_text(COMMIT)
    folder = place / "snapshots" / COMMIT
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return folder


@contextmanager
def tiny_hub(name: str, sizes: Mapping[str, int], contents: Mapping[str, bytes], parameters: int) -> Iterator[str]:
    """Address of a hub with the model `name`.

    Parameters
    ----------
    sizes : mapping
        Bytes that the hub says each file has.
    contents : mapping
        The files that it hands out.
    """
    told = {
        "id": name, "sha": COMMIT, "safetensors": {"parameters": {"F32": parameters}, "total": parameters},
        "siblings": [{"rfilename": file, "size": size} for file, size in sizes.items()],
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/models/{name}"):
                self._send(200, json.dumps(told).encode(), body=body)
            elif path.startswith(f"/{name}/resolve/") and path.rpartition("/")[2] in contents:
                self._send(200, contents[path.rpartition("/")[2]], body=body)
            else:
                error = "EntryNotFound" if path.startswith(f"/{name}/") else "RepoNotFound"
                self._send(404, b"", body=body, error=error)

        def _send(self, status: int, content: bytes, *, body: bool, error: str = "") -> None:
            self.send_response(status)
            headers = {"Content-Length": len(content), "X-Repo-Commit": COMMIT, "ETag": f'"{len(content):040d}"'}
            for key, value in {**headers, **({"X-Error-Code": error} if error else {})}.items():
                self.send_header(key, str(value))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
