"""Every refusal this product knows, in its own words, and the one table that turns them into HTTP."""

from __future__ import annotations


class Refusal(Exception):
    """Something was asked that will not be done; the message says what to do next, in lower case, for a terminal."""

    code = "refused"
    seconds: int | None = None

    def __init__(self, message: str, *, code: str = "", seconds: int | None = None) -> None:
        """seconds: after which the same request may succeed, for the header `Retry-After`; None where nobody knows."""
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.seconds = type(self).seconds if seconds is None else seconds


class Malformed(Refusal):
    """The bytes are not what this route reads: not JSON, cut off, the wrong shape."""

    code = "malformed"


class Invalid(Refusal):
    """It was read, and it breaks a rule: a bad name, a bad version, a manifest that differs from its tarball."""

    code = "invalid"


class SignInRequired(Refusal):
    """Nobody is signed in and somebody has to be."""

    code = "sign_in_required"


class BadCredential(Refusal):
    """A credential was shown and it is wrong, expired or revoked."""

    code = "bad_credential"


class OneTimePassRequired(Refusal):
    """The person has two-factor on: this needs a one-time password, or an approval in the browser.

    npm knows the challenge by its header, yarn and old npm by the words "one-time pass" in the sentence.
    """

    code = "otp"


class StepUpRequired(Refusal):
    """A session's person has to show once more who they are: this touches the safety of their account."""

    code = "step_up"


class PaymentRequired(Refusal):
    """Private packages need a paid scope here (`PRIVATE_PACKAGES=subscribers`)."""

    code = "payment_required"


class NotAllowed(Refusal):
    """It may be seen, and this may not be done with it."""

    code = "not_allowed"


class AlreadyPublished(Refusal):
    """The version number was used before; npm's clients expect 403 here, because 409 makes old ones merge and retry."""

    code = "already_published"


class NotFound(Refusal):
    """It does not exist, or it is hidden from whoever asks: the same words for both."""

    code = "not_found"


class Conflict(Refusal):
    """It changed meanwhile, or it exists already: look again and repeat."""

    code = "conflict"


class Quarantined(Refusal):
    """An operator took the version off the list; whoever may read the package is told why."""

    code = "quarantined"


class Held(Refusal):
    """A rule for versions of the upstream registry holds it back; the message says which one, and until when."""

    code = "rule"


class LengthRequired(Refusal):
    """A body came without a Content-Length."""

    code = "length_required"


class TooSlow(Refusal):
    """The body came so slowly that it was not waited for."""

    code = "too_slow"


class OverQuota(Refusal):
    """A scope keeps as much here as it may; the message names the limit and what is used."""

    code = "quota"


class TooLarge(Refusal):
    """The body is over a limit; the message names the limit."""

    code = "too_large"


class UnsupportedEncoding(Refusal):
    """The body is compressed and this route reads plain bodies only."""

    code = "unsupported_encoding"


class TooManyRequests(Refusal):
    """Slow down; the message says for how long."""

    code = "too_many_requests"
    seconds = 60


class Unavailable(Refusal):
    """Our fault, and passing: the same request later may well succeed."""

    code = "unavailable"
    seconds = 5


class ReadOnly(Unavailable):
    """The registry takes no changes for a while; the message says why, and until when where that is known."""

    code = "read_only"
    seconds = 60


class UpstreamFailed(Refusal):
    """The upstream registry answered, and what it said cannot be used."""

    code = "upstream_failed"


STATUS: dict[type[Refusal], int] = {
    Malformed: 400,
    SignInRequired: 401,
    BadCredential: 401,
    OneTimePassRequired: 401,
    StepUpRequired: 401,
    PaymentRequired: 402,
    NotAllowed: 403,
    AlreadyPublished: 403,
    NotFound: 404,
    TooSlow: 408,
    Conflict: 409,
    LengthRequired: 411,
    TooLarge: 413,
    OverQuota: 413,
    UnsupportedEncoding: 415,
    Invalid: 422,
    TooManyRequests: 429,
    Quarantined: 451,
    Held: 451,
    UpstreamFailed: 502,
    Unavailable: 503,
}


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal; a subclass answers as its nearest listed parent."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)
