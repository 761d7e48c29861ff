"""The pages alone, for WSGI workers at scale (`ghostcart web`)."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
