"""Who may call a route: `who: Seller`. Roles that one route alone admits are named there."""

from __future__ import annotations

from typing import Annotated

from libs.service.auth import ROLES, Person, allowed

Anybody = Annotated[Person, allowed(*ROLES)]
"""Every role."""
Employee = Annotated[Person, allowed("rep", "manager", "director", "process-owner", "operator", "auditor")]
"""Every role but that of other programs."""
Holder = Annotated[Person, allowed("rep", "manager", "director")]
"""Those who hold leads, or lead those who do."""
Worker = Annotated[Person, allowed("rep", "manager", "director", "process-owner")]
"""Those who work on leads, deals, handoffs and alerts, and whoever owns the process."""
Seller = Annotated[Person, allowed("rep", "manager", "director", "process-owner", "integration")]
"""The same, and programs that bring their work in."""
Leader = Annotated[Person, allowed("manager", "director", "process-owner")]
"""Those who decide about the work of others."""
Keeper = Annotated[Person, allowed("process-owner", "operator", "integration")]
"""Those who keep master data and connections to other programs."""
Administrator = Annotated[Person, allowed("process-owner", "operator")]
"""Those who set up the organisation."""
