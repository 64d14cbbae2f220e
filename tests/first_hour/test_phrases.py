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
    programs,
    reductions,
    shapes,
    training,
)
from tests.first_hour.layers import LAYERS
from tests.first_hour.phrases import check_against_numpy, check_against_torch, check_layer, torch
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
    programs,
    reductions,
    shapes,
    training,
]
ROWS = {row.name: row for page in PAGES for row in page.ROWS}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.numpy])
def test_as_numpy(name):
    check_against_numpy(ROWS[name])


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.torch])
def test_as_pytorch(name):
    check_against_torch(ROWS[name])


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layers_with_weights_of_pytorch(layer):
    check_layer(layer)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refused_with_advice(refusal):
    with pytest.raises(refusal.error, match=re.escape(refusal.words)):
        refusal.call()


def test_the_table_is_large_and_each_row_has_another_column():
    rows = [row for page in PAGES for row in page.ROWS]
    assert len(rows) == len(ROWS)  # no name twice
    assert len(rows) + len(LAYERS) + len(REFUSALS) >= 400
    assert all(row.numpy or row.torch for row in rows)
