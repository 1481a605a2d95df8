// Convolutions; see conv_device.py. `g` is the geometry in the order of windows.Windows; `elements` are those of what is written.

KERNEL(im2col)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ patches, long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], kc = g[7];
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, columns), k = j - p * columns, i = quotient(p, g[3] * wide), place = p - i * g[3] * wide;
    const long long r = quotient(place, wide), s = place - r * wide, t = quotient(k, channels), c = k - t * channels, a = quotient(t, kc);
    const long long h = r * g[8] + a * g[10] - g[12], w = s * g[9] + (t - a * kc) * g[11] - g[13];
    patches[j] = h >= 0 && h < height && w >= 0 && w < width ? x[((i * height + h) * width + w) * channels + c] : T(0);
  }
}

KERNEL(col2im)(const T* __restrict__ patches, const long long* __restrict__ g, T* __restrict__ dx, long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], tall = g[3], wide = g[4], kr = g[6], kc = g[7];
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, height * width), place = p - i * height * width;
    const long long h = quotient(place, width) + g[12], w = place - quotient(place, width) * width + g[13];
    T sum = T(0);
    for (long long a = 0; a < kr; ++a) {
      const long long down = h - a * g[10], r = down < 0 ? -1 : quotient(down, g[8]);
      if (r < 0 || r >= tall || r * g[8] != down) continue;
      for (long long b = 0; b < kc; ++b) {
        const long long along = w - b * g[11], s = along < 0 ? -1 : quotient(along, g[9]);
        if (s < 0 || s >= wide || s * g[9] != along) continue;
        sum += patches[(((i * tall + r) * wide + s) * kr * kc + a * kc + b) * channels + c];
      }
    }
    dx[j] = sum;
  }
}

KERNEL(conv_direct)(const T* __restrict__ x, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ y,
                    long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], filters = g[5], kr = g[6], kc = g[7];
  const long long each = quotient(channels, g[14]), own = quotient(filters, g[14]);
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, filters), f = j - p * filters, i = quotient(p, g[3] * wide), place = p - i * g[3] * wide;
    const long long r = quotient(place, wide), s = place - r * wide, first = quotient(f, own) * each;
    T sum = T(0);
    for (long long a = 0; a < kr; ++a) {
      const long long h = r * g[8] + a * g[10] - g[12];
      if (h < 0 || h >= height) continue;
      for (long long b = 0; b < kc; ++b) {
        const long long v = s * g[9] + b * g[11] - g[13];
        if (v < 0 || v >= width) continue;
        const T* __restrict__ from = x + ((i * height + h) * width + v) * channels + first;
        const T* __restrict__ by = w + (a * kc + b) * each * filters + f;
        for (long long c = 0; c < each; ++c) sum += from[c] * by[c * filters];
      }
    }
    y[j] = sum;
  }
}

KERNEL(conv_direct_dx)(const T* __restrict__ dz, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ dx,
                       long long elements, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], tall = g[3], wide = g[4], filters = g[5], kr = g[6], kc = g[7];
  const long long each = quotient(channels, g[14]), own = quotient(filters, g[14]);
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long p = quotient(j, channels), c = j - p * channels, i = quotient(p, height * width), place = p - i * height * width;
    const long long h = quotient(place, width) + g[12], v = place - quotient(place, width) * width + g[13];
    const long long group = quotient(c, each), first = group * own;
    T sum = T(0);
    for (long long a = 0; a < kr; ++a) {
      const long long down = h - a * g[10], r = down < 0 ? -1 : quotient(down, g[8]);
      if (r < 0 || r >= tall || r * g[8] != down) continue;
      for (long long b = 0; b < kc; ++b) {
        const long long along = v - b * g[11], s = along < 0 ? -1 : quotient(along, g[9]);
        if (s < 0 || s >= wide || s * g[9] != along) continue;
        const T* __restrict__ from = dz + ((i * tall + r) * wide + s) * filters + first;
        const T* __restrict__ by = w + ((a * kc + b) * each + c - group * each) * filters + first;
        for (long long f = 0; f < own; ++f) sum += from[f] * by[f];
      }
    }
    dx[j] = sum;
  }
}

KERNEL(conv_direct_dw)(const T* __restrict__ x, const T* __restrict__ dz, const long long* __restrict__ g, long long images, T add,
                       T* __restrict__ dw, long long rows, long long columns) {
  const long long height = g[0], width = g[1], channels = g[2], wide = g[4], filters = g[5], kc = g[7], places = g[3] * wide;
  const long long each = quotient(channels, g[14]), own = quotient(filters, g[14]), weight = warp_row();
  if (weight >= rows) return;
  const long long k = quotient(weight, filters), f = weight - k * filters, t = quotient(k, each), a = quotient(t, kc), b = t - a * kc;
  const long long c = quotient(f, own) * each + k - t * each;
  T sum = T(0);
  for (long long p = threadIdx.x & 31; p < images * places; p += 32) {
    const long long i = quotient(p, places), place = p - i * places, r = quotient(place, wide), s = place - r * wide;
    const long long h = r * g[8] + a * g[10] - g[12], v = s * g[9] + b * g[11] - g[13];
    if (h >= 0 && h < height && v >= 0 && v < width) sum += x[((i * height + h) * width + v) * channels + c] * dz[p * filters + f];
  }
  sum = warp_sum(sum);
  if ((threadIdx.x & 31) == 0) dw[weight] = add != T(0) ? dw[weight] + sum : sum;
}
