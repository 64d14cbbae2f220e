"""Indices out of range raise IndexError on every device, with at most one wait."""

import numpy as np
import pytest

from tinygen import losses, nn, ops, tensor
from tinygen.backend import default_rng, to_device, to_numpy
from tinygen.backend.indices import checked_index, indices_for, lowest_and_highest

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
# name: the index into X, whose array of integers is right if 1 is subtracted
OUTSIDE = {
    "an array": lambda i: i([2, 0]),
    "a negative one": lambda i: -i([3, 2]),
    "on a later axis": lambda i: (slice(None), i([3, 1])),
    "after None": lambda i: (None, slice(None), i([3, 1])),
    "after an ellipsis": lambda i: (..., i([4, 1])),
    "after a mask": lambda i: (i([1, 2]) == 1, i([3])),
    "two arrays": lambda i: (i([1, 1]), i([3, 1])),
    "unsigned": lambda i: (slice(None), i([3, 1]).astype(np.uint8)),
    "without axes": lambda i: i(2),
}
each_index = pytest.mark.parametrize("name", OUTSIDE)


@pytest.fixture(params=["cpu", "cuda"])
def place(request, cupy):
    """Each device in turn."""
    return request.param


@pytest.fixture(params=["of the array's device", "of NumPy"])
def new_indices(request, place):
    """Return a function that makes an array of indices."""
    target = place if request.param == "of the array's device" else "cpu"
    return lambda values: to_device(np.array(values), target)


@each_index
def test_an_index_out_of_range_is_an_error(name, place, new_indices):
    x, index = to_device(X, place), OUTSIDE[name](new_indices)
    t = tensor(x, requires_grad=True)
    message = "out of bounds for axis"
    with pytest.raises(IndexError, match=message):
        t[index]
    with pytest.raises(IndexError, match=message):
        ops.getitem(x, index)
    with pytest.raises(IndexError, match=message):
        ops.add_at(t, index, 1.0)
    with pytest.raises(IndexError, match=message):
        tensor(x)[index] = 0.0
    np.testing.assert_array_equal(to_numpy(x), X)


def test_the_largest_index_is_right(place, new_indices):
    x = to_device(X, place)
    for index in (new_indices([1, -2]), (..., new_indices([3, -4])), [1, -2], range(2)):
        expected = X[tuple(map(_host, index)) if isinstance(index, tuple) else _host(index)]
        np.testing.assert_array_equal(to_numpy(ops.getitem(x, index)), expected)


def _host(index):
    return to_numpy(index) if hasattr(index, "dtype") else index


def test_indices_without_elements(place):
    x = to_device(np.zeros((0, 3), np.float32), place)
    assert ops.getitem(x, to_device(np.zeros(0, int), place)).shape == (0, 3)
    assert ops.getitem(x, []).shape == (0, 3)
    assert ops.embedding(to_device(np.zeros((0, 2), int), place), x).shape == (0, 2, 3)
    t = tensor(x)
    t[[]] = 1.0
    with pytest.raises(IndexError):
        ops.getitem(x, to_device(np.zeros(1, int), place))


def test_too_many_indices(place):
    index = (to_device(np.zeros(1, int), place),) * 4
    with pytest.raises(IndexError, match="too many"):
        ops.getitem(to_device(X, place), index)


@pytest.mark.parametrize("outside", [-4, 3])
def test_picking_along_an_axis(place, new_indices, outside):
    x, indices = to_device(X, place), np.full((2, 1, 4), 2)
    indices[0, 0, 1] = outside
    with pytest.raises(IndexError, match="out of bounds for axis 1 with size 3"):
        ops.take_along_axis(x, new_indices(indices), 1)


@pytest.mark.parametrize("outside", [-1, 5])
def test_rows_of_a_table_and_classes(place, new_indices, outside):
    weight = tensor(np.zeros((5, 2), np.float32), device=place, requires_grad=True)
    indices = new_indices([[0, 4], [outside, 1]])
    with pytest.raises(IndexError, match="there are 5 rows of weight, so .* 0 to 4"):
        ops.embedding(indices, weight)
    with pytest.raises(IndexError, match="there are 5 classes"):
        ops.one_hot(indices, 5)
    with pytest.raises(IndexError, match="have 5 classes"):
        losses.cross_entropy(tensor(np.zeros((2, 5, 2), np.float32), device=place), indices)


