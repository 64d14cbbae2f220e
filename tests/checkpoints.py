"""A small training run, and helpers, for the tests of checkpoints."""

import os

import numpy as np

from tinygen import default_rng, nn, ops, optim, tensor
from tinygen.data import Loader


class Run:
    """A training run with an object of each kind that has a state.

    It has batch norm, dropout, Adam, a moving average, a loader and a learning-rate schedule.
    """

    def __init__(self, seed=0, width=6):
        self.rng = default_rng(seed)
        self.model = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, rng=self.rng),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2, rng=self.rng),
            nn.Linear(9 * width, 2, rng=self.rng),
        )
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-2)
        self.schedule = optim.LRSchedule(
            self.optimizer, lambda step: optim.cosine_decay(step, steps=20)
        )
        self.ema = optim.ExponentialMovingAverage(self.model, 0.9)
        images = np.random.default_rng(0).normal(size=(20, 1, 7, 7)).astype(np.float32)
        self.loader = Loader(images, batch_size=6, seed=seed)
        self.losses = []

    @property
    def objects(self):
        """All objects with a state, by name."""
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "ema": self.ema,
            "noise": self.rng,
            "loader": self.loader,
        }

    def train(self, steps):
        batches = self.loader.forever()
        for _ in range(steps):
            self.schedule.set(len(self.losses))
            x = next(batches) + 0.1 * self.rng.normal((6, 1, 7, 7))
            self.optimizer.zero_grad()
            loss = ops.square(self.model(tensor(x)) - 1.0).mean()
            loss.backward()
            self.optimizer.step()
            self.ema.update()
            self.losses.append(loss.item())

    def bits(self):
        """Return the bytes of all states, which decide what comes next."""
        return {
            f"{name}/{key}": np.asarray(value).tobytes()
            for name, value_with_state in self.objects.items()
            for key, value in value_with_state.state_dict().items()
        }


def list_other_files(path):
    """Return the names of all files next to this one."""
    return [name for name in os.listdir(path.parent) if name != path.name]
