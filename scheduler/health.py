"""A health endpoint for processes without a web server: live and ready, each from a function that answers at once."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Probe = Callable[[], tuple[bool, dict[str, Any]]]


def serve(host: str, port: int, *, live: Probe, ready: Probe) -> ThreadingHTTPServer:
    """Answer GET /health/live and /health/ready in a daemon thread: 200 or 503, with the probe's facts as JSON."""
    probes = {"/health/live": live, "/health/ready": ready}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            probe = probes.get(self.path)
            if probe is None:
                self._answer(HTTPStatus.NOT_FOUND, {"status": "not found"})
                return
            is_good, facts = probe()
            status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, {"status": "ok" if is_good else "unavailable", **facts})

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: probes come every few seconds."""

        def _answer(self, status: HTTPStatus, facts: dict[str, Any]) -> None:
            body = json.dumps(facts, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
