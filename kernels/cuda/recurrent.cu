// Recurrent layers; see recurrent.py. A block takes a row through all steps; FIRST and SECOND are the cell's formulas.

KERNEL(simple_rnn)(T* __restrict__ z, const T* __restrict__ h0, const T* __restrict__ u, const T* __restrict__ b,
  const T* __restrict__ mask, const T* __restrict__ drop, long long steps, long long units, long long options, T* __restrict__ y, T* __restrict__ h,
  T* __restrict__ hs, T* __restrict__ w, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    h[at + j] = h0[at + j];
  }
  for (long long s = 0; s < steps; ++s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 1 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (options & KEEP) {
        hs[(lines + t) * n + j] = h[at + j];
      }
      if (options & DROP) w[at + j] = h[at + j] * drop[at + j];
    }
    __syncthreads();
    row_product(options & DROP ? w + at : h + at, u, x, n, n, n, true);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (live) {
        T kept, next;
        FIRST(x[j] + b[j], kept, next);
        x[j] = kept;
        h[at + j] = next;
      }
      const T out = live || !(options & ZERO) ? h[at + j] : T(0);
      if (options & SEQUENCES) y[(lines + (options & IN_TIME ? t : s)) * n + j] = out;
      else if (options & ZERO) y[at + j] = out;
    }
    __syncthreads();
  }
}

KERNEL(simple_rnn_bwd)(T* __restrict__ z, const T* __restrict__ u, const T* __restrict__ mask,
  const T* __restrict__ drop, const T* __restrict__ dy, T* __restrict__ dh, long long steps, long long units, long long options, T* __restrict__ p,
  long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    if (options & NO_DH) dh[at + j] = T(0);
    p[at + j] = T(0);
  }
  for (long long s = steps - 1; s >= 0; --s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 1 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T d = dh[at + j] + (options & DROP ? p[at + j] * drop[at + j] : p[at + j]);
      if (live || !(options & ZERO)) {
        if (options & SEQUENCES) d += dy[(lines + (options & IN_TIME ? t : s)) * n + j];
        else if (options & ZERO && s == steps - 1) d += dy[at + j];
      }
      if (live) {
        x[j] = FIRST(x[j], d);
        dh[at + j] = T(0);
      } else {
        dh[at + j] = d;
        x[j] = T(0);
      }
    }
    __syncthreads();
    row_product_nt(x, u, p + at, n, n, n, false);
  }
  __syncthreads();
  for (long long j = threadIdx.x; j < n; j += blockDim.x) dh[at + j] += options & DROP ? p[at + j] * drop[at + j] : p[at + j];
}

KERNEL(lstm)(T* __restrict__ z, const T* __restrict__ h0, const T* __restrict__ c0, const T* __restrict__ u, const T* __restrict__ b,
  const T* __restrict__ mask, const T* __restrict__ drop, long long steps, long long units, long long options, T* __restrict__ y, T* __restrict__ h,
  T* __restrict__ c, T* __restrict__ hs, T* __restrict__ cs, T* __restrict__ w, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    h[at + j] = h0[at + j];
    c[at + j] = c0[at + j];
  }
  for (long long s = 0; s < steps; ++s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 4 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (options & KEEP) {
        hs[(lines + t) * n + j] = h[at + j];
        cs[(lines + t) * n + j] = c[at + j];
      }
      if (options & DROP) w[at + j] = h[at + j] * drop[at + j];
    }
    __syncthreads();
    row_product(options & DROP ? w + at : h + at, u, x, n, 4 * n, 4 * n, true);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (live) {
        T i, f, g, o, next, out_h;
        FIRST(x[j] + b[j], x[n + j] + b[n + j], x[2 * n + j] + b[2 * n + j], x[3 * n + j] + b[3 * n + j], c[at + j], i, f, g, o, next, out_h);
        x[j] = i; x[n + j] = f; x[2 * n + j] = g; x[3 * n + j] = o;
        c[at + j] = next;
        h[at + j] = out_h;
      }
      const T out = live || !(options & ZERO) ? h[at + j] : T(0);
      if (options & SEQUENCES) y[(lines + (options & IN_TIME ? t : s)) * n + j] = out;
      else if (options & ZERO) y[at + j] = out;
    }
    __syncthreads();
  }
}

