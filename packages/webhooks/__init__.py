"""Webhooks: addresses that a person wants to be told at when packages change.

messages: what a change of a package is called; overhearing: what happens in orgs and to accounts; both in the change's
own transaction. hearing: who may know. keeping: the hooks a person has, and what they were told. sending, signing: the
messages on their way, by the background worker. docs/webhooks.md says what all this promises.
"""

from packages.webhooks.keeping import add, change, find, mine, pause, redeliver, remove, resume, rotate, say_hello, seen
from packages.webhooks.messages import announce
from packages.webhooks.overhearing import overhear
from packages.webhooks.sending import forget_old

__all__ = [
    "add",
    "announce",
    "change",
    "find",
    "forget_old",
    "mine",
    "overhear",
    "pause",
    "redeliver",
    "remove",
    "resume",
    "rotate",
    "say_hello",
    "seen",
]
