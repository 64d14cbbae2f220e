"""Data-parallel training: several processes share each batch and average their gradients.

    workers = Workers()  # this process, and all others that mpiexec started
    for x, y in batches:
        x, y = workers.shard(x, y)  # the rows of this process
        loss = objective(network(x), y).mean()
        optimizer.zero_grad()
        loss.backward()
        workers.average_gradients(network.parameters())
        optimizer.step()
    workers.finish()

`mpiexec -n 4 python program.py` runs it in four processes, `python program.py` in one, where every
method does nothing.

**Math.** The loss is a mean over the N rows of a batch. Process k of n takes N/n of them, and
computes the mean L_k over these. The mean over the whole batch, and its gradient, are

    L = (L_1 + ... + L_n) / n        dL/dw = (dL_1/dw + ... + dL_n/dw) / n

So a step needs one sum over the processes (an *all-reduce*: every process contributes an array and
receives the sum). It is taken of all gradients at once, in one buffer: to start a message takes
longer than to transfer the gradient of most parameters.

**All processes are equal.** They run the same program with the same seeds. So they begin with the
same parameters and draw the same batches and the same noise, of which each takes its rows. They
average the same gradients and take the same step, so the parameters stay equal. It follows that:

- n processes train as one does with the whole batch, up to rounding.
- A checkpoint of one process serves all. Training can go on with another number of processes.

**What differs.** What is computed across the rows of a batch sees only the rows of its process.
Batch norm normalizes with the mean and variance of N/n rows, and its running statistics are those
of its process. Give each process enough rows for that, or use group norm, which treats every row by
itself. A layer that draws random numbers, such as dropout, draws the same ones in every process,
for different rows. Draw what a step needs for the whole batch, before `shard`.

**When it pays.** On two cores, `demos/ddpm.py` trains 20 steps/s in one process with one thread, 23
with two threads, and 30 in two processes with one thread each. Threads share only the work inside
large operations. Processes also share the small ones, and the interpreter's work between them. But
each holds all parameters and the optimizer's state, and takes the same time for its update. And
each step moves the gradients of all parameters: for the 282,000 of that network, 0.6 ms.

**If one process fails**, the others must not wait for it. `finish` ends MPI, and nothing else does.
So a process that stops early, by an error or killed, has not ended MPI, and then mpiexec stops the
others.

**Source** Li et al., PyTorch Distributed: Experiences on Accelerating Data Parallel Training, 2020.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from .autograd.tensor import Tensor
from .backend import array_module, threads
from .backend.arrays import cupy_with_gpu, import_cupy, import_nccl

__all__ = ["Workers"]

Array = Any

# The environment variables with the number of processes: of Open MPI, of MPICH and the libraries
# that are derived from it, and of Slurm.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")


class Workers:
    """The processes that train together: this one alone, or all that mpiexec started.

    Each process uses its share of the cores of its machine, if TINYGEN_THREADS is not set.

    Attributes
    ----------
    rank, size : int
        The number of this process, from 0, and the number of processes. The process of rank 0
        writes files and prints.

    Raises
    ------
    ImportError
        If a launcher of MPI started several processes, and mpi4py cannot be imported.
    RuntimeError
        If the launcher belongs to another MPI library than the one that mpi4py uses.
    """

    def __init__(self) -> None:
        self.rank, self.size = 0, 1
        self._nccl = None  # the communicator of the GPUs
        self._were_compared = False  # the parameters of the processes
        launched = max(int(os.environ.get(name, 1)) for name in SIZES)
        if launched == 1:
            return
        self._mpi = _import_mpi()
        self._comm = self._mpi.COMM_WORLD
        self.rank, self.size = self._comm.rank, self._comm.size
        if self.size != launched:
            raise RuntimeError(
                f"{launched} processes were started, but mpi4py connects {self.size}: it uses the "
                "library of another MPI than that of the launcher. Use the mpiexec next to the "
                "python command; with Slurm, srun --mpi=pmi2 or srun --mpi=pmix"
            )
        self._threads = threads.threads()
        neighbours = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)  # on this machine
        threads.share_cores(neighbours.allgather(threads.available_cores()))
        self._local_rank = neighbours.rank

    def use_gpu(self) -> None:
        """Choose a GPU that no other process uses. Call it before an array is made on a GPU.

        Raises
        ------
        RuntimeError
            If there are fewer GPUs than processes.
        """
        if self.size == 1:
            return
        cupy, nccl = cupy_with_gpu(), import_nccl()
        gpu = cupy.cuda.Device(self._local_rank % cupy.cuda.runtime.getDeviceCount())
        gpu.use()
        machine = self._mpi.Get_processor_name()
        gpus = {*self._comm.allgather((machine, gpu.pci_bus_id))}
        if len(gpus) < self.size:
            raise RuntimeError(
                f"{self.size} processes, but GPUs for {len(gpus)} of them: start one process for "
                "each GPU"
            )
        ticket = self._comm.bcast(nccl.get_unique_id() if self.rank == 0 else None)
        self._nccl = nccl.NcclCommunicator(self.size, ticket, self.rank)

    def shard(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the rows of this process: each array is cut into n parts, process k gets part k.

        **Shapes** (N, ...) each; N is a multiple of the number of processes.
        """
        for a in arrays:
            if len(a) % self.size:
                raise ValueError(
                    f"shard: {len(a)} rows cannot be divided among {self.size} processes; choose a "
                    f"batch size that is a multiple of {self.size}"
                )
        return tuple(
            a[self.rank * len(a) // self.size : (self.rank + 1) * len(a) // self.size]
            for a in arrays
        )

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradient of each parameter by its mean over the processes.

        Call it in every process after `backward`, with the same parameters. A parameter that has no
        gradient in any process keeps none.

        Raises
        ------
        ValueError
            In every process: if a parameter has a gradient in some processes only, or if, in the
            first step, the parameters of the processes differ.
        """
        if self.size == 1:
            return
        parameters = list(parameters)
        means = self.average([None if p.grad is None else p.grad.data for p in parameters])
        if not self._were_compared:
            self._check_same_start(parameters)
        for p, mean in zip(parameters, means, strict=True):
            p.grad = None if mean is None else Tensor(mean)

    def _check_same_start(self, parameters: list[Tensor]) -> None:
        """Raise an error if the parameters differ by more than the rounding of two machines."""
        sums = self._comm.allgather([float(p.data.sum()) for p in parameters])
        if not np.allclose(sums, sums[0], rtol=1e-3, atol=1e-3, equal_nan=True):
            raise ValueError(
                "the processes began with different parameters: use the same seed in all of them, "
                "and load the same checkpoint"
            )
        self._were_compared = True

    def average(self, arrays: list[Array | None]) -> list[Array | None]:
        """Return the means over the processes, in one all-reduce; they are parts of one buffer.

        None stays None.

        **Numerics** The sum is computed in the widest of the dtypes, at least in float32. On a GPU
        the program does not wait for it.

        Raises
        ------
        ValueError
            In every process, if the arrays differ between them in number, shape or dtype.
        """
        if self.size == 1:
            return list(arrays)
        self._check_equal([() if a is None else (a.dtype.num, *a.shape) for a in arrays])
        present = [a for a in arrays if a is not None]
        if not present:
            return list(arrays)
        dtype = np.result_type(np.float32, *(a.dtype for a in present))
        flat = array_module(*present).concatenate([a.reshape(-1) for a in present], dtype=dtype)
        flat /= self.size
        self._sum_over_processes(flat)
        means, start = [], 0
        for a in arrays:
            if a is None:
                means.append(None)
                continue
            mean = flat[start : start + a.size].reshape(a.shape)
            means.append(mean.astype(a.dtype, copy=False))
            start += a.size
        return means

    def _check_equal(self, layout: list[tuple[int, ...]]) -> None:
        """Raise an error if the buffers of the processes differ in size: MPI might wait for ever.

        First, only a hash is compared, which is quick. A hash of integers is the same in every
        process.
        """
        if len({*self._comm.allgather(hash(tuple(layout)))}) == 1:
            return
        layouts = self._comm.allgather(layout)
        if len({*map(len, layouts)}) > 1:
            problem = f"their numbers are {', '.join(str(len(x)) for x in layouts)}"
        else:
            k = next(k for k, column in enumerate(zip(*layouts)) if len({*column}) > 1)
            shapes = [f"{x[k][1:]}" if x[k] else "none" for x in layouts]
            problem = f"of number {k} they have {', '.join(shapes)}"
        raise ValueError(
            f"the processes have different arrays or gradients to average: {problem}. In every "
            "process the loss must depend on the same parameters"
        )

    def _sum_over_processes(self, flat: Array) -> None:
        """Sum a vector over the processes, in place: the all-reduce."""
        if type(flat) is np.ndarray:
            self._comm.Allreduce(self._mpi.IN_PLACE, flat)
            return
        if self._nccl is None:
            raise RuntimeError("arrays on a GPU: call use_gpu() right after Workers()")
        nccl, address = import_nccl(), flat.data.ptr
        kind = nccl.NCCL_FLOAT64 if flat.dtype == np.float64 else nccl.NCCL_FLOAT32
        stream = array_module(flat).cuda.get_current_stream().ptr
        self._nccl.allReduce(address, address, flat.size, kind, nccl.NCCL_SUM, stream)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process. Call it in every process."""
        return self._comm.allreduce(flag, self._mpi.LOR) if self.size > 1 else flag

    def finish(self) -> None:
        """End the work in parallel: wait for all processes, then end MPI.

        After it, `size` is 1, and this process may use all cores of its machine again. `rank` stays
        as it was: with it, the program decides which process goes on alone, and which ones exit.
        """
        if self.size == 1:
            return
        if self._nccl is not None:
            import_cupy().cuda.get_current_stream().synchronize()
            self._nccl.destroy()
        self._comm.Barrier()
        self._mpi.Finalize()
        threads.set_threads(self._threads)
        self.size = 1


def _import_mpi() -> Any:
    """Begin MPI, and return mpi4py's module. Raises ImportError that says what to install."""
    try:
        import mpi4py

        mpi4py.rc.finalize = False  # at exit; `finish` does it, see "If one process fails"
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # mpi4py raises the latter where there is no MPI
        raise ImportError(
            "several processes were started by an MPI launcher, but mpi4py could not be imported; "
            'install it and an MPI library with python -m pip install "mpi4py>=4.1" mpich'
        ) from error
    return MPI
