"""What merchants may write: every mistake is named with its line, and no text can do harm or go on for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.mail import sandbox, templates
from ghostcart.mail.templates import Text, check

LINES = [{"name": f"Product {number}"} for number in range(200)]
VALUES = {"cart": {"lines": LINES, "total": "€1.00"}, "shop": {"name": "Fern"}, "s": "some words"}

BOMBS = {
    "a loop without end": "{% for i in (1..99999999999) %}a{% endfor %}",
    "a loop backwards": "{% for i in (1..999999999) reversed %}a{% endfor %}",
    "a loop from far": "{% for i in (1..9999999999) offset: 9999999990 %}{% endfor %}",
    "a long search": "{% if (1..99999999999) contains 'a' %}{% endif %}",
    "a long range by number": "{% assign n = 99999 | times: 99999 %}{% for i in (1..n) limit: 2 %}{% endfor %}",
    "loops in loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}",
    "loops over the cart": "{% for a in cart.lines %}{% for b in cart.lines %}x{% endfor %}{% endfor %}",
    "loops in a row": "{% for i in (1..900) %}{% endfor %}" * 300,
    "much in a loop": "{% for i in (1..400) %}" + "{{ s | upcase | downcase }}" * 300 + "{% endfor %}",
    "nothing in a loop": "{% for i in (1..3000) %}" + "{% if true %}{% endif %}" * 400 + "{% endfor %}",
    "doubling": "{% assign s = 'aaaaaaaaaa' %}" + "{% assign s = s | append: s %}" * 40,
    "doubling by capture": "{% capture s %}aaaa{% endcapture %}" + "{% capture s %}{{ s }}{{ s }}{% endcapture %}" * 40,
    "replacing": "{{ 'aaaa'" + f" | replace: 'a', '{'a' * 100}'" * 20 + " }}",
    "replacing nothing": f"{{{{ 'aaaa'{(' | replace: ' + chr(34) * 2 + ', s') * 40} }}}}",
    "a joined range": "{{ (1..99999999) | join }}",
    "splitting": "{% capture s %}{% for i in (1..600) %}aaa{% endfor %}{% endcapture %}{{ s | split: '' }}",
    "squaring": "{% assign x = 9999999 %}" + "{% assign x = x | times: x %}" * 40,
    "many filters": "{% capture s %}" + "a" * 9000 + "{% endcapture %}{% assign s = s | append: s %}"
    "{{ s" + " | upcase" * 250 + " }}",
    "depth": "{% if true %}" * 400 + "{% endif %}" * 400,
    "parentheses": "{% if " + "(" * 3000 + "true" + ")" * 3000 + " %}{% endif %}",
    "too long": "a {{ s }}" * 5000,
    "much output": "{% for i in (1..150) %}" + "a" * 3000 + "{% endfor %}",
    "other files": "{% include '/etc/passwd' %}",
    "other templates": "{% render 'x' %}",
    "tables": "{% tablerow i in (1..9) %}{% endtablerow %}",
    "unescaped": "{{ s | safe }}",
    "decoded": "{{ s | base64_decode }}",
    "counting": "{% increment x %}",
}  # fmt: skip


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_ends_in_an_error(source):
    """Not by a clock: the work is bounded, so that it ends alike on a slow machine."""
    with pytest.raises(sandbox.TEMPLATE_ERRORS):
        sandbox.render(source, VALUES)


@pytest.mark.parametrize(
    "name", ["a loop without end", "loops in loops", "doubling", "replacing", "squaring", "splitting"]
)
def test_the_limits_are_what_stops_it(name, monkeypatch):
    """The guard: a bomb a thousand times smaller, of the same sort, goes off once its limits are lifted."""
    small = {
        "a loop without end": "{% for i in (1..6000) %}a{% endfor %}",
        "loops in loops": "{% for i in (1..80) %}{% for j in (1..80) %}{% endfor %}{% endfor %}",
        "doubling": "{% assign s = 'aaaaaaaaaa' %}" + "{% assign s = s | append: s %}" * 12,
        "replacing": "{{ 'aaaa'" + f" | replace: 'a', '{'a' * 100}'" * 3 + " }}",
        "squaring": "{% assign x = 9999999 %}" + "{% assign x = x | times: x %}" * 4,
        "splitting": "{% capture s %}" + "a" * 2000 + "{% endcapture %}{{ s | split: '' | join: '' }}",
    }[name]
    with pytest.raises(sandbox.TEMPLATE_ERRORS):
        sandbox.render(small, VALUES)
    for limit in ("FUEL", "_LONGEST_VALUE", "_LONGEST_ARGUMENT", "_MOST_ITEMS", "_MOST_TURNS", "_LARGEST_NUMBER"):
        monkeypatch.setattr(sandbox, limit, 10**300)
    for limit in ("loop_iteration_limit", "local_namespace_limit", "output_stream_limit"):
        monkeypatch.setattr(sandbox._Safe, limit, None)
    sandbox.render(small, VALUES)


@pytest.mark.parametrize(
    "source",
    [
        "{{ cart.__class__ }}",
        "{{ cart.__class__.__mro__[1].__subclasses__ }}",
        "{{ s.__init__.__globals__ }}",
        "{{ s.format }}{{ cart.items }}{{ cart.keys }}{{ cart.lines.append }}",
        "{{ cart }}{{ cart.lines }}",
        "{{ settings.SECRET_KEY }}{{ request }}{{ env }}",
        "{% assign x = cart | map: '__class__' %}{{ x }}",
    ],
)
def test_nothing_of_python_can_be_reached(source):
    assert sandbox.render(source, VALUES).strip() == ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello {{ customer.frist_name }}", [(1, "unknown_variable_near")]),
        ("Hello\n\n{{ order.number }}", [(3, "unknown_variable")]),
        ("{{ foo }}\n{% if bar %}\n{% endif %}\n{{ cart.lines[0].nix }}", [
            (1, "unknown_variable"), (2, "unknown_variable"), (4, "unknown_variable_near"),
        ]),
        ("{% for line in cart.lines %}\n{{ line.name }}\n{{ line.stock }}\n{% endfor %}", [(3, "unknown_variable")]),
        ("a\n{{ shop.name | shout }}", [(2, "unknown_filter")]),
        ("a\n\n{% if voucher %}\nb", [(4, "syntax")]),
        ("a\n{{ shop.name", [(2, "syntax")]),
        ("a\n{% endif %}", [(2, "syntax")]),
        ("{% include 'x' %}", [(1, "syntax")]),
        ("a\n{% if cart.total > 5 %}b{% endif %}", [(2, "fails")]),
        ("{% for i in (1..99999) %}{% endfor %}", [(1, "too_much_work")]),
        ("", [(0, "empty")]),
        ("a" * 12_001, [(0, "too_long")]),
        ("<" * 12_000 + "{% for i in (1..3) %}" , [(0, "too_long")]),
        ("{% for i in (1..30) %}" + '"' * 1000 + "{% endfor %}", [(0, "too_large")]),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line(body, expected):
    problems = check(Text("Subject", body), "abandoned")
    assert [(problem.line, problem.code) for problem in problems if problem.where == "body"] == expected
    assert all("%(" not in str(problem) for problem in problems)
    assert len(problems) == len(expected)


def test_a_near_name_is_offered():
    (problem,) = check(Text("Hello {{ custmer.first_name }}", "Body"), "abandoned")
    assert (problem.where, problem.params["nearest"]) == ("subject", "customer.first_name")
    assert "customer.first_name" in str(problem)


def test_a_block_cannot_stand_in_a_subject():
    (problem,) = check(Text("Your cart {{ cart_lines }}", "Body"), "abandoned")
    assert (problem.where, problem.code) == ("subject", "block_in_subject")


def test_what_is_there_depends_on_the_kind():
    text = Text("Order {{ order.number }}", "{{ shop_button }}")
    assert check(text, "thanks") == []
    assert [problem.code for problem in check(text, "lapsed")] == ["unknown_variable"]


@pytest.mark.parametrize("kind", templates.KINDS)
def test_every_variable_that_the_editor_offers_can_be_used(kind):
    names = [name for name, _described in templates.variables(kind)]
    assert names
    assert all(str(described) for _name, described in templates.variables(kind))
    for name in names:
        assert check(Text("Subject", f"{{{{ {name} }}}}"), kind) == [], name


def test_loops_conditions_and_filters_are_there():
    body = (
        "{% for line in cart.lines %}\n- {{ line.total }} {{ line.name | truncate: 9 }} {{ line.price }}\n{% endfor %}"
        "{% if cart.total_minor > 5000 and voucher %}{{ voucher.code }}{% elsif customer.name %}x{% else %}y{% endif %}"
        "{% case cart.currency %}{% when 'EUR' %}€{% endcase %}{% assign n = cart.item_count | plus: 1 %}{{ n }}"
        "{{ customer.first_name | default: 'you' }} {{ cart.lines.first.name }} {{ cart.lines.size }}"
    )
    assert check(Text("For {{ customer.first_name | default: 'you' }}", body), "abandoned") == []


PIECES = st.sampled_from([
    "{{", "}}", "{%", "%}", "{% if ", "{% endif %}", "{% for i in ", "{% endfor %}", "cart.lines", "(1..5)", " | ",
    "join", "split: ''", "times: 9", "customer.first_name", "shop", "'a'", '"', "**", "# ", "- ", "\n",
    "{{ voucher_box }}", "{% assign x = ", "{% capture y %}", "{% endcapture %}", "{% raw %}", "-%}", "{{-", "x", ".",
    "[", "]", "0", "\ue010",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=4), max_size=25).map("".join))
def test_whatever_is_typed_is_either_fine_or_a_problem(source):
    for problem in check(Text(source, source), "abandoned"):
        assert 0 <= problem.line <= source.count("\n") + 1
        assert str(problem)
