"""Grader of exercise 5: the gradient penalty of a Wasserstein GAN."""

import numpy as np
from grading import AnswerError, call, check_value, compare, describe_error

from tinygen import check_grads, ops
from tinygen.losses import gradient_penalty

FUNCTIONS = ("gradient_penalty",)
IMPORTS = ("tinygen.grad", "tinygen.ops.sqrt", "tinygen.tensor")
SEE_ALSO = "gradient_penalty in tinygen/losses/penalties.py"
HINTS = (
    "In this order: x_hat as a Tensor that requires a gradient; the scores; their sum; its "
    "gradient in x_hat, of the shape (N, D); the norm of each row; the penalty.",
    "t has the shape (N,), so use t[:, None]. The norm of each row is sqrt((g * g).sum(axis=1)). "
    "There is one penalty for each example: no mean.",
    "(g,) = grad(critic(x).sum(), x, create_graph=True). Without create_graph the result is a "
    "constant, and the weights of the critic would not feel the penalty.",
)
NO_GRAPH = """\
gradient_penalty has the right value, but no derivative in the weights of the
critic.

Likely mistake: `create_graph=True` is missing in grad, or the gradient was
turned into an array. Then the penalty is a constant for the critic, and
training does not feel it.

Think of: the penalty is a loss, and it contains a derivative.
"""


def grade(answer):
    """Yield the name of each part that is right."""
    real, fake = (
        np.array([[2.0, 1.0], [0.5, 3.0], [1.0, -2.0]]),
        np.array([[-1.0, 0], [1, 1], [2, 0.5]]),
    )
    t = np.array([0.2, 0.9, 0.5])
    x_hat = t[:, None] * real + (1 - t[:, None]) * fake
    swapped = (1 - t[:, None]) * real + t[:, None] * fake
    n = len(t)

    def critic(x):
        return (x * x).sum(axis=1) / 2  # its gradient is x

    def penalty(g, axis=1):
        return (np.sqrt((g * g).sum(axis=axis)) - 1) ** 2

    check_value(
        "gradient_penalty of f(x) = |x|^2 / 2",
        lambda real, fake, t: answer.gradient_penalty(critic, real, fake, t),
        {"real": real, "fake": fake, "t": t},
        gradient_penalty(critic, real, fake, t).data,
        think="the gradient of this f is x itself. So the penalty is (|x_hat| - 1)^2.",
        mistakes=[
            (penalty(swapped), "real and fake are swapped: x_hat = t real + (1 - t) fake."),
            (penalty(real), "the gradient is taken at the real examples, not at x_hat."),
            (penalty(fake), "the gradient is taken at the generated examples, not at x_hat."),
            (penalty(x_hat / n), "the gradient of the mean of the scores. Take that of their sum."),
            (penalty(x_hat, axis=0), "the wrong axis: the norm is that of each row, axis 1."),
            (penalty(x_hat, axis=None), "one norm of the whole batch. Each row has its own."),
            (penalty(x_hat).mean(), "a mean over the batch. Return the penalty of each example."),
            (penalty(x_hat).sum(), "a sum over the batch. Return the penalty of each example."),
            (
                ((x_hat**2).sum(axis=1) - 1) ** 2,
                "the square root is missing. The norm is the root of the sum of squares.",
            ),
            ((x_hat**2).sum(axis=1), "the -1 is missing: the norm should be 1 and not 0."),
            (np.sqrt(penalty(x_hat)), "the square of (norm - 1) is missing."),
            (
                (np.sqrt((x_hat**2).mean(axis=1)) - 1) ** 2,
                "a mean of the squares. The norm is the root of their sum.",
            ),
        ],
    )
    yield "gradient_penalty of f(x) = |x|^2 / 2"

    rng = np.random.default_rng(0)
    W, v = rng.normal(size=(2, 3)), rng.normal(size=3)

    def as_function_of_weights(W, v):
        def network(x):
            return ops.tanh(x @ W) @ v

        return answer.gradient_penalty(network, real, fake, t)

    try:
        check_grads(as_function_of_weights, W, v, order=1)
    except AssertionError as error:
        raise AnswerError(NO_GRAPH) from error
    except BaseException as error:
        text = "gradient_penalty cannot be differentiated in the weights of the critic."
        raise AnswerError(f"{text}\n\n{describe_error(error)}\n") from error
    yield "its derivative in the weights of the critic, by check_grads"

    w = np.array([0.6, 0.8])  # |w| = 1
    part = "the penalty of a linear critic with norm 1"
    value = call(part, answer.gradient_penalty, lambda x: x @ w, real, fake, t)
    compare(part, value, np.zeros(n))
    yield "the penalty of a linear critic with norm 1 is 0"
