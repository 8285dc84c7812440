"""What is counted, who may read it, and that the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.utils import timezone

from accounts import standstill
from accounts.actor import operator
from packages import overview, vitals
from packages.models import Version
from registry_site import draining, metrics
from registry_site.models import Job
from tests.conftest import login_token

pytestmark = pytest.mark.django_db

ROOT = Path(metrics.__file__).resolve().parent.parent
TOKEN = "a-token-of-the-operators"


@pytest.fixture
def read(client, settings):
    """What Prometheus reads, as numbers by name and labels."""
    settings.METRICS_TOKEN = TOKEN

    def run() -> dict[str, float]:
        answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
        return {name: float(number) for name, _, number in (line.rpartition(" ") for line in lines)}

    return run


@pytest.fixture
def grown(read):
    """By how much a number grew since the test began."""
    before = read()
    return lambda name: read().get(name, 0) - before.get(name, 0)


@pytest.mark.parametrize("shown", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_there(client, settings, shown):
    missing = client.get("/metricsx").status_code
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"authorization": shown} if shown else {})
    assert answer.status_code == missing == 404
    assert b"registry_requests" not in answer.content


@pytest.mark.parametrize("shown", ["Bearer ", "Bearer x", ""])
def test_unset_there_is_nothing_and_nothing_is_counted(client, settings, shown):
    assert settings.METRICS_TOKEN == ""
    assert client.get("/metrics", headers={"authorization": shown}).status_code == 404


def test_requests_are_counted_by_route_and_status_and_never_by_path(npm, client, grown, read):
    npm.get("left-pad")
    npm.get("right-pad")
    npm.head("left-pad/1.0.0")
    client.get("/nothing/here")
    assert grown('registry_requests_total{route="read.packument",status="404"}') == 2
    assert grown('registry_request_seconds_count{route="read.packument"}') == 2
    assert grown('registry_requests_total{route="read.version",status="404"}') == 1
    assert grown('registry_requests_total{route="none",status="404"}') == 1
    assert not [name for name in read() if "pad" in name or "here" in name]


def test_publishing_installing_and_refusing_are_counted(npm, publish, uma, grown, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        publish(uma, "@uma/x", access="public")
    assert grown('registry_changes_total{change="version.published"}') == 1
    answer = npm.get("@uma/x/-/x-1.0.0.tgz")
    assert grown("registry_tarballs_sent_total") == 1
    assert grown("registry_tarball_bytes_sent_total") == len(b"".join(answer))
    npm.as_("npm_wrong").get("@uma/x")
    assert grown("registry_refused_tokens_total") == 1
    npm.as_(login_token(uma)).get("@uma/x")
    assert grown("registry_refused_tokens_total") == 1


def test_a_mirror_hits_what_is_here_and_misses_what_is_not(npm, upstream, grown):
    upstream.publish("left-pad")
    for _ in range(2):
        answer = npm.get("left-pad/-/left-pad-1.0.0.tgz")
        assert answer.status_code == 200
    assert grown('registry_mirror_tarballs_total{result="miss"}') == 1
    assert grown('registry_mirror_tarballs_total{result="hit"}') == 1
    assert grown('registry_mirror_documents_total{result="miss"}') == 1
    host = upstream.url.partition("://")[2].partition("/")[0]
    assert grown(f'registry_upstream_seconds_count{{host="{host}",result="2xx"}}') == 2


def test_stored_bytes_are_added_up_once_and_new_ones_on_top(publish, uma, django_assert_max_num_queries):
    one = publish(uma, "@uma/x")
    assert vitals.stored() == one.size
    two = publish(uma, "@uma/x", "1.1.0")
    with django_assert_max_num_queries(2):
        assert vitals.stored() == one.size + two.size
    Version.objects.filter(pk=one.pk).update(erased_at=timezone.now())
    vitals.add_up()
    assert vitals.stored() == two.size


def test_a_large_registry_is_added_up_at_night_only(publish, uma, monkeypatch):
    publish(uma, "@uma/x")
    monkeypatch.setattr(vitals, "FEW", 0)
    assert vitals.stored() is None
    vitals.add_up()
    assert vitals.stored() > 0


def test_a_job_that_is_overdue_shows_unless_it_rests(read):
    Job.objects.create(name="sweep unnamed tarballs", due_at=timezone.now() - timezone.timedelta(hours=2))
    assert read()["registry_jobs_overdue_seconds"] >= 7200
    standstill.begin(operator(), "we move")
    assert read()["registry_jobs_overdue_seconds"] == 0


def test_a_job_that_fails_or_never_ends_shows_and_warns(read):
    now = timezone.now()
    row = Job.objects.create(
        name="sweep unnamed tarballs", due_at=now + timezone.timedelta(hours=1), failure="OSError: x"
    )
    assert read()["registry_jobs_failing"] == 1
    assert any("sweep unnamed tarballs" in each for each in overview.facts()["warnings"])
    Job.objects.filter(pk=row.pk).update(failure="", started_at=now - timezone.timedelta(hours=2))
    assert read()["registry_jobs_failing"] == 1
    Job.objects.filter(pk=row.pk).update(finished_at=now)
    Job.objects.create(name="one of an older release", due_at=now, failure="OSError: x")
    assert read()["registry_jobs_failing"] == 0
    assert not any("regularly" in each for each in overview.facts()["warnings"])


def test_a_number_that_cannot_be_looked_up_is_left_out(read, monkeypatch):
    def away():
        raise OSError("gone")

    monkeypatch.setattr(vitals, "GAUGES", [("registry_gone", "Gone", away, ()), ("registry_here", "Here", int, ())])
    found = read()
    assert "registry_gone" not in found
    assert found["registry_here"] == 0


def test_a_worker_that_ended_leaves_what_it_counted_and_not_what_waited(tmp_path):
    for name in ("counter_7.db", "histogram_7.db", "gauge_livesum_7.db", "gauge_livesum_77.db"):
        (tmp_path / name).touch()
    draining.gone(tmp_path, 7)
    assert {path.name for path in tmp_path.iterdir()} == {"counter_7.db", "histogram_7.db", "gauge_livesum_77.db"}


def test_every_query_of_the_dashboard_asks_for_numbers_that_exist():
    board = json.loads((ROOT / "deploy/grafana/registry.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    queries += [each["query"] for each in board["templating"]["list"]]
    asked = {name for query in queries for name in re.findall(r"\bregistry_\w+", query)}
    known = metrics.names() | {name for name, *_ in vitals.GAUGES}
    assert len(queries) > 20
    assert asked <= known
    # All that is counted is somewhere on it.
    base = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in known} == base


def test_the_docs_name_every_number():
    text = (ROOT / "docs/operating.md").read_text()
    known = metrics.names() | {name for name, *_ in vitals.GAUGES}
    assert sorted(name for name in known if f"`{re.sub('_(bucket|count|sum)$', '', name)}`" not in text) == []


def test_it_is_asked_by_whatever_name_a_host_has(client, settings):
    settings.METRICS_TOKEN, settings.ALLOWED_HOSTS = TOKEN, ["npm.example.com"]
    shown = {"authorization": f"Bearer {TOKEN}", "host": "10.0.0.7:8000"}
    assert client.get("/metrics", headers=shown).status_code == 200
    assert client.get("/metrics", headers={"host": "10.0.0.7:8000"}).status_code == 400
