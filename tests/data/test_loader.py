"""The loader: every row once per epoch, and a resumed loader continues exactly."""

import io

import numpy as np
import pytest

from tinygen.data import Loader, split_batches

X = np.arange(20).reshape(10, 2)
Y = np.arange(10)


def take(loader, n):
    return [np.copy(next(loader)) for _ in range(n)]


def as_lists(state):
    return {name: array.tolist() for name, array in state.items()}


def test_each_epoch_is_a_new_permutation():
    loader = Loader(Y, batch_size=5, seed=0)
    first, second = (np.concatenate(take(loader, 2)) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)


def test_arrays_stay_together():
    loader = Loader(X, Y, batch_size=3, seed=0)
    for _ in range(7):
        x, y = next(loader)
        assert x.shape == (3, 2) and np.array_equal(x[:, 0], 2 * y)


def test_one_array_is_returned_alone_and_as_a_copy():
    data = np.zeros((4, 1))
    for shuffle in (True, False):
        batch = next(Loader(data, batch_size=4, seed=0, shuffle=shuffle))
        batch += 1
    assert (data == 0).all()


def test_drop_last_leaves_out_the_incomplete_batch():
    full_batches = Loader(Y, batch_size=4, seed=0)
    all_rows = Loader(Y, batch_size=4, seed=0, drop_last=False)
    assert (full_batches.steps_per_epoch, all_rows.steps_per_epoch) == (2, 3)
    assert [len(batch) for batch in take(full_batches, 4)] == [4, 4, 4, 4]
    assert [len(batch) for batch in take(all_rows, 6)] == [4, 4, 2, 4, 4, 2]
    assert len(np.unique(np.concatenate(take(all_rows, 3)))) == 10


def test_epoch_counts_whole_epochs():
    loader = Loader(Y, batch_size=5, seed=0)
    epochs = []
    for _ in range(5):
        epochs.append(loader.epoch)
        next(loader)
    assert epochs == [0, 0, 1, 1, 2]


def test_without_shuffle_the_rows_come_in_order():
    loader = Loader(Y, batch_size=5, seed=0, shuffle=False)
    assert np.array_equal(np.concatenate(take(loader, 4)), [*range(10)] * 2)


def test_a_loader_is_an_iterator():
    loader = Loader(Y, batch_size=2, seed=0)
    assert [len(batch) for batch, _ in zip(loader, range(3), strict=False)] == [2, 2, 2]


def test_the_seed_decides_the_order():
    loaders = [Loader(Y, batch_size=5, seed=seed) for seed in (1, 1, 2)]
    a, b, c = (np.concatenate(take(loader, 4)) for loader in loaders)
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 7, 12])
def test_a_resumed_loader_continues_exactly(at, drop_last):
    def new_loader(seed):
        return Loader(Y, batch_size=4, seed=seed, drop_last=drop_last)

    loader = new_loader(0)
    take(loader, at)
    file = io.BytesIO()
    np.savez(file, **loader.state_dict())
    rest = take(loader, 11)
    file.seek(0)
    resumed = new_loader(99)
    take(resumed, 5)
    with np.load(file, allow_pickle=False) as state:
        resumed.load_state_dict(dict(state))
    assert (resumed.epoch, len(rest)) == (at // resumed.steps_per_epoch, 11)
    assert all(np.array_equal(a, b) for a, b in zip(rest, take(resumed, 11), strict=True))
    assert resumed.epoch == loader.epoch
    assert as_lists(resumed.state_dict()) == as_lists(loader.state_dict())


def test_a_state_is_not_changed_by_later_batches():
    loader = Loader(Y, batch_size=4, seed=0)
    state = loader.state_dict()
    before = as_lists(state)
    take(loader, 9)
    assert as_lists(state) == before


@pytest.mark.parametrize(
    ("arrays", "batch_size", "message"),
    [
        ((), 1, "at least one array"),
        ((X, Y[:9]), 1, "lengths differ: 10, 9"),
        ((X[:0],), 1, "empty"),
        ((X,), 11, "batch_size must be from 1 to the 10 rows there are, got 11"),
        ((X,), 0, "got 0"),
        ((Y, np.where(X == 7, np.nan, X)), 2, r"array 1 has nan at index \(3, 1\)"),
        ((np.where(Y == 9, -np.inf, Y),), 2, r"array 0 has -inf at index \(9,\)"),
    ],
)
def test_bad_data_are_errors(arrays, batch_size, message):
    with pytest.raises(ValueError, match=message):
        Loader(*arrays, batch_size=batch_size, seed=0)


def test_nan_is_found_in_any_block_of_rows():
    data = np.zeros((5, 2**19), np.float32)
    data[4, 123] = np.nan
    with pytest.raises(ValueError, match=r"\(4, 123\)"):
        Loader(data, batch_size=1, seed=0)


def test_bad_states_are_errors():
    loader = Loader(Y, batch_size=4, seed=0)
    state = loader.state_dict()
    other = Loader(Y, batch_size=5, seed=0).state_dict()
    message = "taken with rows=10, batch_size=5.*this loader has rows=10, batch_size=4"
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(other)
    with pytest.raises(ValueError, match="lacks rng, step"):
        loader.load_state_dict({k: state[k] for k in ("epoch", "data")})
    with pytest.raises(ValueError, match="step is 2, expected 0 to 1"):
        loader.load_state_dict({**state, "step": 2})
    with pytest.raises(ValueError, match=r"shape \(6,\), not \(3,\)"):
        loader.load_state_dict({**state, "rng": np.zeros(3, np.uint64)})


def test_split_batches_are_nearly_equal_and_small_enough():
    parts = split_batches(np.arange(11), 4)
    assert [len(part) for part in parts] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(11))
    assert [part.shape for part in split_batches(np.zeros((0, 2)), 4)] == [(0, 2)]
