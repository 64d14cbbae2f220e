// What the bodies of kernels use of CUDA C++, for a C++ compiler: they run on the CPU, one thread
// after the other. There is no shared memory, no __syncthreads and no atomicAdd: a kernel that
// needs them does not compile here.
#pragma once

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __restrict__ __restrict

typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __SIZE_TYPE__ size_t;

// CuPy compiles with -ftz=true: floats below the least normal one, 1.2e-38, become 0. From the first
// call to the second, this processor does the same if it can, but with doubles as well.
#ifdef __SSE2__
inline unsigned flush_to_zero(bool flush) {
  const unsigned before = __builtin_ia32_stmxcsr();
  if (flush) __builtin_ia32_ldmxcsr(before | 0x8040);  // results, and operands
  return before;
}
inline void flush_as_before(unsigned before) { __builtin_ia32_ldmxcsr(before); }
#else
inline unsigned flush_to_zero(bool) { return 0; }
inline void flush_as_before(unsigned) {}
#endif

// ---------------------------------------------------------------------------- mathematical functions
// CUDA overloads each for float and double: a float stays a float.

#define FUNCTION_1(name)                                            \
  inline float name(float x) { return __builtin_##name##f(x); }     \
  inline float name##f(float x) { return __builtin_##name##f(x); }  \
  inline double name(double x) { return __builtin_##name(x); }
#define FUNCTION_2(name)                                                        \
  inline float name(float x, float y) { return __builtin_##name##f(x, y); }     \
  inline float name##f(float x, float y) { return __builtin_##name##f(x, y); }  \
  inline double name(double x, double y) { return __builtin_##name(x, y); }
#define TEST_1(name)                                             \
  inline bool name(float x) { return __builtin_##name(x); }      \
  inline bool name(double x) { return __builtin_##name(x); }
#define CHOICE(name, comparison)                                                \
  template <class N>                                                            \
  inline N name(N a, N b) { return b comparison a ? b : a; }                    \
  inline float name(float a, float b) { return __builtin_f##name##f(a, b); }    \
  inline double name(double a, double b) { return __builtin_f##name(a, b); }

FUNCTION_1(acos) FUNCTION_1(asin) FUNCTION_1(atan) FUNCTION_1(cbrt) FUNCTION_1(ceil)
FUNCTION_1(cos) FUNCTION_1(cosh) FUNCTION_1(erf) FUNCTION_1(erfc) FUNCTION_1(exp) FUNCTION_1(exp2)
FUNCTION_1(expm1) FUNCTION_1(fabs) FUNCTION_1(floor) FUNCTION_1(log) FUNCTION_1(log10)
FUNCTION_1(log1p) FUNCTION_1(log2) FUNCTION_1(rint) FUNCTION_1(round) FUNCTION_1(sin)
FUNCTION_1(sinh) FUNCTION_1(sqrt) FUNCTION_1(tan) FUNCTION_1(tanh) FUNCTION_1(trunc)
FUNCTION_2(atan2) FUNCTION_2(copysign) FUNCTION_2(fmax) FUNCTION_2(fmin) FUNCTION_2(fmod)
FUNCTION_2(hypot) FUNCTION_2(pow)
TEST_1(isfinite) TEST_1(isinf) TEST_1(isnan) TEST_1(signbit)
CHOICE(max, >) CHOICE(min, <)

inline float abs(float x) { return __builtin_fabsf(x); }
inline double abs(double x) { return __builtin_fabs(x); }
inline int abs(int x) { return x < 0 ? -x : x; }
inline long long abs(long long x) { return x < 0 ? -x : x; }
inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline float rsqrt(float x) { return 1 / sqrt(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float cospi(float x) { return float(__builtin_cos(3.14159265358979323846 * double(x))); }
inline float sinpi(float x) { return float(__builtin_sin(3.14159265358979323846 * double(x))); }
inline double cospi(double x) { return __builtin_cos(3.14159265358979323846 * x); }
inline double sinpi(double x) { return __builtin_sin(3.14159265358979323846 * x); }

inline unsigned int __umulhi(unsigned int a, unsigned int b) {
  return (unsigned int)(((unsigned long long)a * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

// ------------------------------------------------------------------------------------------- arrays

static bool index_out_of_range = false;  // a kernel read or wrote outside one of its raw arrays

// A raw array, as CuPy's class of this name: x[k] in C order, x.size(), x.shape()[axis].
template <class N>
class CArray {
  N* data_;
  ptrdiff_t size_;
  const ptrdiff_t* shape_;

  N& at(ptrdiff_t k) const {
    static N nowhere;
    if (k >= 0 && k < size_) return data_[k];
    index_out_of_range = true;
    return nowhere = N();
  }

 public:
  CArray(void* data, const ptrdiff_t* shape, ptrdiff_t size)
      : data_((N*)data), size_(size), shape_(shape) {}
  N& operator[](ptrdiff_t k) { return at(k); }
  const N& operator[](ptrdiff_t k) const { return at(k); }
  ptrdiff_t size() const { return size_; }
  const ptrdiff_t* shape() const { return shape_; }
};

// How many elements a kernel runs for.
struct CIndexer {
  ptrdiff_t size_;
  ptrdiff_t size() const { return size_; }
};
