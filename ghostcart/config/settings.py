"""All settings, from the environment, each with a safe default (docs/reference/settings.md lists them)."""

import os
import secrets
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from ghostcart.config.logs import renderer

PACKAGE = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("GHOSTCART_DATA", "data")).absolute()


def flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, str(default)).lower() in ("1", "true", "yes", "on")


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def networks(given: list[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(one) for one in given]
    except ValueError as error:
        sys.exit(f"GHOSTCART_ALLOW_PRIVATE_TARGETS: {error}; use networks like 10.1.0.0/16,127.0.0.1/32")


def whole_number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit()):
        sys.exit(f"{name}: '{text}' is no whole number")
    return int(text)


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        sys.exit(f"PORT: '{text}' is no port; use a number between 1 and 65535")
    return int(text)


def data_folder_with_key() -> str:
    """Make the data folder where it is missing, and give the secret key."""
    try:
        DATA.mkdir(parents=True, exist_ok=True)
        return secret_key()
    except OSError as error:
        sys.exit(f"GHOSTCART_DATA: nothing can be kept in {DATA} ({error.strerror}); name another folder")


def secret_key() -> str:
    """SECRET_KEY, else one made at the first start and kept in the data folder, readable by its owner only."""
    if given := os.environ.get("SECRET_KEY"):
        return given
    path = DATA / "secret_key"
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
    except FileExistsError:
        pass
    return path.read_text()


# A host that loses its power closes nothing. What it held locked, and the readers of the log who wait for
# its transaction, must not wait for it for longer than the screens' patience: the server asks idle peers after two
# seconds, and either side gives up after four. (Through a Unix socket this means nothing.)
ON_THE_LINE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 4000,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "options": "-c tcp_user_timeout=4000 -c tcp_keepalives_idle=2"
    " -c tcp_keepalives_interval=1 -c tcp_keepalives_count=2"
    # A second process or a compiled plan takes longer to begin than most statements of a page take altogether.
    f" -c parallel_setup_cost=30000 -c jit=off {os.environ.get('PGOPTIONS', '')}",
}


def database(url: str) -> dict[str, Any]:
    """The Django database of `sqlite:///path` or `postgresql://user:password@host:port/name?host=/socket`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path[1:])
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: an accepted change is on disk before it is acknowledged (DESIGN section 4)
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                "PRAGMA cache_size=-65536;PRAGMA mmap_size=268435456;PRAGMA temp_store=MEMORY;",
            },
            "CONN_MAX_AGE": None,
            "TEST": {"NAME": path + ".test"},
        }
    if parts.scheme not in ("postgres", "postgresql"):
        sys.exit(f"DATABASE_URL: '{parts.scheme}' is not known; use sqlite:///path or postgresql://user@host/name")
    from ghostcart.lib import patience

    query = parse_qs(parts.query)
    pool = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 10}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]) or "ghostcart",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [parts.hostname or ""])[0],
        "PORT": parts.port or "",
        "OPTIONS": {
            **ON_THE_LINE,
            "pool": {**pool, "connection_class": patience.Connection},
        },
        "CONN_HEALTH_CHECKS": True,
    }


DATABASE_POOL = whole_number("DATABASE_POOL", 12)
SECRET_KEY = data_folder_with_key()
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS")
DEBUG = False
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = port_number(os.environ.get("PORT", "8000"))
IS_HTTPS = flag("GHOSTCART_HTTPS")
IS_DEMO = flag("GHOSTCART_DEMO")
PRIVATE_TARGETS = networks(words("GHOSTCART_ALLOW_PRIVATE_TARGETS"))
IS_EVERYWHERE = HOST in ("0.0.0.0", "::")
NAME = "127.0.0.1" if IS_EVERYWHERE else f"[{HOST}]" if ":" in HOST else HOST
LOCAL_URL = f"http://{NAME}:{PORT}"
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "*" if IS_DEMO and IS_EVERYWHERE else f"127.0.0.1,localhost,[::1],{NAME}")
SITE_URL = os.environ.get("GHOSTCART_URL", LOCAL_URL).rstrip("/")
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = words("TRUSTED_PROXIES")

DATABASES = {"default": database(os.environ.get("DATABASE_URL", f"sqlite:///{DATA}/ghostcart.sqlite3"))}
if copy := os.environ.get("DATABASE_REPLICA_URL"):
    if not copy.startswith("postgres"):
        sys.exit("DATABASE_REPLICA_URL: only PostgreSQL has copies; use postgresql://user@host/name")
    DATABASES["replica"] = database(copy)
    DATABASES["replica"]["OPTIONS"]["pool"]["timeout"] = 1  # without it, the primary answers
    DATABASE_ROUTERS = ["ghostcart.lib.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "ghostcart.shops",
    "ghostcart.customers",
    "ghostcart.catalog",
    "ghostcart.vouchers",
    "ghostcart.carts",
    "ghostcart.mail",
    "ghostcart.orders",
    "ghostcart.recovery",
    "ghostcart.connectors",
    "ghostcart.backoffice",
    "ghostcart.storefront",
    "ghostcart.config",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ghostcart.backoffice.middleware.StaffMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "ghostcart.config.urls"
WSGI_APPLICATION = "ghostcart.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ghostcart.backoffice.context.backoffice",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "ghostcart.lib.template_tags",
            ],
        },
    }
]

AUTH_USER_MODEL = "backoffice.User"
AUTHENTICATION_BACKENDS = ["ghostcart.backoffice.sign_in.StaffBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/backoffice/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "ghostcart.backoffice.sign_in.StaffAdapter"
ACCOUNT_LOGOUT_REDIRECT_URL = "/backoffice/"
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Ghostcart"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "__Host-ghostcart" if IS_HTTPS else "ghostcart"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# The default must be "en": Django falls back to the default language's catalogue, not to the source text.
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("it", _("Italian")),
    ("es", _("Spanish")),
    ("de", _("German")),
    ("fr", _("French")),
    ("nl", _("Dutch")),
]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA / "media"
EXPORTS_ROOT = DATA / "exports"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
# How mail leaves (see mail.transports). Unset: it is kept in the outbox, and the health page says so.
EMAIL_URL = os.environ.get("EMAIL_URL", "mailbox:" if IS_DEMO else "")
MAILBOX_ROOT = DATA / "mailbox"
# At least 92: campaigns are tried on the last 90 days.
LOG_KEPT_DAYS = max(92, whole_number("GHOSTCART_LOG_KEPT_DAYS", 400))
ORDERS_KEPT_DAYS = whole_number("GHOSTCART_ORDERS_KEPT_DAYS", 3650)
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "ghostcart@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processor": renderer,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}},
}
