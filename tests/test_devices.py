"""Every layer and every model lies on one device: built there, moved there, and moved back."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import tinygen
from tests.device_cases import CASES
from tinygen import default_rng, nn
from tinygen.backend import RNG, to_numpy
from tinygen.checkpoint import load_checkpoint, save_checkpoint

each_case = pytest.mark.parametrize("name", CASES)


def devices_of(module):
    """Return the devices of all parameters, gradients, buffers and random sources of a module."""
    tensors = [*module.parameters(), *module.buffers()]
    tensors += [p.grad for p in module.parameters() if p.grad is not None]
    sources = [v for m in module.modules() for v in vars(m).values() if isinstance(v, RNG)]
    return {x.device for x in [*tensors, *sources]}


def train(name, module, rng):
    """Compute the loss, and the gradients of the parameters. Return the loss as a number."""
    loss = CASES[name].loss(module, rng)
    assert loss.device == rng.device
    loss.backward()
    return loss.item()


@each_case
def test_a_module_lies_on_the_device_of_its_source(name, gpu):
    rng = default_rng(0, gpu)
    module = CASES[name].build(rng)
    assert np.isfinite(train(name, module, rng))
    assert devices_of(module) <= {gpu}


@each_case
def test_a_module_moves_with_all_that_it_holds(name, gpu):
    module = CASES[name].build(default_rng(0))
    expected = train(name, CASES[name].build(default_rng(0)), default_rng(1))
    state = module.state_dict()
    module.to(gpu)
    loss = train(name, module, default_rng(1, gpu))
    np.testing.assert_allclose(loss, expected, rtol=1e-3, atol=1e-4)
    assert devices_of(module) <= {gpu}
    state_of_gpu = module.state_dict()
    module.load_state_dict(state)  # of the CPU
    assert devices_of(module) <= {gpu}
    module.to("cpu").load_state_dict(state_of_gpu)
    assert devices_of(module) <= {"cpu"}
    assert np.isfinite(train(name, module, default_rng(1)))
    for path, array in module.state_dict().items():
        assert type(array) is np.ndarray, path


@pytest.mark.parametrize(
    "name", ["BatchNorm2d", "SpectralNorm", "VQVAE", "RealNVP", "StyleGenerator"]
)
def test_a_checkpoint_moves_between_devices(name, gpu, tmp_path):
    rng, rng_cpu = default_rng(0, gpu), default_rng(5)
    module, module_cpu = CASES[name].build(rng), CASES[name].build(rng_cpu)
    save_checkpoint(tmp_path / "a.npz", module=module, rng=rng)
    load_checkpoint(tmp_path / "a.npz", module=module_cpu, rng=rng_cpu)
    for path, array in module.state_dict().items():
        np.testing.assert_array_equal(to_numpy(array), module_cpu.state_dict()[path])
    np.testing.assert_array_equal(to_numpy(rng.uniform(5)), rng_cpu.uniform(5))
    save_checkpoint(tmp_path / "b.npz", module=module_cpu)
    load_checkpoint(tmp_path / "b.npz", module=module)
    assert devices_of(module) <= {gpu}


def test_every_module_has_a_case():
    files = [
        importlib.import_module(module.name)
        for package in (tinygen.models, nn, tinygen.metrics)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if module.name != "tinygen.nn.functional"  # it says where the functions are
    ]
    classes = {
        cls
        for file in files
        for cls in vars(file).values()
        if inspect.isclass(cls) and issubclass(cls, nn.Module) and not cls.__name__.startswith("_")
    }
    built = set()
    for case in CASES.values():
        built |= {cls for m in case.build(default_rng(0)).modules() for cls in type(m).__mro__}
    missing = {cls.__qualname__ for cls in classes - built}
    assert not missing, f"without a case: {', '.join(sorted(missing))}"
