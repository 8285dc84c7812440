"""The files of a version in the browser: a tree, one file, its bytes; and two versions side by side."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.utils.html import strip_tags

from packages import blobs, files, releases
from packages.models import Package, Version
from packages.packuments import revision_of
from packages.views import code as code_pages
from registry_site.errors import Invalid, NotFound
from tests.tools.sessions import sign_in

NAME = "@uma/tools"
HTML = "<script>alert(1)</script>\n"
FILES = {
    "README.md": "# tools\n",
    "src/index.js": "// one\n/* two\n three */\nlet x = `a\u202eb`\n",
    "src/lib/deep/util.ts": "export const x: number = 1\n",
    "page.html": HTML,
    "<img src=x onerror=alert(1)>.js": "1\n",
    "ü 'quoted\".txt": "text\n",
    "logo.png": "\x89PNG\0\0",
    "empty.txt": "",
    "min.js": "a" * 5_000,
    "big.txt": "x\n" * (300 * 1024),
}
CODE = f"/package/{NAME}/v/1.0.0/code"


@pytest.fixture
def tools(publish, uma) -> Version:
    return publish(uma, NAME, access="public", files=FILES)


def page(client, address: str) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_the_code_tab_shows_every_file_in_its_folder(client, tools):
    for address in (f"/package/{NAME}/code", CODE):
        shown = page(client, address)
        for path in ("src/index.js", "src/lib/deep/util.ts", "logo.png"):
            assert f'href="{CODE}/{path}"' in shown
        assert "11 files" in shown
        assert "&lt;img src=x onerror=alert(1)&gt;.js" in shown
        assert "<img" not in shown
    assert 'href="/package/@uma/tools/v/1.0.0/code/src/lib/deep/util.ts"' in page(client, f"{CODE}/src")


def test_a_version_is_chosen_without_scripts(client, tools, publish, uma):
    publish(uma, NAME, "1.1.0", files={"new.js": "2\n"})
    assert f'href="/package/{NAME}/v/1.1.0/code/new.js"' in page(client, f"/package/{NAME}/code")
    answer = client.get(f"/package/{NAME}/code?version=1.0.0")
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    same = client.get(f"/package/{NAME}/code?version=1.0.0&path=src/lib")["Location"]
    gone = client.get(f"/package/{NAME}/code?version=1.1.0&path=src/lib")["Location"]
    assert (same, gone) == (f"{CODE}/src/lib", f"/package/{NAME}/v/1.1.0/code")
    for odd in ("9.9.9", "a/b", "%00", "//example.com"):
        assert client.get(f"/package/{NAME}/code?version={odd}").status_code in (200, 404)


def test_a_file_is_shown_in_colours_with_a_link_for_each_line(client, tools):
    shown = page(client, f"{CODE}/src/index.js")
    assert 'id="L4"' in shown
    assert 'href="#L4"' in shown
    assert '<span class="c1">// one</span>' in shown
    assert '<span class="cm"> three */</span>' in shown  # a comment of two lines is one on both
    assert "\u202e" not in shown
    assert "`a\\u202eb`" in strip_tags(shown)
    assert "style=" not in shown


def test_markup_in_a_file_is_text(client, tools):
    shown = page(client, f"{CODE}/page.html")
    assert "<script>alert" not in shown
    assert "alert" in shown


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("logo.png", "is no text"),
        ("empty.txt", "is empty"),
        ("big.txt", "too large to be shown"),
        ("min.js", "aaaa"),
    ],
)
def test_what_cannot_be_shown_says_so(client, tools, path, words):
    shown = page(client, f"{CODE}/{path}")
    assert words in shown
    assert f'href="/package/{NAME}/v/1.0.0/raw/{path}"' in shown or path == "empty.txt"


@pytest.mark.parametrize(
    ("path", "kind", "disposition"),
    [
        ("page.html", "text/plain; charset=utf-8", 'inline; filename="page.html"'),
        ("logo.png", "application/octet-stream", 'attachment; filename="logo.png"'),
        ("big.txt", "text/plain; charset=utf-8", 'inline; filename="big.txt"'),
        ("empty.txt", "text/plain; charset=utf-8", 'inline; filename="empty.txt"'),
    ],
)
def test_raw_bytes_are_never_a_page_of_ours(client, tools, path, kind, disposition):
    answer = client.get(f"/package/{NAME}/v/1.0.0/raw/{path}")
    body = answer.getvalue()
    assert body == FILES[path].encode()
    assert answer["Content-Length"] == str(len(body))
    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"] == disposition
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "no-store" in answer["Cache-Control"]


def test_a_name_with_quotes_stays_one_header(client, tools):
    answer = client.get(f"/package/{NAME}/v/1.0.0/raw/%C3%BC%20'quoted%22.txt")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("inline; filename*=utf-8''%C3%BC")


@pytest.mark.parametrize(
    "path",
    [
        "nope.js",
        "src/",
        "src/../package.json",
        "..%2f..%2fetc/passwd",
        "%2e%2e/package.json",
        "/package.json",
        "./package.json",
        "src//index.js",
        "src\\index.js",
        "SRC/index.js",
        "package/package.json",
        "src%00",
    ],
)
def test_c26_a_path_is_a_key_of_the_list_or_nothing(client, tools, path):
    for kind in ("code", "raw"):
        answer = client.get(f"/package/{NAME}/v/1.0.0/{kind}/{path}", headers={"accept": "text/html"})
        assert answer.status_code in (400, 404), (kind, path)


def test_a_folder_has_no_raw_bytes(client, tools):
    assert client.get(f"/package/{NAME}/v/1.0.0/raw/src").status_code == 404


def test_an_unpublished_version_has_no_files_any_more(client, tools, publish, uma):
    publish(uma, NAME, "1.1.0")
    page(client, f"{CODE}/src/index.js")  # its list is kept by now
    package = Package.objects.get()
    releases.unpublish_versions(uma, NAME, frozenset({"1.1.0"}), revision_of(package))
    for address in (CODE, f"{CODE}/src/index.js", f"/package/{NAME}/v/1.0.0/raw/src/index.js"):
        assert client.get(address).status_code == 404
    assert client.get(f"/package/{NAME}/compare/1.0.0...1.1.0").status_code == 404


def test_who_may_not_see_a_package_finds_no_files_of_it(client, publish, uma, dave, gina):
    publish(uma, "@uma/hidden", files=FILES)
    for actor, status in ((uma, 200), (dave, 404)):
        sign_in(client, actor)
        for rest in ("code", "v/1.0.0/code/page.html", "v/1.0.0/raw/page.html", "compare", "compare/1.0.0...1.0.0"):
            assert client.get(f"/package/@uma/hidden/{rest}").status_code == status, (actor.name, rest)


def test_the_list_is_read_once_and_kept(tools, monkeypatch):
    opened = []
    read = blobs.open_blob
    monkeypatch.setattr(blobs, "open_blob", lambda *args: opened.append(args) or read(*args))
    first, second = files.listing(tools), files.listing(tools)
    assert first == second
    assert len(opened) == 1
    caches["listings"].clear()
    assert files.listing(tools) == first


def test_what_is_too_large_is_not_read(client, tools):
    Version.objects.update(unpacked_size=files.MAX_UNPACKED + 1)
    tools.refresh_from_db()
    with pytest.raises(Invalid):
        files.listing(tools)
    assert "too large to be read here" in page(client, CODE)
    assert client.get(f"/package/{NAME}/v/1.0.0/raw/page.html").status_code == 422


def test_a_large_tree_is_shown_level_by_level_and_page_by_page(client, publish, uma, django_assert_max_num_queries):
    many = {f"d{n % 250}/f{n}.js": "1\n" for n in range(500)}
    publish(uma, "@uma/many", access="public", files=many)
    with django_assert_max_num_queries(12):
        shown = page(client, "/package/@uma/many/code")
    assert 'href="/package/@uma/many/v/1.0.0/code/d0"' in shown
    assert "f0.js" not in shown
    assert shown.count('class="tree-row"') == code_pages.A_PAGE
    assert shown.count("Page 1 of 2")
    assert "f0.js" in page(client, "/package/@uma/many/v/1.0.0/code/d0")


def test_a_deep_tree_ends_somewhere():
    listed = {"/".join(["a"] * 1500): files.File(1, 0o644, b"")}
    node = files.folder(listed, "", 8)
    for _ in range(8):
        node = node.folders[0]
    assert (node.count, node.folders, node.files) == (1, [], [])
    with pytest.raises(NotFound):
        files.folder(listed, "b", 8)


def test_two_versions_file_by_file(client, tools, publish, uma, django_assert_max_num_queries):
    changed = {"src/index.js": "// one\n// another\n", "added.js": "1\n"}
    publish(uma, NAME, "1.1.0", files=changed, scripts={"postinstall": "node x.js"}, dependencies={"left-pad": "^1"})
    with django_assert_max_num_queries(12):
        shown = page(client, f"/package/{NAME}/compare/1.0.0...1.1.0")
    for words in (
        "Runs something new",
        "left-pad: ^1",
        "added.js",
        "+// another",
        "smaller when unpacked",
        "/v/1.1.0/code/src/index.js",
    ):
        assert words in shown
    assert "larger when unpacked" in page(client, f"/package/{NAME}/compare/1.1.0...1.0.0")
    assert "to the byte" in page(client, f"/package/{NAME}/compare/1.0.0...1.0.0")


def test_two_versions_are_chosen_without_scripts(client, tools, publish, uma):
    publish(uma, NAME, "1.1.0")
    shown = page(client, f"/package/{NAME}/compare")
    assert "<option selected>1.0.0</option>" in shown
    assert "<option selected>1.1.0</option>" in shown
    answer = client.get(f"/package/{NAME}/compare?from=1.0.0&to=1.1.0")
    assert answer["Location"] == f"/package/{NAME}/compare/1.0.0...1.1.0"
    assert "has no version 9.9.9" in page(client, f"/package/{NAME}/compare?from=1.0.0&to=9.9.9")
    assert "has no version &lt;b&gt;" in page(client, f"/package/{NAME}/compare?from=<b>&to=1.1.0")
    assert client.get(f"/package/{NAME}/compare/1.0.0...9.9.9").status_code == 404
