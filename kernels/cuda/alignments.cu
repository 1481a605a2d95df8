// Connectionist temporal classification; see alignments.py. A block a row, a thread a state, the steps one after another.

KERNEL(ctc)(const T* __restrict__ logp, const int* __restrict__ label, const T* __restrict__ weight, T scale, long long classes,
            long long width, T* __restrict__ loss, T* __restrict__ dz, T* __restrict__ alpha, T* __restrict__ beta, long long rows,
            long long columns) {
  const long long row = blockIdx.x, steps = columns / classes, states = 2 * width + 1;
  if (row >= rows) return;
  const T* __restrict__ lp = logp + row * columns;
  const int* __restrict__ own = label + row * width;
  T* a = alpha + row * steps * states;
  T* b = beta + row * 2 * states;
  long long n = 0;
  for (long long j = 0; j < width; ++j) n += own[j] != 0;
  for (long long t = 0; t < steps; ++t) {
    for (long long s = threadIdx.x; s < states; s += blockDim.x) {
      const int symbol = s & 1 ? own[s >> 1] : 0;
      if (t == 0) {
        a[s] = s < 2 ? lp[symbol] : T(NEVER);
      } else {
        const T* before = a + (t - 1) * states;
        T v = before[s];
        if (s > 0) v = log_add(v, before[s - 1]);
        if ((s & 1) && s > 1 && own[(s >> 1) - 1] != symbol) v = log_add(v, before[s - 2]);
        a[t * states + s] = v + lp[t * classes + symbol];
      }
    }
    __syncthreads();
  }
  const T* last = a + (steps - 1) * states;
  const T total = n > 0 ? log_add(last[2 * n], last[2 * n - 1]) : last[0];
  if (threadIdx.x == 0) loss[row] = -total;
  for (long long s = threadIdx.x; s < states; s += blockDim.x) {
    b[s] = s == 2 * n || s == 2 * n - 1 ? T(0) : T(NEVER);
    b[states + s] = b[s];
  }
  __syncthreads();
  const T factor = weight[row] * scale;
  for (long long t = steps - 1; t >= 0; --t) {
    T* now = b + (t & 1) * states;
    const T* after = b + ((t + 1) & 1) * states;
    const T* next = lp + (t + 1) * classes;
    if (t < steps - 1) {
      for (long long s = threadIdx.x; s < states; s += blockDim.x) {
        const int symbol = s & 1 ? own[s >> 1] : 0;
        T v = after[s] + next[symbol];
        if (s + 1 < states) v = log_add(v, after[s + 1] + next[s & 1 ? 0 : own[s >> 1]]);
        if ((s & 1) && s + 2 < states && own[(s >> 1) + 1] != symbol) v = log_add(v, after[s + 2] + next[own[(s >> 1) + 1]]);
        now[s] = v;
      }
    }
    __syncthreads();
    for (long long k = threadIdx.x; k < classes; k += blockDim.x) {
      T v = exp(lp[t * classes + k]);
      for (long long s = k == 0 ? 0 : 1; s < states; s += 2) {
        if (k == 0 || own[s >> 1] == k) v -= exp(a[t * states + s] + now[s] - total);
      }
      dz[row * columns + t * classes + k] = v * factor;
    }
  }
}
