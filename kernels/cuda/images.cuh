// Device functions of images, behind those of prelude.cuh.

// Patches of images and back, zeros around images, as conv.cu and pool.cu say; V is one channel, or a quad of them, in which `elements` and
// `columns` are counted, too.
template <class V>
__device__ __forceinline__ void lay_out(const V* __restrict__ x, const long long* __restrict__ g, V* __restrict__ patches, int channels,
                                        long long elements) {
  const int height = (int)g[0], width = (int)g[1], wide = (int)g[4], places = (int)g[3] * wide, kc = (int)g[7];
  const int sr = (int)g[8], sc = (int)g[9], dr = (int)g[10], dc = (int)g[11], above = (int)g[12], before = (int)g[13];
  const int deep = (int)g[6] * kc * channels, size = places * deep;
  const divisor in_place(deep), in_tap(channels), in_row(wide), in_kernel(kc);
  each_element<4>(size, elements, size, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), k = e - place * deep, t = in_tap.of(k), r = in_row.of(place), a = in_kernel.of(t);
    const int h = r * sr + a * dr - above, w = (place - r * wide) * sc + (t - a * kc) * dc - before;
    const bool inside = h >= 0 && h < height && w >= 0 && w < width;
    return inside ? x[i * (height * width * channels) + (h * width + w) * channels + k - t * channels] : V{};
  }, [&](long long i, unsigned int e, V v) { patches[i * size + e] = v; });
}
template <class V>
__device__ __forceinline__ void add_back(const V* __restrict__ patches, const long long* __restrict__ g, V* __restrict__ dx, int channels,
                                         long long elements) {
  const int width = (int)g[1], tall = (int)g[3], wide = (int)g[4], kc = (int)g[7], taps = (int)g[6] * kc;
  const int sr = (int)g[8], sc = (int)g[9], dr = (int)g[10], dc = (int)g[11], above = (int)g[12], before = (int)g[13];
  const int size = (int)g[0] * width * channels, deep = taps * channels;
  const divisor in_place(channels), in_row(width), in_kernel(kc), in_stride(sr), in_step(sc);
  each_element<1>(size, elements, size, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), row = in_row.of(place), h = row + above, w = place - row * width + before;
    const V* __restrict__ from = patches + i * (tall * wide * deep) + (e - place * channels);
    V sum = V{};
    at_once<4>(0, taps, 1, [&](int t) {
      const int a = in_kernel.of(t), down = h - a * dr, along = w - (t - a * kc) * dc, r = in_stride.of(down), s = in_step.of(along);
      const bool inside = down >= 0 && along >= 0 && r < tall && s < wide && r * sr == down && s * sc == along;
      return inside ? from[(r * wide + s) * deep + t * channels] : V{};
    }, [&](int, V v) { add_to(sum, v); });
    return sum;
  }, [&](long long i, unsigned int e, V v) { dx[i * size + e] = v; });
}
template <class V>
__device__ __forceinline__ void put_inside(const V* __restrict__ x, const long long* __restrict__ g, V* __restrict__ y, int channels,
                                           long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], wide = (int)g[4], size = (int)g[3] * wide * channels;
  const int above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels), in_row(wide);
  each_element<4>(size, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), r = in_row.of(place), h = r - above, w = place - r * wide - before;
    const bool inside = h >= 0 && h < height && w >= 0 && w < width;
    return inside ? x[i * columns + (h * width + w) * channels + e - place * channels] : V{};
  }, [&](long long i, unsigned int e, V v) { y[i * size + e] = v; });
}

// Where pixel k of an axis of n is found; -1 for nowhere. The modes are those of gpunn.kernels.augment_geometry.
__device__ __forceinline__ long long pixel_at(long long k, long long n, long long mode) {
  if (k >= 0 && k < n) return k;
  if (mode == 4) return -1;
  if (mode == 2 || mode == 5) {
    const long long period = mode == 2 ? 2 * n : n;
    k %= period;
    if (k < 0) k += period;
    return k >= n ? period - 1 - k : k;
  }
  return k < 0 ? 0 : n - 1;
}
// SciPy's "wrap": a coordinate brought into a period of n - 1
template <class V> __device__ __forceinline__ V one_period(V s, long long n) {
  const V last = (V)(n - 1);
  if (s >= V(0) && s <= last) return s;
  return n > 1 ? s - last * floor(s / last) : V(0);
}
// A convolution's sums, E filters of one group at a time
template <int E, class V>
__device__ __forceinline__ void convolved(const V* __restrict__ x, const V* __restrict__ w, const long long* __restrict__ g,
                                          V* __restrict__ y, long long elements) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], filters = (int)g[5];
  const int kc = (int)g[7], each = (int)g[17], own = (int)g[18], terms = (int)g[6] * kc * each, size = (int)g[3] * wide * filters;
  const int sr = (int)g[8], sc = (int)g[9], dr = (int)g[10], dc = (int)g[11], above = (int)g[12], before = (int)g[13];
  const divisor in_place(filters / E), in_row(wide), in_group(own), in_tap(each), in_kernel(kc);
  struct term { V x; few<V, E> w; };
  each_element<1>(size / E, elements / E, size / E, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), f = e * E - place * filters, r = in_row.of(place);
    const int top = r * sr - above, left = (place - r * wide) * sc - before;
    const V* __restrict__ image = x + i * (height * width * channels) + in_group.of(f) * each;
    few<V, E> sum = {};
    at_once<4>(0, terms, 1, [&](int k) {
      const int t = in_tap.of(k), a = in_kernel.of(t), h = top + a * dr, v = left + (t - a * kc) * dc;
      const bool inside = h >= 0 && h < height && v >= 0 && v < width;
      if (!inside) return term{};
      return term{image[(h * width + v) * channels + k - t * each], *(const few<V, E>*)(w + k * filters + f)};
    }, [&](int, const term& t) {
      #pragma unroll
      for (int u = 0; u < E; ++u) sum.at[u] += t.x * t.w.at[u];
    });
    return sum;
  }, [&](long long i, unsigned int e, const few<V, E>& sum) { ((few<V, E>*)(y + i * size))[e] = sum; });
}