KERNEL(lstm_bwd)(T* __restrict__ z, const T* __restrict__ cs, const T* __restrict__ u, const T* __restrict__ mask,
  const T* __restrict__ drop, const T* __restrict__ dy, T* __restrict__ dh, T* __restrict__ dc, long long steps, long long units, long long options, T* __restrict__ p,
  long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    if (options & NO_DH) dh[at + j] = T(0);
    if (options & NO_DC) dc[at + j] = T(0);
    p[at + j] = T(0);
  }
  for (long long s = steps - 1; s >= 0; --s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 4 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T d = dh[at + j] + (options & DROP ? p[at + j] * drop[at + j] : p[at + j]);
      if (live || !(options & ZERO)) {
        if (options & SEQUENCES) d += dy[(lines + (options & IN_TIME ? t : s)) * n + j];
        else if (options & ZERO && s == steps - 1) d += dy[at + j];
      }
      if (live) {
        T i, f, g, o, before;
        FIRST(x[j], x[n + j], x[2 * n + j], x[3 * n + j], cs[(lines + t) * n + j], d, dc[at + j], i, f, g, o, before);
        x[j] = i; x[n + j] = f; x[2 * n + j] = g; x[3 * n + j] = o;
        dc[at + j] = before;
        dh[at + j] = T(0);
      } else {
        dh[at + j] = d;
        x[j] = T(0);
        x[n + j] = T(0);
        x[2 * n + j] = T(0);
        x[3 * n + j] = T(0);
      }
    }
    __syncthreads();
    row_product_nt(x, u, p + at, 4 * n, n, 4 * n, false);
  }
  __syncthreads();
  for (long long j = threadIdx.x; j < n; j += blockDim.x) dh[at + j] += options & DROP ? p[at + j] * drop[at + j] : p[at + j];
}

KERNEL(gru_after)(T* __restrict__ z, const T* __restrict__ h0, const T* __restrict__ u, const T* __restrict__ b,
  const T* __restrict__ mask, const T* __restrict__ drop, long long steps, long long units, long long options, T* __restrict__ y, T* __restrict__ h,
  T* __restrict__ hs, T* __restrict__ w, T* __restrict__ r, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    h[at + j] = h0[at + j];
  }
  for (long long s = 0; s < steps; ++s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 3 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (options & KEEP) {
        hs[(lines + t) * n + j] = h[at + j];
      }
      if (options & DROP) w[at + j] = h[at + j] * drop[at + j];
    }
    __syncthreads();
    T* __restrict__ const q = r + (options & KEEP ? (lines + t) * 3 * n : row * 3 * n);
    row_product(options & DROP ? w + at : h + at, u, q, n, 3 * n, 3 * n, false);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (live) {
        const T sum = q[2 * n + j] + b[5 * n + j];
        T kz, kr, kg, next;
        FIRST(x[j] + b[j], x[n + j] + b[n + j], x[2 * n + j] + b[2 * n + j], q[j] + b[3 * n + j], q[n + j] + b[4 * n + j], sum, h[at + j], kz, kr, kg, next);
        x[j] = kz; x[n + j] = kr; x[2 * n + j] = kg;
        q[2 * n + j] = sum;
        h[at + j] = next;
      }
      const T out = live || !(options & ZERO) ? h[at + j] : T(0);
      if (options & SEQUENCES) y[(lines + (options & IN_TIME ? t : s)) * n + j] = out;
      else if (options & ZERO) y[at + j] = out;
    }
    __syncthreads();
  }
}

KERNEL(gru_after_bwd)(T* __restrict__ z, const T* __restrict__ hs, T* __restrict__ r, const T* __restrict__ u, const T* __restrict__ mask,
  const T* __restrict__ drop, const T* __restrict__ dy, T* __restrict__ dh, long long steps, long long units, long long options, T* __restrict__ p,
  long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    if (options & NO_DH) dh[at + j] = T(0);
    p[at + j] = T(0);
  }
  for (long long s = steps - 1; s >= 0; --s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 3 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T d = dh[at + j] + (options & DROP ? p[at + j] * drop[at + j] : p[at + j]);
      if (live || !(options & ZERO)) {
        if (options & SEQUENCES) d += dy[(lines + (options & IN_TIME ? t : s)) * n + j];
        else if (options & ZERO && s == steps - 1) d += dy[at + j];
      }
      if (live) {
        T* __restrict__ const q = r + (lines + t) * 3 * n;
        T kz, kr, kg, sum, before;
        FIRST(x[j], x[n + j], x[2 * n + j], q[2 * n + j], hs[(lines + t) * n + j], d, kz, kr, kg, sum, before);
        x[j] = kz; x[n + j] = kr; x[2 * n + j] = kg;
        q[j] = kz; q[n + j] = kr; q[2 * n + j] = sum;
        dh[at + j] = before;
      } else {
        dh[at + j] = d;
        T* __restrict__ const q = r + (lines + t) * 3 * n;
        x[j] = T(0);
        x[n + j] = T(0);
        x[2 * n + j] = T(0);
        q[j] = T(0);
        q[n + j] = T(0);
        q[2 * n + j] = T(0);
      }
    }
    __syncthreads();
    row_product_nt(r + (lines + t) * 3 * n, u, p + at, 3 * n, n, 3 * n, false);
  }
  __syncthreads();
  for (long long j = threadIdx.x; j < n; j += blockDim.x) dh[at + j] += options & DROP ? p[at + j] * drop[at + j] : p[at + j];
}

