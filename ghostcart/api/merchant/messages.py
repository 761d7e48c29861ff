"""Messages: the outbox as a list, one with what came back of it; writing by hand, taking back; addresses not written
to."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.carts import the_cart
from ghostcart.api.merchant.customers import the_customer
from ghostcart.api.merchant.lists import (
    LARGEST_ID,
    CursorText,
    Id,
    Moment,
    Place,
    Size,
    Words,
    moment,
    place_of,
    with_next,
)
from ghostcart.api.merchant.shapes import Who, Why
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import NO_CONTROL, STRICT, Email
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock, paging
from ghostcart.mail import outbox, queries, suppression
from ghostcart.mail.errors import TooLate
from ghostcart.mail.models import Message, Suppression
from ghostcart.mail.queries import MessageFilter
from ghostcart.mail.templates import Text
from ghostcart.recovery import by_hand
from ghostcart.recovery.errors import CannotBeSent
from ghostcart.recovery.models import Reminder

State = Literal["due", "claimed", "committing", "sent", "failed_temp", "failed_perm", "in_doubt", "cancelled"]
Event = Literal["delivered", "bounced", "complained", "opened", "clicked", "restored", "unsubscribed"]
Sort = Annotated[Literal["id", "-id", "due", "-due"], QueryParameter(description="a minus: the other way round")]


class MessageRow(msgspec.Struct):
    """A mail as lists show it. `reason` says why it was put off, refused or not sent."""

    id: int
    kind: str
    state: State
    address: str
    customer: Who | None
    language: str
    subject: str
    reason: str
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime


class MessagePage(msgspec.Struct):
    items: list[MessageRow]
    next: str | None


class MessageEventOut(msgspec.Struct):
    """What came back of a mail, and whether a person or a machine caused it."""

    kind: Event
    by: Literal["person", "machine", "unsure"]
    at: datetime


class MessageWhole(msgspec.Struct):
    """A mail, what came back of it, which follow-up it is of, and what was decided about it."""

    message: MessageRow
    attempts: int
    answer: str
    events: list[MessageEventOut]
    campaign_id: int | None
    cart_id: int | None
    why: list[Why]


class Letter(msgspec.Struct, forbid_unknown_fields=True):
    """A mail by hand, as staff write it: Liquid with the variables of that page."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=NO_CONTROL)]
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$(?!\n)")]


