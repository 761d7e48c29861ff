"""The pages alone, for WSGI workers at scale (`ghostcart web`). Who calls and how is told by TRUSTED_PROXIES alone."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")

from django.core.wsgi import get_wsgi_application

pages = get_wsgi_application()  # runs django.setup()

from django.conf import settings
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

application: Any = (
    wrap_wsgi_with_proxy_headers(pages, trusted_hosts=settings.TRUSTED_PROXIES) if settings.TRUSTED_PROXIES else pages
)
