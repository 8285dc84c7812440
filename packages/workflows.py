"""What a trusted publisher's config says about a workflow, and whether an identity is that workflow (pure).

Everything fails closed: a claim that is missing, or of a shape nobody described, is a difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from registry_site.errors import Malformed

Claims = dict[str, Any]
MAX_TEXT = 300
MAX_CLAIMS = 10
CIRCLE = "oidc.circleci.com/"
# What somebody without write access to the repository can set off, with a workflow of the repository running on it.
OUTSIDE_EVENTS = frozenset(
    """pull_request pull_request_target pull_request_review pull_request_review_comment workflow_run
    issues issue_comment discussion discussion_comment fork watch""".split()
)
OUTSIDE_PIPELINES = frozenset(["merge_request_event", "external_pull_request_event"])

_NAME = r"[A-Za-z0-9_.-]+"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}", re.ASCII)
_PROJECT = re.compile(rf"{_NAME}(?:/{_NAME})+", re.ASCII)
_WORKFLOW = re.compile(rf"{_NAME}\.ya?ml", re.ASCII)
_PIPELINE = re.compile(rf"(?:{_NAME}/)*{_NAME}\.ya?ml", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ORIGIN = re.compile(rf"{_NAME}(?:/{_NAME}){{2,}}", re.ASCII)


@dataclass(frozen=True)
class Difference:
    """A claim that is not what the config asks for, in words for the package's owners."""

    claim: str
    expected: str
    got: str


@dataclass(frozen=True)
class Flavour:
    """The claims of one kind of provider.

    clean: a config's claims as they are kept; raises Malformed. differences: between a config and an identity.
    pins: claims that never change while the workflow is the same; remembered at its first use.
    """

    clean: Callable[[Claims], Claims]
    differences: Callable[[Claims, Claims], Iterator[Difference]]
    pins: tuple[str, ...] = ()


def clean(flavour: str, claims: Any) -> Claims:
    """A config's claims, checked and as they are kept. Raises Malformed, saying what is wrong.

    flavour: github, gitlab, circleci or any. claims: as `npm trust` sends them, or the website's form.
    """
    if not isinstance(claims, dict):
        raise Malformed("claims is not an object")
    return FLAVOURS[flavour].clean(claims)


def differences(flavour: str, wanted: Claims, pinned: Claims, shown: Claims) -> list[Difference]:
    """Everything in which an identity differs from a config; empty when it is that workflow.

    wanted: the config's claims. pinned: what was remembered at its first use. shown: the identity's verified claims.
    """
    found = list(FLAVOURS[flavour].differences(wanted, shown))
    found += [
        Difference(claim, f"{was}, as at the first use", _text(shown.get(claim)))
        for claim, was in pinned.items()
        if _text(shown.get(claim)) != was
    ]
    found += [Difference(claim, "some value", "") for claim in FLAVOURS[flavour].pins if not _text(shown.get(claim))]
    return found


def pins(flavour: str, shown: Claims) -> Claims:
    """What is remembered of an identity at the first use of its config: ids that outlive names."""
    return {claim: _text(shown[claim]) for claim in FLAVOURS[flavour].pins}


def summary(flavour: str, claims: Claims) -> str:
    """A config in one line, for lists."""
    match flavour:
        case "github":
            line = f"{claims['repository']}, {claims['workflow_ref']['file']}"
        case "gitlab":
            line = f"{claims['project_path']}, {claims['ci_config_ref_uri']['file']}"
        case "circleci":
            line = claims[f"{CIRCLE}vcs-origin"]
        case _:
            return ", ".join(f"{claim} is {value}" for claim, value in claims.items())
    return line + (f", environment {claims['environment']}" if claims.get("environment") else "")


# --- GitHub Actions ----------------------------------------------------------------------------------------------


def _clean_github(claims: Claims) -> Claims:
    _only(claims, "repository", "workflow_ref", "environment")
    repository = _required(claims, "repository", _REPOSITORY, "owner/name")
    file = _required(_object(claims, "workflow_ref"), "file", _WORKFLOW, "the name of a file in .github/workflows")
    return {"repository": repository, "workflow_ref": {"file": file}} | _environment(claims)


def _differences_github(wanted: Claims, shown: Claims) -> Iterator[Difference]:
    repository, file = wanted["repository"], wanted["workflow_ref"]["file"]
    if _text(shown.get("repository")).lower() != repository.lower():  # GitHub's names have no case
        yield Difference("repository", repository, _text(shown.get("repository")))
    # The workflow that was started; a reusable one that it calls is the repository's own choice.
    started, place = _text(shown.get("workflow_ref")), f"/.github/workflows/{file}@"
    if not (started.lower().startswith(repository.lower()) and started[len(repository) :].startswith(place)):
        yield Difference("workflow_ref", f"{repository}{place}…", started)
    environment = wanted.get("environment", "")
    if environment and _text(shown.get("environment")).lower() != environment.lower():
        yield Difference("environment", environment, _text(shown.get("environment")))
    event = _text(shown.get("event_name"))
    if not event or event in OUTSIDE_EVENTS:
        yield Difference("event_name", "an event that only people with write access cause, such as push", event)


# --- GitLab CI/CD ------------------------------------------------------------------------------------------------


