"""A wrong setting stops the start with one clear sentence; a right one does what it says."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from registry_site import databases, env

ROOT = Path(env.__file__).resolve().parent.parent


def start(tmp_path, code: str = "", **given: str) -> subprocess.CompletedProcess:
    """`manage.py check`, or a line of code that sees the settings, in a process of its own."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "registry_site.settings"} | given
    command = ["-c", f"from django.conf import settings; {code}"] if code else ["manage.py", "check"]
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=99)


WRONG = {
    "REGISTRY_MODE": ["private", "Public "],
    "REGISTRATION": ["maybe"],
    "PRIVATE_PACKAGES": ["nobody"],
    "MAX_TARBALL_MB": ["0", "-1", "big", "1.5", "\u0661"],
    "LOGIN_TOKEN_DAYS": ["0", "x"],
    "TOKEN_MAX_DAYS": ["0", "1e3"],
    "PORT": ["0", "http"],
    "PUBLIC_URL": ["npm.example.com", "ftp://npm.example.com"],
    "TRUSTED_PROXY_COUNT": ["-1", "all"],
    "SIGSTORE_TRUST_ROOT": ["nowhere.json", "/"],
    "EGRESS_ALLOWED_NETWORKS": ["inside", "10.0.0.0/99"],
    "RATE_LIMITS": ["yes"],
    "LOG_LEVEL": ["LOUD"],
    "DATABASE_POOL": ["-1", "many"],
    "TARBALLS_BY": ["nginx"],
    "LOG_FORMAT": ["xml"],
    "WORKER": ["off"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values[:2]])
def test_a_wrong_value_stops_the_start_with_one_sentence_that_names_it(tmp_path, name, value):
    done = start(tmp_path, **{name: value})
    if name == "REGISTRY_MODE" and value.strip().lower() == "public" and done.returncode == 0:
        pytest.fail("REGISTRY_MODE is spelled exactly")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last
    assert value.strip() in last


@pytest.mark.parametrize("values", WRONG.items(), ids=lambda each: each[0])
def test_each_wrong_value_is_refused_by_its_reader(monkeypatch, values):
    from django.core.exceptions import ImproperlyConfigured

    name, wrong = values
    reader = {
        "PUBLIC_URL": env.address,
        "SIGSTORE_TRUST_ROOT": env.existing_file,
        "RATE_LIMITS": lambda name: env.switch(name, True),
        "REGISTRY_MODE": lambda name: env.one_of(name, "public", "enterprise"),
        "REGISTRATION": lambda name: env.one_of(name, "open", "invite", "closed"),
        "PRIVATE_PACKAGES": lambda name: env.one_of(name, "everyone", "subscribers"),
        "EGRESS_ALLOWED_NETWORKS": env.networks,
        "LOG_FORMAT": lambda name: env.one_of(name, "text", "json"),
        "TARBALLS_BY": lambda name: env.one_of(name, "app", "x-accel", "x-sendfile", "redirect"),
        "LOG_LEVEL": lambda name: env.one_of(name, "WARNING", "DEBUG", "INFO", "ERROR"),
        "MAX_TARBALL_MB": lambda name: env.megabytes(name, 256),
        "TRUSTED_PROXY_COUNT": lambda name: env.whole(name, 0),
    }.get(name, lambda name: env.whole(name, 30, least=1))
    for value in wrong:
        monkeypatch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured, match=name):
            reader(name)


WRONG_UPSTREAMS = [
    "@corp",
    "{}",
    "[1]",
    '[{"scope": "corp", "url": "https://npm.corp.example", "token": "s3cret"}]',
    '[{"scope": "@corp", "url": "npm.corp.example", "token": "s3cret"}]',
    '[{"scope": "@c*p", "url": "https://npm.corp.example", "token": "s3cret"}]',
    '[{"scope": "@corp", "url": "https://npm.corp.example", "token": ["s3cret"]}]',
]


@pytest.mark.parametrize("value", WRONG_UPSTREAMS)
def test_wrong_upstreams_are_refused_and_no_token_is_shown(monkeypatch, value):
    from django.core.exceptions import ImproperlyConfigured

    monkeypatch.setenv("UPSTREAMS", value)
    with pytest.raises(ImproperlyConfigured, match="UPSTREAMS") as refused:
        env.upstreams("UPSTREAMS")
    assert "s3cret" not in str(refused.value)


def test_upstreams_are_read_without_their_last_slash(monkeypatch):
    monkeypatch.setenv("UPSTREAMS", '[{"scope": "@corp-*", "url": "https://npm.corp.example/"}]')
    assert env.upstreams("UPSTREAMS") == [{"scope": "@corp-*", "url": "https://npm.corp.example", "token": ""}]


