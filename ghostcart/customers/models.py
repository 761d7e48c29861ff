"""People who buy: customers with an account, and guests who left an address."""

from django.contrib.auth.hashers import check_password
from django.db import models
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext


class Person(models.Model):
    """One or more customers of a shop that are the same human as far as we can prove (`identity` joins them).

    Caps, hold-out and voucher limits are per person. When two turn out to be one, the younger points at the older by
    `merged_into`, never at a chain: whoever asks about a person asks about `identity.family(person)`.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="people")
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged")
    is_trusted = models.BooleanField(default=False, help_text="staff decided that the voucher guard is not for them")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"person {self.pk}"


class PersonKey(models.Model):
    """What a person was recognised by, as a keyed hash. E-mail and phone join people; the others only relate them.

    Kinds: email (canonical), phone, address (postal), device. Of two who bring the same e-mail or phone at once, the
    second waits for the first and finds that it is taken.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    person = models.ForeignKey(Person, models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=8)
    value_hash = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shop", "kind", "value_hash", "person"], name="one_key_per_person"),
            models.UniqueConstraint(
                fields=["shop", "kind", "value_hash"],
                name="one_person_per_strong_key",
                condition=models.Q(kind__in=["email", "phone"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of person {self.person_id}"


class Tombstone(models.Model):
    """An address whose person was erased: what arrives late about it is not kept."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False)
    address_hash = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "address_hash"], name="one_tombstone_per_address")]

    def __str__(self) -> str:
        return f"tombstone {self.pk}"


class Customer(models.Model):
    """Someone a shop can name. Guests have an address but no password.

    `email_key` is the address made comparable (`keys.email_key`): a guest who comes again with it is the same row, and
    so is the account that they open.
    """

    shop = models.ForeignKey(
        "shops.Shop", models.CASCADE, related_name="customers", db_index=False, db_constraint=False
    )
    person = models.ForeignKey(Person, models.SET_NULL, null=True, blank=True, related_name="customers")
    email = models.EmailField(max_length=320)
    email_key = models.CharField(max_length=320)
    first_name = models.CharField(max_length=120, blank=True)
    last_name = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=5, default="en")
    is_guest = models.BooleanField(default=True)
    password = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True, help_text="private: only staff see it")
    search_text = models.CharField(max_length=900, blank=True, help_text="folded name and address, for finding")
    registered_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)
    group = models.CharField(max_length=60, blank=True, help_text="as the shop sorts its customers")
    erased_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "email_key"], name="one_customer_per_address")]
        indexes = [
            models.Index(fields=["shop", "registered_at"], name="customer_by_registration"),
            models.Index(fields=["shop", "last_name", "id"], name="customer_by_name"),
            models.Index(fields=["erased_at"], name="customer_erased", condition=models.Q(erased_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def label(self) -> str:
        """What staff see: the name, else the address; of who was erased only that."""
        return self.name or self.email or gettext("Erased customer")

    def knows_password(self, password: str) -> bool:
        return bool(self.password) and check_password(password, self.password)

    @property
    def session_mark(self) -> str:
        """Changes with the password, so that older sign-ins end."""
        return salted_hmac("ghostcart.customer", self.password).hexdigest()[:32]

    def fits_session(self, mark: str) -> bool:
        return constant_time_compare(self.session_mark, mark)


class ExternalCustomer(models.Model):
    """What another shop calls a customer. Several of its rows may be one of ours: guests repeat their address there.

    Without a customer: the person was erased, and what is told of them is not kept.
    """

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    source = models.CharField(max_length=20)
    external_id = models.CharField(max_length=64)
    external_version = models.BigIntegerField(default=0)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="external_ids")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shop", "source", "external_id"], name="one_customer_per_outside_id")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"


class Address(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="addresses")
    first_name = models.CharField(max_length=120)
    last_name = models.CharField(max_length=120)
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20)
    city = models.CharField(max_length=120)
    country = models.CharField(max_length=2)
    phone = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "addresses"

    def __str__(self) -> str:
        return f"{self.street}, {self.postcode} {self.city}"


class Consent(models.Model):
    """One act of giving or withdrawing consent, kept as proof; the newest row of a purpose counts."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=20, default="reminders")
    is_given = models.BooleanField()
    text = models.TextField(help_text="the sentence that the person saw, in their language")
    text_version = models.CharField(max_length=20)
    source = models.CharField(max_length=20, help_text="where: checkout, account, api, link, staff")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.purpose}: {'given' if self.is_given else 'withdrawn'}"


class SignInFailures(models.Model):
    """How often signing in failed lately for an address or a source; too often locks it for a while."""

    key = models.CharField(max_length=80, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
