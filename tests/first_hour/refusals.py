"""What is refused, and what the error says to do."""

import numpy as np

import tinygen
from tests.first_hour.phrases import Refusal
from tinygen import default_rng, grad, losses, nn, no_grad, ops, optim, tensor
from tinygen.data import Loader

rng = default_rng(0)
t = tensor([[1.0, 2.0], [3.0, 4.0]])
leaf = tensor([1.0, 2.0], requires_grad=True)
integers = tensor([1, 2])
model = nn.Linear(2, 2, rng=rng)
optimizer = optim.SGD(model.parameters(), lr=0.1)
images = tensor(np.zeros((1, 3, 8, 8), np.float32))


def write_into_a_result():
    y = leaf * 2
    y[0] = 1.0


def step_of_a_leaf_while_recording():
    x = tensor([1.0, 2.0], requires_grad=True)
    x -= 0.1


def backward_twice():
    loss = (leaf**2).sum()
    loss.backward()
    loss.backward()


def write_between_forward_and_backward():
    x = tensor([1.0, 2.0], requires_grad=True)
    loss = (x**2).sum()
    with no_grad():
        x -= 0.1
    loss.backward()


REFUSALS = [
    # PyTorch's names of functions
    Refusal("cat", lambda: ops.cat([t, t]), AttributeError, "tinygen.ops.concatenate"),
    Refusal("clamp", lambda: ops.clamp(t, 0, 1), AttributeError, "tinygen.ops.clip"),
    Refusal("permute", lambda: ops.permute(t, (1, 0)), AttributeError, "tinygen.ops.transpose"),
    Refusal("unsqueeze", lambda: ops.unsqueeze(t, 0), AttributeError, "tinygen.ops.expand_dims"),
    Refusal("bmm", lambda: ops.bmm(t, t), AttributeError, "tinygen.ops.matmul"),
    Refusal("mul", lambda: ops.mul(t, t), AttributeError, "tinygen.ops.multiply"),
    Refusal("pow", lambda: ops.pow(t, 2), AttributeError, "tinygen.ops.power"),
    Refusal("gather", lambda: ops.gather(t, 1, t), AttributeError, "tinygen.ops.take_along_axis"),
    Refusal("chunk", lambda: ops.chunk(t, 2), AttributeError, "tinygen.ops.split"),
    Refusal("logsigmoid", lambda: ops.logsigmoid(t), AttributeError, "tinygen.ops.log_sigmoid"),
    Refusal("zeros", lambda: ops.zeros((2, 2)), AttributeError, "np.zeros(shape, np.float32)"),
    Refusal("ones_like", lambda: ops.ones_like(t), AttributeError, "np.ones(x.shape, x.dtype)"),
    Refusal("randn", lambda: ops.randn(2), AttributeError, "default_rng(seed).normal(shape)"),
    Refusal("hardtanh", lambda: ops.hardtanh(t), AttributeError, "clip(x, -1, 1)"),
    Refusal("linalg", lambda: tinygen.linalg.inv(t), AttributeError, "tinygen.ops: inv"),
    Refusal(
        "hstack", lambda: ops.hstack([t, t]), AttributeError, "ops.concatenate([a, b], axis=1)"
    ),
    Refusal("randint", lambda: tinygen.randint(9), AttributeError, "integers(low, high, shape)"),
    Refusal("allclose", lambda: ops.allclose(t, t), AttributeError, "np.allclose(a.numpy()"),
    Refusal("masked_fill", lambda: ops.masked_fill(t), AttributeError, "where(mask, value, x)"),
    Refusal("mse_loss", lambda: ops.mse_loss(t, t), AttributeError, "losses.squared_error"),
    Refusal("losses.mse_loss", lambda: losses.mse_loss(t, t), AttributeError, "squared_error"),
    Refusal("nll_loss", lambda: losses.nll_loss(t, t), AttributeError, "cross_entropy"),
    Refusal("tinygen.relu", lambda: tinygen.relu(t), AttributeError, "tinygen.ops.relu"),
    Refusal("tinygen.cat", lambda: tinygen.cat([t, t]), AttributeError, "tinygen.ops.concatenate"),
    Refusal("manual_seed", lambda: tinygen.manual_seed(0), AttributeError, "default_rng(seed)"),
    Refusal("tinygen.float32", lambda: tinygen.float32, AttributeError, "np.float32"),
    Refusal("from_numpy", lambda: tinygen.from_numpy(t), AttributeError, "tinygen.tensor(array)"),
    Refusal("tinygen.save", lambda: tinygen.save(t), AttributeError, "save_checkpoint"),
    Refusal("autograd.grad", lambda: tinygen.autograd.grad(t, t), AttributeError, "tinygen.grad"),
    # PyTorch's methods
    Refusal("x.view", lambda: t.view(4), AttributeError, "t.reshape(shape)"),
    Refusal("x.permute", lambda: t.permute(1, 0), AttributeError, "t.transpose(axes)"),
    Refusal("x.zero_", lambda: t.zero_(), AttributeError, "t[...] = 0"),
    Refusal("x.add_", lambda: t.add_(1), AttributeError, "t += other"),
    Refusal("x.clamp", lambda: t.clamp(0), AttributeError, "tinygen.ops.clip"),
    Refusal("x.float", lambda: t.float(), AttributeError, "t.astype(np.float32)"),
    Refusal("x.cuda", lambda: t.cuda(), AttributeError, 't.to("cuda")'),
    Refusal("x.contiguous", lambda: t.contiguous(), AttributeError, "t itself"),
    Refusal("x.numel", lambda: t.numel(), AttributeError, "x.size"),
    Refusal("x.clone", lambda: t.clone(), AttributeError, "x.copy()"),
    Refusal("x.sigmoid", lambda: t.sigmoid(), AttributeError, "tinygen.ops.sigmoid(t, ...)"),
    Refusal("x.softmax", lambda: t.softmax(1), AttributeError, "tinygen.ops.softmax(t, ...)"),
    Refusal("x.max(1).values", lambda: t.max(1).values, AttributeError, "return no indices"),
    Refusal(
        "x.register_hook", lambda: t.register_hook(print), AttributeError, "tinygen.grad(y, t)"
    ),
    Refusal("x.split", lambda: t.split(1), AttributeError, "where parts begin, not their sizes"),
    Refusal("x.transpose(0, 1)", lambda: t.transpose(0, 1), ValueError, "use T or swapaxes"),
    # PyTorch's names of parameters
    Refusal("sum(dim=)", lambda: t.sum(dim=0), TypeError, "dim is axis here"),
    Refusal("mean(keepdim=)", lambda: t.mean(0, keepdim=True), TypeError, "keepdim is keepdims"),
    Refusal("softmax(dim=)", lambda: ops.softmax(t, dim=1), TypeError, "dim is axis here"),
    Refusal("std(unbiased=)", lambda: t.std(unbiased=False), TypeError, "unbiased is ddof here"),
    Refusal("norm(p=)", lambda: ops.norm(t, p=1), TypeError, "p is ord here"),
    Refusal("conv2d(weight=)", lambda: ops.conv2d(images, weight=t), TypeError, "weight is w here"),
    Refusal("roll(shifts=)", lambda: ops.roll(t, shifts=1), TypeError, "shifts is shift here"),
    Refusal("triu(diagonal=)", lambda: ops.triu(t, diagonal=1), TypeError, "diagonal is k here"),
    Refusal("exp(out=)", lambda: ops.exp(t, out=t), TypeError, "assign the result to a name"),
    Refusal("relu(inplace=)", lambda: ops.relu(t, inplace=True), TypeError, "assign the result"),
    Refusal("sum(dtype=)", lambda: t.sum(dtype=float), TypeError, "convert with astype"),
    Refusal(
        "divide(rounding_mode=)",
        lambda: ops.divide(t, t, rounding_mode="floor"),
        TypeError,
        "a // b rounds down",
    ),
    # Random numbers
    Refusal("rng.standard_normal", lambda: rng.standard_normal(3), AttributeError, "rng.normal("),
    Refusal("rng.random", lambda: rng.random(3), AttributeError, "rng.uniform(shape)"),
    Refusal("rng.choice", lambda: rng.choice([1, 2]), AttributeError, "rng.integers(0, len(array)"),
    # NumPy's functions
    Refusal("np.exp", lambda: np.exp(t), TypeError, "use tinygen.ops.exp(tensor)"),
    Refusal("np.sum", lambda: np.sum(t), TypeError, "use tinygen.ops.sum(tensor)"),
    Refusal("np.concatenate", lambda: np.concatenate([t, t]), TypeError, "ops.concatenate"),
    Refusal("np.maximum", lambda: np.maximum(t, 0), TypeError, "tinygen.ops.maximum"),
    Refusal("np.asarray", lambda: np.asarray(t), TypeError, "tensor.numpy() copies it"),
    Refusal("np.fft.fft", lambda: np.fft.fft(t), TypeError, "tensor.numpy()"),
    # Python
    Refusal("if x", lambda: bool(t), ValueError, "use .any() or .all()"),
    Refusal("float(x)", lambda: float(t), ValueError, "not one number"),
    Refusal("len(scalar)", lambda: len(tensor(1.0)), TypeError, "item()"),
    Refusal("floats as an index", lambda: t[tensor([0.0])], IndexError, "integers or booleans"),
    Refusal("an index too large", lambda: t[5], IndexError, "out of bounds"),
    Refusal("complex numbers", lambda: tensor([1j]), TypeError, "floating point, integers"),
    Refusal("text", lambda: tensor("abc"), TypeError, "floating point, integers or booleans"),
    Refusal("a tensor of tensors", lambda: tensor([t, t]), TypeError, "ops.stack joins"),
    # Shapes and dtypes
    Refusal("matmul", lambda: images @ t, ValueError, "matmul"),
    Refusal("reshape", lambda: t.reshape(3, 2), ValueError, "reshape"),
    Refusal("concatenate", lambda: ops.concatenate([t, leaf]), ValueError, "differ"),
    Refusal("stack", lambda: ops.stack([t, leaf]), ValueError, "all must be one shape"),
    Refusal("an axis too many", lambda: t.mean(2), ValueError, "axis 2 is out of bounds"),
    Refusal("squeeze", lambda: t.squeeze(0), ValueError, "only an axis of length 1"),
    Refusal("split", lambda: ops.split(t, 3), ValueError, "equal parts"),
    Refusal("channels", lambda: ops.conv2d(images, images[:, :2]), ValueError, "3 channels"),
    Refusal("mask & floats", lambda: (t > 0) & t, TypeError, "compare floating point first"),
    Refusal("embedding", lambda: ops.embedding(t, t), TypeError, "integers"),
    Refusal("an axis of text", lambda: t.sum("rows"), TypeError, "give an integer"),
    Refusal("astype(object)", lambda: t.astype(object), TypeError, "does not hold object"),
    Refusal("item of several", lambda: t.item(), ValueError, "tolist()"),
    Refusal("to(dtype)", lambda: t.to(np.float64), TypeError, "astype"),
    Refusal("losses of other shapes", lambda: losses.squared_error(t, leaf), ValueError, "shape"),
    Refusal(
        "class too large",
        lambda: losses.cross_entropy(t, np.array([0, 2])),
        IndexError,
        "2 classes",
    ),
    Refusal("dropout", lambda: ops.dropout(t, 0.5), TypeError, "rng=tinygen.default_rng(seed)"),
    # Derivatives
    Refusal(
        "integers have no gradient",
        lambda: tensor([1], requires_grad=True),
        TypeError,
        "only floating point",
    ),
    Refusal("requires_grad_()", lambda: t.requires_grad_(), AttributeError, "requires_grad = flag"),
    Refusal("backward of several", lambda: (leaf * 2).backward(), ValueError, "y.mean()"),
    Refusal("backward of a constant", lambda: t.sum().backward(), ValueError, "made under no_grad"),
    Refusal("backward twice", backward_twice, RuntimeError, "retain_graph=True"),
    Refusal(
        "grad of what is unused", lambda: grad(leaf.sum(), t), ValueError, "requires_grad=True"
    ),
    Refusal("a write into a result", write_into_a_result, ValueError, "where"),
    Refusal("a write into a leaf", step_of_a_leaf_while_recording, ValueError, "no_grad()"),
    Refusal("a stale value", write_between_forward_and_backward, RuntimeError, "written"),
    # Layers, optimizers, loaders
    Refusal("nn.GRU", lambda: nn.GRU(2, 2), AttributeError, "tinygen.nn has no GRU"),
    Refusal("nn.MSELoss", lambda: nn.MSELoss(), AttributeError, "losses.squared_error"),
    Refusal("nn.Parameter", lambda: nn.Parameter(t), AttributeError, "requires_grad=True"),
    Refusal("nn.functional", lambda: nn.functional.relu(t), AttributeError, "tinygen.ops"),
    Refusal("nn.Linear without rng", lambda: nn.Linear(2, 2), TypeError, "rng"),
    Refusal("nn.ReLU(inplace=True)", lambda: nn.ReLU(inplace=True), TypeError, "inplace"),
    Refusal(
        "nn.Conv2d(padding_mode=)",
        lambda: nn.Conv2d(1, 1, 3, padding_mode="reflect", rng=rng),
        TypeError,
        "ops.pad",
    ),
    Refusal("model.cuda()", lambda: model.cuda(), AttributeError, 'model.to("cuda")'),
    Refusal("model.double()", lambda: model.double(), AttributeError, "dtype=numpy.float64"),
    Refusal("a wrong input", lambda: model(images), ValueError, "linear"),
    Refusal("load_state_dict", lambda: model.load_state_dict({}), ValueError, "missing: weight"),
    Refusal("optimizer of a model", lambda: optim.Adam(model), TypeError, "model.parameters()"),
    Refusal("parameter groups", lambda: optim.Adam([{"params": []}]), TypeError, "for each group"),
    Refusal("optim.Adagrad", lambda: optim.Adagrad([leaf]), AttributeError, "Adagrad"),
    Refusal("lr_scheduler", lambda: optim.lr_scheduler, AttributeError, "LRSchedule"),
    Refusal("a list as data", lambda: Loader([1, 2], batch_size=1), TypeError, "array"),
]
