"""How much a scope may keep: counted, shown, warned of, refused."""

from __future__ import annotations

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.models import AuditEvent, Scope
from packages import publishing, quotas, releases, staging
from packages.models import Mirror, Package, Quota, StagedVersion, Version
from packages.names import PackageName
from packages.packuments import revision_of
from registry_site import timetable
from registry_site.errors import OverQuota
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
PAGE = {"accept": "text/html"}


def scope(name: str = "uma") -> Scope:
    return Scope.objects.get(name=name)


def used(name: str = "uma") -> dict[str, int]:
    return {share.name: share.used for share in quotas.shares(scope(name))}


@pytest.fixture
def limit(db):
    """`limit("uma", versions=2)`: what an operator says of one scope."""

    def say(name: str, **limits: int | None) -> None:
        Quota.objects.update_or_create(scope=scope(name), defaults=limits)

    return say


# --- counting ------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_counted_between_two_nights_too(uma, publish, stage, dave):
    sizes = [publish(uma, "@uma/x", number).size for number in ("1.0.0", "1.1.0")]
    publish(dave, "@dave/x")
    assert used() == {"Storage": sum(sizes), "Packages": 1, "Versions": 2}
    sizes.append(publish(uma, "@uma/y").size)
    sizes.append(stage(uma, "@uma/z").size)
    assert used() == {"Storage": sum(sizes), "Packages": 3, "Versions": 4}
    quotas.count_again()
    assert used() == {"Storage": sum(sizes), "Packages": 3, "Versions": 4}
    staging.reject(uma, StagedVersion.objects.get().key)
    assert used() == {"Storage": sum(sizes[:3]), "Packages": 2, "Versions": 3}


def test_what_was_unpublished_counts_until_its_bytes_are_gone(uma, publish):
    publish(uma, "@uma/x")
    size = publish(uma, "@uma/x", "1.1.0").size
    version = Version.objects.get(number="1.0.0")
    releases.unpublish_versions(uma, "@uma/x", frozenset({"1.1.0"}), revision_of(version.package))
    assert used()["Versions"] == 2
    Version.objects.filter(pk=version.pk).update(erased_at=timezone.now())
    quotas.count_again()
    assert used() == {"Storage": size, "Packages": 1, "Versions": 1}


def test_what_is_mirrored_counts_for_nobody(npm, upstream, uma, settings):
    settings.QUOTA_MB, settings.QUOTA_PACKAGES, settings.QUOTA_VERSIONS = 1, 1, 1
    upstream.publish("@other/x", "1.0.0")
    upstream.publish("@other/x", "1.1.0")
    for number in ("1.0.0", "1.1.0"):
        assert npm.get(f"@other/x/-/x-{number}.tgz").status_code == 200
    assert Mirror.objects.get().package.versions.count() == 2


def test_without_limits_a_publish_is_asked_one_query_more(uma, django_assert_num_queries):
    found = scope()
    with django_assert_num_queries(1):
        quotas.require_room(found, PackageName.parse("@uma/x"), 10**12)


def test_a_large_scope_is_counted_once_and_then_by_what_is_new(uma, publish, limit, django_assert_num_queries):
    limit("uma", versions=10)
    publish(uma, "@uma/x")
    found = scope()
    quotas.count_again()
    assert Quota.objects.get(scope=found).counted_to == Version.objects.get().pk
    with django_assert_num_queries(4):  # its row, its packages, what is new, what is staged
        quotas.shares(found)


# --- refusing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "name", "says"),
    [
        ({"versions": 1}, "@uma/x", "1 of 1 (versions)"),
        ({"packages": 1}, "@uma/y", "1 of 1 (packages)"),
        ({"megabytes": 1}, "@uma/x", "of 1.0 MB (storage)"),
    ],
)
def test_at_the_limit_nothing_more_is_published_or_staged(uma, publish, stage, limit, blob_files, limits, name, says):
    first = publish(uma, "@uma/x")
    limit("uma", **limits)
    if "megabytes" in limits:
        Version.objects.filter(pk=first.pk).update(size=2**20)
    events, files = AuditEvent.objects.count(), blob_files()
    for bring in (publish, stage):
        with pytest.raises(OverQuota) as refusal:
            bring(uma, name, "1.1.0")
        assert says in refusal.value.message
        assert "@uma" in refusal.value.message
    assert (AuditEvent.objects.count(), blob_files()) == (events, files)
    assert (Version.objects.count(), Package.objects.count()) == (1, 1)


def test_the_same_bytes_again_succeed_at_the_limit(uma, publish, limit):
    first = publish(uma, "@uma/x")
    limit("uma", versions=1)
    assert publish(uma, "@uma/x") == first


def test_the_settings_are_for_all_and_a_row_for_one(uma, publish, limit, settings):
    settings.QUOTA_VERSIONS = 1
    publish(uma, "@uma/x")
    with pytest.raises(OverQuota):
        publish(uma, "@uma/x", "1.1.0")
    limit("uma", versions=2)
    publish(uma, "@uma/x", "1.1.0")
    with pytest.raises(OverQuota):
        publish(uma, "@uma/x", "1.2.0")
    limit("uma", versions=0)
    publish(uma, "@uma/x", "1.2.0")


