"""Provenance bundles, read strictly."""

from __future__ import annotations

import base64
import json

import pytest

from packages import statements
from registry_site.errors import Invalid
from tests.tools.sigstore_instance import COMMIT, REPOSITORY, gitlab_statement, statement

SHA512 = "0123456789abcdef" * 8


def wrapped(said, **changes) -> dict:
    """A bundle around a statement, unsigned: nothing here looks at signatures."""
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"tlogEntries": [{"logIndex": "42", "logId": {"keyId": "AA=="}}]},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": "", "sig": "AA=="}],
        },
    } | changes


def envelope(said=None, **changes) -> dict:
    return wrapped(said or statement("@acme/x", "1.0.0", SHA512))["dsseEnvelope"] | changes


def test_github_actions():
    claim = statements.read(json.dumps(wrapped(statement("@acme/x", "1.0.0", SHA512))))
    assert (claim.subject, claim.sha512) == ("pkg:npm/%40acme/x@1.0.0", SHA512)
    assert claim.predicate_type == "https://slsa.dev/provenance/v1"
    assert json.loads(claim.payload)["subject"][0]["name"] == claim.subject
    assert claim.source == {
        "repository": REPOSITORY,
        "commit": COMMIT,
        "workflow": ".github/workflows/release.yml",
        "ref": "refs/heads/main",
        "builder": "https://github.com/actions/runner/github-hosted",
        "run": f"{REPOSITORY}/actions/runs/7/attempts/1",
        "log_index": "42",
    }


def test_gitlab_ci():
    project = "https://gitlab.com/Acme/tools/widget"
    claim = statements.read(json.dumps(wrapped(gitlab_statement("x", "1.0.0", SHA512, project))))
    assert (claim.subject, claim.predicate_type) == ("pkg:npm/x@1.0.0", "https://slsa.dev/provenance/v0.2")
    assert claim.source == {
        "repository": project,
        "commit": COMMIT,
        "workflow": "release",
        "ref": "main",
        "builder": f"{project}/-/runners/12",
        "run": f"{project}/-/jobs/7",
        "log_index": "42",
    }


def test_an_entry_of_the_public_log_has_a_page():
    entry = {"logIndex": "42", "logId": {"keyId": statements.PUBLIC_LOG}}
    said = wrapped(statement("x", "1.0.0", SHA512), verificationMaterial={"tlogEntries": [entry]})
    assert statements.read(json.dumps(said)).source["log_entry"].endswith("?logIndex=42")


@pytest.mark.parametrize("media", ["+json;version=0.1", "+json;version=0.2", "+json;version=0.3", ".v0.3+json"])
def test_every_version_of_the_bundle_is_read(media):
    said = wrapped(statement("x", "1.0.0", SHA512), mediaType=f"application/vnd.dev.sigstore.bundle{media}")
    assert statements.read(json.dumps(said)).subject == "pkg:npm/x@1.0.0"


GOOD = statement("x", "1.0.0", SHA512)
REFUSED = {
    "not JSON": "hello",
    "no object": "[]",
    "a key twice": '{"mediaType": "a", "mediaType": "b"}',
    "no media type": wrapped(GOOD, mediaType=None),
    "another media type": wrapped(GOOD, mediaType="application/json"),
    "a later bundle": wrapped(GOOD, mediaType="application/vnd.dev.sigstore.bundle.v0.4+json"),
    "no envelope": wrapped(GOOD, dsseEnvelope=None),
    "a message signature": wrapped(GOOD, dsseEnvelope={"messageSignature": {}}),
    "another payload": wrapped(GOOD, dsseEnvelope=envelope(payloadType="text/plain")),
    "no base64": wrapped(GOOD, dsseEnvelope=envelope(payload="e30=?")),
    "no payload": wrapped(GOOD, dsseEnvelope=envelope(payload="")),
    "no signature": wrapped(GOOD, dsseEnvelope=envelope(signatures=[])),
    "two signatures": wrapped(GOOD, dsseEnvelope=envelope(signatures=[{}, {}])),
    "payload without JSON": wrapped(b"\xff"),
    "payload with a key twice": wrapped(b'{"_type": "a", "_type": "b"}'),
    "another statement": wrapped(GOOD | {"_type": "https://in-toto.io/Statement/v2"}),
    "no subject": wrapped(GOOD | {"subject": []}),
    "two subjects": wrapped(GOOD | {"subject": GOOD["subject"] * 2}),
    "subject without name": wrapped(GOOD | {"subject": [{"digest": {"sha512": SHA512}}]}),
    "subject without sha512": wrapped(GOOD | {"subject": [{"name": "x", "digest": {"sha256": "00"}}]}),
    "subject with half a sha512": wrapped(GOOD | {"subject": [{"name": "x", "digest": {"sha512": "00"}}]}),
    "sha512 in capitals": wrapped(GOOD | {"subject": [{"name": "x", "digest": {"sha512": SHA512.upper()}}]}),
    "another predicate": wrapped(GOOD | {"predicateType": "https://spdx.dev/Document"}),
    "no predicate": wrapped(GOOD | {"predicate": None}),
    "a predicate of another shape": wrapped(GOOD | {"predicate": {"buildDefinition": [], "runDetails": {}}}),
    "deep": wrapped(GOOD | {"predicate": json.loads("[" * 100 + "]" * 100)}),
}


@pytest.mark.parametrize("bundle", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_in_one_sentence(bundle):
    with pytest.raises(Invalid) as refused:
        statements.read(bundle if isinstance(bundle, str) else json.dumps(bundle))
    assert refused.value.code == "provenance"
    assert refused.value.message.startswith("the provenance bundle cannot be read: ")


def test_a_large_bundle_is_refused_before_it_is_parsed():
    with pytest.raises(Invalid, match="over 1 MB"):
        statements.read(json.dumps(wrapped(GOOD, padding="x" * statements.MAX_BUNDLE)))


def test_odd_values_are_left_out_of_the_source():
    said = statement("x", "1.0.0", SHA512, commit="main")
    said["predicate"]["runDetails"] = {"builder": {"id": 7}, "metadata": {"invocationId": "x" * 1000}}
    source = statements.read(json.dumps(wrapped(said))).source
    assert source.keys() == {"repository", "workflow", "ref", "log_index"}


SAME = """https://github.com/acme/widget https://github.com/acme/widget.git git+https://github.com/acme/widget.git
    git://github.com/acme/widget.git git@github.com:acme/widget.git git+ssh://git@github.com/acme/widget.git
    ssh://git@github.com/acme/widget github:acme/widget acme/widget https://github.com/acme/widget/
    git+https://github.com/acme/widget@refs/heads/main https://GitHub.com/acme/widget#main"""


@pytest.mark.parametrize("spelling", SAME.split())
def test_one_repository_in_every_spelling(spelling):
    assert statements.repository(spelling) == REPOSITORY


@pytest.mark.parametrize(
    "text", ["", "widget", "https://", "file:///etc/passwd", "javascript:alert(1)", "https://[", "https://github.com/"]
)
def test_what_is_no_repository(text):
    assert statements.repository(text) == ""


def test_other_repositories_stay_apart():
    others = "https://github.com/acme/widget2 https://gitlab.com/acme/widget https://github.com:8443/acme/widget"
    for other in others.split():
        assert statements.repository(other) not in ("", REPOSITORY)
