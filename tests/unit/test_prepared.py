"""A prepared query gives what its query set gives, and builds its SQL once."""

from __future__ import annotations

import pytest
from django.db.models import Value
from django.db.models.functions import Concat, Upper

from accounts import tokens
from accounts.models import Scope, Token
from packages.models import Package
from registry_site.prepared import PreparedQuery

pytestmark = pytest.mark.django_db


def test_it_gives_the_row_as_the_query_set_does(alice, bob, uma):
    cidr = {"cidr": ["10.0.0.0/8"], "packages": ["@uma/x"]}
    made = [tokens.issue(each, each.user, kind=Token.Kind.GRANULAR, **cidr)[0] for each in (alice, bob)]
    built = []

    def build(owner, prefix):
        built.append(owner)
        shown = Concat(Value("x"), Upper("prefix"))
        return Token.objects.select_related("user").annotate(shown=shown).filter(user=owner, prefix=prefix)

    query = PreparedQuery(build, int, str)
    for token in made:
        found = query.first(token.user_id, token.prefix)
        expected = build(token.user_id, token.prefix).get()
        assert vars(found).keys() == vars(expected).keys()
        for field in Token._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(expected, field.attname)
        assert vars(found.user).keys() == vars(expected.user).keys()
        assert (found.user, found.shown) == (expected.user, expected.shown)
        assert not found._state.adding
    assert len([each for each in built if each > 2**50]) == 1, "for the stand-ins, once"
    assert query.first(uma.user.pk, made[0].prefix) is None


def test_it_costs_one_query_and_none_for_what_comes_along(alice, django_assert_num_queries):
    query = PreparedQuery(lambda name: Scope.objects.select_related("user").filter(name=name), str)
    with django_assert_num_queries(1):
        assert query.first("alice").user.username == "alice"
    with django_assert_num_queries(1):
        assert query.first("' OR 1=1 --") is None


def test_a_missing_relation_is_none(acme):
    query = PreparedQuery(lambda name: Scope.objects.select_related("user").filter(name=name), str)
    assert query.first("acme").user is None


def test_a_value_that_the_sql_does_not_hold_is_a_mistake(db):
    query = PreparedQuery(lambda name: Scope.objects.filter(name__startswith=name), str)
    with pytest.raises(TypeError):
        query.first("a")


def test_many_rows_and_tuples(alice, bob, publish):
    publish(alice, "@alice/tool", keywords=["cli", "é"])
    names = PreparedQuery(lambda name: Scope.objects.filter(name__gte=name).order_by("name"), str, most=None)
    assert [each.name for each in names.rows("alice")] == ["alice", "bob"]
    assert names.rows("x") == []
    one = PreparedQuery(lambda name: Scope.objects.filter(name__gte=name).order_by("-name"), str)
    assert [each.name for each in one.rows("alice")] == ["bob"]
    told = PreparedQuery(
        lambda name: Package.objects.filter(name=name).values_list("keywords", "scope__name", "pk"), str, most=None
    )
    assert told.rows("@alice/tool") == list(Package.objects.values_list("keywords", "scope__name", "pk"))
    assert told.rows("@alice/tool")[0][0] == ["cli", "é"]
