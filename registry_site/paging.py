"""Pages of lists that may be very long: what one costs does not depend on how long the list is."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.query import ModelIterable
from django.utils.functional import cached_property


class BoundedPaginator(Paginator):
    """A paginator that counts no further than to its last page, and has no page after that."""

    most_pages = 50

    @property
    def most(self) -> int:
        """How many items it counts, at most; one of them more is enough to know that there are more."""
        return self.per_page * self.most_pages

    @cached_property
    def num_pages(self) -> int:
        """How many pages there are; the last one is followed by none, however many items there are."""
        return min(super().num_pages, self.most_pages)

    @cached_property
    def count(self) -> int:
        """How many items there are, and no more than `most`."""
        items = self.object_list
        if not isinstance(items, QuerySet):
            return min(len(items), self.most)
        if issubclass(items._iterable_class, ModelIterable):
            items = items.values("pk")  # what each carries besides is not worked out
        return items.order_by()[: self.most].count()

    @property
    def is_bounded(self) -> bool:
        """Whether there may be more items than it counts; a page then says `2,500+`."""
        return self.count >= self.most
