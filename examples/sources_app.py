import os

from fastapi import FastAPI, Request

from hookseal.asgi import WebhookMiddleware
from hookseal.ledger import MemoryLedger

app, shop, bank = FastAPI(), FastAPI(), FastAPI()


@shop.post("/orders")
async def take_order(request: Request) -> dict[str, str]:
    return {"order": request.state.hookseal_event.id}


@bank.post("/payments")
async def take_payment(request: Request) -> dict[str, str]:
    return {"payment": request.state.hookseal_event.id}


ledger = MemoryLedger()  # one for all: each source has its own events in it
from_shop = WebhookMiddleware(
    shop,
    secrets=os.environ.get("SHOP_SECRET"),
    source="shop",
    ledger=ledger,
    max_body=25 * 1024 * 1024,
)
from_bank = WebhookMiddleware(
    bank,
    secrets=os.environ.get("BANK_SECRET"),
    source="bank",
    ledger=ledger,
    tolerance=60,
    source_budget="50/second",
)
app.mount("/webhooks/shop", from_shop)
app.mount("/webhooks/bank", from_bank)
