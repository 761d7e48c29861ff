"""Staff: who may do what in which shop, and what each of them keeps for the lists."""

import secrets
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from ghostcart.shops.models import Shop


class Role(models.TextChoices):
    """What a person may do in a shop; each role may do all that those before it may."""

    VIEWER = "viewer", _("Viewer")
    AGENT = "agent", _("Agent")
    MANAGER = "manager", _("Manager")
    OWNER = "owner", _("Owner")

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser):
    """A member of staff; signs in with an e-mail address. A superuser is owner of every shop."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=5, default="en")
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    joined_at = models.DateTimeField(auto_now_add=True)
    must_change_password = models.BooleanField(default=False, help_text="came in with a one-time password")

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def actor(self) -> str:
        """How this person is named in the cart log."""
        return f"staff:{self.pk}"

    def role_in(self, shop_id: int) -> Role | None:
        if self.is_superuser:
            return Role.OWNER
        membership = self.memberships.filter(shop_id=shop_id).first()
        return Role(membership.role) if membership else None

    def shops(self, least: Role = Role.VIEWER) -> models.QuerySet[Shop]:
        """The shops in which this person has at least that role."""
        if self.is_superuser:
            return Shop.objects.all()
        roles = [role for role in Role if role.rank >= least.rank]
        return Shop.objects.filter(memberships__user=self, memberships__role__in=roles)


class Summary(models.TextChoices):
    NEVER = "never", _("never")
    DAILY = "daily", _("daily")
    WEEKLY = "weekly", _("weekly")


class Membership(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    shop = models.ForeignKey(Shop, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.VIEWER)
    summary = models.CharField(max_length=6, choices=Summary.choices, default=Summary.NEVER)
    summary_sent_at = models.DateTimeField(null=True, blank=True)
    wants_notices = models.BooleanField(default=False, help_text="a mail when a dear cart is abandoned")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "shop"], name="one_role_per_shop")]

    def __str__(self) -> str:
        return f"{self.user} in {self.shop}: {self.role}"


class SavedView(models.Model):
    """The filters, sorting and page size of a list: `name` empty for the ones last used, else a saved view."""

    user = models.ForeignKey(User, models.CASCADE, related_name="views")
    page = models.CharField(max_length=20)
    name = models.CharField(max_length=60, blank=True, default="")
    query = models.CharField(max_length=2000)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name or self.page


def new_export_token() -> str:
    return secrets.token_urlsafe(24)


class Export(models.Model):
    """A list on its way into a file: asked for by a page, written by the worker, fetched once it is done."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    token = models.CharField(max_length=40, unique=True, default=new_export_token)
    user = models.ForeignKey(User, models.CASCADE, related_name="exports")
    page = models.CharField(max_length=20)
    query = models.CharField(max_length=2000)
    shop_ids = models.JSONField(default=list)
    format = models.CharField(max_length=4, choices=Format.choices)
    language = models.CharField(max_length=5, default="en")
    asked_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rows_done = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        indexes = [models.Index(fields=["asked_at"], name="exports_waiting", condition=models.Q(finished_at=None))]

    def __str__(self) -> str:
        return f"{self.page}.{self.format}"

    @property
    def is_open(self) -> bool:
        """Whether the person who asked for it may still have it: who manages all of its shops."""
        managed = self.user.shops(Role.MANAGER).values_list("pk", flat=True)
        return set(managed).issuperset(self.shop_ids)


class SignInFailures(models.Model):
    """How often signing in failed lately for an address or a source; too often locks it for a while."""

    key = models.CharField(max_length=80, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class Worker(models.Model):
    """A worker process and when it was last heard of, for the health page."""

    name = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField()
    error = models.CharField(max_length=300, default="", blank=True)

    def __str__(self) -> str:
        return self.name
