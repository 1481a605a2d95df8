// Recurrent layers; see recurrent.py. A block takes a row through all steps. The frame is the same for every cell: the words in capitals
// that are no options are filled in by recurrent_cuda.py.

KERNEL(recurrent)(OPERANDS, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    h[at + j] = h0[at + j];
    START
  }
  for (long long s = 0; s < steps; ++s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * GATES * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (options & KEEP) {
        hs[(lines + t) * n + j] = h[at + j];
        SAVE
      }
      if (options & DROP) w[at + j] = h[at + j] * drop[at + j];
    }
    __syncthreads();
    const T* __restrict__ const source = options & DROP ? w + at : h + at;
    PRODUCT
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      if (live) {
        CELL
      }
      const T out = live || !(options & ZERO) ? h[at + j] : T(0);
      if (options & SEQUENCES) y[(lines + (options & IN_TIME ? t : s)) * n + j] = out;
      else if (options & ZERO) y[at + j] = out;
    }
    __syncthreads();
  }
}

KERNEL(recurrent_bwd)(OPERANDS, long long rows, long long columns) {
  const long long row = blockIdx.x, at = row * units, lines = row * steps;
  const long long n = units;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    if (options & NO_DH) dh[at + j] = T(0);
    START
    p[at + j] = T(0);
  }
  for (long long s = steps - 1; s >= 0; --s) {
    const long long t = options & REVERSED ? steps - 1 - s : s;
    T* __restrict__ const x = z + row * columns + t * GATES * n;
    const bool live = !(options & MASKED) || mask[lines + t] != T(0);
    __syncthreads();
    for (long long j = threadIdx.x; j < n; j += blockDim.x) {
      T d = dh[at + j] + (options & DROP ? p[at + j] * drop[at + j] : p[at + j]);
      if (live || !(options & ZERO)) {
        if (options & SEQUENCES) d += dy[(lines + (options & IN_TIME ? t : s)) * n + j];
        else if (options & ZERO && s == steps - 1) d += dy[at + j];
      }
      if (live) {
        CELL
      } else {
        dh[at + j] = d;
        CLEAR
      }
    }
    __syncthreads();
    PRODUCT
  }
  __syncthreads();
  for (long long j = threadIdx.x; j < n; j += blockDim.x) dh[at + j] += options & DROP ? p[at + j] * drop[at + j] : p[at + j];
}
