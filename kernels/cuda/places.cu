// Places in rows; see places.py. One block a row; `columns` are those of the first operand.

KERNEL(order)(const T* __restrict__ x, T* __restrict__ at, long long rows, long long columns) {
  const long long row = blockIdx.x, start = row * columns;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < columns; j += blockDim.x) {
    const T v = x[start + j];
    long long before = 0;
    for (long long n = 0; n < columns; ++n) {
      const T w = x[start + n];
      before += w < v || (v != v && w == w) || (n < j && (w == v || (v != v && w != w)));
    }
    at[start + before] = (T)j;
  }
}

KERNEL(at_places)(const T* __restrict__ x, const T* __restrict__ at, long long width, T* __restrict__ y, long long rows,
                  long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  for (long long t = threadIdx.x; t < width; t += blockDim.x) y[row * width + t] = x[row * columns + word_of(at[row * width + t], columns)];
}

KERNEL(from_places)(const T* __restrict__ dy, const T* __restrict__ at, long long width, T* __restrict__ dx, long long rows,
                    long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < width; j += blockDim.x) {
    T total = T(0);
    for (long long t = 0; t < columns; ++t) {
      if (word_of(at[row * columns + t], width) == j) total += dy[row * columns + t];
    }
    dx[row * width + j] = total;
  }
}
