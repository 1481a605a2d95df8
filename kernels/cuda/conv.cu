// Convolutions; see conv_device.py. `g` is the geometry in the order of windows.Windows; `elements` are those of what is written. Places
// within an image are counted in 32 bits.

KERNEL(im2col)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ patches, long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], places = (int)g[3] * wide, kc = (int)g[7];
  const int deep = (int)columns, size = places * deep;
  EACH_ELEMENT(i, e, size, elements, size) {
    const int place = e / deep, k = e - place * deep, t = k / channels, r = place / wide, a = t / kc;
    const int h = r * (int)g[8] + a * (int)g[10] - (int)g[12];
    const int w = (place - r * wide) * (int)g[9] + (t - a * kc) * (int)g[11] - (int)g[13];
    const bool inside = h >= 0 && h < height && w >= 0 && w < width;
    patches[i * (long long)size + e] = inside ? x[i * (long long)(height * width * channels) + (h * width + w) * channels + k - t * channels] : T(0);
  }
}

KERNEL(col2im)(const T* __restrict__ patches, const long long* __restrict__ g, T* __restrict__ dx, long long elements, long long columns) {
  const int width = (int)g[1], channels = (int)g[2], tall = (int)g[3], wide = (int)g[4], kr = (int)g[6], kc = (int)g[7];
  const int sr = (int)g[8], sc = (int)g[9], size = (int)g[0] * width * channels, deep = kr * kc * channels;
  EACH_ELEMENT(i, e, size, elements, size) {
    const int place = e / channels, row = place / width, h = row + (int)g[12], w = place - row * width + (int)g[13];
    const T* __restrict__ from = patches + i * (long long)(tall * wide * deep) + (e - place * channels);
    T sum = T(0);
    for (int a = 0; a < kr; ++a) {
      const int down = h - a * (int)g[10], r = (int)((unsigned int)down / (unsigned int)sr);
      if (down < 0 || r >= tall || r * sr != down) continue;
      for (int b = 0; b < kc; ++b) {
        const int along = w - b * (int)g[11], s = (int)((unsigned int)along / (unsigned int)sc);
        if (along < 0 || s >= wide || s * sc != along) continue;
        sum += from[(r * wide + s) * deep + (a * kc + b) * channels];
      }
    }
    dx[i * (long long)size + e] = sum;
  }
}

KERNEL(conv_direct)(const T* __restrict__ x, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ y,
                    long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], filters = (int)g[5];
  const int kc = (int)g[7], taps = (int)g[6] * kc, each = (int)g[17], own = (int)g[18], size = (int)g[3] * wide * filters;
  EACH_ELEMENT(i, e, size, elements, size) {
    const unsigned int at = e / filters;
    const int place = (int)at, f = (int)e - place * filters, r = (int)(at / wide);
    const int top = r * (int)g[8] - (int)g[12], left = (place - r * wide) * (int)g[9] - (int)g[13];
    const T* __restrict__ image = x + i * (long long)(height * width * channels) + f / own * each;
    T sum = T(0);
    for (int t = 0; t < taps; ++t) {
      const int a = t / kc, h = top + a * (int)g[10], v = left + (t - a * kc) * (int)g[11];
      if (h < 0 || h >= height || v < 0 || v >= width) continue;
      const T* __restrict__ from = image + (h * width + v) * channels;
      const T* __restrict__ by = w + t * each * filters + f;
      #pragma unroll 1
      for (int c = 0; c < each; ++c) sum += from[c] * by[c * filters];
    }
    y[i * (long long)size + e] = sum;
  }
}

KERNEL(conv_direct_dx)(const T* __restrict__ dz, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ dx,
                       long long elements, long long columns) {
  const int width = (int)g[1], channels = (int)g[2], tall = (int)g[3], wide = (int)g[4], filters = (int)g[5];
  const int kc = (int)g[7], taps = (int)g[6] * kc, each = (int)g[17], own = (int)g[18], size = (int)g[0] * width * channels;
  const int sr = (int)g[8], sc = (int)g[9];
  EACH_ELEMENT(i, e, size, elements, size) {
    const unsigned int at = e / channels, line = at / width, c = e - at * channels, group = c / each;
    const int h = (int)line + (int)g[12], v = (int)(at - line * width) + (int)g[13];
    const T* __restrict__ upstream = dz + i * (long long)(tall * wide * filters) + group * own;
    const T* __restrict__ by = w + (c - group * each) * filters + group * own;
    T sum = T(0);
    for (int t = 0; t < taps; ++t, by += each * filters) {
      const int a = t / kc, down = h - a * (int)g[10], along = v - (t - a * kc) * (int)g[11];
      const unsigned int r = (unsigned int)down / (unsigned int)sr, s = (unsigned int)along / (unsigned int)sc;
      if (down < 0 || along < 0 || r >= tall || s >= wide || r * sr != down || s * sc != along) continue;
      const T* __restrict__ from = upstream + (r * wide + s) * filters;
      #pragma unroll 1
      for (int f = 0; f < own; ++f) sum += from[f] * by[f];
    }
    dx[i * (long long)size + e] = sum;
  }
}

KERNEL(conv_direct_dw)(const T* __restrict__ x, const T* __restrict__ dz, const long long* __restrict__ g, long long images, T add,
                       T* __restrict__ dw, long long rows, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], filters = (int)g[5], kc = (int)g[7];
  const int each = (int)g[17], own = (int)g[18], places = (int)g[3] * wide;
  const long long weight = warp_row();
  if (weight >= rows) return;
  const int k = (int)weight / filters, f = (int)weight - k * filters, t = k / each, a = t / kc;
  const int down = a * (int)g[10] - (int)g[12], along = (t - a * kc) * (int)g[11] - (int)g[13], c = f / own * each + k - t * each;
  T sum = T(0);
  for (long long i = 0; i < images; ++i) {
    const T* __restrict__ image = x + i * height * width * channels + c;
    const T* __restrict__ upstream = dz + i * places * filters + f;
    #pragma unroll 1
    for (int p = threadIdx.x & 31; p < places; p += 32) {
      const int r = p / wide, h = r * (int)g[8] + down, v = (p - r * wide) * (int)g[9] + along;
      if (h >= 0 && h < height && v >= 0 && v < width) sum += image[(h * width + v) * channels] * upstream[p * filters];
    }
  }
  sum = warp_sum(sum);
  if ((threadIdx.x & 31) == 0) dw[weight] = add != T(0) ? dw[weight] + sum : sum;
}
