"""The kind of rule that a pipeline definition is, with its shipped default and its checks."""

from libs.rules.documents import RuleKind, register_kind
from services.pipeline.definitions.default import DEFAULT_DEFINITION, DEFAULT_ID, DEFAULT_NAME
from services.pipeline.definitions.domain import KIND, PipelineDefinition
from services.pipeline.definitions.lint import lint

PIPELINE_DEFINITION = register_kind(
    RuleKind(
        kind=KIND,
        model=PipelineDefinition,
        default_id=DEFAULT_ID,
        default_document=DEFAULT_DEFINITION,
        lint=lint,
        default_name=DEFAULT_NAME,
    )
)
