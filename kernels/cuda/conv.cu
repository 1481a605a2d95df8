// Convolutions; see conv_device.py. `g` is the geometry in the order of windows.Windows; `elements` are those of what is written. Places
// within an image are counted in 32 bits.

KERNEL(im2col)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ patches, long long elements, long long columns) {
  const int channels = (int)g[2];
  if (by_quads(channels, x, patches)) lay_out((const quad<T>*)x, g, (quad<T>*)patches, channels / 4, elements / 4);
  else lay_out(x, g, patches, channels, elements);
}

KERNEL(col2im)(const T* __restrict__ patches, const long long* __restrict__ g, T* __restrict__ dx, long long elements, long long columns) {
  const int channels = (int)g[2];
  if (by_quads(channels, patches, dx)) add_back((const quad<T>*)patches, g, (quad<T>*)dx, channels / 4, elements / 4);
  else add_back(patches, g, dx, channels, elements);
}

KERNEL(conv_direct)(const T* __restrict__ x, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ y,
                    long long elements, long long columns) {
  if (by_quads(g[18], w, y)) convolved<4>(x, w, g, y, elements);
  else convolved<1>(x, w, g, y, elements);
}

KERNEL(conv_direct_dx)(const T* __restrict__ dz, const T* __restrict__ w, const long long* __restrict__ g, T* __restrict__ dx,
                       long long elements, long long columns) {
  const int width = (int)g[1], channels = (int)g[2], tall = (int)g[3], wide = (int)g[4], filters = (int)g[5];
  const int kc = (int)g[7], each = (int)g[17], own = (int)g[18], terms = (int)g[6] * kc * own, size = (int)g[0] * width * channels;
  const int sr = (int)g[8], sc = (int)g[9], dr = (int)g[10], dc = (int)g[11], above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels), in_row(width), in_group(each), in_tap(own), in_kernel(kc), in_stride(sr), in_step(sc);
  each_element<1>(size, elements, size, [&](long long i, unsigned int e) {
    const int at = in_place.of(e), line = in_row.of(at), c = e - at * channels, group = in_group.of(c);
    const int down = line + above, along = at - line * width + before;
    const T* __restrict__ upstream = dz + i * (tall * wide * filters) + group * own;
    const T* __restrict__ by = w + (c - group * each) * filters + group * own;
    T sum = T(0);
    at_once<4>(0, terms, 1, [&](int k) {
      const int t = in_tap.of(k), f = k - t * own, a = in_kernel.of(t), h = down - a * dr, v = along - (t - a * kc) * dc;
      const int r = in_stride.of(h), s = in_step.of(v);
      const bool inside = h >= 0 && v >= 0 && r < tall && s < wide && r * sr == h && s * sc == v;
      return two<T>{inside ? upstream[(r * wide + s) * filters + f] : T(0), inside ? by[t * each * filters + f] : T(0)};
    }, [&](int, two<T> v) { sum += v.a * v.b; });
    return sum;
  }, [&](long long i, unsigned int e, T v) { dx[i * size + e] = v; });
}

// A row is what some images give one tap and channel, for every filter: a lane each, and lanes beyond the filters take other places.
KERNEL(conv_direct_dw)(const T* __restrict__ x, const T* __restrict__ dz, const long long* __restrict__ g, long long group,
                       long long images, T* __restrict__ parts, long long rows, long long filters) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], kc = (int)g[7];
  const int each = (int)g[17], own = (int)g[18], terms = (int)g[6] * kc * each, places = (int)g[3] * wide, lane = threadIdx.x & 31;
  const divisor in_row(wide);
  const long long row = warp_row(), part = quotient(row, terms);
  if (row >= rows) return;
  const int k = (int)(row - part * terms), t = k / each, a = t / kc, sr = (int)g[8], sc = (int)g[9];
  const int down = a * (int)g[10] - (int)g[12], along = (t - a * kc) * (int)g[11] - (int)g[13];
  int together = 32;
  while (together / 2 >= filters) together /= 2;
  for (int first = 0; first < filters; first += together) {
    const int f = first + (lane & (together - 1)), c = f / own * each + k - t * each;
    T sum = T(0);
    for (long long i = part * group; i < min(images, (part + 1) * group) && f < filters; ++i) {
      const T* __restrict__ image = x + i * height * width * channels + c;
      const T* __restrict__ upstream = dz + i * places * filters + f;
      at_once<4>(lane / together, places, 32 / together, [&](int p) {
        const int r = in_row.of(p), h = r * sr + down, v = (p - r * wide) * sc + along;
        const bool inside = h >= 0 && h < height && v >= 0 && v < width;
        return two<T>{inside ? image[(h * width + v) * channels] : T(0), inside ? upstream[p * filters] : T(0)};
      }, [&](int, two<T> v) { sum += v.a * v.b; });
    }
    for (int apart = together; apart < 32; apart *= 2) sum += __shfl_xor_sync(FULL_WARP, sum, apart);
    if (lane < together && f < filters) parts[row * filters + f] = sum;
  }
}
