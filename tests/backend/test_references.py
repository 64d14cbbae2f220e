"""Which arrays may be handed out without a copy."""

import numpy as np

from tinygen.backend.references import is_unshared


def ask(array):
    """Ask as a function does that was given an array which its caller still names."""
    return is_unshared(array)


def test_an_array_is_unshared_if_nothing_else_names_it():
    array = np.ones((2, 3))
    assert ask(array)
    other = array
    assert not ask(array)
    del other
    assert ask(array)


def test_a_view_is_unshared_if_it_is_all_that_is_left_of_its_base():
    base = np.ones((2, 3))
    for view in (base.reshape(6), base.T, base[::-1]):
        assert not ask(view)
    for n in range(4):  # a view of a new array, to which nothing else refers
        view = np.ones((2, 3)).reshape(6)[: 6 - n]
        assert ask(view) == (n == 0)
    other = (view := np.ones(6).reshape(2, 3)).T
    assert not ask(view) and not ask(other)
    del view
    assert ask(other)


def test_what_repeats_numbers_or_is_no_array_counts_as_shared():
    for view in (np.broadcast_to(np.ones(1), (3,)), np.broadcast_to(np.ones(3), (3,))):
        assert not ask(view)
    assert not ask(np.frombuffer(bytearray(8)))
    assert not ask(1.5)
