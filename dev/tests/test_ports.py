"""Ports: what settings may say, and clear words when a port is taken."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from dev.ports import HOST, Port, free_ports, is_free, require_free, server_port, service_ports, wanted
from dev.processes import Trouble


@pytest.fixture
def taken() -> Iterator[Port]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield Port("kafka", "SALESLOOM_KAFKA_PORT", listener.getsockname()[1])


def test_a_setting_moves_a_port() -> None:
    assert wanted("kafka controller", 19093, {"SALESLOOM_KAFKA_CONTROLLER_PORT": "4711"}).number == 4711
    assert wanted("kafka controller", 19093, {}).number == 19093


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "http", "٣"])
def test_what_is_no_port_is_refused_by_the_name_of_its_setting(text: str) -> None:
    with pytest.raises(Trouble, match="SALESLOOM_ISSUER_PORT"):
        wanted("issuer", 8000, {"SALESLOOM_ISSUER_PORT": text})


def test_a_server_whose_port_is_taken_moves_and_says_so(taken: Port) -> None:
    said: list[str] = []
    other = server_port(taken, said.append)
    assert other != taken.number
    assert is_free(other)
    assert f"port {taken.number} (kafka) is taken" in said[0]
    assert "SALESLOOM_KAFKA_PORT" in said[0]


def test_a_service_whose_port_is_taken_names_the_setting_that_moves_it(taken: Port) -> None:
    with pytest.raises(Trouble, match=f"port {taken.number} .* set SALESLOOM_KAFKA_PORT"):
        require_free(Port("free", "SALESLOOM_FREE_PORT", free_ports(1)[0]), taken)


def test_the_services_have_ports_of_their_own() -> None:
    numbers = [port.number for pair in service_ports().values() for port in pair]
    assert len(set(numbers)) == len(numbers) == 10
