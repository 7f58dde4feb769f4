"""The authors' formulation on PyTorch and transformers, with random weights: what the benchmarks compare with.

Reads one JSON request per line, answers one JSON object per line. Requests:
  {"do": "load", "shape": {...}, "dtype": "float32", "threads": 2}
  {"do": "decode", "prompt": 330, "length": 32, "block": 8, "steps": 8}
  {"do": "greedy", "prompt": 330, "length": 32}
  {"do": "train", "tokens": 256, "answer": 96, "block": 8}
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.cache_utils import DynamicCache

state = {}


def sync():
    if state.get("device", "cpu") != "cpu":
        torch.cuda.synchronize()


def load(r):
    s = r["shape"]
    torch.set_num_threads(r["threads"])
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=s["hiddenSize"], intermediate_size=s["intermediateSize"], num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"], num_key_value_heads=s["kvHeads"], vocab_size=s["vocabSize"],
        rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=s["tie"], max_position_embeddings=8192,
    )
    config._attn_implementation = "sdpa"
    dtype = getattr(torch, r["dtype"])
    state["device"] = r.get("device", "cpu")
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    with torch.device(state["device"]):
        state["model"] = Qwen2ForCausalLM(config)
    torch.set_default_dtype(before)
    state["model"].requires_grad_(False)
    state["model"].model.embed_tokens.weight[-1] *= 0.1  # the mask row: a random model should not predict it
    state["optimizer"] = None
    return {"parameters": sum(p.numel() for p in state["model"].parameters()), "torch": torch.__version__}


def block_causal(rows, block, dtype):
    b = torch.arange(rows, device=state["device"]) // block
    mask = torch.zeros(rows, rows, dtype=dtype, device=state["device"])
    return mask.masked_fill_(b[None, :] > b[:, None], float("-inf"))[None, None]


@torch.no_grad()
def decode(r):
    """Block decoding as the authors write it: S + 1 iterations a block, one more forward to store the block's KV."""
    model, P, G, D, S = state["model"], r["prompt"], r["length"], r["block"], r["steps"]
    device = state["device"]
    head, body, table = model.lm_head, model.model, model.model.embed_tokens.weight
    dtype, mask_id = table.dtype, table.shape[0] - 1
    ids = torch.arange(P, device=device) % (table.shape[0] - 10)
    sync()
    start = time.perf_counter()
    blocks = -(-(P + G) // D)
    T = blocks * D
    x = table[mask_id].expand(T, -1).clone()[None]
    x[0, :P] = table[ids]
    head(x[:, :P]).argmax(-1)  # ids "reconstructed" from the prompt's embeddings, never used
    mask = block_causal(T, D, dtype)
    cache = DynamicCache()
    whole = P // D * D
    positions = torch.arange(T, device=device)[None]
    body(inputs_embeds=x[:, :whole], attention_mask=mask[:, :, :whole, :whole], position_ids=positions[:, :whole], past_key_values=cache, use_cache=True)
    counts = [D // S + (1 if s < D % S else 0) for s in range(S)] + [D // S]
    forwards = 1
    for b in range(P // D, blocks):
        lo, hi = b * D, b * D + D
        for s in range(S + 1):
            masked = ((x[:, lo:hi] - table[mask_id]).abs() < 1e-5).all(-1)
            view = mask[:, :, lo:hi, :hi]
            hidden = body(inputs_embeds=x[:, lo:hi], attention_mask=view, position_ids=positions[:, lo:hi], past_key_values=cache, use_cache=True).last_hidden_state
            forwards += 1
            if not masked.any():
                break  # this forward stored the block
            cache.crop(-D)
            logits = head(hidden).float()
            probability, token = F.softmax(logits, -1).max(-1)
            probability = probability.masked_fill(~masked, float("-inf"))
            k = min(counts[s], int(masked.sum()))
            if k > 0:
                chosen = probability.topk(k, -1).indices[0]
                x[0, lo + chosen] = table[token[0, chosen]]
    sync()
    return {"seconds": time.perf_counter() - start, "forwards": forwards, "tokens": G}


@torch.no_grad()
def greedy(r):
    model, device = state["model"], state["device"]
    ids = (torch.arange(r["prompt"], device=device) % (model.config.vocab_size - 10))[None]
    sync()
    start = time.perf_counter()
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=r["length"], min_new_tokens=r["length"], do_sample=False, eos_token_id=None, pad_token_id=0)
    sync()
    return {"seconds": time.perf_counter() - start, "tokens": out.shape[1] - ids.shape[1]}


def train(r):
    """One step on one sample: [noised ; clean] rows with a dense mask, logits and cross entropy on all rows in fp32."""
    model, L, D, device = state["model"], r["tokens"], r["block"], state["device"]
    model.requires_grad_(True)
    weights = list(model.parameters())
    if state["optimizer"] is None:
        # Weights of half precision have float32 masters, as in the authors' DeepSpeed set-up.
        state["masters"] = [w.detach().float() if w.dtype == torch.bfloat16 else w for w in weights]
        for weight, master in zip(weights, state["masters"]):
            if master is not weight:
                master.grad = torch.empty_like(master)  # made once: fresh memory in every step is slow
        state["optimizer"] = torch.optim.AdamW(state["masters"], lr=1e-5, weight_decay=0.0, fused=True)
    masters = state["masters"]
    generator = torch.Generator().manual_seed(r.get("seed", 0))
    ids = torch.randint(0, model.config.vocab_size - 10, (L,), generator=generator).to(device)
    labelled = (torch.arange(L) >= L - r["answer"]).to(device)
    blocks = L // D
    u = ((torch.rand(1, generator=generator) / blocks + torch.arange(blocks) / blocks) % 1).to(device)
    t = (u * 0.999 + 0.001).repeat_interleave(D)
    masked = (torch.rand(L, generator=generator).to(device) <= t) & labelled
    sync()
    start = time.perf_counter()
    table = model.model.embed_tokens.weight
    clean = model.model.embed_tokens(ids)
    noised = torch.where(masked[:, None], table[-1][None], clean)
    half = torch.arange(2 * L, device=device) < L
    block = (torch.arange(2 * L, device=device) % L) // D
    q, k = block[:, None], block[None, :]
    nq, nk = half[:, None], half[None, :]
    sees = ((nq == nk) & (q == k)) | (nq & ~nk & (k < q)) | (~nq & ~nk & (k <= q))
    mask = torch.zeros(2 * L, 2 * L, dtype=table.dtype, device=device).masked_fill_(~sees, torch.finfo(table.dtype).min)[None, None]
    positions = torch.arange(L, device=device).repeat(2)[None]
    hidden = model.model(inputs_embeds=torch.cat([noised, clean])[None], attention_mask=mask, position_ids=positions, use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[:, :L]).float()
    ce = F.cross_entropy(logits[0], ids, reduction="none")
    loss = (ce * masked / t).sum() / labelled.sum()
    loss.backward()
    for weight, master in zip(weights, masters):
        if master is not weight:
            master.grad.copy_(weight.grad)
    torch.nn.utils.clip_grad_norm_(masters, 1.0)
    state["optimizer"].step()
    model.zero_grad(set_to_none=True)
    with torch.no_grad():
        for weight, master in zip(weights, masters):
            if master is not weight:
                weight.copy_(master)
    sync()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": time.perf_counter() - start, "tokens": L, "loss": loss.item(), "memory": memory}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"load": load, "decode": decode, "greedy": greedy, "train": train}[request["do"]](request)
    except Exception as error:  # the caller decides what a failure means
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
