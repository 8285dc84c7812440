"""Which versions of upstream packages are held back here, for whom, why, and until when.

engine, licenses, values, composing: pure. holding: which rules hold for an actor. sets, exceptions: the verbs.
telling: what a developer reads. showing: what pages show. trial: what a set would have changed.
"""

from packages.rules.composing import Effective
from packages.rules.engine import Hold
from packages.rules.holding import effective
from packages.rules.showing import explain
from packages.rules.telling import nothing_left, refusal, restrictions

__all__ = ["Effective", "Hold", "effective", "explain", "nothing_left", "refusal", "restrictions"]
