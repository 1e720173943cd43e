"""Makes Tests/TestSupport/Golden/outer-step.safetensors: where outer steps lead, by torch.optim.SGD
with the mean change of the hosts' parameters for a gradient, in float64.

    python Tests/Peers/outer_step_golden.py        (PyTorch 2.15, safetensors)
"""

import pathlib

import torch
from safetensors.torch import save_file

ROUNDS, HOSTS, COUNT = 8, 3, 23
golden = pathlib.Path(__file__).parent.parent / "TestSupport" / "Golden"
generator = torch.Generator().manual_seed(0)
start = torch.randn(COUNT, generator=generator)
# What each host has come to in each round: some way that all go, and some that is its own.
drift = 0.2 * torch.randn(ROUNDS, 1, COUNT, generator=generator).cumsum(0)
own = 0.1 * torch.randn(ROUNDS, HOSTS, COUNT, generator=generator)
hosts = start + drift + own

tensors = {"start": start, "hosts": hosts, "mean": hosts.double().mean(1).float()}
for rate, momentum in [(0.7, 0.9), (0.4, 0.5), (1, 0)]:
    parameter = torch.nn.Parameter(start.double())
    optimizer = torch.optim.SGD([parameter], rate, momentum, nesterov=momentum > 0)
    rows, buffers = [], []
    for workers in hosts.double():
        parameter.grad = parameter.detach() - workers.mean(0)
        optimizer.step()
        rows.append(parameter.detach().float().clone())
        if momentum > 0:
            buffers.append(optimizer.state[parameter]["momentum_buffer"].float().clone())
    tensors[f"rate {rate} momentum {momentum}"] = torch.stack(rows)
    if buffers:
        tensors[f"rate {rate} momentum {momentum} buffer"] = torch.stack(buffers)
save_file(tensors, golden / "outer-step.safetensors")
