"""Pipeline definitions over HTTP: the life cycle that every rule document has."""

from libs.service.rules import rule_router
from services.pipeline.definitions.kind import PIPELINE_DEFINITION
from services.pipeline.definitions.simulation import simulate

router = rule_router("pipeline-definitions", PIPELINE_DEFINITION, roles=("process-owner",), simulate=simulate)
