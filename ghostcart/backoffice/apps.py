from django.apps import AppConfig


class BackofficeConfig(AppConfig):
    name = "ghostcart.backoffice"
    default_auto_field = "django.db.models.BigAutoField"
