"""One page of a long list, named by the address."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

MOST_PAGES = 50


def page_of(request, items: QuerySet | Sequence, size: int, *, count: int | None = None) -> Page:
    """The page that `?page=` asks for, or the nearest there is.

    count: how many items there are in all, where that is known already.
    """
    number = request.GET.get("page", "")
    number = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 1
    paginator = Paginator(items, size)
    if count is not None:
        paginator.count = count
    return paginator.get_page(min(number, MOST_PAGES))
