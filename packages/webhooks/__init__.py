"""Webhooks: addresses that a person wants to be told at when packages change.

messages: what a change is called, and who is told of it, in the change's own transaction. keeping: the hooks a person
has. sending: the messages on their way, by the background worker.
"""

from packages.webhooks.keeping import add, change, find, mine, pause, redeliver, remove, resume, say_hello, seen
from packages.webhooks.messages import announce

__all__ = [
    "add",
    "announce",
    "change",
    "find",
    "mine",
    "pause",
    "redeliver",
    "remove",
    "resume",
    "say_hello",
    "seen",
]