def test_it_is_asked_again_in_the_transaction(uma, publish, limit, settings, monkeypatch, blob_files):
    limit("uma", versions=1)
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    upload = payloads.upload("@uma/x", "2.0.0", settings.SPOOL_DIR)
    inspect, began = publishing.arrivals.tarballs.inspect, []

    def meanwhile(*args, **more):
        if not began:
            began.append(1)
            publish(uma, "@uma/x", "1.0.0")
        return inspect(*args, **more)

    monkeypatch.setattr(publishing.arrivals.tarballs, "inspect", meanwhile)
    with pytest.raises(OverQuota):
        publishing.publish(uma, upload)
    assert list(Version.objects.values_list("number", flat=True)) == ["1.0.0"]
    assert len(blob_files()) == 1


def test_a_client_is_told_the_limit_and_the_use(npm, uma, publish, limit):
    publish(uma, "@uma/x")
    limit("uma", versions=1)
    answer = npm.as_(login_token(uma)).put("@uma%2fx", payloads.publish_body("@uma/x", "1.1.0"))
    assert (answer.status_code, answer.json()["code"]) == (413, "quota")
    assert "it uses 1 of 1 (versions)" in answer.json()["error"]


class Unread:
    """A body that nobody may read."""

    def read(self, *args):
        raise AssertionError("the body was read")


def test_what_cannot_fit_is_refused_before_its_body(rf, uma, dave, publish, limit):
    from accounts.endpoint import endpoint
    from packages.protocol import write

    limit("uma", megabytes=10)
    view = endpoint(PUT=write.put_package)
    for actor, status, code in ((uma, 413, "quota"), (dave, None, "")):
        bearer = f"Bearer {login_token(actor)}"
        request = rf.put("/npm/@uma%2fx", b"", headers={"authorization": bearer})
        request.request_id = "abc"
        request.META["CONTENT_LENGTH"] = str(100 * 2**20)
        if status is None:
            assert view(request, "@uma/x").status_code in (400, 403), "a stranger hears nothing of the quota"
            continue
        request._stream = Unread()
        request._read_started = False
        request.read = lambda *args: b""  # what is drained after the refusal
        answer = view(request, "@uma/x")
        assert (answer.status_code, code in answer.content.decode()) == (status, True)


# --- telling -------------------------------------------------------------------------------------------------------


def test_from_eighty_percent_on_npm_says_it_after_a_publish(npm, uma, limit):
    limit("uma", versions=5)
    caller = npm.as_(login_token(uma))
    notices = []
    for n in range(5):
        answer = caller.put("@uma%2fx", payloads.publish_body("@uma/x", f"1.{n}.0"))
        assert answer.status_code == 201
        notices.append(answer.headers.get("npm-notice", ""))
    assert notices[:3] == ["", "", ""]
    assert "@uma uses 4 of 5 (versions)" in notices[3]
    assert "5 of 5" in notices[4]


def test_its_people_get_one_mail(acme, alice, publish, limit, settings, django_capture_on_commit_callbacks):
    settings.EMAIL_URL = "memorymail://"
    limit("acme", versions=2)

    def told() -> list[list[str]]:
        with django_capture_on_commit_callbacks(execute=True):
            quotas.count_again()
        said = [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.filter(task_path="accounts.notices.send")]
        return [each["to"] for each in said if each["subject"] == "@acme fills up"]

    publish(alice, "@acme/x")
    assert told() == []
    publish(alice, "@acme/x", "1.1.0")
    assert told() == [[alice.user.email]]
    assert told() == [[alice.user.email]], "and no other one the next night"


def test_the_job_is_in_the_timetable():
    assert "total what scopes keep" in timetable.names()


def test_owners_see_it_on_the_settings_of_the_org(client, acme, alice, bob, publish, limit):
    limit("acme", versions=4)
    for n in range(3):
        publish(alice, "@acme/x", f"1.{n}.0")
    sign_in(client, alice)
    page = client.get("/org/acme/settings", headers=PAGE).content.decode()
    assert "What @acme keeps here" in page
    assert "3 of 4" in page
    assert "of the limit is used" not in page
    publish(alice, "@acme/x", "2.0.0")
    assert "the limit is reached" in client.get("/org/acme/settings", headers=PAGE).content.decode()
    client.logout()
    sign_in(client, bob)
    assert client.get("/org/acme/settings", headers=PAGE).status_code == 403


def test_people_see_it_under_settings(client, uma, publish, limit):
    publish(uma, "@uma/x")
    sign_in(client, uma)
    assert "without a limit" in client.get("/settings/storage", headers=PAGE).content.decode()
    limit("uma", megabytes=1)
    page = client.get("/settings/storage", headers=PAGE).content.decode()
    assert "of 1.0 MB" in page
    assert "<meter" in page
    client.logout()
    assert client.get("/settings/storage", headers=PAGE).status_code == 302


def test_operators_give_a_scope_its_own_limits(client, olga, uma):
    sign_in(client, olga)
    sent = {"scope": scope().pk, "megabytes": "500", "packages": "", "versions": "0"}
    assert client.post("/admin/packages/quota/add/", sent, headers=PAGE).status_code == 302
    row = Quota.objects.get()
    assert (row.megabytes, row.packages, row.versions) == (500, None, 0)
    assert quotas.limits_of(row) == (500 * 2**20, 0, 0)
    assert client.get("/admin/packages/quota/", headers=PAGE).status_code == 200
    assert AuditEvent.objects.filter(action="admin.added", actor_name="olga").exists()