def test_a_registry_host_needs_the_websites_address(tmp_path):
    done = start(tmp_path, REGISTRY_HOST="npm.example.com")
    assert done.returncode != 0
    assert "REGISTRY_HOST needs PUBLIC_URL" in done.stderr.splitlines()[-1]


def test_without_any_setting_it_starts_safe(tmp_path):
    done = start(
        tmp_path, "s = settings; print(s.DEBUG, s.ALLOWED_HOSTS, s.REGISTRY_MODE, s.REGISTRATION, s.PRIVATE_PACKAGES)"
    )
    assert done.stdout.strip() == "False ['localhost', '127.0.0.1', '[::1]'] public open everyone", done.stderr


@pytest.mark.parametrize("value", ["1", "true", "on"])
def test_c30_debug_cannot_be_turned_on(tmp_path, value):
    done = start(tmp_path, "print(settings.DEBUG)", DEBUG=value, DJANGO_DEBUG=value)
    assert done.stdout.strip() == "False"


def test_enterprise_mode_is_by_invitation_unless_said_otherwise(tmp_path):
    code = "print(settings.REGISTRATION)"
    assert start(tmp_path, code, REGISTRY_MODE="enterprise").stdout.strip() == "invite"
    assert start(tmp_path, code, REGISTRY_MODE="enterprise", REGISTRATION="open").stdout.strip() == "open"


def test_an_https_address_makes_cookies_secure_and_its_host_allowed(tmp_path):
    names = "SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SECURE_HSTS_SECONDS ALLOWED_HOSTS CSRF_TRUSTED_ORIGINS"
    code = f"print(*(getattr(settings, name) for name in '{names}'.split()))"
    done = start(tmp_path, code, PUBLIC_URL="https://npm.example.com/")
    assert (
        done.stdout.strip()
        == "True True 31536000 ['localhost', '127.0.0.1', '[::1]', 'npm.example.com'] ['https://npm.example.com']"
    ), done.stderr


def test_a_mail_server_makes_verification_mandatory(tmp_path):
    code = "print(settings.ACCOUNT_EMAIL_VERIFICATION, settings.EMAIL_HOST)"
    assert start(tmp_path, code, EMAIL_URL="smtp://mail.example.com:25").stdout.split() == [
        "mandatory",
        "mail.example.com",
    ]
    assert start(tmp_path, code).stdout.split()[0] == "optional"


def test_the_secret_key_is_made_once_for_its_owner_alone(tmp_path):
    code = "print(settings.SECRET_KEY)"
    one, two = (start(tmp_path, code).stdout for _ in range(2))
    assert one == two
    assert len(one.strip()) > 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    assert start(tmp_path, code, SECRET_KEY="given").stdout.strip() == "given"


@pytest.mark.parametrize(("by", "store"), [("redirect", "file:///srv/blobs"), ("x-accel", "s3://bucket")])
def test_who_sends_tarballs_fits_where_they_are(tmp_path, by, store):
    done = start(tmp_path, TARBALLS_BY=by, STORAGE_URL=store)
    assert done.returncode != 0
    assert "TARBALLS_BY" in done.stderr.strip().splitlines()[-1]
    other = "s3://old" if store.startswith("file:") else "file:///srv/old"
    assert start(tmp_path, TARBALLS_BY=by, STORAGE_URL=store, STORAGE_FALLBACK_URL=other).returncode == 0


def test_connections_to_postgresql_come_from_a_pool_and_those_to_sqlite_do_not():
    for engine, pool, expected in (("postgresql", 7, 7), ("postgresql", 0, None), ("sqlite3", 7, None)):
        entry = databases.configured({"ENGINE": f"django.db.backends.{engine}", "NAME": "x"}, pool=pool)
        assert entry.get("OPTIONS", {}).get("pool", {}).get("max_size") == expected
        assert entry["CONN_MAX_AGE"] == (0 if expected else 60)


def test_the_readme_lists_every_setting():
    code = "".join((ROOT / f"registry_site/{name}.py").read_text() for name in ("settings", "company"))
    readers = r"text|one_of|upstreams|whole|megabytes|words|networks|address|existing_file|switch"
    readers += r"|kept_secret|secret|database|mail|directory|group_teams|group_roles|search_filter|rates\.read"
    names = set(re.findall(rf'(?:{readers})\(\s*"([A-Z_]+)"', code))
    assert {"PORT", "DATA_DIR", "DATABASE_URL", "SECRET_KEY", "RATE_LIMITS", "EMAIL_URL"} <= names
    readme = (ROOT / "README.md").read_text()
    assert sorted(name for name in names if f"`{name}`" not in readme) == []


def test_a_secret_begins_with_anything(monkeypatch):
    monkeypatch.setenv("OTHER", "of somebody else")
    monkeypatch.setenv("SECRET_KEY", "$OTHER")
    assert env.secret("SECRET_KEY") == "$OTHER"
    assert env.seen["SECRET_KEY"].text == "set"
