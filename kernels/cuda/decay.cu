// See decay.py. A warp a row.

KERNEL(decay_rows)(const T* __restrict__ w, const T* __restrict__ factor, T* __restrict__ g, T* __restrict__ value, long long rows,
                   long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T f = factor[0];
  T total = T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T x = w[at + j];
    g[at + j] += f * x;
    total += x * x;
  }
  total = warp_sum(total);
  if (lane == 0) value[row] = T(0.5) * f * total;
}
