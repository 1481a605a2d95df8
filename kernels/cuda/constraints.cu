// Norm constraints; see constraints.py.

// a strip of columns a block, as in reductions.cu
KERNEL(norm_columns)(T* __restrict__ w, T low, T high, T rate, T* __restrict__ factor, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T total = T(0);
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return w[r * columns + c]; }, [&](long long, T v) { total += v * v; });
  }
  const T scale = norm_factor(sqrt(strip_sum(total, part)), low, high, rate);
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return w[r * columns + c]; }, [&](long long r, T v) {
      w[r * columns + c] = v * scale;
    });
  }
  if (threadIdx.y == 0 && c < columns) factor[c] = scale;
}

KERNEL(norm_rows)(T* __restrict__ w, T low, T high, T rate, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T total = T(0);
  for (long long j = lane; j < columns; j += 32) total += w[at + j] * w[at + j];
  const T scale = norm_factor(sqrt(warp_sum(total)), low, high, rate);
  for (long long j = lane; j < columns; j += 32) w[at + j] *= scale;
}
