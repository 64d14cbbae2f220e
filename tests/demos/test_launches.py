"""How many launches, copies and waits a training step needs, counted on the stand-in for CuPy.

The time of a step of a small model is the time of its launches: Python takes some microseconds for
each, however little the kernel computes. A wait costs more: after it, the GPU has nothing to do
until Python launches the next kernel. So do copies between CPU and GPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.demos.processes import DEMOS

# Counts the second step, since the first one fills caches, and then a clipping of its gradients.
COUNT = """
import json, sys
import _benchmark_tinygen
from cupy_counts import counting
from tinygen import optim

step = _benchmark_tinygen.STEPS[sys.argv[1]](device="cuda")
step()
with counting() as counts:
    step()
parameters = [p for network in step.networks.values() for p in network.parameters()]
with counting() as clipping:
    optim.clip_grad_norm_(parameters, 1.0)
result = {"table": counts.table()}
for kind in ("launches", "copies", "waits"):
    result[kind] = getattr(counts, kind).total()
    result["clipping " + kind] = getattr(clipping, kind).total()
print(json.dumps(result))
"""

MOST_LAUNCHES = {"mlp_vae": 60, "conv_vae": 120, "dcgan": 450, "ddpm_unet": 500}


@pytest.fixture(scope="module", params=MOST_LAUNCHES)
def counts(request):
    """The counts of one step: launches, copies and waits, and those of clipping its gradients."""
    folders = [str(DEMOS), str(DEMOS.parent), str(DEMOS.parent / "tests" / "fake_cupy")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", COUNT, request.param]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {"name": request.param, **json.loads(result.stdout)}


def test_a_step_launches_few_kernels(counts):
    assert 0 < counts["launches"] <= MOST_LAUNCHES[counts["name"]], counts["table"]


def test_a_step_neither_waits_nor_copies(counts):
    assert counts["waits"] == counts["copies"] == 0, counts["table"]


def test_gradients_are_clipped_with_at_most_one_wait(counts):
    """It returns their norm as a number, so it has to wait for the GPU once."""
    assert counts["clipping waits"] <= 1 and counts["clipping copies"] <= 1
    assert counts["clipping launches"] <= 4  # squares, their sum (2), the scaling
