"""PyTorch with the step of the eager module recorded once, and replayed by the GPU."""

import numpy as np
import torch

from benchmarks.peers import Train
from benchmarks.peers.pytorch_eager import dA, over_minibatches
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]

WARM_UPS = 3


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Record a step, after a few that PyTorch wants before; then start from `params` again."""
    torch.manual_seed(setting.seed)
    model = dA(params, setting.corruption_level).to(setting.device)
    given = torch.zeros(setting.batch_size, train_x.shape[1], device=setting.device)

    def descend() -> torch.Tensor:
        cost = model(given)
        gradients = torch.autograd.grad(cost, list(model.parameters()))
        with torch.no_grad():
            for param, gradient in zip(model.parameters(), gradients, strict=True):
                param.sub_(gradient, alpha=setting.learning_rate)
        return cost.detach()

    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(WARM_UPS):
            descend()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        cost = descend()
    with torch.no_grad():
        for param, value in zip(model.parameters(), params, strict=True):
            param.copy_(torch.from_numpy(value))

    def step(x: torch.Tensor) -> torch.Tensor:
        given.copy_(x)
        graph.replay()
        return cost.clone()

    return over_minibatches(step, train_x, setting.batch_size, setting.device)
