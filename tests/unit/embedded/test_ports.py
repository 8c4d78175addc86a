"""Free ports and taken ones."""

import os
import socket

import pytest

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.ports import CANDIDATES, free_port, is_free, require_free


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_finds_a_port_that_no_outgoing_connection_can_get():
    port = free_port()
    assert port in CANDIDATES
    assert is_free(port)


def test_it_sees_a_port_that_is_taken(taken):
    assert not is_free(taken)


def test_it_names_the_holder_and_another_port(taken):
    with pytest.raises(CannotStart, match=rf"taken by .* \(process {os.getpid()}\).*PORT={taken + 1}"):
        require_free("127.0.0.1", taken)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_it_refuses_an_address_that_is_not_ours(host):
    with pytest.raises(CannotStart, match="set HOST to an address of this machine"):
        require_free(host, free_port())