class Settled(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody knows of a mail in doubt: that it went out, or that it did not (then it is sent once more)."""

    was_sent: bool


class NoMail(msgspec.Struct):
    """An address that is not written to; `address` is empty once its person was erased."""

    id: int
    address: str
    scope: str
    reason: str
    source: str
    at: datetime


class NoMailPage(msgspec.Struct):
    items: list[NoMail]
    next: str | None


class NoMailAsked(msgspec.Struct, forbid_unknown_fields=True):
    address: Email


# -- shapes ------------------------------------------------------------------------------------------


def _row(message: Message) -> MessageRow:
    return MessageRow(
        id=message.pk,
        kind=message.kind,
        state=message.state,  # type: ignore[arg-type]
        address=message.address,
        customer=shapes.who(message.customer),
        language=message.language,
        subject=message.subject,
        reason=message.reason,
        due_at=message.due_at,
        sent_at=message.sent_at,
        created_at=message.created_at,
    )


def _whole(message: Message) -> MessageWhole:
    reminder = Reminder.objects.filter(message=message).select_related("enrolment").first()
    return MessageWhole(
        message=_row(message),
        attempts=message.attempts,
        answer=message.answer,
        events=[MessageEventOut(one.kind, one.by, one.at) for one in message.events.all()],  # type: ignore[arg-type]
        campaign_id=reminder.enrolment.campaign_id if reminder else None,
        cart_id=reminder.enrolment.cart_id if reminder else None,
        why=shapes.reasons(reminder.decisions.order_by("-id")).items if reminder else [],
    )


def _the_message(program: Program, message_id: int) -> Message:
    found = queries.find(message_id)
    if found is None or found.shop_id != program.shop.pk:
        raise NotFound
    return found


# -- reading -----------------------------------------------------------------------------------------


async def provide_wanted(
    program: NamedDependency[Program],
    q: Words = "",
    wanted_state: Annotated[State | Literal[""], QueryParameter(name="state")] = "",
    kind: Annotated[Literal["", "reminder", "test", "summary", "notice", "account"], QueryParameter()] = "",
    campaign: Annotated[int | None, QueryParameter(ge=1, le=LARGEST_ID)] = None,
    event: Annotated[Event | Literal[""], QueryParameter(description="came back, and no machine caused it")] = "",
    due_from: Moment = "",
    due_to: Moment = "",
) -> MessageFilter:
    return MessageFilter(
        shop_ids=(program.shop.pk,),
        text=q,
        state=wanted_state,
        kind=kind,
        campaign=campaign,
        event=event,
        due_from=moment(due_from, program.shop),
        due_to=moment(due_to, program.shop, is_end=True),
    )


async def provide_message_place(sort: Sort = "-id", size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of(sort, size, cursor, queries.SORTS[sort.removeprefix("-")])


@get(
    "/messages",
    summary="List messages",
    dependencies={"wanted": Provide(provide_wanted), "place": Provide(provide_message_place)},
    **needs(Scope.MESSAGES_READ),
)
async def list_messages(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    wanted: NamedDependency[MessageFilter],
    place: NamedDependency[Place],
) -> Response[MessagePage]:
    """`q`: a whole mail address, or a part of the customer's name or address."""

    def work() -> MessagePage:
        page = queries.page(wanted, place.sort, place.size, place.after, None)
        return MessagePage([_row(one) for one in page.rows], page.next)

    return with_next(request, await program.ask(work))


@get("/messages/{message_id:int}", summary="Read a message", **needs(Scope.MESSAGES_READ, 404))
async def read_message(program: NamedDependency[Program], message_id: Id) -> MessageWhole:
    return await program.ask(lambda: _whole(_the_message(program, message_id)))


# -- by hand -----------------------------------------------------------------------------------------


@post("/carts/{cart_id:int}/messages", summary="Write about a cart", status_code=201,
      **needs(Scope.MESSAGES_WRITE, 404, 409, 422))  # fmt: skip
async def write_about_cart(
    program: NamedDependency[Program],
    cart_id: Id,
    data: Annotated[Letter, STRICT],
    once: NamedDependency[Once],
) -> Response[MessageWhole]:
    """To its customer, with the next round and after quiet hours; or it is said why not (`cannot_be_sent`)."""

    def work() -> MessageWhole:
        cart = the_cart(program, cart_id)
        if cart.customer is None:
            raise CannotBeSent("visitor")
        reminder = by_hand.write(
            program.shop,
            text=Text(data.subject, data.body),
            actor=program.actor,
            now=clock.now(),
            customer=cart.customer,
            cart=cart,
        )
        return _whole(_the_message(program, reminder.message_id))

    return await once.do(work, status=201)


@post("/customers/{customer_id:int}/messages", summary="Write to a customer", status_code=201,
      **needs(Scope.MESSAGES_WRITE, 404, 409, 422))  # fmt: skip
async def write_to_customer(
    program: NamedDependency[Program],
    customer_id: Id,
    data: Annotated[Letter, STRICT],
    once: NamedDependency[Once],
) -> Response[MessageWhole]:
    """With the next round and after quiet hours; or it is said why not (`cannot_be_sent`)."""

    def work() -> MessageWhole:
        customer = the_customer(program, customer_id)
        text = Text(data.subject, data.body)
        reminder = by_hand.write(program.shop, text=text, actor=program.actor, now=clock.now(), customer=customer)
        return _whole(_the_message(program, reminder.message_id))

    return await once.do(work, status=201)


@post("/messages/{message_id:int}/cancel", summary="Take a message back", status_code=200,
      **needs(Scope.MESSAGES_WRITE, 404, 409))  # fmt: skip
async def cancel_message(
    program: NamedDependency[Program], message_id: Id, once: NamedDependency[Once]
) -> Response[MessageWhole]:
    """While it waits; later it is `too_late`."""

    def work() -> MessageWhole:
        if not outbox.cancel([_the_message(program, message_id).pk], "staff"):
            raise TooLate
        return _whole(_the_message(program, message_id))

    return await once.do(work)


@post("/messages/{message_id:int}/settle", summary="End a doubt", status_code=200,
      **needs(Scope.MESSAGES_WRITE, 404, 409, 422))  # fmt: skip
async def settle_message(
    program: NamedDependency[Program],
    message_id: Id,
    data: Annotated[Settled, STRICT],
    once: NamedDependency[Once],
) -> Response[MessageWhole]:
    def work() -> MessageWhole:
        message = _the_message(program, message_id)
        outbox.settle(message, as_sent=data.was_sent, actor=program.actor, now=clock.now())
        return _whole(_the_message(program, message_id))

    return await once.do(work)


# -- addresses that are not written to ---------------------------------------------------------------


def _no_mail(one: Suppression) -> NoMail:
    return NoMail(one.pk, one.address, one.scope, one.reason, one.source, one.at)


@get("/suppressions", summary="List addresses not written to", **needs(Scope.MESSAGES_READ))
async def list_suppressions(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    place: NamedDependency[Place],
    q: Words = "",
) -> Response[NoMailPage]:
    def work() -> NoMailPage:
        page = paging.page(queries.suppressions([program.shop.pk], q), place.sort, place.size, place.after)
        return NoMailPage([_no_mail(one) for one in page.rows], page.next)

    return with_next(request, await program.ask(work))


@post("/suppressions", summary="Write to an address no more", status_code=200, **needs(Scope.MESSAGES_WRITE, 409, 422))
async def suppress(
    program: NamedDependency[Program], data: Annotated[NoMailAsked, STRICT], once: NamedDependency[Once]
) -> Response[NoMail]:
    """No mail of any kind from the shop; again for the same address it changes nothing."""

    def work() -> NoMail:
        suppression.suppress(program.shop.pk, data.address, reason="staff", source=program.actor, now=clock.now())
        found = queries.suppressions([program.shop.pk], data.address).filter(scope=suppression.ALL).first()
        if found is None:
            raise NotFound
        return _no_mail(found)

    return await once.do(work)


@delete("/suppressions/{suppression_id:int}", summary="Write to an address again", status_code=204,
        **needs(Scope.MESSAGES_WRITE, 404, 409))  # fmt: skip
async def lift(program: NamedDependency[Program], suppression_id: Id) -> None:
    """Not for one whose person was erased: that stays (`erased_stays`)."""

    def work() -> None:
        found = queries.suppressions([program.shop.pk]).filter(pk=suppression_id).first()
        if found is None:
            raise NotFound
        suppression.lift_entry(found)

    await program.ask(work)


messages = Router(
    "/",
    route_handlers=[
        list_messages,
        read_message,
        write_about_cart,
        write_to_customer,
        cancel_message,
        settle_message,
        list_suppressions,
        suppress,
        lift,
    ],
    tags=["messages"],
)
