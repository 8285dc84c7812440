"""The files of a version: folders, one file with its lines, and its bytes."""

from __future__ import annotations

from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from packages import access, files, highlighting
from packages.access import Action
from packages.diffs import visible
from packages.models import Version
from packages.views import context
from packages.views.paging import page_of
from registry_site.errors import Invalid

WHOLE_TREE = 300  # files up to which one page shows them all, folder in folder
LEVELS = 8
A_PAGE = 200
NUMBERS_OFFERED = 300
# Bytes of strangers: they run nowhere, whatever a browser takes them for.
SANDBOX = "sandbox; default-src 'none'"
PEEKED = 8192


def tree(request, name: str, number: str = "", path: str = "") -> HttpResponse:
    """A folder of a version, or one of its files; of the latest version where the address names none."""
    found, shared = context.of_package(request, name, "code", number)
    if (wanted := request.GET.get("version", "").replace("\0", "")) and not number:
        return _other_version(request, context.version_of(found, wanted, shared["shelf"]))
    version = shared["version"]
    if version.pk is None:
        return render(request, "pages/mirror_unfetched.html", shared | {"numbers": version.number})
    numbers = found.versions.listed().values_list("number", flat=True)[:NUMBERS_OFFERED]
    shared |= {"path": path, "crumbs": _crumbs(path), "numbers": _with(list(numbers), version.number)}
    try:
        listed = files.listing(version)
    except Invalid as refusal:
        return render(request, "pages/package_code.html", shared | {"unread": refusal.message})
    shared |= _file(version, listed, path) if path in listed else _folder(request, listed, path)
    return render(request, "pages/package_code.html", shared)


def raw(request, name: str, number: str, path: str) -> HttpResponse:
    """The bytes of one file: text as plain text, anything else to be saved; never a page of this site."""
    access.find(request.actor, Action.DOWNLOAD, name)
    _, shared = context.of_package(request, name, "code", number)
    version = shared["version"]
    if version.pk is None:
        return redirect("package-version-code", name, number)
    size = files.size(files.listing(version), path)
    pieces = files.stream(version, path)
    first = next(pieces, b"")
    is_text = b"\0" not in first[:PEEKED] and _is_utf8(first)
    answer = StreamingHttpResponse(
        chain([first], pieces), content_type="text/plain; charset=utf-8" if is_text else "application/octet-stream"
    )
    answer["Content-Length"] = size
    answer["Content-Disposition"] = content_disposition_header(not is_text, path.rpartition("/")[2])
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = SANDBOX
    return answer


def _other_version(request, version: Version) -> HttpResponse:
    path = request.GET.get("path", "") if version.pk else ""  # the same place, where the other version has it
    try:
        listed = files.listing(version) if path else {}
    except Invalid:
        listed = {}
    if path in listed or any(each.startswith(f"{path}/") for each in listed):
        return redirect("package-file", version.package.name, version.number, path)
    return redirect("package-version-code", version.package.name, version.number)


def _folder(request, listed: dict[str, files.File], path: str) -> dict:
    whole = len(listed) <= WHOLE_TREE
    folder = files.folder(listed, path, LEVELS if whole else 1)
    found = {"folder": folder, "is_whole": whole}
    if not whole:
        found["page"] = page_of(request, [*folder.folders, *folder.files], A_PAGE)
    return found


def _file(version: Version, listed: dict[str, files.File], path: str) -> dict:
    file = listed[path]
    found = {"file": file, "note": "", "source": None}
    if file.size > highlighting.MAX_SHOWN:
        return found | {"note": "This file is too large to be shown here."}
    data = files.read(version, path, highlighting.MAX_SHOWN)
    source = highlighting.source(data or b"", path)
    if source is None:
        return found | {"note": "This file is no text; nothing of it is shown here."}
    return found | ({"source": source} if source.lines else {"note": "This file is empty."})


def _crumbs(path: str) -> list[tuple[str, str]]:
    parts = path.split("/") if path else []
    return [(visible(part), "/".join(parts[: at + 1])) for at, part in enumerate(parts)]


def _with(numbers: list[str], number: str) -> list[str]:
    return numbers if number in numbers else [*numbers, number]


def _is_utf8(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError as error:
        return error.start > len(piece) - 4  # the piece may end within a character
    return True
