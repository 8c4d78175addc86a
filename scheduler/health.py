"""The small server of processes without a web server: live, ready and metrics, from functions that answer at once."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

from scheduler import clock

PATIENCE_SECONDS = 3
RETRY_SECONDS = 0.1

Probe = Callable[[], tuple[bool, dict[str, Any]]]
Scrape = Callable[[str], tuple[bytes, str]]


def serve(
    host: str, port: int, *, live: Probe | None = None, ready: Probe | None = None, metrics: Scrape | None = None
) -> ThreadingHTTPServer:
    """Answer GET in a daemon thread, where there is something to answer with.

    /health/live and /health/ready: 200 or 503, with the probe's facts as JSON. /metrics: what `metrics` makes of the
    Accept header, with its content type.
    """
    probes = {"/health/live": live, "/health/ready": ready}
    answers = {path: _probing(probe) for path, probe in probes.items() if probe}
    if metrics:
        answers["/metrics"] = _scraping(metrics)
    server = ThreadingHTTPServer((host, port), _handler(answers))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def refusal(error: OSError) -> str:
    """Return in a line that the port of the settings cannot be had, without which nobody sees how this process does."""
    asked = f"HEALTH_PORT={settings.HEALTH_PORT} on {settings.HEALTH_HOST}"
    return f"{asked} cannot be had ({error.strerror}): give each process of a machine a port of its own."


def require_port() -> None:
    """Raise OSError where nothing can listen on the port of the settings; who has just ended may be about to let go."""
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while settings.HEALTH_PORT is not None:
        try:
            ThreadingHTTPServer((settings.HEALTH_HOST, settings.HEALTH_PORT), BaseHTTPRequestHandler).server_close()
        except OSError:
            if clock.monotonic() >= deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


_Answer = Callable[[str], tuple[HTTPStatus, str, bytes]]


def _probing(probe: Probe) -> _Answer:
    def answer(_accept: str) -> tuple[HTTPStatus, str, bytes]:
        is_good, facts = probe()
        status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
        said = {"status": "up" if is_good else "down", "version": settings.VERSION, **facts}
        return status, "application/json", _json(said)

    return answer


def _scraping(metrics: Scrape) -> _Answer:
    def answer(accept: str) -> tuple[HTTPStatus, str, bytes]:
        text, content_type = metrics(accept)
        return HTTPStatus.OK, content_type, text

    return answer


def _json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, default=str).encode()


def _handler(answers: Mapping[str, _Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            if answer is None:
                self._send(HTTPStatus.NOT_FOUND, "application/json", _json({"status": "not found"}))
            else:
                self._send(*answer(self.headers.get("Accept", "")))

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: probes come every few seconds."""

        def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
