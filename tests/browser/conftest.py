from tests.live import *  # noqa: F403 - the fixtures of a running registry
