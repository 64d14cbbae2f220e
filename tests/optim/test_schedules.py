"""Learning-rate schedules and LRSchedule."""

import numpy as np
import pytest

from tinygen import optim, tensor


@pytest.fixture
def optimizer():
    return optim.Adam([tensor(np.zeros(3), requires_grad=True)], lr=3e-3)


def test_linear_decay_falls_in_a_line_and_stays():
    factors = [optim.linear_decay(step, steps=4, final_factor=0.2) for step in (0, 1, 2, 4, 9)]
    assert factors == pytest.approx([1, 0.8, 0.6, 0.2, 0.2])


def test_cosine_decay_falls_along_half_a_cosine_and_stays():
    factors = [optim.cosine_decay(step, steps=4) for step in (0, 1, 2, 4, 5)]
    assert factors == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, 0, 0])
    assert optim.cosine_decay(3, steps=3, final_factor=0.1) == pytest.approx(0.1)


def test_warmup_cosine_rises_in_a_line_and_then_decays():
    factors = [
        optim.warmup_cosine(step, warmup_steps=4, steps=8, final_factor=0.5) for step in range(10)
    ]
    above, below = 0.75 + 0.25 * 0.5**0.5, 0.75 - 0.25 * 0.5**0.5
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1, 1, above, 0.75, below, 0.5, 0.5])
    assert optim.warmup_cosine(0, warmup_steps=0, steps=3) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: optim.linear_decay(0, steps=0),
        lambda: optim.cosine_decay(-1, steps=3),
        lambda: optim.warmup_cosine(0, warmup_steps=3, steps=3),
    ],
)
def test_steps_outside_the_range_raise(call):
    with pytest.raises(ValueError, match="steps="):
        call()


def test_lr_schedule_multiplies_the_lr_of_the_constructor(optimizer):
    other = optim.SGD(optimizer.parameters, lr=0.5)
    schedule = optim.LRSchedule([optimizer, other], optim.cosine_decay, steps=7)
    for step in (0, 5, 2, 7):  # in any order: it has no state
        schedule.set(step)
        assert optimizer.lr == 3e-3 * optim.cosine_decay(step, steps=7)
        assert other.lr == 0.5 * optim.cosine_decay(step, steps=7)
    optimizer.lr = 1.0  # as a checkpoint would
    optim.LRSchedule(optimizer, lambda step: 0.5).set(0)
    assert optimizer.lr == 3e-3 * 0.5


def test_lr_schedule_refuses_what_is_no_optimizer_function_or_factor(optimizer):
    with pytest.raises(TypeError, match="needs an Optimizer"):
        optim.LRSchedule(3e-3, lambda step: 1.0)
    with pytest.raises(TypeError, match="factor is a float, not a function"):
        optim.LRSchedule(optimizer, 0.5)
    with pytest.raises(ValueError, match="factor=-0.5"):
        optim.LRSchedule(optimizer, lambda step: -0.5).set(0)
    assert optimizer.lr == 3e-3
