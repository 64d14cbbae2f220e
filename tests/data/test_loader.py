"""The loader: every row once per epoch, and a resumed loader continues exactly."""

import io
import itertools

import numpy as np
import pytest

import tinygen
from tinygen.data import Loader, split_batches, to_float

X = np.arange(20).reshape(10, 2)
Y = np.arange(10)


def take(loader, n):
    return [np.copy(batch) for batch in itertools.islice(loader.forever(), n)]


def as_lists(state):
    return {name: array.tolist() for name, array in state.items()}


def test_each_epoch_is_a_new_permutation():
    loader = Loader(Y, batch_size=5, seed=0)
    first, second = (np.concatenate(take(loader, 2)) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)


def test_arrays_stay_together():
    loader = Loader(X, Y, batch_size=3, seed=0)
    for x, y in itertools.islice(loader.forever(), 7):
        assert x.shape == (3, 2) and np.array_equal(x[:, 0], 2 * y)


def test_one_array_is_returned_alone_and_as_a_copy():
    data = np.zeros((4, 1))
    for shuffle in (True, False):
        for batch in Loader(data, batch_size=4, seed=0, shuffle=shuffle):
            batch += 1
    assert (data == 0).all()


def test_drop_last_leaves_out_the_incomplete_batch():
    full_batches = Loader(Y, batch_size=4, seed=0)
    all_rows = Loader(Y, batch_size=4, seed=0, drop_last=False)
    assert (len(full_batches), len(all_rows)) == (2, 3)
    assert [len(batch) for batch in take(full_batches, 4)] == [4, 4, 4, 4]
    assert [len(batch) for batch in take(all_rows, 6)] == [4, 4, 2, 4, 4, 2]
    assert len(np.unique(np.concatenate(take(all_rows, 3)))) == 10


def test_epoch_counts_whole_epochs():
    loader = Loader(Y, batch_size=5, seed=0)
    epochs = []
    for _ in range(5):
        epochs.append(loader.epoch)
        take(loader, 1)
    assert epochs == [0, 0, 1, 1, 2]


def test_without_shuffle_the_rows_come_in_order():
    loader = Loader(Y, batch_size=5, seed=0, shuffle=False)
    assert np.array_equal(np.concatenate(take(loader, 4)), [*range(10)] * 2)


def test_a_for_loop_is_one_epoch():
    loader = Loader(Y, batch_size=4, seed=0, drop_last=False)
    for epoch in range(3):
        assert loader.epoch == epoch
        batches = list(loader)
        assert len(batches) == len(loader) == 3
        assert sorted(np.concatenate(batches)) == list(range(10))


def test_epochs_and_forever_deliver_the_same_batches():
    a, b = (Loader(Y, batch_size=4, seed=0) for _ in range(2))
    epochs = [batch for _ in range(3) for batch in a]
    assert all(np.array_equal(x, y) for x, y in zip(epochs, take(b, 6), strict=True))


def test_forever_continues_where_the_loader_is():
    a, b = (Loader(Y, batch_size=2, seed=0) for _ in range(2))
    parts = take(a, 3) + take(a, 4)
    assert all(np.array_equal(x, y) for x, y in zip(parts, take(b, 7), strict=True))


def test_a_loop_after_one_that_ended_early_is_a_whole_epoch():
    loader = Loader(Y, batch_size=2, seed=0)
    for _ in loader:
        break
    next(iter(loader))
    take(loader, 2)
    assert sorted(np.concatenate(list(loader))) == list(range(10))
    assert loader.epoch == 1  # the others were not whole


def test_two_loops_over_one_loader_are_an_error():
    loader = Loader(Y, batch_size=2, seed=0)
    with pytest.raises(RuntimeError, match="taken elsewhere.*use one Loader for each loop"):
        for _ in loader:
            for _ in loader:
                pass
    with pytest.raises(RuntimeError, match="taken elsewhere"):
        for _ in loader:
            take(loader, 1)
    with pytest.raises(RuntimeError, match="taken elsewhere"):
        for _ in loader:
            loader.load_state_dict(loader.state_dict())


def test_a_loader_is_no_iterator():
    with pytest.raises(TypeError, match="'Loader' object is not an iterator"):
        next(Loader(Y, batch_size=2))


def test_a_loader_without_shuffle_delivers_every_row():
    assert [len(batch) for batch in Loader(Y, batch_size=4, shuffle=False)] == [4, 4, 2]
    assert [len(batch) for batch in Loader(Y, batch_size=4)] == [4, 4]
    assert [len(b) for b in Loader(Y, batch_size=4, shuffle=False, drop_last=True)] == [4, 4]


