"""Importing an export as an operator would: by the command line, over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path

from dev.clients import Clients

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = ROOT / "mappings"


def import_crm(clients: Clients, folder: Path, mapping: Path, *options: str) -> tuple[int, str]:
    """Run `import-crm` as an operator would; its exit code and what it said."""
    stack = clients.stack
    member = stack.members["pipeline"]
    urls = ["--lead-routing", stack.url("lead-routing"), "--pipeline", stack.url("pipeline")]
    who = ["--person", clients.admin, "--tenant", clients.tenant, "--issuer", stack.issuer]
    command = [*member.command[:-1], "import-crm", str(folder), "--mapping", str(mapping), *urls, *who, *options]
    environment = {**member.environment, "COLUMNS": "200"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
