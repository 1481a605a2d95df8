"""An epoch of PyTorch, eager, as its users write it."""


def epochs(model, x, y, batch, rate=1e-3, loss=None):
    """-> ``epoch() -> loss`` over the tensors x and y in a new order each time, by Adam; `loss(output, y)`, or cross-entropy of labels."""
    import torch  # the other contestants do without

    of = loss or torch.nn.functional.cross_entropy
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def epoch():
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            rows = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            value = of(model(x[rows]), y[rows])
            value.backward()
            optimizer.step()
        return value.item()

    return epoch
