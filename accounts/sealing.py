"""Secrets that have to be used again are kept encrypted: a copy of the database alone shows none of them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet
from django.conf import settings


def seal(purpose: str, text: str) -> str:
    """Encrypt a secret for the database. purpose: what it is for; each purpose has a key of its own."""
    return _cipher(purpose, settings.SECRET_KEY).encrypt(text.encode()).decode()


def unseal(purpose: str, sealed: str) -> str:
    """The secret that `seal` was given, with the same purpose and the same SECRET_KEY.

    Raises cryptography.fernet.InvalidToken when the key is another one.
    """
    return _cipher(purpose, settings.SECRET_KEY).decrypt(sealed.encode()).decode()


@cache
def _cipher(purpose: str, secret: str) -> Fernet:
    key = hashlib.sha256(f"{purpose}:{secret}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
