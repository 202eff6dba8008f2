"""What the pipeline imports: accounts, products and deals, and which commands a row of each becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from libs.events.contracts.common import Tier
from libs.events.facts import Money
from libs.rules.reference import REFERENCE
from libs.service.imports.cells import Cells
from libs.service.imports.importing import Importer, Material, Step, ToSteps
from libs.service.imports.mapping import FileMapping, StageTarget
from libs.service.imports.values import Known, Refused, nearest
from libs.service.organisation import PEOPLE
from services.pipeline.catalogue.domain import REGISTER_ACCOUNT, REGISTER_PRODUCT, RegisterAccount, RegisterProduct
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS
from services.pipeline.opportunities.history import RECORD_HISTORY, RecordHistory

ORGANISATION = "lead-routing"


async def accounts(material: Material) -> ToSteps:
    """An account is registered once."""

    def steps(cells: Cells) -> list[Step]:
        account_id = cells.identity("account", "id", "name")
        command = RegisterAccount(
            account_id=account_id,
            name=cells.required("name"),
            sector=cells.line("sector"),
            region=cells.line("region"),
            attributes=cells.those_of("attributes"),
        )
        return [Step(REGISTER_ACCOUNT, command, f"account {account_id}", field=_id_field(cells))]

    return steps


async def products(material: Material) -> ToSteps:
    """A product is registered once."""

    def steps(cells: Cells) -> list[Step]:
        product_id = cells.identity("product", "id", "name")
        command = RegisterProduct(
            product_id=product_id,
            name=cells.required("name"),
            series=cells.line("series"),
            list_price=cells.money("list_price"),
        )
        return [Step(REGISTER_PRODUCT, command, f"product {product_id}", field=_id_field(cells))]

    return steps


async def opportunities(material: Material) -> ToSteps:
    """A deal is written down with what was known of it; owner, account and product must be known by name or id."""
    people = await _people(material)
    tenant = material.form.tenant
    known = {
        "owner": people,
        "account": Known(tenant, "account", await _names(material, "accounts", "account_id")),
        "product": Known(tenant, "product", await _names(material, "products", "product_id")),
    }

    def steps(cells: Cells) -> list[Step]:
        target = _stage(cells)
        deal = RecordHistory(
            opportunity_id=cells.identity("opportunity", "id"),
            name=cells.line("name") or cells.required("id"),
            owner_id=known["owner"].find("owner", cells.required("owner")),
            account_id=_found(cells, known, "account"),
            product_id=_found(cells, known, "product"),
            definition_id=cells.form.mapping.definition_id,
            stage=target.stage,
            outcome=target.outcome,
            opened_at=cells.instant("opened_at"),
            closed_at=cells.instant("closed_at"),
            amount=_amount(cells, target),
            expected_close=cells.day("expected_close"),
            loss_reason=cells.text("loss_reason") or target.loss_reason or "other",
            contract_id=cells.line("contract_id"),
            tier=cast("Tier | None", cells.text("tier")),
            tags=cells.those_of("tags"),
            recorded_from=cells.form.mapping.source,
        )
        if deal.opened_at is None and (target.without_date or cells.form.file.without_date) == "refuse":
            why = "there is no date, and the mapping does not say that such a deal is undated"
            raise Refused("opened_at", "", why)
        fields = {"amount": "won_amount" if target.outcome == "won" and not cells.text("amount") else "amount"}
        return [Step(RECORD_HISTORY, deal, f"opportunity {deal.opportunity_id}", field="id", fields=fields)]

    return steps


def _id_field(cells: Cells) -> str:
    return "id" if cells.text("id") else "name"


def _stage(cells: Cells) -> StageTarget:
    word = cells.required("stage")
    stages = cells.form.file.stages
    if word not in stages:
        raise Refused("stage", word, "the mapping's stages do not say what this is", nearest(word, stages))
    return stages[word]


def _found(cells: Cells, known: Mapping[str, Known], field: str) -> str | None:
    word = cells.text(field)
    return None if word is None else known[field].find(field, word)


def _amount(cells: Cells, target: StageTarget) -> Money | None:
    """What it was won for, if it was; else what it was thought to be worth."""
    won = cells.money("won_amount") if target.outcome == "won" else None
    return won or cells.money("amount")


async def _people(material: Material) -> Known:
    """Everybody by name, once all owners of the file are here or no more can be on the way."""
    wanted = {name for cells in material.rows() if not cells.row.error and (name := cells.text("owner"))}
    arrived = False
    while True:
        rows = await material.reader(PEOPLE).fetch("select person_id, name from people where tenant = $1 order by 1")
        people = Known(material.form.tenant, "person", {row["person_id"]: row["name"] for row in rows})
        if arrived or all(name in people for name in wanted):
            return people
        arrived = await material.arrived(ORGANISATION)


async def _names(material: Material, table: str, identity: str) -> dict[str, str]:
    view = material.reader(ACCOUNTS if table == "accounts" else PRODUCTS)
    rows = await view.fetch(f"select {identity}, name from {table} where tenant = $1 order by 1")
    return {row[identity]: row["name"] for row in rows}


def _needs_stages(file: FileMapping) -> list[str]:
    return [] if file.stages else ["opportunities need `stages`: what each stage of the other system is here"]


IMPORTERS = (
    Importer(
        entity="accounts",
        fields=("id", "name", "sector", "region", "attributes.*"),
        required=("name",),
        prepare=accounts,
    ),
    Importer(
        entity="products",
        fields=("id", "name", "series", "list_price", "currency"),
        required=("name",),
        prepare=products,
    ),
    Importer(
        entity="opportunities",
        fields=(
            "id", "name", "owner", "account", "product", "stage", "opened_at", "closed_at", "amount", "won_amount",
            "currency", "expected_close", "loss_reason", "contract_id", "tier", "tags.*",
        ),
        required=("id", "owner", "stage"),
        prepare=opportunities,
        reads=(REFERENCE, PEOPLE, ACCOUNTS, PRODUCTS),
        check=_needs_stages,
    ),
)  # fmt: skip
