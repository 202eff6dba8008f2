"""Imports over HTTP: accounts and products first, then deals."""

from libs.service.imports.api import import_router
from services.pipeline.imports.importers import IMPORTERS

router = import_router("imports", "imports", IMPORTERS)
