"""Lists as CSV files that a spreadsheet opens, and in which nothing runs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    def write(self, text: str) -> str:
        return text


def download(name: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """Answer with these rows as the file NAME.csv.

    A cell that a spreadsheet would take for a formula gets a quote before it. rows: read while they are sent.
    """
    return sent(f"{name}.csv", "text/csv; charset=utf-8", lines(head, rows))


def sent(name: str, kind: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """Answer with these lines as a file of this name and content type. lines: read while they are sent."""
    response = StreamingHttpResponse(lines, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def lines(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """These rows as lines of CSV."""
    writer = csv.writer(_Line())  # type: ignore[arg-type]
    yield writer.writerow([safe(each) for each in head])
    for row in rows:
        yield writer.writerow([safe(each) for each in row])


def safe(cell: object) -> str:
    """A cell as text that no spreadsheet runs."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text
