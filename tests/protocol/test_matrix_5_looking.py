"""Looking for packages and at the registry, with every client."""

from __future__ import annotations

import re

from tests.protocol.matrix import row

GROUP = "Looking"
# No client may ask anybody but the registry here; the proxy that it would need for that does not exist.
ALONE = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    "npm_config_fetch_retries": "0",
}


@row("view")
def test_view(her, cast):
    name = cast.seed(None, "1.0.0", "1.1.0", description="it is for looking at")
    said = her("view", cwd=her.app(), package=name).stdout
    assert "1.1.0" in said, said
    assert "it is for looking at" in said, said


@row("search: what one may see")
def test_search(her, cast):
    name = cast.seed(cast.name(base="needle"))
    said = her("search", cwd=her.app(), text=name.split("/")[1]).stdout
    assert name in said, said


@row("search: a stranger finds nothing private")
def test_search_by_a_stranger(terminal, cast):
    name = cast.seed(cast.name(base="hidden"))
    his = terminal(cast.carol)
    found = his("search", cwd=his.app(), check=False, text=name.split("/")[1])
    assert name not in found.stdout, found.said
    assert found.code == 0 or "o packages found" in found.said or "o matches" in found.said, found.said


@row("outdated")
def test_outdated(her, terminal, cast):
    name = cast.seed()
    project = her.add(name)
    cast.seed(name, "1.1.0")
    other = terminal(cast.alice)  # bun asks once in five minutes, npm 2 once in ten seconds
    said = other("outdated", cwd=project, check=False).said
    assert name in said, said
    assert "1.1.0" in said, said


@row("ping")
def test_ping(her):
    her("ping", cwd=her.app())


@row("doctor: the registry is well")
def test_doctor(her):
    said = her("doctor", cwd=her.app(), check=False, env=ALONE).said
    assert re.search(r"(npm ping|Connecting to the registry)\s+ok|✓ Registry connectivity", said, re.IGNORECASE), said


@row("audit: nothing is known against it")
def test_audit(her, cast):
    project = her.add(cast.seed(cast.name(scope="")))
    said = her("audit", cwd=project, env=ALONE).said
    assert re.search(r"(found 0|No known|No) (vulnerabilities|audit suggestions)|No vulnerabilities", said), said
