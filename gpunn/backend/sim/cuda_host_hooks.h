// What the compiler calls before every access (-fsanitize=thread): all end in the `see` of the file that includes this, which is told the
// place in the text, too.
#pragma once
#define SHIM_HERE __builtin_return_address(0)
extern "C" {
void shim_see_atomic(const void* p, size_t size) { see(p, size, true, SHIM_HERE, true); }
#define SHIM_SEES(n) \
  void __tsan_read##n(void* p) { see(p, n, false, SHIM_HERE); } \
  void __tsan_write##n(void* p) { see(p, n, true, SHIM_HERE); } \
  void __tsan_unaligned_read##n(void* p) { see(p, n, false, SHIM_HERE); } \
  void __tsan_unaligned_write##n(void* p) { see(p, n, true, SHIM_HERE); } \
  void __tsan_volatile_read##n(void* p) { see(p, n, false, SHIM_HERE); } \
  void __tsan_volatile_write##n(void* p) { see(p, n, true, SHIM_HERE); }
SHIM_SEES(1) SHIM_SEES(2) SHIM_SEES(4) SHIM_SEES(8) SHIM_SEES(16)
void __tsan_read_range(void* p, size_t n) { see(p, n, false, SHIM_HERE); }
void __tsan_write_range(void* p, size_t n) { see(p, n, true, SHIM_HERE); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
}
