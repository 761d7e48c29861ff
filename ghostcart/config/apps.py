from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "ghostcart.config"
