"""Readmes: Markdown in, nothing that runs or loads out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from packages import readmes

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>1</script></svg>",
    "<a href=javascript:alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](javascript:alert(1))",
    "<iframe src=https://example.com></iframe>",
    "<form action=/settings/tokens method=post><button>x</button></form>",
    '<div hx-get="/settings/tokens" hx-trigger="load" data-hx-post="/x">x</div>',
    '<p style="position:fixed;inset:0">x</p>',
    "<style>body{display:none}</style>",
    '<link rel=stylesheet href="https://example.com/x.css">',
    '<meta http-equiv=refresh content="0;url=https://example.com">',
    "<base href=https://example.com>",
    "<object data=x></object><embed src=x>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '```"><script>alert(1)</script>\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "<h1 id=csrfmiddlewaretoken class=dialog onclick=x()>x</h1>",
    "<input name=csrfmiddlewaretoken><textarea name=x>",
    "<template shadowrootmode=open><slot></slot></template>",
    "<custom-element is=x></custom-element>",
]
TAGS = set(
    "script style iframe form input button img svg object embed link meta base template textarea math noscript".split()
)
ATTRIBUTES = re.compile(r"on\w+|style|srcdoc|hx-.*|data-.*|formaction|src|name")
SCHEMES = re.compile(r"\s*(?:javascript|data|vbscript)", re.IGNORECASE)


class Reader(HTMLParser):
    """What a browser would find in rendered HTML that runs, loads or sends something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.dangers: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in TAGS:
            self.dangers.append(tag)
        for name, value in attrs:
            if ATTRIBUTES.fullmatch(name) or (name == "href" and SCHEMES.match(value or "")):
                self.dangers.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("frame", ["{}", "> {}", "- {}", "# {}", "| a |\n|---|\n| {} |", "<div>\n\n{}\n\n</div>"])
def test_nothing_that_runs_or_loads_survives(attack, frame):
    assert Reader(readmes.render(frame.format(attack))).dangers == []


@settings(max_examples=150, deadline=None)
@example(["<script>alert(1)</script>", "<a href=", "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>"])
@given(
    st.lists(
        st.sampled_from([*ATTACKS, "\n", "`", "<", ">", '"', "](", "&", "\0", "[x]", "<a href=", "\u202e"]), max_size=8
    )
)
def test_no_mixture_of_them_survives_either(parts):
    assert Reader(readmes.render("".join(parts))).dangers == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*hello* `x`", "<p><em>hello</em> <code>x</code></p>"),
        ("a | b\n--|--\n1 | 2", "<td>1</td>"),
        ("~~x~~", "<s>x</s>"),
        ("- [x] done", "☑ done</li>"),
        ("# Usage", '<h1 id="user-content-usage">Usage</h1>'),
        ("[u](#usage)", 'href="#user-content-usage"'),
        ("[x](https://example.com)", 'rel="noopener noreferrer nofollow ugc"'),
        ("![logo](https://example.com/x.png)", '<a href="https://example.com/x.png"'),
        ("```js\nlet x = 1\n```", 'class="highlight"'),
        ("<details><summary>more</summary>x</details>", "<details><summary>more</summary>"),
    ],
)
def test_what_readmes_are_written_in_works(text, html):
    assert html in readmes.render(text)


def test_two_headings_of_one_text_have_ids_of_their_own():
    assert re.findall('id="([^"]+)"', readmes.render("# A\n# A\n## A")) == [
        "user-content-a",
        "user-content-a-1",
        "user-content-a-2",
    ]


@pytest.mark.parametrize("link", ["./docs/x.md", "/settings/tokens", "../x", "//example.com/x", "x.md", "?q=1"])
def test_a_path_in_the_authors_repository_leads_nowhere_here(link):
    assert "href" not in readmes.render(f"[x]({link})")


def test_controls_that_turn_text_around_are_dropped():
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", readmes.render("a\u202eb\u2066c"))


