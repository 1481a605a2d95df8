// Dropout; see philox.py. One Philox block makes four words: a thread takes four neighbours. The mask depends on the element's place,
// the seed, the stream and the step alone, never on the launch: the gradient's launch makes the same mask again.

KERNEL(dropout)(const T* __restrict__ x, const long long* __restrict__ step, long long seed, long long stream, long long threshold, T scale,
                T* __restrict__ y, long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  const unsigned int limit = (unsigned int)threshold;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * q < rows; q += (long long)gridDim.x * blockDim.x) {
    const uint4 counter = make_uint4((unsigned int)q, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    const unsigned int words[4] = {r.x, r.y, r.z, r.w};
    neighbours(x, y, q, rows, [&](int k, T v) { return words[k] < limit ? T(0) : v * scale; });
  }
}
