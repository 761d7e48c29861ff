"""What can happen to a cart, and whose it is. The values are part of the API and never change."""

from enum import StrEnum

OURS = ("store", "staff")
"""The sources of carts and orders that are kept here; those of all others are kept in another shop."""


class EventKind(StrEnum):
    LINE_ADDED = "line_added"
    QUANTITY_CHANGED = "quantity_changed"
    LINE_REMOVED = "line_removed"
    CUSTOMER_IDENTIFIED = "customer_identified"
    VOUCHER_APPLIED = "voucher_applied"
    VOUCHER_REMOVED = "voucher_removed"
    SHIPPING_CHOSEN = "shipping_chosen"
    CHECKOUT_STARTED = "checkout_started"
    ORDERED = "ordered"
    MERGED = "merged"
    RESTORED = "restored"
    DELETED = "deleted"
