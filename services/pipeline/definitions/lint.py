"""Checking a pipeline definition before it is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from libs.rules.documents import Finding
from services.pipeline.definitions.domain import Gate, PipelineDefinition, Requirement
from services.pipeline.evidence.content import KNOWN_MIMES


def lint(definition: PipelineDefinition) -> Sequence[Finding]:
    """What keeps the definition from working (errors), and what looks like a mistake (warnings)."""
    return [*_stages(definition), *_moves(definition), *_gates(definition)]


def _stages(definition: PipelineDefinition) -> Iterator[Finding]:
    yield from _repeated("stages", "code", (stage.code for stage in definition.stages))
    yield from _repeated("stages", "order", (str(stage.order) for stage in definition.stages))
    kinds = Counter(stage.kind for stage in definition.stages)
    for kind in ("won", "lost"):
        if kinds[kind] != 1:
            yield Finding(path="stages", message=f"exactly one stage is of kind {kind}, not {kinds[kind]}")
    if not definition.path or definition.path[0].kind != "open":
        yield Finding(path="stages", message="a deal begins in a stage of kind open")
    if not any(definition.may_win(code) for code in definition.codes):
        yield Finding(path="moves", message="no stage leads to winning")
    for index, stage in enumerate(definition.stages):
        if stage.expected_dwell_h and stage.max_dwell_h and stage.max_dwell_h < stage.expected_dwell_h:
            message = "the longest dwell is shorter than the expected one"
            yield Finding(severity="warning", path=f"stages/{index}/max_dwell_h", message=message)


def _moves(definition: PipelineDefinition) -> Iterator[Finding]:
    kind_of = {stage.code: stage.kind for stage in definition.stages}
    yield from _repeated("moves", "cell", (f"{move.from_stage} to {move.to_stage}" for move in definition.moves))
    for index, move in enumerate(definition.moves):
        path = f"moves/{index}"
        if move.from_stage not in definition.codes or move.to_stage not in kind_of:
            yield Finding(path=path, message="names a stage that a deal cannot be in")
            continue
        closes = kind_of[move.to_stage] in ("won", "lost")
        steps = 0 if closes else definition.steps(move.from_stage, move.to_stage)
        fits = {"close": closes, "back": steps < 0, "forward": steps == 1, "skip": steps > 1}[move.kind]
        if not fits:
            yield Finding(path=f"{path}/kind", message=f"this move is not of kind {move.kind}")
        if not move.allowed and (steps < 0 or kind_of[move.to_stage] == "lost"):
            yield Finding(path=path, message="moving back and losing are always allowed: truth over tidiness")
        if move.allowed and steps > 1:
            yield Finding(severity="warning", path=path, message="lets deals skip the stages between without approval")


def _gates(definition: PipelineDefinition) -> Iterator[Finding]:
    yield from _repeated("gates", "stage", (gate.stage for gate in definition.gates))
    for index, gate in enumerate(definition.gates):
        path = f"gates/{index}"
        if gate.stage not in definition.codes:
            yield Finding(path=f"{path}/stage", message="names a stage that a deal cannot be in")
        yield from _repeated(f"{path}/requirements", "code", (one.code for one in gate.requirements))
        yield from _requirements(path, gate)


def _requirements(path: str, gate: Gate) -> Iterator[Finding]:
    for index, one in enumerate(gate.requirements):
        if message := _lacks(one):
            yield Finding(path=f"{path}/requirements/{index}", message=message)
        if strange := sorted(set(one.mime) - KNOWN_MIMES):
            yield Finding(
                path=f"{path}/requirements/{index}/mime",
                message=f"files of these types cannot be checked: {', '.join(strange)}",
            )


def _lacks(one: Requirement) -> str | None:
    match one.type:
        case "attachment" if one.kind is None:
            return "an attachment says what kind of file it is"
        case "checklist" if not one.items:
            return "a checklist has items"
        case "field_present" if one.field is None:
            return "field_present names a field"
        case _:
            return None


def _repeated(path: str, what: str, values: Iterable[str]) -> Iterator[Finding]:
    for value, count in Counter(values).items():
        if count > 1:
            yield Finding(path=path, message=f"the {what} {value} appears {count} times")
