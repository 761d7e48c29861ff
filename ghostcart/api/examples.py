"""Examples for the description of the API: for each body and answer one that reads like a shop's, made from its schema.

They are drawn into the served document; a test holds each against the schema it illustrates.
"""

import re
from typing import Any

from ghostcart.api.problems import PROBLEM, SENTENCES

Json = dict[str, Any]

BY_NAME: dict[str, Any] = {
    "abandoned_at": None,
    "actor": "staff:7",
    "address": "ada@example.com",
    "amount_minor": 0,
    "answer": "250 2.0.0 Ok: queued",
    "at": "2026-11-22T12:00:00Z",
    "applies_to": "order",
    "body": "Hello {{ customer.first_name }},\n\nyour cart is still here.\n\n{{ restore_button }}",
    "buyers": 61,
    "campaign_id": 12,
    "card": "succeed",
    "cart_id": 4711,
    "cart_version": 3,
    "cause": "",
    "city": "Torino",
    "code": "WELCOME10",
    "consent_text": "Remind me of my cart by e-mail.",
    "consent_version": "2026-01",
    "country": "IT",
    "currency": "EUR",
    "customer_id": 815,
    "cursor": "0-4711",
    "customer_label": "Ada Byron",
    "days": 90,
    "delay_minutes": 1440,
    "detail": "There is nothing here.",
    "email": "ada@example.com",
    "external_id": "1007",
    "first_name": "Ada",
    "free_shipping": False,
    "gift_sku": None,
    "group": "Retail",
    "holdout_bp": 1000,
    "id": 4711,
    "ids": [4711, 4712],
    "is_caught_up": True,
    "key": "FRN-MUG-SAGE",
    "kind": "line_added",
    "label": "Ada Byron",
    "language": "it",
    "last_name": "Byron",
    "languages": ["en", "it"],
    "merged_into": None,
    "message_id": 90210,
    "method": "standard",
    "micros": 12_500_000,
    "minimum": None,
    "minimum_minor": 0,
    "minor": 2500,
    "name": "Sage mug",
    "names": {"en": "Welcome back"},
    "next": "WyJpZCIsNDcxMSw0NzExXQ",
    "note": "Prefers to be called in the morning.",
    "number": "FRN-000042",
    "option": "0.3 l",
    "order_id": None,
    "ordered_at": None,
    "order_number": "FRN-000042",
    "page": "/fern/it/cart/",
    "percent_bp": 1000,
    "person_id": 640,
    "per_customer": 1,
    "phone": "+39 011 555 0100",
    "picture": "/media/fern/mug.webp",
    "postcode": "10121",
    "priority": 1,
    "problems": [],
    "products": ["FRN-MUG-SAGE"],
    "quantity": 2,
    "refusal": None,
    "refusal_text": None,
    "regular_price": None,
    "reversed_at": None,
    "reverses": None,
    "settled_at": None,
    "query": "status=abandoned&bots=without",
    "reason": "",
    "scope": "all",
    "shipping": "Standard",
    "shipping_method": "standard",
    "payment": "transfer",
    "sku": "FRN-MUG-SAGE",
    "source": "store",
    "status": "open",
    "street": "Via Roma 1",
    "subject": "Your cart is waiting",
    "text": "€25.00",
    "text_version": "2026-01",
    "title": "not found",
    "token": "c_7c9e6679b7f14f0aa0e2f3c1",
    "type": "about:blank",
    "valid_until": "2026-12-06T23:00:00Z",
    "version": 3,
    "was_sent": True,
}
BY_PLACE: dict[str, Any] = {
    "CampaignReport.kind": "abandoned",
    "CampaignReport.name": "Abandoned carts",
    "CampaignReport.state": "running",
    "CampaignRow.kind": "abandoned",
    "CampaignRow.name": "Abandoned carts",
    "CampaignWhole.audience": {"countries": ["IT"]},
    "CartRow.order_number": None,
    "CartEventOut.data": {"line": {"sku": "FRN-MUG-SAGE", "quantity": 2, "was": 0}, "total_minor": 2500},
    "CartEventOut.text": "A visitor added 2 × Sage mug. The cart now comes to €25.00.",
    "Event.data": {"line": {"sku": "FRN-MUG-SAGE", "quantity": 2, "was": 0}, "total_minor": 2500, "currency": "EUR"},
    "Event.id": "0-4711",
    "EventPage.next": "0-4711",
    "Erased.orders_kept": 1,
    "Given.name": "Welcome back",
    "MessageRow.kind": "reminder",
    "MessageWhole.answer": "",
    "NewRefund.amount_minor": 500,
    "NewVoucher.kind": "percent",
    "NoMail.reason": "unsubscribed",
    "NoMail.source": "link",
    "OrderRow.status": "paid",
    "Problem.cart": None,
    "Problem.errors": None,
    "Problem.params": None,
    "Trust.is_trusted": True,
    "Use.order_id": 42,
    "VoucherRow.amount": None,
    "VoucherRow.kind": "percent",
    "Why.reason": "",
    "Why.text": "Taken in.",
    "Why.verdict": "enrolled",
}
CODE = re.compile(r"`(\w+)`")
STREAM = 'event: line_added\nid: 0-4711\ndata: {"id":"0-4711","kind":"line_added","cart_id":4711}\n\n'