def _clean_gitlab(claims: Claims) -> Claims:
    _only(claims, "project_path", "ci_config_ref_uri", "environment")
    project = _required(claims, "project_path", _PROJECT, "group/project")
    file = _required(_object(claims, "ci_config_ref_uri"), "file", _PIPELINE, "a file such as .gitlab-ci.yml")
    return {"project_path": project, "ci_config_ref_uri": {"file": file}} | _environment(claims)


def _differences_gitlab(wanted: Claims, shown: Claims) -> Iterator[Difference]:
    project, file = wanted["project_path"], wanted["ci_config_ref_uri"]["file"]
    if _text(shown.get("project_path")).lower() != project.lower():
        yield Difference("project_path", project, _text(shown.get("project_path")))
    at, place = f"{_text(shown.get('iss')).partition('://')[2]}/{project}".lower(), f"//{file}@"
    started = _text(shown.get("ci_config_ref_uri"))
    if not (started.lower().startswith(at) and started[len(at) :].startswith(place)):
        yield Difference("ci_config_ref_uri", f"{at}{place}…", started)
    environment = wanted.get("environment", "")
    if environment and _text(shown.get("environment")) != environment:
        yield Difference("environment", environment, _text(shown.get("environment")))
    source = _text(shown.get("pipeline_source"))
    if not source or source in OUTSIDE_PIPELINES:
        yield Difference("pipeline_source", "no merge request", source)


# --- CircleCI ----------------------------------------------------------------------------------------------------


def _clean_circleci(claims: Claims) -> Claims:
    ids = [f"{CIRCLE}{name}" for name in ("org-id", "project-id", "pipeline-definition-id")]
    contexts = claims.get(f"{CIRCLE}context-ids", [])
    _only(claims, *ids, f"{CIRCLE}vcs-origin", f"{CIRCLE}context-ids")
    found: Claims = {claim: _required(claims, claim, _UUID, "a UUID") for claim in ids}
    found[f"{CIRCLE}vcs-origin"] = _required(claims, f"{CIRCLE}vcs-origin", _ORIGIN, "github.com/owner/name")
    if not isinstance(contexts, list) or len(contexts) > MAX_CLAIMS:
        raise Malformed(f"context-ids is a list of at most {MAX_CLAIMS} UUIDs")
    if contexts:
        listed = [_required({"context-ids": each}, "context-ids", _UUID, "a list of UUIDs") for each in contexts]
        found[f"{CIRCLE}context-ids"] = sorted(set(listed))
    return found


def _differences_circleci(wanted: Claims, shown: Claims) -> Iterator[Difference]:
    for claim, value in wanted.items():
        got = shown.get(claim)
        if claim == f"{CIRCLE}context-ids":
            given = {_text(each) for each in got} if isinstance(got, list) else set()
            if not set(value) <= given:
                yield Difference(claim, ", ".join(value), ", ".join(sorted(given)))
        elif _text(got).lower() != value.lower():
            yield Difference(claim, value, _text(got))
    if shown.get(f"{CIRCLE}ssh-rerun") is not False:
        yield Difference(
            f"{CIRCLE}ssh-rerun", "false: nobody is logged in to the job", _text(shown.get(f"{CIRCLE}ssh-rerun"))
        )


# --- any other provider ------------------------------------------------------------------------------------------


def _clean_any(claims: Claims) -> Claims:
    if not 1 <= len(claims) <= MAX_CLAIMS or any(name in ("iss", "aud", "exp", "iat", "nbf", "jti") for name in claims):
        raise Malformed(f"name 1 to {MAX_CLAIMS} claims that tell the workflow, such as sub; not iss, aud or times")
    if not all(0 < len(name) <= 100 and isinstance(value, str) and value for name, value in claims.items()):
        raise Malformed("each claim has a name and a text that it has to be")
    return {name: _required(claims, name, re.compile(r"[^\0-\x1f]+"), "a text") for name in claims}


def _differences_any(wanted: Claims, shown: Claims) -> Iterator[Difference]:
    for claim, value in wanted.items():
        if _text(shown.get(claim)) != value:
            yield Difference(claim, value, _text(shown.get(claim)))


FLAVOURS = {
    "github": Flavour(_clean_github, _differences_github, ("repository_id", "repository_owner_id")),
    "gitlab": Flavour(_clean_gitlab, _differences_gitlab, ("project_id", "namespace_id")),
    "circleci": Flavour(_clean_circleci, _differences_circleci),
    "any": Flavour(_clean_any, _differences_any),
}


def _text(value: Any) -> str:
    # Providers write numbers and truth values as themselves or as text; lists and objects are equal to nothing.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


def _only(claims: Claims, *known: str) -> None:
    if unknown := sorted(set(claims) - set(known)):
        raise Malformed(f"unknown claim: {unknown[0][:100]}")


def _object(claims: Claims, name: str) -> Claims:
    value = claims.get(name)
    if not isinstance(value, dict):
        raise Malformed(f'{name} is an object like {{"file": "publish.yml"}}')
    _only(value, "file")
    return value


def _required(claims: Claims, name: str, shape: re.Pattern[str], words: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or len(value) > MAX_TEXT or not shape.fullmatch(value):
        raise Malformed(f"{name} is {words}")
    return value


def _environment(claims: Claims) -> Claims:
    if claims.get("environment") in (None, ""):
        return {}
    return {"environment": _required(claims, "environment", re.compile(r"[^\0-\x1f]+"), "a text")}
