"""One page of a long list, named by the address."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.paginator import Page
from django.db.models import QuerySet

from registry_site.paging import BoundedPaginator

MOST_PAGES = 50


def page_of(
    request,
    items: QuerySet | Sequence,
    size: int,
    *,
    count: int | None = None,
    most_pages: int = MOST_PAGES,
    name: str = "page",
) -> Page:
    """The page that `?page=` asks for, or the nearest there is.

    count: how many items there are in all, where that is known already; else they are counted up to the last page.
    most_pages: how far one can leaf; beyond that one narrows the list down. name: of the word in the address.
    """
    number = request.GET.get(name, "")
    number = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 1
    paginator = BoundedPaginator(items, size)
    paginator.most_pages = most_pages
    if count is not None:
        paginator.count = count
    return paginator.get_page(number)
