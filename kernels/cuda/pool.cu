// Pooling, zeros around images, a matrix along an axis; see pool.py. A thread an element of what is written, whatever the grid. `g` is the
// geometry in the order of windows.Windows. `elements` are those of the first operand: images are counted by them.

KERNEL(max_pool)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, int* __restrict__ at, long long elements,
                 long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], made = g[3] * wide * channels;
  const long long total = quotient(elements, columns) * made;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, g[3] * wide), place = p - i * g[3] * wide;
    const long long r = quotient(place, wide), s = place - r * wide, top = r * g[8] - g[12], left = s * g[9] - g[13];
    T best = T(0);
    int which = -1;
    for (long long a = 0; a < g[6]; ++a) {
      if (top + a < 0 || top + a >= height) continue;
      for (long long b = 0; b < g[7]; ++b) {
        if (left + b < 0 || left + b >= width) continue;
        const T v = x[((i * height + top + a) * width + left + b) * channels + c];
        if (which < 0 || v > best || (v != v && best == best)) {
          best = v;
          which = (int)(a * g[7] + b);
        }
      }
    }
    y[j] = best;
    at[j] = which;
  }
}

KERNEL(max_pool_bwd)(const T* __restrict__ dy, const int* __restrict__ at, const long long* __restrict__ g, T* __restrict__ dx,
                     long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], tall = g[3], wide = g[4], kr = g[6], kc = g[7], sr = g[8], sc = g[9];
  const long long total = quotient(elements, columns) * height * width * channels;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, height * width), place = p - i * height * width;
    const long long h = quotient(place, width) + g[12], w = place - quotient(place, width) * width + g[13];
    T sum = T(0);
    for (long long r = h < kr ? 0 : quotient(h - kr, sr) + 1; r < tall && r * sr <= h; ++r) {
      for (long long s = w < kc ? 0 : quotient(w - kc, sc) + 1; s < wide && s * sc <= w; ++s) {
        const long long k = ((i * tall + r) * wide + s) * channels + c;
        if (at[k] == (int)((h - r * sr) * kc + w - s * sc)) sum += dy[k];
      }
    }
    dx[j] = sum;
  }
}

// a thread a channel of an image
KERNEL(global_max_bwd)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, long long places, T* __restrict__ dx,
                       long long elements, long long columns) {
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long i = quotient(j, columns), first = i * places * columns + j - i * columns;
    const T top = y[j];
    long long count = 0;
    for (long long p = 0; p < places; ++p) count += x[first + p * columns] == top;
    const T share = dy[j] / (T)(count > 0 ? count : 1);
    for (long long p = 0; p < places; ++p) dx[first + p * columns] = x[first + p * columns] == top ? share : T(0);
  }
}

KERNEL(average_pool)(const T* __restrict__ x, const long long* __restrict__ g, T average, T* __restrict__ y, long long elements,
                     long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], made = g[3] * wide * channels;
  const long long total = quotient(elements, columns) * made;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, g[3] * wide), place = p - i * g[3] * wide;
    const long long r = quotient(place, wide), s = place - r * wide, top = r * g[8] - g[12], left = s * g[9] - g[13];
    T sum = T(0);
    long long count = 0;
    for (long long a = top < 0 ? 0 : top; a < top + g[6] && a < height; ++a) {
      for (long long b = left < 0 ? 0 : left; b < left + g[7] && b < width; ++b) {
        sum += x[((i * height + a) * width + b) * channels + c];
        ++count;
      }
    }
    y[j] = average != T(0) ? sum * (T(1) / (T)count) : sum;
  }
}

KERNEL(average_pool_bwd)(const T* __restrict__ dy, const long long* __restrict__ g, T average, T* __restrict__ dx, long long elements,
                         long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], tall = g[3], wide = g[4], kr = g[6], kc = g[7], sr = g[8], sc = g[9];
  const long long total = quotient(elements, columns) * height * width * channels;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, height * width), place = p - i * height * width;
    const long long h = quotient(place, width) + g[12], w = place - quotient(place, width) * width + g[13];
    T sum = T(0);
    for (long long r = h < kr ? 0 : quotient(h - kr, sr) + 1; r < tall && r * sr <= h; ++r) {
      const long long top = r * sr - g[12], rows = (top + kr < height ? top + kr : height) - (top < 0 ? 0 : top);
      for (long long s = w < kc ? 0 : quotient(w - kc, sc) + 1; s < wide && s * sc <= w; ++s) {
        const long long left = s * sc - g[13], across = (left + kc < width ? left + kc : width) - (left < 0 ? 0 : left);
        const T share = average != T(0) ? T(1) / (T)(rows * across) : T(1);
        sum += dy[((i * tall + r) * wide + s) * channels + c] * share;
      }
    }
    dx[j] = sum;
  }
}

KERNEL(pad)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], made = g[3] * wide * channels;
  const long long total = quotient(elements, columns) * made;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, g[3] * wide), place = p - i * g[3] * wide;
    const long long h = quotient(place, wide) - g[12], w = place - quotient(place, wide) * wide - g[13];
    y[j] = h >= 0 && h < height && w >= 0 && w < width ? x[((i * height + h) * width + w) * channels + c] : T(0);
  }
}

KERNEL(axis_mix)(const T* __restrict__ x, const T* __restrict__ m, long long made, long long taken, long long inner, T* __restrict__ y,
                 long long elements, long long columns) {
  const long long total = quotient(elements, taken) * made;
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < total; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, inner), c = j - p * inner, o = quotient(p, made), k = p - o * made;
    T sum = T(0);
    for (long long n = 0; n < taken; ++n) sum += m[k * taken + n] * x[(o * taken + n) * inner + c];
    y[j] = sum;
  }
}
