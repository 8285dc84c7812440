"""Settings: environment variables with safe defaults; README.md lists every one (a test checks that)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from registry_site import content_policy, databases, env, logs, rates
from registry_site.company import *  # noqa: F403 - all of OIDC_* and LDAP_*
from registry_site.company import LDAP_URL
from registry_site.env import (
    address,
    existing_file,
    kept_secret,
    megabytes,
    networks,
    one_of,
    secret,
    switch,
    text,
    upstreams,
    whole,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- what this registry is ---------------------------------------------------------------------------------------

REGISTRY_NAME = text("REGISTRY_NAME", "Registry")
REGISTRY_MODE = one_of("REGISTRY_MODE", "public", "enterprise")  # enterprise: sign in first, unscoped names reserved
REGISTRATION = text("REGISTRATION") or ("open" if REGISTRY_MODE == "public" else "invite")
if REGISTRATION not in ("open", "invite", "closed"):
    raise ImproperlyConfigured(f"REGISTRATION is {REGISTRATION!r}; it is one of: open, invite, closed")
PRIVATE_PACKAGES = one_of("PRIVATE_PACKAGES", "everyone", "subscribers")
MAX_TARBALL = megabytes("MAX_TARBALL_MB", 256)
UPLOADS_AT_ONCE = whole("UPLOADS_AT_ONCE", 8, least=1)  # of each serving process; its other threads answer readers
STORAGE_RESERVE_MB = whole("STORAGE_RESERVE_MB", 512)  # with less free, nothing is published or mirrored
QUOTA_MB = whole("QUOTA_MB", 0)  # of each scope that has no limit of its own; 0: none
QUOTA_PACKAGES = whole("QUOTA_PACKAGES", 0)
QUOTA_VERSIONS = whole("QUOTA_VERSIONS", 0)
READ_ONLY = text("READ_ONLY", "off")  # off, on, or why: no changes
LOGIN_TOKEN_DAYS = whole("LOGIN_TOKEN_DAYS", 30, least=1)
REPORT_SECRET = secret("REPORT_SECRET")
UNPUBLISHED_DAYS = whole("UNPUBLISHED_DAYS", 30, least=1)
TOKEN_MAX_DAYS = whole("TOKEN_MAX_DAYS", 365, least=1)

# --- where it lives ----------------------------------------------------------------------------------------------

PORT = whole("PORT", 8000, least=1)
BIND = text("BIND", "127.0.0.1")
WEB_CONCURRENCY = whole("WEB_CONCURRENCY", 2, least=1)
WORKER = one_of("WORKER", "beside", "apart")  # where the background worker runs: beside the server, or by itself
DRAIN_SECONDS = whole("DRAIN_SECONDS", 0)  # how long it serves on, not ready any more, after a SIGTERM
DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "var").resolve()
PUBLIC_URL = address("PUBLIC_URL")
SITE_URL = PUBLIC_URL or f"http://localhost:{PORT}"  # what mails link to; no request's word is taken for it
REGISTRY_HOST = text("REGISTRY_HOST").lower()
_hosts = words("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
_hosts = [*_hosts, urlsplit(PUBLIC_URL).hostname, REGISTRY_HOST.partition(":")[0]]
ALLOWED_HOSTS = list(dict.fromkeys(filter(None, _hosts)))
TRUSTED_PROXY_COUNT = whole("TRUSTED_PROXY_COUNT", 0)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

EGRESS_ALLOWED_NETWORKS = networks("EGRESS_ALLOWED_NETWORKS")  # inner networks that webhooks and key sets may reach

# --- the upstream registry, whose packages are mirrored on the way -------------------------------------------------

UPSTREAM_URL = address("UPSTREAM_URL")
UPSTREAM_TOKEN = secret("UPSTREAM_TOKEN")
UPSTREAMS = upstreams("UPSTREAMS")  # scopes that other registries have
UPSTREAM_OFFLINE = switch("UPSTREAM_OFFLINE", False)  # serve what is here, and never call out
UPSTREAM_MAX_AGE = whole("UPSTREAM_MAX_AGE", 300)
UPSTREAM_SEARCH = switch("UPSTREAM_SEARCH", True)
UPSTREAM_AUDIT = switch("UPSTREAM_AUDIT", True)
UPSTREAM_SHA1 = switch("UPSTREAM_SHA1", True)  # old versions whose registry says no more than a SHA-1
RESERVED_NAMES = words("RESERVED_NAMES")  # ours, although nothing of that name is here yet: acme-*, @acme
RULES_CONTACT = text("RULES_CONTACT")  # whom to ask about a version that a rule holds back
MIRROR_MAX_MB = whole("MIRROR_MAX_MB", 0)
MIRROR_MAX_DAYS = whole("MIRROR_MAX_DAYS", 0)
DOWNLOAD_RECORD_DAYS = whole("DOWNLOAD_RECORD_DAYS", 90)
AUDIT_DAYS = whole("AUDIT_DAYS", 0)  # how long the audit log keeps an event; 0: for ever
DOCUMENT_MEMORY_MB = whole("DOCUMENT_MEMORY_MB", 16, least=1)  # of each serving process, for documents ready to be sent

if REGISTRY_HOST and not PUBLIC_URL:
    raise ImproperlyConfigured("REGISTRY_HOST needs PUBLIC_URL: the address of the website that npm login opens")

DEBUG = False
SECRET_KEY = kept_secret("SECRET_KEY", DATA_DIR / "secret_key")
ROOT_URLCONF = "registry_site.urls"
WSGI_APPLICATION = "registry_site.wsgi.application"
APPEND_SLASH = False  # a redirected write arrives as a GET
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

# --- data --------------------------------------------------------------------------------------------------------

DATABASE_POOL = whole("DATABASE_POOL", 20)  # of each process: its 16 threads, and those that write later
_database = env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'registry.sqlite3'}")
DATABASES = {"default": databases.configured(_database, pool=DATABASE_POOL)}

STORAGE_URL = text("STORAGE_URL") or (DATA_DIR / "blobs").as_uri()
LEDGER_URL = text("LEDGER_URL")  # which numbers were used; a folder of the storage unless it is said
STORAGE_FALLBACK_URL = text("STORAGE_FALLBACK_URL")  # where blobs still are that STORAGE_URL does not have yet
AWS_ACCESS_KEY_ID = secret("AWS_ACCESS_KEY_ID")
AWS_SECRET_ACCESS_KEY = secret("AWS_SECRET_ACCESS_KEY")
AWS_SESSION_TOKEN = secret("AWS_SESSION_TOKEN")
TARBALLS_BY = one_of("TARBALLS_BY", "app", "x-accel", "x-sendfile", "redirect")  # who sends the bytes
_fits = TARBALLS_BY == "app" or (TARBALLS_BY == "redirect") == STORAGE_URL.startswith("s3://")
if not (_fits or STORAGE_FALLBACK_URL):  # while one store takes over from another, the registry sends all bytes
    raise ImproperlyConfigured(
        f"TARBALLS_BY is {TARBALLS_BY!r}; x-accel and x-sendfile need a folder as STORAGE_URL, redirect an object store"
    )
SPOOL_DIR = DATA_DIR / "spool"
SIGNING_KEYS_DIR = Path(text("SIGNING_KEYS_DIR") or DATA_DIR / "keys").resolve()
SIGSTORE_TRUST_ROOT = existing_file("SIGSTORE_TRUST_ROOT")
CACHES = {
    "default": {
        "BACKEND": "registry_site.shared.SharedCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},  # so many that nobody's made-up names push counters of others out
    },
    "listings": {  # of files in tarballs; apart, so that no reader pushes counters of the other out
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "listings",
        "TIMEOUT": 60 * 60 * 24 * 30,
        "OPTIONS": {"MAX_ENTRIES": 1000},
    },
    "upstream": {  # of searches there, and of readmes from there
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": DATA_DIR / "upstream",
        "OPTIONS": {"MAX_ENTRIES": 1000},
    },
}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# --- apps --------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "registry_site",
    "accounts",
    "orgs",
    "packages",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "django_tasks",
    "django_tasks_db",
    "django_htmx",
    "csp",
    "packages.admin_app.OperatorAdmin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "registry_site.middleware.RequestIdMiddleware",
    "registry_site.sight.SightMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "registry_site.middleware.RegistryMiddleware",
    "registry_site.middleware.CompressMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.actor.ActorMiddleware",
    "accounts.sessions.ActivityMiddleware",
    "registry_site.middleware.PageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry_site.middleware.site",
            ],
            "builtins": [
                "django.contrib.humanize.templatetags.humanize",
                "django.templatetags.static",
                "accounts.templatetags.pages",
            ],
        },
    }
]

# --- people ------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
PASSWORD_RESET_TIMEOUT = 60 * 60
SOCIALACCOUNT_ADAPTER = "accounts.provider_sign_in.SocialAdapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.forms.ProviderSignUpForm"}
SOCIALACCOUNT_STORE_TOKENS = False
if LDAP_URL:
    AUTHENTICATION_BACKENDS.append("accounts.directory.signing_in.DirectoryBackend")

EMAIL_URL = secret("EMAIL_URL")
vars().update(env.mail("EMAIL_URL"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = text("EMAIL_FROM") or f"{REGISTRY_NAME} <registry@localhost>"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_URL else "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{REGISTRY_NAME}] "
ACCOUNT_USERNAME_MIN_LENGTH = 1
ACCOUNT_MAX_EMAIL_ADDRESSES = 10
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * 5
RATES = rates.read("RATE_LIMITS")  # by the names of rates.TABLE; none when they are off
ACCOUNT_RATE_LIMITS = rates.for_allauth(RATES) if RATES else False

MFA_ADAPTER = "accounts.adapter.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accounts.forms.OneTimePassForm",
    "reauthenticate": "accounts.forms.OneTimePassAgainForm",
    "add_webauthn": "accounts.forms.AddPasskeyForm",
}
MFA_TOTP_ISSUER = REGISTRY_NAME
MFA_TOTP_TOLERANCE = 1  # one step of 30 seconds: clocks differ, and typing takes time
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = not EMAIL_URL  # without a mail server no address is ever verified
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC_URL.startswith("https://")  # localhost

# --- pages' safety -----------------------------------------------------------------------------------------------

_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(PUBLIC_URL).scheme}://{urlsplit(PUBLIC_URL).netloc}"] if PUBLIC_URL else []
CSRF_FAILURE_VIEW = "registry_site.errorpages.csrf_failure"
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
# What else a domain serves is not ours to decide (subdomains, preloading), and the proxy redirects to https.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_policy.POLICY

# --- files and logs ----------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(text("STATIC_DIR") or DATA_DIR / "static").resolve()
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # people upload tarballs only, to blobs
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MAX_AGE = 300

METRICS_TOKEN = secret("METRICS_TOKEN")
LOG_FORMAT = one_of("LOG_FORMAT", "text", "json")
ACCESS_LOG = switch("ACCESS_LOG", False)
LOG_LEVEL = one_of("LOG_LEVEL", "WARNING", "DEBUG", "INFO", "ERROR")
LOGGING = logs.configuration(LOG_FORMAT, LOG_LEVEL, with_access=ACCESS_LOG)
