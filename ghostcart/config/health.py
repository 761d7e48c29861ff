"""What machines ask about this installation: alive, ready, and in figures."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ghostcart.backoffice.models import Worker
from ghostcart.lib import clock
from ghostcart.mail import relay
from ghostcart.recovery import health
from ghostcart.recovery.health import Backlog

WORKER_SILENT = timedelta(minutes=1)


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Database, migrations, worker, mail: each `ok`, or a sentence on what is wrong and how to mend it."""
    checks = {"database": "ok", "migrations": "ok", "worker": "ok", "mail": "ok"}
    backlog, workers = None, []
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            checks["migrations"] = "Tables are older than the program. Run: ghostcart migrate"
        if checks["migrations"] == "ok":
            workers = list(Worker.objects.order_by("-seen_at"))
            checks["worker"] = _worker(workers)
            backlog = health.backlog(clock.now())
            checks["mail"] = _mail(backlog)
    except DatabaseError as error:
        checks["database"] = f"The database cannot be reached ({type(error).__name__}). Check DATABASE_URL."
    is_ready = checks["database"] == checks["migrations"] == "ok"
    told = {
        "status": "ok" if is_ready else "not ready",
        "checks": checks,
        "backlog": backlog and asdict(backlog),
        "workers": [{"last_run": worker.seen_at, "failing": _failing(worker)} for worker in workers],
    }
    return JsonResponse(told, status=200 if is_ready else 503)


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


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("healthz", alive), path("readyz", ready), path("metrics", metrics)]
