"""Pictures that lie in another shop, shown through us: pages may load from no other host.

An address of ours carries theirs, signed when it was drawn from what is stored: only those are fetched, so this is no
open proxy. What came is kept below the media and shown again when the shop is down. Only pictures are handed on, known
by their first bytes, never by what the shop says they are.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import BoundedSemaphore
from time import time
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.core.signing import Signer
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from ghostcart.lib import outbound

PATH = "outside/"
"""Below the media: both of the addresses and of the folder."""
MOST_BYTES = 4_000_000
SECONDS = 6.0
FRESH_SECONDS = 7 * 24 * 3600
KEPT_SECONDS = 90 * 24 * 3600
"""A picture that nobody looked at for so long goes."""
HOST_RESTS_SECONDS = 60
PICTURE_RESTS_SECONDS = 600
"""After a failure: a page of fifty pictures does not wait fifty times for a shop that is down."""
AT_ONCE, WAITING_SECONDS = 3, 2.0
"""Most threads stay free for pages, however slowly the shop answers."""

KINDS = {
    "jpg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    "png": ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    "gif": ("image/gif", re.compile(rb"GIF8[79]a")),
    "webp": ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    "avif": ("image/avif", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
}
"""What is handed on; SVG is not, as it may hold scripts."""

_signer = Signer(salt="ghostcart.lib.pictures")
_fetching = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Picture:
    kind: str
    body: bytes


def is_outside(path: str) -> bool:
    return path.startswith(("https://", "http://"))


@lru_cache(8192)
def address(url: str) -> str:
    """Our address of a picture elsewhere."""
    return f"{settings.MEDIA_URL}{PATH}{_mark(url)}/{urlsafe_base64_encode(url.encode())}"


def url_of(mark: str, text: str) -> str | None:
    """The address that ours carries; None if we did not write it."""
    try:
        url = urlsafe_base64_decode(text).decode()
    except ValueError:
        return None
    return url if mark == _mark(url) else None


def _mark(url: str) -> str:
    return _signer.signature(url)


def get(url: str) -> Picture | None:
    """The picture, kept or fetched; None if there is none to be had now."""
    kept = _kept(url)
    if kept is not None and _age(kept) < FRESH_SECONDS and (fresh := _read(kept)):
        return fresh
    body = _fetch(url)
    kind = kind_of(body) if body else None
    if body and kind:
        _keep(url, kind, body)
        return Picture(KINDS[kind][0], body)
    return _read(kept) if kept is not None else None


def kind_of(body: bytes) -> str | None:
    return next((name for name, (_, start) in KINDS.items() if start.match(body)), None)


# -- pictures that staff give ------------------------------------------------------------------------

GIVEN = "given/"
GIVEN_NAME = re.compile(r"[0-9a-f]{32}\.(jpg|png|gif|webp|avif)")


def give(body: bytes) -> str | None:
    """Keep a picture below the media; its path there, the same for the same picture. None if it is none we know."""
    kind = kind_of(body)
    if kind is None or len(body) > MOST_BYTES:
        return None
    path = f"{GIVEN}{hashlib.sha256(body).hexdigest()[:32]}.{kind}"
    place = Path(settings.MEDIA_ROOT) / path
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".part{id(body)}")
        part.write_bytes(body)
        part.replace(place)
    return path


def given(name: str) -> Picture | None:
    """A picture that staff gave, by the last part of its path."""
    return _read(Path(settings.MEDIA_ROOT) / GIVEN / name) if GIVEN_NAME.fullmatch(name) else None


# -- pictures of other shops -------------------------------------------------------------------------


def forget_old(seconds: float = KEPT_SECONDS) -> int:
    """Remove pictures that were not fetched again for long, at most a thousand at a time; says how many."""
    gone = 0
    for file in _files():
        if _age(file) > seconds:
            file.unlink(missing_ok=True)
            gone += 1
            if gone == 1000:
                break
    return gone


# -- the folder --------------------------------------------------------------------------------------


def _place(url: str) -> Path:
    name = hashlib.sha256(url.encode()).hexdigest()
    return Path(settings.MEDIA_ROOT) / PATH / name[:2] / name


def _kept(url: str) -> Path | None:
    place = _place(url)
    return next((file for kind in KINDS if (file := place.with_suffix(f".{kind}")).exists()), None)


def _age(file: Path) -> float:
    """Seconds since it was written; 0 of one that somebody else has just removed."""
    try:
        return time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0


def _read(file: Path) -> Picture | None:
    try:
        return Picture(KINDS[file.suffix[1:]][0], file.read_bytes())
    except FileNotFoundError:
        return None


def _keep(url: str, kind: str, body: bytes) -> None:
    place = _place(url)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(f".part{id(body)}")
    part.write_bytes(body)
    for other in KINDS:
        if other != kind:
            place.with_suffix(f".{other}").unlink(missing_ok=True)
    part.replace(place.with_suffix(f".{kind}"))


def _files() -> Iterator[Path]:
    return (file for file in (Path(settings.MEDIA_ROOT) / PATH).glob("*/*") if file.is_file())


# -- the shop ----------------------------------------------------------------------------------------


def _fetch(url: str) -> bytes | None:
    """What the shop answers; None at once while it, or this picture, rests after a failure, or too many are asked."""
    host, picture = f"picture-host:{_host(url)}", f"picture:{_place(url).name}"
    if cache.get(host) or cache.get(picture) or not _fetching.acquire(timeout=WAITING_SECONDS):
        return None
    try:
        if cache.get(host):  # it failed while this one waited
            return None
        answer = outbound.send("GET", url, headers={"Accept": "image/*"}, most=MOST_BYTES, seconds=SECONDS)
    except (outbound.TimedOut, outbound.UnknownHost, outbound.Unreachable, outbound.BadCertificate):
        cache.set(host, True, HOST_RESTS_SECONDS)
        return None
    except outbound.TargetError:
        cache.set(picture, True, PICTURE_RESTS_SECONDS)
        return None
    finally:
        _fetching.release()
    if answer.status != 200 or answer.is_cut or kind_of(answer.body) is None:
        cache.set(picture, True, PICTURE_RESTS_SECONDS)
        return None
    return answer.body


def _host(url: str) -> str:
    return hashlib.sha256(urlsplit(url).netloc.encode()).hexdigest()[:32]