def illustrated(document: Json) -> Json:
    """The document with an example for each body that goes in or comes out."""
    schemas = document["components"]["schemas"]
    for methods in document["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                ours = content["schema"].get("examples")  # written beside the call
                content["example"] = ours[0] if ours else _of(content["schema"], schemas)
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if kind == "text/event-stream":
                        content["example"] = STREAM
                    elif kind == PROBLEM:
                        content["example"] = _refusal(int(status), answer["description"])
                    elif "json" in kind:
                        content["example"] = _of(content["schema"], schemas)
    return document


def _refusal(status: int, description: str) -> Json:
    """A problem with the first code that the description names."""
    code = CODE.search(description)
    name = code[1] if code else "error"
    told = {"type": "about:blank", "title": name.replace("_", " "), "status": status, "code": name}
    return told | {"detail": str(SENTENCES.get(name, "This did not work."))}


def _of(schema: Json, schemas: Json, place: str = "") -> Any:
    """A value that fits a schema; `place` names it: "Money.minor"."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _object(schemas[name], schemas, name)
    name = place.rpartition(".")[2]
    if place in BY_PLACE:
        return BY_PLACE[place]
    if name in BY_NAME and _fits(BY_NAME[name], schema):
        return BY_NAME[name]
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if choice.get("type") != "null":
            return _of(choice, schemas, place)
    if "enum" in schema:
        return next((value for value in schema["enum"] if value), schema["enum"][0])
    if "const" in schema:
        return schema["const"]
    return _plain(schema, schemas, place)


def _plain(schema: Json, schemas: Json, place: str) -> Any:
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, place) if "properties" in schema else {}
        case "array":
            return [_of(schema.get("items", {}), schemas, place)]
        case "integer":
            return max(3, schema.get("minimum", 3))
        case "number":
            return 41.5
        case "boolean":
            return False
    return "2026-11-22T12:00:00Z" if schema.get("format") == "date-time" else ""


def _object(schema: Json, schemas: Json, name: str) -> Json:
    found = {key: _of(of, schemas, f"{name}.{key}") for key, of in schema.get("properties", {}).items()}
    required = schema.get("required", ())
    return {key: value for key, value in found.items() if value is not None or key in required}


def _fits(value: Any, schema: Json) -> bool:
    """Whether a value is of the kind that a schema asks for; not more than that."""
    if "enum" in schema:
        return value in schema["enum"]
    kinds = {"integer": int, "string": str, "array": list, "object": dict, "boolean": bool, "number": float,
             "null": type(None)}  # fmt: skip
    choices = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return any(isinstance(value, kinds[one["type"]]) for one in choices if one.get("type") in kinds)
