"""What mails of each kind of campaign speak of, beside the shop, the person and a voucher: "cart", "order" or ""."""

CAMPAIGNS = {"abandoned": "cart", "thanks": "order", "best": "", "lapsed": "", "manual": "cart"}
