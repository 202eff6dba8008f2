"""Where `started` was; tests take it from tests.product."""

from tests.product import started as started
