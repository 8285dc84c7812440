"""The product's settings, without two things that cost much and that no test is about: hashing, and waiting for a disk.

One hash of a password takes a quarter of a second of all that a processor has, and each test signs its people up; a
commit waits until the disk has it, for the day on which the power fails. What `make serve` starts does both as it
should: tests/mission/test_readme_walk.py.
"""

from registry_site.settings import *  # noqa: F403
from registry_site.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if "sqlite" in DATABASES["default"]["ENGINE"]:
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
