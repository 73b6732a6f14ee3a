#include "fft.h"

#include <math.h>
#include <string.h>

#define N HG_ALIGN_SAMPLES_PER_CYCLE
#define HALF (N / 2)

#ifdef HG_CMSIS_DSP

hg_status_t hg_fft_init(hg_fft_t *fft)
{
  return arm_rfft_fast_init_128_f32(&fft->plan) == ARM_MATH_SUCCESS ? HG_OK : HG_ERROR_ARGUMENT;
}

void hg_fft_real(const hg_fft_t *fft, float in[N], float out[N]) { arm_rfft_fast_f32(&fft->plan, in, out, 0); }

#else

hg_status_t hg_fft_init(hg_fft_t *fft)
{
  for (size_t k = 0; k < HALF; k++) {
    const double angle = 2.0 * 3.14159265358979323846 * (double)k / N;
    fft->cosine[k] = (float)cos(angle);
    fft->sine[k] = (float)sin(angle);
  }
  return HG_OK;
}

/* Pairs of samples as HALF complex numbers z, transformed in place by decimation in time. */
static void transform(const hg_fft_t *fft, float z[N])
{
  for (size_t k = 0, turned = 0; k < HALF; k++) { /* into bit-reversed order */
    if (k < turned) {
      const float real = z[2 * k], imaginary = z[2 * k + 1];
      z[2 * k] = z[2 * turned];
      z[2 * k + 1] = z[2 * turned + 1];
      z[2 * turned] = real;
      z[2 * turned + 1] = imaginary;
    }
    size_t bit = HALF / 2;
    for (; bit > 0 && (turned & bit) != 0; bit /= 2) {
      turned ^= bit;
    }
    turned |= bit;
  }
  for (size_t size = 2; size <= HALF; size *= 2) {
    for (size_t k = 0; k < size / 2; k++) {
      const float c = fft->cosine[k * (N / size)], s = fft->sine[k * (N / size)];
      for (size_t at = k; at < HALF; at += size) {
        float *a = z + 2 * at, *b = a + size;
        const float real = b[0] * c + b[1] * s, imaginary = b[1] * c - b[0] * s;
        b[0] = a[0] - real;
        b[1] = a[1] - imaginary;
        a[0] += real;
        a[1] += imaginary;
      }
    }
  }
}

void hg_fft_real(const hg_fft_t *fft, float in[N], float out[N])
{
  transform(fft, in);
  out[0] = in[0] + in[1];
  out[1] = in[0] - in[1];
  for (size_t k = 1; k < HALF; k++) { /* part even from odd samples */
    const float *a = in + 2 * k, *b = in + 2 * (HALF - k);
    const float even_real = 0.5F * (a[0] + b[0]), even_imaginary = 0.5F * (a[1] - b[1]);
    const float odd_real = 0.5F * (a[1] + b[1]), odd_imaginary = 0.5F * (b[0] - a[0]);
    const float c = fft->cosine[k], s = fft->sine[k];
    out[2 * k] = even_real + odd_real * c + odd_imaginary * s;
    out[2 * k + 1] = even_imaginary + odd_imaginary * c - odd_real * s;
  }
}

#endif
