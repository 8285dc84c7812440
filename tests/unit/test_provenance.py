"""Provenance: held against the version it came with, verified where there is a trust root, served as it came."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import pytest

from accounts.models import AuditEvent
from packages.models import Attestation, Issuer, Package, Version
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.registry_client import without_reference
from tests.tools.sigstore_instance import REPOSITORY, Sigstore, gitlab_statement, statement

pytestmark = pytest.mark.django_db
NAME = "@alice/widget"
FIELD = {"type": "git", "url": f"git+{REPOSITORY}.git"}


@pytest.fixture(scope="module")
def sigstore():
    return Sigstore()


@pytest.fixture
def trusting(settings, sigstore, tmp_path):
    """The registry verifies what this sigstore instance signed."""
    settings.SIGSTORE_TRUST_ROOT = tmp_path / "trusted_root.json"
    settings.SIGSTORE_TRUST_ROOT.write_text(json.dumps(sigstore.trust_root()))


def body_of(name: str = NAME, number: str = "1.0.0", **manifest) -> tuple[dict, str]:
    """A publish without its bundle, and the tarball's sha512 in hex."""
    body = payloads.publish_body(name, number, access="public", **({"repository": FIELD} | manifest))
    data = base64.b64decode(body["_attachments"][f"{name}-{number}.tgz"]["data"])
    return body, hashlib.sha512(data).hexdigest()


def with_bundle(body: dict, bundle, number: str = "1.0.0") -> dict:
    text = bundle if isinstance(bundle, str) else json.dumps(bundle)
    attachment = {"content_type": "application/vnd.dev.sigstore.bundle.v0.3+json", "data": text, "length": len(text)}
    body["_attachments"][f"{body['name']}-{number}.sigstore"] = attachment
    return body


@pytest.fixture
def put(npm, alice):
    """`put(body)` publishes as alice."""
    as_alice = npm.as_(login_token(alice))
    return lambda body: as_alice.put(body["name"].replace("/", "%2f"), body)


@pytest.fixture
def refused(put, blob_files):
    """`refused(body, words)`: 422 with these words, and nothing was kept."""

    def run(body: dict, words: str) -> None:
        events = AuditEvent.objects.count()
        answer = put(body)
        assert answer.status_code == 422, answer.content
        assert answer.json()["code"] == "provenance"
        assert words in answer.json()["error"], answer.json()["error"]
        assert not Package.objects.exists()
        assert not Version.objects.exists()
        assert not Attestation.objects.exists()
        assert not blob_files()
        assert AuditEvent.objects.count() == events

    return run


