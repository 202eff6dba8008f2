"""Clusters of PostgreSQL on Kubernetes: the databases and rights are those that the other ways make."""

from __future__ import annotations

import os
from typing import Any

import asyncpg
import pytest

from dev.manifest_rules import name_of, of_kind
from dev.places import ROOT
from dev.provision import ROLES, provision, role_name
from libs.events.facts import SERVICES
from libs.events.schema.migrate import migrate_soon, newest_revision
from tests.deploy.rendered import found, needs_kubectl, overlay
from tests.deploy.test_containers import leave_nothing, rights

RIGHTS = ROOT / "deploy/k8s/postgres/rights.sql"
LIMITS = ("superuser", "bypassrls", "createdb", "createrole", "replication")


@needs_kubectl
@pytest.mark.parametrize("service", SERVICES)
def test_a_cluster_has_the_roles_of_its_service(service: str) -> None:
    spec = found(overlay("prod"), "Cluster", f"{service}-postgres")["spec"]
    first = spec["bootstrap"]["initdb"]
    assert first["database"] == f"salesloom_{service.replace('-', '_')}"
    given = {first["owner"]: first["secret"]["name"]}
    for role in spec["managed"]["roles"]:
        assert role["login"]
        assert not [limit for limit in LIMITS if role[limit]]
        given[role["name"]] = role["passwordSecret"]["name"]
    assert given == {role_name(service, role): f"{service}-database-{role}" for role in ROLES}


@needs_kubectl
@pytest.mark.parametrize("service", SERVICES)
def test_a_cluster_loses_nothing_with_one_machine(service: str) -> None:
    documents = overlay("prod")
    spec = found(documents, "Cluster", f"{service}-postgres")["spec"]
    assert spec["instances"] == 3
    assert spec["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    [archive] = spec["plugins"]
    assert archive["isWALArchiver"]
    [store] = of_kind(documents, "ObjectStore")
    assert archive["parameters"]["barmanObjectName"] == name_of(store)
    backup = found(documents, "ScheduledBackup", f"{service}-postgres")["spec"]
    assert (backup["cluster"]["name"], backup["method"]) == (f"{service}-postgres", "plugin")


@needs_kubectl
def test_the_rights_are_where_the_operator_looks() -> None:
    documents = overlay("prod")
    [reference] = {
        (one["name"], one["key"])
        for cluster in of_kind(documents, "Cluster")
        for one in cluster["spec"]["bootstrap"]["initdb"]["postInitApplicationSQLRefs"]["configMapRefs"]
    }
    assert found(documents, "ConfigMap", reference[0])["data"][reference[1]] == RIGHTS.read_text()


async def test_its_databases_are_those_that_the_other_ways_make(servers: Any) -> None:
    """Roles, owners and rights, against `dev.provision`; the migration is content with the other roles' names."""
    dsn, by_hand, by_operator = servers.postgres_dsn, f"hand{os.getpid()}o_", f"oper{os.getpid()}_"
    try:
        for service in SERVICES:
            await provision(dsn, service, lambda _: "a-word", prefix=by_hand)
            await as_the_operator(dsn, service, by_operator)
            assert await rights(dsn, by_operator, service) == await rights(dsn, by_hand, service)
            owner, worker, api = (role_name(service, role, by_operator) for role in ROLES)
            place = f"{dsn.rpartition('@')[2].partition('/')[0]}/{by_operator}salesloom_{service.replace('-', '_')}"
            url = f"postgresql://{owner}:a-word@{place}?sslmode=prefer"
            await migrate_soon(service, url, f"postgresql://{worker}@", f"postgresql://{api}@")
            assert await revision(url) == newest_revision()
    finally:
        await leave_nothing(dsn, by_hand, by_operator)


async def as_the_operator(dsn: str, service: str, prefix: str) -> None:
    """As CloudNativePG does at a cluster's first start."""
    owner, database = role_name(service, "owner", prefix), f"{prefix}salesloom_{service.replace('-', '_')}"
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(f"create role \"{owner}\" login password 'a-word'")
        await connection.execute(f'create database "{database}" owner "{owner}" template template0')
    finally:
        await connection.close(timeout=5)
    inside = await asyncpg.connect(dsn, database=database, timeout=10)
    try:
        await inside.execute(RIGHTS.read_text())
    finally:
        await inside.close(timeout=5)


async def revision(url: str) -> str:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return str(await connection.fetchval("select version_num from public.migrations"))
    finally:
        await connection.close(timeout=5)
