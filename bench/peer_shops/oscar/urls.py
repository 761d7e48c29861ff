"""Oscar's own pages, at the root."""

from django.apps import apps  # noqa: TID251 (where Oscar keeps its pages)
from django.urls import include, path

urlpatterns = [path("", include(apps.get_app_config("oscar").urls[0]))]
