"""What machines ask about this installation: alive, ready, and in figures."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ghostcart.backoffice.models import Worker
from ghostcart.carts import writer
from ghostcart.connectors import queries as connections
from ghostcart.connectors.models import Connection
from ghostcart.lib import clock, database_file, patience, sql
from ghostcart.mail import relay
from ghostcart.recovery import health
from ghostcart.recovery.health import Backlog

WORKER_SILENT = timedelta(minutes=1)
LEAST_FREE = 500 * 2**20
"""Below this the health page speaks; `ghostcart doctor` does so sooner."""
MOST_PATIENCE = 3
"""Seconds that a database may take to let the health page in."""
STANDS_STILL = (
    "The database stands still: it takes calls and answers nobody."
    " Look at its host: is its disk or memory full, are its processes stopped?"
)
SHOP_TROUBLES = {
    "cannot_connect": "its database cannot be reached",
    "connection_lost": "its database went away",
    "too_slow": "its database is too slow",
    "access_denied": "its database refuses the user or password",
    "encryption_needed": "its database asks for an encrypted connection",
    "secret_lost": "its password cannot be read with this SECRET_KEY",
    "no_such_database": "its database is not there",
    "not_a_prestashop": "a table of PrestaShop is missing",
    "missing_right": "a table may not be read",
    "no_such_shop": "its PrestaShop has no such shop",
    "database_trouble": "its database reports an error",
}


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Each part of the installation: `ok`, or a sentence on what is wrong and how to mend it."""
    checks, backlog, workers = look()
    is_ready = checks["database"] == checks["migrations"] == "ok"
    told = {
        "status": _in_a_word(checks) if is_ready else "not ready",
        "checks": checks,
        "backlog": backlog and asdict(backlog),
        "workers": [{"last_run": worker.seen_at, "failing": _failing(worker)} for worker in workers],
    }
    return JsonResponse(told, status=200 if is_ready else 503)


def _in_a_word(checks: dict[str, str]) -> str:
    """`degraded`: carts are kept and pages answer, but somebody should look (503 would take the host out)."""
    return "ok" if all(told == "ok" for told in checks.values()) else "degraded"


def look() -> tuple[dict[str, str], Backlog | None, list[Worker]]:
    """{part: `ok` or a sentence}, what waits, and the workers, the latest first."""
    checks = {"database": "ok", "migrations": "ok", "disk": _disk(), "worker": "ok", "mail": "ok", "shops": "ok"}
    backlog: Backlog | None = None
    workers: list[Worker] = []
    if refusal := writer.refusal():
        checks["changes"] = (
            f"The database refused the last change of a cart ({refusal}). If its disk is full, make room."
        )
    if _stands_still():
        checks["database"] = STANDS_STILL
        return checks, backlog, workers
    try:
        if moved := database_file.moved():
            checks["database"] = moved
            return checks, backlog, workers
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            checks["migrations"] = "Tables are older than the program. Run: ghostcart migrate"
        elif ahead := _ahead(executor):
            checks["version"] = ahead
        if checks["migrations"] == "ok":
            workers = list(Worker.objects.order_by("-seen_at"))
            checks["worker"] = _worker(workers)
            backlog = health.backlog(clock.now())
            checks["mail"] = _mail(backlog)
            checks["shops"] = _shops(clock.now())
    except DatabaseError as error:
        away = f"The database cannot be reached ({type(error).__name__}). Does it run? Is its disk full?"
        checks["database"] = database_file.about(error) or f"{away} Check DATABASE_URL."
    return checks, backlog, workers


def _stands_still() -> bool:
    if connection.vendor != "postgresql":
        return False
    return patience.stands_still(seconds=MOST_PATIENCE, **sql.own_parameters())


def _ahead(executor: MigrationExecutor) -> str:
    """Beside a newer version this one goes on working; but it should not be forgotten."""
    known = set(executor.loader.disk_migrations or ())
    ours = {app for app, _name in known}
    newer = sorted(
        name for app, name in executor.loader.applied_migrations or () if app in ours and (app, name) not in known
    )
    if not newer:
        return ""
    return f"Tables are newer than this program ({newer[-1]}): two versions run. Put the newer one everywhere."


def _disk() -> str:
    free = shutil.disk_usage(settings.DATA).free
    if free > LEAST_FREE:
        return "ok"
    return f"Only {free // 2**20} MB are free where GHOSTCART_DATA is. Make room, or carts cannot be kept."


def _worker(workers: Sequence[Worker]) -> str:
    alive = [worker for worker in workers if worker.seen_at > clock.now() - WORKER_SILENT]
    if not alive:
        return "No worker was heard of for a minute. Start one: ghostcart worker"
    failing = sorted({_failing(worker) for worker in alive if worker.error})
    return f"Failing: {', '.join(failing)}. The worker's log says why." if failing else "ok"


def _failing(worker: Worker) -> str:
    """The task that fails; what it said may name people, and is for the log alone."""
    return worker.error.partition(":")[0]


def _mail(backlog: Backlog) -> str:
    if trouble := relay.trouble():
        return trouble
    if backlog.is_behind(clock.now()):
        return f"{backlog.due} messages are overdue. Is a worker running? Start one: ghostcart worker"
    return "ok"


def _shops(now: datetime) -> str:
    """The attached shops that are not read as they should be. What is wrong, not where: the page is public."""
    troubled = connections.in_trouble(now)
    if not troubled:
        return "ok"
    told = [f"{one.shop.slug}: {_shop_trouble(one)}" for one in troubled]
    return f"{'; '.join(told)}. The page Connections of the back office says how to mend it."


def _shop_trouble(connection: Connection) -> str:
    if connection.trouble_at is None:
        return "not read for minutes: no worker does it. Start one: ghostcart worker"
    wrong = SHOP_TROUBLES.get(connection.trouble.partition(":")[0], "it cannot be read")
    return f"{wrong} since {connection.trouble_at:%Y-%m-%d %H:%M} UTC"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("healthz", alive), path("readyz", ready), path("metrics", metrics)]
