// What a kernel asks of the caches and of memory, counted: linked in the place of gpunn's cuda_host_watch.cpp by traffic.py.
//
// The lanes of a warp that are at the same place of the text, for the same time, are one instruction; it moves every sector of 32 bytes
// that it touches once. Of shared memory the lanes that are served together (32, 16 or 8 of them, of 4, 8 or 16 bytes each) take as many turns
// as the fullest of its 32 banks has words.
#include "cuda_host_watch.h"
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

shim_eye_t shim_eye;
typedef unsigned long long word;
static const word SECTOR = 32;

struct instruction {
  word place, turn;
  int warp;
  bool operator==(const instruction& o) const { return place == o.place && turn == o.turn && warp == o.warp; }
};
struct hash {
  size_t operator()(const instruction& i) const { return i.place * 0x9E3779B97F4A7C15ull ^ (i.turn * 1024 + i.warp) * 0xC2B2AE3D27D4EB4Full; }
};
struct way {  // of reads, or of writes
  word asked = 0, warps = 0;                         // bytes; sectors that warps moved
  std::unordered_map<instruction, std::vector<word>, hash> open;  // of the block that runs
  std::vector<std::unordered_set<word>> near;        // sectors that each multiprocessor touched
  std::unordered_set<word> all;
};
static way ways[2];
struct part { word first, size; int lane; };         // of shared memory
static std::unordered_map<instruction, std::vector<part>, hash> parts;
static word taken, least;                            // turns at shared memory; as few as its words take
static std::unordered_map<word, word> turns;         // how often a thread was at a place
static int running = -1;
static std::vector<shim_span> arrays;
static int multiprocessors = 1;

static void take_turns(const std::vector<part>& of) {
  const int lanes = of[0].size > 8 ? 8 : of[0].size > 4 ? 16 : 32;
  for (int first = 0; first < 32; first += lanes) {
    std::unordered_set<word> banks[32];
    for (const part& p : of) {
      if (p.lane < first || p.lane >= first + lanes) continue;
      for (word w = p.first / 4; w <= (p.first + p.size - 1) / 4; ++w) banks[w % 32].insert(w);
    }
    word words = 0, most = 0;
    for (const auto& bank : banks) {
      words += bank.size();
      most = std::max(most, (word)bank.size());
    }
    taken += most;
    least += (words + 31) / 32;
  }
}
static void close_block() {
  for (way& w : ways) {
    for (auto& entry : w.open) {
      std::vector<word>& s = entry.second;
      std::sort(s.begin(), s.end());
      w.warps += std::unique(s.begin(), s.end()) - s.begin();
    }
    w.open.clear();
  }
  for (const auto& entry : parts) take_turns(entry.second);
  parts.clear();
  turns.clear();
}
static void see(const void* p, size_t size, bool write, const void* from, bool = false) {
  if (!shim_eye.on) return;
  const char* at = (const char*)p;
  const bool shared = (at >= shim_eye.shared.first && at < shim_eye.shared.end) || (at >= shim_eye.dynamic.first && at < shim_eye.dynamic.end);
  bool counted = shared;
  for (const shim_span& s : arrays) counted |= p >= s.first && p < s.end;
  if (!counted) return;
  const shim_who& me = *shim_eye.me;
  if (me.block != running) { close_block(); running = me.block; }
  way& w = ways[write];
  const word turn = turns[(word)from * 1024 + me.thread]++;
  const instruction own{(word)from, turn, me.thread / 32};
  if (shared) { parts[own].push_back({(word)p, size, me.thread % 32}); return; }
  std::vector<word>& sectors = w.open[own];
  w.asked += size;
  for (word s = (word)p / SECTOR; s <= ((word)p + size - 1) / SECTOR; ++s) {
    sectors.push_back(s);
    w.near[me.block % multiprocessors].insert(s);
    w.all.insert(s);
  }
}

extern "C" {
void shim_forget() {}
void shim_watch_arrays(int count, char** first, const size_t* bytes, const int*, size_t) {
  arrays.clear();
  for (int i = 0; i < count; ++i) arrays.push_back({first[i], first[i] + bytes[i]});
  for (way& w : ways) { w = way(); w.near.resize(multiprocessors); }
  running = -1;
  taken = least = 0;
}
void traffic_of(int count) { multiprocessors = count; }
// for reads, then for writes: bytes asked for, bytes of sectors that warps moved, that multiprocessors touched, that were touched at all; then
// turns at shared memory, and the fewest there can be
void traffic(word* out) {
  close_block();
  for (const way& w : ways) {
    word near = 0;
    for (const auto& sectors : w.near) near += sectors.size();
    for (word n : {w.asked, w.warps * SECTOR, near * SECTOR, (word)w.all.size() * SECTOR}) *out++ = n;
  }
  *out++ = taken;
  *out++ = least;
}
void __ubsan_handle_type_mismatch_v1(void*, size_t) {}
}
#include "cuda_host_hooks.h"
