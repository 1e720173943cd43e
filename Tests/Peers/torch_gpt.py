"""A PyTorch DDP training of the zoo's small GPT on the Bible, the peer of the zoo's `gpt` row: held-out loss and time.

torchrun --nproc-per-node 2 torch_gpt.py [--steps 3000] [--init default|gpt2]
The same recipe, text, split and architecture as `swift-dist-train bench zoo --only gpt` (written for this project, Apache-2.0).
"""
import argparse, math, os, resource, subprocess, sys, time
import torch, torch.nn as nn, torch.nn.functional as F
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP

p = argparse.ArgumentParser()
p.add_argument("--steps", type=int, default=3000); p.add_argument("--init", default="gpt2", choices=["default", "gpt2"])
p.add_argument("--text", help="a file in place of `bible -f Gen1:1-Rev22:21`")
a = p.parse_args()
world = int(os.environ.get("WORLD_SIZE", 1)); rank = int(os.environ.get("RANK", 0))
if world > 1: dist.init_process_group("gloo")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
T, C, L, H, BATCH = 64, 128, 4, 4, 24

text = open(a.text, "rb").read() if a.text else subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], capture_output=True, check=True).stdout
text = text.decode("utf-8", "replace")
vocabulary = {c: i for i, c in enumerate(sorted(set(text)))}; V = len(vocabulary)
tokens = torch.tensor([vocabulary[c] for c in text]); cut = len(tokens) * 9 // 10
train, held = tokens[:cut], tokens[cut:]

class Block(nn.Module):
    def __init__(s):
        super().__init__()
        s.l1 = nn.LayerNorm(C); s.qkv = nn.Linear(C, 3*C); s.o = nn.Linear(C, C); s.l2 = nn.LayerNorm(C)
        s.fc = nn.Linear(C, 4*C); s.pr = nn.Linear(4*C, C)
    def forward(s, x):
        B = x.shape[0]
        q, k, v = (t.view(B, -1, H, C//H).transpose(1, 2) for t in s.qkv(s.l1(x)).split(C, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, -1, C)
        x = x + s.o(y); return x + s.pr(F.gelu(s.fc(s.l2(x))))

class GPT(nn.Module):
    def __init__(s):
        super().__init__(); s.te = nn.Embedding(V, C); s.pe = nn.Embedding(T, C)
        s.b = nn.ModuleList([Block() for _ in range(L)]); s.lf = nn.LayerNorm(C); s.hd = nn.Linear(C, V, bias=False)
        s.hd.weight = s.te.weight; nn.init.normal_(s.te.weight, std=0.02)
        if a.init == "gpt2":
            nn.init.normal_(s.pe.weight, std=0.02)
            for name, m in s.b.named_modules():
                if isinstance(m, nn.Linear):
                    nn.init.normal_(m.weight, std=0.02 / math.sqrt(2 * L) if name.endswith((".o", ".pr")) else 0.02)
                    nn.init.zeros_(m.bias)
    def forward(s, i):
        x = s.te(i) + s.pe(torch.arange(i.shape[1]))
        for b in s.b: x = b(x)
        return s.hd(s.lf(x))

torch.manual_seed(0); model = GPT(); torch.manual_seed(1 + rank)
m = DDP(model, gradient_as_bucket_view=True) if world > 1 else model
opt = torch.optim.AdamW(model.parameters(), 1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)

def rate(t):
    if t < 100: return 1e-3 * (t + 1) / 100
    return 1e-4 + 0.9e-3 * 0.5 * (1 + math.cos(math.pi * (t - 100) / (a.steps - 100)))

def held_out():
    with torch.no_grad():
        count = (len(held) - 1) // T; total = 0.0
        x = held[:count*T].view(count, T); y = held[1:count*T+1].view(count, T)
        for i in range(0, count, 64): total += F.cross_entropy(model(x[i:i+64]).view(-1, V), y[i:i+64].reshape(-1), reduction="sum").item()
        return total / (count * T)

start = time.perf_counter()
for t in range(a.steps):
    for g in opt.param_groups: g["lr"] = rate(t)
    i = torch.randint(0, len(train) - T - 1, (BATCH // world,))[:, None] + torch.arange(T + 1)
    b = train[i]; opt.zero_grad(set_to_none=True)
    loss = F.cross_entropy(m(b[:, :-1]).reshape(-1, V), b[:, 1:].reshape(-1)); loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0); opt.step()
    if rank == 0 and (t + 1) % 500 == 0: print(f"step {t+1} loss {loss.item():.4f}", file=sys.stderr)
if world > 1: dist.barrier()
seconds = time.perf_counter() - start
if rank == 0:
    print(f"peer=torch-fused workload=gpt-bible init={a.init} ranks={world} batch={BATCH} vocabulary={V} steps={a.steps} train_s={seconds:.1f} val_loss={held_out():.4f} n={(len(held)-1)//T*T} rss_mb={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024:.0f}")
if world > 1: dist.barrier(); dist.destroy_process_group()
