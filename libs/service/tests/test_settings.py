"""What a process is told by its environment, and what it refuses to start with."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from libs.service.settings import Settings

SECRET = SecretStr("ab" * 32)
PRODUCTION = {"service": "pipeline", "environment": "production", "secret": SECRET, "issuer": "https://id.example.com"}


def refused(**settings: object) -> str:
    """Why these settings are refused in production."""
    with pytest.raises(ValidationError) as caught:
        Settings(**{**PRODUCTION, **settings})
    return str(caught.value)


def test_ports_follow_the_order_of_the_services() -> None:
    settings = Settings(service="kpi", environment="development")
    assert (settings.port, settings.health_port) == (8005, 9005)
    assert Settings(service="kpi", environment="development", port=81).port == 81


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESLOOM_CORS_ORIGINS", "https://a.test, https://b.test")
    monkeypatch.setenv("SALESLOOM_ALGORITHMS", "ES256")
    settings = Settings(service="kpi", environment="development")
    assert settings.cors_origins == ("https://a.test", "https://b.test")
    assert settings.algorithms == ("ES256",)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("postgresql://worker@db/pipeline\n")
    monkeypatch.setenv("SALESLOOM_WORKER_URL_FILE", str(path))
    assert Settings(service="pipeline", environment="development").worker_url.get_secret_value().endswith("/pipeline")


def test_a_secret_whose_file_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESLOOM_SECRET_FILE", "/nowhere/secret")
    with pytest.raises(ValidationError, match="SALESLOOM_SECRET_FILE: /nowhere/secret: No such file"):
        Settings(service="pipeline", environment="development")


def test_schemas_have_an_absolute_url() -> None:
    """8-1: what `ce_dataschema` begins with."""
    assert Settings(**PRODUCTION).topics.schemas == "http://localhost:8001/schemas/"
    local = Settings(service="kpi", environment="development", host="127.0.0.1", topic_prefix="p.")
    assert (local.topics.prefix, local.topics.schemas) == ("p.", "http://127.0.0.1:8001/schemas/")
    there = Settings(**PRODUCTION, schemas_url="https://api.example.com/schemas")
    assert there.topics.schemas == "https://api.example.com/schemas/"
    for nowhere in ("/schemas/", "api.example.com/schemas/", "ftp://a.example/", "https://a.example/?x=1"):
        assert "SALESLOOM_SCHEMAS_URL" in refused(schemas_url=nowhere)


def test_secrets_are_not_shown() -> None:
    assert "abab" not in repr(Settings(**PRODUCTION))


def test_keys_differ_by_service_and_purpose() -> None:
    pipeline, kpi = Settings(**PRODUCTION), Settings(**{**PRODUCTION, "service": "kpi"})
    keys = {pipeline.key("cursors"), pipeline.key("stream"), kpi.key("cursors")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}
    assert pipeline.key("cursors") == Settings(**PRODUCTION).key("cursors")


def test_production_refuses_what_is_for_development() -> None:
    assert "SALESLOOM_CLOCK" in refused(clock="fixed:2026-03-02T09:00:00+08:00")
    assert "SALESLOOM_ISSUER" in refused(issuer="http://id.example.com")
    assert "SALESLOOM_ISSUER" in refused(issuer="https://localhost:8000")
    assert "SALESLOOM_SECRET" in refused(secret=SecretStr(""))
    assert "SALESLOOM_SECRET" in refused(secret=SecretStr("short"))
    assert "SALESLOOM_ALGORITHMS" in refused(algorithms=("HS256",))
    assert "SALESLOOM_ALGORITHMS" in refused(algorithms=("none",))
    assert "service" in refused(service="sales")


def test_production_is_what_a_process_runs_in_unless_told_otherwise() -> None:
    with pytest.raises(ValidationError):
        Settings(service="pipeline")


def test_failpoints_are_for_development_and_have_names() -> None:
    """A process that is to fail somewhere does not start in production."""
    assert "SALESLOOM_FAILPOINTS: only in development" in refused(failpoints="append.before=crash")
    with pytest.raises(ValidationError, match="SALESLOOM_FAILPOINTS: 'nowhere' is not one of append.before"):
        Settings(service="kpi", environment="development", failpoints="nowhere=crash")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"audience": ""}, "SALESLOOM_AUDIENCE"),
        ({"cors_origins": "https://a.example,*"}, "SALESLOOM_CORS_ORIGINS"),
        ({"issuer": "http://id.example.com"}, "SALESLOOM_ISSUER"),
        ({"issuer": "https://localhost"}, "SALESLOOM_ISSUER"),
        ({"secret": SecretStr("")}, "SALESLOOM_SECRET"),
        ({"secret": SecretStr("development-only-" * 3)}, "SALESLOOM_SECRET"),
        ({"worker_url": SecretStr("postgresql://worker:Postgres@db/kpi")}, "SALESLOOM_WORKER_URL"),
        ({"api_url": SecretStr("postgresql://kpi_api:kpi_api@db/kpi")}, "SALESLOOM_API_URL"),
        ({"owner_url": SecretStr("postgresql://owner:changeme@db/kpi")}, "SALESLOOM_OWNER_URL"),
        ({"api_url": SecretStr("postgresql://Kpi_Api:Kpi_Api@db/kpi")}, "SALESLOOM_API_URL"),
        ({"kafka_user": "kpi", "kafka_password": SecretStr("KPI")}, "SALESLOOM_KAFKA_PASSWORD"),
        ({"kafka_user": "Kpi", "kafka_password": SecretStr("Kpi")}, "SALESLOOM_KAFKA_PASSWORD"),
        ({"kafka_user": "kpi", "kafka_password": SecretStr("a long one")}, "SALESLOOM_KAFKA_CA"),
        ({"kafka_user": "kpi"}, "SALESLOOM_KAFKA_USER"),
        ({"kafka_ca": "/nowhere/ca.crt"}, "SALESLOOM_KAFKA_CA: no certificates in /nowhere/ca.crt"),
    ],
)
def test_production_does_not_start_with_what_anybody_could_use(setting: dict[str, object], named: str) -> None:
    """The setting is named, its value is not shown."""
    told = refused(**setting)
    assert named in told
    assert "Postgres" not in told
