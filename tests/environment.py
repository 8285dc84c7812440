"""Loaded by pytest before the settings: tests never touch a person's own data folder."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="test-data-")
os.mkdir(os.path.join(os.environ["DATA_DIR"], "static"))
os.environ.pop("PUBLIC_URL", None)
os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"
os.environ.setdefault("STORAGE_RESERVE_MB", "0")  # a machine with little space left fails no test by that
