// Between cuda_host_shim.h and cuda_host_watch.cpp, which watches what threads do to memory when all is compiled with -DSHIM_WATCH.
#pragma once
#include <cstddef>

// Which thread. slot: which of the blocks that are alive; waits, exchanges: barriers and shuffles met so far; stack: a fiber's
struct shim_who { int block, thread, slot; unsigned block_waits, warp_waits, exchanges; char* stack; };

#ifdef SHIM_WATCH
struct shim_span { const char *first, *end; };
struct shim_eye_t {
  bool on;                    // a thread is running
  const shim_who* me;         // this one
  shim_span shared, dynamic;  // shared memory
  shim_span own[3];           // the shim's memory
  char* error;                // of SHIM_ERROR bytes
};
extern "C" {
extern shim_eye_t shim_eye;
void shim_forget();           // nothing before is beside what follows: a launch begins, or all threads of a grid have met
void shim_see_atomic(const void* p, size_t size);
}
#define SHIM_UNSEEN __attribute__((no_sanitize("thread", "alignment")))
#else
#define SHIM_UNSEEN
#endif
static const size_t SHIM_STACK = 64 << 10, SHIM_ERROR = 256;
