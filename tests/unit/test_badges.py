"""Badges: small drawings of what anybody may see, and nothing of anything else."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.utils import timezone

from packages import badges, installing, releases, sharing
from packages.models import DownloadCount, Version
from tests.tools.sessions import sign_in

OPEN, HIDDEN, MISSING = "@uma/open", "@uma/hidden", "@uma/absent"


@pytest.fixture
def shelf(publish, uma):
    publish(uma, OPEN, "1.2.3", access="public")
    publish(uma, HIDDEN)
    publish(uma, "loose")


def address(name: str, what: str = "version") -> str:
    return f"/badge/{what}/{name}.svg"


def test_a_badge_says_the_version_and_the_downloads(client, shelf):
    version = Version.objects.get(package__name=OPEN)
    DownloadCount.objects.create(package=version.package, version=version, day=timezone.now().date(), count=1300)
    for what, words in (("version", "version: 1.2.3"), ("downloads", "downloads: 1.3k a week")):
        answer = client.get(address(OPEN, what))
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/svg+xml; charset=utf-8"
        assert answer["Cache-Control"] == "public, max-age=300"
        assert "Cookie" not in answer["Vary"]
        drawing = ElementTree.fromstring(answer.content)
        assert drawing.get("aria-label") == words
        assert drawing[0].text == words
        again = client.get(address(OPEN, what), headers={"if-none-match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get(address("loose")).status_code == 200
    assert client.head(address("loose")).status_code == 200


def test_a_deprecated_version_is_grey_and_says_so(client, shelf, uma):
    releases.deprecate(uma, OPEN, {"1.2.3": "old"})
    assert "1.2.3 deprecated" in client.get(address(OPEN)).content.decode()


def test_hidden_and_missing_have_the_same_answer_for_everybody(client, shelf, uma, dave):
    for actor in (None, dave, uma):
        if actor:
            sign_in(client, actor)
        for what in ("version", "downloads"):
            answers = [client.get(address(name, what)) for name in (HIDDEN, MISSING)]
            texts = [each.content.decode().replace(each["X-Request-ID"], "ID") for each in answers]
            assert [each.status_code for each in answers] == [404, 404]
            assert texts[0] == texts[1]
            headers = [{**each.headers, "X-Request-ID": ""} for each in answers]
            assert headers[0] == headers[1]
    known = client.get(address(OPEN))["ETag"]
    assert client.get(address(HIDDEN), headers={"if-none-match": f'{known}, "*", *'}).status_code == 404


def test_a_package_that_turns_private_has_no_badge_any_more(client, shelf, uma):
    sharing.set_access(uma, OPEN, "restricted")
    assert client.get(address(OPEN)).status_code == 404


def test_in_enterprise_mode_there_are_no_badges(client, shelf, uma, settings):
    settings.REGISTRY_MODE = "enterprise"
    sign_in(client, uma)
    assert [client.get(address(name)).status_code for name in (OPEN, HIDDEN, MISSING)] == [404] * 3
    assert "/badge/" not in client.get(f"/package/{OPEN}").content.decode()


def test_the_package_page_offers_badges_only_of_what_is_open(client, shelf, uma):
    sign_in(client, uma)
    shown = client.get(f"/package/{OPEN}").content.decode()
    markdown = f"[![version](http://testserver{address(OPEN)})](http://testserver/package/{OPEN})"
    assert markdown in shown
    assert "/badge/" not in client.get(f"/package/{HIDDEN}").content.decode()


@pytest.mark.parametrize("text", ["<script>", "a&b\"'", "]]>", "ü" * 400, "", "\u202e"])
def test_words_are_text_and_have_an_end(text):
    drawing = ElementTree.fromstring(badges.badge(text, text))
    assert drawing.find(".//{*}script") is None
    assert int(drawing.get("width")) < 2 * (badges.MAX_WORD * 10 + 2 * badges.PADDING)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1300, "1.3k"),
        (9990, "10k"),
        (27_400, "27k"),
        (999_600, "1M"),
        (5 * 10**9, "5G"),
    ],
)
def test_counts_are_short(count, words):
    assert badges.short(count) == words


def test_the_lines_that_install(client, shelf):
    assert installing.commands("a", "1.0.0") == [
        ("npm", "npm i a@1.0.0"),
        ("pnpm", "pnpm add a@1.0.0"),
        ("yarn", "yarn add a@1.0.0"),
        ("bun", "bun add a@1.0.0"),
    ]
    shown = client.get(f"/package/{OPEN}").content.decode()
    assert "npm config set @uma:registry http://testserver/npm/" in shown
    assert f"bun add {OPEN}" in shown
    assert "npm config set registry http://testserver/npm/" in client.get("/package/loose").content.decode()
    assert f"pnpm add {OPEN}@1.2.3" in client.get(f"/package/{OPEN}/v/1.2.3").content.decode()


def test_the_package_page_stays_within_its_budget(client, shelf, uma, django_assert_max_num_queries):
    sign_in(client, uma)
    for page in (f"/package/{OPEN}", f"/package/{OPEN}/v/1.2.3", f"/package/{HIDDEN}"):
        with django_assert_max_num_queries(14):  # two of them are the session's and its person's
            assert client.get(page).status_code == 200
    client.logout()
    with django_assert_max_num_queries(12):
        client.get(f"/package/{OPEN}")
