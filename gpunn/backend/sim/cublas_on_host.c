/* The cuBLAS entry points that gpunn calls, by plain loops on host memory: the argument order, the swap from row-major and the accumulation
   are tested without a GPU. Sums are in double; column-major, as cuBLAS's. */
#include <stddef.h>
#include <stdint.h>

static char handle;

int cublasCreate_v2(void** h) { *h = &handle; return 0; }
int cublasSetStream_v2(void* h, void* stream) { return h == &handle ? 0 : 1; }
int cublasSetWorkspace_v2(void* h, void* workspace, size_t bytes) { return h == &handle && workspace ? 0 : 1; }

#define PRODUCT(T) \
  for (int j = 0; j < n; ++j) for (int i = 0; i < m; ++i) { \
    double sum = 0; \
    for (int p = 0; p < k; ++p) sum += (double)((const T*)a)[ta ? p + (int64_t)i * lda : i + (int64_t)p * lda] \
                                     * (double)((const T*)b)[tb ? j + (int64_t)p * ldb : p + (int64_t)j * ldb]; \
    T* out = (T*)c + i + (int64_t)j * ldc; \
    *out = (T)(*(const T*)alpha * sum) + (*(const T*)beta != 0 ? *(const T*)beta * *out : 0); \
  }

int cublasGemmEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int at, int lda, const void* b, int bt, int ldb,
                 const void* beta, void* c, int ct, int ldc, int compute, int algorithm) {
  if (h != &handle || at != bt || at != ct || algorithm != -1) return 7;
  if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;
  if (at == 0 && (compute == 68 || compute == 77)) { PRODUCT(float) }
  else if (at == 1 && compute == 70) { PRODUCT(double) }
  else return 15;
  return 0;
}

/* the same for `count` products, each operand so many elements behind that of the product before */
int cublasGemmStridedBatchedEx(void* h, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int at, int lda, long long as,
                               const void* b, int bt, int ldb, long long bs, const void* beta, void* c, int ct, int ldc, long long cs,
                               int count, int compute, int algorithm) {
  const int64_t size = at == 0 ? 4 : 8;
  for (int r = 0; r < count; ++r) {
    const char *ar = (const char*)a + r * as * size, *br = (const char*)b + r * bs * size;
    int status = cublasGemmEx(h, ta, tb, m, n, k, alpha, ar, at, lda, br, bt, ldb, beta, (char*)c + r * cs * size, ct, ldc, compute, algorithm);
    if (status) return status;
  }
  return 0;
}
#include "cublaslt_on_host.h"
