"""An epoch of PyTorch, eager, as its users write it."""


def epochs(model, x, y, batch, rate=1e-3):
    """-> ``epoch() -> loss`` over the tensors x and y (labels) in a new order each time, with Adam."""
    import torch  # the other contestants do without

    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    def epoch():
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            rows = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
        return loss.item()

    return epoch
