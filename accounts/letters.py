"""What django-allauth writes to people, in our words: by the name that it has for each mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Letter:
    """A mail. Its texts name values of the context in braces.

    button: what its button says, and the name of the address that it opens.
    """

    subject: str
    paragraphs: tuple[str, ...] = ()
    button: tuple[str, str] | None = None


_IGNORE = "If you did not ask for this, do nothing: then nothing happens."
_CONFIRM = Letter(
    "Confirm your e-mail address",
    ("{email} was given as the address of {name} here. Confirm that mail reaches you there.", _IGNORE),
    ("Confirm the address", "activate_url"),
)

LETTERS: dict[str, Letter] = {
    "account/email/email_confirmation": _CONFIRM,
    "account/email/email_confirmation_signup": _CONFIRM,
    "account/email/password_reset_key": Letter(
        "Choose a new password",
        (
            "Somebody, hopefully you, forgot the password of {name}. The link is good once, for an hour.",
            _IGNORE + " Your password stays.",
        ),
        ("Choose a new password", "password_reset_url"),
    ),
    "company_password": Letter(
        "Your password is not kept here",
        (
            "Somebody, hopefully you, forgot the password of {name}. It is the one of {directory}: change it there.",
            _IGNORE,
        ),
    ),
    "account/email/unknown_account": Letter(
        "You have no account with this address",
        ("Somebody asked for a new password with {email}, and no account here has this address.", _IGNORE),
    ),
    "account/email/account_already_exists": Letter(
        "You have an account already",
        ("Somebody tried to make an account with {email}, which has one. If you forgot its password, set a new one.",),
        ("Set a new password", "password_reset_url"),
    ),
}

# What tells of a change of the account: when, from where and what to do about it is added to each.
NEWS: dict[str, str] = {
    "account/email/email_changed": "Your e-mail address is now {to_email}, no longer {from_email}",
    "account/email/email_confirm": "Your e-mail address was confirmed",
    "account/email/email_deleted": "The address {deleted_email} was removed from your account",
    "account/email/password_changed": "Your password was changed",
    "account/email/password_reset": "Your password was reset",
    "account/email/password_set": "A password was set for your account",
    "socialaccount/email/account_connected": "A sign-in with {provider} was connected to your account",
}


def news(name: str, context: dict[str, Any]) -> str:
    """The sentence of a mail about a change, "" for one that nobody is sent."""
    provider = context.get("provider")
    values = {key: str(value) for key, value in context.items()} | ({"provider": provider.name} if provider else {})
    return NEWS.get(name, "").format_map(values)


def filled(letter: Letter, context: dict[str, Any]) -> tuple[str, list[str], tuple[str, str] | None]:
    """Subject, paragraphs and button (what it says, its address) of a letter with these values."""
    values = {key: str(value) for key, value in context.items()}
    if user := context.get("user"):
        values["name"] = user.username
    values.setdefault("name", "your account")
    paragraphs = [paragraph.format_map(values) for paragraph in letter.paragraphs]
    button = (letter.button[0], values[letter.button[1]]) if letter.button else None
    return letter.subject.format_map(values), paragraphs, button
