// Values of images changed where they are; see augment_tone.py and augment_blur.py. One block a row, but for augment_salt. A row of a table
// has 20 places.

KERNEL(augment_tone)(const T* __restrict__ x, const double* __restrict__ drawn, long long channels, long long gain, long long shift,
                     long long kind, T low, T high, T* __restrict__ y, long long rows, long long columns) {
  __shared__ T part[32];
  const T* __restrict__ image = x + blockIdx.x * columns;
  T* __restrict__ out = y + blockIdx.x * columns;
  const double* __restrict__ d = drawn + blockIdx.x * 20;
  const T scale = gain >= 0 ? (T)d[gain] : T(1), plus = shift >= 0 ? (T)d[shift] : T(0);
  if (kind == 2) {
    low = image[0];
    high = low;
    for (long long k = threadIdx.x; k < columns; k += blockDim.x) {
      low = minimum(low, image[k]);
      high = maximum(high, image[k]);
    }
    high = block_max(high, part);
    low = -block_max(-low, part);
  }
  const int each = (int)channels;
  for (int c = 0; c < each; ++c) {
    T pivot = T(0);
    if (kind == 1) {
      for (long long k = c + threadIdx.x * each; k < columns; k += blockDim.x * each) pivot += image[k];
      pivot = block_sum(pivot, part) / (T)(columns / each);
    }
    for (long long k = c + threadIdx.x * each; k < columns; k += blockDim.x * each) {
      out[k] = minimum(maximum(pivot + (image[k] - pivot) * scale + plus, low), high);
    }
  }
}

KERNEL(augment_saturate)(const T* __restrict__ x, const double* __restrict__ drawn, long long at, T* __restrict__ y, long long rows,
                         long long columns) {
  const long long row = blockIdx.x;
  const T f = (T)drawn[row * 20 + at], gain = maximum(f / (T(1) - f + T(1e-7)), T(0));
  for (long long p = row * columns + 3 * threadIdx.x; p < (row + 1) * columns; p += 3 * blockDim.x) {
    const T top = maximum(maximum(x[p], x[p + 1]), x[p + 2]), bottom = minimum(minimum(x[p], x[p + 1]), x[p + 2]);
    const T k = top > T(0) && top > bottom ? minimum(gain, top / (top - bottom)) : T(1);
    for (long long c = 0; c < 3; ++c) y[p + c] = top - (top - x[p + c]) * k;
  }
}

KERNEL(augment_salt)(const T* __restrict__ x, const long long* __restrict__ step, long long seed, long long stream, long long salt,
                     long long either, T low, T high, T* __restrict__ y, long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * q < rows; q += (long long)gridDim.x * blockDim.x) {
    const uint4 counter = make_uint4((unsigned int)q, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    const long long words[4] = {r.x, r.y, r.z, r.w};
    neighbours(x, y, q, rows, [&](int k, T v) { return words[k] < salt ? high : words[k] < either ? low : v; });
  }
}

KERNEL(augment_paste)(const T* __restrict__ x, const double* __restrict__ boxes, const T* __restrict__ fill, long long height,
                      long long width, long long channels, long long filled, T value, T low, T high, T* __restrict__ y, long long rows,
                      long long columns) {
  const long long row = blockIdx.x;
  const double* __restrict__ box = boxes + 4 * row;
  for (long long k = threadIdx.x; k < columns; k += blockDim.x) {
    const long long pixel = quotient(k, channels), i = quotient(pixel, width), j = pixel - i * width, at = row * columns + k;
    const bool inside = (T)i >= (T)box[0] && (T)i < (T)box[1] && (T)j >= (T)box[2] && (T)j < (T)box[3];
    y[at] = inside ? minimum(maximum(filled ? fill[at] : value, low), high) : x[at];
  }
}

KERNEL(augment_mix)(const T* __restrict__ x, const double* __restrict__ weights, long long wide, long long at, long long add,
                    T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  const T w = (T)weights[row * wide + at];
  for (long long k = row * columns + threadIdx.x; k < (row + 1) * columns; k += blockDim.x) y[k] = (add ? y[k] : T(0)) + w * x[k];
}

KERNEL(augment_blur)(const T* __restrict__ x, const double* __restrict__ drawn, long long sigma, long long chance, long long height,
                     long long width, long long channels, long long size, long long axis, T* __restrict__ y, long long rows,
                     long long columns) {
  __shared__ T weights[255];
  __shared__ T part[32];
  const long long row = blockIdx.x, radius = size / 2, length = axis == 0 ? height : width, pitch = axis == 0 ? width * channels : channels;
  const double* __restrict__ d = drawn + row * 20;
  const T deviation = (T)d[sigma];
  T total = T(0);
  for (long long k = threadIdx.x; k < size; k += blockDim.x) {
    const T share = (T)(k - radius) / deviation, w = exp(T(-0.5) * share * share);
    weights[k] = w;
    total += w;
  }
  total = T(1) / block_sum(total, part);
  for (long long k = threadIdx.x; k < size; k += blockDim.x) weights[k] *= total;
  __syncthreads();
  const bool hit = chance < 0 || d[chance + 1] < d[chance];
  for (long long k = threadIdx.x; k < columns; k += blockDim.x) {
    const long long at = row * columns + k, pixel = quotient(k, channels), i = quotient(pixel, width);
    const long long place = axis == 0 ? i : pixel - i * width;
    T value = T(0);
    if (hit) {
      const long long first = radius > place ? radius - place : 0, end = length - place + radius < size ? length - place + radius : size;
      const T* __restrict__ from = x + at + (first - radius) * pitch;
      #pragma unroll 1  // unrolled it spills registers
      for (long long n = first; n < end; ++n, from += pitch) value += weights[n] * from[0];
    } else {
      value = x[at];
    }
    y[at] = value;
  }
}

KERNEL(augment_hue)(const T* __restrict__ x, const double* __restrict__ drawn, long long at, long long sign, T low, T high,
                    T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  const T wide = high - low, turn = (drawn[row * 20 + sign] > T(0.5) ? T(-3) : T(3)) * (T)drawn[row * 20 + at];
  for (long long p = row * columns + 3 * threadIdx.x; p < (row + 1) * columns; p += 3 * blockDim.x) {
    const T red = (x[p] - low) / wide, green = (x[p + 1] - low) / wide, blue = (x[p + 2] - low) / wide;
    const T top = maximum(maximum(red, green), blue), spread = top - minimum(minimum(red, green), blue);
    T h = T(0);
    if (spread > T(0)) {
      h = top == red ? (green - blue) / spread : top == green ? (blue - red) / spread + T(2) : (red - green) / spread + T(4);
    }
    h += turn;
    h -= T(6) * floor(h / T(6));
    const T kept = top > T(0) ? spread : T(0);
    for (long long c = 0; c < 3; ++c) {
      const T apart = h - T(c == 0 ? 3 : 2 * c), size = apart < T(0) ? -apart : apart, full = c == 0 ? size - T(1) : T(2) - size;
      const T v = top - kept * (T(1) - minimum(maximum(full, T(0)), T(1)));
      y[p + c] = low + minimum(maximum(v, T(0)), T(1)) * wide;
    }
  }
}
