"""The memory pools: they count nothing here, NumPy allocates."""

from __future__ import annotations


class MemoryPool:
    """A pool of device memory."""

    def __init__(self, allocator=None):
        self._limit = 0

    def malloc(self, size):
        """Refuse: the stand-in's arrays own their memory."""
        raise NotImplementedError("the stand-in hands out no raw memory")

    def used_bytes(self) -> int:
        """Return 0."""
        return 0

    def total_bytes(self) -> int:
        """Return 0."""
        return 0

    def free_bytes(self) -> int:
        """Return 0."""
        return 0

    def n_free_blocks(self) -> int:
        """Return 0."""
        return 0

    def free_all_blocks(self, stream=None):
        """Do nothing."""

    def set_limit(self, size=None, fraction=None):
        """Note the limit."""
        self._limit = size or 0

    def get_limit(self) -> int:
        """Return the limit."""
        return self._limit


class PinnedMemoryPool:
    """A pool of the CPU's memory, for copies."""

    def n_free_blocks(self) -> int:
        """Return 0."""
        return 0

    def free_all_blocks(self):
        """Do nothing."""


_pool, _pinned_pool = MemoryPool(), PinnedMemoryPool()


def get_default_memory_pool() -> MemoryPool:
    """Return the pool of the device."""
    return _pool


def get_default_pinned_memory_pool() -> PinnedMemoryPool:
    """Return the pool of the CPU."""
    return _pinned_pool


def get_allocator():
    """Return the allocator."""
    return _pool.malloc


def set_allocator(allocator=None):
    """Take an allocator, which is not asked for anything here."""
