"""PyTorch with ``torch.compile``: model, gradient and update in one compiled step."""

import numpy as np
import torch

from benchmarks.peers import Train
from benchmarks.peers.pytorch_eager import dA, over_minibatches
from benchmarks.setting import Parameters, Setting

__all__ = ["prepare"]


def prepare(train_x: np.ndarray, params: Parameters, setting: Setting) -> Train:
    """Make the step; it is compiled at its first call."""
    torch.set_num_threads(setting.threads)
    torch.manual_seed(setting.seed)
    model = dA(params, setting.corruption_level)
    values = {name: param.detach() for name, param in model.named_parameters()}

    def cost(values: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, values, (x,))

    @torch.compile(fullgraph=True, dynamic=False)
    def step(x: torch.Tensor) -> torch.Tensor:
        gradients, value = torch.func.grad_and_value(cost)(values, x)
        for name, gradient in gradients.items():
            values[name].sub_(gradient, alpha=setting.learning_rate)
        return value

    return over_minibatches(step, train_x, setting.batch_size)
