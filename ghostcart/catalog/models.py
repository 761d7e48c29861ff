"""Products, their variants and prices, as a shopper can put them in a cart."""

from django.db import models

from ghostcart.lib.texts import pick


class Category(models.Model):
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="categories")
    slug = models.SlugField()
    names = models.JSONField(default=dict)
    texts = models.JSONField(default=dict)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name_plural = "categories"
        constraints = [models.UniqueConstraint(fields=["shop", "slug"], name="one_category_per_slug")]

    def __str__(self) -> str:
        return self.slug

    def name(self, language: str) -> str:
        return pick(self.names, language)

    def text(self, language: str) -> str:
        return pick(self.texts, language)


class Product(models.Model):
    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="products")
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True, related_name="products")
    slug = models.SlugField(max_length=120)
    reference = models.CharField(max_length=64, blank=True)
    names = models.JSONField(default=dict)
    descriptions = models.JSONField(default=dict)
    tax_rate_ppm = models.PositiveIntegerField(default=0, help_text="210000 = 21 %")
    is_active = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0)
    url = models.CharField(max_length=500, blank=True, help_text="its page in another shop; empty: it is ours")
    source = models.CharField(max_length=20, blank=True, help_text="where it came from; empty: made here")
    external_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  (NULLs stay out of the unique row)
    external_version = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "slug"], name="one_product_per_slug"),
            models.UniqueConstraint(fields=["shop", "source", "external_id"], name="one_product_per_outside_id"),
        ]

    def __str__(self) -> str:
        return self.slug

    def name(self, language: str) -> str:
        return pick(self.names, language)

    def description(self, language: str) -> str:
        return pick(self.descriptions, language)


class Variant(models.Model):
    """What is really sold: one colour and size of a product, counted in stock. Every product has at least one."""

    shop = models.ForeignKey("shops.Shop", models.CASCADE, related_name="variants")
    product = models.ForeignKey(Product, models.CASCADE, related_name="variants")
    sku = models.CharField(max_length=64)
    options = models.JSONField(default=dict, help_text="{language: 'Sage, large'}")
    picture = models.CharField(
        max_length=200, blank=True, help_text="path below the media address, or a whole address in another shop"
    )
    stock = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    source = models.CharField(max_length=20, blank=True)
    external_id = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  (NULLs stay out of the unique row)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "sku"], name="one_variant_per_sku"),
            models.UniqueConstraint(fields=["shop", "source", "external_id"], name="one_variant_per_outside_id"),
            models.CheckConstraint(condition=models.Q(stock__gte=0), name="stock_never_negative"),
        ]

    def __str__(self) -> str:
        return self.sku

    def option(self, language: str) -> str:
        return pick(self.options, language)


class Price(models.Model):
    """A variant's price in one currency, in micros, in the shop's tax mode."""

    variant = models.ForeignKey(Variant, models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3)
    price_micros = models.BigIntegerField()
    regular_micros = models.BigIntegerField(null=True, blank=True, help_text="the price before a reduction")
    cost_micros = models.BigIntegerField(null=True, blank=True, help_text="what it costs the shop, without tax")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["variant", "currency"], name="one_price_per_currency"),
            models.CheckConstraint(condition=models.Q(price_micros__gte=0), name="price_never_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.price_micros} {self.currency}"
