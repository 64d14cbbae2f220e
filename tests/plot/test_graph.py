"""Computation graphs: the picture shows what was recorded, and where the engine sends gradients."""

import numpy as np
import pytest

from tinygen import grad, losses, no_grad, ops, plot, tensor
from tinygen.autograd.graph import describe_graph
from tinygen.plot import graph
from tinygen.plot.graph import place_boxes

pytest.importorskip("matplotlib")


def describe(panel, sampled=None):
    """Return arrows {(start, end): kind}, boxes and places, by the names of the boxes."""
    boxes, arrows = describe_graph(panel, sampled or {})
    places = place_boxes([*boxes], arrows)
    assert set(places) == set(boxes)
    names = {key: box.label or box.text for key, box in boxes.items()}
    return (
        {(names[arrow.start], names[arrow.end]): arrow.kind for arrow in arrows},
        {names[key]: box for key, box in boxes.items()},
        {names[key]: place for key, place in places.items()},
    )


def record_vae(reparametrized):
    """Return a weight of a small VAE, and the labelled tensors of its graph."""
    w, v, x, eps = (tensor(np.ones(3), requires_grad=r) for r in (True, True, False, False))
    mu, log_var = ops.sin(w * x), ops.cos(w * x)
    with no_grad():
        z = losses.reparametrize(mu, log_var, eps)
    if reparametrized:
        z = losses.reparametrize(mu, log_var, eps)
    loss = (ops.exp(z + v) * x).sum()
    panel = {"loss": loss, "mu": mu, "log_var": log_var, "z": z, "x": x}
    return w, panel | ({"eps": eps} if reparametrized else {})


def test_the_gradient_stops_at_a_sampled_number():
    w, panel = record_vae(reparametrized=False)
    arrows, boxes, places = describe(panel, {"z": ("mu", "log_var")})
    assert arrows["mu", "z"] == arrows["log_var", "z"] == "sampled"
    assert arrows["z", "add"] == "value"
    with pytest.raises(ValueError, match="do not depend"):
        grad(panel["loss"], w)  # the engine agrees
    assert not boxes["mu"].has_gradient and not boxes["log_var"].has_gradient
    assert boxes["z"].kind == "sampled"
    assert places["mu"][0] < places["z"][0] < places["add"][0] < places["loss"][0]


def test_the_gradient_passes_a_reparametrized_number():
    w, panel = record_vae(reparametrized=True)
    arrows, boxes, _ = describe(panel)
    for arrow in (("mu", "z"), ("log_var", "z"), ("z", "add")):
        assert arrows[arrow] == "gradient"
    assert arrows["eps", "z"] == "value"
    assert boxes["mu"].has_gradient and boxes["z"].text == "reparametrize"
    assert boxes["x"].kind == "constant"
    grad(panel["loss"], w)  # the engine agrees


def test_an_argument_without_a_rule_has_no_arrow_back():
    x = tensor(np.ones(3), requires_grad=True)
    left, right = ops.sin(x), ops.cos(x)
    y = ops.straight_through(left, right).sum()
    arrows, boxes, _ = describe({"y": y, "left": left, "right": right})
    assert arrows["left", "straight_through"] == "gradient"
    assert arrows["right", "straight_through"] == "value"
    assert boxes["left"].has_gradient and not boxes["right"].has_gradient


def test_a_deep_graph_is_laid_out_without_recursion():
    y = tensor(np.ones(1), requires_grad=True)
    for _ in range(2000):
        y = ops.sin(y)
    boxes, arrows = describe_graph({"y": y}, {})
    places = place_boxes([*boxes], arrows)
    assert max(column for column, _ in places.values()) == 1999


def test_graphs_are_drawn_and_a_tensor_without_a_record_is_an_error(tmp_path):
    x = tensor(np.ones(1), requires_grad=True)
    _, vae = record_vae(reparametrized=True)
    _, sampled = record_vae(reparametrized=False)
    graphs = [
        plot.Graph(vae, title="one"),
        plot.Graph(sampled, sampled={"z": ("mu", "log_var")}),
        plot.Graph({"y": ops.sin(x) + ops.cos(x), "x": x}),
    ]
    plot.save_page(tmp_path / "a.png", [graphs[:2], graphs[2]])
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(ValueError, match="where the gradient starts"):
        plot.Graph({"y": tensor(np.ones(1))})


def test_the_texts_of_a_graph_do_not_overlap(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    _, vae = record_vae(reparametrized=True)
    plot.save_page(tmp_path / "a.png", [[plot.Graph(vae), plot.Graph(vae)]])
    texts = [text for text in figures[0].axes[0].texts if text.get_text()]
    assert {"mu", "log_var", "z", "loss"} <= {t.get_text() for t in texts}
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_key_of_graphs_is_one_line_of_the_width_of_the_page(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    _, tensors = record_vae(reparametrized=True)
    plot.save_page(tmp_path / "a.png", [[plot.Graph(tensors)] * 2, plot.GraphKey()])
    texts = [text.get_text() for text in figures[0].axes[-1].texts]
    assert [text for text in texts if text] == [*graph.KEY.values()]
