"""Training: optimizers, schedules, states of models, loaders, saved runs."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np

from tests.first_hour.phrases import Row, torch
from tinygen import default_rng, nn, optim
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.data import Loader


def train(x, optimizer, before_step=lambda step: None, after_step=lambda: None):
    """Take ten steps, and return the parameters x. The loop is the same in both libraries."""
    for step in range(10):
        loss = (x**4).sum() + (x[0] * x[1]).sum()
        optimizer.zero_grad()
        loss.backward()
        before_step(step)
        optimizer.step()
        after_step()
    return x.detach()


def train_by_schedule(x, optimizer, factor, **settings):
    """Set the learning rate before each step, by its number."""
    schedule = optim.LRSchedule(optimizer, factor, **settings)
    return train(x, optimizer, before_step=schedule.set)


def train_by_scheduler(x, optimizer, scheduler, **settings):
    """PyTorch's scheduler sets the learning rate of the next step, so it comes after the step."""
    scheduler = scheduler(optimizer, **settings)
    return train(x, optimizer, after_step=scheduler.step)


def norm_before_clipping(x, clip_grad_norm_):
    """The gradients themselves differ by 1e-6: PyTorch divides by the norm plus that."""
    (x**2).sum().backward()
    return np.array(float(clip_grad_norm_([x], 1.0)))


def small_model():
    return nn.Sequential(nn.Linear(4, 3, rng=default_rng(0)), nn.ReLU(), nn.BatchNorm1d(3))


def torch_small_model():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(3))


def states(model):
    """Train and evaluation, frozen and not, alike in both libraries."""
    is_training = [model.training, model.eval().training, model.train().training]
    model.requires_grad_(False)
    return is_training, [p.requires_grad for p in model.parameters()]


def save_and_load():
    """A run here: named objects and values in one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.npz"
        model, model2 = small_model(), small_model()
        save_checkpoint(path, model=model, step=7)
        others = load_checkpoint(path, model=model2)
        return bool((model[0].weight == model2[0].weight).all()), others["step"]


def torch_save_and_load():
    """The same by PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.pt"
        model, model2 = torch_small_model(), torch_small_model()
        torch.save({"model": model.state_dict(), "step": 7}, path)
        others = torch.load(path)
        model2.load_state_dict(others["model"])
        return bool((model[0].weight == model2[0].weight).all()), others["step"]


def torch_loader(*arrays, **settings):
    dataset = torch.utils.data.TensorDataset(*map(torch.tensor, arrays))
    return torch.utils.data.DataLoader(dataset, **settings)