def test_an_embedding_of_numpys_indices_lies_with_its_weights(place):
    layer = nn.Embedding(5, 3, padding_idx=2, rng=default_rng(0, place))
    indices = np.array([[0, 4], [2, 2]])
    y = layer(indices)
    assert y.device == place
    np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[indices])
    (y * y).sum().backward()
    assert not layer.weight.grad.numpy()[2].any()


def test_numpys_labels_are_moved_to_the_logits(place):
    logits = tensor(default_rng(0).normal((3, 5)), device=place, requires_grad=True)
    labels = np.array([0, 4, -100])
    loss = losses.cross_entropy(logits, labels)
    assert loss.device == place
    np.testing.assert_allclose(
        loss.numpy(), losses.cross_entropy(logits.numpy(), labels), rtol=1e-5
    )


def test_a_lookup_in_a_table_of_the_cpu_by_indices_of_the_gpu_is_an_error(gpu):
    with pytest.raises(TypeError, match="two devices"):
        ops.embedding(to_device(np.array([0]), gpu), np.zeros((2, 3), np.float32))
    with pytest.raises(TypeError, match="two devices"):
        indices_for(X, to_device(np.array([0]), gpu))


def test_the_extremes_of_several_arrays(place):
    on_device = to_device(np.array([3, -1], np.int8), place)
    assert lowest_and_highest(on_device, np.array(5), on_device + 1) == [[-1, 3], [5, 5], [0, 4]]


@pytest.mark.parametrize("name", ["an array", "two arrays", "after a mask"])
def test_a_gpu_is_waited_for_once(name, gpu):
    cupy_counts = pytest.importorskip("cupy_counts")
    x, index = to_device(X, gpu), OUTSIDE[name](lambda values: to_device(np.array(values), gpu))
    entries = index if isinstance(index, tuple) else (index,)
    inside = tuple(i - 1 if i.dtype.kind == "i" else i for i in entries)
    with cupy_counts.counting() as counts:
        checked_index(x, inside)
    assert counts.waits.total() == 1
    of_numpy = tuple(map(to_numpy, inside))
    with cupy_counts.counting() as counts:
        checked_index(x, of_numpy)
        checked_index(x, (slice(1), None, ..., 2))
    assert counts.waits.total() == 0


def test_losses_of_numpys_labels_do_not_wait(gpu):
    cupy_counts = pytest.importorskip("cupy_counts")
    logits = tensor(default_rng(0).normal((3, 5)), device=gpu, requires_grad=True)
    table = tensor(default_rng(0).normal((5, 2)), device=gpu, requires_grad=True)
    labels = np.array([0, 4, 1])
    for target, waits in ((labels, 0), (to_device(labels, gpu), 1)):
        with cupy_counts.counting() as counts:
            losses.cross_entropy(logits, target).backward()
        assert counts.waits.total() == waits, counts.table()
        with cupy_counts.counting() as counts:
            ops.embedding(target, table).sum().backward()
        assert counts.waits.total() == waits, counts.table()
    with cupy_counts.counting() as counts:
        ops.sort(logits, axis=1).sum().backward()
        ops.diagonal(logits).sum().backward()
        ops.repeat(logits, [1, 2, 0], axis=0).sum().backward()
    assert counts.waits.total() == 0, counts.table()


@pytest.mark.parametrize("num_rows", [100, 10_000])
def test_repeated_rows_are_summed_by_few_indices_and_by_many(num_rows, place):
    """On a GPU, the first sum has a fixed order, and the second one is made by atomic additions."""
    rows = np.random.default_rng(0).integers(-3, 3, num_rows)
    values = np.random.default_rng(1).integers(0, 9, (num_rows, 2)).astype(np.float32)  # exact sums
    sums = ops.add_at(*(to_device(a, place) for a in (np.zeros((3, 2), np.float32), rows, values)))
    expected = [values[rows % 3 == row].sum(axis=0) for row in range(3)]
    np.testing.assert_array_equal(to_numpy(sums), expected)
