"""Of several processes that prepare at the same moment one does, and the others wait."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from packages.management import alone as module
from packages.management.alone import alone


@pytest.mark.django_db(transaction=True)
def test_the_second_waits_until_the_first_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.01)
    waits, order = threading.Event(), []

    def second() -> None:
        try:
            with alone(tmp_path, waits.set):
                order.append("second")
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with alone(tmp_path, lambda: pytest.fail("nobody else has it")):
        thread.start()
        assert waits.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


@pytest.mark.django_db(transaction=True)
def test_what_breaks_off_lets_go_of_it(tmp_path):
    with pytest.raises(RuntimeError), alone(tmp_path):
        raise RuntimeError
    with alone(tmp_path, lambda: pytest.fail("nobody else has it")):
        pass
