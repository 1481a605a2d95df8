"""Connectionist temporal classification: the likelihood of a label sequence over all its alignments with a row's steps, and its gradient.

A row's labels l_1 ... l_n, none of them 0, become the states 0 l_1 0 l_2 ... l_n 0; each step stays in its state, goes on to the next, or
leaves out the blank (0) between two labels that differ (Graves et al. 2006, section 4.1). With alpha_t(s) the likelihood of reaching s by
step t, its own symbol included, and beta_t(s) that of going on from there, the gradient in the logits of step t is
softmax_k - sum of alpha_t(s) beta_t(s) over the states s of symbol k, over the whole likelihood. All in logarithms.
"""

import numpy as np

from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.record import Kernel, columns_of, first_rows, parse, register

NEVER = -1e30  # the logarithm of a likelihood of 0


def _states(label):
    """(symbol of each state, whether it can be entered two states back) of label sequences (rows, width)."""
    rows, width = label.shape
    symbol, skips = np.zeros((rows, 2 * width + 1), np.int64), np.zeros((rows, 2 * width + 1), bool)
    symbol[:, 1::2] = label
    skips[:, 3::2] = label[:, 1:] != label[:, :-1]
    return symbol, skips


def _ctc_reference(logp, label, weight, scale, classes, width, loss, dz, alpha, beta):
    rows, states = logp.shape[0], 2 * int(width) + 1
    if rows == 0:
        return
    steps = columns_of(logp) // int(classes)
    lp, a, b = logp.reshape(rows, steps, -1), alpha.reshape(rows, steps, states), beta.reshape(rows, 2, states)
    labels = label.reshape(rows, -1)
    (symbol, skips), ends = _states(labels), 2 * (labels != 0).sum(axis=1, keepdims=True)
    never, everyone, places = np.full((rows, 2), NEVER, lp.dtype), np.arange(rows)[:, None], np.arange(states)

    def shifted(values, by):
        parts = [never[:, :by], values[:, :-by]] if by > 0 else [values[:, -by:], never[:, :-by]]
        return np.concatenate(parts, axis=1)

    def emitted(t):
        return np.take_along_axis(lp[:, t], symbol, axis=1)

    with np.errstate(all="ignore"):
        a[:, 0] = np.where(places < 2, emitted(0), NEVER)
        for t in range(1, steps):
            back = np.where(skips, shifted(a[:, t - 1], 2), NEVER)
            a[:, t] = np.logaddexp(np.logaddexp(a[:, t - 1], shifted(a[:, t - 1], 1)), back) + emitted(t)
        last = a[:, steps - 1]
        total = np.logaddexp(last[everyone, ends], np.where(ends > 0, last[everyone, np.maximum(ends - 1, 0)], NEVER))
        loss[...] = -total.reshape(loss.shape)
        b[...] = np.where((places == ends) | (places == ends - 1), 0, NEVER)[:, None]
        share = np.exp(lp)
        for t in range(steps - 1, -1, -1):
            if t < steps - 1:
                on = b[:, (t + 1) & 1] + emitted(t + 1)
                far = np.where(shifted(skips * 1.0, -2) > 0, shifted(on, -2), NEVER)
                b[:, t & 1] = np.logaddexp(np.logaddexp(on, shifted(on, -1)), far)
            np.subtract.at(share[:, t], (everyone, symbol), np.exp(a[:, t] + b[:, t & 1] - total))
        dz[...] = (share * (weight.reshape(-1, 1, 1) * lp.dtype.type(scale))).reshape(dz.shape)


def _log_add(a, b):
    return np.maximum(a, b) + np.log1p(np.exp(-abs(a - b)))


def _ctc_native(logp, label, weight, scale, classes, width, loss, dz, alpha, beta, lo, hi, scratch):
    T = logp.dtype.type
    never, zero, count, labels = T(NEVER), T(0), classes[0], width[0]
    states, steps = 2 * labels + 1, logp.shape[1] // count
    for i in range(lo, hi):
        n = 0
        for j in range(labels):
            n += 1 if label[i, j] != 0 else 0
        for t in range(steps):
            at, before = t * states, (t - 1) * states
            for s in range(states):
                symbol = label[i, s // 2] if s % 2 else 0
                if t == 0:
                    alpha[i, s] = logp[i, symbol] if s < 2 else never
                    continue
                v = alpha[i, before + s]
                if s > 0:
                    v = _log_add(v, alpha[i, before + s - 1])
                if s % 2 and s > 1 and label[i, s // 2 - 1] != symbol:
                    v = _log_add(v, alpha[i, before + s - 2])
                alpha[i, at + s] = v + logp[i, t * count + symbol]
        at = (steps - 1) * states
        total = alpha[i, at + 2 * n]
        if n > 0:
            total = _log_add(total, alpha[i, at + 2 * n - 1])
        loss[i] = -total
        for s in range(states):
            beta[i, s] = zero if s == 2 * n or s == 2 * n - 1 else never
            beta[i, states + s] = beta[i, s]
        factor = weight[i] * T(scale[0])
        for t in range(steps - 1, -1, -1):
            own, after = (t % 2) * states, ((t + 1) % 2) * states
            if t < steps - 1:
                for s in range(states):
                    symbol = label[i, s // 2] if s % 2 else 0
                    v = beta[i, after + s] + logp[i, (t + 1) * count + symbol]
                    if s + 1 < states:
                        v = _log_add(v, beta[i, after + s + 1] + logp[i, (t + 1) * count + (0 if s % 2 else label[i, s // 2])])
                    if s % 2 and s + 2 < states and label[i, s // 2 + 1] != symbol:
                        v = _log_add(v, beta[i, after + s + 2] + logp[i, (t + 1) * count + label[i, s // 2 + 1]])
                    beta[i, own + s] = v
            for k in range(count):
                dz[i, t * count + k] = np.exp(logp[i, t * count + k])
            for s in range(states):
                symbol = label[i, s // 2] if s % 2 else 0
                dz[i, t * count + symbol] -= np.exp(alpha[i, t * states + s] + beta[i, own + s] - total)
            for k in range(count):
                dz[i, t * count + k] *= factor


CTC = register(
    Kernel(
        name="ctc", operands=parse(
            "logp, label:full:i4, weight:col, scale:const, classes:const:i8, width:const:i8 -> loss:col, dz, alpha, beta"
        ),
        extent=first_rows, reference=_ctc_reference, native=_ctc_native, cuda=cuda_kernel("alignments.cu", "ctc", NEVER=repr(NEVER)),
        geometry="rows", family="ctc",
        cost=lambda logp, label, weight, scale, classes, width, loss, dz, alpha, beta: 60.0 * columns_of(alpha),
    )
)
