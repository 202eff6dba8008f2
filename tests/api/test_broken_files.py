"""Forms and CSV files that cannot be read: refused as a whole with what to do, before any fact."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.processes import until
from tests.api.firm import Firm
from tests.api.refusing import ask, nothing_written, refused
from tests.integration.organisations import HE

IMPORTS = {"lead-routing": ("/v1/lead-imports", "people"), "pipeline": ("/v1/imports", "accounts")}
GOOD = "account\n翠竹\n".encode()
TABLES = {
    "nothing": b"",
    "only spaces": b"   \n\n",
    "UTF-16": "account\n翠竹\n".encode("utf-16"),
    "an open quote in the header": b'"account\nx\n',
    "NUL in the header": b"acc\x00ount\nx\n",
    "no column that is mapped": b"customer\nx\n",
    "a column that nobody knows": b"account,phone\nx,1\n",
    "a column twice": b"account,account\nx,y\n",
    "another delimiter": b"account;phone\nx;1\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}
ROWS = {
    "no UTF-8": b"\xff\xfe",
    "another encoding": "翠竹".encode("gb18030"),
    "NUL": b"a\x00b",
    "an open quote": b'"a',
    "a cell too many": b"a,b",
    "much too much": b"a" * 5_000,
}
MAPPINGS = {
    "half an object": b"{",
    "a list": b"[]",
    "not a number": b'{"source": NaN}',
    "no UTF-8": b'{"source": "\xff"}',
    "NUL": b'{"source": "a\\u0000b"}',
    "nothing": b"",
    "1,000 levels": b'{"source": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "no files": b'{"source": "one", "zone": "Asia/Shanghai", "files": {}}',
    "a member that nobody knows": b'{"source": "one", "zone": "Asia/Shanghai", "unheard_of": 1}',
}


def mapping(entity: str, **more: Any) -> bytes:
    """A mapping that fits `GOOD`."""
    files = {"a.csv": {"entity": entity, "columns": {"account": "name"}}}
    return json.dumps({"source": "one", "zone": "Asia/Shanghai", "files": files, **more}).encode()


def start(firm: Firm, service: str, document: bytes, table: bytes, name: str = "a.csv") -> Any:
    """Start an import of one file."""
    files = {"mapping": ("m.json", document), "files": (name, table)}
    return ask(firm, "POST", service, IMPORTS[service][0], files=files)


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_that_cannot_be_read_starts_no_import(firm: Firm, kind: str) -> None:
    with nothing_written(firm):
        for service, (_, entity) in IMPORTS.items():
            told = refused(start(firm, service, mapping(entity), TABLES[kind]), 422, "VALIDATION")
            assert "a.csv" in told["detail"]


@pytest.mark.parametrize("service", IMPORTS)
def test_rows_that_cannot_be_read_are_refused_one_by_one(firm: Firm, service: str) -> None:
    path, entity = IMPORTS[service]
    table = b"account\n" + b"\n".join(ROWS.values()) + b"\n"
    started = start(firm, service, mapping(entity), table)
    assert started.status_code == 202, started.text
    address = f"{path}/{started.json()['id']}"
    token = {"Consistency-Token": started.headers["Consistency-Token"]}
    firm.clients.get(HE, service, address, headers=token)
    until("it has ended", lambda: firm.clients.get(HE, service, address)["state"] == "finished", within_s=60)
    seen = firm.clients.get(HE, service, address)
    assert (seen["rows"], seen["refused"], seen["accepted"]) == (len(ROWS), len(ROWS), 0)
    assert len(firm.clients.get(HE, service, f"{address}/problems").splitlines()) == len(ROWS) + 1


@pytest.mark.parametrize("kind", MAPPINGS)
def test_a_mapping_that_cannot_be_read_starts_no_import(firm: Firm, kind: str) -> None:
    with nothing_written(firm):
        for service in IMPORTS:
            answer = start(firm, service, MAPPINGS[kind], GOOD)
            refused(answer, answer.status_code if answer.status_code in {400, 422} else 422, "VALIDATION", "MALFORMED")


def test_a_mapping_for_other_files_or_fields_starts_no_import(firm: Firm) -> None:
    with nothing_written(firm):
        for service, (_, entity) in IMPORTS.items():
            refused(start(firm, service, mapping(entity, zone="Mars/Olympus"), GOOD), 422, "VALIDATION")
            refused(start(firm, service, mapping(entity), GOOD, "b.csv"), 422, "VALIDATION")
            refused(start(firm, service, mapping("unicorns"), GOOD), 422, "VALIDATION")
            refused(start(firm, service, mapping(entity, unheard_of=1), GOOD), 422, "VALIDATION")


def test_a_form_without_its_parts_is_refused(firm: Firm) -> None:
    deal = firm.ids["opportunity_id"]
    evidence = f"/v1/opportunities/{deal}/evidence"
    with nothing_written(firm):
        for service, (path, entity) in IMPORTS.items():
            refused(ask(firm, "POST", service, path, files={"files": ("a.csv", GOOD)}), 422, "VALIDATION")
            refused(ask(firm, "POST", service, path, files={"mapping": ("m.json", mapping(entity))}), 422, "VALIDATION")
            refused(ask(firm, "POST", service, path, json={"mapping": {}}), 415, "UNSUPPORTED_MEDIA_TYPE")
        file = {"file": ("a.txt", b"x")}
        refused(ask(firm, "POST", "pipeline", evidence, files=file), 422, "VALIDATION")
        for form in ({"kind": "no kind!"}, {"kind": "meeting_minutes", "created_on": "0"}):
            refused(ask(firm, "POST", "pipeline", evidence, files=file, data=form), 422, "VALIDATION")
        refused(ask(firm, "POST", "pipeline", evidence, json={"kind": "x"}), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"]
)
def test_a_form_that_is_broken_is_refused(firm: Firm, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with nothing_written(firm):
        for service, (path, _) in IMPORTS.items():
            answer = ask(firm, "POST", service, path, headers, content=body)
            refused(answer, 422 if answer.status_code == 422 else 400, "VALIDATION", "MALFORMED")


def test_a_file_that_is_too_large_is_refused_while_it_comes(firm: Firm) -> None:
    evidence = f"/v1/opportunities/{firm.ids['opportunity_id']}/evidence"
    file = {"file": ("a.pdf", b"%PDF-1.7" + b" " * (21 << 20))}
    with nothing_written(firm):
        answer = ask(firm, "POST", "pipeline", evidence, files=file, data={"kind": "meeting_minutes"})
        refused(answer, 413, "TOO_LARGE")
