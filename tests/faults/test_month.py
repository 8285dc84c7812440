"""The month of a company, in a short form: FAULTS_DAYS says how many days it has, FAULTS_SEED which ones."""

from __future__ import annotations

import os

import pytest

from tests.faults import harness
from tests.faults.month import Month
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
