"""What packages depend on and what depends on them: one query, always as the viewer may see it."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from accounts.actor import NOBODY
from packages import dependencies, dependents, releases, sharing
from packages.models import Dependency, Package, Version
from packages.packuments import revision_of
from registry_site.errors import NotFound
from tests.tools.sessions import sign_in

BASE = "@uma/base"


@pytest.fixture
def base(publish, uma):
    publish(uma, BASE, access="public")


def names(actor, name: str = BASE) -> list[str]:
    return [package.name for package in dependents.of(actor, name)]


def rows() -> list[tuple[str, str, str]]:
    return list(Dependency.objects.order_by("pk").values_list("kind", "name", "range"))


def test_every_kind_counts_and_comes_with_its_range(publish, uma, base):
    publish(uma, "@uma/one", access="public", dependencies={BASE: "^1.0.0"}, devDependencies={BASE: "*"})
    publish(uma, "@uma/two", access="public", peerDependencies={BASE: ">=1"})
    publish(uma, "@uma/three", access="public", optionalDependencies={BASE: "1"}, dependencies={BASE: "1"})
    publish(uma, "@uma/four", access="public", dependencies={"mine": f"npm:{BASE}@^1.2.0"})
    publish(uma, "@uma/five", access="public", dependencies={BASE: "file:../base", "other": "^1"})
    found = {each.package.name: [(ask.kind, ask.range) for ask in each.asks] for each in with_ranges(uma)}
    assert found == {
        "@uma/four": [("dependencies", "^1.2.0")],
        "@uma/one": [("dependencies", "^1.0.0"), ("devDependencies", "*")],
        "@uma/three": [("optionalDependencies", "1")],
        "@uma/two": [("peerDependencies", ">=1")],
    }


def with_ranges(actor) -> list[dependents.Dependent]:
    return dependents.with_ranges(dependents.of(actor, BASE), BASE)


def test_only_the_latest_version_counts(publish, uma, base):
    publish(uma, "@uma/one", "1.0.0", dependencies={BASE: "^1.0.0"})
    assert names(uma) == ["@uma/one"]
    publish(uma, "@uma/one", "2.0.0")
    assert names(uma) == []
    releases.set_tag(uma, "@uma/one", "latest", "1.0.0")
    assert names(uma) == ["@uma/one"]
    publish(uma, "@uma/one", "3.0.0-beta.1", tag="next", dependencies={"left-pad": "1"})
    assert rows() == [("dependencies", BASE, "^1.0.0")]
    package = Package.objects.get(name="@uma/one")
    releases.unpublish_versions(uma, "@uma/one", frozenset({"2.0.0"}), revision_of(package))
    assert names(uma) == []
    publish(uma, "@uma/one", "4.0.0", dependencies={BASE: "^4"})
    package.refresh_from_db()
    releases.unpublish(uma, "@uma/one", revision_of(package))
    assert names(uma) == []
    assert rows() == []


def test_hidden_dependents_are_not_even_counted(client, publish, uma, hugo, dave, base):
    publish(uma, "@uma/secret", dependencies={BASE: "^1.0.0"})
    publish(uma, "@uma/open", access="public", dependencies={BASE: "^1.0.0"})
    sharing.grant_person(uma, "@uma/secret", "hugo", "read")
    assert names(hugo) == ["@uma/open", "@uma/secret"]
    assert names(dave) == names(NOBODY) == ["@uma/open"]
    for actor, count in ((hugo, 2), (dave, 1)):
        sign_in(client, actor)
        shown = client.get(f"/package/{BASE}/dependents").content.decode()
        assert ("secret" in shown) is (count == 2)
        assert f'Dependents <span class="count">{count}</span>' in shown


def test_a_hidden_package_has_no_dependents_to_look_at(client, publish, uma, dave):
    publish(uma, "@uma/secret")
    publish(dave, "@dave/guess", access="public", dependencies={"@uma/secret": "*", "@uma/nothing": "*"})
    sign_in(client, dave)
    for tab in ("dependents", "dependencies"):
        assert client.get(f"/package/@uma/secret/{tab}").status_code == 404
    shown = client.get("/package/@dave/guess/dependencies").content.decode()
    assert 'href="/package/@uma/secret"' not in shown
    row = shown.partition("@uma/secret</strong>")[2].partition("</li>")[0]
    assert row == shown.partition("@uma/nothing</strong>")[2].partition("</li>")[0]


def test_many_dependents_are_paged_within_the_budget(client, publish, uma, base, django_assert_max_num_queries):
    version = Version.objects.get()
    many = [Package(name=f"@uma/n{n}", scope=version.package.scope, access="public") for n in range(300)]
    Package.objects.bulk_create(many)
    Dependency.objects.bulk_create(
        [Dependency(package=each, kind="dependencies", name=BASE, range="^1") for each in many]
    )
    with django_assert_max_num_queries(12):
        shown = client.get(f"/package/{BASE}/dependents?page=2").content.decode()
    assert shown.count('<li class="item">') == 50
    assert "Page 2 of 6" in shown
    with django_assert_max_num_queries(2):
        assert len(with_ranges(uma)) == 300


def test_the_migration_fills_what_was_published_before(publish, uma, base):
    publish(uma, "@uma/one", dependencies={BASE: "^1.0.0", "left-pad": "*"}, devDependencies={"odd": "git://x/y"})
    before = rows()
    Dependency.objects.all().delete()
    import_module("packages.migrations.0016_dependencies_of_what_is_here").fill(apps, None)
    assert rows() == before == [("dependencies", BASE, "^1.0.0"), ("dependencies", "left-pad", "*")]


def test_dependencies_say_where_they_are_and_how_far_behind(publish, uma, base):
    publish(uma, BASE, "1.4.0")
    publish(uma, BASE, "2.0.0")
    releases.set_tag(uma, BASE, "old", "1.0.0")
    releases.deprecate(uma, BASE, {"1.4.0": "use 2"})
    manifest = {
        "dependencies": {BASE: "^1.0.0", "@uma/missing": "*", "repo": "git+ssh://git@example.com/a.git"},
        "peerDependencies": {BASE: ">=1", "vue": "^3"},
        "peerDependenciesMeta": {"vue": {"optional": True}},
        "optionalDependencies": {BASE: "^7"},
        "devDependencies": {
            "tagged": f"npm:{BASE}@old",
            "exact": f"npm:{BASE}@1.4.0",
            "odd": f"npm:{BASE}@not a range",
        },
        "bundleDependencies": [BASE],
    }
    found = {(label, each.asked.key): each for label, group in dependencies.of(uma, manifest) for each in group}
    behind = found["Peer dependencies", BASE]
    assert (behind.number, behind.is_behind, behind.deprecated) == ("2.0.0", False, "")
    wanted = found["Optional dependencies", BASE]
    assert (wanted.number, wanted.is_behind, wanted.package.name) == ("", True, BASE)
    assert ("Dependencies", BASE) not in found  # what is optional stands there only
    assert found["Dependencies", "@uma/missing"].package is None
    assert found["Dependencies", "repo"].package is None
    assert found["Peer dependencies", "vue"].is_optional
    assert found["Development dependencies", "tagged"].number == "1.0.0"
    exact = found["Development dependencies", "exact"]
    assert (exact.number, exact.deprecated, exact.is_behind) == ("1.4.0", "use 2", True)
    assert found["Development dependencies", "odd"].number is None
    assert wanted.is_bundled


def test_another_version_shows_what_it_needs_itself(client, publish, uma, base):
    publish(uma, "@uma/one", "1.0.0", access="public", dependencies={"left-pad": "^1"})
    publish(uma, "@uma/one", "2.0.0", dependencies={BASE: "^1.0.0", "other": "*"})
    old = client.get("/package/@uma/one/v/1.0.0/dependencies").content.decode()
    assert "left-pad" in old
    assert f'href="/package/{BASE}"' not in old
    assert 'Dependencies <span class="count">1</span>' in old
    new = client.get("/package/@uma/one/v/2.0.0/dependencies").content.decode()
    assert f'href="/package/{BASE}"' in new
    assert 'href="/package/@uma/one/dependencies" aria-current="page"' in new
    assert client.get("/package/@uma/one/v/3.0.0/dependencies").status_code == 404


def test_ranges_are_read_for_a_while_and_no_longer(publish, uma, base, monkeypatch):
    publish(uma, BASE, "2.0.0")
    manifest = {"dependencies": {"long": f"npm:{BASE}@" + "1 || " * 100 + "2", "behind": f"npm:{BASE}@^1.0.0"}}
    ((_, (behind, long)),) = dependencies.of(uma, manifest)
    assert (long.number, behind.number) == (None, "1.0.0")
    monkeypatch.setattr(dependencies, "SECONDS", -1.0)
    ((_, (behind, long)),) = dependencies.of(uma, manifest)
    assert (behind.package.name, behind.number, behind.is_behind) == (BASE, None, False)


def test_a_thousand_dependencies_cost_as_many_queries_as_one(client, publish, uma, base, django_assert_max_num_queries):
    publish(uma, BASE, "2.0.0")
    asked = {BASE: "^1.0.0"} | {f"name-{n}": "^1.0.0" for n in range(1000)}
    publish(uma, "@uma/much", access="public", dependencies=asked)
    with django_assert_max_num_queries(12):
        shown = client.get("/package/@uma/much/dependencies").content.decode()
    assert "takes 1.0.0; the latest is 2.0.0" in shown


def test_a_refused_publish_leaves_the_rows_alone(publish, uma, dave, base):
    publish(uma, "@uma/one", dependencies={BASE: "^1.0.0"})
    before = rows()
    with pytest.raises(NotFound):
        releases.set_tag(dave, "@uma/one", "latest", "1.0.0")
    assert rows() == before
