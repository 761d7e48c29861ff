"""A shopper forgot their password: a mail to the address of the account, whose link sets a new one, once.

Whether there is such an account is answered alike, and takes as long: a message is planned for any address, and only
the worker looks who it is for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from ghostcart.customers import queries as customers
from ghostcart.customers import services
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Customer
from ghostcart.mail import links, outbox
from ghostcart.mail.models import Link, Message, Purpose
from ghostcart.mail.outbox import Go, LinkWish, No
from ghostcart.recovery import letters, texts
from ghostcart.shops.models import Shop

KIND = "account"
LASTS = timedelta(hours=1)
MOST = 3
"""Mails to one address within that hour: nobody's mailbox is filled from our page."""


def ask(shop: Shop, email: str, language: str, now: datetime) -> None:
    """Plan the mail; says nothing about whether one will be sent."""
    try:
        mark = address_hash(email)
    except BadAddress:
        return
    lately = Message.objects.filter(shop=shop, kind=KIND, address_hash=mark, created_at__gt=now - LASTS)
    if lately.count() < MOST:
        outbox.enqueue(shop_id=shop.pk, kind=KIND, address=email, language=language, due_at=now, now=now,
                       stale_at=now + LASTS, is_demo=shop.is_demo)  # fmt: skip


def decide(messages: Sequence[Message], now: datetime) -> dict[int, outbox.Go | outbox.No | outbox.Later]:
    """Whether there is an account to write to (the outbox asks, see `Decide`)."""
    return {message.pk: _verdict(message, now) for message in messages}


def _verdict(message: Message, now: datetime) -> Go | No:
    account = customers.by_email(message.shop_id, message.address)
    if account is None or account.is_guest:
        Message.objects.filter(pk=message.pk).update(address="")  # of strangers nothing is kept
        return No("no_account")
    Message.objects.filter(pk=message.pk).update(customer=account)
    facts = letters.facts_of(message.shop, language=message.language, customer=account)
    target = {"customer": account.pk, "mark": account.session_mark}
    wish = LinkWish("reset", Purpose.PASSWORD, target, now + LASTS)
    return Go(texts.system("password_reset", message.language), facts, (wish,))


def account_of(link: Link) -> Customer | None:
    """Whose password a link sets; None once it was set: the mark is of the old one."""
    account = Customer.objects.filter(pk=link.target.get("customer"), shop=link.shop_id, is_guest=False).first()
    return account if account is not None and account.fits_session(str(link.target.get("mark"))) else None


@transaction.atomic
def change(link: Link, password: str, now: datetime) -> bool:
    """Set the new password, once; False where the link was used meanwhile. Raises WeakPassword."""
    locked = Customer.objects.select_for_update().filter(pk=link.target.get("customer"))
    list(locked.values_list("pk", flat=True))
    account = account_of(link)
    if account is None:
        return False
    services.set_password(account, password)
    services.forget_failures(account.shop_id, account.email_key)
    links.revoke(now, shop=link.shop_id, purpose=Purpose.PASSWORD, target__customer=account.pk)
    return True
