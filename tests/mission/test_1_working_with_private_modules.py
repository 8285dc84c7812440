"""Each sentence of "Working with private modules" that promises something."""

from __future__ import annotations

import json

from tests.live import app, fetch, make


def test_you_have_control_over_who_can_download_and_publish(join):
    alice, bob = join("alice"), join("bob")
    hers, his, name = alice.client(), bob.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    assert his.run("install", name, cwd=app(his), check=False).code != 0
    alice.browser.submit(f"/package/{name}/access/people", f"/package/{name}/access", user=bob.name, permission="read")
    his.run("install", name, cwd=app(his))
    refused = his.run("publish", cwd=make(his, name, "1.1.0"), check=False)
    assert "403" in refused.said


def test_all_private_packages_are_scoped(join):
    alice = join("alice")
    hers = alice.client()
    refused = hers.run("publish", "--access", "restricted", cwd=make(hers, f"{alice.name}-tool"), check=False)
    assert refused.code != 0


def test_your_scope_is_your_username(join):
    alice, bob = join("alice"), join("bob")
    hers = alice.client()
    hers.run("publish", cwd=make(hers, f"@{alice.name}/mine"))
    refused = hers.run("publish", cwd=make(hers, f"@{bob.name}/not-mine"), check=False)
    assert "may not publish to the scope" in refused.said


def test_the_access_page_is_at_its_address_and_behind_the_collaborators_link(join):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    page = alice.browser.get(f"/package/{name}")
    assert f'<a href="/package/{name}/access">Collaborators</a>' in page.text
    assert "Collaborators" in alice.browser.get(f"/package/{name}/access").text


def test_all_scoped_packages_default_to_restricted(join, registry):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    assert fetch(registry, name)[0] == 404
    assert hers.run("access", "get", "status", name).stdout.strip() == f"{name}: private"


def test_you_can_change_this_on_the_access_page(join, registry):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    page, level = f"/package/{name}/access", f"/package/{name}/access/level"
    alice.browser.submit(level, page, access="public", confirm=name)
    assert fetch(registry, name)[0] == 200
    alice.browser.submit(level, page, access="restricted", confirm=name)
    assert fetch(registry, name)[0] == 404


def test_npm_access_restricted(join, registry, npm_or_skip):
    for major in (8, 6):
        npm_or_skip(major)
        alice = join("alice")
        hers, name = alice.client("npm", major), f"@{alice.name}/tool"
        hers.run("publish", "--access", "public", cwd=make(hers, name))
        assert fetch(registry, name)[0] == 200
        hers.run("access", "restricted", name)
        assert fetch(registry, name)[0] == 404


def test_the_package_is_removed_from_listings_at_once(join):
    alice, bob = join("alice"), join("bob")
    hers, name = alice.client(), f"@{alice.name}/listed"
    hers.run("publish", "--access", "public", cwd=make(hers, name))
    assert name in bob.browser.get(f"/~{alice.name}").text
    assert f'href="/package/{name}"' in bob.browser.get(f"/search?q={name}").text
    hers.run("access", "set", "status=private", name)
    assert name not in bob.browser.get(f"/~{alice.name}").text
    assert f'href="/package/{name}"' not in bob.browser.get(f"/search?q={name}").text
    assert name in alice.browser.get(f"/~{alice.name}").text


def test_npm_owner_add(join):
    alice, bob = join("alice"), join("bob")
    hers, his, name = alice.client(), bob.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    hers.run("owner", "add", bob.name, name)
    assert bob.name in alice.browser.get(f"/package/{name}/access").text
    his.run("publish", cwd=make(his, name, "1.1.0"))


def test_change_access_by_read_write_and_remove_with_x(join):
    alice, bob = join("alice"), join("bob")
    hers, his, name = alice.client(), bob.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    form, page = f"/package/{name}/access/people", f"/package/{name}/access"
    alice.browser.submit(form, page, user=bob.name, permission="read")
    assert f'aria-label="Remove {bob.name}"' in alice.browser.get(page).text
    alice.browser.submit(form, page, user=bob.name, permission="write")
    his.run("publish", cwd=make(his, name, "1.1.0"))
    listed = json.loads(hers.run("access", "list", "collaborators", name, "--json").stdout)
    assert listed == {alice.name: "read-write", bob.name: "read-write"}
    alice.browser.submit(form, page, user=bob.name, permission="none", confirm=bob.name)
    assert bob.browser.get(f"/package/{name}").status == 404


def test_without_login_an_access_error_says_so(join):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/tool"
    hers.run("publish", cwd=make(hers, name))
    nobody = alice.client(logged_in=False)
    assert "npm login" in nobody.run("install", name, cwd=app(nobody), check=False).said


def test_we_can_upgrade_a_user_to_an_organization(join):
    team, bob = join("team"), join("bob")
    theirs, his, name = team.client(), bob.client(), f"@{team.name}/tool"
    theirs.run("publish", cwd=make(theirs, name))
    form, page = f"/package/{name}/access/people", f"/package/{name}/access"
    team.browser.submit(form, page, user=bob.name, permission="read")
    done = team.browser.submit("/settings/become-org", new_name=f"{team.name}-lead", confirm=team.name)
    assert done.address.endswith(f"/org/{team.name}")
    assert theirs.run("whoami").stdout.strip() == f"{team.name}-lead"
    theirs.run("publish", cwd=make(theirs, name, "1.1.0"))
    his.run("install", name, cwd=app(his))
    assert "403" in his.run("publish", cwd=make(his, name, "1.2.0"), check=False).said
    members = json.loads(theirs.run("org", "ls", team.name, "--json").stdout)
    assert members == {f"{team.name}-lead": "owner", bob.name: "developer"}
