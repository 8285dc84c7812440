"""How gunicorn serves the registry: threads, loopback, and the background worker beside it, unless that runs apart."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from registry_site import draining, sole, spool

port = os.environ.get("PORT", "8000")
host = os.environ.get("BIND", "127.0.0.1")
bind = [f"{host}:{port}"]
worker_class = "registry_site.serving.Worker"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 16
keepalive = 65
timeout = 120  # seconds a worker may be silent; threads that stream keep it alive
graceful_timeout = 20
preload_app = False
accesslog = None
loglevel = "warning"
control_socket_disable = True
forwarded_allow_ips = ""  # which proxies to believe is TRUSTED_PROXY_COUNT's to say, in the application

data = Path(os.environ.get("DATA_DIR") or "var").resolve()
metrics = data / "metrics" / port  # counts of all processes
_stopping = threading.Event()


def on_starting(server):
    try:
        sole.hold(os.environ)
    except sole.Taken as error:
        sys.exit(str(error))


def when_ready(server):
    """Start the background worker, and start it again should it die."""
    draining.prepare(server, float(os.environ.get("DRAIN_SECONDS") or 0), metrics)
    print(
        f"Listening on http://localhost:{port}/ - the registry is http://localhost:{port}/npm/ - Ctrl-C stops it",
        flush=True,
    )
    threading.Thread(target=_keep_spool_clear, daemon=True).start()
    if (os.environ.get("WORKER") or "beside") == "beside":
        threading.Thread(target=_keep_worker, daemon=True).start()


def on_exit(server):
    sole.let_go()
    _stopping.set()
    if _worker is not None and _worker.poll() is None:
        _worker.terminate()
        try:
            _worker.wait(10)
        except subprocess.TimeoutExpired:
            _worker.kill()


def child_exit(server, worker):
    draining.gone(metrics, worker.pid)


def _keep_spool_clear():
    # Each host has its own, and the daily job that sweeps runs on one of them.
    while True:
        spool.clear(data / "spool")
        if _stopping.wait(60 * 60):
            return


_worker = None


def _keep_worker():
    global _worker
    command = [sys.executable, "manage.py", "work", "--beside", str(os.getpid())]
    while not _stopping.is_set():
        _worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _worker.wait()
        _stopping.wait(2)
