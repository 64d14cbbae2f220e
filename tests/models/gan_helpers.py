"""Helpers for the tests of pggan.py and stylegan.py."""

from __future__ import annotations


def as_function_of_parameters(model, f):
    """Return f() as a function of all parameters of a model, and their arrays, for check_grads."""
    places = [
        (module, name)
        for _, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
    ]

    def function(*parameters):
        for (module, name), parameter in zip(places, parameters, strict=True):
            vars(module)[name] = parameter
        return f()

    return function, [getattr(module, name).data for module, name in places]


def downsample_by_2(x):
    """Return the means of 2x2 pixels: arrays (N, C, H, W) -> (N, C, H/2, W/2)."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))


def repeat_pixels(x):
    """Repeat each pixel twice in both directions: arrays (N, C, H, W) -> (N, C, 2H, 2W)."""
    return x.repeat(2, axis=2).repeat(2, axis=3)


def to_float64(model):
    """Convert the parameters of a model to float64, in place, and return it."""
    return model.map_arrays_(lambda a: a.astype("float64"))
