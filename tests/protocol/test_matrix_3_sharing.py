"""Who may do what, changed and listed with every client."""

from __future__ import annotations

import json

import pytest

from tests.protocol.matrix import Cast, row

GROUP = "Owners, access, teams, orgs"


@pytest.fixture
def team(cast):
    """An org's team `core` with bob in it, and a package of the org: (org, "org:core", name)."""
    org = cast.org()
    name = cast.seed(cast.name(scope=org))
    cast.send("PUT", f"-/org/{org}/user", {"user": cast.bob.name, "role": "developer"})
    cast.send("PUT", f"-/org/{org}/team", {"name": "core"})
    cast.send("PUT", f"-/team/{org}/core/user", {"user": cast.bob.name})
    return org, f"{org}:core", name


@row("owner ls")
def test_owner_ls(her, cast):
    assert cast.alice.name in her("owner ls", cwd=her.app(), package=cast.seed()).stdout


@row("owner add")
def test_owner_add(her, cast):
    name = cast.seed(cast.name(scope=""))
    her("owner add", cwd=her.app(), package=name, user=cast.bob.name)
    assert _owners(cast, name) == {cast.alice.name, cast.bob.name}


@row("owner rm")
def test_owner_rm(her, cast):
    name = cast.seed(cast.name(scope=""))
    cast.own(name, cast.bob)
    her("owner rm", cwd=her.app(), package=name, user=cast.bob.name)
    assert _owners(cast, name) == {cast.alice.name}


@row("owner rm of the last owner: refused, the owner stays")
def test_owner_rm_last(her, cast):
    name = cast.seed(cast.name(scope=""))
    refused = her("owner rm", cwd=her.app(), check=False, package=name, user=cast.alice.name)
    assert _owners(cast, name) == {cast.alice.name}
    assert refused.code != 0, refused.said
    kept = ("last owner", "must keep an owner", "all owners", "changed meanwhile")
    assert any(word in refused.said for word in kept), refused.said


@row("access: is it public?")
def test_access_get(her, cast):
    public, private = cast.seed(access="public"), cast.seed()
    assert "public" in her("access get", cwd=her.app(), package=public).stdout
    said = her("access get", cwd=her.app(), package=private).stdout.replace(private, "")
    assert "private" in said or "restricted" in said, said


@row("access: make it public")
def test_access_public(her, cast):
    name = cast.seed()
    her("access set", cwd=her.app(), package=name, level="public")
    assert cast.status(name) == 200


@row("access: make it private")
def test_access_restricted(her, cast):
    name = cast.seed(access="public")
    level = "private" if her.kind == ("pnpm", 9) or (her.kind[0] == "npm" and her.kind[1] >= 9) else "restricted"
    her("access set", cwd=her.app(), package=name, level=level)
    assert cast.status(name) == 404


@row("access list packages: of a person")
def test_access_packages_of_a_person(her, cast):
    name = cast.seed()
    assert _json(her("access packages", "--json", cwd=her.app(), of=cast.alice.name).stdout)[name] == "read-write"


@row("access list packages: of an org")
def test_access_packages_of_an_org(her, cast, team):
    org, _, name = team
    assert _json(her("access packages", "--json", cwd=her.app(), of=_scope(her, org)).stdout) == {name: "read-write"}


@row("access list packages: of a team")
def test_access_packages_of_a_team(her, cast, team):
    org, core, name = team
    cast.send("PUT", f"-/team/{org}/core/package", {"package": name, "permissions": "read-only"})
    assert _json(her("access packages", "--json", cwd=her.app(), of=_scope(her, core)).stdout) == {name: "read-only"}


@row("access list collaborators")
def test_access_collaborators(her, cast, team):
    org, core, name = team
    listed = _json(her("access collaborators", "--json", cwd=her.app(), package=name).stdout)
    assert listed == {cast.alice.name: "read-write", cast.bob.name: "read-write"}


@row("access grant")
def test_access_grant(her, his, cast, team):
    org, core, name = team
    her("access grant", cwd=her.app(), permission="read-only", team=core, package=name)
    assert cast.send("GET", f"-/team/{org}/core/package") == {name: "read"}


@row("access revoke")
def test_access_revoke(her, cast, team):
    org, core, name = team
    cast.send("PUT", f"-/team/{org}/core/package", {"package": name, "permissions": "read-only"})
    her("access revoke", cwd=her.app(), team=core, package=name)
    assert cast.send("GET", f"-/team/{org}/core/package") == {}


@row("team create")
def test_team_create(her, cast, team):
    her("team create", cwd=her.app(), team=f"{team[0]}:new-team")
    assert f"{team[0]}:new-team" in _teams(cast, team[0])


@row("team destroy")
def test_team_destroy(her, cast, team):
    her("team destroy", cwd=her.app(), team=team[1])
    assert team[1] not in _teams(cast, team[0])


@row("team ls: an org's teams")
def test_team_ls(her, cast, team):
    said = her("team ls", cwd=her.app(), of=team[0]).stdout
    assert "core" in said, said
    assert "developers" in said, said


@row("team ls: a team's members")
def test_team_members(her, cast, team):
    assert cast.bob.name in her("team ls", cwd=her.app(), of=team[1]).stdout


@row("team add")
def test_team_add(her, cast, team):
    org = team[0]
    cast.send("PUT", f"-/org/{org}/team", {"name": "second"})
    her("team add", cwd=her.app(), team=f"{org}:second", user=cast.bob.name)
    assert cast.send("GET", f"-/team/{org}/second/user?format=cli") == [cast.bob.name]


@row("team rm")
def test_team_rm(her, cast, team):
    org, core, _ = team
    her("team rm", cwd=her.app(), team=core, user=cast.bob.name)
    assert cast.send("GET", f"-/team/{org}/core/user?format=cli") == []


@row("org set")
def test_org_set(her, cast, team):
    her("org set", cwd=her.app(), org=team[0], user=cast.carol.name, role="admin")
    assert _members(cast, team[0])[cast.carol.name] == "admin"


@row("org ls")
def test_org_ls(her, cast, team):
    said = her("org ls", "--json", cwd=her.app(), org=team[0]).stdout
    assert _json(said) == {cast.alice.name: "owner", cast.bob.name: "developer"}


@row("org rm")
def test_org_rm(her, cast, team):
    her("org rm", cwd=her.app(), org=team[0], user=cast.bob.name)
    assert _members(cast, team[0]) == {cast.alice.name: "owner"}


def _scope(her, of: str) -> str:
    return f"@{of}" if her.kind == ("pnpm", 12) else of  # else it takes the org for a person


def _json(text: str) -> dict[str, str]:
    found = json.loads(text)
    if isinstance(found, list):  # pnpm
        found = {each["username"]: each["permissions"] for each in found}
    long = {"read": "read-only", "write": "read-write"}
    return {name: long.get(level, level) for name, level in found.items()}


def _owners(cast: Cast, name: str) -> set[str]:
    return {each["name"] for each in cast.document(name)["maintainers"]}


def _teams(cast: Cast, org: str) -> list[str]:
    return cast.send("GET", f"-/org/{org}/team?format=cli")


def _members(cast: Cast, org: str) -> dict[str, str]:
    return cast.send("GET", f"-/org/{org}/user")
