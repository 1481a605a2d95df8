// Norms of the parts of a flat vector; see segments.py.

// a warp a chunk
KERNEL(chunk_squares)(const long long* __restrict__ bounds, const T* __restrict__ x, double* __restrict__ squares, long long rows,
                      long long columns) {
  const long long chunk = warp_row();
  if (chunk >= rows) return;
  const int lane = threadIdx.x & 31;
  const long long end = bounds[2 * chunk + 1];
  T total = T(0);
  #pragma unroll 4
  for (long long i = bounds[2 * chunk] + lane; i < end; i += 32) total += x[i] * x[i];
  total = warp_sum(total);
  if (lane == 0) squares[chunk] = total;
}

KERNEL(spread)(const int* __restrict__ part, const double* __restrict__ values, T* __restrict__ out, long long rows, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows; i += (long long)gridDim.x * blockDim.x) {
    out[i] = (T)values[part[i]];
  }
}
