// AugMix's changes of colour; see augment_shades.py, whose table of shades has 20 places a row. One block a row.

KERNEL(augment_levels)(const T* __restrict__ x, const double* __restrict__ drawn, long long channels, T low, T high, T* __restrict__ y,
                       long long rows, long long columns) {
  __shared__ T part[32];
  const long long row = blockIdx.x, at = row * columns;
  const double* __restrict__ d = drawn + row * 20;
  const T limit = low + (T)d[1] * (high - low), plus = (T)d[0] * (high - low), bits = (T)d[2];
  const T grid = (high - low) * T(1.003921568627451) / (T)exp2(floor(bits));
  for (long long c = 0; c < channels; ++c) {
    T first = x[at + c], last = first;
    for (long long k = c + threadIdx.x * channels; k < columns; k += blockDim.x * channels) {
      first = minimum(first, x[at + k]);
      last = maximum(last, x[at + k]);
    }
    last = block_max(last, part);
    first = -block_max(-first, part);
    const bool stretch = (T)d[3] > T(0.5) && last > first;
    for (long long k = c + threadIdx.x * channels; k < columns; k += blockDim.x * channels) {
      T v = x[at + k];
      if (stretch) v = low + (v - first) / (last - first) * (high - low);
      if (bits >= T(1)) v = low + floor((v - low) / grid) * grid;
      if (plus != T(0)) v = minimum(maximum(v + plus, low), high);
      y[at + k] = v >= limit ? low + (high - v) : v;
    }
  }
}

// a thread counts the values of its own levels: no two threads add to one number, and the counts are the same in every run
KERNEL(augment_equalize)(const T* __restrict__ x, const double* __restrict__ drawn, long long channels, T low, T high, T* __restrict__ y,
                         long long rows, long long columns) {
  __shared__ int below[256];
  __shared__ int first;
  const long long row = blockIdx.x, at = row * columns;
  const T wide = high - low, most = T(255);
  if (drawn[row * 20 + 4] <= T(0.5)) {
    for (long long k = threadIdx.x; k < columns; k += blockDim.x) y[at + k] = x[at + k];
    return;
  }
  for (long long c = 0; c < channels; ++c) {
    for (int b = threadIdx.x; b < 256; b += blockDim.x) {
      int count = 0;
      #pragma unroll 1  // unrolled it takes 146 registers
      for (long long k = c; k < columns; k += channels) {
        const T v = (x[at + k] - low) / wide * most;
        count += v - v == T(0) && (int)minimum(maximum(v, T(0)), most) == b;
      }
      below[b] = count;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      #pragma unroll 1
      for (int b = 1; b < 256; ++b) below[b] += below[b - 1];
      first = 0;
      #pragma unroll 1
      for (int b = 0; b < 256 && first == 0; ++b) first = below[b];
    }
    __syncthreads();
    const int whole = below[255] - first;
    for (long long k = c + threadIdx.x * channels; k < columns; k += blockDim.x * channels) {
      const T v = (x[at + k] - low) / wide * most;
      T out = x[at + k];
      if (v - v == T(0) && whole > 0) {
        const int b = (int)minimum(maximum(v, T(0)), most);
        const long long twice = (long long)(below[b] - first) * 510 + whole, level = quotient(twice, 2LL * whole);
        const bool down = (level & 1) != 0 && level * 2 * whole == twice;  // a half goes to the even one, as NumPy rounds
        out = low + (T)(level - down) / most * wide;
      }
      y[at + k] = out;
    }
    __syncthreads();
  }
}

KERNEL(augment_shade)(const T* __restrict__ x, const double* __restrict__ drawn, long long height, long long width, long long channels,
                      T low, T high, T* __restrict__ y, long long rows, long long columns) {
  const T* __restrict__ image = x + blockIdx.x * columns;
  T* __restrict__ out = y + blockIdx.x * columns;
  const T grey = (T)drawn[blockIdx.x * 20 + 7], sharp = (T)drawn[blockIdx.x * 20 + 8];
  const T around_weight = T(0.07692307692307693), middle = T(0.38461538461538464);
  for (long long k = threadIdx.x; k < columns; k += blockDim.x) {
    const long long pixel = quotient(k, channels), i = quotient(pixel, width), j = pixel - i * width, at = pixel * channels;
    T v = image[k];
    if (channels == 3 && grey != T(0)) {
      v += grey * (T(0.2989) * image[at] + T(0.587) * image[at + 1] + T(0.114) * image[at + 2] - v);
    }
    if (sharp != T(0)) {
      T around = T(0);
      for (long long a = i > 0 ? i - 1 : 0; a <= i + 1 && a < height; ++a) {
        for (long long b = j > 0 ? j - 1 : 0; b <= j + 1 && b < width; ++b) {
          if (a != i || b != j) around += image[(a * width + b) * channels + k - at];
        }
      }
      v += sharp * (around_weight * around + middle * image[k] - v);
    }
    out[k] = minimum(maximum(v, low), high);
  }
}
