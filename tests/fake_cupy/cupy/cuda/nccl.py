"""NCCL's sum over several GPUs, each of a process, computed by MPI."""

from __future__ import annotations

import ctypes
import os

import numpy as np
from cupy_counts import launch

available = True
NCCL_SUM, NCCL_FLOAT32, NCCL_FLOAT64 = 0, 7, 8
_C_TYPES = {NCCL_FLOAT32: ctypes.c_float, NCCL_FLOAT64: ctypes.c_double}


def get_unique_id() -> bytes:
    """Return a number by which the processes of one communicator find each other."""
    return os.urandom(128)


class NcclCommunicator:
    """The GPUs of all processes of mpi4py."""

    def __init__(self, ndev: int, commId: bytes, rank: int):
        from mpi4py import MPI

        if len(commId) != 128:
            raise ValueError(f"commId length {len(commId)} != 128.")
        self._sum, self._world = MPI.SUM, MPI.COMM_WORLD
        if ndev != self._world.size or {*self._world.allgather(commId)} != {commId}:
            raise RuntimeError("NCCL would wait for ever: the processes do not agree")
        if rank != self._world.rank:
            raise RuntimeError("the stand-in numbers GPUs as MPI does processes")

    def allReduce(  # noqa: N802 (CuPy's name)
        self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, stream: int
    ) -> None:
        """Sum arrays, given by their addresses."""
        if op != NCCL_SUM:
            raise NotImplementedError("the stand-in can only sum")
        launch("ncclAllReduce")
        kind = _C_TYPES[datatype] * count
        sent, received = (
            np.ctypeslib.as_array(kind.from_address(int(address))) for address in (sendbuf, recvbuf)
        )
        received[:] = self._world.allreduce(sent, self._sum)

    def destroy(self) -> None:
        """Free what the GPUs hold for it."""
        del self._world