def test_a_long_readme_is_cut_and_its_highlighting_stops():
    html = readmes.render("x" * (readmes.MAX_RENDERED + 1000))
    assert html.count("x") == readmes.MAX_RENDERED
    assert "highlight" not in readmes.render("```js\n" + "x;" * readmes.MAX_HIGHLIGHTED + "\n```")


@pytest.mark.parametrize(
    "text", ["[" * 5000, "> " * 3000 + "x", "*" * 5000, "- " * 2000 + "x", "<div>" * 5000, "`" * 5001, "![" * 3000]
)
def test_deep_nesting_ends_in_an_answer(text):
    assert isinstance(readmes.render(text), str)


def test_the_page_shows_the_readme_and_runs_nothing_of_it(client, publish, uma):
    publish(
        uma, "@uma/x", access="public", files={"README.md": "# Hi\n<script>alert('x9')</script>\n[a](javascript:x9)\n"}
    )
    page = client.get("/package/@uma/x", headers={"accept": "text/html"})
    assert 'id="user-content-hi"' in page.content.decode()
    assert "alert('x9')" not in page.content.decode()
    assert 'href="javascript:' not in page.content.decode()
    assert "script-src 'self'" in page["Content-Security-Policy"]


LINKS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "//example.com/x",
    "file:///etc/passwd",
    "https://u:p@example.com/x",
]


@pytest.mark.parametrize("field", ["homepage", "repository", "bugs"])
@pytest.mark.parametrize("value", [*LINKS, "https://example.com/" + "x" * 3000, ["https://example.com"], {"url": 5}])
def test_a44_an_odd_link_in_a_manifest_is_not_linked(client, publish, uma, field, value):
    publish(uma, "@uma/x", access="public", **{field: {"url": value} if field == "repository" else value})
    page = client.get("/package/@uma/x", headers={"accept": "text/html"})
    assert page.status_code == 200
    for link in LINKS:
        assert f'href="{link}' not in page.content.decode()


@pytest.mark.parametrize("license", [{"type": "MIT"}, "x" * 100_000, ["MIT"], "<b>MIT</b>", 5])
def test_a45_an_odd_license_is_text(client, publish, uma, license):
    publish(uma, "@uma/x", access="public", license=license)
    page = client.get("/package/@uma/x", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert b"<b>MIT</b>" not in page.content
    assert b"x" * 257 not in page.content


FILES = ["README.md", "docs/a guide.md", "src/index.js", "assets/logo.png"]


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("src/index.js", "/code/src/index.js"),
        ("./src/index.js#L3", "/code/src/index.js"),
        ("/src/index.js?raw=true", "/code/src/index.js"),
        ("docs/../src", "/code/src"),
        ("docs/a%20guide.md", "/code/docs/a%20guide.md"),
        ("missing.md", None),
        ("../src/index.js", None),
        ("//src/index.js", None),
        ("/\\\\example.com", None),
        ("\x01/src/index.js", "/code/src/index.js"),
        (".", None),
    ],
)
def test_links_to_files_of_the_package_lead_to_them(link, leads_to):
    html = readmes.linked(readmes.render(f"[x](<{link}>)", FILES), "/code/")
    assert (f'href="{leads_to}"' if leads_to else "href") in html or leads_to is None
    assert ("href" in html) is (leads_to is not None)


def test_images_of_the_package_are_links_to_them():
    html = readmes.linked(readmes.render('![logo](assets/logo.png) <a href="docs">d</a>', FILES), "/code/")
    assert 'href="/code/assets/logo.png"' in html
    assert 'href="/code/docs"' in html


def test_a_stored_readme_leads_nowhere_by_itself_and_text_never_makes_a_link():
    assert "/code/" not in readmes.linked(readmes.render("[x](src/index.js)"), "/code/")
    html = readmes.linked(readmes.render('href="\x01/x &#1;/y `href="&#1;/z`', FILES), '/"><b>')
    assert "<b>" not in html