KERNEL(gru_before)(T* __restrict__ z, const T* __restrict__ h0, const T* __restrict__ u, const T* __restrict__ b,
  const T* __restrict__ mask, const T* __restrict__ drop, long long steps, long long units, long long options, T* __restrict__ y, T* __restrict__ h,
  T* __restrict__ hs, T* __restrict__ w, T* __restrict__ q, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    h[at + j] = h0[at + j];
  }
  for (long long s = 0; s < steps; ++s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 3 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (options & KEEP) {
        hs[(lines + t) * n + j] = h[at + j];
      }
      if (options & DROP) w[at + j] = h[at + j] * drop[at + j];
    }
    __syncthreads();
    const T* __restrict__ const source = options & DROP ? w + at : h + at;
    T* __restrict__ const e = q + (options & KEEP ? (lines + t) * n : at);
    row_product(source, u, x, n, 2 * n, 3 * n, true);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T kz, kr, scaled;
      FIRST(x[j] + b[j], x[n + j] + b[n + j], source[j], kz, kr, scaled);
      x[j] = kz;
      x[n + j] = kr;
      e[j] = scaled;
    }
    __syncthreads();
    row_product(e, u + 2 * n, x + 2 * n, n, n, 3 * n, true);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (live) {
        T kg, next;
        SECOND(x[2 * n + j] + b[2 * n + j], x[j], h[at + j], kg, next);
        x[2 * n + j] = kg;
        h[at + j] = next;
      }
      const T out = live || !(options & ZERO) ? h[at + j] : T(0);
      if (options & SEQUENCES) y[(lines + (options & IN_TIME ? t : s)) * n + j] = out;
      else if (options & ZERO) y[at + j] = out;
    }
    __syncthreads();
  }
}

KERNEL(gru_before_bwd)(T* __restrict__ z, const T* __restrict__ hs, const T* __restrict__ u, const T* __restrict__ mask,
  const T* __restrict__ drop, const T* __restrict__ dy, T* __restrict__ dh, long long steps, long long units, long long options, T* __restrict__ p, T* __restrict__ v,
  long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    if (options & NO_DH) dh[at + j] = T(0);
    p[at + j] = T(0);
  }
  for (long long s = steps - 1; s >= 0; --s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * 3 * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T d = dh[at + j] + (options & DROP ? p[at + j] * drop[at + j] : p[at + j]);
      if (live || !(options & ZERO)) {
        if (options & SEQUENCES) d += dy[(lines + (options & IN_TIME ? t : s)) * n + j];
        else if (options & ZERO && s == steps - 1) d += dy[at + j];
      }
      if (live) {
        T kz, kg, before;
        FIRST(x[j], x[2 * n + j], hs[(lines + t) * n + j], d, kz, kg, before);
        x[j] = kz;
        x[2 * n + j] = kg;
        dh[at + j] = before;
      } else {
        dh[at + j] = d;
        x[j] = T(0);
        x[n + j] = T(0);
        x[2 * n + j] = T(0);
      }
    }
    __syncthreads();
    row_product_nt(x + 2 * n, u + 2 * n, v + at, n, n, 3 * n, false);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T change = T(0), through = T(0);
      const T before = hs[(lines + t) * n + j];
      if (live) SECOND(x[n + j], options & DROP ? before * drop[at + j] : before, v[at + j], change, through);
      x[n + j] = change;
      p[at + j] = through;
    }
    __syncthreads();
    row_product_nt(x, u, p + at, 2 * n, n, 3 * n, true);
  }
  __syncthreads();
  for (long long j = threadIdx.x; j < n; j += blockDim.x) dh[at + j] += options & DROP ? p[at + j] * drop[at + j] : p[at + j];
}
