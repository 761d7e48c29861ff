"""What machines ask about this installation: alive, ready, and in figures."""

from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ghostcart.backoffice.models import Worker
from ghostcart.lib import clock

WORKER_SILENT = timedelta(minutes=1)


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Database, migrations, worker: each `ok`, or a sentence on what is wrong and how to mend it."""
    checks = {"database": "ok", "migrations": "ok", "worker": "ok"}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            checks["migrations"] = "Tables are older than the program. Run: ghostcart migrate"
        elif not Worker.objects.filter(seen_at__gt=clock.now() - WORKER_SILENT).exists():
            checks["worker"] = "No worker was heard of for a minute. Start one: ghostcart worker"
    except DatabaseError as error:
        checks["database"] = f"The database cannot be reached ({type(error).__name__}). Check DATABASE_URL."
    is_ready = checks["database"] == checks["migrations"] == "ok"
    return JsonResponse(
        {"status": "ok" if is_ready else "not ready", "checks": checks}, status=200 if is_ready else 503
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("healthz", alive), path("readyz", ready), path("metrics", metrics)]
