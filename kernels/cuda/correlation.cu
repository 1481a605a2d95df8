// Correlation and concordance of rows; see correlation.py. A warp a row.

KERNEL(correlation)(const T* __restrict__ p, const T* __restrict__ t, long long concordance, T* __restrict__ value, long long rows,
                    long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T mean = T(0), mean_t = T(0);
  for (long long j = lane; j < columns; j += 32) {
    mean += p[at + j];
    mean_t += t[at + j];
  }
  mean = warp_sum(mean) / (T)columns;
  mean_t = warp_sum(mean_t) / (T)columns;
  T v = T(0), v_t = T(0), c = T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T off = p[at + j] - mean, off_t = t[at + j] - mean_t;
    v += off * off;
    v_t += off_t * off_t;
    c += off * off_t;
  }
  v = warp_sum(v) / (T)columns;
  v_t = warp_sum(v_t) / (T)columns;
  c = warp_sum(c) / (T)columns;
  const T apart = mean - mean_t;
  if (lane == 0) value[row] = concordance != 0 ? T(2) * c / (v + v_t + apart * apart + T(EPSILON)) : c / (sqrt(v) * sqrt(v_t));
}
