// Pooling, zeros around images, a matrix along an axis; see pool.py. A thread an element of what is written, whatever the grid. `g` is the
// geometry in the order of windows.Windows. `elements` are those of the first operand: images are counted by them, places within
// one in 32 bits.

KERNEL(max_pool)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, int* __restrict__ at, long long elements,
                 long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  const int kc = (int)g[7], taps = (int)g[6] * kc, sr = (int)g[8], sc = (int)g[9], above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels), in_row(wide), in_kernel(kc);
  struct seen { T v; bool inside; };
  struct largest { T v; int tap; };
  each_element<1>(size, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), r = in_row.of(place), top = r * sr - above, left = (place - r * wide) * sc - before;
    const T* __restrict__ image = x + i * columns + (e - place * channels);
    largest best = {T(0), -1};
    at_once<4>(0, taps, 1, [&](int t) {
      const int a = in_kernel.of(t), h = top + a, w = left + t - a * kc;
      const bool inside = h >= 0 && h < height && w >= 0 && w < width;
      return seen{inside ? image[(h * width + w) * channels] : T(0), inside};
    }, [&](int t, seen s) {
      if (s.inside && (best.tap < 0 || s.v > best.v || (s.v != s.v && best.v == best.v))) best = {s.v, t};
    });
    return best;
  }, [&](long long i, unsigned int e, largest best) {
    y[i * size + e] = best.v;
    at[i * size + e] = best.tap;
  });
}

// PART is what output k, in a place, gives the pixel that is number q of its window: of dy and of OPERAND
KERNEL(pool_bwd)(const T* __restrict__ dy, const OPERAND, const long long* __restrict__ g, T* __restrict__ dx, long long elements,
                 long long columns) {
  const auto part = [&](long long k, int place, int q) { return PART; };
  if (by_quads(g[2], dx, dx)) pooled_back<4>(g, dx, elements, columns, part);
  else pooled_back<1>(g, dx, elements, columns, part);
}

// a thread a channel of an image
KERNEL(global_max_bwd)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, long long places, T* __restrict__ dx,
                       long long elements, long long columns) {
  each_element<1>(columns, elements, columns, [&](long long i, unsigned int c) {
    return two<T>{y[i * columns + c], dy[i * columns + c]};
  }, [&](long long i, unsigned int c, two<T> v) {
    const long long first = i * places * columns + c;
    int count = 0;
    at_once<4>(0, places, 1, [&](long long p) { return x[first + p * columns]; }, [&](long long, T own) { count += own == v.a; });
    const T share = v.b / (T)max(count, 1);
    at_once<4>(0, places, 1, [&](long long p) { return x[first + p * columns]; }, [&](long long p, T own) {
      dx[first + p * columns] = own == v.a ? share : T(0);
    });
  });
}

KERNEL(average_pool)(const T* __restrict__ x, const T* __restrict__ shares, const long long* __restrict__ g, T* __restrict__ y,
                     long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  const int kc = (int)g[7], taps = (int)g[6] * kc, sr = (int)g[8], sc = (int)g[9], above = (int)g[12], before = (int)g[13];
  const divisor in_place(channels), in_row(wide), in_kernel(kc);
  each_element<1>(size, elements, columns, [&](long long i, unsigned int e) {
    const int place = in_place.of(e), r = in_row.of(place), top = r * sr - above, left = (place - r * wide) * sc - before;
    const T* __restrict__ image = x + i * columns + (e - place * channels);
    T sum = T(0), block = T(0), blocks = T(0);  // sums of 64 and of 64 x 64: a window may be a whole image
    at_once<4>(0, taps, 1, [&](int t) {
      const int a = in_kernel.of(t), h = top + a, w = left + t - a * kc;
      return h >= 0 && h < height && w >= 0 && w < width ? image[(h * width + w) * channels] : T(0);
    }, [&](int t, T v) {
      block += v;
      if ((t & 63) == 63) {
        blocks += block;
        block = T(0);
        if ((t & 4095) == 4095) {
          sum += blocks;
          blocks = T(0);
        }
      }
    });
    return (sum + (blocks + block)) * shares[place];
  }, [&](long long i, unsigned int e, T v) { y[i * size + e] = v; });
}

KERNEL(pad)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, long long elements, long long columns) {
  const int channels = (int)g[2];
  if (by_quads(channels, x, y)) put_inside((const quad<T>*)x, g, (quad<T>*)y, channels / 4, elements / 4, columns / 4);
  else put_inside(x, g, y, channels, elements, columns);
}

KERNEL(axis_mix)(const T* __restrict__ x, const T* __restrict__ m, long long made, long long taken, long long inner, T* __restrict__ y,
                 long long elements, long long columns) {
  const int depth = (int)taken, deep = (int)inner, size = (int)made * deep;
  const divisor in_line(deep);
  each_element<1>(size, elements, taken * inner, [&](long long o, unsigned int e) {
    const int k = in_line.of(e);
    const T* __restrict__ from = x + o * taken * inner + (e - k * deep);
    T sum = T(0);
    at_once<4>(0, depth, 1, [&](int n) { return two<T>{m[k * depth + n], from[n * deep]}; }, [&](int, two<T> v) { sum += v.a * v.b; });
    return sum;
  }, [&](long long o, unsigned int e, T v) { y[o * size + e] = v; });
}
