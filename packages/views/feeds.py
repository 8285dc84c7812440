"""Feeds as Atom, and the settings of the key that opens the private ones."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import quote_etag
from django.views.decorators.http import require_POST, require_safe

from accounts.actor import Actor, address_of
from accounts.endpoint import website
from accounts.views.stepping import asks_again
from packages import feed_keys, feeds
from packages.feeds import Feed
from registry_site.htmx import answer

MAX_KEY = 200
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Atom(Atom1Feed):
    """An empty feed says since when there could be entries; the time of the request would be new each time."""

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else self.feed["born"]


@require_safe
def of_package(request, name: str) -> HttpResponse:
    """A package's feed."""
    return _feed(request, feeds.of_package(_reader(request), name))


@require_safe
def of_org(request, org: str) -> HttpResponse:
    """An org's feed."""
    return _feed(request, feeds.of_org(_reader(request), org))


@require_safe
def mine(request) -> HttpResponse:
    """The feed of everything one belongs to."""
    return _feed(request, feeds.of_person(_reader(request)))


# A feed reader has no session: in enterprise mode, too, it is the key that lets it in.
of_package.open_to_all = of_org.open_to_all = mine.open_to_all = True  # type: ignore[attr-defined]


@login_required
@asks_again
def settings(request) -> HttpResponse:
    """The addresses of one's feeds; a POST makes a new key, which is shown once."""
    secret = feed_keys.issue(request.actor) if request.method == "POST" else ""
    return render(request, "pages/settings_feeds.html", {"section": "feeds", "secret": secret} | _key(request))


@require_POST
@login_required
def revoke(request) -> HttpResponse:
    """End one's key."""
    feed_keys.revoke(request.actor)
    notice = {"text": "The key is gone. Addresses with it open nothing any more."}
    return answer(request, "partials/feed_key.html", _key(request), page=reverse("feeds"), notice=notice)


def _key(request) -> dict:
    return {"key": feed_keys.of(request.actor.user), "site": website(request)}


def _reader(request) -> Actor:
    secret = request.GET.get("key", "")
    if secret:
        return feed_keys.reader(secret[:MAX_KEY], address_of(request), request.request_id)
    request.actor.require_admitted()
    return request.actor


def _feed(request, feed: Feed) -> HttpResponse:
    site = website(request)
    atom = _Atom(
        feed.title, site + feed.path, None, language="en", feed_url=site + request.path, born=feed.born
    )  # without the key
    for each in feed.entries:
        atom.add_item(
            _clean(each.title),
            site + each.path,
            _clean(each.text),
            unique_id=f"{site}{feed.path}#{each.key}" if each.key.startswith("event") else site + each.path,
            author_name=_clean(each.author) or None,
            pubdate=each.at,
            updateddate=each.at,
        )
    body = atom.writeString("utf-8").encode()
    etag = quote_etag(hashlib.sha256(body).hexdigest())
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"}
    response = HttpResponse(body, content_type="application/atom+xml; charset=utf-8", headers=headers)
    return get_conditional_response(request, etag=etag, response=response)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("", text)
