"""Computation graphs: what is drawn is what was recorded, and the gradient goes where the engine sends it. And the maps of clouds."""

import numpy as np
import pytest

from tinygen import grad, losses, no_grad, ops, plot, tensor
from tinygen.autograd.graph import describe_graph
from tinygen.plot.graph import place_boxes

pytest.importorskip("matplotlib")


def parts(panel, drawn=None):
    """{(from, to): kind} by what the boxes are called."""
    boxes, arrows = describe_graph(panel, drawn or {})
    place = place_boxes([*boxes], arrows)
    assert set(place) == set(boxes)
    names = {key: box[2] or box[1] for key, box in boxes.items()}
    return {(names[a], names[b]): kind for a, b, kind in arrows}, {names[k]: box for k, box in boxes.items()}, {names[k]: at for k, at in place.items()}


def vae(reparametrized):
    w, v, x, eps = (tensor(np.ones(3), requires_grad=r) for r in (True, True, False, False))
    mu, log_var = ops.sin(w * x), ops.cos(w * x)
    with no_grad():
        z = losses.reparametrize(mu, log_var, eps)
    if reparametrized:
        z = losses.reparametrize(mu, log_var, eps)
    loss = (ops.exp(z + v) * x).sum()
    return w, {"loss": loss, "mu": mu, "log_var": log_var, "z": z, "x": x} | ({"eps": eps} if reparametrized else {})


def test_the_gradient_stops_at_a_drawn_number():
    w, panel = vae(False)
    arrows, boxes, place = parts(panel, {"z": ("mu", "log_var")})
    assert arrows["mu", "z"] == arrows["log_var", "z"] == "sampled" and arrows["z", "add"] == "value"
    with pytest.raises(ValueError, match="do not depend"):
        grad(panel["loss"], w)  # and the engine agrees
    assert not boxes["mu"][3] and not boxes["log_var"][3] and boxes["z"][0] == "sampled"
    assert place["mu"][0] < place["z"][0] < place["add"][0] < place["loss"][0]


def test_the_gradient_passes_a_reparametrized_one():
    w, panel = vae(True)
    arrows, boxes, _ = parts(panel)
    assert arrows["mu", "z"] == arrows["log_var", "z"] == arrows["z", "add"] == "gradient" and arrows["eps", "z"] == "value"
    assert boxes["mu"][3] and boxes["z"][1] == "reparametrize" and boxes["x"][0] == "constant"
    grad(panel["loss"], w)  # and the engine agrees


def test_arguments_without_a_rule_get_no_arrow_back():
    x = tensor(np.ones(3), requires_grad=True)
    left, right = ops.sin(x), ops.cos(x)
    arrows, boxes, _ = parts({"y": ops.straight_through(left, right).sum(), "left": left, "right": right})
    assert arrows["left", "straight_through"] == "gradient" and arrows["right", "straight_through"] == "value"
    assert boxes["left"][3] and not boxes["right"][3]


def test_deep_graphs_and_pictures(tmp_path):
    y = x = tensor(np.ones(1), requires_grad=True)
    for _ in range(2000):
        y = ops.sin(y)
    boxes, arrows = describe_graph({"y": y}, {})
    place = place_boxes([*boxes], arrows)
    assert max(column for column, _ in place.values()) == 1999
    plot.save_graph(tmp_path / "a.png", {"one": vae(True)[1], "two": {"y": ops.sin(x) + ops.cos(x), "x": x}})
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match="where the gradient starts"):
        plot.save_graph(tmp_path / "b.png", {"none": {"y": tensor(np.ones(1))}})


def test_clouds(tmp_path):
    rng = np.random.default_rng(0)
    mu, images = rng.normal(size=(30, 2)), rng.random((9, 1, 4, 4))
    plot.save_posteriors(tmp_path / "a.png", {"a": (mu, np.ones((30, 2)), images), "b": (0 * mu, 0.1 + 0 * mu, images)}, np.arange(30) % 10, notes={"a": "note"})
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    for wrong in ((mu[:, :1], mu, images), (mu, mu, images[:8]), (mu * np.nan, mu, images), (mu, mu[:3], images)):
        with pytest.raises(ValueError, match="save_posteriors, 'a'"):
            plot.save_posteriors(tmp_path / "b.png", {"a": wrong}, np.arange(30) % 10)
