"""The catalogue of memcached's faults."""

from __future__ import annotations

import re

import pytest

from feeding import stream_of
from memcache_server import request, response
from vaurien.protocols.memcache.fault_types import MemcacheFault
from vaurien.protocols.memcache.faults import CATALOGUE
from vaurien.protocols.memcache.parser import Memcache
from vaurien.protocols.memcache.wire import STATUSES, MemcacheRequest

FAULTS = [fault for fault in CATALOGUE if isinstance(fault, MemcacheFault)]
IDENTIFIERS = {
    "ERROR": "error",
    "unknown_command": "UNKNOWN_COMMAND",
    "KEY_ENOENT": "NOT_FOUND",
    "NF": "NOT_FOUND",
    "KEY_EEXISTS": "EXISTS",
    "EX": "EXISTS",
    "NS": "NOT_STORED",
    "EN": "miss",
    "END": "miss",
    "0x01": "NOT_FOUND",
    "0x02": "EXISTS",
    "0x03": "E2BIG",
    "0x04": "EINVAL",
    "0x05": "NOT_STORED",
    "0x06": "DELTA_BADVAL",
    "0x20": "AUTH_ERROR",
    "0x81": "UNKNOWN_COMMAND",
    "0x82": "ENOMEM",
    "0x83": "NOT_SUPPORTED",
    "0x84": "EINTERNAL",
    "0x85": "EBUSY",
    "0x86": "ETMPFAIL",
}


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_faults_answer_to_native_identifiers(identifier: str) -> None:
    assert CATALOGUE.find(identifier).name == IDENTIFIERS[identifier]


def test_all_faults_are_of_memcached() -> None:
    assert len(FAULTS) == len(CATALOGUE.faults)
    assert {fault.status for fault in FAULTS} - {None} <= set(STATUSES)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_labels_that_a_fault_matches_exist(fault: MemcacheFault) -> None:
    for label, value in fault.applies_to.items():
        assert label in Memcache.labels
        if value.startswith("~"):
            re.compile(value[1:])


RENDERED = {
    ("ENOMEM", b"set key 0 0 1\r\nx\r\n"): b"SERVER_ERROR out of memory storing object\r\n",
    ("ENOMEM", b"mg key\r\n"): b"SERVER_ERROR out of memory writing get response\r\n",
    ("ENOMEM", b"incr key 1\r\n"): b"SERVER_ERROR out of memory\r\n",
    ("ENOMEM", b"stats\r\n"): b"SERVER_ERROR out of memory writing stats\r\n",
    ("ENOMEM", request(0x01, b"key", extras=bytes(8))): response(
        0x01, 0x82, b"Out of memory allocating item"
    ),
    ("ENOMEM", request(0x05, b"key", extras=bytes(20))): response(
        0x05, 0x82, b"Out of memory incrementing value"
    ),
    ("ENOMEM", request(0x10)): response(0x10, 0x82, b"Out of memory generating stats"),
    ("ENOMEM", request(0x00, b"key")): response(0x00, 0x82, b"Out of memory"),
    ("NOT_STORED", request(0x02, b"key", extras=bytes(8))): response(
        0x02, 2, b"Data exists for key."
    ),
    ("NOT_STORED", request(0x03, b"key", extras=bytes(8))): response(0x03, 1, b"Not found"),
    ("NOT_STORED", request(0x0E, b"key")): response(0x0E, 5, b"Not stored."),
    ("too-many-connections", request(0x0A)): b"ERROR Too many open connections\r\n",
    ("refcount-overflow", b"mg key\r\n"): b"SERVER_ERROR refcount overflow during fetch\r\n",
}


@pytest.mark.parametrize(("name", "data"), RENDERED)
def test_texts_depend_on_the_command(name: str, data: bytes) -> None:
    fault = CATALOGUE.find(name)
    about = stream_of(Memcache().requests).feed(data, 0.0)[0].about
    assert isinstance(fault, MemcacheFault)
    assert isinstance(about, MemcacheRequest)
    assert fault.render(about, {}) == RENDERED[name, data]


def test_typical_faults_suit_the_commands_they_are_picked_for() -> None:
    pattern = re.compile(CATALOGUE.typical_where["command"][1:])
    commands = ["get", "gets", "gat", "set", "add", "cas", "incr", "mg", "ms", "ma"]
    assert all(pattern.search(command) for command in commands)
    assert not pattern.search("version")
    for fault in FAULTS:
        if fault.typical and "command" in fault.applies_to:
            wanted = re.compile(fault.applies_to["command"][1:])
            assert all(wanted.search(command) for command in commands), fault.name
