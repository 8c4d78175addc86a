"""Whether a service that was started does its work."""

import http.client

SECONDS = 3


def is_ready(host: str, port: int) -> bool:
    """Ask the service's own readiness endpoint."""
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
