// Pooling, zeros around images, a matrix along an axis; see pool.py. A thread an element of what is written, whatever the grid. `g` is the
// geometry in the order of windows.Windows. `elements` are those of the first operand: images are counted by them, places within
// one in 32 bits.

KERNEL(max_pool)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, int* __restrict__ at, long long elements,
                 long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  EACH_ELEMENT(i, e, size, elements, columns) {
    const int place = e / channels, r = place / wide, kr = (int)g[6], kc = (int)g[7];
    const int top = r * (int)g[8] - (int)g[12], left = (place - r * wide) * (int)g[9] - (int)g[13];
    const T* __restrict__ image = x + i * columns + (e - place * channels);
    T best = T(0);
    int which = -1;
    for (int a = 0; a < kr; ++a) {
      if (top + a < 0 || top + a >= height) continue;
      for (int b = 0; b < kc; ++b) {
        if (left + b < 0 || left + b >= width) continue;
        const T v = image[((top + a) * width + left + b) * channels];
        if (which < 0 || v > best || (v != v && best == best)) {
          best = v;
          which = a * kc + b;
        }
      }
    }
    y[i * (long long)size + e] = best;
    at[i * (long long)size + e] = which;
  }
}

// PART is what output k, in window (r, s), gives the pixel: of dy and of OPERAND
KERNEL(pool_bwd)(const T* __restrict__ dy, const OPERAND, const long long* __restrict__ g, T* __restrict__ dx, long long elements,
                 long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], tall = (int)g[3], wide = (int)g[4], kr = (int)g[6];
  const int kc = (int)g[7], sr = (int)g[8], sc = (int)g[9], size = height * width * channels;
  EACH_ELEMENT(i, e, size, elements, columns) {
    const int place = e / channels, row = place / width, h = row + (int)g[12], w = place - row * width + (int)g[13];
    const long long first = i * columns + (e - place * channels);
    T sum = T(0);
    #pragma unroll 1
    for (int r = h < kr ? 0 : (h - kr) / sr + 1; r < tall && r * sr <= h; ++r) {
      #pragma unroll 1
      for (int s = w < kc ? 0 : (w - kc) / sc + 1; s < wide && s * sc <= w; ++s) {
        const long long k = first + (r * wide + s) * channels;
        sum += PART;
      }
    }
    dx[i * (long long)size + e] = sum;
  }
}

// a thread a channel of an image
KERNEL(global_max_bwd)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, long long places, T* __restrict__ dx,
                       long long elements, long long columns) {
  EACH_ELEMENT(i, c, columns, elements, columns) {
    const long long first = i * places * columns + c;
    const T top = y[i * columns + c];
    int count = 0;
    for (long long p = 0; p < places; ++p) count += x[first + p * columns] == top;
    const T share = dy[i * columns + c] / (T)max(count, 1);
    for (long long p = 0; p < places; ++p) dx[first + p * columns] = x[first + p * columns] == top ? share : T(0);
  }
}

KERNEL(average_pool)(const T* __restrict__ x, const T* __restrict__ shares, const long long* __restrict__ g, T* __restrict__ y,
                     long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  EACH_ELEMENT(i, e, size, elements, columns) {
    const int place = e / channels, r = place / wide, kr = (int)g[6], kc = (int)g[7];
    const int top = r * (int)g[8] - (int)g[12], left = (place - r * wide) * (int)g[9] - (int)g[13];
    const T* __restrict__ image = x + i * columns + (e - place * channels);
    T sum = T(0), block = T(0), blocks = T(0);  // sums of 64 and of 64 x 64: a window may be a whole image
    int terms = 0;
    #pragma unroll 1
    for (int a = top < 0 ? 0 : top; a < top + kr && a < height; ++a) {
      #pragma unroll 1
      for (int b = left < 0 ? 0 : left; b < left + kc && b < width; ++b) {
        block += image[(a * width + b) * channels];
        if ((++terms & 63) == 0) {
          blocks += block;
          block = T(0);
          if ((terms & 4095) == 0) {
            sum += blocks;
            blocks = T(0);
          }
        }
      }
    }
    y[i * (long long)size + e] = (sum + (blocks + block)) * shares[place];
  }
}

KERNEL(pad)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, long long elements, long long columns) {
  const int height = (int)g[0], width = (int)g[1], channels = (int)g[2], wide = (int)g[4], size = (int)g[3] * wide * channels;
  EACH_ELEMENT(i, e, size, elements, columns) {
    const int place = e / channels, r = place / wide, h = r - (int)g[12], w = place - r * wide - (int)g[13];
    const bool inside = h >= 0 && h < height && w >= 0 && w < width;
    y[i * (long long)size + e] = inside ? x[i * columns + (h * width + w) * channels + e - place * channels] : T(0);
  }
}

KERNEL(axis_mix)(const T* __restrict__ x, const T* __restrict__ m, long long made, long long taken, long long inner, T* __restrict__ y,
                 long long elements, long long columns) {
  const int depth = (int)taken, deep = (int)inner, size = (int)made * deep;
  EACH_ELEMENT(o, e, size, elements, taken * inner) {
    const int k = e / deep;
    const T* __restrict__ from = x + o * taken * inner + (e - k * deep);
    T sum = T(0);
    for (int n = 0; n < depth; ++n) sum += m[k * depth + n] * from[n * deep];
    y[o * (long long)size + e] = sum;
  }
}