def test_transform_is_applied_to_the_first_array():
    images = np.arange(12, dtype=np.uint8).reshape(6, 1, 1, 2)
    loader = Loader(images, Y[:6], batch_size=3, shuffle=False, transform=to_float)
    for x, y in loader:
        assert x.dtype == np.float32 and y.dtype == Y.dtype
        np.testing.assert_array_equal(x, to_float(images[y]))
    (batch,) = Loader(images, batch_size=6, shuffle=False, transform=to_float)
    np.testing.assert_array_equal(batch, to_float(images))


def test_the_default_seed_is_zero():
    a, b = Loader(Y, batch_size=2), Loader(Y, batch_size=2, seed=0)
    assert np.array_equal(list(a), list(b))


def test_repr():
    loader = Loader(Y, batch_size=4)
    take(loader, 3)
    text = "<Loader of 10 rows, batch_size=4, shuffle=True, epoch=1, 1 of 2 batches>"
    assert repr(loader) == text


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_data_that_were_drawn_with_the_loaders_seed_are_mixed(seed):
    ring = tinygen.data.ring()
    points, modes = ring.sample(20_000, tinygen.default_rng(seed, "cpu"))
    loader = Loader(points, modes, batch_size=256, seed=seed)
    for _, labels in itertools.islice(loader.forever(), 200):
        assert np.bincount(labels, minlength=8).min() >= 8  # of 32 expected


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
    assert (resumed.epoch, len(rest)) == (at // len(resumed), 11)
    assert all(np.array_equal(a, b) for a, b in zip(rest, take(resumed, 11), strict=True))
    assert resumed.epoch == loader.epoch
    assert as_lists(resumed.state_dict()) == as_lists(loader.state_dict())


@pytest.mark.parametrize("at", [0, 1, 3, 4, 5, 9])
def test_the_first_loop_after_a_resume_is_the_rest_of_the_epoch(at):
    def new_loader(seed):
        return Loader(Y, batch_size=2, seed=seed)

    loader, batches, states = new_loader(0), [], []
    for _ in range(3):
        states.append((len(batches), loader.state_dict()))
        for batch in loader:
            batches.append(batch)
            states.append((len(batches), loader.state_dict()))
    for taken, state in states:
        resumed = new_loader(99)
        list(itertools.islice(resumed, at))
        resumed.load_state_dict(state)
        rest = [batch for _ in range(resumed.epoch, 3) for batch in resumed]
        assert len(rest) == 15 - taken
        assert all(np.array_equal(a, b) for a, b in zip(rest, batches[taken:], strict=True))
        assert as_lists(resumed.state_dict()) == as_lists(loader.state_dict())


def test_only_the_first_loop_after_a_resume_is_shorter():
    loader = Loader(Y, batch_size=2, seed=0)
    take(loader, 2)
    loader.load_state_dict(loader.state_dict())
    assert [len(list(itertools.islice(loader, n))) for n in (1, 9)] == [1, 5]


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
        ((X, Y[:9]), 1, "different numbers of rows: 10, 9"),
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


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ((X, Y.tolist()), {}, "argument 1 is no array: .*got list.*np.asarray"),
        (((x for x in X),), {}, "argument 0 is no array: .*generator"),
        ((X, 64), {}, "argument 1 is 64, not an array; settings have names: batch_size=64"),
        ((X, None), {}, "argument 1 is None"),
        (((X, Y),), {}, r"argument 0 is a tuple of arrays.*Loader\(images, labels"),
        (([X, X],), {}, r"argument 0 is a list of arrays.*np.stack"),
        ((tinygen.tensor(X * 1.0),), {}, r"argument 0 is a Tensor.*give x.numpy\(\)"),
        ((np.float32(1),), {}, r"shape \(\).*first axis counts the examples"),
        ((np.array([None]),), {}, "dtype object; it needs numbers"),
        ((X,), {"batch_size": 2.0}, "batch_size must be an int, got 2.0"),
        ((X,), {"transform": 255}, "transform is a function of a batch.*got 255"),
    ],
)
def test_arguments_of_other_types_are_errors(arrays, settings, message):
    with pytest.raises(TypeError, match=message):
        Loader(*arrays, **{"batch_size": 2, **settings})


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
    with pytest.raises(ValueError, match=r"has 2 words; .* has 6. If an older version"):
        loader.load_state_dict({**state, "rng": np.zeros(6, np.uint64)})


def test_split_batches_are_nearly_equal_and_small_enough():
    parts = split_batches(np.arange(11), 4)
    assert [len(part) for part in parts] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(11))
    assert [part.shape for part in split_batches(np.zeros((0, 2)), 4)] == [(0, 2)]
