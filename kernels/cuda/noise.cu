// Noise; see noise.py. A thread takes four neighbours, whose words are one Philox block.

KERNEL(gaussian)(const T* __restrict__ x, const long long* __restrict__ step, long long seed, long long stream, T stddev,
                 long long relative, T* __restrict__ y, long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * q < rows; q += (long long)gridDim.x * blockDim.x) {
    const uint4 counter = make_uint4((unsigned int)q, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    T n[4];
    normal_pair(r.x, r.y, n[0], n[1]);
    normal_pair(r.z, r.w, n[2], n[3]);
    neighbours(x, y, q, rows, [&](int k, T v) { return v + stddev * n[k] * (relative ? v : T(1)); });
  }
}

KERNEL(masked)(const T* __restrict__ x, const long long* __restrict__ step, long long seed, long long stream, long long threshold, T scale,
               T shift, T dropped, long long b, long long c, long long d, long long e, T* __restrict__ y, long long rows,
               long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  const unsigned int limit = (unsigned int)threshold;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows; i += (long long)gridDim.x * blockDim.x) {
    const long long outer = quotient(i, e * d), middle = quotient(outer, c), m = (quotient(middle, b) * c + outer - middle * c) * e
                          + i - quotient(i, e) * e;
    const uint4 counter = make_uint4((unsigned int)(m >> 2), (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    const unsigned int word = (m & 2) ? ((m & 1) ? r.w : r.z) : ((m & 1) ? r.y : r.x);
    y[i] = word < limit ? dropped : x[i] * scale + shift;
  }
}