def test_it_is_kept_and_served_as_it_came(put, npm, sigstore):
    body, sha512 = body_of()
    bundle = json.dumps(sigstore.bundle(statement(NAME, "1.0.0", sha512)), indent=1)
    assert put(with_bundle(body, bundle)).status_code == 201
    for accept in ("application/json", "application/vnd.npm.install-v1+json"):
        dist = npm.get("@alice%2fwidget", accept=accept).json()["versions"]["1.0.0"]["dist"]
        assert dist["attestations"] == {
            "url": "http://testserver/npm/-/npm/v1/attestations/@alice%2fwidget@1.0.0",
            "provenance": {"predicateType": "https://slsa.dev/provenance/v1"},
        }
        assert len(dist["signatures"]) == 1
    for spelling in ("@alice%2fwidget@1.0.0", "@alice/widget@1.0.0", "%40alice%2Fwidget%401.0.0"):
        answer = npm.get(f"-/npm/v1/attestations/{spelling}")
        assert answer.status_code == 200
        listed = answer.json()["attestations"]
        assert listed == [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": json.loads(bundle)}]
        assert bundle.encode() in answer.content
    kept = Attestation.objects.get()
    assert kept.verified_at is None
    assert kept.source["repository"] == REPOSITORY


def test_unscoped_and_prerelease(put, npm, sigstore):
    body, sha512 = body_of("widget", "2.0.0-beta.1")
    bundle = sigstore.bundle(statement("widget", "2.0.0-beta.1", sha512))
    assert put(with_bundle(body, bundle, "2.0.0-beta.1")).status_code == 201
    assert npm.get("-/npm/v1/attestations/widget@2.0.0-beta.1").status_code == 200


def test_none_and_hidden_are_404(put, npm, alice, bob, sigstore):
    body, _ = body_of()
    assert put(body).status_code == 201
    none = npm.get("-/npm/v1/attestations/@alice%2fwidget@1.0.0")
    assert (none.status_code, none.json()["error"].partition(" (")[0]) == (404, f"{NAME}@1.0.0 has no attestations")
    assert "attestations" not in npm.get("@alice%2fwidget").json()["versions"]["1.0.0"]["dist"]
    assert npm.get("-/npm/v1/attestations/@alice%2fwidget@9.0.0").status_code == 404

    body, sha512 = body_of("@alice/hidden")
    body["access"] = "restricted"
    assert put(with_bundle(body, sigstore.bundle(statement("@alice/hidden", "1.0.0", sha512)))).status_code == 201
    stranger = npm.as_(login_token(bob))
    hidden = stranger.get("-/npm/v1/attestations/@alice%2fhidden@1.0.0")
    missing = stranger.get("-/npm/v1/attestations/@alice%2fabsent@1.0.0")
    assert hidden.status_code == missing.status_code == 404
    assert without_reference(hidden).replace(b"hidden", b"absent") == without_reference(missing)
    assert npm.as_(login_token(alice)).get("-/npm/v1/attestations/@alice%2fhidden@1.0.0").status_code == 200


def test_unpublished_versions_have_none(put, npm, alice, sigstore):
    from packages import releases

    body, sha512 = body_of()
    put(with_bundle(body, sigstore.bundle(statement(NAME, "1.0.0", sha512))))
    assert put(body_of(number="2.0.0")[0]).status_code == 201
    releases.unpublish_versions(alice, NAME, frozenset(["2.0.0"]), None)
    assert npm.get("-/npm/v1/attestations/@alice%2fwidget@1.0.0").status_code == 404


def test_a58_what_is_about_something_else_is_refused(refused, sigstore):
    body, sha512 = body_of()
    for said, words in (
        (statement(NAME, "1.0.0", "0" * 128), "other bytes"),
        (statement("@alice/other", "1.0.0", sha512), "not about @alice/widget@1.0.0"),
        (statement(NAME, "1.0.1", sha512), "not about @alice/widget@1.0.0"),
        (statement(NAME, "1.0.0", sha512, repository="https://github.com/mallory/widget"), "built from"),
        (statement(NAME, "1.0.0", sha512, _type="https://in-toto.io/Statement/v9"), "no in-toto statement"),
    ):
        refused(with_bundle(dict(body), sigstore.bundle(said)), words)


def test_a58_no_json_and_too_large(refused, put, sigstore):
    body, sha512 = body_of()
    for text in ("hello", "[]", "{" * 5000):
        refused(with_bundle(dict(body), text), "provenance bundle")
    bundle = sigstore.bundle(statement(NAME, "1.0.0", sha512)) | {"padding": "x" * 2**20}
    refused(with_bundle(dict(body), bundle), "provenance bundle")
    enormous = put(with_bundle(dict(body), '{"padding": "' + "x" * (50 * 2**20) + '"}'))
    assert enormous.status_code == 413
    assert not Version.objects.exists()


@pytest.mark.parametrize("field", [None, "https://github.com/alice/other", {"type": "git"}, 7])
def test_package_json_names_the_repository(refused, sigstore, field):
    body, sha512 = body_of(repository=field)
    refused(with_bundle(body, sigstore.bundle(statement(NAME, "1.0.0", sha512))), "set repository.url in package.json")


def test_it_is_verified_against_the_trust_root(trusting, put, sigstore):
    body, sha512 = body_of()
    assert put(with_bundle(body, sigstore.bundle(statement(NAME, "1.0.0", sha512)))).status_code == 201
    assert Attestation.objects.get().verified_at is not None


def test_gitlab_is_verified_too(trusting, put, sigstore):
    project = "https://gitlab.com/acme/widget"
    body, sha512 = body_of(repository=project)
    bundle = sigstore.bundle(
        gitlab_statement(NAME, "1.0.0", sha512, project), issuer="https://gitlab.com", repository=project
    )
    assert put(with_bundle(body, bundle)).status_code == 201
    assert Attestation.objects.get().predicate_type == "https://slsa.dev/provenance/v0.2"


def test_a58_what_does_not_verify_is_refused(trusting, refused, sigstore):
    body, sha512 = body_of()
    said = statement(NAME, "1.0.0", sha512)
    good = sigstore.bundle(said)
    other = sigstore.bundle(said)["dsseEnvelope"]["signatures"]
    for damage in (
        lambda bundle, material: bundle["dsseEnvelope"].update(signatures=other),
        lambda bundle, material: material["tlogEntries"][0].update(integratedTime="1"),
        lambda bundle, material: material["tlogEntries"][0].update(logIndex="7"),
        lambda bundle, material: material["tlogEntries"][0].pop("inclusionProof"),
        lambda bundle, material: material["tlogEntries"][0].pop("inclusionPromise"),
        lambda bundle, material: material.update(tlogEntries=[]),
        lambda bundle, material: material.pop("certificate"),
        lambda bundle, material: material["certificate"].update(rawBytes="AAAA"),
    ):
        bundle = json.loads(json.dumps(good))
        damage(bundle, bundle["verificationMaterial"])
        refused(with_bundle(dict(body), bundle), "it is not verified")
    refused(with_bundle(dict(body), Sigstore().bundle(said)), "not verified")  # of nobody that is trusted
    late = sigstore.bundle(said, logged_after=timedelta(minutes=11))
    refused(with_bundle(dict(body), late), "not verified")  # its certificate had expired when it was logged


def test_a58_the_certificate_has_to_say_the_same(trusting, refused, put, sigstore):
    body, sha512 = body_of()
    said = statement(NAME, "1.0.0", sha512)
    own = "https://ci.example.com"
    for changes, words in (
        ({"issuer": own}, f"does not believe {own}"),
        ({"repository": "https://github.com/mallory/widget"}, "its certificate is of https://github.com/mallory"),
        ({"commit": "b" * 40}, "another commit"),
    ):
        refused(with_bundle(dict(body), sigstore.bundle(said, **changes)), words)
    Issuer.objects.create(name="own", title="Our CI", url=own)
    assert put(with_bundle(body, sigstore.bundle(said, issuer=own))).status_code == 201


def test_two_spellings_of_a_key_do_not_hide_another_statement(trusting, refused, sigstore):
    body, sha512 = body_of()
    honest = sigstore.bundle(statement("@mallory/x", "1.0.0", "0" * 128))
    forged = sigstore.bundle(statement(NAME, "1.0.0", sha512))["dsseEnvelope"]
    for bundle in (
        {**honest, "dsseEnvelope": forged, "dsse_envelope": honest["dsseEnvelope"]},
        {"dsse_envelope": honest["dsseEnvelope"], **honest, "dsseEnvelope": forged},
    ):
        refused(with_bundle(dict(body), bundle), "not verified")


def test_a_broken_trust_root_is_our_fault(trusting, settings, put, sigstore, blob_files):
    settings.SIGSTORE_TRUST_ROOT.write_text("{}")
    body, sha512 = body_of()
    answer = put(with_bundle(body, sigstore.bundle(statement(NAME, "1.0.0", sha512))))
    assert answer.status_code == 503
    assert "operator" in answer.json()["error"]
    assert not Version.objects.exists()
    assert not blob_files()
    assert put(body_of(number="2.0.0")[0]).status_code == 201  # without provenance nothing needs it


def test_a_staged_version_is_checked_twice_and_shows_nothing_before(trusting, npm, alice, sigstore, settings):
    from dataclasses import replace

    from packages import staging

    actor = replace(alice, second_factor=True)
    alice.user.__dict__["has_two_factor"] = True
    as_alice = npm.as_(login_token(alice))
    body, sha512 = body_of()
    wrong = as_alice.post(
        "-/stage/package/@alice%2fwidget", with_bundle(dict(body), sigstore.bundle(statement(NAME, "1.0.0", "0" * 128)))
    )
    assert wrong.status_code == 422
    assert not Package.objects.exists()
    bundle = sigstore.bundle(statement(NAME, "1.0.0", sha512))
    key = as_alice.post("-/stage/package/@alice%2fwidget", with_bundle(dict(body), bundle)).json()["stageId"]
    assert not Attestation.objects.exists()
    version = staging.approve(actor, key)
    assert version.attestations.get().verified_at is not None
    assert npm.get("-/npm/v1/attestations/@alice%2fwidget@1.0.0").json()["attestations"][0]["bundle"] == bundle
    assert npm.get("@alice%2fwidget").json()["versions"]["1.0.0"]["dist"]["signatures"]


def test_the_package_page_shows_it(trusting, put, client, sigstore, settings):
    body, sha512 = body_of()
    put(with_bundle(body, sigstore.bundle(statement(NAME, "1.0.0", sha512))))
    settings.SIGSTORE_TRUST_ROOT = None
    body, sha512 = body_of(number="2.0.0")
    put(with_bundle(body, sigstore.bundle(statement(NAME, "2.0.0", sha512)), "2.0.0"))
    put(body_of(number="3.0.0")[0])

    def page(number: str) -> str:
        return client.get(f"/package/{NAME}/v/{number}", headers={"accept": "text/html"}).content.decode()

    verified = page("1.0.0")
    for part in ("Provenance", ">Verified<", "Verified here", f'href="{REPOSITORY}"', ".github/workflows/release.yml"):
        assert part in verified, part
    assert 'href="https://github.com/acme/widget/actions/runs/7/attempts/1"' in verified
    assert ">Not verified<" in page("2.0.0")
    assert "Its signature was not verified here." in page("2.0.0")
    assert "Provenance" not in page("3.0.0")


def test_odd_words_of_a_bundle_are_shown_as_text(put, client, sigstore):
    body, sha512 = body_of()
    said = statement(NAME, "1.0.0", sha512)
    said["predicate"]["buildDefinition"]["externalParameters"]["workflow"]["path"] = "<script>alert(1)</script>"
    said["predicate"]["runDetails"] = {
        "builder": {"id": "javascript:alert(2)"},
        "metadata": {"invocationId": "javascript:alert(3)"},
    }
    assert put(with_bundle(body, sigstore.bundle(said))).status_code == 201
    shown = client.get(f"/package/{NAME}", headers={"accept": "text/html"}).content.decode()
    assert "<script>alert" not in shown
    assert 'href="javascript' not in shown
    assert "&lt;script&gt;alert(1)" in shown
