"""Accounts and products over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id, Line
from libs.events.errors import NotFound
from libs.events.facts import Money
from libs.service.callers import Anybody, Keeper, Seller
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems, versioned
from services.pipeline.catalogue.domain import (
    REGISTER_ACCOUNT,
    REGISTER_PRODUCT,
    Attributes,
    RegisterAccount,
    RegisterProduct,
)
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS
from services.pipeline.paths import AccountPath, ProductPath

router = APIRouter(tags=["catalogue"])


class AccountView(View):
    """A customer organisation."""

    account_id: str
    name: str
    sector: str | None
    region: str | None
    attributes: dict[str, str]
    version: int


class ProductView(View):
    """Something that is sold."""

    product_id: str
    name: str
    series: str | None
    list_price: Decimal | None
    currency: str | None
    version: int


class AccountBody(
    Body,
    json_schema_extra={"examples": [{"name": "苏州精工制造有限公司", "sector": "manufacturing", "region": "jiangsu"}]},
):
    """A customer organisation; without `account_id` it gets one."""

    account_id: Id | None = None
    name: Line
    sector: Line | None = None
    region: Line | None = None
    attributes: Attributes = Field(default_factory=dict)


class ProductBody(
    Body,
    json_schema_extra={
        "examples": [{"product_id": "gtx-pro", "name": "GTX Pro", "list_price": {"amount": "4821", "currency": "CNY"}}]
    },
):
    """Something that is sold; without `product_id` it gets one."""

    product_id: Id | None = None
    name: Line
    series: Line | None = None
    list_price: Money | None = None


@router.post(
    "/accounts",
    operation_id="registerAccount",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 409, 422),
)
async def register_account(who: Seller, run: Run, body: AccountBody) -> Response:
    """Make a customer organisation known. The same again is harmless."""
    account_id = body.account_id or run.derive("account")
    command = RegisterAccount(account_id=account_id, **body.model_dump(exclude={"account_id"}))
    return await run(REGISTER_ACCOUNT, command, id=account_id, location=f"/v1/accounts/{account_id}")


@router.get("/accounts", operation_id="listAccounts", responses=problems(400, 403))
async def list_accounts(
    who: Anybody,
    read: Read,
    page: PageQuery,
    sector: Line | None = None,
    region: Line | None = None,
    name: Annotated[Line | None, Query(description="Part of the name")] = None,
) -> Page[AccountView]:
    """Accounts by id."""
    rows = await read(ACCOUNTS).fetch(
        "select * from accounts where tenant = $1 and ($2::text is null or sector = $2)"
        " and ($3::text is null or region = $3)"
        " and ($4::text is null or strpos(lower(name), lower($4)) > 0)"
        " and ($5::text is null or account_id > $5) order by account_id limit $6",
        sector,
        region,
        name,
        page.after[0] if page.after else None,
        page.limit + 1,
    )
    return page.cut(rows, AccountView.of, by=("account_id",))


@router.get("/accounts/{account_id}", operation_id="getAccount", response_model=AccountView, responses=problems(404))
async def get_account(account_id: AccountPath, who: Anybody, read: Read) -> Response:
    """One account."""
    row = await read(ACCOUNTS).one("select * from accounts where tenant = $1 and key = $2", account_id)
    if row is None:
        raise NotFound("account", account_id)
    return versioned(AccountView.of(row), row["version"])


@router.post(
    "/products",
    operation_id="registerProduct",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 409, 422),
)
async def register_product(who: Keeper, run: Run, body: ProductBody) -> Response:
    """Make something known that is sold. The same again is harmless."""
    product_id = body.product_id or run.derive("product")
    command = RegisterProduct(product_id=product_id, name=body.name, series=body.series, list_price=body.list_price)
    return await run(REGISTER_PRODUCT, command, id=product_id, location=f"/v1/products/{product_id}")


@router.get("/products", operation_id="listProducts", responses=problems(400, 403))
async def list_products(who: Anybody, read: Read, page: PageQuery, series: Line | None = None) -> Page[ProductView]:
    """Products by id."""
    rows = await read(PRODUCTS).fetch(
        "select * from products where tenant = $1 and ($2::text is null or series = $2)"
        " and ($3::text is null or product_id > $3) order by product_id limit $4",
        series,
        page.after[0] if page.after else None,
        page.limit + 1,
    )
    return page.cut(rows, ProductView.of, by=("product_id",))


@router.get("/products/{product_id}", operation_id="getProduct", response_model=ProductView, responses=problems(404))
async def get_product(product_id: ProductPath, who: Anybody, read: Read) -> Response:
    """One product."""
    row = await read(PRODUCTS).one("select * from products where tenant = $1 and key = $2", product_id)
    if row is None:
        raise NotFound("product", product_id)
    return versioned(ProductView.of(row), row["version"])