ROWS = [
    # Optimizers
    Row(
        "SGD",
        lambda x: train(x, optim.SGD([x], lr=0.01)),
        None,
        lambda x: train(x, torch.optim.SGD([x], lr=0.01)),
    ),
    Row(
        "SGD with momentum",
        lambda x: train(x, optim.SGD([x], lr=0.01, momentum=0.9)),
        None,
        lambda x: train(x, torch.optim.SGD([x], lr=0.01, momentum=0.9)),
    ),
    Row(
        "SGD with Nesterov's momentum and decay",
        lambda x: train(x, optim.SGD([x], 0.01, 0.9, nesterov=True, weight_decay=0.1)),
        None,
        lambda x: train(x, torch.optim.SGD([x], 0.01, 0.9, nesterov=True, weight_decay=0.1)),
    ),
    Row(
        "Adam",
        lambda x: train(x, optim.Adam([x])),
        None,
        lambda x: train(x, torch.optim.Adam([x])),
    ),
    Row(
        "Adam of a GAN",
        lambda x: train(x, optim.Adam([x], lr=2e-4, betas=(0.5, 0.999))),
        None,
        lambda x: train(x, torch.optim.Adam([x], lr=2e-4, betas=(0.5, 0.999))),
    ),
    Row(
        "AdamW",
        lambda x: train(x, optim.AdamW([x], 0.01, weight_decay=0.1)),
        None,
        lambda x: train(x, torch.optim.AdamW([x], 0.01, weight_decay=0.1)),
    ),
    Row(
        "RMSprop",
        lambda x: train(x, optim.RMSprop([x], lr=0.01)),
        None,
        lambda x: train(x, torch.optim.RMSprop([x], lr=0.01)),
    ),
    Row(
        "RMSprop, centred and with momentum",
        lambda x: train(x, optim.RMSprop([x], 0.01, momentum=0.9, centered=True)),
        None,
        lambda x: train(x, torch.optim.RMSprop([x], 0.01, momentum=0.9, centered=True)),
    ),
    Row(
        "clip_grad_norm_",
        lambda x: norm_before_clipping(x, optim.clip_grad_norm_),
        None,
        lambda x: norm_before_clipping(x, torch.nn.utils.clip_grad_norm_),
    ),
    # Schedules
    Row(
        "cosine decay",
        lambda x: train_by_schedule(x, optim.SGD([x], 0.01), optim.cosine_decay, steps=8),
        None,
        lambda x: train_by_scheduler(
            x,
            torch.optim.SGD([x], 0.01),
            torch.optim.lr_scheduler.LambdaLR,
            lr_lambda=lambda step: (1 + np.cos(np.pi * min(step / 8, 1))) / 2,
        ),
    ),
    Row(
        "linear decay",
        lambda x: train_by_schedule(
            x, optim.SGD([x], 0.01), optim.linear_decay, steps=10, final_factor=0.1
        ),
        None,
        lambda x: train_by_scheduler(
            x,
            torch.optim.SGD([x], 0.01),
            torch.optim.lr_scheduler.LinearLR,
            start_factor=1.0,
            end_factor=0.1,
            total_iters=10,
        ),
    ),
    Row(
        "a schedule of one's own",
        lambda x: train_by_schedule(x, optim.SGD([x], 0.01), lambda step: 0.5 ** (step // 4)),
        None,
        lambda x: train_by_scheduler(
            x,
            torch.optim.SGD([x], 0.01),
            torch.optim.lr_scheduler.StepLR,
            step_size=4,
            gamma=0.5,
        ),
    ),
    # Models
    Row(
        "names of a state",
        lambda: sorted(small_model().state_dict()),
        None,
        lambda: sorted(torch_small_model().state_dict()),
    ),
    Row(
        "names of parameters",
        lambda: [name for name, _ in small_model().named_parameters()],
        None,
        lambda: [name for name, _ in torch_small_model().named_parameters()],
    ),
    Row(
        "number of parameters",
        lambda: sum(p.size for p in small_model().parameters()),
        None,
        lambda: sum(p.numel() for p in torch_small_model().parameters()),
    ),
    Row(
        "train, eval, freeze",
        lambda: states(small_model()),
        None,
        lambda: states(torch_small_model()),
    ),
    Row(
        "a part of a Sequential",
        lambda: (len(small_model()), small_model()[0].weight.shape),
        None,
        lambda: (len(torch_small_model()), torch_small_model()[0].weight.shape),
    ),
    Row(
        "load_state_dict with strict=False",
        lambda: small_model().load_state_dict({"extra": np.zeros(1)}, strict=False)[1],
        None,
        lambda: torch_small_model().load_state_dict({"extra": torch.zeros(1)}, strict=False)[1],
    ),
    Row("save and load a run", save_and_load, None, torch_save_and_load),
    # Loaders
    Row(
        "batches in order",
        lambda: list(Loader(np.arange(10.0), batch_size=4, shuffle=False)),
        lambda: np.split(np.arange(10.0), [4, 8]),
        lambda: [batch for (batch,) in torch_loader(np.arange(10.0), batch_size=4)],
    ),
    Row(
        "batches of images and labels",
        lambda: list(Loader(np.eye(6), np.arange(6), batch_size=3, shuffle=False)),
        None,
        lambda: list(torch_loader(np.eye(6), np.arange(6), batch_size=3)),
    ),
    Row(
        "number of batches",
        lambda: len(Loader(np.eye(10), batch_size=4, drop_last=True)),
        None,
        lambda: len(torch_loader(np.eye(10), batch_size=4, shuffle=True, drop_last=True)),
    ),
    Row(
        "an epoch has every row once",
        lambda: np.sort(np.concatenate(list(Loader(np.arange(9.0), batch_size=3, seed=1)))),
        lambda: np.arange(9.0),
        lambda: (
            torch.cat([x for (x,) in torch_loader(np.arange(9.0), batch_size=3, shuffle=True)])
            .sort()
            .values
        ),
    ),
]
