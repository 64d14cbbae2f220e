"""What to type here for names of PyTorch's that this package does not have.

Each table gives the advice of an AttributeError or a TypeError.
"""

from __future__ import annotations

from ..ops.pytorch_names import LOSS_CLASSES

__all__ = ["ARGUMENTS", "LAYERS", "METHODS", "refuse"]

_NO_HOOKS = "there are no hooks; write what should happen into forward()"
_SET_DTYPE = "construct each layer with dtype=numpy.{}"
_PAD = "use tinygen.ops.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode={})"

# Names that torch.nn has.
LAYERS = {
    "Parameter": (
        "a leaf tensor becomes a parameter when it is assigned to an attribute of a Module: "
        "self.scale = tinygen.tensor(array, requires_grad=True)"
    ),
    "Buffer": "use self.register_buffer(name, array)",
    "functional": "functions of tensors are in tinygen.ops, losses in tinygen.losses",
    "utils": (
        "clip_grad_norm_ is in tinygen.optim; spectral_norm(layer) is "
        "nn.SpectralNorm(layer, rng=rng)"
    ),
    "ParameterList": "assign each tensor to an attribute of its own, or put it into a Module",
    "ParameterDict": "assign each tensor to an attribute of its own, or put it into a Module",
    **{name: f"losses are functions here: tinygen.losses.{f}" for name, f in LOSS_CLASSES.items()},
    "ConstantPad2d": _PAD.format('"constant"'),
    "ZeroPad2d": _PAD.format('"constant"'),
    "ReflectionPad2d": _PAD.format('"reflect"'),
    "ReplicationPad2d": _PAD.format('"edge"'),
    "MaxUnpool1d": "there is no unpooling; use Upsample",
    "MaxUnpool2d": "there is no unpooling; use Upsample",
    "UpsamplingNearest2d": "use Upsample(scale_factor=2)",
    "UpsamplingBilinear2d": 'use Upsample(scale_factor=2, mode="bilinear", align_corners=True)',
    "AdaptiveMaxPool1d": "use x.max(axis=2, keepdims=True) for one output",
    "AdaptiveMaxPool2d": "use x.max(axis=(2, 3), keepdims=True) for one output",
    "Hardtanh": "use tinygen.ops.clip(x, -1, 1)",
    "ReLU6": "use tinygen.ops.clip(x, 0, 6)",
    "Dropout1d": "use Dropout(p, rng=rng), which drops single elements",
    "Dropout2d": "use Dropout(p, rng=rng), which drops single elements",
    "DataParallel": "one process uses one device: model.to(device)",
    "MultiHeadAttention": "it is MultiheadAttention, as in PyTorch",
}

# Arguments that layers of torch.nn take.
ARGUMENTS = {
    "inplace": "no layer writes into its input, because a gradient may need the old value",
    "device": (
        "a layer lies on the device of its rng: tinygen.default_rng(0, device); or move the model: "
        "model.to(device)"
    ),
    "padding_mode": 'pad first, with tinygen.ops.pad(x, pad_width, mode="reflect") or another mode',
}

# Names that torch.nn.Module has.
METHODS = {
    "cuda": 'use model.to("cuda")',
    "cpu": 'use model.to("cpu")',
    "float": _SET_DTYPE.format("float32"),
    "double": _SET_DTYPE.format("float64"),
    "half": "tinygen computes in float32 and float64; float16 is for storage",
    "type": _SET_DTYPE.format("float64"),
    "add_module": "assign it to an attribute: setattr(model, name, module)",
    "register_module": "assign it to an attribute: setattr(model, name, module)",
    "register_parameter": (
        "assign a tensor with requires_grad=True to an attribute: setattr(model, name, tensor)"
    ),
    "get_submodule": "use dict(model.named_modules())[path]",
    "get_parameter": "use dict(model.named_parameters())[path]",
    "get_buffer": "use dict(model.named_buffers())[path]",
    "register_forward_hook": _NO_HOOKS,
    "register_forward_pre_hook": _NO_HOOKS,
    "register_full_backward_hook": _NO_HOOKS,
    "compile": "there is no compiler; call the model as it is",
}


def refuse(owner: str, name: str, table: dict[str, str]) -> str:
    """Return the message of an AttributeError, with the advice of a table."""
    advice = f": {table[name]}" if name in table else ""
    return f"{owner} has no {name}{advice}"
