"""Run the rows of the phrase book. Without PyTorch its column is skipped."""

import re

import pytest

from tests.first_hour import (
    arithmetic,
    creation,
    elementwise,
    gradients,
    images,
    indexing,
    matrices,
    networks,
    objectives,
    reductions,
    shapes,
)
from tests.first_hour.phrases import check_against_numpy, check_against_torch, torch
from tests.first_hour.refusals import REFUSALS

PAGES = [
    arithmetic,
    creation,
    elementwise,
    gradients,
    images,
    indexing,
    matrices,
    networks,
    objectives,
    reductions,
    shapes,
]
ROWS = {row.name: row for page in PAGES for row in page.ROWS}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.numpy])
def test_as_numpy(name):
    check_against_numpy(ROWS[name])


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.torch])
def test_as_pytorch(name):
    check_against_torch(ROWS[name])


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refused_with_advice(refusal):
    with pytest.raises(refusal.error, match=re.escape(refusal.words)):
        refusal.call()


def test_the_table_is_large_and_each_row_has_another_column():
    rows = [row for page in PAGES for row in page.ROWS]
    assert len(rows) == len(ROWS)  # no name twice
    assert len(rows) + len(REFUSALS) >= 200
    assert all(row.numpy or row.torch for row in rows)