// Poolings, E channels at a time: the largest of each window and its number in the window, -1 where a window is beside the image.
template <int E, class V>
__device__ __forceinline__ void largest_of_windows(const V* __restrict__ x, const long long* __restrict__ g, V* __restrict__ y,
                                                   int* __restrict__ at, long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  const int kc = (int)g[7], taps = (int)g[6] * kc, sr = (int)g[8], sc = (int)g[9], above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels / E), in_row(wide), in_kernel(kc);
  struct seen { few<V, E> v; bool inside; };
  struct largest { few<V, E> v; few<int, E> tap; };
  each_element<1>(size / E, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), r = in_row.of(place), top = r * sr - above, left = (place - r * wide) * sc - before;
    const V* __restrict__ image = x + i * columns + (e * E - place * channels);
    largest best = {};
    #pragma unroll
    for (int u = 0; u < E; ++u) best.tap.at[u] = -1;
    at_once<4>(0, taps, 1, [&](int t) {
      const int a = in_kernel.of(t), h = top + a, w = left + t - a * kc;
      const bool inside = h >= 0 && h < height && w >= 0 && w < width;
      return seen{inside ? *(const few<V, E>*)(image + (h * width + w) * channels) : few<V, E>{}, inside};
    }, [&](int t, const seen& s) {
      #pragma unroll
      for (int u = 0; u < E; ++u) {
        const V v = s.v.at[u], own = best.v.at[u];
        if (!s.inside || (best.tap.at[u] >= 0 && !(v > own) && !(v != v && own == own))) continue;
        best.v.at[u] = v;
        best.tap.at[u] = t;
      }
    });
    return best;
  }, [&](long long i, unsigned int e, const largest& best) {
    ((few<V, E>*)(y + i * size))[e] = best.v;
    ((few<int, E>*)(at + i * size))[e] = best.tap;
  });
}
// Their sums times each place's share; of sums of 64 and of 64 x 64: a window may be a whole image.
template <int E, class V>
__device__ __forceinline__ void sums_of_windows(const V* __restrict__ x, const V* __restrict__ shares, const long long* __restrict__ g,
                                                V* __restrict__ y, long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  const int kc = (int)g[7], taps = (int)g[6] * kc, sr = (int)g[8], sc = (int)g[9], above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels / E), in_row(wide), in_kernel(kc);
  each_element<1>(size / E, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), r = in_row.of(place), top = r * sr - above, left = (place - r * wide) * sc - before;
    const V* __restrict__ image = x + i * columns + (e * E - place * channels);
    few<V, E> sum = {}, block = {}, blocks = {};
    at_once<4>(0, taps, 1, [&](int t) {
      const int a = in_kernel.of(t), h = top + a, w = left + t - a * kc;
      const bool inside = h >= 0 && h < height && w >= 0 && w < width;
      return inside ? *(const few<V, E>*)(image + (h * width + w) * channels) : few<V, E>{};
    }, [&](int t, const few<V, E>& v) {
      add_to(block, v);
      if ((t & 63) == 63) {
        add_to(blocks, block);
        block = {};
        if ((t & 4095) == 4095) {
          add_to(sum, blocks);
          blocks = {};
        }
      }
    });
    add_to(blocks, block);
    add_to(sum, blocks);
    #pragma unroll
    for (int u = 0; u < E; ++u) sum.at[u] *= shares[place];
    return sum;
  }, [&](long long i, unsigned int e, const few<V, E>& sum) { ((few<V, E>*)(y + i * size))[e] = sum; });
}
// Their gradient: part(k, place, q) is what output k, in this place, gives the pixel that is number
// q of its window.
template <int E, class V, class Part>
__device__ __forceinline__ void pooled_back(const long long* __restrict__ g, V* __restrict__ dx, long long elements, long long columns,
                                            Part part) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], tall = (int)g[3], wide = (int)g[4], kr = (int)g[6];
  const int kc = (int)g[7], sr = (int)g[8], sc = (int)g[9], above = (int)g[12], before = (int)g[13], size = height * width * channels;
  const divisor in_place(channels / E), in_row(width), in_stride(sr), in_step(sc);
  each_element<1>(size / E, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), row = in_row.of(place), h = row + above, w = place - row * width + before;
    const int r_end = min(tall, (int)in_stride.of(max(h, 0)) + 1), s_end = min(wide, (int)in_step.of(max(w, 0)) + 1);
    const long long first = i * columns + (e * E - place * channels);
    few<V, E> sum = {};
    #pragma unroll 1
    for (int r = h < kr ? 0 : (int)in_stride.of(h - kr) + 1; r < r_end; ++r) {
      #pragma unroll 1
      for (int s = w < kc ? 0 : (int)in_step.of(w - kc) + 1; s < s_end; ++s) {
        const int place_of_output = r * wide + s, q = (h - r * sr) * kc + w - s * sc;
        #pragma unroll
        for (int u = 0; u < E; ++u) sum.at[u] += part(first + place_of_output * channels + u, place_of_output, q);
      }
    }
    return sum;
  }, [&](long long i, unsigned int e, const few<V, E>& sum) { ((few<V, E>*)(dx + i * size))[e] = sum; });
}
