// Dropout; see philox.py. One Philox block makes four words: a thread takes four neighbours. The mask depends on the element's place,
// the seed, the stream and the step alone, never on the launch: the gradient's launch makes the same mask again.

KERNEL(dropout)(const T* __restrict__ x, const long long* __restrict__ step, long long seed, long long stream, long long threshold, T scale,
                T* __restrict__ y, long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  const unsigned int limit = (unsigned int)threshold;
  const bool together = (((size_t)x | (size_t)y) & 15) == 0;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * q < rows; q += (long long)gridDim.x * blockDim.x) {
    const uint4 counter = make_uint4((unsigned int)q, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    const long long i = 4 * q;
    if (together && i + 4 <= rows) {
      const quad<T> v = ((const quad<T>*)x)[q];
      quad<T> w;
      w.at[0] = r.x < limit ? T(0) : v.at[0] * scale;
      w.at[1] = r.y < limit ? T(0) : v.at[1] * scale;
      w.at[2] = r.z < limit ? T(0) : v.at[2] * scale;
      w.at[3] = r.w < limit ? T(0) : v.at[3] * scale;
      ((quad<T>*)y)[q] = w;
    } else {
      y[i] = r.x < limit ? T(0) : x[i] * scale;
      if (i + 1 < rows) y[i + 1] = r.y < limit ? T(0) : x[i + 1] * scale;
      if (i + 2 < rows) y[i + 2] = r.z < limit ? T(0) : x[i + 2] * scale;
      if (i + 3 < rows) y[i + 3] = r.w < limit ? T(0) : x[i + 3] * scale;
    }
  }
}
