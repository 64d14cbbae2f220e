"""What optimizers, schedules and averages print, and what they say to habits from PyTorch."""

import pytest

from tests.nn.blocks import Block
from tinygen import default_rng, nn, optim


@pytest.fixture
def block():
    return Block(default_rng(0))


@pytest.mark.parametrize(
    "make, settings",
    [
        (
            lambda p: optim.SGD(p, 0.1, 0.9),
            "SGD(lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False",
        ),
        (
            lambda p: optim.RMSprop(p),
            "RMSprop(lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0, "
            "centered=False",
        ),
        (
            lambda p: optim.Adam(p, 1e-3, (0.5, 0.999)),
            "Adam(lr=0.001, betas=(0.5, 0.999), eps=1e-08, weight_decay=0.0",
        ),
        (
            lambda p: optim.AdamW(p, 2e-3),
            "AdamW(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01",
        ),
    ],
)
def test_an_optimizer_prints_its_settings_and_the_number_of_parameters(block, make, settings):
    assert repr(make(block.parameters())) == settings + ", 27 parameters in 6 tensors)"


def test_an_optimizer_of_ones_own_prints_what_its_constructor_takes(block):
    class Own(optim.Optimizer):
        def __init__(self, parameters, rate, unused=3):
            self.rate = rate
            super().__init__(parameters, rate)

    assert repr(Own(block.parameters(), 0.5)) == "Own(rate=0.5, 27 parameters in 6 tensors)"


def test_a_schedule_prints_its_optimizers_factor_and_settings(block):
    optimizer = optim.SGD(block.last.parameters(), 0.5)
    schedule = optim.LRSchedule(optimizer, optim.linear_decay, steps=10)
    schedule.set(5)
    text = (
        "SGD(lr=0.25, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, base_lr=0.5, "
        "6 parameters in 1 tensor)"
    )
    assert repr(schedule) == f"LRSchedule({text}, linear_decay, steps=10)"
    schedule = optim.LRSchedule([optimizer, optimizer], optim.linear_decay, steps=10)
    assert repr(schedule) == f"LRSchedule([{text}, {text}], linear_decay, steps=10)"


def test_an_average_prints_what_it_averages_and_how_often_it_did(block):
    ema = optim.ExponentialMovingAverage(block, 0.99)
    ema.update()
    assert repr(ema) == (
        "ExponentialMovingAverage(27 parameters of Block, decay=0.99, num_updates=1)"
    )


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda m: optim.Adam([{"params": m.parameters(), "lr": 1e-3}]),
            TypeError,
            "parameter 0 is a dict; .*make an optimizer for each group",
        ),
        (lambda m: optim.Adam(m.parameters), TypeError, r"call it, model.parameters\(\)"),
        (
            lambda m: optim.Adam(m.parameters()).param_groups,
            AttributeError,
            "Adam has no param_groups: .*optimizer.lr; make an optimizer for each group",
        ),
        (lambda m: optim.Adam(m.parameters()).rate, AttributeError, "Adam has no rate$"),
        (
            lambda m: optim.lr_scheduler,
            AttributeError,
            r"tinygen.optim has no lr_scheduler: .*LRSchedule\(optimizer, cosine_decay, steps",
        ),
        (
            lambda m: optim.LRSchedule(
                optim.SGD(m.parameters()), optim.cosine_decay, steps=9
            ).step(),
            AttributeError,
            r"LRSchedule has no step: call schedule.set\(step\)",
        ),
        (
            lambda m: optim.LRSchedule(optim.SGD(m.parameters()), optim.warmup_cosine, warmup=3),
            TypeError,
            "warmup_cosine.* unexpected keyword argument 'warmup'",
        ),
        (lambda m: optim.StepLR, AttributeError, r"where factor\(step\) is any function"),
        (lambda m: optim.Adam(m.parameters(), 1e-3, 0.9), TypeError, r"betas=0.9 must be a pair"),
        (lambda m: optim.Adagrad, AttributeError, "here are SGD, RMSprop, Adam and AdamW"),
        (lambda m: optim.Foo, AttributeError, "tinygen.optim has no Foo$"),
    ],
)
def test_what_pytorch_has_and_this_package_has_not_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.Linear(3, 2, rng=default_rng(0)))
