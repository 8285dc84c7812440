"""The month of a company, in a short form: FAULTS_DAYS says how many days it has, FAULTS_SEED which ones."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults import harness
from tests.faults.month import FAULTS, Month
from tests.tools import fronts

DAYS = 3


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_the_month_of_a_company(mortal, tmp_path):
    if not fronts.is_there("nginx"):
        pytest.skip("nginx is not installed")
    days = int(os.environ.get("FAULTS_DAYS") or DAYS)
    summary = Month(tmp_path, mortal, harness.seed(), days).live()
    print(summary)
    assert summary.moved_in == summary.restored - summary.verdict.acknowledged
    assert summary.verdict.acknowledged > 0
    assert summary.sign_ins == days + 1


def test_the_days_of_a_seed_are_always_the_same():
    """Which faults come follows from the seed, so that a month that failed can be lived again."""
    lived = [[random.Random(7).choice(FAULTS).__name__ for _ in range(9)] for _ in range(2)]
    assert lived[0] == lived[1]
    assert {fault.__name__ for fault in FAULTS} >= set(lived[0])
