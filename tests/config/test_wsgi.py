"""The pages alone behind a proxy: who calls, and whether by TLS, is what a trusted proxy says and nobody else."""

import importlib
import io

import pytest

from ghostcart.config import wsgi

pytestmark = pytest.mark.django_db  # the handler looks after connections that tests before have left


class Noting:
    """Middleware that keeps what the pages were told of the caller."""

    seen: list[tuple[str, bool]] = []

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.seen.append((request.META["REMOTE_ADDR"], request.is_secure()))
        return self.get_response(request)


@pytest.fixture
def call(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    settings.MIDDLEWARE = ["tests.config.test_wsgi.Noting", *settings.MIDDLEWARE]
    settings.ALLOWED_HOSTS = ["shop.example.com"]
    application = importlib.reload(wsgi).application

    def call(peer: str, **headers: str) -> tuple[str, bool]:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/healthz", "QUERY_STRING": "", "SERVER_NAME": "shop.example.com",
            "SERVER_PORT": "80", "HTTP_HOST": "shop.example.com", "REMOTE_ADDR": peer, "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), **headers,
        }  # fmt: skip
        statuses = []
        b"".join(application(environ, lambda status, headers: statuses.append(status)))
        assert statuses == ["200 OK"]
        return Noting.seen.pop()

    yield call
    settings.TRUSTED_PROXIES = []
    importlib.reload(wsgi)


FORWARDED = {"HTTP_X_FORWARDED_FOR": "203.0.113.7", "HTTP_X_FORWARDED_PROTO": "https"}


def test_a_trusted_proxy_is_believed(call):
    assert call("10.1.2.3", **FORWARDED) == ("203.0.113.7", True)


def test_a_stranger_who_says_the_same_is_not(call):
    """Guard for SECURE_PROXY_SSL_HEADER, which would believe anybody."""
    assert call("198.51.100.9", **FORWARDED) == ("198.51.100.9", False)


def test_what_a_caller_adds_before_the_proxy_is_not_who_calls(call):
    added = {**FORWARDED, "HTTP_X_FORWARDED_FOR": "192.0.2.1, 203.0.113.7"}
    assert call("10.1.2.3", **added) == ("203.0.113.7", True)
