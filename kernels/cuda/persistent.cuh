// What a kernel that holds a whole step adds to the prelude; see persistent.py. All of this is inside a struct, whose members blockIdx_,
// threadIdx_, blockDim_ and gridDim_ stand for CUDA's variables in the texts of the prelude and of the kernels.
struct place { unsigned int x, y, z; };
place blockIdx_, threadIdx_, blockDim_, gridDim_;
unsigned char* arena_;  // shared memory, which the kernels use one after another

// The same number, but the compiler cannot know it: what follows from it is reckoned anew in every phase, and not kept in registers for all.
__device__ __forceinline__ unsigned int fresh(unsigned int v) {
#ifndef GPUNN_HOST_SHIM
  asm volatile("" : "+r"(v));
#endif
  return v;
}

// From here on this thread belongs to block `block` of `grid` blocks, in a row; the block has X x Y threads.
template <int X, int Y> __device__ __forceinline__ void be(unsigned int block, unsigned int grid, unsigned int thread) {
  thread = fresh(thread);
  blockIdx_ = {fresh(block), 0, 0};
  gridDim_ = {grid, 1, 1};
  blockDim_ = {X, Y, 1};
  threadIdx_ = {thread % X, thread / X, 0};
}

// All threads of all blocks meet. The counter's highest bit turns when the last block has come: so it need never be set back, and may
// start anywhere. The fences make what was written before visible to all that go on, and empty this multiprocessor's own cache.
__device__ __forceinline__ void meet(unsigned int* __restrict__ arrived) {
#ifdef GPUNN_HOST_SHIM
  shim_grid_sync();
#else
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const unsigned int before = atomicAdd(arrived, blockIdx.x == 0 ? 0x80000000u - (gridDim.x - 1) : 1u);
    while (((before ^ *(volatile unsigned int*)arrived) & 0x80000000u) == 0) {}
    __threadfence();
  }
  __syncthreads();
#endif
}
