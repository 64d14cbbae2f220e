"""PyTorch's module of this name: an ImportError says where its functions are here."""

raise ImportError(
    "functions of tensors are in tinygen.ops, losses in tinygen.losses: "
    "from tinygen import losses, ops"
)
