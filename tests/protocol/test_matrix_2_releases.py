"""What becomes of versions after they are published, with every client."""

from __future__ import annotations

from tests.protocol.matrix import row

GROUP = "Versions and tags"
MESSAGE = "use-2"


@row("unpublish one version", core=True)
def test_unpublish_version(her, cast):
    name = cast.seed(None, "1.0.0", "1.1.0")
    her("unpublish", cwd=her.app(), package=f"{name}@1.1.0")
    after = cast.document(name)
    assert list(after["versions"]) == ["1.0.0"]
    assert after["dist-tags"] == {"latest": "1.0.0"}
    assert cast.status(f"{name}/-/{name.split('/')[1]}-1.1.0.tgz", cast.alice) == 404
    again = her.publish(her.package(name, "1.1.0", description="once more"), check=False)
    assert again.code != 0
    assert list(cast.document(name)["versions"]) == ["1.0.0"]


@row("unpublish the last version, with --force")
def test_unpublish_last_version(her, cast):
    name = cast.seed()
    her("unpublish", "--force", cwd=her.app(), package=f"{name}@1.0.0")
    assert cast.status(name, cast.alice) == 404


@row("unpublish a whole package, with --force")
def test_unpublish_package(her, cast):
    name = cast.seed(None, "1.0.0", "1.1.0")
    her("unpublish", "--force", cwd=her.app(), package=name)
    assert cast.status(name, cast.alice) == 404
    again = her.publish(her.package(name, "1.1.0", description="once more"), check=False)
    assert again.code != 0
    her.publish(her.package(name, "1.2.0"))
    assert list(cast.document(name)["versions"]) == ["1.2.0"]


@row("unpublish what one may not: refused, nothing is gone")
def test_unpublish_refused(his, cast):
    name = cast.seed(cast.name(), "1.0.0", "1.1.0", access="public")
    refused = his("unpublish", cwd=his.app(), check=False, package=f"{name}@1.1.0")
    assert list(cast.document(name)["versions"]) == ["1.0.0", "1.1.0"]
    assert refused.code != 0, refused.said
    assert "403" in refused.said or "needs" in refused.said or "permission" in refused.said, refused.said


@row("deprecate a range of versions")
def test_deprecate(her, cast):
    name = cast.seed(None, "1.0.0", "1.1.0", "2.0.0")
    before = cast.document(name)["versions"]
    her("deprecate", cwd=her.app(), package=f"{name}@<2", message=MESSAGE)
    after = cast.document(name)["versions"]
    assert {number: each.pop("deprecated", None) for number, each in after.items()} == {
        "1.0.0": MESSAGE,
        "1.1.0": MESSAGE,
        "2.0.0": None,
    }
    assert after == before


@row("take a deprecation back")
def test_undeprecate(her, cast):
    name = cast.seed(None, "1.0.0")
    known = cast.document(name)
    known["versions"]["1.0.0"]["deprecated"] = MESSAGE
    cast.send("PUT", name.replace("/", "%2f"), known)
    assert cast.document(name)["versions"]["1.0.0"]["deprecated"] == MESSAGE
    her("undeprecate", cwd=her.app(), package=f"{name}@1.0.0", message="")
    assert "deprecated" not in cast.document(name)["versions"]["1.0.0"]


@row("dist-tag add")
def test_tag_add(her, cast):
    name = cast.seed(None, "1.0.0", "1.1.0")
    her("tag add", cwd=her.app(), package=f"{name}@1.0.0", tag="old")
    assert cast.document(name)["dist-tags"] == {"latest": "1.1.0", "old": "1.0.0"}


@row("dist-tag ls")
def test_tag_ls(her, cast):
    name = cast.seed(None, "1.0.0")
    cast.seed(name, "2.0.0-rc.1", tag="next")
    said = her("tag ls", cwd=her.app(), package=name).stdout
    for tag, version in (("latest", "1.0.0"), ("next", "2.0.0-rc.1")):
        assert f"{tag}: {version}" in said or f"@{tag} → {version}" in said, said


@row("dist-tag rm")
def test_tag_rm(her, cast):
    name = cast.seed(None, "1.0.0")
    cast.seed(name, "2.0.0-rc.1", tag="next")
    her("tag rm", cwd=her.app(), package=name, tag="next")
    assert cast.document(name)["dist-tags"] == {"latest": "1.0.0"}


@row("dist-tag rm latest: refused with the reason")
def test_tag_rm_latest(her, cast):
    name = cast.seed()
    refused = her("tag rm", cwd=her.app(), check=False, package=name, tag="latest")
    assert refused.code != 0, refused.said
    assert "latest" in refused.said, refused.said
    assert cast.document(name)["dist-tags"] == {"latest": "1.0.0"}
