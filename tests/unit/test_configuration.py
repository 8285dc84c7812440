"""Settings with where they came from, secrets from files, and what the server finds when it looks at itself."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from packages import configuration, installation
from registry_site import env
from tests.tools.sessions import sign_in
from tests.unit.test_settings import start

HTML = {"accept": "text/html"}
SECRETS = {
    "SECRET_KEY": "canary-of-the-secret-key-0123456789",
    "UPSTREAM_TOKEN": "canary-upstream",
    "OIDC_CLIENT_SECRET": "canary-oidc",
    "REPORT_SECRET": "canary-report",
    "METRICS_TOKEN": "canary-metrics",
    "EMAIL_URL": "smtp://mailer:canary-mail@mail.example.com:25",
    "UPSTREAMS": '[{"scope": "@corp", "url": "https://npm.corp.example", "token": "canary-corp"}]',
}


@pytest.fixture
def seen(monkeypatch):
    """What is read in this test, beside what was read before."""
    monkeypatch.setattr(env, "seen", dict(env.seen))
    return env.seen


# --- secrets from files ------------------------------------------------------------------------------------------


def test_a_secret_is_read_from_a_file_without_its_last_newline(seen, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("  s3cret \r\n")
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "token"))
    assert env.secret("METRICS_TOKEN") == "  s3cret "
    assert seen["METRICS_TOKEN"] == env.Reading("file", "set", is_secret=True)


def test_a_secret_from_both_is_refused_and_neither_is_shown(seen, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("s3cret")
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("METRICS_TOKEN", "other")
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN and METRICS_TOKEN_FILE are both set") as refused:
        env.secret("METRICS_TOKEN")
    assert "s3cret" not in str(refused.value)
    assert "other" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_that_says_nothing_is_refused(seen, monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(tmp_path / "token"))
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN_FILE is"):
        env.secret("METRICS_TOKEN")


def test_every_secret_can_be_a_file(tmp_path):
    given = {}
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(value + "\n")
        given[f"{name}_FILE"] = str(tmp_path / name)
    names = sorted(SECRETS)
    code = f"print(repr([getattr(settings, name) for name in {names!r}]))"
    done = start(tmp_path, code, **given)
    assert done.returncode == 0, done.stderr
    for name in names:
        if name != "UPSTREAMS":
            assert repr(SECRETS[name]) in done.stdout
    assert "canary-corp" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "postgre://app:canary@db/registry", "'postgre'; it begins with one of: postgres://"),
        ("DATABASE_URL", "app:canary@db", "something else; it begins with one of"),
        ("DATABASE_URL", "postgres://app:can/ary@db:x/registry", "quote what is special"),
        ("EMAIL_URL", "smpt://mailer:canary@mail", "'smpt'; it begins with one of: smtp://"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(seen, monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        env.database(name, "") if name == "DATABASE_URL" else env.mail(name)
    assert says in str(refused.value)
    assert "can" not in str(refused.value).replace("quote what is special in a password", "")


@pytest.mark.parametrize("name", ["UPSTREAM_URL", "PUBLIC_URL", "OIDC_URL"])
def test_a_password_in_an_address_is_refused_and_not_shown(seen, monkeypatch, name):
    monkeypatch.setenv(name, "https://reader:canary@npm.example.com")
    with pytest.raises(ImproperlyConfigured, match=f"{name} holds a user name or password") as refused:
        env.address(name)
    assert "canary" not in str(refused.value)
    assert seen[name].text == ""


# --- the settings in force ---------------------------------------------------------------------------------------


def test_each_setting_says_where_it_came_from_and_no_secret_what_it_is(tmp_path):
    code = (
        "import django; django.setup(); from packages import configuration;"
        " print({each.name: (each.value, each.source) for each in configuration.every()})"
    )
    (tmp_path / "key").write_text("canary-of-the-secret-key-0123456789")
    given = {**SECRETS, "SECRET_KEY_FILE": str(tmp_path / "key"), "REGISTRY_MODE": "enterprise"}
    given.pop("SECRET_KEY")
    done = start(tmp_path, code, **given)
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout + done.stderr
    found = eval(done.stdout)
    assert found["REGISTRY_MODE"] == ("enterprise", "environment")
    assert found["REGISTRATION"] == ("invite", "default")
    assert found["SECRET_KEY"] == ("set", "a file")
    assert found["METRICS_TOKEN"] == ("set", "environment")
    assert found["AWS_SECRET_ACCESS_KEY"] == ("not set", "default")
    assert found["DATA_DIR"] == (str(tmp_path), "environment")
    assert found["ALLOWED_HOSTS"][0] == "localhost, 127.0.0.1, [::1]"


def test_every_secret_that_the_readme_names_is_one():
    readme = (Path(env.__file__).resolve().parent.parent / "README.md").read_text()
    sentence = readme.partition("Secrets are ")[2].partition(". `manage.py")[0]
    named = {word.strip("`,. \n") for word in sentence.replace(" and ", " ").split()}
    assert named == {name for name, reading in env.seen.items() if reading.is_secret}


# --- what it stands on -------------------------------------------------------------------------------------------


def says(subject: str, found: list[installation.Finding]) -> list[str]:
    return [f"{each.state}: {each.says}" for each in found if each.subject == subject]


@pytest.fixture
def clean(db, settings, monkeypatch):
    """A server in which nothing is wrong; the environment of the test run is not its own."""
    settings.PUBLIC_URL = "https://npm.example.com"
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m"}
    monkeypatch.setattr(installation, "_misspelt", lambda: iter(()))


def test_it_reads_back_what_it_stands_on(clean, settings, tmp_path, blob_files):
    found = installation.look()
    assert [each for each in found if each.state == "bad"] == []
    assert "a client would see this tarball link: https://npm.example.com/npm/@acme/ledger/-/ledger-1.0.0.tgz" in str(
        found
    )
    assert says("Storage", found)[0] == f"good: {settings.STORAGE_URL} takes tarballs and gives them back"
    assert says("Tables", found) == ["good: up to date"]
    assert says("Signing key", found)[0].startswith("good: SHA256:")
    assert blob_files() == []
    assert list(settings.SPOOL_DIR.iterdir()) == []


def test_a_database_that_may_lose_what_it_acknowledged_is_named(clean):
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("about SQLite's pragmas")
    assert "PRAGMA synchronous is 0" in str(installation.look()), "as the tests set it"


def test_a_storage_that_takes_nothing_is_wrong_and_says_what_to_do(clean, settings, tmp_path):
    from packages import blobs

    (tmp_path / "file").touch()
    settings.STORAGE_URL = (tmp_path / "file" / "blobs").as_uri()
    blobs.store.cache_clear()
    (found,) = says("Storage", installation.look())
    assert found.startswith("bad: ")
    assert "look at STORAGE_URL" in found
    assert [each.id for each in installation.system_checks() if isinstance(each, checks.Error)] == ["registry.bad"]
    with pytest.raises(CommandError, match="1 of these have to be mended"):
        call_command("configuration", stdout=io.StringIO())


def test_a_kind_of_storage_that_there_is_not_is_wrong(clean, settings):
    from packages import blobs

    settings.STORAGE_URL = "ftp://files.example.com/blobs"
    blobs.store.cache_clear()
    (found,) = says("Settings", installation.look())
    assert found.startswith("bad: STORAGE_URL begins with file:// or s3://")


@pytest.mark.parametrize(
    ("count", "headers", "says_"),
    [
        (0, {}, "good: none in front"),
        (0, {"x-forwarded-for": "1.2.3.4"}, "warn: X-Forwarded-For has 1 addresses"),
        (1, {}, "bad: X-Forwarded-For has 0 addresses, TRUSTED_PROXY_COUNT is 1"),
        (1, {"x-forwarded-for": "1.2.3.4"}, "warn: the proxy sends no X-Forwarded-Proto"),
        (1, {"x-forwarded-for": "9.9.9.9, 1.2.3.4", "x-forwarded-proto": "https"}, "good: 1 in front"),
    ],
)
def test_proxies_are_compared_with_what_a_request_brings(clean, settings, count, headers, says_):
    settings.TRUSTED_PROXY_COUNT = count
    (found,) = says("Proxies", installation.look(headers))
    assert found.startswith(says_)


def test_what_is_doubtful_is_named(clean, settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "http://npm.example.com", ["*"]
    settings.SECRET_KEY = "short"
    settings.ACCOUNT_RATE_LIMITS = False
    settings.EMAIL_URL = "smtp://mail.example.com"
    warned = [each.says for each in installation.look() if each.state == "warn"]
    for word in ("without https", "ALLOWED_HOSTS is *", "SECRET_KEY is weak", "RATE_LIMITS is off", "set EMAIL_FROM"):
        assert [each for each in warned if word in each], word


def test_that_nobody_is_noticed_who_leaves_the_company_is_named(clean, settings):
    settings.OIDC_URL, settings.OIDC_NAME, settings.OIDC_REQUIRED_GROUP = "https://id.example.com", "Acme", "eng"
    (found,) = [each for each in installation.look() if each.subject == "Sign-in"]
    assert (found.state, "OIDC_SIGN_IN_DAYS" in found.says) == ("warn", True)
    settings.OIDC_SIGN_IN_DAYS = 14
    assert not [each for each in installation.look() if each.subject == "Sign-in"]


def test_a_setting_that_nearly_has_our_name_is_named(monkeypatch):
    monkeypatch.setenv("UPSTREAM_ULR", "https://npm.example.com")
    monkeypatch.setenv("METRICS_TOKEN_FILE", "/run/secrets/metrics")
    assert list(installation._misspelt()) == ["UPSTREAM_ULR is set and is no setting; did you mean UPSTREAM_URL?"]


def test_upstream_is_asked_only_when_somebody_wants_to_know(clean, upstream):
    assert says("Upstream", installation.look()) == []
    assert upstream.requests == []
    (found,) = says("Upstream", installation.look(upstream=True))
    assert "answered with" in found


def test_a_key_that_cannot_be_read_is_wrong(clean, settings, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "0001.json").write_text("nonsense")
    (found,) = says("Signing key", installation.look())
    assert found.startswith("bad: ")
    assert "SIGNING_KEYS_DIR" in found


# --- the page and the command ------------------------------------------------------------------------------------


def test_operators_see_both_and_no_secret(client, clean, olga, settings):
    settings.SECRET_KEY = "canary-of-the-secret-key-0123456789"
    sign_in(client, olga)
    shown = client.get("/admin/configuration/", headers=HTML)
    text = shown.content.decode()
    assert shown.status_code == 200
    assert "REGISTRY_MODE" in text
    assert "takes tarballs and gives them back" in text
    assert "canary" not in text
    assert "style=" not in text
    assert "/admin/configuration/" in client.get("/admin/", headers=HTML).content.decode()


def test_the_page_asks_upstream_when_it_is_told_to(client, clean, olga, upstream):
    sign_in(client, olga)
    before = client.get("/admin/configuration/", headers=HTML).content.decode()
    assert "Ask the upstream registries" in before
    assert "answered with" not in before
    assert "answered with" in client.post("/admin/configuration/", headers=HTML).content.decode()


@pytest.mark.parametrize("who", [None, "alice"])
def test_nobody_but_operators_sees_it(client, clean, request, who):
    if who:
        sign_in(client, request.getfixturevalue(who))
    answer = client.get("/admin/configuration/", headers=HTML)
    assert answer.status_code in (302, 403)
    assert b"REGISTRY_MODE" not in answer.content


def test_the_command_prints_the_same(clean):
    said = io.StringIO()
    call_command("configuration", stdout=said)
    assert "REGISTRY_MODE" in said.getvalue()
    assert "takes tarballs and gives them back" in said.getvalue()
    assert configuration.every() == sorted(configuration.every(), key=lambda each: each.name)
