"""What others read about attached shops."""

from ghostcart.connectors.models import PushedVoucher


def voucher_there(voucher_id: int | None) -> PushedVoucher | None:
    """How a voucher of ours stands in the other shop that it is for; None for one of our own shops."""
    found = PushedVoucher.objects.filter(voucher=voucher_id) if voucher_id else PushedVoucher.objects.none()
    return found.order_by("-pk").first()
