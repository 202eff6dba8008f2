"""Clients of Kafka, each started and stopped within a time: a library's own loops may wait for a broker for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from libs.events.broker import Broker

START_SECONDS = 20.0
STOP_SECONDS = 5.0
REQUEST_MS = 10_000

logger = structlog.get_logger()


@asynccontextmanager
async def consuming(broker: Broker, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that commits nothing by itself. Raises TimeoutError or KafkaError where it cannot start."""
    client = AIOKafkaConsumer(**broker.options(), enable_auto_commit=False, request_timeout_ms=REQUEST_MS, **options)
    async with _running(client.start, client.stop):
        yield client


@asynccontextmanager
async def producing(broker: Broker, compression: str) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer that waits for all replicas; after any error it is to be thrown away."""
    client = AIOKafkaProducer(
        **broker.options(),
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=512 * 1024,
        max_request_size=4 * 1024 * 1024,
        compression_type=compression,
        request_timeout_ms=REQUEST_MS,
    )
    async with _running(client.start, client.stop):
        yield client


@asynccontextmanager
async def managing(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that asks for topics and makes them."""
    client = AIOKafkaAdminClient(**broker.options(), request_timeout_ms=REQUEST_MS)
    async with _running(client.start, client.close):
        yield client


@asynccontextmanager
async def _running(start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    try:
        try:
            async with asyncio.timeout(START_SECONDS):
                await start()
        except TimeoutError:
            raise TimeoutError(f"Kafka let no client start within {START_SECONDS:.0f} s") from None
        yield
    finally:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await stop()
        except Exception as error:
            logger.warning("a client of Kafka was thrown away", error=f"{type(error).__name__}: {error}")
